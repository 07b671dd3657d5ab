package lang

import (
	"fmt"
	"strconv"
	"time"
)

// Style says for whom a date is written.
type Style uint8

// The styles. Short is for staff, the same in every language (CUI D+Ta-0002: 14-Mar-1968);
// Long is for patients, in their language (CUI D+Ta-0011: 14 March 1968).
const (
	Short Style = iota
	Long
)

var monthNames = [13]string{"", "January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December"}

// Partial is a date known to the year, the month, the day or the instant, as FHIR's
// dateTime is.
type Partial struct {
	Year, Month, Day int  // Month and Day are 0 when not known
	Clock            bool // Time holds the instant
	Time             time.Time
}

// ParsePartial reads a FHIR date, dateTime or instant: "1968", "1968-03", "1968-03-14",
// "2026-11-24T10:12:00+01:00". ok is false for everything else, the empty text included.
func ParsePartial(value string) (p Partial, ok bool) {
	layout := time.RFC3339Nano
	switch len(value) {
	case len("2006"), len("2006-01"), len(time.DateOnly):
		layout = time.DateOnly[:len(value)]
	}
	t, err := time.Parse(layout, value)
	if err != nil {
		return Partial{}, false
	}
	p.Year = t.Year()
	if len(layout) > len("2006") {
		p.Month = int(t.Month())
	}
	if len(layout) > len("2006-01") {
		p.Day = t.Day()
	}
	if layout == time.RFC3339Nano {
		p.Clock, p.Time = true, t
	}
	return p, true
}

// Moment reads a FHIR date, dateTime or instant on the calendar of a zone: an instant as it is there, of a
// date its start, which is the start of the month or year when that is all that is known. It is the zero
// time for what cannot be read.
func Moment(value string, zone *time.Location) time.Time {
	p, ok := ParsePartial(value)
	if !ok {
		return time.Time{}
	}
	if p.Clock {
		return p.Time.In(zone)
	}
	return time.Date(p.Year, time.Month(max(p.Month, 1)), max(p.Day, 1), 0, 0, 0, 0, zone)
}

// Date writes a FHIR date for a person; an instant is written as its day in the zone. A
// value that cannot be read comes back as it is, so that nothing is hidden.
func (l Language) Date(value string, s Style, zone *time.Location) string {
	p, ok := ParsePartial(value)
	if !ok {
		return value
	}
	if p.Clock {
		t := p.Time.In(zone)
		p.Year, p.Month, p.Day = t.Year(), int(t.Month()), t.Day()
	}
	return l.date(p, s)
}

func (l Language) date(p Partial, s Style) string {
	year := fmt.Sprintf("%04d", p.Year)
	switch {
	case p.Month == 0:
		return year
	case s == Short && p.Day == 0:
		return monthNames[p.Month][:3] + "-" + year
	case s == Short:
		return fmt.Sprintf("%02d-%s-%s", p.Day, monthNames[p.Month][:3], year)
	case p.Day == 0:
		return l.T("%s %s", l.T(monthNames[p.Month]), year)
	}
	return l.T("%s %s %s", strconv.Itoa(p.Day), l.T(monthNames[p.Month]), year)
}

// DateTime writes a FHIR dateTime with its time of day in the zone; a value without a time
// is written as a date.
func (l Language) DateTime(value string, s Style, zone *time.Location) string {
	p, ok := ParsePartial(value)
	if !ok || !p.Clock {
		return l.Date(value, s, zone)
	}
	return l.Date(value, s, zone) + " " + p.Time.In(zone).Format("15:04")
}

// Month returns the name of a month, 1 to 12, in the language.
func (l Language) Month(m time.Month) string { return l.T(monthNames[m]) }

// Weekday returns the name of a day of the week in the language.
func (l Language) Weekday(d time.Weekday) string { return l.T(d.String()) }

// Age writes the age on a day of someone born on a FHIR date. It follows the CUI steps:
// days below 4 weeks, weeks below 1 year, months below 2 years, years and months below 18
// years, then years. "" when the birth date is not known to the day or lies ahead; a birth
// date known to the year only gives "about n y".
func (l Language) Age(born string, on time.Time) string {
	p, ok := ParsePartial(born)
	if !ok {
		return ""
	}
	y, m, d := on.Date()
	if p.Month == 0 {
		if y < p.Year {
			return ""
		}
		return l.T("about %d y", y-p.Year)
	}
	known := p.Day != 0
	if !known {
		p.Day = 1
	}
	months := (y-p.Year)*12 + int(m) - p.Month
	if d < p.Day {
		months--
	}
	birth := time.Date(p.Year, time.Month(p.Month), p.Day, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(birth).Hours()) / 24
	switch {
	case days < 0:
		return ""
	case days < 28 && known:
		return l.T("%d d", days)
	case months < 12 && known:
		return l.T("%d w", days/7)
	case months < 24:
		return l.T("%d mo", months)
	case months < 18*12 && months%12 != 0:
		return l.T("%d y %d mo", months/12, months%12)
	}
	return l.T("%d y", months/12)
}

// Since writes how long ago something was, in one unit: "48 min", "5 h", "4 d".
func (l Language) Since(d time.Duration) string {
	switch {
	case d < time.Minute:
		return l.T("just now")
	case d < time.Hour:
		return l.T("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return l.T("%d h", int(d/time.Hour))
	}
	return l.T("%d days", int(d/(24*time.Hour)))
}
