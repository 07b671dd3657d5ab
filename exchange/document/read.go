package document

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// Read reads a document: C-CDA R1.1, R2.0 and R2.1 and their predecessor C32. What is refused as a
// whole is a fault, in which nothing of the document stands; all else is in the Document: an entry
// becomes an Item, or is Unread with the reason.
func Read(body []byte) (*Document, error) {
	return readWhile(body, func() error { return nil })
}

// ReadFor reads a document for a request: no further than somebody waits for it.
func ReadFor(ctx context.Context, body []byte) (*Document, error) {
	return readWhile(body, func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	})
}

func readWhile(body []byte, alive func() error) (*Document, error) {
	doc, err := cda.ParseWhile(body, alive)
	if err != nil {
		return nil, err
	}
	r := &reader{cda: doc, doc: &Document{}, places: map[string]place{}, rows: map[*cda.Passage]row{}, called: map[int]map[string]*cda.Passage{}, tells: map[int]mentions{}, lower: map[*cda.Passage]string{}, lines: map[*cda.Passage]string{},
		budget: min(20*len(body), len(body)+64<<20) + 1<<20}
	r.texts()
	r.header()
	r.labels()
	for i := range doc.Sections {
		if err := r.section(i, alive); err != nil {
			return nil, err
		}
	}
	r.unstructured()
	r.unusual()
	r.close()
	r.doc.unhidden()
	r.doc.Hash = hashOf(body)
	return r.doc, nil
}

// reader is the state of reading one document.
type reader struct {
	cda    *cda.Document
	doc    *Document
	places map[string]place // by the ID of a passage
	rows   map[*cda.Passage]row
	called map[int]map[string]*cda.Passage // of each section, the rows by what they say
	inText [][]*cda.Passage                // the rows of the text of each section, in their order
	tells  map[int]mentions                // of each section, what its passages name
	of     int                             // index of the section that is read
	entry  int                             // of the entry in it
	part   int                             // items made of the entry
	kind   Section
	framed frame                   // the bracket that was asked last
	name   string                  // of the section
	doubts []Doubt                 // of the item that is made
	from   []*cda.Element          // of each item, what it was made of
	marked []*marks                // of each section, nil for none
	lower  map[*cda.Passage]string // passages in lower case
	lines  map[*cda.Passage]string // passages in a line
	nests  int                     // brackets around the one that is read
	// subjects are, of the section that is read and those around it, the one that names another than the patient as
	// its subject; informed is who told the entry that is read, when that is another.
	subjects []*cda.Element
	past     bool // the section is that of what the patient had
	informed string
	// budget is how many bytes of text may still be taken for entries that refer to them: a passage may
	// be referred to by every entry.
	budget  int
	none    bool // what is made says that there is none
	counted bool // units that are no units are no doubt
	warm    bool // what is read is a temperature
	clocks  bool // a time of day was left out for want of a zone
}

// place is where a passage stands: alone, and with the row or item around it.
type place struct {
	of          int
	alone, wide *cda.Passage
}

// texts takes the text of each section and where the passages are that entries refer to.
func (r *reader) texts() {
	r.doc.Texts = make([]Text, len(r.cda.Sections))
	for i := range r.cda.Sections {
		s := &r.cda.Sections[i]
		r.doc.Texts[i] = Text{Title: s.Title, Section: sectionOf(s), Body: s.Text}
		r.rowsOf(i)
		r.index(i, &r.doc.Texts[i].Body, nil)
	}
}

func (r *reader) index(of int, p, wide *cda.Passage) {
	if p.Kind == "row" || p.Kind == "item" {
		wide = p
	}
	if p.ID != "" {
		if _, twice := r.places[p.ID]; !twice {
			if wide == nil {
				r.places[p.ID] = place{of, p, p}
			} else {
				r.places[p.ID] = place{of, p, wide}
			}
		}
	}
	for i := range p.Parts {
		r.index(of, &p.Parts[i], wide)
	}
}

