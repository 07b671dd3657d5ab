package medication

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// TestThatNothingIsTakenIsNoMedicine: a statement that somebody accepted is on no list of medicines.
func TestThatNothingIsTakenIsNoMedicine(t *testing.T) {
	for _, c := range []struct {
		code, status  string
		current, past int
	}{{"787481004", "not-taken", 0, 0}, {"787481004", "active", 0, 0}, {"387458008", "active", 1, 0}, {"387458008", "not-taken", 0, 1}} {
		n, err := fhir.Parse([]byte(`{"resourceType":"MedicationStatement","id":"m","status":"` + c.status + `","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"` + c.code + `"}],"text":"x"}}`))
		if err != nil {
			t.Fatal(err)
		}
		if l := From([]*fhir.Node{n}, "p", time.Now(), nil); len(l.Current) != c.current || len(l.Past) != c.past {
			t.Errorf("%s %s: current %v, past %v", c.code, c.status, l.Current, l.Past)
		}
	}
}
