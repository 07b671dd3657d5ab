package medication

import (
	"slices"
	"strconv"
	"strings"
)

// ParseCount reads an amount as people type it: "1 tablet", "1.5 tablets", "½ tablet",
// "6", "90 tablets". A plural loses its s; the unit may be empty.
func ParseCount(text string) (amount float64, unit string, ok bool) {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "½", "0.5")), " ")
	digits := len(text) - len(strings.TrimLeft(text, "0123456789.,"))
	if digits == 0 || digits > 9 {
		return 0, "", false
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(text[:digits], ",", ""), 64)
	if err != nil || v < 0 {
		return 0, "", false
	}
	return v, Singular(strings.TrimSpace(text[digits:])), true
}

// Singular takes the plural s off the units that are counted: "tablets" is "tablet".
func Singular(unit string) string {
	for _, one := range []string{"tablet", "capsule", "puff", "patch", "drop", "dose", "sachet", "spray", "pen", "inhaler", "unit", "day", "bottle", "vial", "injection", "inhalation", "application", "thin layer", "auto-injector", "capful"} {
		if unit == one+"s" || unit == one+"es" {
			return one
		}
	}
	return unit
}

// Amount reports whether a unit measures a substance, as "mg" does. It says how much is taken, and never
// what is supplied: that is tablets, or bottles.
func Amount(unit string) bool {
	return slices.Contains([]string{"ng", "mcg", "µg", "μg", "ug", "mg", "g", "kg", "unit", "iu", "meq", "mmol"}, strings.ToLower(strings.TrimSuffix(unit, ".")))
}
