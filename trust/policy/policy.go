// Package policy decides who may do what: it is a set of pure functions of a principal and
// a resource, and knows no store and no request.
//
//	policy.May(p, policy.Search, "Observation")       // may the role do this to the type at all?
//	expr := policy.Visible(p, "Observation")          // which of them may p see?
//	err := policy.Decide(p, policy.Update, before, after) // may p make this change?
//
// Visible gives the predicate that the store joins wherever a type is touched. Decide
// judges one interaction on one resource, before and after a write. Both deny by default:
// a role or type that the table does not name may not be touched, and a rule that the
// table announces but that does not exist denies.
package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Interaction is what is done to a resource: FHIR's names.
type Interaction string

// The interactions. History, of one resource, and VRead are reads; the history of a type, and of all, is
// a Search, as SMART has it.
const (
	Read    Interaction = "read"
	VRead   Interaction = "vread"
	History Interaction = "history"
	Search  Interaction = "search"
	Create  Interaction = "create"
	Update  Interaction = "update"
	Delete  Interaction = "delete"
)

// letters are the SMART permissions of the interactions.
var letters = map[Interaction]byte{Read: 'r', VRead: 'r', History: 'r', Search: 's', Create: 'c', Update: 'u', Delete: 'd'}

// May tells whether a principal may do an interaction on some resource of a type. The
// refusal depends on the role, the token and the type only, never on what is stored.
func May(p trust.Principal, i Interaction, resourceType string) error {
	letter, ok := letters[i]
	if !ok || !known(resourceType) {
		return fault.New(fault.Forbidden, "Nobody may do this.")
	}
	c := cell(p.Role, resourceType)
	allowed := strings.Contains(c, "r")
	if letter != 'r' && letter != 's' {
		allowed = strings.Contains(c, "w")
	}
	if !allowed {
		return fault.New(fault.Forbidden, "The role %s may not %s %s.", p.Role, i, resourceType)
	}
	if _, none := scope(p, resourceType, letter).(search.None); none {
		return fault.New(fault.Forbidden, "The scopes of this token do not allow to %s %s.", i, resourceType)
	}
	return nil
}

// Visible returns the predicate of the resources of a type that a principal may see; None
// when it may see none.
func Visible(p trust.Principal, resourceType string) search.Expr {
	granted := scope(p, resourceType, 'r', 's')
	if _, none := granted.(search.None); none {
		return search.None{}
	}
	return both(visible(p, resourceType), granted)
}

// visible is what the role may see, whatever the scopes of a token are.
func visible(p trust.Principal, resourceType string) search.Expr {
	c := cell(p.Role, resourceType)
	switch {
	case strings.HasPrefix(c, "r?"):
		return restricted(p, resourceType)
	case strings.HasPrefix(c, "r") && resourceType == "Binary" && p.Role != trust.SystemRole:
		return unfiled(p)
	case strings.HasPrefix(c, "r"):
		return search.All{}
	}
	return search.None{}
}

// Listed returns what of a type a principal may list, beside what it may see: in a search, in the history
// of a type or of all, in a chart as a whole and in an export. It is SMART's "s", without which "r" reads
// what the program names.
func Listed(p trust.Principal, resourceType string) search.Expr { return scope(p, resourceType, 's') }

// Decide judges one write. before is the current version (nil when there is none), after
// the new one (nil for a delete). Whether the principal may see before is not its
// question: the gate has asked Visible.
func Decide(p trust.Principal, i Interaction, before, after *fhir.Node) error {
	resource := after
	if resource == nil {
		resource = before
	}
	resourceType := resource.ResourceType()
	if err := May(p, i, resourceType); err != nil {
		return err
	}
	if err := covered(p, i, before, after); err != nil {
		return err
	}
	for _, rule := range everywhere {
		if reason := rule(p, i, before, after); reason != "" {
			return fault.New(fault.Forbidden, "The role %s may not %s this %s: %s", p.Role, i, resourceType, reason).At(resourceType)
		}
	}
	if i != Create && i != Update && i != Delete || !strings.Contains(cell(p.Role, resourceType), "w?") {
		return nil
	}
	rule := writes[place{p.Role, resourceType}]
	if rule == nil {
		return fault.New(fault.Forbidden, "The role %s may not %s %s.", p.Role, i, resourceType)
	}
	if i == Delete {
		return fault.New(fault.Forbidden, "The role %s may not delete %s.", p.Role, resourceType)
	}
	if reason := rule(p, before, after); reason != "" {
		return fault.New(fault.Forbidden, "The role %s may not %s this %s: %s", p.Role, i, resourceType, reason).At(resourceType)
	}
	return nil
}

// everywhere are the rules that hold for every role, whatever its cell of the table says.
var everywhere = []func(p trust.Principal, i Interaction, before, after *fhir.Node) string{objection, rightsThread, message, fact, settled, ownOrigin}

// Types returns the resource types of FHIR R4 in alphabetical order.
func Types() []string { return slices.Sorted(maps.Keys(rows)) }

// MayAudit tells whether a principal may read the audit log about a patient ("" for all).
// Patients may read about themselves, auditors and administrators about everyone. The token
// of a program needs a scope on AuditEvent that searches.
func MayAudit(p trust.Principal, patient string) error { return mayAudit(p, patient, 's') }

// MayAuditOne is MayAudit for one entry that is asked for by its number: a scope that reads will do.
func MayAuditOne(p trust.Principal, patient string) error { return mayAudit(p, patient, 'r') }

func mayAudit(p trust.Principal, patient string, letter byte) error {
	allowed := p.Role == trust.Auditor || p.Role == trust.Administrator || p.Role == trust.SystemRole
	if p.Role == trust.Patient {
		// Who was seen, and for what, may be what is confidential: not for a parent with limited rights.
		allowed = p.Patient != "" && patient == p.Patient && (p.Proxy == nil || p.Proxy.Level == "full")
	}
	if !allowed || scope(p, "AuditEvent", letter) != (search.All{}) {
		return fault.New(fault.Forbidden, "Only auditors and administrators read the audit log; patients read about their own record.")
	}
	return nil
}

// Hides reports whether something of a type may be kept from a principal, whatever is stored: by its role or token, by
// the relation that opens charts, by a label or by what a patient objects to.
func Hides(p trust.Principal, resourceType string) bool {
	return !SeesAll(p, resourceType) || InCharts(resourceType) && p.Role != trust.SystemRole
}

// SeesAll reports whether a principal may see every resource of a type.
func SeesAll(p trust.Principal, resourceType string) bool {
	_, all := Visible(p, resourceType).(search.All)
	return all
}
