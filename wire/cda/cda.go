// Package cda reads HL7 CDA R2 documents, of which C-CDA is the use: what is in the file, not what
// it means. It knows the header, the sections, their text as a tree without markup that could act,
// and the entries as elements that can be asked by path.
//
//	doc, err := cda.Parse(body)
//	for _, s := range doc.Sections {
//		s.Text.Lines() // the text that its author attested
//		for _, entry := range s.Entries {
//			entry.At("consumable/manufacturedProduct/manufacturedMaterial/code").Attr("code")
//		}
//	}
//
// The bytes become characters (charset.go), those elements (parse.go, element.go), the elements sections
// (cda.go), and the text of a section passages (passage.go); time.go reads points and intervals of time.
// A DOCTYPE is refused, so that there is no entity but the five of XML; no style sheet, link or picture is
// followed; depth, count and size are bounded. A fault names a line, and nothing that stands there.
//
// It knows no code, no template and no section by what it means, nothing of FHIR and of charts: that is
// exchange/document. It writes no documents.
package cda

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// Limits of a document. What is beyond one is refused as fault.TooLarge, which names it.
const (
	MaxBytes      = 20 << 20
	MaxDepth      = 100
	MaxElements   = 500_000 // and texts between them
	MaxAttributes = 64      // of one element
)

// Namespaces.
const (
	space     = "urn:hl7-org:v3"
	spaceSDTC = "urn:hl7-org:sdtc"
	spaceXSI  = "http://www.w3.org/2001/XMLSchema-instance"
)

// Document is a ClinicalDocument.
type Document struct {
	Root     *Element
	Sections []Section // in the order of the document; a section stands before those in it
	// Body is the text element of a document without sections: a PDF or the like in base64, or
	// plain text; its mediaType and representation are attributes.
	Body *Element
}

// Section is a section of the body.
type Section struct {
	*Element
	Title   string
	Level   int        // 0 of the body, 1 in another section, …
	Text    Passage    // as its author attested it
	Entries []*Element // the statements: act, observation, organizer, …
}

// Parse reads a document. Faults name the line, never what stands there.
func Parse(body []byte) (*Document, error) {
	return ParseWhile(body, func() error { return nil })
}

// ParseWhile reads a document as long as nobody has lost interest: alive is asked now and then, and its fault ends
// the reading.
func ParseWhile(body []byte, alive func() error) (*Document, error) {
	if len(body) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "The document has %d bytes; the limit is %d.", len(body), MaxBytes)
	}
	src, err := decode(body)
	if err != nil {
		return nil, err
	}
	root, err := parse(src, alive)
	if err != nil {
		return nil, err
	}
	if root.Name != "ClinicalDocument" {
		return nil, fault.New(fault.Malformed, "This is XML, but no ClinicalDocument of HL7 CDA (namespace %s).", space)
	}
	doc := &Document{Root: root}
	for component := range root.All("component") {
		for c := range component.Children() {
			switch c.Name {
			case "structuredBody":
				doc.collect(c, 0)
			case "nonXMLBody":
				doc.Body = c.Child("text")
			}
		}
	}
	return doc, nil
}

// collect adds the sections below an element, each before its own.
func (d *Document) collect(e *Element, level int) {
	for component := range e.All("component") {
		for s := range component.All("section") {
			section := Section{Element: s, Title: s.Child("title").Content(), Level: level, Text: passages(s)}
			for entry := range s.All("entry") {
				n := len(section.Entries)
				for statement := range entry.Children() {
					if statement.Name != "" && !about[statement.Name] {
						section.Entries = append(section.Entries, statement)
					}
				}
				if len(section.Entries) == n { // it says nothing: still an entry
					section.Entries = append(section.Entries, entry)
				}
			}
			d.Sections = append(d.Sections, section)
			d.collect(s, level+1)
		}
	}
}

// about are children of an entry that are no statement.
var about = map[string]bool{"templateId": true, "realmCode": true, "typeId": true}

// collapse makes one space of each run of white space, and none at the ends.
func collapse(s string) string {
	clean, blank := true, true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\t', '\n', '\r':
			clean = false
		case ' ':
			clean = clean && !blank
			blank = true
			continue
		}
		blank = false
	}
	if s == "" || clean && !blank {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}
