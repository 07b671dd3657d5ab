package search

import "slices"

// Modifiers returns the modifiers that a type of search parameter ("token") understands,
// sorted, with their colon. A reference also takes the name of a type (subject:Patient).
func Modifiers(searchType string) []string {
	out := []string{":missing"}
	for kind, list := range modifiers {
		if kindNames[kind] != searchType {
			continue
		}
		for _, m := range list {
			out = append(out, ":"+m)
		}
	}
	if searchType == "reference" {
		out = append(out, ":[type]")
	}
	slices.Sort(out)
	return out
}

// Prefixes returns the prefixes of values that a type of search parameter understands.
func Prefixes(searchType string) []Prefix {
	switch searchType {
	case "date", "number", "quantity":
		return []Prefix{Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap}
	}
	return nil
}

var kindNames = map[Kind]string{KindToken: "token", KindReference: "reference", KindString: "string", KindURI: "uri"}
