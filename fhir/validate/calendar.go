package validate

import (
	"strings"
	"time"
)

const (
	dateHelp    = "A date looks like 2024, 2024-05 or 2024-05-31, and the day must exist."
	zoneHelp    = "A time of day needs seconds and a time zone, such as 2024-05-31T10:00:00+02:00 or …Z."
	instantHelp = "An instant needs day, time, seconds and time zone, such as 2024-05-31T10:00:00.000Z."
	timeHelp    = "A time looks like 10:15:00, without a time zone."
)

// calendar checks a date, dateTime, instant or time.
func calendar(code, s string) string {
	if code == "time" {
		if rest, ok := clockTime(s); !ok || rest != "" {
			return timeHelp
		}
		return ""
	}
	day, clock, timed := strings.Cut(s, "T")
	if code == "date" && timed || !isDate(day) {
		return dateHelp
	}
	if code == "instant" && (len(day) != 10 || !timed) {
		return instantHelp
	}
	if !timed {
		return ""
	}
	if rest, ok := clockTime(clock); !ok || len(day) != 10 || !isZone(rest) {
		return zoneHelp
	}
	return ""
}

// two reads the two digits at s[i:].
func two(s string, i int) (int, bool) {
	if len(s) < i+2 || !digit(s[i]) || !digit(s[i+1]) {
		return 0, false
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0'), true
}

// isDate accepts YYYY, YYYY-MM and YYYY-MM-DD of days that exist.
func isDate(s string) bool {
	century, ok := two(s, 0)
	year, ok2 := two(s, 2)
	year += century * 100
	if !ok || !ok2 || year == 0 {
		return false
	}
	if len(s) == 4 {
		return true
	}
	month, ok := two(s, 5)
	if !ok || s[4] != '-' || month < 1 || month > 12 {
		return false
	}
	if len(s) == 7 {
		return true
	}
	day, ok := two(s, 8)
	return ok && len(s) == 10 && s[7] == '-' && day >= 1 && day <= daysIn(year, month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// clockTime reads HH:MM:SS with a fraction and returns what follows. Second 60 is a leap
// second.
func clockTime(s string) (rest string, ok bool) {
	h, ok1 := two(s, 0)
	m, ok2 := two(s, 3)
	sec, ok3 := two(s, 6)
	if !ok1 || !ok2 || !ok3 || s[2] != ':' || s[5] != ':' || h > 23 || m > 59 || sec > 60 {
		return "", false
	}
	s = s[8:]
	if s == "" || s[0] != '.' {
		return s, true
	}
	n := 1
	for n < len(s) && digit(s[n]) {
		n++
	}
	return s[n:], n > 1
}

func isZone(s string) bool {
	if s == "Z" {
		return true
	}
	h, ok := two(s, 1)
	m, ok2 := two(s, 4)
	return ok && ok2 && len(s) == 6 && (s[0] == '+' || s[0] == '-') && s[3] == ':' && m <= 59 && (h < 14 || h == 14 && m == 0)
}

// span returns the first and the last moment that a well-formed dateTime may mean. A day
// without time zone may be any zone's day, so it reaches 14 hours further on both sides.
func span(s string) (first, last time.Time, ok bool) {
	const reach = 14 * time.Hour
	var err error
	switch len(s) {
	case 4:
		first, err = time.Parse("2006", s)
		last = first.AddDate(1, 0, 0)
	case 7:
		first, err = time.Parse("2006-01", s)
		last = first.AddDate(0, 1, 0)
	case 10:
		first, err = time.Parse(time.DateOnly, s)
		last = first.AddDate(0, 0, 1)
	default:
		first, err = time.Parse(time.RFC3339Nano, s)
		return first, first, err == nil
	}
	return first.Add(-reach), last.Add(reach), err == nil
}
