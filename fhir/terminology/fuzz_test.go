package terminology

import (
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// FuzzSet: whatever a value set looks like, nothing breaks, every error is a fault, and the
// two ways to ask agree: what an expansion has is valid, what it has not is not.
func FuzzSet(f *testing.F) {
	for _, compose := range []string{
		`{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"mammal"}]}]}`,
		`{"include":[{"system":"urn:animals","valueSet":["urn:pets"]},{"system":"http://snomed.info/sct","concept":[{"code":"1"}]}],"exclude":[{"valueSet":["urn:pets"],"system":"urn:animals","concept":[{"code":"dog"}]}]}`,
		`{"inactive":false,"include":[{"system":"urn:animals"},{"valueSet":["http://hl7.org/fhir/ValueSet/administrative-gender","urn:s"]}]}`,
		`{"include":{"system":["urn:animals"],"filter":{"property":1,"op":"regex","value":"("}},"exclude":7}`,
		`{"include":[{"system":"urn:animals","filter":[{"property":"legs","op":"not-in","value":"4,0"},{"property":"code","op":"regex","value":"[a-m].*"}]}]}`,
	} {
		f.Add(compose)
	}
	find := shelf(f, animals, set("urn:pets", `{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"pet"}]}]}`))
	all, err := FindSystem("urn:animals", find)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, compose string) {
		s, err := fhir.Parse([]byte(set("urn:s", compose)))
		if err != nil {
			return
		}
		x, err := Options{}.ExpandSet(s, find)
		if err != nil {
			if fault.CodeOf(err) == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		in := map[key]bool{}
		for _, e := range x.Entries {
			in[e.key()] = true
			if len(x.Entries) > 100 {
				continue
			}
			if a, err := (Options{}).ValidateInSet(s, find, Coding{System: e.System, Code: e.Code}); (err != nil || !a.Valid) && e.System != "" {
				t.Errorf("%s|%s is in the expansion and not valid: %v %s", e.System, e.Code, err, a.Message)
			}
		}
		for _, c := range all.Codes {
			a, err := Options{}.ValidateInSet(s, find, Coding{System: "urn:animals", Code: c.Code})
			if err != nil || a.Valid != in[key{"urn:animals", c.Code}] {
				t.Errorf("%s is valid: %v; in the expansion: %v; %v", c.Code, a.Valid, !a.Valid, err)
			}
		}
	})
}
