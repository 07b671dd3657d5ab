package labrange

import "math"

// EGFR is the filtration of an adult's kidneys by the CKD-EPI equation of 2021 (Inker, N Engl J Med 2021;385:1737): creatinine in
// µmol/L to mL/min/1.73 m².
func EGFR(creatinine float64, female bool, age int) float64 {
	kappa, alpha, sex := 0.9, -0.302, 1.0
	if female {
		kappa, alpha, sex = 0.7, -0.241, 1.012
	}
	ratio := creatinine / micromoles / kappa
	return 142 * math.Pow(math.Min(ratio, 1), alpha) * math.Pow(math.Max(ratio, 1), -1.2) * math.Pow(0.9938, float64(age)) * sex
}

// micromoles are the µmol/L of creatinine in a mg/dL.
const micromoles = 88.4

// IsCreatinine reports whether a LOINC code is of creatinine in serum, plasma or blood.
func IsCreatinine(loinc string) bool {
	t, ok := Find(loinc)
	return ok && t.Key == "creatinine"
}

// Not why an EGFR is not calculated from a creatinine, as texts of the message catalogue; "" where it is.
const (
	NoUnit     = "its unit is not known"
	NotExact   = "it is less or more than a value"
	Impossible = "no living person has this value"
	NoDay      = "it has no date"
	NoBirth    = "no birth date is recorded"
	NoSex      = "neither female nor male is recorded, and the equation differs"
	NotGrown   = "the equation is for adults"
)

// estimateFrom is the age in years from which on the equation holds.
const estimateFrom = 18

// The least and the most that a reported EGFR can be: what is beyond was mistyped.
const (
	LeastEGFR = 0.5
	MostEGFR  = 250
)

// ReportsEGFR reports whether a value that a laboratory stands by is an EGFR that a dose can be held to. One "> 60", in words or
// impossible is not: it would keep from calculating one, and the kidneys would not be looked at.
func ReportsEGFR(q Quantity) bool {
	return q.Comparator == "" && q.Value >= LeastEGFR && q.Value <= MostEGFR
}

// EstimateEGFR works an EGFR out from a creatinine of a person of a sex ("female", "male") and an age in years, below 0 when that is not
// known; rounded, as laboratories report it. why says why it does not.
func EstimateEGFR(q Quantity, sex string, age int) (egfr float64, why string) {
	value := q.Value
	switch {
	case sameUnit(q.Unit, "mg/dL"):
		value *= micromoles
	case !sameUnit(q.Unit, "umol/L"):
		return 0, NoUnit
	}
	switch {
	case q.Comparator != "":
		return 0, NotExact
	case math.IsNaN(value) || value < 10 || value > 4000:
		return 0, Impossible
	case age < 0:
		return 0, NoBirth
	case age < estimateFrom:
		return 0, NotGrown
	case sex != "female" && sex != "male":
		return 0, NoSex
	}
	return math.Round(EGFR(value, sex == "female", age)), ""
}
