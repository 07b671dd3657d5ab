package fhirpath

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// temporal is a date, dateTime or time of partial precision.
type temporal struct {
	kind Kind
	// part holds year, month, day, hour, minute, second and nanosecond; n how many of them
	// were given. Seconds and their fraction count as one precision.
	part   [7]int
	n      int
	zoned  bool
	offset int // minutes east of UTC
	digits int // of the fraction of a second
}

const (
	partYear = iota
	partMonth
	partDay
	partHour
	partMinute
	partSecond
	partNano
)

// parseTemporal reads the text of a Date, DateTime or Time. A DateTime may have any
// precision, "2024" and "2024T" included.
func parseTemporal(kind Kind, s string) (temporal, bool) {
	t := temporal{kind: kind}
	date, clock, hasClock := s, "", false
	switch kind {
	case Time:
		date, clock, hasClock = "", strings.TrimPrefix(s, "T"), true
	case DateTime:
		date, clock, hasClock = strings.Cut(s, "T")
	}
	if kind != Time {
		if !t.readDate(date) {
			return t, false
		}
	} else {
		t.part = [7]int{1, 1, 1}
		t.n = 3
	}
	if hasClock && clock != "" && (t.n != 3 || !t.readClock(clock, kind == DateTime)) {
		return t, false
	}
	if kind == Time && t.n == 3 {
		return t, false
	}
	return t, true
}

func (t *temporal) readDate(s string) bool {
	t.part = [7]int{1, 1, 1}
	widths := [...]int{4, 2, 2}
	for i, f := range strings.SplitN(s, "-", 4) {
		if i > 2 || len(f) != widths[i] {
			return false
		}
		v, ok := digits(f)
		if !ok {
			return false
		}
		t.part[i], t.n = v, i+1
	}
	month, day := t.part[partMonth], t.part[partDay]
	return t.part[0] >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(t.part[0], month)
}

func (t *temporal) readClock(s string, zone bool) bool {
	if zone {
		if i := strings.IndexAny(s, "Z+-"); i >= 0 {
			offset, ok := zoneOffset(s[i:])
			if !ok {
				return false
			}
			t.zoned, t.offset, s = true, offset, s[:i]
		}
	}
	s, fraction, hasFraction := strings.Cut(s, ".")
	limits := [...]int{23, 59, 59}
	for i, f := range strings.SplitN(s, ":", 4) {
		if i > 2 || len(f) != 2 {
			return false
		}
		v, ok := digits(f)
		if !ok || v > limits[i] && !(i == 2 && v == 60) {
			return false
		}
		t.part[partHour+i], t.n = v, partHour+i+1
	}
	if !hasFraction {
		return true
	}
	if t.n != 6 || fraction == "" || len(fraction) > 20 {
		return false
	}
	t.digits = len(fraction)
	v, ok := digits((fraction + "000000000")[:9])
	t.part[partNano] = v
	return ok
}

func zoneOffset(s string) (minutes int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != 6 || s[3] != ':' {
		return 0, false
	}
	h, ok1 := digits(s[1:3])
	m, ok2 := digits(s[4:])
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return 0, false
	}
	if s[0] == '-' {
		return -(h*60 + m), true
	}
	return h*60 + m, true
}

