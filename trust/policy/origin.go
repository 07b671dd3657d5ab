package policy

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// OriginSystem is the system of the tags that say where a fact comes from when nobody of the clinic has stated it first hand.
const OriginSystem = "urn:osler:origin"

// The origins.
const (
	OriginReported      = "patient-reported"
	OriginImported      = "imported"
	OriginDemonstration = "demonstration"
)

// Origin reads where a fact comes from, "" when it is the clinic's own, and of what was imported whose document it
// is from. What a patient reported is that before all else, whatever is said of it beside: it is the one
// origin that is believed less.
func Origin(r *fhir.Node) (code, from string) {
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() != OriginSystem {
			continue
		}
		switch c := t.Get("code").Text(); c {
		case OriginReported:
			return c, ""
		case OriginDemonstration:
		default:
			if code == "" {
				code = c
			}
			if c == OriginImported && from == "" {
				from = t.Get("display").Text()
			}
		}
	}
	return code, from
}

// Reported marks what a patient writes newly as such, when its type has no other member that says so
// and nothing is said of its origin.
func Reported(p trust.Principal, r *fhir.Node) {
	if p.Role != trust.Patient || r.ResourceType() != "MedicationStatement" || len(origins(r)) > 0 {
		return
	}
	tag := fhir.Obj("system", OriginSystem, "code", OriginReported)
	if tags := r.Path("meta.tag"); tags.Len() > 0 {
		tags.Append(tag)
		return
	}
	r.Get("meta").Set("tag", fhir.Arr(tag))
}

// origins returns the tags of origin of a resource.
func origins(r *fhir.Node) (tags []*fhir.Node) {
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() == OriginSystem {
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
	return len(tags) == 1 && tags[0].Get("code").Text() == OriginReported
}

// ownOrigin holds patients to the one origin that is theirs. What stands on an entry stays when they
// change something of it.
func ownOrigin(p trust.Principal, _ Interaction, before, after *fhir.Node) string {
	if p.Role != trust.Patient || after == nil || before != nil && sameOrigins(before, after) || before == nil && len(origins(after)) == 0 || reported(after) {
		return ""
	}
	return "what patients write has no origin but patient-reported: leave out the other tags of " + OriginSystem + "."
}
