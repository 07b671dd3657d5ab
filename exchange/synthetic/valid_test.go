package synthetic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/validate"
)

// TestEveryResourceIsValid also reads each resource back from its bytes.
func TestEveryResourceIsValid(t *testing.T) {
	for _, n := range clinic(1).Resources {
		back, err := fhir.Parse(n.JSON())
		if err != nil {
			t.Fatalf("%s: %v", n.Reference(), err)
		}
		for _, issue := range validate.Resource(back) {
			if strings.Contains(issue.Text, "(dom-6)") {
				continue // the clinic's narrative is made when somebody looks
			}
			if issue.Severity == "fatal" || issue.Severity == "error" || issue.Severity == "warning" {
				t.Errorf("%s: %s %s: %s", n.Reference(), issue.Severity, issue.Expression, issue.Text)
			}
		}
	}
}
