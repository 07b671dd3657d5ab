package search

import "time"

// Period returns the time that a FHIR date, dateTime or instant covers, from low up to but
// not including high: "2024-03" is all of March. Without a zone it is UTC.
func Period(value string) (low, high time.Time, ok bool) {
	s, ok := parseSpan(value)
	return time.UnixMilli(s.low).UTC(), time.UnixMilli(s.high).UTC(), ok
}
