// Package document takes in documents of other systems, item by item: C-CDA now.
//
//	d, err := document.ReadFor(ctx, body)                // what it says, as resources that nobody has accepted
//	f, err := document.File(ctx, actor, document.Upload{Patient: id, Body: body, Read: d})
//	c, err := document.Compare(ctx, actor, id, d)        // each item beside what the chart has of it
//	a, _, err := document.Accept(ctx, actor, id, f.Document, d, document.Decision{Choices: choices, Mark: c.Mark()})
//	u, err := document.Undo(ctx, actor, id, f.Document, a.Batch, d)
//
// The files follow these steps:
//
//   - read_*.go: one file for each kind of entry. An entry becomes an Item, or is Unread with the reason;
//     what is not sure of an item is a Doubt of it. words.go has all such sentences.
//   - compare_*.go: how an item stands to the chart (compare_match, compare_field), whether the document is
//     about the same person (compare_person), what the safety checks say (compare_safety).
//   - accept_*.go: File keeps the original and asks for its review, which a Task holds (accept_state); Accept
//     writes what a person chose; Take and Register do all of it for a migration.
//   - undo*.go: a step is taken back as a whole, and nothing but what it wrote.
//
// Nothing of a document is in the chart before somebody accepts it, what could not be read is said, and
// nothing is guessed. It makes no practitioners, organizations or places: who is named in a document is
// named in the resource. What is written stands in docs/reference/representation.md, what is read in
// docs/interfaces/c-cda.md.
//
// Elsewhere: the XML and the text of sections (wire/cda), who may write and see what, and that nobody else
// writes a step of a review (trust/policy), the checks themselves (knowledge/rx), the pages (door/clinic) and
// the operation $import-document (door/fhirapi). No document is made here.
package document

import (
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// Section is where in a chart an item belongs.
type Section string

// The sections, in the order in which they are shown.
const (
	Allergies     Section = "allergies"
	Medications   Section = "medications"
	Problems      Section = "problems"
	Immunizations Section = "immunizations"
	Results       Section = "results"
	VitalSigns    Section = "vital-signs"
	Procedures    Section = "procedures"
	Encounters    Section = "encounters"
	Diagnoses     Section = "diagnoses" // of visits
	Social        Section = "social-history"
	Family        Section = "family-history"
	Goals         Section = "goals"
	Plan          Section = "plan"
	Devices       Section = "devices"
	Functional    Section = "functional-status" // and mental status
	Notes         Section = "notes"
	Other         Section = "other" // without a place of its own in a chart
)

// Doubt is something of an item that could not be read or is not sure, as a sentence of the
// message catalogue with its arguments.
type Doubt struct {
	Words string
	Args  []any
}

// Item is one thing that a document says of the patient.
type Item struct {
	Key      string       // the same each time the same document is read: digits and points, "3.5.1"
	Section  Section      //
	Resource *fhir.Node   // as it would be stored, without id and subject; who is named is contained
	Parts    []*fhir.Node // of a panel: its Observations, in order
	Absent   bool         // a statement that there is none ("no known allergies"), never a guess from an empty section
	Text     string       // in a line
	Source   string       // id of its passage in the section's text; "" when the entry refers to none
	Of       int          // index in Document.Texts
	Doubts   []Doubt
	Visit    string // of a diagnosis: the Key of the visit that it was made in

	course  *course   // of a medicine: how long it is to be taken, in words; nil when they do not say
	doubted [][]Doubt // what of Doubts is said of each of Parts alone; nil when that is not known
}

// Text is a section as its author attested it.
type Text struct {
	Title   string
	Section Section
	Body    Passage
	Differs bool // entries say something that the text does not
}

// Passage is text without markup that could act: paragraphs, lists, tables.
type Passage = cda.Passage

// Unread is an entry that became no item, or a section that has no entries.
type Unread struct {
	Of   int // index in Document.Texts; -1 none
	What string
	Why  Doubt
}

// Nothing reports whether the document itself says that there is nothing to read.
func (u Unread) Nothing() bool {
	return u.Why.Words == emptySection || u.Why.Words == noInformation
}

// Missed is what could not be read, Empty the sections without information.
func (d *Document) Missed() []Unread { return d.unread(false) }

// Empty is what the document itself says nothing in.
func (d *Document) Empty() []Unread { return d.unread(true) }

func (d *Document) unread(nothing bool) (out []Unread) {
	for _, u := range d.Unread {
		if u.Nothing() == nothing {
			out = append(out, u)
		}
	}
	return out
}

// Document is what a document says.
type Document struct {
	Hash            string // SHA-256 of the original that was read
	Form            string // "C-CDA R2.1"
	Title           string
	ID, Set         string     // OIDs or UUIDs with extension, "root^extension"
	Version         int        // 0 when the document does not say
	Replaces        string     // ID of the document that it takes the place of
	Appends         string     // ID of the document that it only adds to
	Type            *fhir.Node // CodeableConcept
	Written         time.Time  // on the calendar of who wrote it
	Patient         *fhir.Node // as the document has it
	Others          []string   // the names of further people whom it is about
	Author          string
	Custodian       string
	Confidentiality string   // N, R, V: the highest of the document and its sections
	Labels          []string // what all of it is labelled with: codes of trust/policy, each item carries them too
	Doubts          []Doubt  // about the document as a whole
	Texts           []Text
	Items           []Item
	Unread          []Unread
	Body            []byte // of an unstructured document: the PDF or text in it
	BodyType        string // its media type

	written string // Written as exactly as the document says it: a FHIR dateTime
}
