package policy

import (
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Scope is one SMART App Launch scope of a bearer token, such as "user/*.rs" (version 2),
// "patient/Observation.read" (version 1) or the granular
// "patient/Observation.rs?category=laboratory".
type Scope struct {
	Context string // patient, user or system
	Type    string // a resource type, or "*"
	// Letters are the permissions of version 2: c(reate), r(ead), u(pdate), d(elete),
	// s(earch).
	Letters string
	// Where are the search parameters of a granular scope, and when the condition that they
	// make; nil without.
	Where []search.Param
	when  search.Expr
}

// maxScope is the longest scope in bytes.
const maxScope = 500

// ParseScope reads a scope.
func ParseScope(s string) (Scope, error) {
	if len(s) > maxScope {
		return Scope{}, fault.New(fault.Invalid, "A scope has at most %d characters.", maxScope)
	}
	plain, query, granular := strings.Cut(s, "?")
	context, rest, ok1 := strings.Cut(plain, "/")
	resourceType, letters, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || context != "patient" && context != "user" && context != "system" {
		return Scope{}, fault.New(fault.Invalid, "The scope %q is not of the form user/Observation.rs", s)
	}
	if resourceType != "*" && !known(resourceType) {
		return Scope{}, fault.New(fault.Invalid, "The scope %q names %q, which is no resource type of FHIR R4.", s, resourceType)
	}
	switch letters {
	case "read":
		letters = "rs"
	case "write":
		letters = "cud"
	case "*":
		letters = "cruds"
	}
	if letters == "" || !inOrder(letters, "cruds") {
		return Scope{}, fault.New(fault.Invalid, "The permissions of scope %q are not some of c, r, u, d, s in this order, nor read, write or *.", s)
	}
	out := Scope{Context: context, Type: resourceType, Letters: letters}
	if !granular {
		return out, nil
	}
	return out, out.narrow(s, query)
}

// narrow reads the search parameters of a granular scope. They are held against a resource
// wherever it is touched, so that only what is decided on the resource alone is let in: no
// chains, no words of the narrative, no value sets, and nothing that shapes an answer.
func (s *Scope) narrow(text, query string) error {
	unfit := func(why string) error {
		*s = Scope{}
		return fault.New(fault.Invalid, "The scope %q cannot be used: %s", text, why)
	}
	if s.Type == "*" {
		return unfit("search parameters need a resource type, not *.")
	}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || name == "" || value == "" {
			return unfit("what stands behind ? are not search parameters such as category=laboratory.")
		}
		s.Where = append(s.Where, search.Param{Name: name, Value: value})
	}
	q, err := search.Parse(s.Type, s.Where, search.Strict)
	if err != nil {
		return unfit("its search parameters are not those of " + s.Type + ".")
	}
	for _, p := range s.Where {
		name, _, _ := strings.Cut(p.Name, ":")
		if strings.HasPrefix(name, "_") && !slices.Contains(aloneToo, name) || !alone(q.Where) {
			return unfit("only search parameters that are decided on the resource alone can stand in a scope.")
		}
	}
	s.when = q.Where
	return nil
}

// aloneToo are the parameters of every type that can stand in a scope; the others shape an
// answer, or ask for more than the resource.
var aloneToo = []string{"_id", "_lastUpdated", "_tag", "_security", "_profile", "_source"}

// alone reports whether a condition is decided on one resource's own entries.
func alone(x search.Expr) bool {
	switch x := x.(type) {
	case search.And:
		for _, part := range x {
			if !alone(part) {
				return false
			}
		}
		return len(x) > 0
	case search.Or:
		for _, part := range x {
			if !alone(part) {
				return false
			}
		}
		return len(x) > 0
	case search.Not:
		return alone(x.X)
	case search.Token, search.Reference, search.Text, search.Date, search.Quantity, search.URI, search.Composite, search.Missing, search.ID, search.Updated:
		return true
	}
	return false
}

// inOrder reports whether all letters of s occur in order in all, each once.
func inOrder(s, all string) bool {
	at := 0
	for _, r := range s {
		i := strings.IndexRune(all[at:], r)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return true
}

// scope returns what a principal's scopes open of a type for one of the permissions: All for
// a principal without scopes, None when no scope does. It is joined to what the role may see.
func scope(p trust.Principal, resourceType string, letters ...byte) search.Expr {
	if len(p.Scopes) == 0 {
		return search.All{}
	}
	var any search.Or
	for _, text := range p.Scopes {
		s, err := ParseScope(text)
		if err != nil || s.Type != "*" && s.Type != resourceType || !s.grants(letters) {
			continue
		}
		x := s.reaches(p, resourceType, letters[0] == 'r' || letters[0] == 's')
		if s.when != nil {
			x = both(x, s.when)
		}
		switch x.(type) {
		case search.All:
			return x
		case search.None:
		default:
			any = append(any, x)
		}
	}
	switch len(any) {
	case 0:
		return search.None{}
	case 1:
		return any[0]
	}
	return any
}

func (s Scope) grants(letters []byte) bool {
	for _, l := range letters {
		if strings.IndexByte(s.Letters, l) >= 0 {
			return true
		}
	}
	return false
}

// reaches returns what the context of a scope means for a principal, before its search
// parameters. Of a patient's own token every context is the own record, which the role
// already says. For staff, patient is the patient that the program was started for, with
// the directory that every patient may read; without such a patient it is nothing.
func (s Scope) reaches(p trust.Principal, resourceType string, reads bool) search.Expr {
	switch {
	case s.Context == "system":
		if p.Role != trust.Patient { // a program that acts with rights of the clinic
			return search.All{}
		}
	case s.Context == "user" || p.Role == trust.Patient:
		return search.All{}
	case p.Launch == "":
	case cell(trust.Patient, resourceType) == "r" && reads:
		return search.All{}
	case strings.HasPrefix(cell(trust.Patient, resourceType), "r?"):
		return search.InPatient{p.Launch}
	}
	return search.None{}
}

// both is And without what says nothing.
func both(a, b search.Expr) search.Expr {
	for _, x := range []search.Expr{a, b} {
		if _, none := x.(search.None); none {
			return search.None{}
		}
	}
	if _, all := a.(search.All); all {
		return b
	}
	if _, all := b.(search.All); all {
		return a
	}
	return search.And{a, b}
}

// covered holds a write against the scopes of a token that open a part of a type only: what
// is there and what becomes of it must both lie in that part.
func covered(p trust.Principal, i Interaction, before, after *fhir.Node) error {
	for _, r := range []*fhir.Node{before, after} {
		if r == nil {
			continue
		}
		x := scope(p, r.ResourceType(), letters[i])
		if _, all := x.(search.All); all {
			continue
		}
		entries, err := search.Extract(r)
		if err != nil {
			return err
		}
		subject := search.Subject{Type: r.ResourceType(), ID: r.ID()}
		if homes := search.Patients(r, entries); len(homes) == 1 {
			subject.Patient = homes[0]
		}
		if !search.Match(x, subject, entries) {
			return fault.New(fault.Forbidden, "The scopes of this token do not allow to %s this %s.", i, r.ResourceType())
		}
	}
	return nil
}
