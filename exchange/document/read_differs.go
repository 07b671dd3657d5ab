package document

import (
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
	any := false
	for coding := range c.Get("coding").Items() {
		called := strings.ToLower(coding.Get("display").Text())
		for w := range strings.FieldsFuncSeq(called, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(w) < 3 {
				continue
			}
			any = true
			if strings.Contains(text, w[:min(len(w), 5)]) {
				return true
			}
		}
	}
	return !any
}
