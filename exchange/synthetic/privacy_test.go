package synthetic

import (
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// TestPrivateStories: the demonstration has an entry that labels hide from nurses, and a chart
// that is closed.
func TestPrivateStories(t *testing.T) {
	c := open(t, noon)
	hidden := 0
	for _, n := range append(c.of("Nils Aho", "Condition"), c.of("Nils Aho", "MedicationRequest")...) {
		if slices.Contains(label.Of(n, label.About{Now: noon.Add(time.Hour)}), "ETH") {
			hidden++
		}
	}
	if hidden != 2 {
		t.Errorf("%d entries of Nils Aho need a label", hidden)
	}
	maren := c.all("Patient", func(n *fhir.Node) bool { return n.Path("name.0.text").Text() == "Maren Dahl" })
	if len(maren) != 1 || maren[0].Path("meta.security.0.system").Text() != policy.LabelSystem || maren[0].Path("meta.security.0.code").Text() != "EMP" || maren[0].Get("birthDate").Text() != "1985-03-09" {
		t.Errorf("the closed chart: %v", maren)
	}
	closed := c.all("Patient", func(n *fhir.Node) bool { return n.Path("meta.security").Len() > 0 })
	if len(closed) != 1 {
		t.Errorf("%d charts are closed", len(closed))
	}
}
