package rx

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// classWords are the ways in which people write an allergy to a whole class.
var classWords = map[string]drug.AllergyClass{
	"penicillin": drug.Penicillins, "penicillins": drug.Penicillins, "pcn": drug.Penicillins, "pen": drug.Penicillins,
	"aminopenicillin": drug.Penicillins, "aminopenicillins": drug.Penicillins,
	"cephalosporin": drug.Cephalosporins, "cephalosporins": drug.Cephalosporins,
	"sulfa": drug.SulfonamideAbx, "sulpha": drug.SulfonamideAbx, "sulfonamide": drug.SulfonamideAbx, "sulfonamides": drug.SulfonamideAbx,
	"sulphonamide": drug.SulfonamideAbx, "sulphonamides": drug.SulfonamideAbx,
	"nsaid": drug.NSAIDs, "nsaids": drug.NSAIDs, "statin": drug.Statins, "statins": drug.Statins,
	"opioid": drug.Opioids, "opioids": drug.Opioids, "opiate": drug.Opioids, "opiates": drug.Opioids,
	"macrolide": drug.Macrolides, "macrolides": drug.Macrolides, "quinolone": drug.Quinolones, "quinolones": drug.Quinolones,
	"fluoroquinolone": drug.Quinolones, "fluoroquinolones": drug.Quinolones,
	"tetracycline": drug.Tetracyclines, "tetracyclines": drug.Tetracyclines, "ssri": drug.SSRIs, "ssris": drug.SSRIs,
	"ace": drug.ACEInhibitors, "acei": drug.ACEInhibitors, "arb": drug.ARBs, "arbs": drug.ARBs, "ppi": drug.PPIs, "ppis": drug.PPIs,
}

// classCodes are codes of a whole class, of RxNorm, SNOMED CT, NDF-RT and its follower MED-RT: a document may name it by
// nothing else.
var classCodes = map[string]drug.AllergyClass{
	drug.RxNormSystem + "|70618": drug.Penicillins, "http://snomed.info/sct|764146007": drug.Penicillins, "http://snomed.info/sct|373270004": drug.Penicillins,
	"http://snomed.info/sct|387406002":      drug.SulfonamideAbx,
	"http://hl7.org/fhir/ndfrt|N0000175497": drug.Penicillins, "http://va.gov/terminology/medrt|N0000175497": drug.Penicillins,
	"http://hl7.org/fhir/ndfrt|N0000175488": drug.Cephalosporins, "http://va.gov/terminology/medrt|N0000175488": drug.Cephalosporins,
	"http://hl7.org/fhir/ndfrt|N0000175503": drug.SulfonamideAbx, "http://va.gov/terminology/medrt|N0000175503": drug.SulfonamideAbx,
}

// withinClass is how loud an allergy to one member is for another member of its class.
var withinClass = map[drug.AllergyClass]struct {
	tier   Tier
	source string
}{
	drug.Penicillins:     {Stop, "FDA labels of penicillins, section 4: contraindicated after a serious reaction to another beta-lactam"},
	drug.Cephalosporins:  {Warning, "Cross-reaction among cephalosporins follows the R1 side chain; FDA labels of cephalosporins, section 4"},
	drug.SulfonamideAbx:  {Stop, "FDA label Bactrim, section 4: contraindicated in hypersensitivity to sulfonamides"},
	drug.NSAIDs:          {Stop, "FDA labels of NSAIDs, section 4: contraindicated after asthma, urticaria or allergy to aspirin or another NSAID"},
	drug.ACEInhibitors:   {Stop, "FDA label Zestril, section 4: contraindicated after angioedema with an ACE inhibitor"},
	drug.ARBs:            {Warning, "FDA label Cozaar, section 4 (hypersensitivity) and 6"},
	drug.Statins:         {Warning, "FDA label Lipitor, section 4; intolerance to one statin does not always extend to others"},
	drug.Opioids:         {Warning, "FDA labels of opioids, section 4; many opioid reactions are histamine release and not allergy"},
	drug.Macrolides:      {Stop, "FDA label Zithromax, section 4: contraindicated in hypersensitivity to any macrolide"},
	drug.Quinolones:      {Stop, "FDA label Cipro, section 4: contraindicated in hypersensitivity to any quinolone"},
	drug.Tetracyclines:   {Stop, "FDA label Vibramycin, section 4: contraindicated in hypersensitivity to any tetracycline"},
	drug.Nitroimidazoles: {Stop, "FDA label Flagyl, section 4: contraindicated in hypersensitivity to nitroimidazoles"},
	drug.Azoles:          {Warning, "FDA label Diflucan, section 4: caution in hypersensitivity to other azoles"},
	drug.Anticonvulsants: {Stop, "FDA label Tegretol, section 5: cross-reaction among aromatic anticonvulsants"},
	drug.BetaBlockers:    {Warning, "FDA label Lopressor, section 4: hypersensitivity to other beta blockers"},
	drug.SulfaNonAbx:     {Warning, "FDA labels of thiazides and loop diuretics, section 4"},
	drug.SSRIs:           {Warning, "FDA label Zoloft, section 4"},
	drug.PPIs:            {Stop, "FDA label Prilosec, section 4: hypersensitivity to substituted benzimidazoles"},
}

