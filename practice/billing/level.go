package billing

import (
	"fmt"
	"strings"
)

// Facts is what a visit was, as far as the level of its charge depends on it.
type Facts struct {
	NewPatient      bool // nobody of the clinic has seen the patient in the last three years
	Minor           int  // short, self-limited problems dealt with
	Acute           int  // other problems that are not chronic
	Chronic         int  // chronic problems dealt with
	Tests           int  // different tests ordered or reviewed
	MedicineChanged bool // a prescription was written, renewed, changed or stopped
}

// Level is a suggested charge with the reason in words. It is a suggestion: the clinician
// decides.
type Level struct {
	Code string
	Why  string
}

// steps of medical decision making, straightforward to moderate. High is never suggested.
const (
	straightforward = 2
	low             = 3
	moderate        = 4
)

// SuggestVisit suggests the level of an office visit. It follows the idea of the 2021 rules
// for office visits, made simple: problems, data and risk are each graded, and the level is
// the one that two of the three reach. Time is not looked at, and the highest level is left
// to the clinician.
func SuggestVisit(f Facts) Level {
	problems, data, risk := f.problems(), f.data(), straightforward
	if f.MedicineChanged {
		risk = moderate
	}
	level := middle(problems, data, risk)
	code := fmt.Sprintf("visit-%d", level)
	if f.NewPatient {
		code = fmt.Sprintf("visit-new-%d", level)
	}
	return Level{code, f.why()}
}

func (f Facts) problems() int {
	switch {
	case f.Chronic >= 2:
		return moderate
	case f.Chronic == 1 || f.Acute >= 1 || f.Minor >= 2:
		return low
	}
	return straightforward
}

func (f Facts) data() int {
	switch {
	case f.Tests >= 3:
		return moderate
	case f.Tests == 2:
		return low
	}
	return straightforward
}

// middle is the second of three: the level that two of them reach.
func middle(a, b, c int) int { return max(min(a, b), min(max(a, b), c)) }

func (f Facts) why() string {
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, one)
		case n > 1:
			parts = append(parts, fmt.Sprintf(many, n))
		}
	}
	add(f.Chronic, "1 chronic problem", "%d chronic problems")
	add(f.Acute, "1 acute problem", "%d acute problems")
	add(f.Minor, "1 symptom", "%d symptoms")
	add(f.Tests, "1 test", "%d tests")
	if f.MedicineChanged {
		parts = append(parts, "medicines managed")
	}
	if f.NewPatient {
		parts = append(parts, "new patient")
	}
	if len(parts) == 0 {
		return "no diagnosis yet"
	}
	return strings.Join(parts, ", ")
}

// IsVisit reports whether a code is a level of an office visit, of which a visit has one.
func IsVisit(code string) bool { return strings.HasPrefix(code, "visit-") }
