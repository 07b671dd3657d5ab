package medication

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// TestNoneOfAKindSaysNothingOfMedicines: that there is no food allergy does not say that somebody has
// asked about medicines.
func TestNoneOfAKindSaysNothingOfMedicines(t *testing.T) {
	for _, c := range []struct {
		code, words string
		none        bool
	}{{"716186003", "No known allergies", true}, {"409137002", "No known drug allergy", true}, {"429625007", "No known food allergy", false}, {"1003774007", "No known latex allergy", false}} {
		n, err := fhir.Parse([]byte(`{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + c.code + `"}],"text":"` + c.words + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		f := FactsFrom([]*fhir.Node{n}, "p", time.Now(), nil)
		if f.NoKnownAllergies != c.none || len(f.Allergies) > 0 {
			t.Errorf("%s: no known allergies %v, allergies %v", c.words, f.NoKnownAllergies, f.Allergies)
		}
	}
}

// TestNoProblemIsNone: an entry that says that there are no problems is none for the checks; others beside it are.
func TestNoProblemIsNone(t *testing.T) {
	var nodes []*fhir.Node
	for _, code := range []*fhir.Node{
		fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://snomed.info/sct", "code", "160245001")), "text", "No known problems"),
		fhir.Obj("text", "No known problems"),
		fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://snomed.info/sct", "code", "59621000")), "text", "Essential hypertension"),
	} {
		nodes = append(nodes, fhir.Obj("resourceType", "Condition", "id", "c", "code", code, "subject", fhir.Obj("reference", "Patient/p")))
	}
	if f := FactsFrom(nodes, "p", time.Now(), nil); len(f.Problems) != 1 || f.Problems[0].Text != "Essential hypertension" {
		t.Errorf("%+v", f.Problems)
	}
}