func digits(s string) (int, bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	v, err := strconv.Atoi(s)
	return v, err == nil
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// instant returns the beginning of the span in UTC.
func (t temporal) instant() time.Time {
	return time.Date(t.part[0], time.Month(t.part[1]), t.part[2], t.part[3], t.part[4]-t.offset, t.part[5], t.part[6], time.UTC)
}

// compareTemporal compares two values; ok is false when their precision leaves it open.
// Without a time zone a value is taken as UTC when the other has none either.
func compareTemporal(a, b temporal) (order int, ok bool) {
	if a.zoned != b.zoned && a.n > 3 && b.n > 3 && a.kind != Time {
		return 0, false
	}
	if a.zoned && b.zoned && a.offset != b.offset {
		a, b = a.atUTC(), b.atUTC()
	}
	n := min(a.n, b.n)
	if n == 6 {
		n = 7 // seconds include their fraction
	}
	for i := range n {
		switch {
		case a.part[i] < b.part[i]:
			return -1, true
		case a.part[i] > b.part[i]:
			return 1, true
		}
	}
	return 0, a.n == b.n
}

func (t temporal) atUTC() temporal {
	at := t.instant()
	t.part = [7]int{at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()}
	t.offset = 0
	return t
}

// String writes the value in its precision.
func (t temporal) String() string {
	var b strings.Builder
	if t.kind != Time {
		fmt.Fprintf(&b, "%04d", t.part[0])
		for i := 1; i < min(t.n, 3); i++ {
			fmt.Fprintf(&b, "-%02d", t.part[i])
		}
	}
	if t.n <= 3 {
		return b.String()
	}
	if t.kind != Time {
		b.WriteByte('T')
	}
	fmt.Fprintf(&b, "%02d", t.part[partHour])
	for i := partMinute; i < t.n; i++ {
		fmt.Fprintf(&b, ":%02d", t.part[i])
	}
	if t.digits > 0 {
		b.WriteString("." + fmt.Sprintf("%09d", t.part[partNano])[:min(t.digits, 9)])
	}
	if t.zoned {
		switch {
		case t.offset == 0:
			b.WriteByte('Z')
		case t.offset < 0:
			fmt.Fprintf(&b, "-%02d:%02d", -t.offset/60, -t.offset%60)
		default:
			fmt.Fprintf(&b, "+%02d:%02d", t.offset/60, t.offset%60)
		}
	}
	return b.String()
}

// add moves the value by a number of calendar units; parts beyond the precision are left.
func (t temporal) add(amount int64, unit string) (temporal, bool) {
	if amount > 1e12 || amount < -1e12 {
		return t, false
	}
	year := t.part[0]
	if t.kind == Time {
		year = 2000 // any: a time goes around midnight, in both directions
	}
	at := time.Date(year, time.Month(t.part[1]), t.part[2], t.part[3], t.part[4], t.part[5], t.part[6], time.UTC)
	switch unit {
	case "year", "month":
		months := amount
		if unit == "year" {
			if amount > 10000 || amount < -10000 {
				return t, false
			}
			months *= 12
		}
		if months > 120000 || months < -120000 {
			return t, false
		}
		first := time.Date(at.Year(), at.Month()+time.Month(months), 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		at = first.AddDate(0, 0, min(at.Day(), daysIn(first.Year(), int(first.Month())))-1)
	default:
		span, ok := spans[unit]
		if !ok {
			return t, false
		}
		seconds := amount
		if unit == "millisecond" {
			at = at.Add(time.Duration(amount%1000) * time.Millisecond)
			seconds = amount / 1000
		} else if seconds > 1e12/span || seconds < -1e12/span {
			return t, false
		} else {
			seconds *= span
		}
		at = at.AddDate(0, 0, int(seconds/86400)).Add(time.Duration(seconds%86400) * time.Second)
	}
	if at.Year() < 1 || at.Year() > 9999 {
		return t, false
	}
	if t.kind == Time {
		t.part = [7]int{1, 1, 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond()}
	} else {
		t.part = [7]int{at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()}
	}
	if t.part[partNano] != 0 && t.digits < 3 {
		t.digits = 3
	}
	return t, true
}

// spans gives the length of units in seconds.
var spans = map[string]int64{"week": 7 * 86400, "day": 86400, "hour": 3600, "minute": 60, "second": 1, "millisecond": 1}

// isPart reports that a value of this precision can be moved by the unit directly; adding
// days to a year is done in whole years.
var unitPrecision = map[string]int{"year": 1, "month": 2, "week": 3, "day": 3, "hour": 4, "minute": 5, "second": 6, "millisecond": 6}