const sideChainSource = "Identical R1 side chains: ampicillin, cefaclor, cephalexin; amoxicillin, cefadroxil, cefprozil. Aminopenicillin to aminocephalosporin up to more than 30 %; other cephalosporins rarely"

// culprit is what an allergy was understood as.
type culprit struct {
	ingredients []drug.Ingredient
	class       drug.AllergyClass
}

func understand(a Allergy) (culprit, bool) {
	text := a.Text
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(c rune) bool { return c < 'a' || c > 'z' }) {
		if class, ok := classWords[w]; ok && !exact(text, a.Codings) {
			return culprit{class: class}, true
		}
	}
	found, _ := drug.Recognise(text, a.Codings)
	for _, c := range a.Codings {
		if class, ok := classCodes[c.System+"|"+c.Code]; ok && len(found) == 0 {
			return culprit{class: class}, true
		}
	}
	return culprit{ingredients: found}, len(found) > 0
}

// Cause is what an allergy was understood to be to.
type Cause struct {
	culprit culprit
	known   bool
}

// CauseOf understands an allergy, so that it can be held to many others.
func CauseOf(a Allergy) (c Cause) {
	c.culprit, c.known = understand(a)
	return c
}

// Known reports whether the catalogue knows the cause.
func (c Cause) Known() bool { return c.known }

// Kin returns the class of medicines to which two allergies belong: one is to the class and the other to it or a member,
// or both are to members of one that labels rule out as a whole. Who is allergic to penicillin, or to penicillin G, is
// asked whether penicillin V is news.
func (c Cause) Kin(of Cause) (class drug.AllergyClass, ok bool) {
	switch {
	case !c.known || !of.known:
		return "", false
	case c.culprit.covers(of.culprit):
		return c.culprit.class, true
	case of.culprit.covers(c.culprit):
		return of.culprit.class, true
	}
	for _, i := range c.culprit.ingredients {
		for _, class := range i.Allergy {
			if withinClass[class].tier == Stop && inClass(of.culprit.ingredients, class) {
				return class, true
			}
		}
	}
	return "", false
}

func (c culprit) covers(of culprit) bool {
	return c.class != "" && (of.class == c.class || inClass(of.ingredients, c.class))
}

// exact reports whether the text names an ingredient such as "penicillin v" and not only
// the class.
func exact(text string, codings []drug.Coding) bool {
	found, ok := drug.Recognise(text, codings)
	return ok && len(found) > 0
}

// otherThings are allergens that no medicine contains in a way that this catalogue knows.
var otherThings = []string{"peanut", "nut", "pollen", "latex", "shellfish", "fish", "egg", "milk", "dairy", "wheat", "soy", "dust", "mite", "mold", "mould", "dander", "cat", "dog", "bee", "wasp", "grass", "tree", "nickel", "strawberr", "sesame", "lactose", "gluten"}

func foreign(a Allergy) bool {
	if a.Category == "food" || a.Category == "environment" || a.Category == "biologic" {
		return true
	}
	if a.Category == "medication" {
		return false
	}
	low := strings.ToLower(a.Text)
	return slices.ContainsFunc(otherThings, func(w string) bool { return strings.Contains(low, w) })
}

func checkAllergies(s *state) lang.Text {
	if len(s.Allergies) == 0 && !s.NoKnownAllergies {
		s.miss(Allergies, "", "no allergies are recorded that you may see, and no answer that there are none: ask")
		return lang.Say("no allergies recorded that you may see")
	}
	for _, a := range s.Allergies {
		c, ok := understand(a)
		if !ok {
			if !foreign(a) {
				s.miss(Allergies, a.Text, "this allergy is not in the catalogue, so it was not compared with the medicine")
			}
			continue
		}
		for _, i := range s.mine {
			s.compareAllergy(a, c, i)
		}
	}
	if len(s.Allergies) == 0 {
		return lang.Say("no known allergies that you may see")
	}
	return lang.Say("compared with %d on record", len(s.Allergies))
}

// compareAllergy finds the strongest relation of one allergy to one ingredient.
func (s *state) compareAllergy(a Allergy, c culprit, i drug.Ingredient) {
	for _, cause := range c.ingredients {
		if cause.Name == i.Name {
			s.allergy("ALG-SAME", a, i, Stop, lang.Say("%s is the medicine itself.", lang.Capital(i.Name)), "recorded reaction", i.Source)
			return
		}
	}
	if c.class != "" && i.InAllergyClass(c.class) {
		s.allergy("ALG-CLASS", a, i, Stop, lang.Say("%s is one of the %s.", lang.Capital(i.Name), lang.Say(string(c.class))), "label contraindication", withinClass[c.class].source)
		return
	}
	for _, cause := range c.ingredients {
		for _, class := range cause.Allergy {
			if i.InAllergyClass(class) {
				rule := withinClass[class]
				tier := rule.tier
				if class == drug.Cephalosporins && cause.SideChain != "" && cause.SideChain == i.SideChain {
					tier = Stop
				}
				if class == drug.SulfaNonAbx {
					continue // not a clinical class of its own; see sulfa below
				}
				s.allergy("ALG-CLASS", a, i, tier, lang.Say("%s and %s are both %s.", lang.Capital(i.Name), cause.Name, lang.Say(string(class))), "same class", rule.source)
				return
			}
		}
	}
	s.crossAllergy(a, c, i)
}

