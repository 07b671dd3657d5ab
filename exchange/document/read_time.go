package document

import (
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// date reads a point in time as a dateTime; "" when it is missing or cannot be read, which is a
// doubt.
func (r *reader) date(e *cda.Element) string {
	v := e.Attr("value")
	if v == "" {
		return ""
	}
	t, ok := cda.ParseTime(v)
	if !ok || t.ISO < "1880" || strings.HasPrefix(t.ISO, "1900-01-01") { // a beginning that a system sets is no date
		r.doubt(dateUnreadable)
		return ""
	}
	if t.Clock != "" && !t.Zoned && t.Clock != "00:00" {
		r.clocks = true
	}
	return t.ISO
}

// times puts an effectiveTime into a resource: as name+"DateTime" when it is one point, else as
// name+"Period". It returns how it is said in a line.
func (r *reader) times(n *fhir.Node, name string, e *cda.Element) string {
	i := e.Interval()
	if i.Value == nil && i.Center != nil {
		i.Value = i.Center
		if i.Width.Has("value") {
			r.doubt(moreTimes)
		}
	}
	if at := r.date(i.Value); at != "" {
		n.Set(name+"DateTime", fhir.Str(at))
		return day(at)
	}
	low, high := r.ordered(r.bounds(e))
	switch {
	case low == "" && high == "":
		return ""
	case low == high:
		n.Set(name+"DateTime", fhir.Str(low))
		return day(low)
	case low != "" && high != "" && day(low) == day(high):
		n.Set(name+"Period", fhir.Obj("start", low, "end", high))
		return day(low)
	}
	n.Set(name+"Period", fhir.Obj("start", low, "end", high))
	switch {
	case high == "":
		return "since " + day(low)
	case low == "":
		return "until " + day(high)
	}
	return day(low) + " to " + day(high)
}

// bounds reads from when to when an interval goes. Where one end is missing and a width is not, it is as far from
// the other (HL7: the high is the low and the width); a width that cannot be laid on what is known is a doubt.
func (r *reader) bounds(e *cda.Element) (low, high string) {
	i := e.Interval()
	low, high = r.date(i.Low), r.date(i.High)
	if !i.Width.Has("value") || low != "" && high != "" {
		return low, high
	}
	value, unit := integer(i.Width.Attr("value")), i.Width.Attr("unit")
	var ok bool
	switch {
	case value < 1:
	case low != "":
		high, ok = moved(low, value, unit)
	case high != "":
		low, ok = moved(high, -value, unit)
	}
	if !ok {
		r.doubt(lengthOnly)
	}
	return low, high
}

// spans are the units of a width as they are written.
var spans = map[string]string{"a": "a", "year": "a", "years": "a", "mo": "mo", "month": "mo", "months": "mo", "wk": "wk", "week": "wk", "weeks": "wk", "d": "d", "day": "d", "days": "d", "h": "h", "hour": "h", "hours": "h", "min": "min", "s": "s"}

// moved adds a number of units to a dateTime, that stays as exact as it was; ok is false when it is not as exact
// as the unit.
func moved(iso string, n int, unit string) (string, bool) {
	unit = spans[unit]
	if n < -100_000 || n > 100_000 {
		return "", false
	}
	if unit == "h" && n%24 == 0 {
		n, unit = n/24, "d"
	}
	layout, ok := "", false
	switch len(iso) {
	case len("2006"):
		layout, ok = "2006", unit == "a"
	case len("2006-01"):
		layout, ok = "2006-01", unit == "a" || unit == "mo"
	case len(time.DateOnly):
		layout, ok = time.DateOnly, unit == "a" || unit == "mo" || unit == "wk" || unit == "d"
	default:
		layout, ok = "2006-01-02T15:04:05-07:00", unit != ""
	}
	at, err := time.Parse(layout, iso)
	if !ok || err != nil {
		return "", false
	}
	to := at
	switch unit {
	case "a":
		to = at.AddDate(n, 0, 0)
	case "mo":
		to = at.AddDate(0, n, 0)
	case "wk":
		to = at.AddDate(0, 0, 7*n)
	case "d":
		to = at.AddDate(0, 0, n)
	default:
		to = at.Add(time.Duration(n) * map[string]time.Duration{"h": time.Hour, "min": time.Minute, "s": time.Second}[unit])
	}
	if (unit == "a" || unit == "mo") && to.Day() != at.Day() { // 31 Jan and a month: the end of February
		to = to.AddDate(0, 0, -to.Day())
	}
	if to.Year() < 1880 || to.Year() > 9999 {
		return "", false
	}
	return to.Format(layout), true
}

// ordered drops an end that stands before its beginning.
func ordered(low, high string) (string, string) {
	if low != "" && high != "" && before(high, low) {
		return low, ""
	}
	return low, high
}

// ordered drops an end that stands before its beginning, which is a doubt.
func (r *reader) ordered(low, high string) (string, string) {
	if _, end := ordered(low, high); end != high {
		r.doubt(datesContradict)
		return low, ""
	}
	return low, high
}

// before compares two dateTimes as far as both are known.
func before(a, b string) bool {
	n := min(len(a), len(b), 10)
	return a[:n] < b[:n]
}

var months = []string{"", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// day writes the day of a dateTime for a person: "4 Jan 2014", "Jan 2014", "2014".
func day(iso string) string {
	if len(iso) < 7 {
		return iso
	}
	m, err := strconv.Atoi(iso[5:7])
	if err != nil || m < 1 || m > 12 {
		return iso
	}
	text := months[m] + " " + iso[:4]
	if len(iso) >= 10 {
		d, err := strconv.Atoi(iso[8:10])
		if err != nil {
			return iso
		}
		text = strconv.Itoa(d) + " " + text
	}
	return text
}

// authored returns the earliest time at which an author of a statement, or of the one around it,
// wrote, and the name of the last author.
func (r *reader) authored(statements ...*cda.Element) (at, name string) {
	for _, e := range statements {
		for a := range e.All("author") {
			if t := r.date(a.Child("time")); t != "" && (at == "" || before(t, at)) {
				at = t
			}
			if n := personOf(a.Child("assignedAuthor")); n != "" {
				name = n
			}
		}
		if at != "" || name != "" {
			return at, name
		}
	}
	return at, name
}

// named is a reference that only names.
func named(name string) *fhir.Node {
	if name == "" {
		return nil
	}
	return fhir.Obj("display", name)
}
