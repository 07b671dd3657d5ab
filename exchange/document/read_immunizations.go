package document

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// anyVaccine are words that name no vaccine.
var anyVaccine = regexp.MustCompile(`(?i)^(any |no )?(vaccin(e|es|ation|ations)|immuni[sz]ations?)( product| history| given)?$|^(unknown|none)$`)

// specific reports whether a product has a code of one.
func specific(e *cda.Element) bool {
	codes := []*cda.Element{e}
	for t := range e.All("translation") {
		codes = append(codes, t)
	}
	for _, c := range codes {
		switch code := c.Attr("code"); {
		case code == "", code == "71181003", code == "787859002", code == "998", code == "999": // any vaccine, none, unknown
		default:
			return true
		}
	}
	return false
}

// immunization reads a vaccine that was given, or was not.
func (r *reader) immunization(e *cda.Element) {
	code, denied := r.drug(e), e.Attr("negationInd") == "true"
	// that no vaccine was given is not that a vaccine was refused
	none := denied && !specific(product(e)) && (code == nil || anyVaccine.MatchString(conceptText(code)))
	for _, c := range append(codesIn(product(e), "2.16.840.1.113883.12.292"), codesIn(product(e), "2.16.840.1.113883.6.59")...) {
		none = none || c == "998" && e.At("consumable/manufacturedProduct/manufacturedMaterial/lotNumberText").Content() == "" // no vaccine administered
	}
	if code == nil && !denied {
		r.unread(e, saysNothing)
		return
	}
	if void(code) || none {
		r.unread(e, deniesInWords)
		return
	}
	n := fhir.New("Immunization")
	n.Set("identifier", identifiers(e))
	status := "completed"
	switch said := e.Child("statusCode").Attr("code"); strings.ToLower(said) {
	case "completed", "":
	case "active":
		r.doubt(statusUnclear)
	case "aborted", "cancelled":
		status = "not-done"
	default: // what is new, held or suspended, and what no status of an act is called
		r.doubt(otherStatus, clip(said))
	}
	if denied {
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
	if denied && r.rowSays(e, code, given) {
		r.doubt(otherText)
		r.doc.Texts[r.of].Differs = true
	}
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
