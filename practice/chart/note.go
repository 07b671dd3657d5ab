package chart

import (
	"cmp"
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// LOINC codes of a note's sections, in APSO order.
const (
	AssessmentPlan = "51847-2"
	Assessment     = "51848-0"
	Plan           = "18776-5"
	Subjective     = "61150-9"
	Objective      = "61149-1"
	VitalSigns     = "8716-3"
	Results        = "30954-2"
	ProgressNote   = "11506-3"
)

// Note is a signed note, or one that another system left unsigned.
type Note struct {
	ID, Title, Kind  string
	Status           string // preliminary, final, amended, entered-in-error
	Date             string
	Author, SignedBy string // references
	AuthorName       string // when the resource carries it
	SignedAt         string
	Encounter        string // id
	Appends          string // id of the note that this one adds to
	Sections         []Section
	Origin           Origin
	Version          string
}

// Section is one part of a note.
type Section struct {
	Key         string // tells it from the note's other sections, see SectionKeys
	Title, Code string
	Text        string   // plain text; paragraphs are divided by line breaks
	Entries     []string // references that were pulled in
}

// Reference is the FHIR reference of the note.
func (n Note) Reference() string { return "Composition/" + n.ID }

// NoteFrom reads a Composition.
func NoteFrom(n *fhir.Node) Note {
	note := Note{
		ID: n.ID(), Title: cmp.Or(n.Get("title").Text(), Words(n.Get("type"))), Kind: Words(n.Get("type")), Status: n.Get("status").Text(),
		Date: n.Get("date").Text(), Author: n.Path("author.0.reference").Text(), AuthorName: n.Path("author.0.display").Text(),
		Encounter: fhir.IDIn(n.Path("encounter.reference").Text(), "Encounter"), Origin: policy.OriginOf(n), Version: n.Path("meta.versionId").Text(),
	}
	for a := range n.Get("attester").Items() {
		if a.Get("mode").Text() == "legal" || note.SignedBy == "" {
			note.SignedBy, note.SignedAt = a.Path("party.reference").Text(), a.Get("time").Text()
		}
	}
	for to := range n.Get("relatesTo").Items() {
		if to.Get("code").Text() == "appends" {
			note.Appends = fhir.IDIn(to.Path("targetReference.reference").Text(), "Composition")
		}
	}
	keys := SectionKeys(n)
	for s := range n.Get("section").Items() {
		section := sectionFrom(s)
		section.Key = keys[len(note.Sections)]
		note.Sections = append(note.Sections, section)
	}
	return note
}

// SectionKeys names the sections of a Composition in their order: by code, and those that
// have none, or one that was used before, by their place too. Imported notes have such.
func SectionKeys(n *fhir.Node) []string {
	var out []string
	for s := range n.Get("section").Items() {
		key := code(s.Get("code"))
		if key == "" || slices.Contains(out, key) {
			key += "." + strconv.Itoa(len(out))
		}
		out = append(out, key)
	}
	return out
}

func sectionFrom(s *fhir.Node) Section {
	section := Section{Title: cmp.Or(s.Get("title").Text(), Words(s.Get("code"))), Code: code(s.Get("code")), Text: PlainText(s.Path("text.div").Text())}
	for e := range s.Get("entry").Items() {
		section.Entries = append(section.Entries, e.Get("reference").Text())
	}
	return section
}

// Div wraps plain text in the XHTML of a narrative: escaped, one paragraph a line.
func Div(text string) string {
	var b strings.Builder
	b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">`)
	for line := range strings.Lines(text) {
		b.WriteString("<p>" + html.EscapeString(strings.TrimRight(line, "\r\n")) + "</p>")
	}
	b.WriteString("</div>")
	return b.String()
}

// PlainText reads the text of an XHTML narrative: paragraphs, line breaks, list items and
// table rows become lines. Nothing of the markup survives, so it is safe to show.
func PlainText(div string) string {
	var b strings.Builder
	for div != "" {
		text, rest, more := strings.Cut(div, "<")
		b.WriteString(html.UnescapeString(text))
		if !more {
			break
		}
		tag, after, _ := strings.Cut(rest, ">")
		if breaks(tag) {
			b.WriteByte('\n')
		}
		div = after
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Trim(strings.ReplaceAll(strings.Join(lines, "\n"), "\n\n\n", "\n\n"), "\n ")
}

func breaks(tag string) bool {
	name, _, _ := strings.Cut(strings.TrimSuffix(strings.ToLower(tag), "/"), " ")
	switch strings.TrimSpace(name) {
	case "br", "/p", "/li", "/tr", "/h1", "/h2", "/h3", "/h4", "/div":
		return true
	}
	return false
}

// Part returns the section with a LOINC code.
func (n Note) Part(code string) (Section, bool) {
	for _, s := range n.Sections {
		if s.Code == code {
			return s, true
		}
	}
	return Section{}, false
}
