package rx

import (
	"strings"
	"testing"
)

// TestWeightIsOldByAge: a weight counts for 3 months under 2 years, for 6 under 12, for a year
// from then on; what is said about the dose of a child names it.
func TestWeightIsOldByAge(t *testing.T) {
	for name, c := range map[string]struct {
		years, months, taken int // age, and months since the weight
		none                 bool
		old, small, minor    bool
		says                 string
	}{
		"infant, fresh":       {0, 9, 2, false, false, true, true, "no doses for children"},
		"infant, old":         {0, 9, 4, false, true, true, true, "the weight is of " + today.AddDate(0, -4, 0).Format("02-Jan-2006")},
		"toddler, none":       {2, 0, 0, true, false, true, true, "no weight is recorded"},
		"just under two":      {1, 11, 4, false, true, true, true, "the weight is of"},
		"two, the same":       {2, 0, 4, false, false, true, true, "no doses for children"},
		"schoolchild, old":    {9, 0, 7, false, true, true, true, "the weight is of"},
		"twelve, the same":    {12, 0, 7, false, false, false, true, "no doses for children"},
		"seventeen, old":      {17, 0, 13, false, true, false, true, "the weight is of"},
		"grown up, fresh":     {40, 0, 11, false, false, false, false, ""},
		"grown up, old":       {40, 0, 13, false, true, false, false, ""},
		"grown up, no weight": {40, 0, 0, true, false, false, false, ""},
	} {
		f := Facts{Date: today, Born: today.AddDate(-c.years, -c.months, 0), Candidate: Medicine{Text: "cetirizine 10 mg tablet", Dose: 1, Unit: "tablet", PerDay: 1, Strength: "10 mg"}}
		if !c.none {
			f.Weight = Measure{Value: 12, Unit: "kg", Date: today.AddDate(0, -c.taken, 0), Known: true}
		}
		if f.WeightOld() != c.old || f.Small() != c.small || f.Minor() != c.minor {
			t.Errorf("%s: old %v, small %v, minor %v", name, f.WeightOld(), f.Small(), f.Minor())
		}
		said := ""
		for _, m := range Check(f).NotChecked {
			if m.Check == Dose {
				said += m.Reason
			}
		}
		if c.says == "" && said != "" || !strings.Contains(said, c.says) {
			t.Errorf("%s: the dose is said to be %q, want %q", name, said, c.says)
		}
	}
	undated := Facts{Date: today, Born: today.AddDate(-1, 0, 0), Weight: Measure{Value: 9, Known: true}}
	if !undated.WeightOld() {
		t.Error("a weight of nobody knows when is fresh")
	}
}
