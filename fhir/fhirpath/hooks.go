package fhirpath

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Hooks answer what a resource alone does not say. Every one may be nil; what then cannot
// be answered is a fault NotSupported. An error of a hook ends the evaluation with it.
type Hooks struct {
	// MemberOf tells whether a code is in a value set; System is "" for an element of type
	// code. Without it, the value sets that FHIR R4 defines in full are known.
	MemberOf func(c Coded, valueSet string) (bool, error)
	// Subsumes compares two codes of a system: "equivalent", "subsumes", "subsumed-by" or
	// "not-subsumed". Without it, a code only subsumes itself.
	Subsumes func(system, a, b string) (outcome string, err error)
	// ConformsTo validates an element of a FHIR type against a profile. Without it, the
	// types of FHIR itself are known, and tested by name.
	ConformsTo func(n *fhir.Node, typeName, profile string) (bool, error)
	// HTML tells whether the text of a narrative keeps the rules of FHIR.
	HTML func(div string) bool
}

// Coded is a code with its system.
type Coded struct{ System, Code, Display string }

// WithHooks sets the hooks of an evaluation.
func WithHooks(h Hooks) Option { return func(s *state) { s.hooks = &h } }

var noHooks Hooks

func (s *state) hook() *Hooks {
	if s.hooks == nil {
		return &noHooks
	}
	return s.hooks
}

// coded returns the codes of a code, Coding, CodeableConcept, Quantity or string.
func coded(v Value) []Coded {
	if x := v.system(); x.kind == String {
		return []Coded{{Code: x.text}}
	}
	if v.kind != Element || v.node.Kind() != fhir.Object {
		return nil
	}
	if codings := v.node.Get("coding"); codings != nil || v.typ.is("CodeableConcept") {
		var out []Coded
		for c := range codings.Items() {
			out = append(out, codingOf(c))
		}
		return out
	}
	return []Coded{codingOf(v.node)}
}

func codingOf(n *fhir.Node) Coded {
	return Coded{n.Get("system").Text(), n.Get("code").Text(), n.Get("display").Text()}
}

func memberOf(s *state, in, outer []Value, args []eval) ([]Value, error) {
	if len(in) != 1 {
		return nil, nil
	}
	set, ok, err := one(s, args[0], outer, String)
	if err != nil || !ok {
		return nil, err
	}
	ask := s.hook().MemberOf
	if ask == nil {
		ask = definedMember
	}
	for _, c := range coded(in[0]) {
		if err := s.spend(100); err != nil {
			return nil, err
		}
		if in, err := ask(c, set.text); in || err != nil {
			return []Value{boolean(in)}, err
		}
	}
	return yesNo(false)
}

func definedMember(c Coded, valueSet string) (bool, error) {
	in, known := definition.Contains(valueSet, c.System, c.Code)
	if !known {
		return false, lacking("memberOf")
	}
	return in, nil
}

// subsumption makes subsumes() and subsumedBy(): any code of the one with any of the other.
func subsumption(wanted string) func(s *state, in, outer []Value, args []eval) ([]Value, error) {
	return func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		other, err := args[0](s, outer)
		if err != nil || len(in) != 1 || len(other) != 1 {
			return nil, err
		}
		for _, a := range coded(in[0]) {
			for _, b := range coded(other[0]) {
				if a.System != b.System {
					continue
				}
				if err := s.spend(100); err != nil {
					return nil, err
				}
				if a.Code == b.Code {
					return yesNo(true)
				}
				if s.hook().Subsumes == nil {
					return nil, lacking(wanted)
				}
				outcome, err := s.hook().Subsumes(a.System, a.Code, b.Code)
				if err != nil {
					return nil, err
				}
				if outcome == wanted || outcome == "equivalent" {
					return yesNo(true)
				}
			}
		}
		return yesNo(false)
	}
}

func conformsTo(s *state, in, outer []Value, args []eval) ([]Value, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > 1 {
		return nil, refuse("conformsTo() was applied to %d items.", len(in))
	}
	url, ok, err := one(s, args[0], outer, String)
	if err != nil || !ok {
		return nil, err
	}
	if err := s.spend(1000); err != nil {
		return nil, err
	}
	if ask := s.hook().ConformsTo; ask != nil {
		ok, err := ask(in[0].node, in[0].Type(), url.text)
		if err != nil {
			return nil, err
		}
		return yesNo(ok)
	}
	name, core := strings.CutPrefix(url.text, "http://hl7.org/fhir/StructureDefinition/")
	if !core || typeNamed(name) == nil {
		return nil, refuse("the profile of conformsTo() is not known.")
	}
	return yesNo(in[0].kind == Element && in[0].typ.is(name))
}

func htmlChecks(s *state, in, _ []Value, _ []eval) ([]Value, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if s.hook().HTML == nil {
		return nil, lacking("htmlChecks")
	}
	for i := range in {
		v, ok, err := single(in[i:i+1], String)
		if err != nil {
			return nil, err
		}
		if err := s.spendText(len(v.text)); err != nil {
			return nil, err
		}
		if !ok || !s.hook().HTML(v.text) {
			return yesNo(false)
		}
	}
	return yesNo(true)
}
