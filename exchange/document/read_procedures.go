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
	if code == nil {
		if !r.devices(e) {
			r.unread(e, saysNothing)
		}
		return
	}
	n := fhir.New("Procedure")
	n.Set("identifier", identifiers(e))
	status := procedureStatuses[e.Child("statusCode").Attr("code")]
	switch {
	case e.Attr("negationInd") == "true":
		status = "not-done"
	case status == "":
		status = "unknown"
		r.doubt(statusUnclear)
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
	n.Set("bodySite", list(e, "targetSiteCode", r.concept))
	r.notes(n, e)
	none := status == "not-done" && slices.Contains(codesIn(e.Child("code"), snomedOID), "71388002") // any procedure
	if none {
		code.Set("text", fhir.Str("No procedures"))
	}
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := conceptText(code)
	if when != "" {
		line += ", " + when
	}
	switch {
	case none:
	case status == "not-done":
		line = "Not done: " + line
		if why := conceptText(n.Get("statusReason")); why != "" {
			line += " (" + why + ")"
		}
	case status != "completed" && status != "unknown":
		line += " (" + status + ")"
	}
	r.none = none
	item := r.add(e, n, line)
	if item.Section == Other || item.Section == Devices {
		item.Section = Procedures
	}
	r.devices(e)
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

// devices reads the products that take part in a procedure or are supplied, and reports whether
// there was one.
func (r *reader) devices(e *cda.Element) bool {
	found := false
	for p := range e.All("participant") {
		role := p.Child("participantRole")
		if p.Attr("typeCode") == "LOC" || role.Child("playingDevice") == nil && !role.Is("2.16.840.1.113883.10.20.22.4.37") {
			continue
		}
		if r.device(e, role, role.At("playingDevice/code"), role.At("playingDevice/manufacturerModelName").Content()) {
			found = true
		}
	}
	return found
}

func (r *reader) device(e, role, kind *cda.Element, model string) bool {
	n := fhir.New("Device")
	n.Set("identifier", identifiers(role))
	udi := ""
	for id := range role.All("id") {
		if id.Attr("root") == "2.16.840.1.113883.3.3719" { // the root by which the FDA's identifiers are known
			udi = collapse(id.Attr("extension"))
		}
	}
	if udi != "" {
		n.Set("udiCarrier", fhir.Arr(fhir.Obj("issuer", "http://hl7.org/fhir/NamingSystem/fda-udi", "carrierHRF", udi)))
	}
	code := r.concept(kind)
	if code == nil && model == "" && udi == "" {
		return false
	}
	if model != "" {
		n.Set("deviceName", fhir.Arr(fhir.Obj("name", model, "type", "model-name")))
	}
	n.Set("manufacturer", fhir.Obj("v", role.At("scopingEntity/desc").Content()).Get("v"))
	n.Set("type", code)
	line := conceptText(code)
	if line == "" {
		line = model
	}
	if line == "" {
		line = "Device " + udi
	}
	at := e.Child("effectiveTime").Interval()
	for _, t := range []*cda.Element{at.Value, at.Low} {
		if d := r.date(t); d != "" {
			line += ", " + day(d)
			break
		}
	}
	r.add(e, n, line).Section = Devices
	return true
}

// supply reads a thing that was handed out.
func (r *reader) supply(e *cda.Element) {
	if r.devices(e) {
		return
	}
	product := e.At("product/manufacturedProduct")
	code := product.At("manufacturedMaterial/code")
	if code == nil {
		code = e.Child("code")
	}
	if !r.device(e, product, code, product.At("manufacturedMaterial/name").Content()) {
		r.unread(e, saysNothing)
	}
}

// immunization reads a vaccine that was given, or was not.
func (r *reader) immunization(e *cda.Element) {
	code := r.drug(e)
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	n := fhir.New("Immunization")
	n.Set("identifier", identifiers(e))
	status := "completed"
	switch e.Child("statusCode").Attr("code") {
	case "completed", "":
	case "active":
		r.doubt(statusUnclear)
	default:
		status = "not-done"
	}
	if e.Attr("negationInd") == "true" {
		status = "not-done"
	}
	n.Set("status", fhir.Str(status))
	why := ""
	if status == "not-done" {
		if reason := r.refusal(e); reason != nil {
			n.Set("statusReason", reason)
			why = conceptText(reason)
		}
	}
	n.Set("vaccineCode", code)
	i := e.Child("effectiveTime").Interval()
	at := r.date(i.Value)
	for _, t := range []*cda.Element{i.Low, i.Center, i.High} {
		if at == "" {
			at = r.date(t)
		}
	}
	when := ""
	if at != "" {
		n.Set("occurrenceDateTime", fhir.Str(at))
		when = day(at)
	} else {
		n.Set("occurrenceString", fhir.Str("not recorded"))
		when = "date not recorded"
	}
	recorded, _ := r.authored(e)
	n.Set("recorded", fhir.Obj("v", recorded).Get("v"))
	product := e.At("consumable/manufacturedProduct")
	n.Set("manufacturer", named(product.At("manufacturerOrganization/name").Content()))
	n.Set("lotNumber", fhir.Obj("v", product.At("manufacturedMaterial/lotNumberText").Content()).Get("v"))
	n.Set("site", r.concept(e.Child("approachSiteCode")))
	n.Set("route", r.concept(e.Child("routeCode")))
	n.Set("doseQuantity", r.quantity(e.Child("doseQuantity")))
	performers := fhir.Arr()
	for p := range e.All("performer") {
		if who := performerOf(p); who != "" {
			performers.Append(fhir.Obj("function", made("http://terminology.hl7.org/CodeSystem/v2-0443", "AP", ""), "actor", named(who)))
		}
	}
	if performers.Len() > 0 {
		n.Set("performer", performers)
	}
	r.notes(n, e)
	if dose := integer(e.Child("repeatNumber").Attr("value")); dose > 0 {
		n.Set("protocolApplied", fhir.Arr(fhir.Obj("doseNumberPositiveInt", dose)))
	}
	line := conceptText(code)
	if when != "" {
		line += ", " + when
	}
	if lot := n.Get("lotNumber").Text(); lot != "" {
		line += ", lot " + lot
	}
	if status == "not-done" {
		line = "Not given: " + line
		if why != "" {
			line += " (" + why + ")"
		}
	}
	item := r.add(e, n, line)
	if item.Section == Other {
		item.Section = Immunizations
	}
}
