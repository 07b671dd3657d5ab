package document

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// procedureStatuses as C-CDA on FHIR maps them.
var procedureStatuses = map[string]string{"completed": "completed", "active": "in-progress", "aborted": "stopped", "cancelled": "not-done", "held": "on-hold", "suspended": "on-hold", "new": "preparation"}

// procedure reads what was done, and the devices that were put in by it.
func (r *reader) procedure(e *cda.Element) {
	if e.Name == "observation" && e.Child("value") != nil && (e.Child("value").Has("code") || e.Child("value").Has("value") || e.Child("value").Content() != "") {
		r.observed(e, nil, "procedure")
		return
	}
	code := r.concept(e.Child("code"))
	if code == nil {
		if text := r.textOf(e.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	denied := e.Attr("negationInd") == "true"
	any := denied && slices.Contains(codesIn(e.Child("code"), snomedOID), "71388002") // any procedure
	switch {
	case any && r.kind != Devices:
		r.unread(e, deniedWhole)
		return
	case code != nil && void(code), denied && (code == nil || any):
		r.unread(e, deniesInWords)
		return
	case code == nil:
		if !r.devices(e) {
			r.unread(e, saysNothing)
		}
		return
	}
	r.apart(code, e.Child("code"), called(e.Child("code")), true)
	n := fhir.New("Procedure")
	n.Set("identifier", identifiers(e))
	status := procedureStatuses[e.Child("statusCode").Attr("code")]
	switch {
	case denied:
		status = "not-done"
	case status == "":
		status = "unknown"
		r.doubt(statusUnclear)
	}
	awaits := status == "completed" && r.rowSays(e, code, awaited)
	if awaits { // what the text awaits does not stand in the chart as done
		status = "unknown"
	}
	if awaits || denied && r.rowSays(e, code, given) {
		r.doubt(otherText)
		r.doc.Texts[r.of].Differs = true
	}
	n.Set("status", fhir.Str(status))
	if status == "not-done" {
		n.Set("statusReason", r.refusal(e))
	}
	n.Set("code", code)
	when := r.times(n, "performed", e.Child("effectiveTime"))
	if _, who := r.authored(e); who != "" {
		n.Set("recorder", named(who))
	}
	performers := fhir.Arr()
	for p := range e.All("performer") {
		if who := performerOf(p); who != "" {
			performers.Append(fhir.Obj("actor", named(who)))
		}
	}
	if performers.Len() > 0 {
		n.Set("performer", performers)
	}
	n.Set("location", named(r.placeOf(e)))
	n.Set("reasonCode", r.reasons(e))
	site := r.site(n, e, e.Child("code"))
	r.notes(n, e)
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := conceptText(code) + site
	if when != "" {
		line += ", " + when
	}
	switch {
	case status == "not-done":
		line = "Not done: " + line
		if why := conceptText(n.Get("statusReason")); why != "" {
			line += " (" + why + ")"
		}
	case status != "completed" && status != "unknown":
		line += " (" + status + ")"
	}
	item := r.add(e, n, line)
	if item.Section == Other || item.Section == Devices {
		item.Section = Procedures
	}
	if status != "not-done" {
		r.devices(e)
	}
}

// refusal reads why something was not done.
func (r *reader) refusal(e *cda.Element) (reason *fhir.Node) {
	related(e, "observation", func(typeCode string, o *cda.Element) {
		if typeCode != "RSON" || reason != nil {
			return
		}
		if reason = r.concept(o.Child("value")); reason == nil || o.Is("2.16.840.1.113883.10.20.22.4.53") {
			if code := r.concept(o.Child("code")); code != nil && !isAssertion(code) {
				reason = code
			}
		}
	})
	return reason
}

// performerOf names who did something: a person, else the organization.
func performerOf(p *cda.Element) string {
	a := p.Child("assignedEntity")
	if name := personOf(a); name != "" {
		return name
	}
	return a.At("representedOrganization/name").Content()
}

// placeOf names where something happened.
func (r *reader) placeOf(e *cda.Element) string {
	for p := range e.All("participant") {
		if p.Attr("typeCode") == "LOC" {
			role := p.Child("participantRole")
			if name := role.At("playingEntity/name").Content(); name != "" {
				return name
			}
			if name := r.words(role.Child("code")); name != "" {
				return name
			}
		}
	}
	return ""
}