// section reads the entries of a section.
func (r *reader) section(i int, alive func() error) error {
	s := &r.cda.Sections[i]
	r.of, r.kind, r.name = i, r.doc.Texts[i].Section, titleOf(s)
	private := s.Child("code").Attr("code") == privacySection
	r.sectionOfAnother(s)
	who, other := r.subjectOf(r.subjects[len(r.subjects)-1])
	told := r.teller(s.Element) // once: a section may have very many entries
	r.past = s.Child("code").Attr("code") == "11348-0" || s.Is("2.16.840.1.113883.10.20.22.2.20")
	if len(s.Entries) == 0 {
		why := textOnly
		switch {
		case s.Null() != "":
			why = noInformation
		case s.Text.Empty():
			why = emptySection
			for range s.All("component") { // it only holds others
				return nil
			}
		}
		r.doc.Unread = append(r.doc.Unread, Unread{Of: i, What: r.title(), Why: Doubt{Words: why}})
		return nil
	}
	for n, statement := range s.Entries {
		if err := alive(); err != nil {
			return err
		}
		r.entry, r.part = n, 0
		items, before := len(r.doc.Items), len(r.doc.Items)+len(r.doc.Unread)
		if private {
			r.unread(statement, keptAsLabels)
			continue
		}
		if other && statement.At("subject/relatedSubject") == nil {
			r.unreadOf(statement, who)
			continue
		}
		if r.informed = r.teller(statement); r.informed == "" {
			r.informed = told
		}
		r.statement(statement)
		r.takenBack(items)
		r.mark(statement, items)
		if len(r.doc.Items)+len(r.doc.Unread) == before {
			r.unread(statement, kindNotRead)
		}
	}
	if !private {
		r.forgotten(i)
	}
	return nil
}

func (r *reader) title() string { return r.name }

func titleOf(s *cda.Section) string {
	if s.Title != "" {
		return s.Title
	}
	if d := s.Child("code").Attr("displayName"); d != "" {
		return d
	}
	return s.Child("code").Attr("code")
}

// statement reads one entry. Errors that the document marks as such are no facts.
func (r *reader) statement(e *cda.Element) {
	r.doubts = nil
	r.dispatch(e, 0)
}

// erroneous reports whether a statement is marked as an error.
func erroneous(e *cda.Element) bool {
	return strings.EqualFold(e.Child("statusCode").Attr("code"), "nullified")
}

// add takes a resource as an item of the entry e.
func (r *reader) add(e *cda.Element, resource *fhir.Node, text string) *Item {
	if r.none { // what there is none of has no status
		r.doubts = nil
	}
	r.part++
	switch t := resource.ResourceType(); {
	case r.none: // what there is none of need not be in the text
	case t == "AllergyIntolerance", t == "Condition", t == "Procedure":
		r.compare(e, nil, resource.Get("code"))
	case t == "MedicationStatement":
		r.compare(e, nil, resource.Get("medicationCodeableConcept"))
	case t == "Immunization":
		r.compare(e, nil, resource.Get("vaccineCode"))
	}
	text = r.around(e, resource, text)
	item := Item{
		Key:      strconv.Itoa(r.of+1) + "." + strconv.Itoa(r.entry+1) + "." + strconv.Itoa(r.part),
		Section:  r.kind,
		Resource: resource,
		Text:     text,
		Source:   r.source(e),
		Of:       r.of,
		Doubts:   r.doubts,
		Absent:   r.none,
	}
	r.doubts, r.none = nil, false
	r.doc.Items = append(r.doc.Items, item)
	r.from = append(r.from, e)
	return &r.doc.Items[len(r.doc.Items)-1]
}

// unread says that a statement became no item.
func (r *reader) unread(e *cda.Element, why string, args ...any) {
	what := r.words(e.Child("code"))
	for _, path := range []string{"value", "text", "consumable/manufacturedProduct/manufacturedMaterial/code"} {
		if what == "" || path == "value" && e.Child("value") != nil {
			if w := r.words(e.At(path)); w != "" {
				what = w
			}
		}
	}
	if what == "" {
		what = r.title()
	}
	r.doubts = nil
	r.doc.Unread = append(r.doc.Unread, Unread{Of: r.of, What: clip(what), Why: Doubt{Words: why, Args: args}})
}

func (r *reader) doubt(words string, args ...any) {
	r.doubts = joined(r.doubts, Doubt{Words: words, Args: args})
}

// each are the doubts that name the value that they are of: of several values one doubt names all.
var each = map[string]bool{notUCUM: true, unitUnclear: true, flagContradicts: true, markedCritical: true}

