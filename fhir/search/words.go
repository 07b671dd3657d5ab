package search

import (
	"html"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// readWords reads _text (the narrative) and _content (everything that is written in a
// resource). Words are found by their beginnings. All must be there, unless OR stands
// between them; "words in quotation marks" follow each other; NOT and parentheses work:
//
//	_content=(bone OR liver) metastas NOT "no sign"
func readWords(param string, values []string) (Expr, error) {
	var or Or
	terms := 0
	for _, v := range values {
		w := &wordReader{param: param, value: v, rest: unescape(v), terms: &terms}
		x, err := w.either(0)
		if err != nil {
			return nil, err
		}
		if w.skip(); w.rest != "" {
			return nil, malformed(param, v, "has a ) too many")
		}
		or = append(or, x)
	}
	return either(or), nil
}

type wordReader struct {
	param, value, rest string

	terms *int // read so far, in all values
}

func (w *wordReader) skip() { w.rest = strings.TrimLeftFunc(w.rest, unicode.IsSpace) }

// keyword takes off a word in capitals.
func (w *wordReader) keyword(k string) bool {
	w.skip()
	rest, ok := strings.CutPrefix(w.rest, k)
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != '(' && rest[0] != '"' {
		return false
	}
	w.rest = rest
	return true
}

func (w *wordReader) either(depth int) (Expr, error) {
	if depth > maxFilterDepth {
		return nil, malformed(w.param, w.value, "has too many parentheses")
	}
	var or Or
	for {
		x, err := w.all(depth)
		if err != nil {
			return nil, err
		}
		or = append(or, x)
		if !w.keyword("OR") {
			return either(or), nil
		}
	}
}

func (w *wordReader) all(depth int) (Expr, error) {
	var and And
	for {
		w.skip()
		if w.rest == "" || w.rest[0] == ')' || strings.HasPrefix(w.rest, "OR ") || strings.HasPrefix(w.rest, "OR(") {
			break
		}
		if w.keyword("AND") {
			continue
		}
		x, err := w.term(depth)
		if err != nil {
			return nil, err
		}
		and = append(and, x)
	}
	switch len(and) {
	case 0:
		return nil, malformed(w.param, w.value, "has no letters or digits to look for")
	case 1:
		return and[0], nil
	}
	return and, nil
}

func (w *wordReader) term(depth int) (Expr, error) {
	if *w.terms++; *w.terms > maxFilterTests {
		return nil, fault.New(fault.TooCostly, "The search parameter %q has more than %d words.", w.param, maxFilterTests)
	}
	if w.keyword("NOT") {
		w.skip()
		if depth > maxFilterDepth {
			return nil, malformed(w.param, w.value, "has too many parentheses")
		}
		x, err := w.term(depth + 1)
		return Not{X: x}, err
	}
	if rest, ok := strings.CutPrefix(w.rest, "("); ok {
		w.rest = rest
		x, err := w.either(depth + 1)
		if err != nil {
			return nil, err
		}
		if w.skip(); !strings.HasPrefix(w.rest, ")") {
			return nil, malformed(w.param, w.value, "lacks a )")
		}
		w.rest = w.rest[1:]
		return x, nil
	}
	var text string
	if rest, ok := strings.CutPrefix(w.rest, `"`); ok {
		quoted, behind, closed := strings.Cut(rest, `"`)
		if !closed {
			return nil, malformed(w.param, w.value, "lacks a quotation mark")
		}
		text, w.rest = quoted, behind
	} else {
		end := strings.IndexFunc(w.rest, func(r rune) bool { return r == '(' || r == ')' || r == '"' || unicode.IsSpace(r) })
		if end < 0 {
			end = len(w.rest)
		}
		if end == 0 {
			return nil, malformed(w.param, w.value, "cannot be read as words")
		}
		text, w.rest = w.rest[:end], w.rest[end:]
	}
	words := Normalize(text)
	if words == "" {
		return nil, malformed(w.param, w.value, "has no letters or digits to look for")
	}
	return Words{Narrative: w.param == "_text", Phrase: words}, nil
}

// WordsOf returns the words of a resource in the form in which a Words condition is held to
// them: normalised, with a space in front of each. narrative takes those of the narrative;
// otherwise it is all text and every code, without the ids and versions of meta, without
// attached files and addresses. Not everybody who may look for a person knows all numbers of
// people: their identifiers and those in references are no words, nor are national numbers wherever
// they stand (National), nor is a narrative that repeats one; of people whom another resource contains there
// are none, nor of a narrative beside them.
func WordsOf(resource *fhir.Node, narrative bool) string {
	w := &words{}
	w.numbers.gather(resource, 0)
	if narrative {
		if !containsPerson(resource) {
			w.narrative(resource)
		}
	} else {
		w.gather(resource, "", 0)
	}
	return w.String()
}

// words gathers the words of one resource.
type words struct {
	strings.Builder
	numbers Numbers // that are no words
}

func (b *words) add(s string) {
	if n := Normalize(s); n != "" {
		b.WriteByte(' ')
		b.WriteString(n)
	}
}

// containsPerson reports whether people are among the contained resources.
func containsPerson(r *fhir.Node) bool {
	for c := range r.Get("contained").Items() {
		if person(c) {
			return true
		}
	}
	return false
}

func person(r *fhir.Node) bool {
	switch r.ResourceType() {
	case "Patient", "RelatedPerson", "Person":
		return true
	}
	return false
}

// narrative adds the words of a narrative, without the identifiers of a person.
func (b *words) narrative(r *fhir.Node) {
	if b.numbers.In(r.Path("text.div").Text()) {
		return
	}
	words := Normalize(plainText(r.Path("text.div").Text()))
	if person(r) {
		for id := range r.Get("identifier").Items() {
			for _, number := range []string{Normalize(id.Get("value").Text()), strings.ReplaceAll(Normalize(id.Get("value").Text()), " ", "")} {
				if number != "" {
					words = strings.ReplaceAll(words, number, "")
				}
			}
		}
	}
	b.add(words)
}

// maxWordDepth is deeper than any resource that is stored.
const maxWordDepth = 200

func (b *words) gather(n *fhir.Node, name string, depth int) {
	switch n.Kind() {
	case fhir.Object:
		if depth > maxWordDepth || hides(n) || depth > 0 && person(n) {
			return
		}
		people := depth == 0 && containsPerson(n)
		for member, v := range n.Members() {
			if people && (member == "contained" || member == "text") || member == "identifier" && (depth == 0 && (person(n) || n.ResourceType() == "Practitioner") || depth > 0 && v.Kind() == fhir.Object) {
				continue
			}
			if member == "text" && n.ResourceType() != "" && b.numbers.In(v.Get("div").Text()) { // as it is masked
				continue
			}
			if member == "text" && depth == 0 && person(n) {
				b.narrative(n)
				continue
			}
			if member == "resourceType" || member == "meta" || depth == 0 && member == "id" {
				continue
			}
			b.gather(v, member, depth+1)
		}
	case fhir.Array:
		for v := range n.Items() {
			b.gather(v, name, depth+1)
		}
	case fhir.Boolean, fhir.Null:
	default:
		switch name {
		case "div":
			b.add(plainText(n.Text()))
		case "data", "system", "url", "reference", "hash":
		default:
			b.add(n.Text())
		}
	}
}

// plainText returns the text of XHTML, with a space for each tag.
func plainText(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	var b strings.Builder
	for s != "" {
		text, rest, tag := strings.Cut(s, "<")
		b.WriteString(text)
		if !tag {
			break
		}
		if comment, ok := strings.CutPrefix(rest, "!--"); ok {
			_, s, _ = strings.Cut(comment, "-->")
		} else {
			_, s, _ = strings.Cut(rest, ">")
		}
		b.WriteByte(' ')
	}
	return html.UnescapeString(b.String())
}

func matchWords(w *Words, s Subject) bool {
	if s.Words == nil {
		return false
	}
	return w.In(s.Words(w.Narrative))
}

// In reports whether the words of a resource (WordsOf) have the phrase: its words one after
// the other, the last one as the beginning of a word.
func (w Words) In(words string) bool { return w.Phrase != "" && strings.Contains(words, " "+w.Phrase) }
