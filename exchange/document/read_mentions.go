package document

import (
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/wire/cda"
)

// An entry may be linked to the text by its directions only, or not at all, and the text may say of the medicine
// that it was stopped. The rows, items and paragraphs of its section that name it are found by their words.

// mentions are the passages of a section by how their words begin.
type mentions map[string][]*cda.Passage

// The most passages of a section, and with one word, that are looked at.
const (
	mostMentions = 1000
	mostNamed    = 50
)

// mentionsOf returns what the passages of the section that is read name.
func (r *reader) mentionsOf() mentions {
	if found, ok := r.tells[r.of]; ok {
		return found
	}
	found, n := mentions{}, 0
	var walk func(p *cda.Passage)
	walk = func(p *cda.Passage) {
		if n == mostMentions {
			return
		}
		if p.Kind != "row" && p.Kind != "item" && p.Kind != "paragraph" {
			for i := range p.Parts {
				walk(&p.Parts[i])
			}
			return
		}
		if n++; !brief(p, 4*mostSaid) {
			return
		}
		words := strings.FieldsFunc(strings.ToLower(r.line(p)), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		for _, w := range words {
			w = beginning(w)
			if list := found[w]; len(w) > 2 && len(list) < mostNamed && (len(list) == 0 || list[len(list)-1] != p) {
				found[w] = append(list, p)
			}
		}
	}
	walk(&r.doc.Texts[r.of].Body)
	r.tells[r.of] = found
	return found
}

// elsewhere returns what a passage that names a medicine says otherwise than its entry, which refers to none that
// does; "" for nothing. Of several passages it is the first that says so.
func (r *reader) elsewhere(own *cda.Passage, e *cda.Element, it *Item) string {
	n := it.Resource
	if n.ResourceType() != "MedicationStatement" {
		return ""
	}
	code := n.Get("medicationCodeableConcept")
	names := append(codedNames(n), conceptText(code))
	var list []drug.Coding
	for c := range code.Get("coding").Items() {
		list = append(list, drug.Coding{System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: c.Get("display").Text()})
	}
	made, whole := drug.Recognise(conceptText(code), list)
	if whole {
		names = append(names, ingredients(made))
	}
	if _, linked := r.places[it.Source]; linked && own != nil && anySays(r.line(own), names) {
		return ""
	}
	var tried []*cda.Passage
	for _, name := range names {
		words := telling(name)
		if len(words) == 0 {
			continue
		}
		for _, p := range r.mentionsOf()[beginning(words[0])] {
			if p == own || slices.Contains(tried, p) || r.budget < 0 {
				continue
			}
			line := r.line(p)
			if !says(line, name, true) {
				continue
			}
			tried = append(tried, p)
			if r.takesBackMedicine(p, n, names, made) {
				return line
			}
			if end := r.endInRow(p, e, it); end != "" {
				return end
			}
		}
	}
	return ""
}

// takesBackMedicine reports whether a passage says that a medicine which it names is not taken. What follows the
// name of another medicine is said of that one.
func (r *reader) takesBackMedicine(p *cda.Passage, n *fhir.Node, names []string, made []drug.Ingredient) (found bool) {
	look := func(line string) {
		if found || len(line) > mostSaid || unlike(line, n, names) == "" {
			return
		}
		mine := true
		for _, clause := range clauseEnd.Split(line, 50) {
			if anySays(clause, names) {
				mine = true
			} else if others, _ := drug.Recognise(clause, nil); len(others) > 0 {
				mine = slices.ContainsFunc(others, func(o drug.Ingredient) bool {
					return slices.ContainsFunc(made, func(m drug.Ingredient) bool { return m.Name == o.Name })
				})
			}
			found = found || mine && unlike(clause, n, names) != ""
		}
	}
	if p.Kind != "row" {
		look(r.line(p))
		return found
	}
	r.cells(p, func(_ string, c *cda.Passage) { look(r.line(c)) })
	return found
}
