package policy

import (
	"slices"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Asked holds a query to the types that a principal may search. A token that may read a type and
// not search it learns nothing by a chain, a _has or a hierarchy through it, which are false then,
// nor by what refers to a match. What a match refers to may be included: that is a read.
func Asked(p trust.Principal, q search.Query) search.Query {
	if len(p.Scopes) == 0 { // roles search what they read
		return q
	}
	q.Where = asked(p, q.Where)
	var kept []search.Include
	for _, inc := range q.RevInclude {
		if inc.Source != "" && May(p, Search, inc.Source) != nil {
			continue
		}
		if inc.Source == "" && slices.ContainsFunc(Types(), func(t string) bool { return May(p, Read, t) == nil && May(p, Search, t) != nil }) {
			continue // it would bring all types
		}
		kept = append(kept, inc)
	}
	q.RevInclude = kept
	return q
}

func asked(p trust.Principal, x search.Expr) search.Expr {
	all := func(list []search.Expr) []search.Expr {
		out := make([]search.Expr, len(list))
		for i, part := range list {
			out[i] = asked(p, part)
		}
		return out
	}
	switch x := x.(type) {
	case search.And:
		return search.And(all(x))
	case search.Or:
		return search.Or(all(x))
	case search.Not:
		return search.Not{X: asked(p, x.X)}
	case search.Chain:
		if May(p, Search, x.Target) != nil {
			return search.None{}
		}
		x.X = asked(p, x.X)
		return x
	case search.Has:
		if May(p, Search, x.Source) != nil {
			return search.None{}
		}
		x.X = asked(p, x.X)
		return x
	case search.Lineage:
		if May(p, Search, x.Type) != nil {
			return search.None{}
		}
	}
	return x
}
