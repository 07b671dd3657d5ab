package search

import (
	"math"
	"testing"
)

func TestQuantitiesAcrossUnits(t *testing.T) {
	const ucum = "http://unitsofmeasure.org"
	entry := func(v float64, unit string) []Entry {
		return []Entry{{Param: "value-quantity", Kind: KindQuantity, System: ucum, Code: unit, Value: v, ValueLow: v, ValueHigh: v}}
	}
	for _, c := range []struct {
		query string
		v     float64
		unit  string
		want  bool
	}{
		{"5.4|" + ucum + "|mg", 5.4, "mg", true},
		{"5.4|" + ucum + "|mg", 0.0054, "g", true},
		{"5.4|" + ucum + "|mg", 0.0055, "g", false},
		{"5.4|" + ucum + "|mg", 5.4, "g", false},
		{"ge5.4|" + ucum + "|mg", 0.0054, "g", true}, // equal to the last bit
		{"le5.4|" + ucum + "|mg", 0.0054, "g", true},
		{"gt5.4|" + ucum + "|mg", 0.0054, "g", false},
		{"lt5.4|" + ucum + "|mg", 0.0054, "g", false},
		{"ge0.3|" + ucum + "|kg", 300, "g", true},
		{"ne5.4|" + ucum + "|mg", 0.0054, "g", false},
		{"ne5.4|" + ucum + "|mg", 5.4, "mmol", false}, // another kind of unit never fits
		{"ap5.4|" + ucum + "|mg", 0.0058, "g", true},
		{"sa5.4|" + ucum + "|mg", 0.0055, "g", true},
		{"eb5.4|" + ucum + "|mg", 0.0053, "g", true},
		{"100|" + ucum + "|Cel", 212, "[degF]", true},
		{"gt37|" + ucum + "|Cel", 99, "[degF]", true},
		{"gt37|" + ucum + "|Cel", 98, "[degF]", false},
		{"gt37|" + ucum + "|Cel", 311, "K", true},
		{"7.4|" + ucum + "|[pH]", 7.4, "[pH]", true},
		{"gt7|" + ucum + "|[pH]", 1e-8, "mol/L", false}, // more acidity is less pH: not compared
		{"gt5|" + ucum + "|no unit", 6, "no unit", true},
		{"gt5|" + ucum + "|no unit", 6, "mg", false},
		{"gt5|" + ucum + "|mg", 6, "no unit", false},
	} {
		q, err := parse(t, "Observation", "value-quantity="+c.query, Strict)
		if err != nil {
			t.Fatalf("%s: %v", c.query, err)
		}
		if got := Match(q.Where, Subject{}, entry(c.v, c.unit)); got != c.want {
			t.Errorf("%s of %v %s: %v", c.query, c.v, c.unit, got)
		}
	}
	open := []Entry{{Param: "value-quantity", Kind: KindQuantity, System: ucum, Code: "g", ValueLow: 1, ValueHigh: math.MaxFloat64}}
	q, _ := parse(t, "Observation", "value-quantity=gt5000000|"+ucum+"|mg", Strict)
	if !Match(q.Where, Subject{}, open) {
		t.Error("a value above 1 g may be above 5 kg")
	}
}
