package medication

import (
	"testing"

	"github.com/osler-emr/osler/knowledge/drug"
)

func TestSupplyFollowsTheDirections(t *testing.T) {
	tablets := func(dose float64, frequency, period int, unit string, days int, quantity float64) Draft {
		return Draft{Dose: dose, Unit: "tablet", QuantityOf: "tablet", Frequency: frequency, Period: period, PeriodUnit: unit, Days: days, Quantity: quantity}
	}
	with := func(d Draft, change func(*Draft)) Draft { change(&d); return d }
	for name, c := range map[string]struct {
		d      Draft
		need   float64 // 0: not known
		lasts  int     // 0: not known
		misfit bool
	}{
		"a course that fits":            {tablets(1, 2, 1, "d", 7, 14), 14, 7, false},
		"28 tablets for 7 days":         {tablets(1, 2, 1, "d", 7, 28), 14, 14, true},
		"too few":                       {tablets(2, 2, 1, "d", 7, 14), 28, 3, true},
		"one over is no other length":   {tablets(1, 2, 1, "d", 7, 15), 14, 7, false},
		"half tablets are rounded up":   {tablets(0.5, 1, 1, "d", 7, 4), 4, 8, false},
		"every 8 hours":                 {tablets(1, 1, 8, "h", 5, 15), 15, 5, false},
		"once weekly":                   {tablets(1, 1, 1, "wk", 84, 12), 12, 84, false},
		"weeks that are not whole":      {tablets(1, 1, 1, "wk", 30, 5), 5, 35, false},
		"once":                          {tablets(2, 1, 0, "", 0, 2), 2, 0, false},
		"goes on, the supply of before": {with(tablets(2, 1, 1, "d", 0, 90), func(d *Draft) { d.Supply = 90 }), 180, 45, false},
		"goes on, nobody knows":         {tablets(2, 1, 1, "d", 0, 90), 0, 45, false},
		"as needed, with an end":        {with(tablets(1, 1, 6, "h", 3, 12), func(d *Draft) { d.AsNeeded = true }), 12, 3, false},
		"as needed, without":            {with(tablets(1, 1, 6, "h", 0, 30), func(d *Draft) { d.AsNeeded, d.Supply = true, 10 }), 0, 7, false},
		"puffs in an inhaler":           {Draft{Dose: 2, Unit: "puff", QuantityOf: "inhaler", Frequency: 2, Period: 1, PeriodUnit: "d", Supply: 30, Quantity: 1}, 0, 0, false},
		"mL":                            {Draft{Dose: 7.5, Unit: "mL", QuantityOf: "mL", Frequency: 3, Period: 1, PeriodUnit: "d", Days: 5, Quantity: 112.5}, 113, 5, false},
		"nothing written":               {Draft{}, 0, 0, false},
	} {
		need, ok := c.d.Need()
		lasts, known := c.d.Lasts()
		if need != c.need || ok != (c.need > 0) || lasts != c.lasts || known != (c.lasts > 0) {
			t.Errorf("%s: needs %v (%v) and lasts %d (%v), want %v and %d", name, need, ok, lasts, known, c.need, c.lasts)
		}
		if _, got := c.d.Misfit(); got != c.misfit {
			t.Errorf("%s: misfit %v", name, got)
		}
	}
}

// TestSentencesSupplyTheirCourse: where an order sentence supplies something else than its
// directions take, its note says why.
func TestSentencesSupplyTheirCourse(t *testing.T) {
	for _, s := range drug.Sentences() {
		d := FromSentence("p", s)
		if need, ok := d.Need(); ok && need != d.Quantity && s.Note == "" {
			t.Errorf("%s supplies %v and takes %v", s.ID, d.Quantity, need)
		}
	}
}
