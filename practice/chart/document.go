package chart

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Document is a paper or a picture: a letter from elsewhere, a scan, a photo.
type Document struct {
	ID, Title, Kind, Date, Author string // Date is that of the paper where it is known
	ContentType                   string
	Size                          int64 // bytes; 0 when it is not recorded
	Held                          bool  // the record has its content: OpenDocument opens it
	Status                        string
	Origin                        Origin
	Source                        string // of what is imported, see policy.SourceOf
}

// Wrong reports whether it was entered by mistake.
func (d Document) Wrong() bool { return d.Status == "entered-in-error" }

// FileName is a name under which the document can be saved. It is of the kind and the date
// only: the folder of downloads is no place for what a title says.
func (d Document) FileName() string {
	ending := map[string]string{"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
		"image/tiff": ".tiff", "image/heic": ".heic", "text/xml": ".xml", "application/xml": ".xml"}[d.ContentType]
	day, _, _ := strings.Cut(d.Date, "T")
	return strings.Trim("document-"+day, "-") + ending
}

func documentFrom(n *fhir.Node) Document {
	a := n.Path("content.0.attachment")
	d := Document{
		ID: n.ID(), Kind: Words(n.Get("type")), Title: cmp.Or(n.Get("description").Text(), a.Get("title").Text(), Words(n.Get("type"))),
		Date:   cmp.Or(n.Path("context.period.start").Text(), a.Get("creation").Text(), n.Get("date").Text()),
		Author: cmp.Or(n.Path("author.0.display").Text(), n.Path("author.0.reference").Text()), ContentType: a.Get("contentType").Text(),
		Status: n.Get("status").Text(), Origin: policy.OriginOf(n), Source: policy.SourceOf(n),
	}
	if written := a.Get("creation").Text(); d.Origin == Imported && d.Date == written { // its own day, in no zone of ours
		d.Date, _, _ = strings.Cut(written, "T")
	}
	left := a.Path("_data.extension.0.valueUnsignedInt").Text() // how record.Actor.Chart tells the size
	d.Size, _ = strconv.ParseInt(cmp.Or(a.Get("size").Text(), left), 10, 64)
	if data := a.Get("data").Text(); d.Size == 0 && data != "" {
		d.Size = int64(base64.StdEncoding.DecodedLen(len(data)) - strings.Count(data[max(0, len(data)-2):], "="))
	}
	d.Held = fhir.IDIn(a.Get("url").Text(), "Binary") != "" || a.Get("data") != nil || left != ""
	return d
}

