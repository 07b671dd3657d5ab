package fhirpath

import (
	"slices"
	"strings"
)

// typeTest compiles is, as and ofType, in their operator and function forms: FHIRPath N1,
// sections 5.2.4 and 6.3.
func (c *compiler) typeTest(e *expr, verb, name string, input eval) (eval, error) {
	test, known := typeMatcher(name)
	if !known && verb == "is" && strings.HasPrefix(name, "System.") {
		test, known = func(Value) bool { return false }, true // nothing is what does not exist
	}
	if !known {
		return nil, malformed(c.source, e.pos, "the type %s is not known", name)
	}
	if verb == "is" {
		return func(s *state, in []Value) ([]Value, error) {
			in, err := input(s, in)
			if err != nil || len(in) == 0 {
				return nil, err
			}
			if len(in) > 1 {
				return nil, refuse("is was applied to %d items.", len(in))
			}
			return []Value{boolean(test(in[0]))}, nil
		}, nil
	}
	return func(s *state, in []Value) ([]Value, error) {
		in, err := input(s, in)
		if err != nil {
			return nil, err
		}
		if c.strict && verb == "as" && len(in) > 1 {
			return nil, refuse("as was applied to %d items.", len(in))
		}
		// FHIR R4 has search parameters that apply as to several items, so as filters too.
		var out []Value
		for _, v := range in {
			if test(v) && !v.derived(name) {
				out = append(out, v)
			}
		}
		return out, s.spend(len(in))
	}, nil
}

// derived reports a primitive whose type only derives from the named one: a code is a
// string, but as(string) and ofType(string) leave it out.
func (v Value) derived(name string) bool {
	return v.kind == Element && v.typ != nil && v.typ.primitive && v.typ.name != strings.TrimPrefix(name, "FHIR.") && name != "DateTime"
}

// typeMatcher returns the test for a type name such as Quantity, FHIR.string, System.String.
func typeMatcher(name string) (func(Value) bool, bool) {
	space, bare, qualified := strings.Cut(name, ".")
	if !qualified {
		space, bare = "", name
	}
	if space == "" || space == "FHIR" {
		if bare == "DateTime" && space == "" { // so spelled in a search parameter of R4
			return func(v Value) bool { return v.kind == DateTime || v.kind == Element && v.typ.is("dateTime") }, true
		}
		if typeNamed(bare) != nil {
			system := systemKind(bare)
			return func(v Value) bool {
				if v.kind == Element {
					return v.typ.is(bare)
				}
				return space == "" && system != Element && v.kind == system
			}, true
		}
	}
	if space == "" || space == "System" {
		if k := systemKind(bare); k != Element {
			return func(v Value) bool { return v.kind == k }, true
		}
		if bare == "Any" {
			return func(Value) bool { return true }, true
		}
	}
	if slices.Contains(laterTypes, bare) && space != "System" {
		return func(Value) bool { return false }, true
	}
	return nil, false
}

// laterTypes are resource types of later releases that a rule of R4 asks for (dom-r4b).
var laterTypes = []string{"Citation", "EvidenceReport", "MedicinalProductDefinition", "PackagedProductDefinition",
	"AdministrableProductDefinition", "Ingredient", "ClinicalUseDefinition", "RegulatedAuthorization", "SubstanceDefinition",
	"SubscriptionStatus", "SubscriptionTopic"}

func systemKind(name string) Kind {
	for k, n := range systemNames {
		if n == name && n != "" {
			return Kind(k)
		}
	}
	return Element
}
