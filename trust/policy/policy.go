// Package policy decides who may do what: it is a set of pure functions of a principal and
// a resource, and knows no store and no request.
//
// Visible gives the predicate that the store joins wherever a type is touched. Decide
// judges one interaction on one resource, before and after a write. Both deny by default:
// a role or type that the tables do not name may not be touched.
package policy
