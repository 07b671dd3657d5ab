package drug

import (
	"slices"
	"strings"
)

// Coding is a code of a medicine, as in FHIR.
type Coding struct{ System, Code, Display string }

// RxNormSystem is the FHIR system of RxNorm codes.
const RxNormSystem = "http://www.nlm.nih.gov/research/umls/rxnorm"

// maxText bounds the text that Recognise reads; longer text is not recognised.
const maxText = 500

// Recognise finds the ingredients of a medicine in its text and codes: generic names,
// other names, brands and RxNorm ingredient codes, in combination products too. ok is true
// only when at least one ingredient was found and every word that is not strength, form,
// salt or packaging was understood. When it is false, the ingredients that were found are
// returned all the same; checks with them are incomplete and must say so.
func Recognise(text string, codings []Coding) ([]Ingredient, bool) {
	var byCodes []Ingredient
	for _, c := range codings {
		if c.System == RxNormSystem {
			if i, ok := ByRxNorm(c.Code); ok {
				byCodes = addIngredient(byCodes, i)
			}
		}
	}
	found, rest := read(text)
	if len(found) == 0 {
		for _, c := range codings {
			if f, r := read(c.Display); len(f) > 0 {
				found, rest = f, r
				break
			}
		}
	}
	ok := len(found) > 0 && len(rest) == 0
	if len(found) == 0 && len(byCodes) > 0 {
		ok = true // an ingredient's own code is complete
	}
	for _, i := range byCodes {
		found = addIngredient(found, i)
	}
	return found, ok
}

// Unread returns the words of a medicine's text that the catalogue does not understand.
func Unread(text string) []string {
	_, rest := read(text)
	return rest
}

func addIngredient(list []Ingredient, i Ingredient) []Ingredient {
	if slices.ContainsFunc(list, func(have Ingredient) bool { return have.Name == i.Name }) {
		return list
	}
	return append(list, i)
}

// read takes the longest known name at each word and collects the words that mean nothing.
func read(text string) (found []Ingredient, rest []string) {
	if len(text) > maxText {
		return nil, []string{"text too long"}
	}
	words := wordsOf(text)
	for at := 0; at < len(words); {
		n, these := longestName(words[at:])
		if n == 0 {
			if !noise(words[at]) {
				rest = append(rest, words[at])
			}
			at++
			continue
		}
		for _, i := range these {
			found = addIngredient(found, i)
		}
		at += n
	}
	return found, rest
}

const longest = 4 // words in a name

func longestName(words []string) (int, []Ingredient) {
	for n := min(longest, len(words)); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		if at, ok := nameWords[name]; ok {
			return n, []Ingredient{ingredients[at]}
		}
		if names, ok := comboWords[name]; ok {
			var these []Ingredient
			for _, s := range names {
				if i, ok := ByName(s); ok {
					these = append(these, i)
				}
			}
			return n, these
		}
	}
	return 0, nil
}

// nameWords holds every name as wordsOf cuts it.
var (
	nameWords  = indexWords(byName)
	comboWords = indexCombinations(combinations)
)

func indexWords(names map[string]int) map[string]int {
	m := make(map[string]int, len(names))
	for n, at := range names {
		m[strings.Join(wordsOf(n), " ")] = at
	}
	return m
}

func indexCombinations(rows []Combination) map[string][]string {
	m := make(map[string][]string, len(rows))
	for _, c := range rows {
		m[strings.Join(wordsOf(c.Brand), " ")] = c.Ingredients
	}
	return m
}

// wordsOf cuts a text into lower-case words at everything but letters, digits, dots
// between digits and apostrophes.
func wordsOf(text string) []string {
	text = strings.ToLower(strings.ReplaceAll(text, "’", "'"))
	return strings.FieldsFunc(text, func(c rune) bool {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '\'', c == '.', c == '%', c == 'µ':
			return false
		}
		return c < 0x80 // other scripts stay words of their own and are not understood
	})
}

// noise reports whether a word is strength, unit, form, salt or packaging.
func noise(w string) bool {
	w = strings.Trim(w, ".'")
	if w == "" || isNumber(w) {
		return true
	}
	_, ok := noiseWords[w]
	return ok
}

// isNumber accepts numbers, also with a unit behind: "12.5", "500mg", "0.15".
func isNumber(w string) bool {
	digits := strings.TrimLeft(w, "0123456789.")
	if digits == w {
		return strings.HasPrefix(w, "nda") && strings.Trim(w[3:], "0123456789") == "" && len(w) > 3
	}
	if digits == "" {
		return true
	}
	_, ok := noiseWords[digits]
	return ok
}

var noiseWords = wordSet(`
mg mcg µg ug g kg ml l unit units iu meq mmol actuat actuation hr h hour hours day days week weeks month months pack packs
per in of and with plus for the a
oral tablet tablets tab tabs capsule capsules cap caps caplet caplets solution suspension syrup elixir powder granules sachet
liquid drops drop spray sprays puff puffs inhaler inhalation inhalant metered dose dry aerosol nebulizer mist soft
extended release er xr xl sr la cr dr ec mr modified delayed prolonged sustained controlled immediate enteric coated chewable
disintegrating odt effervescent sublingual buccal mucosal film topical cream ointment gel lotion foam patch patches transdermal
system nasal ophthalmic otic eye ear rectal suppository vaginal intrauterine ring injection injectable injector auto prefilled
syringe pen pens vial cartridge device kit hfa diskus handihaler respimat flexpen kwikpen solostar abuse deterrent low strength
intravenous intramuscular subcutaneous mouth % w v
hydrochloride hcl sodium potassium calcium magnesium sulfate sulphate maleate besylate mesylate tartrate bitartrate succinate
fumarate acetate phosphate citrate carbonate bromide hydrobromide nitrate xinafoate propionate furoate dipropionate acetonide
monohydrate dihydrate trihydrate hemihydrate anhydrous medoxomil cilexetil axetil etexilate tromethamine saccharate aspartate
valerate trometamol human recombinant micronized macrocrystals nanocrystallized base usp hct
`)

func wordSet(list string) map[string]struct{} {
	m := map[string]struct{}{}
	for w := range strings.FieldsSeq(list) {
		m[w] = struct{}{}
	}
	return m
}
