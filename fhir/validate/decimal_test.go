package validate

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// TestNumbersThatNothingCanBeComputedWith: they are refused, and not stored to be found by no search.
func TestNumbersThatNothingCanBeComputedWith(t *testing.T) {
	for number, bad := range map[string]bool{"1": false, "-0.0": false, "0e5": false, "6.022e23": false, "1e-300": false, "1.000000000000000000001": false,
		"1e309": true, "1e9999999": true, "-1e9999999": true, "1e-9999999": true, strings.Repeat("9", 500): true, "0." + strings.Repeat("1", 500): true} {
		n, err := fhir.Parse([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":` + number + `}}`))
		if err != nil {
			if !bad {
				t.Errorf("%s: %v", number, err)
			}
			continue
		}
		refused := slices.ContainsFunc(Resource(n), func(i fault.Issue) bool {
			return i.Severity == "error" && strings.Contains(i.Text, "to be computed with")
		})
		if refused != bad {
			t.Errorf("%.30s: refused %v", number, refused)
		}
	}
}
