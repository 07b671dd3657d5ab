package document

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// forms and routes are what doses are counted in and how they are given, by the words for them. Masses are in mg,
// volumes in mL.
var (
	forms = formed([]manner{
		{name: "tablet", words: `tab(?:let)?s?|tab\(s\)|tablet\(s\)|caplets?`}, {name: "capsule", words: `cap(?:sule)?s?|cap\(s\)|capsule\(s\)`}, {name: "puff", words: `puffs?|puff\(s\)|inhalers?|inhalations?|actuations?`},
		{name: "suppository", words: `suppositor(?:y|ies)|suppository\(s\)`}, {name: "drop", words: `drops?|gtts?`}, {name: "spray", words: `sprays?`}, {name: "patch", words: `patch(?:es)?`},
		{name: "mass", words: `mg|milligrams?`}, {name: "mass", words: `mcg|ug|µg|micrograms?`, factor: 0.001}, {name: "mass", words: `g|gm|grams?`, factor: 1000},
		{name: "volume", words: `ml|milliliters?|millilitres?|cc`}, {name: "volume", words: `tsps?|teaspoons?(?:fuls?)?`, factor: 5}, {name: "volume", words: `tbsps?|tablespoons?(?:fuls?)?`, factor: 15}, {name: "unit", words: `units?|iu`},
	})
	routes = formed([]manner{
		{name: "oral", words: `po|oral|orally|by mouth`}, {name: "inhaled", words: `inh|inhal[a-z]*|respiratory`}, {name: "rectal", words: `rectal|rectally|suppositor(?:y|ies)`}, {name: "intravenous", words: `iv|intravenous|intravenously`},
		{name: "intramuscular", words: `im|intramuscular|intramuscularly`}, {name: "subcutaneous", words: `sc|sq|subq|subcut|subcutaneous|subcutaneously`}, {name: "topical", words: `topical|topically|transdermal`},
	})
)

// countedForms are the first of forms: what is counted, not weighed.
const countedForms = 7

type manner struct {
	name, words  string
	factor       float64
	any, counted *regexp.Regexp
}

func formed(list []manner) []manner {
	for i := range list {
		f := &list[i]
		f.any = regexp.MustCompile(`(?i)(?:^|[^a-zµ])(?:` + f.words + `)(?:$|[^a-z])`)
		f.counted = regexp.MustCompile(number2 + ` ?(?:` + f.words + `)(?:$|[^a-z/])`)
		if f.factor == 0 {
			f.factor = 1
		}
	}
	return list
}

// maxDirections is how long directions are that are held to what is coded: longer ones a person has to read.
const maxDirections = 2000

// against reports whether the directions of an author contradict what is coded: another count of the same form,
// another form, another route, or another time between two doses.
func against(words string, dosage *fhir.Node) bool {
	if words == "" || len(words) > maxDirections {
		return words != ""
	}
	text := plainly(words)
	if otherDose(text, dosage.Path("doseAndRate.0")) {
		return true
	}
	if coded, ok := paceOf(dosage); ok {
		said, _ := pacesOf(text)
		if slices.ContainsFunc(said, func(p pace) bool { return !p.agrees(coded) }) {
			return true
		}
	}
	coded, said, agrees := false, false, false
	route := conceptText(dosage.Get("route"))
	for _, k := range routes {
		a, b := k.any.MatchString(route), k.any.MatchString(words)
		coded, said, agrees = coded || a, said || b, agrees || a && b
	}
	return coded && said && !agrees
}

