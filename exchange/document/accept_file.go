package document

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// contentType is how the bytes of a C-CDA document are kept.
const contentType = "text/xml"

// MaxBytes is the largest document that is taken in.
const MaxBytes = 20 << 20

// The systems of what Osler itself says about a document; that of its review is policy.ImportSystem.
const (
	versionSystem = "urn:osler:document-version" // identifier: the number of a version within its set
	contentSystem = policy.ContentSystem         // identifier: SHA-256 of the original
)

// Upload is a document as somebody files it.
type Upload struct {
	Patient string
	Body    []byte    // the original
	Read    *Document // what Read has made of it
	// Reason says why it is this patient's, when birth date, sex or name differ.
	Reason string
	Key    string // makes a repeated submission harmless
}

// Filed is what became of an upload.
type Filed struct {
	Document string // id of the DocumentReference
	Before   bool   // it was filed before
	Result   record.Result
}

// errPerson is the cause of the fault about a document that seems to be another person's.
var errPerson = errors.New("the document is another person's")

// errMoved is the cause of the fault about a chart that is not as the person who decided saw it.
var errMoved = errors.New("the chart has changed")

// OtherPerson reports whether err says that the document seems to be another person's.
func OtherPerson(err error) bool { return errors.Is(err, errPerson) }

// Moved reports whether err says that the chart has changed since the person looked.
func Moved(err error) bool { return errors.Is(err, errMoved) }

func moved() error {
	return fault.Wrap(errMoved, fault.Conflict, "The chart has changed since you opened this page. Nothing was saved: look at what is marked, and accept again.")
}

func otherPerson() error {
	return fault.Wrap(errPerson, fault.Invalid, "This document seems to be about another person. Say in words why it is this patient's, two of them at least, or leave it.").At("reason")
}

// Says reports whether a reason says something: two words at least, of ten letters together.
func Says(reason string) bool {
	letters := 0
	for _, r := range reason {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters >= 10 && len(strings.Fields(reason)) >= 2
}

// MayFile reports, as a fault, when somebody's role files no documents: before they are read, which is work.
func MayFile(actor *record.Actor) error {
	p := actor.Principal()
	if p.Role == trust.Patient { // who may send letters and pictures
		return fault.New(fault.Forbidden, "The role %s may not file documents of other systems.", p.Role)
	}
	return policy.May(p, policy.Create, "DocumentReference")
}

// File files a document in a chart, as it came, and asks the patient's physician to review it. Nothing
// of what it says is in the chart by that.
func File(ctx context.Context, actor *record.Actor, u Upload) (f Filed, err error) {
	for range attempts { // the same file may come twice at once
		f, err = fileOnce(ctx, actor, u)
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
			break
		}
	}
	return f, err
}

func fileOnce(ctx context.Context, actor *record.Actor, u Upload) (Filed, error) {
	c, err := Compare(ctx, actor, u.Patient, u.Read)
	if err != nil {
		return Filed{}, err
	}
	c.known(ctx, actor, u.Body)
	if c.Blocks() && !Says(u.Reason) {
		return Filed{}, otherPerson()
	}
	if c.Filed != "" {
		return Filed{Document: c.Filed, Before: true}, nil
	}
	change, id, err := c.file(ctx, actor, u)
	if err != nil {
		return Filed{}, err
	}
	change.Put = append(change.Put, record.Put{Resource: c.asked(actor, id, u.Reason)})
	result, err := actor.Commit(ctx, change)
	if err == nil && result.Repeated {
		id = result.Versions[0].ID
	}
	return Filed{Document: id, Result: result}, err
}

// file takes the original in, and returns the change that puts it into the chart.
func (c *Comparison) file(ctx context.Context, actor *record.Actor, u Upload) (record.Change, string, error) {
	if len(u.Body) > MaxBytes {
		return record.Change{}, "", fault.New(fault.TooLarge, "The document is larger than %d MB.", MaxBytes>>20).At("file")
	}
	content, err := actor.Keep(ctx, bytes.NewReader(u.Body), MaxBytes)
	var told *fault.Error
	if fault.Is(err, fault.Invalid) && errors.As(err, &told) { // malware
		return record.Change{}, "", told.At("file")
	}
	if err != nil {
		return record.Change{}, "", err
	}
	binary := fhir.Obj("resourceType", "Binary", "id", ident.New(actor.Now()), "contentType", contentType, "securityContext", reference("Patient/"+c.Patient))
	doc := c.reference(actor, binary.Reference(), int(content.Size), hashOf(u.Body))
	key := u.Key
	if key != "" {
		key += "/" + content.Hash
	}
	puts := []record.Put{{Resource: doc, Create: true}, {Resource: binary, Create: true, Content: &content}}
	if p := c.replaced(actor); p != nil {
		puts = append(puts, *p)
	}
	return record.Change{Imports: true, Unchanged: c.seen.Unchanged, SeenAt: c.seen.SeenAt, What: "file a document of another system", Key: key, Reason: strings.TrimSpace(u.Reason),
		Put: puts}, doc.ID(), nil
}

