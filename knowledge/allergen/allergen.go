// Package allergen knows what people are allergic to and how they react: the substances of
// knowledge/drug, classes of them, and common foods, materials, insects and inhalants.
//
//	allergen.Search("pen", 8)  // penicillin (class) first
//
// The list only helps typing: any other substance can be written in free text. Names of
// foods and materials are common knowledge (the eight major food allergens are those of the
// United States Food Allergen Labeling Act, and sesame).
package allergen

import (
	"cmp"
	"slices"
	"strings"

	"github.com/osler-emr/osler/knowledge/drug"
)

// Category is the kind of a substance: a code of FHIR's AllergyIntoleranceCategory.
type Category string

// The categories.
const (
	Medication  Category = "medication"
	Food        Category = "food"
	Environment Category = "environment"
	Biologic    Category = "biologic"
)

// Agent is something that people react to.
type Agent struct {
	Text     string
	RxNorm   string // of a medicine's ingredient, when known
	Category Category
	Class    bool // a class of medicines rather than one
	words    string
}

// common are the agents that are no single medicine of the catalogue, in the order in which
// clinics meet them.
var common = []Agent{
	{"penicillin", "", Medication, true, "penicillins beta-lactam"},
	{"sulfonamide antibiotics", "", Medication, true, "sulfa sulfonamides sulphonamides"},
	{"cephalosporins", "", Medication, true, "beta-lactam"},
	{"NSAIDs", "", Medication, true, "anti-inflammatory nsaid"},
	{"opioids", "", Medication, true, "narcotics"},
	{"ACE inhibitors", "", Medication, true, ""},
	{"statins", "", Medication, true, ""},
	{"macrolides", "", Medication, true, ""},
	{"quinolones", "", Medication, true, "fluoroquinolones"},
	{"tetracyclines", "", Medication, true, ""},
	{"iodinated contrast", "", Medication, false, "contrast dye iodine x-ray radiocontrast"},
	{"gadolinium contrast", "", Medication, false, "mri dye"},
	{"povidone-iodine", "", Medication, false, "betadine iodine"},
	{"chlorhexidine", "", Medication, false, "antiseptic"},
	{"local anaesthetics", "", Medication, true, "lidocaine novocaine anesthetics"},
	{"general anaesthetics", "", Medication, true, "anesthetics"},
	{"insulin", "", Medication, false, ""},
	{"influenza vaccine", "", Biologic, false, "flu"},
	{"tetanus toxoid vaccine", "", Biologic, false, ""},
	{"immune globulin", "", Biologic, false, "immunoglobulin ivig"},
	{"peanut", "", Food, false, "nut groundnut"},
	{"tree nuts", "", Food, false, "almond walnut cashew hazelnut pistachio pecan"},
	{"egg", "", Food, false, "eggs"},
	{"cow's milk", "", Food, false, "dairy"},
	{"wheat", "", Food, false, "gluten"},
	{"soy", "", Food, false, "soya bean"},
	{"fish", "", Food, false, "cod salmon"},
	{"shellfish", "", Food, false, "shrimp prawn crab lobster crustacean"},
	{"sesame", "", Food, false, "seed"},
	{"strawberry", "", Food, false, "fruit"},
	{"kiwi", "", Food, false, "fruit"},
	{"banana", "", Food, false, "fruit latex"},
	{"mustard", "", Food, false, ""},
	{"celery", "", Food, false, ""},
	{"gelatin", "", Food, false, "gelatine"},
	{"alpha-gal (red meat)", "", Food, false, "beef pork lamb tick"},
	{"sulfites", "", Food, false, "sulphites wine preservative"},
	{"latex", "", Environment, false, "rubber glove"},
	{"adhesive tape", "", Environment, false, "plaster sticking"},
	{"nickel", "", Environment, false, "metal"},
	{"bee venom", "", Environment, false, "sting honeybee insect"},
	{"wasp venom", "", Environment, false, "sting hornet yellow jacket insect"},
	{"fire ant venom", "", Environment, false, "sting insect"},
	{"mosquito bite", "", Environment, false, "insect"},
	{"grass pollen", "", Environment, false, "hay fever timothy"},
	{"tree pollen", "", Environment, false, "hay fever birch oak"},
	{"ragweed pollen", "", Environment, false, "hay fever weed"},
	{"house dust mite", "", Environment, false, ""},
	{"mold", "", Environment, false, "mould fungus spores"},
	{"cat dander", "", Environment, false, "animal hair"},
	{"dog dander", "", Environment, false, "animal hair"},
	{"horse dander", "", Environment, false, "animal hair"},
	{"cockroach", "", Environment, false, "insect"},
	{"fragrance", "", Environment, false, "perfume"},
	{"formaldehyde", "", Environment, false, ""},
	{"poison ivy", "", Environment, false, "plant oak sumac"},
}

// Search returns the agents of which a name begins with the typed text, then those of which
// another word does. Classes and common substances stand before single medicines.
func Search(typed string, limit int) []Agent {
	typed = strings.ToLower(strings.TrimSpace(typed))
	if typed == "" {
		return nil
	}
	type hit struct {
		a    Agent
		rank int
	}
	var hits []hit
	for _, a := range all() {
		switch name := strings.ToLower(a.Text); {
		case name == typed:
			hits = append(hits, hit{a, 0})
		case strings.HasPrefix(name, typed):
			hits = append(hits, hit{a, 1})
		case begins(name, typed), begins(a.words, typed):
			hits = append(hits, hit{a, 2})
		}
	}
	slices.SortStableFunc(hits, func(x, y hit) int { return cmp.Compare(x.rank, y.rank) })
	var out []Agent
	for _, h := range hits[:min(limit, len(hits))] {
		out = append(out, h.a)
	}
	return out
}

// Find returns the agent with exactly this name, in any case; a brand finds its medicine.
func Find(text string) (Agent, bool) {
	text = strings.TrimSpace(text)
	for _, a := range common {
		if strings.EqualFold(a.Text, text) {
			return a, true
		}
	}
	if i, ok := drug.ByName(text); ok {
		return ofDrug(i), true
	}
	return Agent{}, false
}

func all() []Agent {
	out := slices.Clone(common)
	for _, i := range drug.Ingredients() {
		out = append(out, ofDrug(i))
	}
	return out
}

func ofDrug(i drug.Ingredient) Agent {
	return Agent{Text: i.Name, RxNorm: i.RxNorm, Category: Medication, words: strings.ToLower(i.Brands + " " + i.Also)}
}

func begins(text, typed string) bool {
	for at := range text {
		if (at == 0 || strings.ContainsRune(" ,(-", rune(text[at-1]))) && strings.HasPrefix(text[at:], typed) {
			return true
		}
	}
	return false
}

// Reaction is what a substance did, with the severity that such a reaction usually has.
type Reaction struct {
	Text string
	// Severity is mild, moderate or severe: a code of FHIR's reaction-event-severity.
	Severity string
	// High says that the next exposure may be life-threatening (criticality high).
	High bool
}

// Reactions are the usual ones, in the order in which the form offers them.
func Reactions() []Reaction {
	return []Reaction{
		{"rash", "mild", false}, {"hives", "moderate", false}, {"itching", "mild", false},
		{"anaphylaxis", "severe", true}, {"swelling of face or tongue", "severe", true},
		{"wheeze or short breath", "severe", true}, {"cough", "mild", false},
		{"nausea or vomiting", "mild", false}, {"diarrhoea", "mild", false},
		{"severe skin reaction", "severe", true}, {"muscle pain", "moderate", false},
		{"runny nose or itchy eyes", "mild", false},
	}
}
