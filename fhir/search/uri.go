package search

import "strings"

// parseURI reads one value of a uri parameter.
func parseURI(param, modifier, value string) (Expr, error) {
	u := URI{Param: param, Value: unescape(value)}
	switch modifier {
	case "below":
		u.Mode = URIBelow
	case "above":
		u.Mode = URIAbove
	}
	return u, nil
}

// matchURI compares exactly. Below is true when the search value is a prefix of the entry,
// above when the entry is a prefix of the search value.
func matchURI(u *URI, e *Entry) bool {
	if e.Kind != KindURI {
		return false
	}
	switch u.Mode {
	case URIBelow:
		return strings.HasPrefix(e.URL, u.Value)
	case URIAbove:
		return e.URL != "" && strings.HasPrefix(u.Value, e.URL)
	}
	return e.URL == u.Value
}