// reference makes the DocumentReference of a document.
func (c *Comparison) reference(actor *record.Actor, url string, size int, hash string) *fhir.Node {
	d := c.Document
	n := fhir.New("DocumentReference")
	n.SetID(ident.New(actor.Now()))
	n.Set("meta", c.meta(n, n.ID(), c.union()))
	n.Set("masterIdentifier", numberOf(d.ID))
	list := fhir.Arr()
	if set := numberOf(d.Set); set != nil {
		set.Set("type", fhir.Obj("text", "document set"))
		list.Append(set)
	}
	if d.Version > 0 {
		list.Append(fhir.Obj("system", versionSystem, "value", strconv.Itoa(d.Version)))
	}
	list.Append(fhir.Obj("system", contentSystem, "value", hash))
	n.Set("identifier", list)
	n.Set("status", fhir.Str(map[bool]string{true: "current", false: "superseded"}[c.Later == ""]))
	if d.Type != nil {
		n.Set("type", d.Type.Clone())
	} else {
		n.Set("type", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://loinc.org", "code", "34133-9", "display", "Summary of episode note")), "text", "Summary of episode note"))
	}
	n.Set("subject", reference("Patient/"+c.Patient))
	n.Set("date", fhir.Str(actor.Now().UTC().Format(time.RFC3339)))
	if by := cmp.Or(d.Author, d.Custodian); by != "" {
		n.Set("author", fhir.Arr(fhir.Obj("display", by)))
	}
	if d.Custodian != "" {
		n.Set("custodian", fhir.Obj("display", d.Custodian))
	}
	n.Set("relatesTo", c.related())
	n.Set("description", fhir.Str(fault.Clip(cmp.Or(strings.Join(strings.Fields(d.Title), " "), "Document"), 200)))
	switch d.Confidentiality {
	case "N", "R", "V":
		n.Set("securityLabel", fhir.Arr(made(confidentialitySystem, d.Confidentiality, "")))
	}
	attachment := fhir.Obj("contentType", contentType, "url", url, "size", size)
	if !d.Written.IsZero() {
		at := cmp.Or(d.written, d.Written.Format(time.RFC3339))
		if midnight(at) {
			at = at[:len(time.DateOnly)]
		}
		attachment.Set("creation", fhir.Str(at)) // a time of day without a zone is none: which it is is not guessed
	}
	content := fhir.Obj("attachment", attachment)
	for release, code := range formats {
		if strings.Contains(d.Form, release) {
			content.Set("format", fhir.Obj("system", "http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem", "code", code, "display", fault.Clip(d.Form, 100)))
		}
	}
	n.Set("content", fhir.Arr(content))
	return n
}

// formats are the codes of IHE for the releases of C-CDA that have one.
var formats = map[string]string{"R1.1": "urn:hl7-org:sdwg:ccda-structuredBody:1.1", "R2.1": "urn:hl7-org:sdwg:ccda-structuredBody:2.1"}

// meta is what stands on everything that is written from the document: where it is from, and the labels
// that the document has of it. What is seen by more people than the document does not say which it is, nor, where the name may tell, whose.
func (c *Comparison) meta(n *fhir.Node, document string, labels []string) *fhir.Node {
	m := fhir.Obj("source", "urn:uuid:"+document)
	if policy.MayHide(n.ResourceType()) != nil {
		labels = nil
	}
	if c.beyond(n, labels) {
		m = fhir.Obj()
	}
	from := c.from(c.names(c.bears(n, labels)))
	if list := codings(policy.LabelSystem, labels); list.Len() > 0 {
		m.Set("security", list)
	}
	tags := fhir.Arr(policy.Imported.Tag(from))
	if c.sent {
		tags = fhir.Arr(policy.Reported.Tag(""), tags.At(0))
	}
	m.Set("tag", tags)
	return m
}

func codings(system string, codes []string) *fhir.Node {
	list := fhir.Arr()
	for _, l := range slices.Compact(slices.Sorted(slices.Values(codes))) {
		if known, ok := policy.LabelOf(l); ok && !known.Chart {
			list.Append(fhir.Obj("system", system, "code", l))
		}
	}
	return list
}

// unnamed is whose a document is, where nothing more is said.
const unnamed = "another system"

// OtherMark stands in the source of what is from a document about another person.
const OtherMark = "the document of "

// source says whose word it is what the document says: "Kirkstall Heart Clinic"; of another person's document,
// and of whom: "the document of Eve Betterhalf (Kirkstall Heart Clinic)". What a patient sent is the patient's
// word, who names a clinic: "the patient, with a document of Kirkstall Heart Clinic". Where the clinic may not be
// named, it is "another system".
func (c *Comparison) source(named bool) string {
	by := fault.Clip(cmp.Or(c.Document.Custodian, c.Document.Author, unnamed), 100)
	if !named {
		by = unnamed
	}
	other := c.Blocks()
	switch about := fault.Clip(cmp.Or(c.About(), "somebody else"), 100); {
	case other && named:
		by = OtherMark + about + " (" + by + ")"
	case other:
		by = OtherMark + about
	}
	switch {
	case c.sent && other:
		return policy.SentMark + by
	case c.sent:
		return policy.SentMark + "a document of " + by
	}
	return by
}

// from is source, and of when, which may tell as much as a name: "Kirkstall Heart Clinic, 2026-11-09".
func (c *Comparison) from(named bool) string {
	by := c.source(named)
	if !named || c.Document.Written.IsZero() {
		return by
	}
	return by + ", " + c.Document.Written.Format(time.DateOnly)
}

// listed is from, as people write it: "Kirkstall Heart Clinic, 09-Nov-2026".
func (c *Comparison) listed() string {
	by, day, dated := strings.Cut(c.from(true), ", "+c.Document.Written.Format(time.DateOnly))
	if !dated || day != "" {
		return c.from(true)
	}
	return by + ", " + c.Document.Written.Format("02-Jan-2006")
}

// numberOf writes the number of a document, "root^extension", as FHIR does; one whose root is no OID and no UUID
// stays as it is written, since a part of it is no number.
func numberOf(id string) *fhir.Node {
	root, extension, _ := strings.Cut(id, "^")
	switch {
	case id == "":
		return nil
	case uri(root) == "":
		return fhir.Obj("value", id)
	}
	return identifierOf(root, extension)
}

func sameIdentifier(n *fhir.Node, id string) bool {
	want := numberOf(id)
	return want != nil && n.Get("system").Text() == want.Get("system").Text() && n.Get("value").Text() == want.Get("value").Text()
}

func reference(to string) *fhir.Node { return fhir.Obj("reference", to) }

// asked is the task to review a document.
func (c *Comparison) asked(actor *record.Actor, document, reason string) *fhir.Node {
	priority := "" // that there is a critical value is told by the order of the work, not in words, which stand without the document's labels
	if c.critical() {
		priority = "stat"
	}
	n := task.New(actor, task.Task{Kind: task.ReviewDocument, Patient: c.Patient, Focus: "DocumentReference/" + document, Text: "A document of another clinic waits for review", Priority: priority,
		Owner: strings.TrimPrefix(physician(c.Chart.Physician), "Practitioner/")}).Resource
	n.SetID(ident.New(actor.Now()))
	if reason = strings.TrimSpace(reason); reason != "" {
		n.Set("input", fhir.Arr(noted("person", reason)))
	}
	return n
}

// recent is how many days a critical value of a document cannot wait.
const recent = 14

// critical reports whether the document has a value that who sent it calls critical, of these days.
func (c *Comparison) critical() bool {
	since := c.at.AddDate(0, 0, -recent).Format(time.DateOnly)
	for i := range c.Document.Items {
		item := &c.Document.Items[i]
		for _, n := range append([]*fhir.Node{item.Resource}, item.Parts...) {
			when := first(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), item.Resource.Get("effectiveDateTime"), item.Resource.Path("effectivePeriod.start"))
			if isCritical(n) && when >= since {
				return true
			}
		}
	}
	return false
}

func physician(ref string) string {
	if strings.HasPrefix(ref, "Practitioner/") {
		return ref
	}
	return ""
}

// noted is an input or output of the task: a decision with the key of its item, or the reason why the
// document is this patient's.
func noted(code, value string) *fhir.Node {
	return fhir.Obj("type", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", policy.ImportSystem, "code", code)), "text", code), "valueString", value)
}