// otherDose reports whether a text counts or weighs another dose than is coded. A mass that makes the coded one with
// a count beside it is a strength.
func otherDose(text string, rate *fhir.Node) bool {
	q := rate.Get("doseQuantity")
	low, known := q.Get("value").Float()
	high, unit := low, q.Get("unit").Text()
	if rng := rate.Get("doseRange"); rng != nil {
		var also bool
		low, known = rng.Path("low.value").Float()
		high, also = rng.Path("high.value").Float()
		known, unit = known && also, first(rng.Path("high.unit"), rng.Path("low.unit"))
	}
	if !known || strings.Contains(unit, "/") {
		return false
	}
	kind := "counted" // a number without a unit counts tablets, or whatever it is
	if unit = strings.Trim(unit, "{} "); unit != "" && unit != "1" {
		kind = ""
		for _, f := range forms {
			if kind == "" && f.any.MatchString(unit) {
				kind, low, high = f.name, low*f.factor, high*f.factor
			}
		}
	}
	var counts []float64
	doses := dosesIn(text)
	for _, d := range doses {
		if d.counted {
			counts = append(counts, d.high)
		}
	}
	mine, other := false, false
	for _, d := range doses {
		switch {
		case d.kind == kind || kind == "counted" && d.counted:
			mine = true
			fits := near(d.high, high) && (near(d.low, low) || low == high)
			if !fits && kind == "mass" {
				fits = slices.ContainsFunc(counts, func(n float64) bool { return near(d.high*n, high) })
			}
			if !fits {
				return true
			}
		case d.counted:
			other = true
		}
	}
	return other && !mine && kind != "" && slices.ContainsFunc(forms[:countedForms], func(f manner) bool { return f.name == kind })
}

func near(a, b float64) bool { return math.Abs(a-b) <= math.Abs(b)/50 }

// dose is an amount that a text gives.
type dose struct {
	kind      string
	low, high float64
	counted   bool
	at, end   int
}

var (
	goesOn = regexp.MustCompile(`\b(?:then|followed|or|and|may|to|increase[ds]?|decrease[ds]?|reduce[ds]?|alternat[a-z]*|except|plus)\b`)
	perAny = regexp.MustCompile(`^ ?(?:per|a day|daily total)\b`)
)

// dosesIn finds the amounts of a text that are to be taken: the first of each kind, and those after it that go on
// from it or have a time of their own. What is dispensed, or taken in all, is none.
func dosesIn(text string) (list []dose) {
	if !strings.ContainsAny(text, "0123456789") {
		return nil
	}
	text = inAll.ReplaceAllStringFunc(text, func(m string) string { return strings.Repeat(" ", len(m)) })
	for i, f := range forms {
		var found []dose
		for _, at := range f.counted.FindAllStringSubmatchIndex(text, -1) {
			end := at[1]
			if end > at[0] && (text[end-1] == ' ' || text[end-1] == ',' || text[end-1] == ';' || text[end-1] == '.' || text[end-1] == ')') {
				end--
			}
			if perAny.MatchString(text[end:]) || at[0] > 0 && (text[at[0]-1] == '.' || text[at[0]-1] == '/' || text[at[0]-1] >= '0' && text[at[0]-1] <= '9') {
				continue
			}
			two := ""
			if at[4] >= 0 {
				two = text[at[4]:at[5]]
			}
			low, high := ranged(text[at[2]:at[3]], two, func(v float64) float64 { return v * f.factor })
			found = append(found, dose{f.name, low, high, i < countedForms, at[0], end})
		}
		for k, d := range found {
			after := text[d.end:]
			if k+1 < len(found) {
				after = text[d.end:found[k+1].at]
			}
			if k == 0 || goesOn.MatchString(text[found[k-1].end:d.at]) || times.MatchString(after) {
				list = append(list, d)
			}
		}
	}
	return list
}

