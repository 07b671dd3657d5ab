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
