package document

import (
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAWorseReactionThanTheCharts: in the document it is told apart from a milder one, and from one that is over.
func TestAWorseReactionThanTheCharts(t *testing.T) {
	allergy := func(rest string) string {
		return `{"resourceType":"AllergyIntolerance","id":"sulfa","patient":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"10180"}],"text":"sulfamethoxazole"}` + rest + `}`
	}
	active := `,"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}`
	over := `,"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"resolved"}]}`
	rash, severe, bare := `,"criticality":"low","reaction":[{"manifestation":[{"text":"rash"}]}]`, `,"reaction":[{"manifestation":[{"text":"Anaphylaxis"}],"severity":"severe"}]`, `,"reaction":[{"manifestation":[{"text":"Anaphylaxis"}]}]`
	mild := `,"reaction":[{"manifestation":[{"text":"rash"}],"severity":"mild"}]`
	for name, x := range map[string]struct {
		chart, document string
		worse           bool
	}{
		"anaphylaxis, severe": {active + rash, active + severe, true},
		"anaphylaxis":         {active + rash, active + bare, true},
		"high criticality":    {active + rash, active + `,"criticality":"high"`, true},
		"the milder one":      {active + severe, active + rash, false},
		"mild, not said here": {active + rash, active + mild, false},
		"it is over":          {active + rash, over + severe, false},
	} {
		h := open(t)
		h.put(allergy(x.chart))
		d := letter(t)
		d.Items = []Item{{Key: "sulfa", Section: Allergies, Resource: node(t, allergy(x.document)), Text: "sulfamethoxazole"}}
		c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		if r := c.Rows[0]; r.Entry == "" || r.Worse() != x.worse {
			t.Errorf("%s: %s, beside %q, worse %v", name, r.State, r.Entry, r.Worse())
		}
	}
}
