package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

const (
	immunizationActivity = "2.16.840.1.113883.10.20.22.4.52"
	plannedImmunization  = "2.16.840.1.113883.10.20.22.4.120"
)

// planned reads what somebody intends. An order of another clinic is a plan here: nothing in this
// house waits for it.
func (r *reader) planned(e *cda.Element) {
	vaccine := vaccine(e)
	if e.Name == "substanceAdministration" && !vaccine {
		r.plannedMedicine(e)
		return
	}
	code := r.concept(e.Child("code"))
	if vaccine {
		code = r.drug(e)
	}
	if code == nil {
		code = r.concept(e.At("product/manufacturedProduct/manufacturedMaterial/code"))
	}
	if code == nil {
		if text := r.textOf(e.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	if void(code) {
		r.unread(e, deniesInWords)
		return
	}
	r.apart(code, e.Child("code"), called(e.Child("code")), true)
	n := fhir.New("ServiceRequest")
	n.Set("identifier", identifiers(e))
	n.Set("status", fhir.Str(requestStatus(e)))
	n.Set("intent", fhir.Str(intent(e)))
	if e.Attr("negationInd") == "true" {
		n.Set("doNotPerform", fhir.Bool(true))
	}
	n.Set("code", code)
	when := r.times(n, "occurrence", e.Child("effectiveTime"))
	at, who := r.authored(e)
	n.Set("authoredOn", fhir.Obj("v", at).Get("v"))
	n.Set("requester", named(who))
	n.Set("reasonCode", r.reasons(e))
	site := r.site(n, e, e.Child("code"))
	r.notes(n, e)
	line := conceptText(code) + site
	if e.Attr("negationInd") == "true" {
		line = "Not planned: " + line
	}
	if when != "" {
		line += ", " + when
	}
	item := r.add(e, n, line)
	if item.Section != Devices {
		item.Section = Plan
	}
}

// intent is never an order: see planned.
func intent(e *cda.Element) string {
	if e.Attr("moodCode") == "PRP" {
		return "proposal"
	}
	return "plan"
}

func requestStatus(e *cda.Element) string {
	switch e.Child("statusCode").Attr("code") {
	case "active", "new", "":
		return "active"
	case "completed":
		return "completed"
	case "held", "suspended":
		return "on-hold"
	case "aborted", "cancelled":
		return "revoked"
	}
	return "unknown"
}

// plannedMedicine reads a medicine that somebody intends to give: a statement, for it is no
// prescription of this house.
func (r *reader) plannedMedicine(e *cda.Element) {
	code := r.drug(e)
	switch {
	case code == nil:
		r.unread(e, saysNothing)
		return
	case void(code), anyOf(product(e), noMedication):
		r.unread(e, deniesInWords)
		return
	}
	n := fhir.New("MedicationStatement")
	n.Set("identifier", identifiers(e))
	status := map[string]string{"on-hold": "on-hold", "revoked": "not-taken", "unknown": "unknown", "completed": "unknown"}[requestStatus(e)]
	if e.Attr("negationInd") == "true" {
		status = "not-taken"
	}
	switch status {
	case "":
		status = "intended"
	case "unknown":
		r.doubt(statusUnclear)
	}
	n.Set("status", fhir.Str(status))
	n.Set("medicationCodeableConcept", code)
	when := r.times(n, "effective", courseTime(e))
	r.otherCourses(e)
	at, who := r.authored(e)
	n.Set("dateAsserted", fhir.Obj("v", at).Get("v"))
	n.Set("informationSource", named(who))
	n.Set("reasonCode", r.reasons(e))
	r.notes(n, e)
	dosage, said, _ := r.dosage(e, code)
	n.Set("dosage", dosage)
	line := conceptText(code)
	for _, part := range []string{said, when} {
		if part != "" {
			line += ", " + part
		}
	}
	switch status {
	case "intended":
		line += " (planned)"
	case "not-taken":
		line = "Not planned: " + line
	}
	r.add(e, n, line).Section = Plan
}
