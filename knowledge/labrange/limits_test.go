package labrange

import (
	"strconv"
	"testing"
)

func TestRangesInWords(t *testing.T) {
	for _, c := range []struct {
		text, unit string
		want       Limits
		ok         bool
	}{
		{"40-54 %", "%", Limits{"40", "54", false}, true}, {"13.5 - 18.0 g/dl", "g/dL", Limits{"13.5", "18.0", false}, true}, {"(11.7-15.5)", "G/DL", Limits{"11.7", "15.5", false}, true},
		{"(.0-100.0)", "FL", Limits{"0.0", "100.0", false}, true}, {"4-5.6%", "%", Limits{"4", "5.6", false}, true}, {"-2 to 2 mmol/L", "mmol/L", Limits{"-2", "2", false}, true},
		{"<130 mg/dL", "mg/dL", Limits{"", "130", true}, true}, {">=40 mg/dL", "mg/dL", Limits{"40", "", false}, true}, {"≤ 5", "", Limits{"", "5", false}, true}, {"4-10 K/uL", "10*3/uL", Limits{"4", "10", false}, true},
		{"0.0-30 mgAlb/gCre", "mg/g", Limits{}, false}, {"<130 mg/dL (calc)", "mg/dL", Limits{}, false}, {"3.5-5.2 g/dL", "g/L", Limits{}, false}, {"54-40", "", Limits{}, false},
		{"M 13-18 g/dl; F 12-16 g/dl", "g/dL", Limits{}, false}, {"N/A - 500,000", "", Limits{}, false}, {"3,5-5,1", "", Limits{}, false}, {"1,000-2,000", "", Limits{}, false},
		{"2013-02-22", "", Limits{}, false}, {"Negative", "", Limits{}, false}, {"-", "", Limits{}, false}, {"", "", Limits{}, false}, {"<", "", Limits{}, false}, {"4-", "", Limits{}, false},
	} {
		if got, ok := ParseLimits(c.text, c.unit); ok != c.ok || ok && got != c.want {
			t.Errorf("%q in %q: %+v %v", c.text, c.unit, got, ok)
		}
	}
}

func TestAFlagAgainstItsOwnRange(t *testing.T) {
	both, top, open := Limits{"40", "54", false}, Limits{"", "5", false}, Limits{"", "130", true}
	for _, c := range []struct {
		l     Limits
		flag  string
		value float64
		want  bool
	}{
		{both, "H", 45, true}, {both, "L", 45, true}, {both, "LX", 40, true}, {both, "A", 45, true}, {both, "N", 55, true}, {both, "H", 39, true},
		{both, "N", 54, false}, {both, "H", 55, false}, {both, "LL", 10, false}, {both, "A", 39, false}, {both, "", 99, false}, {both, "S", 45, false},
		{top, "L", 1, false}, {top, "A", 1, false}, {top, "H", 5, true}, {open, "H", 130, false}, {open, "N", 130, true}, {Limits{}, "H", 1, false},
	} {
		if got := c.l.Contradicts(c.flag, c.value); got != c.want {
			t.Errorf("%v of %+v, flagged %s: %v", c.value, c.l, c.flag, got)
		}
	}
}

// FuzzParseLimits: what is read are numbers, and the low one is not above the high one.
func FuzzParseLimits(f *testing.F) {
	for _, s := range []string{"40-54 %", "(.0-100.0)", "<130", "≥ 3.5 g/dL", "-2--1"} {
		f.Add(s, "%")
	}
	f.Fuzz(func(t *testing.T, text, unit string) {
		l, ok := ParseLimits(text, unit)
		if !ok {
			return
		}
		low, errLow := strconv.ParseFloat(l.Low, 64)
		high, errHigh := strconv.ParseFloat(l.High, 64)
		if errLow != nil && l.Low != "" || errHigh != nil && l.High != "" || errLow == nil && errHigh == nil && low > high || l.Low+l.High == "" {
			t.Errorf("%q: %+v", text, l)
		}
	})
}
