package lang

import "strings"

// Number writes a decimal literal by the CUI rules for medicines and values: a comma for
// thousands (1,000), a leading zero (0.5, never .5), and no exponent. Digits that were
// measured stay: precision of a result is information. A literal that is not a plain
// decimal comes back as it is.
func Number(literal string) string {
	sign, digits := "", literal
	if strings.HasPrefix(digits, "-") {
		sign, digits = "−", digits[1:]
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" {
		whole = "0"
	}
	if !allDigits(whole) || !allDigits(fraction) || point && fraction == "" || digits == "" {
		return literal
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if point {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// Dose is Number without trailing zeros: 5.0 mg is read as 50 mg (CUI medlineqig), so a
// dose never has one.
func Dose(literal string) string {
	if strings.Contains(literal, ".") {
		literal = strings.TrimRight(strings.TrimRight(literal, "0"), ".")
	}
	return Number(literal)
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