// joined puts a doubt to others, once.
func joined(list []Doubt, d Doubt) []Doubt {
	i := slices.IndexFunc(list, func(o Doubt) bool { return o.Words == d.Words })
	if i < 0 {
		return append(list, d)
	}
	if each[d.Words] {
		all, of := list[i].Args[0].(string), d.Args[0].(string)
		if !slices.Contains(strings.Split(all, "; "), of) && len(all) < 200 {
			list[i].Args = []any{all + "; " + of}
		}
	}
	return list
}

// denies finds words that say that there is nothing, or that nobody knows.
var denies = regexp.MustCompile(`(?i)^(no|none|nil|nka|nkda|n/a|not|unknown|denies|negative)\b|\bnot (available|applicable|known|recorded|documented)\b|\bno (data|information)\b|^ *-* *$`)

// empty reports whether a concept is only words that deny or know nothing: that is no fact, and what
// it would be if it were one is a guess.
func empty(c *fhir.Node) bool {
	return c != nil && c.Get("coding") == nil && denies.MatchString(c.Get("text").Text())
}

// deniesCoded finds the same in what a code is called, where "no" may begin a name.
var deniesCoded = regexp.MustCompile(`(?i)^no(t|ne)?\b.*\b(perform|record|availab|administer|document|data\b|applicab|known|report)|\bnot (available|applicable|documented|recorded)\b|^(none|unknown|n/a)$`)

// void reports whether a concept, coded or not, is called nothing but that there is none, or that
// nobody knows.
func void(c *fhir.Node) bool {
	if c == nil || empty(c) {
		return c != nil
	}
	if !deniesCoded.MatchString(conceptText(c)) {
		return false
	}
	for coding := range c.Get("coding").Items() {
		if d := coding.Get("display").Text(); d != "" && !deniesCoded.MatchString(d) {
			return false
		}
	}
	return true
}

// source returns the ID of the passage of this section that an entry refers to.
func (r *reader) source(e *cda.Element) string {
	for _, path := range []string{"text", "participant/participantRole/playingEntity/code/originalText", "consumable/manufacturedProduct/manufacturedMaterial/code/originalText",
		"code/originalText", "value/originalText", "entryRelationship/observation/text", "entryRelationship/observation/value/originalText"} {
		id := e.At(path).Reference()
		if p, ok := r.places[id]; ok && p.of == r.of {
			return id
		}
	}
	return ""
}

// textOf returns the words of a text or originalText: its own, or those it refers to.
func (r *reader) textOf(e *cda.Element) string {
	if id := e.Reference(); id != "" {
		if p, ok := r.places[id]; ok {
			return r.line(p.alone)
		}
	}
	if e.Attr("representation") == "B64" {
		return ""
	}
	return e.Content()
}

// line returns a passage in a line, "" when too much was taken already.
func (r *reader) line(p *cda.Passage) string {
	if r.budget < 0 {
		return ""
	}
	text, ok := r.lines[p]
	if !ok {
		text = p.Line()
		r.lines[p] = text
	}
	r.budget -= len(text)
	return text
}

// words returns what a code or text says to a person.
func (r *reader) words(e *cda.Element) string {
	if e == nil {
		return ""
	}
	if e.Name == "text" {
		return r.textOf(e)
	}
	names := called(e)
	if t := r.textOf(e.Child("originalText")); t != "" && len(t) <= 250 && (len(names) == 0 || anySays(t, names)) {
		return t
	}
	if len(names) > 0 {
		return names[0]
	}
	return e.Content()
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

// maxLine is how long one may be.
const maxLine = 250

// clip bounds a line.
func clip(s string) string { return fault.Clip(s, maxLine) }

// related goes over what stands in the entryRelationships of a statement, with their typeCode.
func related(e *cda.Element, name string, f func(typeCode string, other *cda.Element)) {
	for rel := range e.All("entryRelationship") {
		for o := range rel.All(name) {
			f(rel.Attr("typeCode"), o)
		}
	}
}

// close ends the reading.
func (r *reader) close() {
	if r.budget < 0 {
		r.doc.Doubts = append(r.doc.Doubts, Doubt{Words: muchText})
	}
	if r.clocks {
		r.doc.Doubts = append(r.doc.Doubts, Doubt{Words: timesWithoutZone})
	}
}
