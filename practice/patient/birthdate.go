package patient

import (
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// ReadBirthDate reads a date of birth as people type it, day first: "14 3 68", "14.3.1968",
// "14-Mar-1968", "1968-03-14", "March 14 1968". Two-digit years are the latest past year.
// It returns the FHIR date, or a fault that says what is missing.
func ReadBirthDate(typed string, today time.Time) (string, error) {
	parts := strings.FieldsFunc(strings.TrimSpace(typed), func(r rune) bool { return strings.ContainsRune(" .-/,\t", r) })
	if len(parts) == 1 && len(parts[0]) == 8 && digits(parts[0]) == parts[0] {
		s := parts[0] // 14031968
		parts = []string{s[:2], s[2:4], s[4:]}
	}
	if len(parts) != 3 {
		return "", fault.New(fault.Invalid, "Type day, month and year, for example 14 3 1968.")
	}
	year, month, day := parts[2], parts[1], parts[0]
	switch {
	case len(parts[0]) == 4: // 1968-03-14
		year, day = parts[0], parts[2]
	case monthNumber(parts[0]) > 0 && letters(parts[0]): // March 14 1968
		month, day = parts[0], parts[1]
	}
	y, errYear := strconv.Atoi(year)
	d, errDay := strconv.Atoi(day)
	m := monthNumber(month)
	if errYear != nil || errDay != nil || m == 0 {
		return "", fault.New(fault.Invalid, "%q is not a date: type day, month and year, for example 14 3 1968.", typed)
	}
	if len(year) <= 2 {
		y += today.Year() / 100 * 100
		if y > today.Year() {
			y -= 100
		}
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d || t.Month() != time.Month(m) {
		return "", fault.New(fault.Invalid, "There is no day %d in that month.", d)
	}
	end := time.Date(today.Year(), today.Month(), today.Day(), 23, 59, 59, 0, time.UTC)
	switch {
	case t.After(end):
		return "", fault.New(fault.Invalid, "The date lies in the future.")
	case y < today.Year()-130:
		return "", fault.New(fault.Invalid, "The date is more than 130 years ago.")
	}
	return t.Format("2006-01-02"), nil
}

// ReadBirth is ReadBirthDate for a form: a year ("1968") or a month ("3 1968", "Mar 1968",
// "1968-03") is taken too, since that may be all that anybody knows.
func ReadBirth(typed string, today time.Time) (string, error) {
	parts := strings.FieldsFunc(strings.TrimSpace(typed), func(r rune) bool { return strings.ContainsRune(" .-/,\t", r) })
	isYear := func(s string) bool { return len(s) == 4 && digits(s) == s }
	form, whole := "", ""
	switch {
	case len(parts) == 1 && isYear(parts[0]):
		form, whole = "2006", "1 1 "+parts[0]
	case len(parts) == 2 && isYear(parts[0]) && monthNumber(parts[1]) > 0:
		form, whole = "2006-01", "1 "+parts[1]+" "+parts[0]
	case len(parts) == 2 && isYear(parts[1]) && monthNumber(parts[0]) > 0:
		form, whole = "2006-01", "1 "+parts[0]+" "+parts[1]
	default:
		return ReadBirthDate(typed, today)
	}
	date, err := ReadBirthDate(whole, today)
	if err != nil {
		return "", err
	}
	return date[:len(form)], nil
}

func letters(s string) bool { return s != "" && (s[0] < '0' || s[0] > '9') }

// monthNumber reads 1 to 12 or the beginning of an English month name; 0 for none.
func monthNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		if n >= 1 && n <= 12 {
			return n
		}
		return 0
	}
	s = strings.ToLower(s)
	if len(s) < 3 {
		return 0
	}
	for m := time.January; m <= time.December; m++ {
		if strings.HasPrefix(strings.ToLower(m.String()), s) {
			return int(m)
		}
	}
	return 0
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