// crossAllergy grades relations between classes.
func (s *state) crossAllergy(a Allergy, c culprit, i drug.Ingredient) {
	toPenicillin := c.class == drug.Penicillins || inClass(c.ingredients, drug.Penicillins)
	toCephalosporin := c.class == drug.Cephalosporins || inClass(c.ingredients, drug.Cephalosporins)
	switch {
	case toPenicillin && i.InAllergyClass(drug.Cephalosporins) || toCephalosporin && i.InAllergyClass(drug.Penicillins):
		s.sideChain(a, c, i)
	case (c.class == drug.SulfonamideAbx || inClass(c.ingredients, drug.SulfonamideAbx)) && i.InAllergyClass(drug.SulfaNonAbx):
		s.allergy("ALG-SULFA", a, i, Quiet, lang.Say("%s contains a sulfonamide group but is not a sulfonamide antibiotic; cross-reaction is rare.", lang.Capital(i.Name)), "weak", "FDA labels of thiazides, section 5; the arylamine group of the antibiotics is absent")
	case (c.class == drug.ACEInhibitors || inClass(c.ingredients, drug.ACEInhibitors)) && i.Class == "neprilysin-inhibitor":
		s.allergy("ALG-ANGIO", a, i, Stop, lang.Say("%s is ruled out by its label after angioedema with an ACE inhibitor.", lang.Capital(i.Name)), "label contraindication", "FDA label Entresto, section 4")
	case (c.class == drug.ACEInhibitors || inClass(c.ingredients, drug.ACEInhibitors)) && i.InAllergyClass(drug.ARBs):
		s.allergy("ALG-ANGIO", a, i, Quiet, lang.Say("%s seldom causes angioedema after a reaction to an ACE inhibitor; a cough does not recur.", lang.Capital(i.Name)), "label precaution", "FDA label Cozaar, section 6")
	}
}

// sideChain grades penicillins against cephalosporins.
func (s *state) sideChain(a Allergy, c culprit, i drug.Ingredient) {
	shared := i.SideChain == "ampicillin" || i.SideChain == "amoxicillin"
	for _, cause := range c.ingredients {
		shared = cause.SideChain != "" && cause.SideChain == i.SideChain
	}
	switch {
	case shared && a.Severe:
		s.allergy("ALG-SIDECHAIN", a, i, Stop, lang.Say("%s may share a side chain with the cause of a severe reaction.", lang.Capital(i.Name)), "side chain", sideChainSource)
	case shared:
		s.allergy("ALG-SIDECHAIN", a, i, Warning, lang.Say("%s may share a side chain with the cause.", lang.Capital(i.Name)), "side chain", sideChainSource)
	case a.Severe:
		s.allergy("ALG-BETALACTAM", a, i, Warning, lang.Say("%s has another side chain; cross-reaction is rare, but the reaction was severe.", lang.Capital(i.Name)), "class", sideChainSource)
	default:
		s.allergy("ALG-BETALACTAM", a, i, Quiet, lang.Say("%s has another side chain; cross-reaction is rare.", lang.Capital(i.Name)), "class", sideChainSource)
	}
}

func inClass(list []drug.Ingredient, class drug.AllergyClass) bool {
	return slices.ContainsFunc(list, func(i drug.Ingredient) bool { return i.InAllergyClass(class) })
}

func (s *state) allergy(rule string, a Allergy, i drug.Ingredient, tier Tier, why lang.Text, evidence, source string) {
	if a.Intolerance && !a.Severe && tier == Stop {
		tier = Warning
	}
	what := "Allergy: %s"
	if a.Intolerance {
		what = "Intolerance: %s"
	}
	record := lang.Say("%s, %s, recorded %s", a.Text, a.Reaction, day(a.Date))
	if a.Reaction == "" {
		record = lang.Say("%s, reaction not recorded, recorded %s", a.Text, day(a.Date))
	}
	s.find(Finding{
		Rule: rule, Tier: tier, Heading: lang.Say(what, a.Text), Said: lang.Say("%s. %s", record, why),
		Evidence: evidence, Source: source,
		Involves: []Involved{{a.ID, a.Text}, {"", i.Name}},
		Actions:  []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Correct, Label: "Correct the allergy", Target: a.ID}, {Deed: Keep, Label: "Prescribe anyway"}},
	})
}