// DocumentsBehind returns the documents that tasks are about, by the task's id; those that the actor may not see are left out.
func DocumentsBehind(ctx context.Context, actor *record.Actor, tasks []task.Task) (map[string]Document, error) {
	var ids []string
	for _, t := range tasks {
		if id := t.FocusID("DocumentReference"); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	found := map[string]*fhir.Node{}
	for some := range slices.Chunk(ids, 50) {
		nodes, err := actor.Find(ctx, "DocumentReference", "_id="+strings.Join(some, ",")+"&_count=1000")
		if fault.Is(err, fault.Forbidden) { // not every role that has work sees documents
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, n := range nodes {
			found[n.Reference()] = n
		}
	}
	out := map[string]Document{}
	for _, t := range tasks {
		if n := found[t.Focus]; n != nil && fhir.IDIn(n.Path("subject.reference").Text(), "Patient") == t.Patient {
			out[t.ID] = documentFrom(n)
		}
	}
	return out, nil
}

// Kind is a kind of document that a person chooses when a paper is filed.
type Kind struct{ Code, Text string } // LOINC

// DocumentKinds are the kinds of documents, the commonest first. The first is taken when none
// is chosen.
func DocumentKinds() []Kind {
	return []Kind{
		{"34109-9", "Note"}, {"11488-4", "Consult note"}, {"18842-5", "Discharge summary"}, {"11502-2", "Laboratory report"},
		{"18748-4", "Diagnostic imaging study"}, {"57133-1", "Referral note"}, {"72170-4", "Photographic image"}, {"59284-0", "Consent Document"},
		{"64290-0", "Health insurance card"},
	}
}

// DocumentAccept names the files that AddDocument takes, as browsers ask for it.
const DocumentAccept = "application/pdf,image/jpeg,image/png,image/gif,image/webp,image/tiff,image/heic"

// DocumentDraft is a document as a person files it.
type DocumentDraft struct {
	Patient string
	Kind    string // code of one of DocumentKinds; "" takes the first
	Title   string // "" takes the words of the kind
	Date    string // of the paper: FHIR date; "" is not recorded
	Key     string // makes a repeated submission harmless

	// File is what is kept: a PDF or a picture of at most Limit bytes. It is read once, as a
	// stream.
	File  io.Reader
	Limit int64
}

// AddDocument files a paper or a picture in a chart.
func AddDocument(ctx context.Context, actor *record.Actor, d DocumentDraft) (Document, record.Result, error) {
	change, err := FileDocument(ctx, actor, d)
	if err != nil {
		return Document{}, record.Result{}, err
	}
	result, err := actor.Commit(ctx, change)
	return stored(change.Put[0].Resource, result, documentFrom), result, err
}

// FileDocument takes the file of a document in and returns the change that puts it into the
// chart: the DocumentReference, which tells what it is, and the Binary with its content. A
// discipline may add to it what else belongs to the same step.
func FileDocument(ctx context.Context, actor *record.Actor, d DocumentDraft) (record.Change, error) {
	kind, err := d.check(actor.Now())
	if err != nil {
		return record.Change{}, err
	}
	if _, err := Read(ctx, actor, d.Patient, "Patient"); err != nil { // before anything is taken in
		return record.Change{}, err
	}
	start := make([]byte, 512)
	n, err := io.ReadFull(d.File, start)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return record.Change{}, err
	}
	start = start[:n]
	form := formOf(start)
	switch {
	case n == 0:
		return record.Change{}, fault.New(fault.Invalid, "Choose a file: a PDF or a picture.").At("file")
	case form == "":
		return record.Change{}, fault.New(fault.Invalid, "This file is neither a PDF nor a picture. Scan or photograph the paper, or save it as PDF.").At("file")
	}
	content, err := actor.Keep(ctx, io.MultiReader(bytes.NewReader(start), d.File), d.Limit)
	if fault.Is(err, fault.TooLarge) {
		return record.Change{}, fault.New(fault.TooLarge, "The file is larger than %d MB. Make it smaller: fewer pages, or a lower resolution.", d.Limit>>20).At("file")
	}
	var told *fault.Error
	if fault.Is(err, fault.Invalid) && errors.As(err, &told) { // malware
		return record.Change{}, told.At("file")
	}
	if err != nil {
		return record.Change{}, err
	}
	id := ident.New(actor.Now())
	binary := fhir.Obj("resourceType", "Binary", "id", id, "contentType", form, "securityContext", reference("Patient/"+d.Patient))
	doc := d.resource(actor, kind, fhir.Obj("contentType", form, "url", "Binary/"+id, "size", int(content.Size), "creation", d.Date))
	key := d.Key
	if key != "" {
		key += "/" + content.Hash
	}
	return record.Change{Put: []record.Put{{Resource: doc, Create: true}, {Resource: binary, Create: true, Content: &content}},
		What: "add document", Key: key}, nil
}

func (d *DocumentDraft) check(now time.Time) (Kind, error) {
	d.Title = strings.Join(strings.Fields(d.Title), " ")
	d.Date = strings.TrimSpace(d.Date)
	kinds := DocumentKinds()
	kind := kinds[0]
	for _, k := range kinds {
		if k.Code == d.Kind {
			kind = k
		}
	}
	switch {
	case d.Kind != "" && kind.Code != d.Kind:
		return kind, fault.New(fault.Invalid, "Choose the kind from the list.").At("kind")
	case len(d.Title) > 200:
		return kind, fault.New(fault.Invalid, "The title is too long. Use a few words.").At("title")
	case d.Date != "" && (Moment(d.Date).IsZero() || Moment(d.Date).Year() < 1):
		return kind, fault.New(fault.Invalid, "The date cannot be read. Write a year (2019), a month (2019-03) or a day (2019-03-14).").At("date")
	case Moment(d.Date).After(now):
		return kind, fault.New(fault.Invalid, "The date lies in the future. Correct it.").At("date")
	case d.File == nil:
		return kind, fault.New(fault.Invalid, "Choose a file: a PDF or a picture.").At("file")
	}
	return kind, nil
}

func (d DocumentDraft) resource(actor *record.Actor, kind Kind, attachment *fhir.Node) *fhir.Node {
	n := fhir.New("DocumentReference")
	n.SetID(ident.New(actor.Now()))
	n.Set("status", fhir.Str("current"))
	if actor.Principal().Role == trust.Patient { // nobody of the clinic has looked at it
		n.Set("meta", Reported.Meta())
		n.Set("docStatus", fhir.Str("preliminary"))
	}
	n.Set("type", concept(LOINC, kind.Code, kind.Text, ""))
	n.Set("subject", reference("Patient/"+d.Patient))
	n.Set("date", fhir.Str(actor.Now().Format(time.RFC3339)))
	if who := reference(actor.Principal().Reference()); who != nil {
		n.Set("author", fhir.Arr(who))
	}
	n.Set("description", fhir.Str(cmp.Or(d.Title, kind.Text)))
	n.Set("content", fhir.Arr(fhir.Obj("attachment", attachment)))
	return n
}

// formOf tells from its first bytes what a file is: a PDF or a picture, "" for others. What
// the sender says about it is not asked.
func formOf(start []byte) string {
	for _, f := range []struct {
		at          int
		magic, form string
	}{
		{0, "%PDF-", "application/pdf"}, {0, "\xff\xd8\xff", "image/jpeg"}, {0, "\x89PNG\r\n\x1a\n", "image/png"}, {0, "GIF8", "image/gif"},
		{8, "WEBP", "image/webp"}, {0, "II*\x00", "image/tiff"}, {0, "MM\x00*", "image/tiff"}, {4, "ftyphei", "image/heic"}, {4, "ftypmif1", "image/heic"},
	} {
		if len(start) >= f.at && bytes.HasPrefix(start[f.at:], []byte(f.magic)) {
			return f.form
		}
	}
	return ""
}

// OpenDocument opens the content of a document of a patient. One whose content is not in the
// record is fault.NotFound.
func OpenDocument(ctx context.Context, actor *record.Actor, patient, id string) (Document, io.ReadSeekCloser, error) {
	n, _, err := own(ctx, actor, patient, "DocumentReference", id)
	if err != nil {
		return Document{}, nil, err
	}
	d, a := documentFrom(n), n.Path("content.0.attachment")
	if binary := fhir.IDIn(a.Get("url").Text(), "Binary"); binary != "" {
		b, err := actor.OpenBinary(ctx, binary, 0)
		if err != nil {
			return Document{}, nil, err
		}
		if home := b.Version.Patient; home != "" && home != patient { // a link never shows another's papers
			return Document{}, nil, errors.Join(fault.New(fault.NotFound, "There is no such entry in this chart."), b.Close())
		}
		d.Size, d.ContentType = b.Size, cmp.Or(b.Resource.Get("contentType").Text(), d.ContentType)
		return d, b, nil
	}
	if files := record.LostFiles(n.JSON()); a.Get("_data") != nil && len(files) > 0 {
		return Document{}, nil, record.LostData(n.Reference(), files...)
	}
	plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(a.Get("data").Text()), ""))
	if err != nil || len(plain) == 0 {
		return Document{}, nil, fault.New(fault.NotFound, "The record has no content for this document, only that there is one.")
	}
	d.Size = int64(len(plain))
	return d, held{bytes.NewReader(plain)}, nil
}

// held is a content in memory.
type held struct{ *bytes.Reader }

func (held) Close() error { return nil }
