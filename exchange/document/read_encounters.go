package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// classes are the kinds of encounter by the codes of CPT that name one; ranges, both ends included.
var classes = []struct{ from, to, class string }{
	{"99202", "99205", "AMB"}, {"99211", "99215", "AMB"}, {"99221", "99223", "IMP"}, {"99231", "99239", "IMP"}, {"99241", "99245", "AMB"},
	{"99281", "99285", "EMER"}, {"99341", "99350", "HH"}, {"99381", "99397", "AMB"},
}

var encounterClasses = map[string]string{"AMB": "ambulatory", "EMER": "emergency", "FLD": "field", "HH": "home health", "IMP": "inpatient encounter", "ACUTE": "inpatient acute",
	"NONAC": "inpatient non-acute", "OBSENC": "observation encounter", "PRENC": "pre-admission", "SS": "short stay", "VR": "virtual"}

// encounter reads a contact, and the diagnoses that were made in it as items of their own.
func (r *reader) encounter(e *cda.Element) {
	n := fhir.New("Encounter")
	n.Set("identifier", identifiers(e))
	i := e.Child("effectiveTime").Interval()
	start, end := r.date(i.Value), r.date(i.High)
	ended := start != "" || end != ""
	if start == "" {
		start = r.date(i.Low)
	}
	start, end = r.ordered(start, end)
	n.Set("status", fhir.Str(encounterStatus(e.Child("statusCode").Attr("code"), start != "", ended)))
	class := classOf(e.Child("code"))
	if class == nil {
		class = fhir.Obj("extension", fhir.Arr(fhir.Obj("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode", "unknown")))
	}
	n.Set("class", class)
	kind := r.concept(e.Child("code"))
	if names := called(e.Child("code")); len(names) > 0 && deniesCoded.MatchString(kind.Get("text").Text()) && !deniesCoded.MatchString(names[0]) {
		kind.Set("text", fhir.Str(names[0])) // "No encounter diagnosis" is said of a visit, and names none
	}
	if kind != nil {
		n.Set("type", fhir.Arr(kind))
	}
	participants := fhir.Arr()
	said := ""
	for p := range e.All("performer") {
		if who := performerOf(p); who != "" {
			participants.Append(fhir.Obj("individual", named(who)))
			if said == "" {
				said = who
			}
		}
	}
	if participants.Len() > 0 {
		n.Set("participant", participants)
	}
	if start != "" || end != "" {
		n.Set("period", fhir.Obj("start", start, "end", end))
	}
	n.Set("reasonCode", r.reasons(e))
	if d := r.concept(e.Child("sdtc:dischargeDispositionCode")); d != nil {
		n.Set("hospitalization", fhir.Obj("dischargeDisposition", d))
	}
	where := r.placeOf(e)
	if where != "" {
		n.Set("location", fhir.Arr(fhir.Obj("location", named(where))))
	}
	diagnoses := diagnosesOf(e)
	if kind == nil && start == "" && end == "" && len(diagnoses) == 0 && said == "" && where == "" {
		r.unread(e, saysNothing)
		return
	}
	if void(kind) && len(diagnoses) == 0 {
		r.unread(e, deniesInWords)
		return
	}
	line := conceptText(kind)
	if line == "" {
		line = "Encounter"
	}
	switch {
	case start != "" && end != "" && day(start) != day(end):
		line += ", " + day(start) + " to " + day(end)
	case start != "":
		line += ", " + day(start)
	}
	for _, s := range []string{said, where} {
		if s != "" {
			line += ", " + s
		}
	}
	item := r.add(e, n, clip(line))
	if item.Section == Other {
		item.Section = Encounters
	}
	visit := item.Key
	for _, d := range diagnoses {
		if d.Name == "observation" {
			r.diagnosis(visit, d, nil)
			continue
		}
		for _, o := range concerned(d) {
			r.diagnosis(visit, o, d)
		}
	}
}

func encounterStatus(code string, began, ended bool) string {
	switch {
	case code == "cancelled":
		return "cancelled"
	case code == "held":
		return "planned"
	case code == "suspended":
		return "onleave"
	case code == "aborted" || code == "new":
		return "unknown"
	case ended || code == "completed":
		return "finished"
	case began && code == "active":
		return "in-progress"
	}
	return "unknown"
}

// diagnosesOf returns the acts and observations that say what was found in an encounter.
func diagnosesOf(e *cda.Element) (list []*cda.Element) {
	related(e, "act", func(_ string, a *cda.Element) {
		if a.Is("2.16.840.1.113883.10.20.22.4.80") || a.Child("code").Attr("code") == "29308-4" {
			list = append(list, a)
		}
	})
	related(e, "observation", func(_ string, o *cda.Element) {
		if o.Is(problemObservation) {
			list = append(list, o)
		}
	})
	return list
}

func (r *reader) diagnosis(visit string, o, act *cda.Element) {
	if erroneous(o) || erroneous(act) {
		r.unread(o, markedError)
		return
	}
	if o.Null() != "" || r.another(o) || r.another(act) {
		return
	}
	before := len(r.doc.Items)
	r.problem(o, act, "encounter-diagnosis")
	if len(r.doc.Items) > before {
		r.doc.Items[before].Section, r.doc.Items[before].Visit = Diagnoses, visit
	}
}

func classOf(code *cda.Element) *fhir.Node {
	for _, c := range codesIn(code, "2.16.840.1.113883.5.4") {
		if d := encounterClasses[c]; d != "" {
			return fhir.Obj("system", systems["2.16.840.1.113883.5.4"], "code", c, "display", d)
		}
	}
	for _, c := range codesIn(code, "2.16.840.1.113883.6.12") {
		for _, k := range classes {
			if len(c) == 5 && c >= k.from && c <= k.to {
				return fhir.Obj("system", systems["2.16.840.1.113883.5.4"], "code", k.class, "display", encounterClasses[k.class])
			}
		}
	}
	return nil
}
