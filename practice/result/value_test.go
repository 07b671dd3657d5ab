package result

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestInRangeNeverGuesses: only what is known to be in range may be signed in a batch.
func TestInRangeNeverGuesses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"flag N", `{"valueQuantity":{"value":4.2,"unit":"mmol/L"},"interpretation":[{"coding":[{"code":"N"}]}]}`, true},
		{"flag H wins over limits", `{"valueQuantity":{"value":4.2},"interpretation":[{"coding":[{"code":"H"}]}],"referenceRange":[{"low":{"value":3},"high":{"value":5}}]}`, false},
		{"inside limits, no flag", `{"valueQuantity":{"value":4.2},"referenceRange":[{"low":{"value":3},"high":{"value":5}}]}`, true},
		{"above one limit", `{"valueQuantity":{"value":5.3},"referenceRange":[{"high":{"value":5.1}}]}`, false},
		{"no range at all", `{"valueQuantity":{"value":4.2}}`, false},
		{"words", `{"valueString":"negative"}`, false},
		{"a comparator", `{"valueQuantity":{"value":3,"comparator":"<"},"referenceRange":[{"high":{"value":5}}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := (Report{Values: ValuesFrom(n)}).InRange(); got != c.want {
				t.Errorf("in range %v, want %v", got, c.want)
			}
		})
	}
	if (Report{}).InRange() {
		t.Error("a report without values counts as in range")
	}
}

func TestComponentsAreValuesOfTheirOwn(t *testing.T) {
	n, _ := fhir.Parse([]byte(`{"resourceType":"Observation","id":"o","code":{"text":"Blood pressure"},"component":[
		{"code":{"text":"Systolic"},"valueQuantity":{"value":146,"unit":"mmHg"}},{"code":{"text":"Diastolic"},"valueQuantity":{"value":90,"unit":"mmHg"}}]}`))
	v := ValuesFrom(n)
	if len(v) != 2 || v[0].Name != "Systolic" || v[1].Value != "90" {
		t.Errorf("values %+v", v)
	}
}
