package fhirapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/xml"
)

// importDocument answers Patient/[id]/$import-document (urn:osler:operation:import-document): the document of
// another system in the body is filed as it came, read and held to the chart. Nothing of it is in the chart
// unless accept=new asks for what is new; all else waits on a task for a person.
func (s *server) importDocument(c *call) error {
	if err := document.MayFile(c.actor); err != nil {
		return err
	}
	in, err := c.documentGiven()
	if err != nil {
		return err
	}
	d, err := document.ReadFor(c.Context(), in.body)
	if err != nil {
		return err
	}
	up := document.Upload{Patient: c.PathValue("id"), Body: in.body, Read: d, Reason: in.reason}
	var answer *fhir.Node
	if in.accept == "new" {
		f, a, cmp, err := document.Take(c.Context(), c.actor, up)
		if err != nil {
			return err
		}
		answer = importAnswer(f, a, cmp)
	} else {
		f, err := document.File(c.Context(), c.actor, up)
		if err != nil {
			return err
		}
		cmp, err := document.Compare(c.Context(), c.actor, up.Patient, d)
		if err != nil {
			return err
		}
		r, err := document.ReviewOf(c.Context(), c.actor, up.Patient, f.Document)
		if err != nil {
			return err
		}
		answer = importAnswer(f, document.Accepted{Left: r.Left(cmp), Task: r.Task}, cmp)
	}
	return c.write(http.StatusOK, answer.JSON())
}

// documentIn is what was sent.
type documentIn struct {
	body           []byte
	accept, reason string
}

// documentGiven reads the body: the document itself, a Binary with it, or Parameters with a Binary named
// "document". accept and reason stand in the address or in the Parameters.
func (c *call) documentGiven() (in documentIn, err error) {
	q := c.URL.Query()
	if err := known(q, "accept", "reason"); err != nil {
		return in, err
	}
	in.accept, in.reason = q.Get("accept"), q.Get("reason")
	ct := c.Header.Get("Content-Type")
	if !jsonType(ct) && c.given == nil {
		if in.body, err = c.all(); err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return in, fault.New(fault.TooLarge, "The body is larger than the limit of %d bytes.", large.Limit)
			}
			return in, unread(err, fault.Wrap(err, fault.Malformed, "The body could not be read to its end."))
		}
		if !xml.IsResource(in.body) {
			return in, in.check()
		}
		r, err := xml.Decode(in.body)
		if err != nil {
			return in, err
		}
		return in, in.from(r)
	}
	r, err := c.body()
	if err != nil {
		return in, err
	}
	return in, in.from(r)
}

// from takes the document out of a Binary or of Parameters.
func (in *documentIn) from(r *fhir.Node) error {
	binary := r
	if r.ResourceType() == "Parameters" {
		binary = nil
		for p := range r.Get("parameter").Items() {
			switch name := p.Get("name").Text(); name {
			case "document":
				binary = p.Get("resource")
			case "accept", "reason":
				for member, v := range p.Members() {
					if strings.HasPrefix(member, "value") {
						*map[string]*string{"accept": &in.accept, "reason": &in.reason}[name] = v.Text()
					}
				}
			default:
				return fault.New(fault.NotSupported, "The parameter %q is not supported by this operation; it knows document, accept and reason.", clip(name))
			}
		}
	}
	if binary.ResourceType() != "Binary" {
		return fault.New(fault.Malformed, "Send the document itself (application/cda+xml or text/xml), a Binary that holds it, or Parameters with such a Binary named document.").At("document")
	}
	var err error
	if in.body, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(binary.Get("data").Text()), "")); err != nil || len(in.body) == 0 {
		return fault.New(fault.Malformed, "The Binary has no data, or its data is no base64.").At("Binary.data")
	}
	return in.check()
}

func (in *documentIn) check() error {
	switch {
	case in.accept != "" && in.accept != "new" && in.accept != "none":
		return fault.New(fault.NotSupported, "The parameter accept is new or none, which is meant when it is left out.").At("accept")
	case len(in.body) > document.MaxBytes:
		return fault.New(fault.TooLarge, "The document is larger than %d MB.", document.MaxBytes>>20)
	}
	return nil
}

