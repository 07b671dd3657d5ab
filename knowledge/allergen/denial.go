package allergen

import "strings"

// Denial is what a statement says that there is none of. It is no allergy, and one of a part is not
// one of all.
type Denial uint8

// The denials.
const (
	NotDenied       Denial = iota // the statement is about an allergy
	DeniesAll                     // no known allergies
	DeniesMedicines               // no known allergies to medicines
	DeniesKind                    // none of another kind: food, latex
)

// denials are the statements of SNOMED CT, descendants of 716186003 and 160244002 which came before it.
var denials = map[string]Denial{
	"716186003": DeniesAll, "160244002": DeniesAll, "409137002": DeniesMedicines,
	"429625007": DeniesKind, "428607008": DeniesKind, "428197003": DeniesKind, "1003774007": DeniesKind,
}

// DenialOf reads a statement by its SNOMED CT codes, and by its words where it has none of these.
func DenialOf(snomed []string, words string) Denial {
	for _, c := range snomed {
		if d, ok := denials[c]; ok {
			return d
		}
	}
	what, ok := strings.CutPrefix(strings.ToLower(strings.Join(strings.Fields(words), " ")), "no known ")
	what = strings.TrimRight(what, ".")
	if !ok || strings.Contains(what, ";") {
		return NotDenied
	}
	for _, but := range []string{" except", " excluding", " but ", " other than ", " apart from "} { // "No known allergies except penicillin" names one
		if strings.Contains(" "+what+" ", but) {
			return NotDenied
		}
	}
	switch what {
	case "allergies", "allergy":
		return DeniesAll
	case "drug allergies", "drug allergy", "medication allergies", "medication allergy", "medicine allergies", "allergies to medicines", "allergies to medications", "allergies to drugs":
		return DeniesMedicines
	}
	if !strings.HasSuffix(what, "allergy") && !strings.HasSuffix(what, "allergies") {
		return NotDenied
	}
	return DeniesKind
}
