package search

import (
	"math"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// span is a stretch of time in Unix milliseconds, low inclusive, high exclusive.
type span struct{ low, high int64 }

// forever is open at both ends.
var forever = span{math.MinInt64, math.MaxInt64}

// parseSpan reads a date, dateTime or instant of any precision as the time it covers:
// "2024-03" is all of March. Values without a time zone are UTC.
func parseSpan(s string) (span, bool) {
	date, clock, hasClock := strings.Cut(s, "T")
	year, month, day := 0, 1, 1
	ok := false
	switch len(date) {
	case 4:
		year, ok = number(date, 0, 4)
	case 7:
		if date[4] == '-' {
			year, ok = number(date, 0, 4)
			if ok {
				month, ok = number(date, 5, 7)
			}
		}
	case 10:
		if date[4] == '-' && date[7] == '-' {
			year, ok = number(date, 0, 4)
			if ok {
				month, ok = number(date, 5, 7)
			}
			if ok {
				day, ok = number(date, 8, 10)
			}
		}
	}
	if !ok || year < 1 || month < 1 || month > 12 || day < 1 || hasClock && len(date) != 10 {
		return span{}, false
	}
	low := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if low.Day() != day {
		return span{}, false
	}
	if hasClock {
		return parseClock(low.UnixMilli(), clock)
	}
	var high time.Time
	switch len(date) {
	case 4:
		high = low.AddDate(1, 0, 0)
	case 7:
		high = low.AddDate(0, 1, 0)
	default:
		high = low.AddDate(0, 0, 1)
	}
	return span{low.UnixMilli(), high.UnixMilli()}, true
}

// parseClock reads hh:mm[:ss[.fff]][zone] on a day.
func parseClock(day int64, s string) (span, bool) {
	offset := int64(0)
	// A plus sign that was not escaped arrives from a URL as a space.
	if i := strings.IndexAny(s, "Z+- "); i >= 0 {
		zone := s[i:]
		if zone != "Z" {
			if len(zone) != 6 || zone[3] != ':' {
				return span{}, false
			}
			h, ok1 := number(zone, 1, 3)
			m, ok2 := number(zone, 4, 6)
			if !ok1 || !ok2 || h > 14 || m > 59 {
				return span{}, false
			}
			offset = int64(h*60+m) * 60_000
			if zone[0] == '-' {
				offset = -offset
			}
		}
		s = s[:i]
	}
	if len(s) < 5 || s[2] != ':' {
		return span{}, false
	}
	hour, ok1 := number(s, 0, 2)
	minute, ok2 := number(s, 3, 5)
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return span{}, false
	}
	at := day + int64(hour*60+minute)*60_000 - offset
	if len(s) == 5 {
		return span{at, at + 60_000}, true
	}
	if len(s) < 8 || s[5] != ':' {
		return span{}, false
	}
	second, ok := number(s, 6, 8)
	if !ok || second > 60 {
		return span{}, false
	}
	at += int64(second) * 1000
	if len(s) == 8 {
		return span{at, at + 1000}, true
	}
	if s[8] != '.' || len(s) == 9 || len(s) > 20 {
		return span{}, false
	}
	if _, ok := number(s, 9, len(s)); !ok {
		return span{}, false
	}
	width := int64(1000)
	for i := 9; i < len(s) && i < 12; i++ {
		width /= 10
		at += int64(s[i]-'0') * width
	}
	return span{at, at + width}, true
}

// number reads the digits of s[from:to]. A long run of digits only has to be digits.
func number(s string, from, to int) (int, bool) {
	n := 0
	for i := from; i < to; i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = (n*10 + int(c-'0')) % 1_000_000_000
	}
	return n, to > from
}

// extractDate appends the time that a value covers: FHIR R4, section 3.1.1.4.7. A Period
// without start or end is open there. Of a Timing the outer limits count.
func extractDate(out []Entry, param string, v fhirpath.Value) []Entry {
	s, ok := span{}, false
	switch n := v.Node(); v.Type() {
	case "Period":
		s, ok = periodSpan(n)
	case "Timing":
		s, ok = timingSpan(n)
	default:
		s, ok = parseSpan(v.Text())
	}
	if !ok {
		return out
	}
	return append(out, Entry{Param: param, Kind: KindDate, Low: s.low, High: s.high})
}

func periodSpan(n *fhir.Node) (span, bool) {
	s := forever
	start, hasStart := parseSpan(n.Get("start").Text())
	end, hasEnd := parseSpan(n.Get("end").Text())
	if hasStart {
		s.low = start.low
	}
	if hasEnd {
		s.high = end.high
	}
	return s, (hasStart || hasEnd) && s.low < s.high
}

func timingSpan(n *fhir.Node) (span, bool) {
	s, found := span{math.MaxInt64, math.MinInt64}, false
	for e := range n.Get("event").Items() {
		if x, ok := parseSpan(e.Text()); ok {
			s, found = span{min(s.low, x.low), max(s.high, x.high)}, true
		}
	}
	if bounds := n.Path("repeat.boundsPeriod"); bounds != nil {
		if x, ok := periodSpan(bounds); ok {
			s, found = span{min(s.low, x.low), max(s.high, x.high)}, true
		}
	}
	return s, found
}

// approximate widens a search value for ap: by its own length on either side, at least a
// day. There is no clock here to take a tenth of the distance from now.
func (s span) approximate() span {
	width := max(s.high-s.low, 24*3600*1000)
	return span{s.low - width, s.high + width}
}

func parseDate(param, value string) (Expr, error) {
	prefix, rest, err := cutPrefix(param, unescape(value))
	if err != nil {
		return nil, err
	}
	s, ok := parseSpan(rest)
	if !ok {
		return nil, malformed(param, value, "is not a date such as 2024, 2024-03, 2024-03-01 or 2024-03-01T10:00:00Z")
	}
	if prefix == Ap {
		s = s.approximate()
	}
	return Date{Param: param, Prefix: prefix, Low: s.low, High: s.high}, nil
}

// matchDate compares the range of a search value with the range of an entry, as the table
// in match.go says.
func matchDate(d *Date, e *Entry) bool {
	if e.Kind != KindDate {
		return false
	}
	within := d.Low <= e.Low && e.High <= d.High
	switch d.Prefix {
	case Ne:
		return !within
	case Gt:
		return e.High > d.High
	case Lt:
		return e.Low < d.Low
	case Ge:
		return e.High > d.High || within
	case Le:
		return e.Low < d.Low || within
	case Sa:
		return e.Low >= d.High
	case Eb:
		return e.High <= d.Low
	case Ap:
		return e.Low < d.High && d.Low < e.High
	case Co:
		return e.Low <= d.Low && d.High <= e.High
	}
	return within
}
