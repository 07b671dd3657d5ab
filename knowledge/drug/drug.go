// Package drug is Osler's own small catalogue of the medicines that a family practice
// prescribes or meets.
//
// A row is one ingredient: its names, class, allergy classes, flags that the rules of
// knowledge/rx read, the usual adult maximum a day, and the source of these facts. Order
// sentences say how a medicine is usually prescribed. All rows are written from public
// facts (FDA labels); none is copied from a licensed list. The catalogue helps a
// prescriber and replaces neither label nor judgement.
//
//	found := drug.Search("sulfameth", 8)           // order sentences
//	what, ok := drug.Recognise("lisinopril 20 MG Oral Tablet", nil)
//
// What the catalogue does not know it says: Recognise returns ok only when every word of a
// medicine's text is understood, so that nobody mistakes "not known" for "safe".
package drug

import "strings"

// Edition is the date of the facts in the tables, shown with each finding.
const Edition = "2026-11-01"

// Flag marks a property that rules ask for. An ingredient may carry several.
type Flag uint32

// The flags.
const (
	// HighQT marks medicines whose label has a boxed or bold warning of QT prolongation,
	// or that the high-priority pair list names as high risk.
	HighQT Flag = 1 << iota
	// QT marks a lesser QT warning in the label.
	QT
	Serotonergic
	// Bleeding raises the risk of bleeding.
	Bleeding
	// RaisesPotassium can cause hyperkalaemia.
	RaisesPotassium
	// Sedative depresses the central nervous system.
	Sedative
	// Nephrotoxic can harm kidneys, above all together with others of its kind.
	Nephrotoxic
	Anticholinergic
	// LowersSeizureThreshold is a label warning for people with epilepsy.
	LowersSeizureThreshold
	// LowersGlucose can cause hypoglycaemia on its own.
	LowersGlucose
	// StrongCYP3A4Inhibitor and the following are roles from the FDA table of substrates,
	// inhibitors and inducers.
	StrongCYP3A4Inhibitor
	StrongCYP3A4Inducer
	StrongCYP1A2Inhibitor
	CYP1A2Inhibitor
	// HarmsFetus: the label contraindicates it in pregnancy or has a boxed warning.
	HarmsFetus
	// CautionPregnancy: the label advises against it in a part of pregnancy.
	CautionPregnancy
	// HighAlert marks medicines whose errors do much harm.
	HighAlert
)

// Has reports whether any of the flags in want is set.
func (f Flag) Has(want Flag) bool { return f&want != 0 }

// Class is a therapeutic class, Osler's own id, about as wide as ATC level 4. Two medicines
// of one class are duplicate therapy unless the class is marked otherwise.
type Class string

// AllergyClass groups ingredients to which one allergy extends.
type AllergyClass string

// The allergy classes.
const (
	Penicillins     AllergyClass = "penicillins"
	Cephalosporins  AllergyClass = "cephalosporins"
	SulfonamideAbx  AllergyClass = "sulfonamide antibiotics"
	NSAIDs          AllergyClass = "NSAIDs"
	ACEInhibitors   AllergyClass = "ACE inhibitors"
	ARBs            AllergyClass = "angiotensin receptor blockers"
	Statins         AllergyClass = "statins"
	Opioids         AllergyClass = "opioids"
	Macrolides      AllergyClass = "macrolides"
	Quinolones      AllergyClass = "quinolones"
	Tetracyclines   AllergyClass = "tetracyclines"
	Nitroimidazoles AllergyClass = "nitroimidazoles"
	Azoles          AllergyClass = "azole antifungals"
	Anticonvulsants AllergyClass = "aromatic anticonvulsants"
	BetaBlockers    AllergyClass = "beta blockers"
	SulfaNonAbx     AllergyClass = "sulfonamides that are not antibiotics"
	SSRIs           AllergyClass = "SSRIs"
	PPIs            AllergyClass = "proton pump inhibitors"
)

// Amount is a quantity of a substance.
type Amount struct {
	Value float64
	Unit  string // mg, mcg, g, unit
}

// Ingredient is one active substance.
type Ingredient struct {
	Name    string // generic name in lower case: "lisinopril"
	RxNorm  string // RxNorm code of the ingredient; "" when not certain
	Class   Class
	Brands  string // trade names, separated by commas
	Also    string // other names and spellings, separated by commas
	Allergy []AllergyClass
	// SideChain groups beta-lactams with the same R1 side chain.
	SideChain string
	Flags     Flag
	MaxDaily  Amount // usual adult maximum by the usual route; zero when not given
	Source    string // never empty; a test holds it
}

// InAllergyClass reports whether an allergy to a class extends to the ingredient.
func (i Ingredient) InAllergyClass(c AllergyClass) bool {
	for _, have := range i.Allergy {
		if have == c {
			return true
		}
	}
	return false
}

// ByName returns the ingredient with this generic name, other name or brand of a single
// ingredient, in any case.
func ByName(name string) (Ingredient, bool) {
	at, ok := byName[strings.ToLower(strings.TrimSpace(name))]
	if !ok {
		return Ingredient{}, false
	}
	return ingredients[at], true
}

// ByRxNorm returns the ingredient with this RxNorm code.
func ByRxNorm(code string) (Ingredient, bool) {
	at, ok := byCode[code]
	if !ok || code == "" {
		return Ingredient{}, false
	}
	return ingredients[at], true
}

// Ingredients returns all rows. Do not change them.
func Ingredients() []Ingredient { return ingredients }

// Combination is a brand of several ingredients.
type Combination struct {
	Brand       string
	Ingredients []string
	Source      string
}

// label cites the FDA label of a product.
func label(product string) string {
	return "FDA prescribing information, " + product + " (DailyMed), sections 2, 4, 5, 7 and 8"
}

// monograph cites the FDA's over-the-counter drug facts.
func monograph(product string) string {
	return "FDA over-the-counter drug facts, " + product + " (DailyMed)"
}

func mg(v float64) Amount  { return Amount{v, "mg"} }
func mcg(v float64) Amount { return Amount{v, "mcg"} }

var (
	ingredients = collect(cardiovascular, metabolic, antiinfective, nervous, pain, other, specialist)
	byName      = indexNames(ingredients)
	byCode      = indexCodes(ingredients)
)

func collect(tables ...[]Ingredient) []Ingredient {
	var all []Ingredient
	for _, t := range tables {
		all = append(all, t...)
	}
	return all
}

func indexNames(rows []Ingredient) map[string]int {
	m := make(map[string]int, 4*len(rows))
	for at, r := range rows {
		m[r.Name] = at
		for _, list := range []string{r.Also, r.Brands} {
			for _, n := range split(list) {
				m[strings.ToLower(n)] = at
			}
		}
	}
	return m
}

func indexCodes(rows []Ingredient) map[string]int {
	m := make(map[string]int, len(rows))
	for at, r := range rows {
		if r.RxNorm != "" {
			m[r.RxNorm] = at
		}
	}
	return m
}

// split cuts a list at commas and trims the items.
func split(list string) []string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
