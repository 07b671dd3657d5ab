package document

import (
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// passageOf returns the words of the row, item or passage that a statement refers to, in lower case;
// "" when it refers to none in its section.
func (r *reader) passageOf(e *cda.Element) string {
	p, ok := r.places[r.source(e)]
	if !ok || r.budget < 0 {
		return ""
	}
	text, ok := r.lower[p.wide]
	if !ok {
		text = strings.ToLower(p.wide.Line())
		r.lower[p.wide] = text
	}
	r.budget -= len(text)
	return text
}

// compare says when the text that a person attested does not have what an entry says: the value, or
// any of the words by which a code is called.
func (r *reader) compare(e *cda.Element, value *fhir.Node, code *fhir.Node) {
	if value == nil && code == nil {
		return
	}
	text := r.passageOf(e)
	if text == "" || (value == nil || hasNumber(text, value.Get("value").Text())) && (code == nil || hasWord(text, code)) {
		return
	}
	r.doubt(otherText)
	r.doc.Texts[r.of].Differs = true
}

// hasNumber reports whether a number stands in a text; a text without any number does not deny one.
func hasNumber(text, number string) bool {
	want := plain(number)
	any := false
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		from := i
		for i < len(text) && (text[i] >= '0' && text[i] <= '9' || (text[i] == '.' || text[i] == ',') && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9') {
			i++
		}
		any = true
		if plain(strings.ReplaceAll(text[from:i], ",", "")) == want {
			return true
		}
	}
	return !any
}

// plain is a number without what does not change it.
func plain(s string) string {
	s = strings.TrimLeft(strings.TrimLeft(s, "-+"), "0")
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// hasWord reports whether a text has a word of what the codes of a concept are called, by how words
// begin. Codes that are not called anything cannot be missed.
func hasWord(text string, c *fhir.Node) bool {
	var names []string
	for coding := range c.Get("coding").Items() {
		if d := coding.Get("display").Text(); d != "" {
			names = append(names, d)
		}
	}
	return len(names) == 0 || anySays(text, names)
}

func anySays(text string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return says(text, name, false) })
}

// says reports whether a text has a word of a name, or all of them, by how words begin. Words that
// many names have tell nothing, unless a name has no others.
func says(text, name string, all bool) bool {
	text = strings.ToLower(text)
	words := telling(name)
	for _, w := range words {
		if strings.Contains(text, beginning(w)) != all {
			return !all
		}
	}
	return all || len(words) == 0
}

// beginning is as much of a word as is compared.
func beginning(w string) string { return w[:min(len(w), 5)] }

// telling are the words of a name that tell it from others, in lower case; all but the shortest, where none do.
func telling(name string) []string {
	words := slices.Collect(strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	telling := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		return len(w) < 3 || common[w] || strings.Trim(w, "0123456789") == ""
	})
	if len(telling) == 0 {
		telling = slices.DeleteFunc(words, func(w string) bool { return len(w) < 3 })
	}
	return telling
}

// common are words that say of a name nothing that another does not have too.
var common = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`and the for with without not other unspecified type product formulation preservative free vaccine vaccines virus allergy allergies allergenic extract
		oral tablet tablets capsule capsules solution suspension injection injectable inhalant inhalation topical cream ointment powder spray patch nasal drops release
		disorder finding procedure substance actuat mcg adsorbed`) {
		m[w] = true
	}
	return m
}()
