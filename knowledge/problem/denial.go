package problem

import (
	"slices"
	"strings"
)

// NoneKnown is the SNOMED CT concept of "no current problems or disability".
const NoneKnown = "160245001"

// Denies reports whether an entry of a problem list says that there are no problems, and so is none: by the code
// of that, or, where it has no code, in these words and no others.
func Denies(codes []string, words string) bool {
	if len(codes) > 0 {
		return slices.Contains(codes, NoneKnown)
	}
	switch strings.ToLower(strings.Trim(strings.Join(strings.Fields(words), " "), ".")) {
	case "no known problems", "no current problems", "no problems", "no current problems or disability", "no known problems or disability":
		return true
	}
	return false
}
