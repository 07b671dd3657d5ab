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

// Digits writes numbers as they are read here: the digits that Arabic, Persian and Urdu keyboards
// type become 0 to 9, their decimal separator a point, and their thousands separator goes. All else
// stays as it is.
//
//	Digits("١٤٠/٩٠") // "140/90"
//	Digits("۷۸٫۵")   // "78.5"
func Digits(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '\u0660' && r <= '\u0669': // Arabic-Indic
			return r - '\u0660' + '0'
		case r >= '\u06f0' && r <= '\u06f9': // Persian and Urdu
			return r - '\u06f0' + '0'
		case r == '\u066b':
			return '.'
		case r == '\u066c':
			return -1
		}
		return r
	}, text)
}

// Numeric reports whether a text holds digits and nothing but what numbers, days and times are
// written with.
func Numeric(text string) bool {
	digits := false
	for _, r := range Digits(text) {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case !strings.ContainsRune(" .,:/+-−", r):
			return false
		}
	}
	return digits
}
