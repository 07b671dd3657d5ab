package clinic

import (
	"testing"

	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/medication"
)

// TestNothingUncheckedLooksSafe: the words in the list of medicines say what was not
// checked, and such a medicine is never the best alternative.
func TestNothingUncheckedLooksSafe(t *testing.T) {
	kidneys := rx.Measure{Value: 90, Unit: "mL/min/1.73 m²", Date: noon.AddDate(0, -1, 0), Known: true}
	for name, c := range map[string]struct {
		medicine string
		change   func(*rx.Facts)
		want     string
		best     bool
	}{
		"all known":          {"cetirizine 10 mg tablet", func(*rx.Facts) {}, "nothing found", true},
		"no kidney value":    {"nitrofurantoin 100 mg capsule", func(f *rx.Facts) { f.EGFR = rx.Measure{} }, "not checked: kidney", false},
		"an unknown current": {"cetirizine 10 mg tablet", func(f *rx.Facts) { f.Current = []rx.Medicine{{ID: "1", Text: "moonflower"}} }, "nothing found, partly checked", true},
		"allergies unknown":  {"cetirizine 10 mg tablet", func(f *rx.Facts) { f.NoKnownAllergies = false }, "not checked: allergies", false},
		"unknown medicine":   {"moonflower 3 mg", func(*rx.Facts) {}, "not checked", false},
	} {
		f := rx.Facts{Date: noon, Born: noon.AddDate(-40, 0, 0), Sex: "male", NoKnownAllergies: true, EGFR: kidneys, Problems: []rx.Problem{{ID: "1", Text: "hay fever"}}}
		c.change(&f)
		f.Candidate = medication.Draft{Text: c.medicine, Dose: 1, Unit: "tablet", Frequency: 1, Period: 1, PeriodUnit: "d"}.Candidate(noon)
		found := rx.Check(f)
		if _, _, word := checkWord(t.Context(), found); word != c.want {
			t.Errorf("%s: the list says %q, want %q (%+v)", name, word, c.want, found.NotChecked)
		}
		if best := bestOf([]sentenceOffer{{Findings: found}}) != nil; best != c.best {
			t.Errorf("%s: best alternative %v", name, best)
		}
	}
}
