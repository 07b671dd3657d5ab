package labrange

import (
	"regexp"
	"strconv"
	"strings"
)

// Limits are the ends of the range that a laboratory sent with a value: decimal literals, "" for an open end.
type Limits struct {
	Low, High string
	Open      bool // the one end that there is is no part of the range: "< 130"
}

var (
	spanWords = regexp.MustCompile(`^(-?\d{0,7}(?:\.\d{1,6})?)\s*(?:-|–|to)\s*(\d{0,7}(?:\.\d{1,6})?)(?:\s+(\S.*)|([^\d\s.,].*))?$`)
	sideWords = regexp.MustCompile(`^(<=|>=|<|>|≤|≥)\s*(\d{0,7}(?:\.\d{1,6})?)(?:\s+(\S.*)|([^\d\s.,].*))?$`)
)

// ParseLimits reads a range that a laboratory wrote in words, for a value in a unit: "40-54 %", "(11.7-15.5)", "<130 mg/dL",
// ">= 40". It reads nothing that says more than that, or that is in another unit: who guesses a range flags a value wrongly.
func ParseLimits(text, unit string) (l Limits, ok bool) {
	text = strings.TrimSpace(text)
	if inner, bracket := strings.CutPrefix(text, "("); bracket && strings.HasSuffix(inner, ")") {
		text = strings.TrimSpace(strings.TrimSuffix(inner, ")"))
	}
	if m := spanWords.FindStringSubmatch(text); m != nil {
		l = Limits{Low: literal(m[1]), High: literal(m[2])}
		low, errLow := strconv.ParseFloat(l.Low, 64)
		high, errHigh := strconv.ParseFloat(l.High, 64)
		return l, errLow == nil && errHigh == nil && low <= high && unitOf(m[3]+m[4], unit)
	}
	m := sideWords.FindStringSubmatch(text)
	if m == nil {
		return Limits{}, false
	}
	end := literal(m[2])
	if _, err := strconv.ParseFloat(end, 64); err != nil || !unitOf(m[3]+m[4], unit) {
		return Limits{}, false
	}
	l.Open = m[1] == "<" || m[1] == ">"
	if strings.HasPrefix(m[1], "<") || m[1] == "≤" {
		l.High = end
	} else {
		l.Low = end
	}
	return l, true
}

// unitOf reports whether a range is in the unit of its value, or says none.
func unitOf(written, unit string) bool { return written == "" || SameUnit(written, unit) }

// literal writes a number as JSON has it: ".5" as "0.5".
func literal(s string) string {
	if rest, ok := strings.CutPrefix(s, "."); ok {
		return "0." + rest
	}
	return s
}

// SameUnit reports whether two units, of UCUM or printed, mean the same number.
func SameUnit(a, b string) bool { return sameUnit(a, b) }

// Lies is how a value lies to the limits: L, H, N, or "" where there are none.
func (l Limits) Lies(value float64) string {
	low, errLow := strconv.ParseFloat(l.Low, 64)
	high, errHigh := strconv.ParseFloat(l.High, 64)
	switch {
	case errLow != nil && errHigh != nil:
		return ""
	case errLow == nil && (value < low || l.Open && value == low):
		return "L"
	case errHigh == nil && (value > high || l.Open && value == high):
		return "H"
	}
	return "N"
}

// Contradicts reports whether the flag that a laboratory sent with a value, a code of HL7 ObservationInterpretation, says
// something else than its own limits.
func (l Limits) Contradicts(flag string, value float64) bool {
	lies := l.Lies(value)
	if lies == "" || flag == "" {
		return false
	}
	switch flag {
	case "N":
		return lies != "N"
	case "A", "AA":
		return lies == "N" && l.Low != "" && l.High != ""
	case "H", "HH", "HU", "HX", "H>", ">":
		return lies == "L" || lies == "N" && l.High != ""
	case "L", "LL", "LU", "LX", "L<", "<":
		return lies == "H" || lies == "N" && l.Low != ""
	}
	return false
}
