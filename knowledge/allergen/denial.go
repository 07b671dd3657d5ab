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

// NoneKnown is the statement of SNOMED CT that no allergy is known.
const NoneKnown = "716186003"

// denials are the statements of SNOMED CT, descendants of 716186003 and 160244002 which came before it.
var denials = map[string]struct {
	denial Denial
	name   string
}{
	NoneKnown: {DeniesAll, "No known allergy"}, "160244002": {DeniesAll, "No known allergies"}, "409137002": {DeniesMedicines, "No known drug allergy"},
	"429625007": {DeniesKind, "No known food allergy"}, "428607008": {DeniesKind, "No known environmental allergy"}, "428197003": {DeniesKind, "No known insect allergy"}, "1003774007": {DeniesKind, "No known latex allergy"},
}

// statements are what denies all of a kind of allergy, by the SNOMED CT code of the kind.
var statements = map[string]string{
	"419199007": NoneKnown, "420134006": NoneKnown, "418038007": NoneKnown, "426232007": "428607008", "414285001": "429625007",
	"418471000": "429625007", "416098002": "409137002", "419511003": "409137002", "59037007": "409137002",
}

// DenialName is what a statement of SNOMED CT that there is none is called; "" for any other code.
func DenialName(snomed string) string { return denials[snomed].name }

// Denying is the statement that there is none of a kind of allergy, both codes of SNOMED CT; "" when there
// is no such statement.
func Denying(kind string) string { return statements[kind] }

// DenialOf reads a statement by its SNOMED CT codes, and by its words where it has none of these.
func DenialOf(snomed []string, words string) Denial {
	for _, c := range snomed {
		if d, ok := denials[c]; ok {
			return d.denial
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
