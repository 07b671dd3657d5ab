package document

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/wire/cda"
)

var (
	amounts      = regexp.MustCompile(`(?i)(?:^|[^a-z0-9.,])(\d[\d.,]*) ?(mg|milligrams?|mcg|µg|ug|micrograms?|g|units?|unt|iu)(?:$|[^a-z])`)
	perVolume    = regexp.MustCompile(`(?i)%|(/|\bper) ?[\d.]* ?(ml|l|hr?|hours?|day)\b|\d ?ml\b`)
	strengthHead = regexp.MustCompile(`(?i)^strength\b`)
	thousands    = regexp.MustCompile(`^\d{1,3}(,\d{3})+(\.\d+)?$`)
)

// strengths are the amounts of a piece that a text names, before it says how to take it; none where it speaks of
// what is in a volume or a part of it, or where a number can be read in two ways.
func strengths(text string) (out []drug.Amount) {
	if at := directs.FindStringIndex(text); at != nil {
		text = text[:at[0]]
	}
	if perVolume.MatchString(text) {
		return nil
	}
	for _, m := range amounts.FindAllStringSubmatch(text, -1) {
		number, unit := strings.TrimRight(m[1], ".,"), strings.ToLower(m[2])
		if strings.Contains(number, ",") && !thousands.MatchString(number) {
			return nil
		}
		switch {
		case unit == "unt":
			unit = "unit"
		case strings.HasPrefix(unit, "milligram"):
			unit = "mg"
		}
		out = append(out, drug.ParseStrength(number+" "+unit)...)
	}
	return out
}

// otherStrength reports whether a text gives a strength of a medicine, and neither what the coded names
// say nor the dose: 50 mg may be two tablets of 25 mg.
func otherStrength(text string, names []string, dose *fhir.Node) bool {
	var coded []drug.Amount
	for _, name := range names {
		coded = append(coded, strengths(name)...)
	}
	count, err := strconv.ParseFloat(dose.Get("value").Text(), 64)
	if err == nil {
		for _, a := range coded {
			coded = append(coded, drug.Amount{Value: a.Value * count, Unit: a.Unit})
		}
		coded = append(coded, drug.ParseStrength(amount(dose))...)
	}
	other := false
	for _, a := range strengths(text) {
		for _, b := range coded {
			v, ok := a.In(b.Unit)
			if ok && math.Abs(v-b.Value) <= b.Value/50 {
				return false
			}
			other = other || ok
		}
	}
	return other
}

// strong says when the words of the author, or the cell or passage that names a medicine, give another strength than
// its code is called by.
func (r *reader) strong(e *cda.Element, code, dose *fhir.Node) {
	names := called(product(e))
	differs := func(text string) bool {
		return len(text) <= 500 && anySays(text, names) && otherStrength(text, names, dose)
	}
	said := false
	if p := r.rowOf(e, code); p != nil {
		r.leaves(p, func(l *cda.Passage) { said = said || differs(r.line(l)) })
		r.cells(p, func(head string, c *cda.Passage) {
			said = said || strengthHead.MatchString(head) && brief(c, 100) && otherStrength(r.line(c), names, dose)
		})
	}
	if said = said || differs(r.textOf(e.Child("text"))); said {
		r.doc.Texts[r.of].Differs = true
	}
	if said || differs(r.named(e, product(e))) || differs(r.textOf(product(e).Child("originalText"))) {
		r.doubt(otherText)
	}
}
