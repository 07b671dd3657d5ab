package validate

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// Value sets that cannot be expanded still tell about one code by its grammar.
func TestMembersOfSetsThatDoNotExpand(t *testing.T) {
	member := Terminology(func(string, string) (*fhir.Node, error) { return nil, nil })
	for _, c := range []struct {
		set, system, code string
		in, known         bool
	}{
		{"http://hl7.org/fhir/ValueSet/all-languages", "urn:ietf:bcp:47", "de-CH", true, true},
		{"http://hl7.org/fhir/ValueSet/all-languages", "urn:ietf:bcp:47", "not a language", false, true},
		{"http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "mg/dL", true, true},
		{"http://hl7.org/fhir/ValueSet/ucum-units", "http://unitsofmeasure.org", "mg/dl/", false, true},
		{"http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender", "male", true, true},
		{"http://hl7.org/fhir/ValueSet/clinical-findings", "http://snomed.info/sct", "22298006", false, false},
		{"urn:nobody", "urn:x", "y", false, false},
	} {
		if in, known := member(c.set, c.system, c.code); in != c.in || known != c.known {
			t.Errorf("%s of %s: in %v, known %v", c.code, c.set, in, known)
		}
	}
}
