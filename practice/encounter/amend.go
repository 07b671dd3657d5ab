package encounter

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

// AmendDraft is a change of a signed note. Sections holds the new text by section key (its code);
// sections that are not named stay, and one whose text is emptied goes, unless it links to
// something.
type AmendDraft struct {
	Patient, Note string
	Version       string // of the note that the writer saw
	Sections      map[string]string
	Reason        string
	Key           string
}

// Amend writes a new version of a signed note, with status amended and a second signature.
// The former version stays in the history and can be read. A reason is required; a note
// that someone has changed since is fault.Stale.
func Amend(ctx context.Context, actor *record.Actor, d AmendDraft) (chart.Note, record.Result, error) {
	if strings.TrimSpace(d.Reason) == "" {
		return chart.Note{}, record.Result{}, fault.New(fault.Invalid, "Say why the note is amended: it stays with the note.").At("reason")
	}
	if actor.Principal().Practitioner == "" {
		return chart.Note{}, record.Result{}, fault.New(fault.Forbidden, "Only a clinician amends a note.")
	}
	n, version, err := readOwn(ctx, actor, "Composition", d.Note, d.Patient)
	if err != nil {
		return chart.Note{}, record.Result{}, err
	}
	if d.Version != "" && d.Version != n.Path("meta.versionId").Text() {
		return chart.Note{}, record.Result{}, fault.New(fault.Stale, "Someone has amended this note since you opened it. Open it again: what you typed is below.")
	}
	changed := false
	kept := fhir.Arr()
	keys, at := chart.SectionKeys(n), -1
	for s := range n.Get("section").Items() {
		at++
		text, ok := d.Sections[keys[at]]
		if !ok || text == chart.PlainText(s.Path("text.div").Text()) {
			kept.Append(s)
			continue
		}
		changed = true
		switch text = strings.TrimSpace(text); {
		case text != "":
			s.Set("text", fhir.Obj("status", "generated", "div", chart.Div(text)))
			kept.Append(s)
		case s.Get("entry") != nil || s.Get("section") != nil: // what it links to stays
			s.Remove("text")
			kept.Append(s)
		}
	}
	switch {
	case !changed:
		return chart.Note{}, record.Result{}, fault.New(fault.Invalid, "Nothing of the note was changed.")
	case kept.Len() == 0:
		return chart.Note{}, record.Result{}, fault.New(fault.Invalid, "A note cannot be emptied. Leave a word about what happened to it.")
	}
	n.Set("section", kept)
	now := actor.Now().Format(time.RFC3339)
	n.Set("status", fhir.Str("amended"))
	n.Set("date", fhir.Str(now))
	signatures := n.Get("attester").Clone()
	if signatures == nil {
		signatures = fhir.Arr()
	}
	signatures.Append(attester(actor.Principal().Reference(), now))
	n.Set("attester", signatures)
	event := n.Get("extension").Clone()
	if event == nil {
		event = fhir.Arr()
	}
	event.Append(fhir.Obj("url", AmendmentReason, "valueString", strings.TrimSpace(d.Reason)))
	n.Set("extension", event)
	result, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}, What: "amend note", Key: d.Key})
	return chart.NoteFrom(n), result, err
}

// AmendmentReason is the extension of a Composition that holds why it was amended, one for
// each amendment.
const AmendmentReason = "urn:osler:amendment-reason"

// Reasons are the reasons of a note's amendments, oldest first.
func Reasons(n *fhir.Node) []string {
	var out []string
	for e := range n.Get("extension").Items() {
		if e.Get("url").Text() == AmendmentReason {
			out = append(out, e.Get("valueString").Text())
		}
	}
	return out
}