var (
	numberWord = regexp.MustCompile(`\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve)\b`)
	digitOf    = map[string]string{"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "twelve": "12"}
	vulgar     = strings.NewReplacer("½", " 1/2", "¼", " 1/4", "¾", " 3/4", "⅓", " 1/3", "⅔", " 2/3", "⅛", " 1/8", "–", "-", "—", "-", "−", "-", "⁄", "/", "×", "x", "μ", "µ")
	levelled   = regexp.MustCompile(`([¹²³])/([₂₃₄₈])`)
	inBrackets = regexp.MustCompile(`\(([0-9]+(?:\.[0-9]+)?)\)`)
	andAHalf   = regexp.MustCompile(`\b([0-9]+) and (?:a |1[ -])?half\b`)
	half       = regexp.MustCompile(`\b(?:a |1[ -])?half(?: of)?(?: an?)?\b`)
	fraction   = regexp.MustCompile(`(?:\b([0-9]+)(?: and | |-))?\b([1-7])/([2348])\b`)
	bigNumber  = regexp.MustCompile(`\b([0-9]{1,3}),([0-9]{3})\b`)
	comma      = regexp.MustCompile(`\b([0-9]+),([0-9]{1,2})\b`)
	bareDot    = regexp.MustCompile(`(^|[^0-9])\.([0-9])`)
	inAll      = regexp.MustCompile(`\b(?:max(?:imum)?|(?:do )?not (?:to )?exceed|no(?:t)? more than|total of|dispense|disp|qty|quantity|supply|refills?)\b[^.;,)]*?[0-9]+(?:\.[0-9]+)? ?(?:[a-z]+(?:\(s\))?)?|# ?[0-9]+`)
)

// plainly writes directions in lower case, with their numbers as decimals: "Take one and a half tablets" is
// "take 1.5 tablets".
func plainly(words string) string {
	s := levelled.ReplaceAllStringFunc(words, func(m string) string {
		return " " + strings.NewReplacer("¹", "1", "²", "2", "³", "3", "₂", "2", "₃", "3", "₄", "4", "₈", "8").Replace(m)
	})
	s = strings.ToLower(vulgar.Replace(s))
	s = numberWord.ReplaceAllStringFunc(s, func(w string) string { return digitOf[w] })
	s = inBrackets.ReplaceAllString(s, " $1 ")
	s = collapse(s)
	s = andAHalf.ReplaceAllString(s, "$1.5")
	s = half.ReplaceAllString(s, "0.5 ")
	s = fraction.ReplaceAllStringFunc(s, func(m string) string {
		p := fraction.FindStringSubmatch(m)
		whole, _ := strconv.ParseFloat(p[1], 64)
		a, _ := strconv.ParseFloat(p[2], 64)
		b, _ := strconv.ParseFloat(p[3], 64)
		if a >= b {
			return m
		}
		return strconv.FormatFloat(math.Round((whole+a/b)*1000)/1000, 'f', -1, 64)
	})
	s = bigNumber.ReplaceAllString(s, "$1$2")
	s = comma.ReplaceAllString(s, "$1.$2")
	s = bareDot.ReplaceAllString(s, "${1}0.$2")
	return collapse(s)
}

// beyond are the words of directions that a dose, a route and a time do not have: "hold if drowsy", "for 7 days".
func beyond(words string) string {
	_, rest := pacesOf(plainly(words))
	for _, f := range forms {
		rest = f.counted.ReplaceAllString(rest, " ")
	}
	for _, f := range routes {
		rest = f.any.ReplaceAllString(rest, " ")
	}
	rest = needed.ReplaceAllString(rest, " ")
	var out []string
	for _, w := range strings.FieldsFunc(rest, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r > 0x7f) }) {
		if w = strings.Trim(w, "."); w != "" && !idle[w] {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// idle are words of directions that change nothing of a dose.
var idle = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`take takes taken use inhale inject insert apply instill chew swallow give the a an of and in at by on to with your his her this each every for via as
		mouth route tablet tablets tab tabs capsule capsules cap caps puff puffs dose doses time times day daily po oral orally`) {
		m[w] = true
	}
	return m
}()

// weighty are words that change how much is taken, or whether.
var weighty = regexp.MustCompile(`[0-9]|\b(?:hold|if|unless|except|then|taper|titrat[a-z]*|increase|decrease|reduce|not|until|stop|only|alternat[a-z]*|max(?:imum)?|exceed|sliding|scale|inr|skip|avoid|loading|once)\b`)
