package drug

import (
	"strconv"
	"strings"
)

// ParseStrength reads the amounts of a strength such as "20 mg", "800 mg/160 mg" or
// "110 mcg per puff", in order. A concentration ("100 units per mL") and a strength that
// is not understood give nothing: a dose cannot be computed from them.
func ParseStrength(s string) []Amount {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, per := range []string{" per ml", " per 3 ml", " per 5 ml", "%", "/ml", "/5 ml", " per day"} {
		if strings.Contains(s, per) {
			return nil
		}
	}
	var out []Amount
	for part := range strings.SplitSeq(s, "/") {
		part, _, _ = strings.Cut(part, " per ")
		a, ok := parseAmount(part)
		if !ok {
			return nil
		}
		out = append(out, a)
	}
	return out
}

func parseAmount(s string) (Amount, bool) {
	s = strings.TrimSpace(s)
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzµ ")
	v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil || v < 0 || v > 1e9 {
		return Amount{}, false
	}
	switch unit := strings.TrimSpace(s[len(number):]); unit {
	case "mg", "g", "mcg":
		return Amount{v, unit}, true
	case "µg", "ug", "microgram", "micrograms":
		return Amount{v, "mcg"}, true
	case "unit", "units", "iu":
		return Amount{v, "unit"}, true
	}
	return Amount{}, false
}

// In converts an amount to another unit of mass; ok is false when that is not possible.
func (a Amount) In(unit string) (float64, bool) {
	if a.Unit == unit {
		return a.Value, true
	}
	factor := map[string]float64{"mcg": 1, "mg": 1000, "g": 1e6}
	from, ok1 := factor[a.Unit]
	to, ok2 := factor[unit]
	if !ok1 || !ok2 {
		return 0, false
	}
	return a.Value * from / to, true
}

// Text writes an amount by the rules of medicine labels: "1,600 mg", "0.5 mg".
func (a Amount) Text() string { return grouped(a.Value) + " " + a.Unit }

func grouped(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	whole, rest, dot := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && len(whole) > 3; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		if len(rest) > 3 {
			rest = rest[:3]
		}
		return whole + "." + rest
	}
	return whole
}
