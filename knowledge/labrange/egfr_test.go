package labrange

import (
	"math"
	"testing"
)

// TestEGFRIsAsPublished: the checks of the equation in docs.
func TestEGFRIsAsPublished(t *testing.T) {
	for _, c := range []struct {
		mg     float64
		female bool
		age    int
		want   float64
	}{{1.0, false, 50, 91.7}, {1.0, true, 50, 68.6}, {0.8, true, 30, 101.6}} {
		if got := EGFR(c.mg*88.4, c.female, c.age); math.Abs(got-c.want) > 0.1 {
			t.Errorf("%+v: %.2f", c, got)
		}
	}
}

// TestAnEGFRIsCalculatedOrItIsSaidWhyNot, in either unit, whatever the code says of it.
func TestAnEGFRIsCalculatedOrItIsSaidWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		q    Quantity
		sex  string
		age  int
		want float64
		why  string
	}{
		"mg/dL":             {Quantity{Value: 1.0, Unit: "mg/dL"}, "female", 50, 69, ""},
		"umol/L":            {Quantity{Value: 88.4, Unit: "umol/L"}, "female", 50, 69, ""},
		"as it is printed":  {Quantity{Value: 88.4, Unit: "µmol/L"}, "male", 50, 92, ""},
		"no unit":           {Quantity{Value: 1.0}, "male", 50, 0, NoUnit},
		"another unit":      {Quantity{Value: 1.0, Unit: "g/L"}, "male", 50, 0, NoUnit},
		"another magnitude": {Quantity{Value: 88.4, Unit: "mg/dL"}, "male", 50, 0, Impossible},
		"below":             {Quantity{Value: 0.5, Unit: "mg/dL", Comparator: "<"}, "male", 50, 0, NotExact},
		"a child":           {Quantity{Value: 0.5, Unit: "mg/dL"}, "male", 17, 0, NotGrown},
		"just grown":        {Quantity{Value: 1.0, Unit: "mg/dL"}, "male", 18, 112, ""},
		"no birth date":     {Quantity{Value: 1.0, Unit: "mg/dL"}, "male", -1, 0, NoBirth},
		"no sex":            {Quantity{Value: 1.0, Unit: "mg/dL"}, "", 50, 0, NoSex},
		"another sex":       {Quantity{Value: 1.0, Unit: "mg/dL"}, "other", 50, 0, NoSex},
	} {
		if got, why := EstimateEGFR(c.q, c.sex, c.age); got != c.want || why != c.why {
			t.Errorf("%s: %v %q", name, got, why)
		}
	}
}
