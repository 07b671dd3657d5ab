package policy

import "github.com/osler-emr/osler/fhir"

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

// OriginOf returns where a resource comes from. What only demonstrates counts as the clinic's own.
func OriginOf(r *fhir.Node) Origin {
	for t := range r.Path("meta.tag").Items() {
		if o := Origin(t.Get("code").Text()); t.Get("system").Text() == originSystem && o != Demonstration {
			return o
		}
	}
	return ""
}

// SourceOf returns whose document an imported resource is from, as Tag has it; "" where nothing is known.
func SourceOf(r *fhir.Node) string { return Imported.tag(r).Get("display").Text() }