// importAnswer tells what became of a document: where it is filed, how each item stands to the chart, and
// what could not be read.
func importAnswer(f document.Filed, a document.Accepted, c *document.Comparison) *fhir.Node {
	list := fhir.Arr()
	say := func(name, kind string, value any) { list.Append(fhir.Obj("name", name, kind, value)) }
	say("document", "valueReference", fhir.Obj("reference", "DocumentReference/"+f.Document))
	say("filedBefore", "valueBoolean", f.Before)
	if a.Task != "" {
		say("task", "valueReference", fhir.Obj("reference", "Task/"+a.Task))
	}
	if a.Batch != "" {
		say("provenance", "valueReference", fhir.Obj("reference", "Provenance/"+a.Batch))
	}
	say("added", "valueInteger", a.Added)
	say("left", "valueInteger", a.Left)
	if a.More {
		say("more", "valueBoolean", true)
	}
	for _, t := range c.Person {
		list.Append(fhir.Obj("name", "person", "part", fhir.Arr(fhir.Obj("name", "field", "valueString", t.Name), fhir.Obj("name", "verdict", "valueCode", strings.ReplaceAll(string(t.Verdict), " ", "-")))))
	}
	if c.Unseen {
		say("unseen", "valueString", document.MetHidden)
	}
	for i := range c.Rows {
		list.Append(fhir.Obj("name", "item", "part", itemParts(&c.Rows[i])))
	}
	list.Append(fhir.Obj("name", "outcome", "resource", importOutcomes(c)))
	return fhir.Obj("resourceType", "Parameters", "parameter", list)
}

func itemParts(r *document.Row) *fhir.Node {
	parts := fhir.Arr(fhir.Obj("name", "key", "valueString", r.Item.Key), fhir.Obj("name", "section", "valueCode", string(r.Item.Section)),
		fhir.Obj("name", "state", "valueCode", string(r.State)), fhir.Obj("name", "text", "valueString", r.Item.Text))
	if r.Entry != "" {
		parts.Append(fhir.Obj("name", "entry", "valueReference", fhir.Obj("reference", r.Entry)))
	}
	for _, f := range r.Fields {
		if !f.Differs {
			continue
		}
		parts.Append(fhir.Obj("name", "differs", "part", fhir.Arr(fhir.Obj("name", "field", "valueString", f.Name),
			fhir.Obj("name", "chart", "valueString", f.Chart), fhir.Obj("name", "document", "valueString", f.Incoming))))
	}
	for _, x := range r.Findings.Findings {
		parts.Append(fhir.Obj("name", "finding", "part", fhir.Arr(fhir.Obj("name", "tier", "valueCode", string(x.Tier)), fhir.Obj("name", "sentence", "valueString", x.Sentence))))
	}
	for _, x := range r.Findings.NotChecked {
		parts.Append(fhir.Obj("name", "notChecked", "valueString", strings.TrimSpace(x.Check+" "+x.Subject)+": "+x.Reason))
	}
	return parts
}

// doubt is a sentence about what could not be read, in English.
func doubt(d document.Doubt) string { return lang.Language{}.T(d.Words, d.Args...) }

// importOutcomes says what could not be read, and what is not sure of what could.
func importOutcomes(c *document.Comparison) *fhir.Node {
	var issues []fault.Issue
	if c.Later != "" {
		issues = append(issues, fault.Issue{Severity: "warning", Type: "business-rule", Text: "A newer version of this document is filed: nothing of it is taken in without a person."})
	}
	for _, g := range c.Gone {
		issues = append(issues, fault.Issue{Severity: "warning", Type: "business-rule", Text: g.Text + ": taken in from an earlier version, and no longer in this one. It stays in the chart."})
	}
	for _, u := range c.Document.Unread {
		if u.Nothing() {
			issues = append(issues, fault.Issue{Severity: "information", Type: "informational", Text: strings.TrimSpace(u.What + ": " + doubt(u.Why))})
			continue
		}
		issues = append(issues, fault.Issue{Severity: "warning", Type: "not-supported", Text: strings.TrimSpace(u.What + ": " + doubt(u.Why))})
	}
	for _, r := range c.Rows {
		for _, d := range r.Doubts() {
			issues = append(issues, fault.Issue{Severity: "information", Type: "informational", Text: r.Item.Text + ": " + doubt(d)})
		}
	}
	if len(issues) == 0 {
		issues = append(issues, fault.Issue{Severity: "information", Type: "informational", Text: "Everything was read."})
	}
	return outcome(issues...)
}
