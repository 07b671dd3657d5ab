package policy

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// Origin says where a resource comes from when no one of the clinic stated it first hand: the code of a tag
// in meta.tag. It is "" for the clinic's own.
type Origin string

// The origins; see docs/reference/representation.md.
const (
	Reported      Origin = "patient-reported"
	Imported      Origin = "imported" // from a document of another clinic
	Demonstration Origin = "demonstration"
)

const originSystem = "urn:osler:origin"

// Tag is the tag that says so. Source is whose document an imported resource is from, and of when:
// "Kirkstall Heart Clinic, 2026-11-09"; "" for none.
func (o Origin) Tag(source string) *fhir.Node {
	return fhir.Obj("system", originSystem, "code", string(o), "display", source)
}

// Meta is a meta with the tag alone.
func (o Origin) Meta() *fhir.Node { return fhir.Obj("tag", fhir.Arr(o.Tag(""))) }

// Of reports whether a resource is tagged so.
func (o Origin) Of(r *fhir.Node) bool { return o.tag(r) != nil }

func (o Origin) tag(r *fhir.Node) *fhir.Node {
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() == originSystem && t.Get("code").Text() == string(o) {
			return t
		}
	}
	return nil
}

// OriginOf returns where a resource comes from. What a patient reported is that before all else, whatever is said of it
// beside: it is the one origin that is believed less. What only demonstrates counts as the clinic's own.
func OriginOf(r *fhir.Node) (origin Origin) {
	for _, t := range origins(r) {
		switch o := Origin(t.Get("code").Text()); {
		case o == Reported:
			return o
		case o != Demonstration && origin == "":
			origin = o
		}
	}
	return origin
}

// SentMark begins the source of what is from a document that the patient sent.
const SentMark = "the patient, with "

// SourceOf returns whose document an imported resource is from, as Tag has it; "" where nothing is known. What a patient
// reported is never a clinic's: of that the source counts only if it begins with SentMark.
func SourceOf(r *fhir.Node) string {
	source := Imported.tag(r).Get("display").Text()
	if Reported.Of(r) && !strings.HasPrefix(source, SentMark) {
		return ""
	}
	return source
}

// DoubtMark begins the note of what was not sure of an imported resource when it was taken in, until somebody confirms it.
const DoubtMark = "Not sure in the document that this is from: "

// NoteURL is the extension in which resources have notes whose type has none of its own.
const NoteURL = "http://hl7.org/fhir/StructureDefinition/note"

// DoubtOf returns what was not sure of an imported resource and nobody has confirmed; "" for nothing.
func DoubtOf(r *fhir.Node) string {
	said, _ := strings.CutPrefix(DoubtNote(r).Get("text").Text(), DoubtMark)
	return said
}

// DoubtNote returns the note of DoubtOf; nil for none.
func DoubtNote(r *fhir.Node) *fhir.Node {
	for x := range r.Get("note").Items() {
		if doubts(x) {
			return x
		}
	}
	for x := range r.Get("extension").Items() {
		if note := x.Get("valueAnnotation"); x.Get("url").Text() == NoteURL && doubts(note) {
			return note
		}
	}
	return nil
}

func doubts(note *fhir.Node) bool { return strings.HasPrefix(note.Get("text").Text(), DoubtMark) }

// NoteOf returns the first note of a resource that is not what DoubtOf returns.
func NoteOf(r *fhir.Node) string {
	for x := range r.Get("note").Items() {
		if text := x.Get("text").Text(); text != "" && !doubts(x) {
			return text
		}
	}
	return ""
}

// MarkReported marks what a patient writes newly as such, when its type has no other member that says so
// and nothing is said of its origin.
func MarkReported(p trust.Principal, r *fhir.Node) {
	if p.Role != trust.Patient || r.ResourceType() != "MedicationStatement" || len(origins(r)) > 0 {
		return
	}
	tag := Reported.Tag("")
	if tags := r.Path("meta.tag"); tags.Len() > 0 {
		tags.Append(tag)
		return
	}
	r.Get("meta").Set("tag", fhir.Arr(tag))
}

// origins returns the tags of origin of a resource.
func origins(r *fhir.Node) (tags []*fhir.Node) {
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() == originSystem {
			tags = append(tags, t)
		}
	}
	return tags
}

// sameOrigins reports whether two versions say the same of where they come from.
func sameOrigins(before, after *fhir.Node) bool {
	was, is := origins(before), origins(after)
	if len(was) != len(is) {
		return false
	}
	for i := range was {
		if !equal(was[i], is[i]) {
			return false
		}
	}
	return true
}

// reported reports whether a resource is tagged as what a patient says, and as nothing else.
func reported(r *fhir.Node) bool {
	tags := origins(r)
	return len(tags) == 1 && tags[0].Get("code").Text() == string(Reported)
}

// ownOrigin holds patients to the one origin that is theirs. What stands on an entry stays when they
// change something of it.
func ownOrigin(p trust.Principal, _ Interaction, before, after *fhir.Node) string {
	if p.Role != trust.Patient || after == nil || before != nil && sameOrigins(before, after) || before == nil && len(origins(after)) == 0 || reported(after) {
		return ""
	}
	return "what patients write has no origin but patient-reported: leave out the other tags of " + originSystem + "."
}
