package cda

import (
	"strings"
	"time"
)

// Time is a point in time as a document has it: with as much as was written, from a year to a
// fraction of a second, and with an offset or without.
type Time struct {
	ISO   string    // "2014", "2014-01", "2014-01-04", "2014-01-04T12:35:06-05:00"; never more than is known
	Clock string    // the time of day as written, "12:35", also when ISO is without it for want of an offset
	At    time.Time // its beginning, in UTC when there is no offset
	Zoned bool
}

// ParseTime reads a TS of 4 to 14 digits with fraction and offset. The time of day stands in ISO
// when the minute and the offset are known: what the offset is is not guessed.
func ParseTime(s string) (Time, bool) {
	s = strings.TrimSpace(s)
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits < 4 || digits > 14 || digits%2 != 0 {
		return Time{}, false
	}
	rest := s[digits:]
	if strings.HasPrefix(rest, ".") {
		i := 1
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if digits != 14 || i == 1 || i > 10 {
			return Time{}, false
		}
		rest = rest[i:]
	}
	zone, ok := offset(rest)
	if !ok || rest != "" && digits < 8 { // "2012-03" is a month in another notation, not a year with an offset
		return Time{}, false
	}
	layout := "20060102150405"[:digits]
	at, err := time.Parse(layout, s[:digits])
	if err != nil || at.Year() < 1 {
		return Time{}, false
	}
	t := Time{At: at}
	if zone != nil {
		t.Zoned = true
		t.At = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone)
	}
	switch {
	case digits == 4:
		t.ISO = s[:4]
	case digits == 6:
		t.ISO = s[:4] + "-" + s[4:6]
	case digits < 12 || zone == nil:
		t.ISO = s[:4] + "-" + s[4:6] + "-" + s[6:8]
	default:
		t.ISO = t.At.Format("2006-01-02T15:04:05-07:00")
	}
	if digits >= 12 {
		t.Clock = s[8:10] + ":" + s[10:12]
	}
	return t, true
}

// offset reads "+0530", "-05", "Z" or nothing.
func offset(s string) (*time.Location, bool) {
	switch {
	case s == "":
		return nil, true
	case s == "Z":
		return time.UTC, true
	case s[0] != '+' && s[0] != '-' || len(s) != 5 && len(s) != 3:
		return nil, false
	}
	n := 0
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return nil, false
		}
		n = n*10 + int(c-'0')
	}
	if len(s) == 3 {
		n *= 100
	}
	minutes := n/100*60 + n%100
	if n%100 > 59 || minutes > 14*60 {
		return nil, false
	}
	if s[0] == '-' {
		minutes = -minutes
	}
	return time.FixedZone("", minutes*60), true
}

// Interval is an effectiveTime or another IVL, as elements, so that each can say why it is missing.
// A single value is Value, Low and High are nil then.
type Interval struct {
	Value, Low, High, Center, Width *Element
}

// Interval reads an IVL, or a TS as a single value.
func (e *Element) Interval() Interval {
	i := Interval{Low: e.Child("low"), High: e.Child("high"), Center: e.Child("center"), Width: e.Child("width")}
	if e.Has("value") {
		i.Value = e
	}
	return i
}
