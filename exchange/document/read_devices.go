package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

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
	if e.Attr("negationInd") == "true" {
		r.unread(e, deniesInWords)
		return
	}
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
