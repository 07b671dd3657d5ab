package document

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// forms and routes are what doses are counted in and how they are given, by the words for them.
var (
	forms = manners{
		{"tablet", `tab(let)?s?|tab\(s\)|tablet\(s\)`}, {"capsule", `cap(sule)?s?|cap\(s\)|capsule\(s\)`}, {"puff", `puffs?|puff\(s\)|inhalers?|inhalations?|actuations?`},
		{"suppository", `suppositor(y|ies)|suppository\(s\)`}, {"drop", `drops?|gtts?`}, {"spray", `sprays?`}, {"patch", `patch(es)?`},
		{"mg", `mg|milligrams?`}, {"mcg", `mcg|ug|micrograms?`}, {"mL", `ml|milliliters?|millilitres?`}, {"unit", `units?`},
	}.compile()
	routes = manners{
		{"oral", `po|oral|orally|by mouth`}, {"inhaled", `inh|inhal[a-z]*|respiratory`}, {"rectal", `rectal|rectally|suppositor(y|ies)`}, {"intravenous", `iv|intravenous|intravenously`},
		{"intramuscular", `im|intramuscular|intramuscularly`}, {"subcutaneous", `sc|sq|subq|subcut|subcutaneous|subcutaneously`}, {"topical", `topical|topically|transdermal`},
	}.compile()
)

type manners [][2]string

type manner struct {
	name         string
	any, counted *regexp.Regexp
}

func (list manners) compile() (out []manner) {
	for _, k := range list {
		out = append(out, manner{k[0], regexp.MustCompile(`(?i)(^|[^a-z])(` + k[1] + `)($|[^a-z])`), regexp.MustCompile(`(?i)([0-9]+(\.[0-9]+)?) ?(` + k[1] + `)($|[^a-z/])`)})
	}
	return out
}

// against reports whether the directions of an author contradict what is coded: another count of the
// same form, another form, another route.
func against(words string, dosage *fhir.Node) bool {
	if words == "" {
		return false
	}
	q := dosage.Path("doseAndRate.0.doseQuantity")
	value, unit := plain(q.Get("value").Text()), q.Get("unit").Text()
	var same, other, shares bool
	for i, f := range forms {
		mine := unit != "" && !strings.Contains(unit, "/") && f.any.MatchString(unit)
		for _, m := range f.counted.FindAllStringSubmatch(words, -1) {
			switch {
			case mine && plain(m[1]) == value:
				shares, same = true, true
			case mine:
				same = true
			case i < 7: // a strength beside a count is no other form
				other = true
			}
		}
	}
	if same && !shares {
		return true
	}
	if other && !same && countable(unit) {
		return true
	}
	coded, said, agrees := false, false, false
	route := conceptText(dosage.Get("route"))
	for _, k := range routes {
		a, b := k.any.MatchString(route), k.any.MatchString(words)
		coded, said, agrees = coded || a, said || b, agrees || a && b
	}
	return coded && said && !agrees
}

// countable reports whether a unit is a form that is counted.
func countable(unit string) bool {
	for _, f := range forms[:7] {
		if f.any.MatchString(unit) {
			return true
		}
	}
	return false
}
