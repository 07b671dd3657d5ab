package labrange

import (
	"math/big"
	"strings"

	"github.com/osler-emr/osler/fhir/ucum"
)

// Quantity is a measured value as its laboratory sent it.
type Quantity struct {
	Value      float64
	Comparator string // "<", "<=", ">", ">="; "" is the value itself
	Unit       string // UCUM or printed
}

// Unchecked says why a value was not held against the critical limits of its test.
type Unchecked string

// The reasons.
const (
	OtherUnit Unchecked = "unit" // the unit cannot be converted to that of the limits
	OtherAge  Unchecked = "age"  // the limits are for older patients
)

// Critical holds a value against the critical limits of these tables, whatever its laboratory
// says about it: "HH" or "LL" beyond them, "" within them or when the test has none. why is
// not "" when the test has limits that could not be used: then nothing is known. age is in
// years; when it is not known (below 0) the limits of adults are used, since an alarm too many
// costs a look.
//
//	flag, _ := labrange.Critical("2823-3", labrange.Quantity{Value: 6.9, Unit: "mmol/L"}, 58) // "HH"
func Critical(loinc string, q Quantity, age int) (flag string, why Unchecked) {
	for _, at := range byCode[loinc] {
		t := tests[at]
		if t.criticalLow == 0 && t.criticalHigh == 0 {
			continue
		}
		v, ok := inUnit(q, t)
		if !ok {
			why = OtherUnit
			continue
		}
		low, high := limit(t.criticalLow), limit(t.criticalHigh)
		if age >= 0 && age < t.from {
			r, ok := childRange(t, age)
			if !ok {
				return "", OtherAge
			}
			low, high = r.CriticalLow, r.CriticalHigh
		}
		return beyond(v, q.Comparator, low, high), ""
	}
	return "", why
}

// beyond compares; with a comparator only what cannot be otherwise counts: "> 6.5" is above 6.2,
// "< 7" says nothing. An open limit is NaN.
func beyond(v float64, comparator string, low, high float64) string {
	switch {
	case v >= high && !strings.HasPrefix(comparator, "<"):
		return "HH"
	case v <= low && !strings.HasPrefix(comparator, ">"):
		return "LL"
	}
	return ""
}

// inUnit returns the value in the unit of a test.
func inUnit(q Quantity, t Test) (float64, bool) {
	if sameUnit(t.UCUM, q.Unit) || sameUnit(t.Unit, q.Unit) {
		return q.Value, true
	}
	code := strings.NewReplacer("µ", "u", "μ", "u", " ", "").Replace(q.Unit)
	from, err := ucum.Parse(code)
	if err != nil || code == "" {
		return 0, false
	}
	to, err := ucum.Parse(t.UCUM)
	if err != nil {
		return 0, false
	}
	value := new(big.Rat)
	if value.SetFloat64(q.Value) == nil {
		return 0, false
	}
	converted, err := ucum.Convert(value, from, to)
	if err != nil {
		return 0, false
	}
	f, _ := converted.Float64()
	return f, true
}
