package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/wire/cda"
)

// problemStatuses are the clinical statuses that a status observation means.
var problemStatuses = map[string]string{"55561003": "active", "73425007": "inactive", "413322009": "resolved", "277022003": "remission", "246455001": "recurrence", "263855007": "relapse"}

// noProblem are statements that there is none, and anyProblem what is denied by one that is negated.
var (
	noProblem  = map[string]bool{problem.NoneKnown: true}
	anyProblem = map[string]bool{"55607006": true, "64572001": true, "404684003": true, "417662000": true}
)

// problems reads a concern, one Condition for each observation in it.
func (r *reader) problems(e *cda.Element) {
	category := "problem-list-item"
	if e.Child("code").Attr("code") == "29308-4" {
		category = "encounter-diagnosis"
	}
	if e.Name == "observation" {
		r.problem(e, nil, category)
		return
	}
	list := concerned(e)
	for _, o := range list {
		switch {
		case erroneous(o):
			r.unread(o, markedError)
		case o.Null() != "":
			r.unread(o, notKnown)
		default:
			r.problem(o, e, category)
		}
	}
	if len(list) == 0 {
		r.unread(e, kindNotRead)
	}
}

const healthStatus = "2.16.840.1.113883.10.20.22.4.5"

// concerned returns the problem observations of a concern.
func concerned(act *cda.Element) (list []*cda.Element) {
	related(act, "observation", func(typeCode string, o *cda.Element) {
		if o.Is(problemObservation) || (typeCode == "SUBJ" || typeCode == "COMP") && o.Child("value") != nil && !isSecurity(o) && !o.Is(severityObservation) && !o.Is(healthStatus) && o.Child("code").Attr("code") != "33999-4" {
			list = append(list, o)
		}
	})
	return list
}

const (
	conditionClinical     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	conditionVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	conditionCategory     = "http://terminology.hl7.org/CodeSystem/condition-category"
)

func (r *reader) problem(o, act *cda.Element, category string) {
	n := fhir.New("Condition")
	n.Set("identifier", identifiers(o))
	code := r.concept(o.Child("value"))
	if code == nil {
		if text := r.textOf(o.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	denied := o.Attr("negationInd") == "true"
	none := anyOf(o.Child("value"), noProblem) && !denied || denied && (code == nil || anyOf(o.Child("value"), anyProblem))
	if none {
		code, denied = made(snomed, problem.NoneKnown, "No current problems or disability"), false
		code.Set("text", fhir.Str("No known problems"))
	}
	if code == nil {
		r.unread(o, saysNothing)
		return
	}
	if !none && void(code) {
		r.unread(o, deniesInWords)
		return
	}
	if !none {
		r.apart(code, o.Child("value"), called(o.Child("value")), false)
	}
	status := r.problemStatus(o, act, category)
	if denied || none {
		status = ""
	}
	if denied {
		n.Set("verificationStatus", made(conditionVerification, "refuted", ""))
	}
	onset := ""
	low, high := r.ordered(r.onset(n, o), r.date(o.At("effectiveTime/high")))
	onset = low
	if high != "" && status != "" {
		if status == "active" || status == "recurrence" || status == "relapse" {
			status = "inactive"
			if statusOf(o) != "" {
				r.doubt(statusUnclear)
			}
		}
		n.Set("abatementDateTime", fhir.Str(high))
	}
	if status != "" {
		n.Set("clinicalStatus", made(conditionClinical, status, ""))
	}
	n.Set("category", fhir.Arr(made(conditionCategory, category, "")))
	if s := severity(o); s != "" {
		n.Set("severity", fhir.Obj("text", s))
	}
	n.Set("code", code)
	site := r.site(n, o, o.Child("value"))
	if onset == "" {
		if age := r.ageAt(o); age != nil {
			n.Set("onsetAge", age)
			onset = "age " + age.Get("value").Text()
		}
	} else {
		onset = day(onset)
	}
	at, who := r.authored(o, act)
	n.Set("recordedDate", fhir.Obj("v", at).Get("v"))
	n.Set("recorder", named(who))
	r.notes(n, o, act)
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := r.spoken(code, o, conceptText(code)) + site
	if denied {
		line = "Not: " + line
	}
	if onset != "" && !none {
		line += ", since " + onset
	}
	switch {
	case high != "" && status != "":
		line += ", until " + day(high)
	case status != "" && status != "active":
		line += ", " + status
	}
	r.none = none
	item := r.add(o, n, line)
	if item.Source == "" {
		item.Source = r.source(act)
	}
	if item.Section == Other {
		item.Section = Problems
	}
}

// problemStatus reads the clinical status: as it is observed, else by the concern; an end alone is
// one.
func (r *reader) problemStatus(o, act *cda.Element, category string) string {
	if s := problemStatuses[statusOf(o)]; s != "" {
		return s
	}
	high := o.At("effectiveTime/high")
	if high.Has("value") {
		return "resolved"
	}
	switch act.Child("statusCode").Attr("code") {
	case "active":
		return "active"
	case "completed", "aborted", "suspended":
		return "inactive"
	}
	if high.Null() == "UNK" { // it has ended, nobody knows when
		return "inactive"
	}
	switch {
	case category == "encounter-diagnosis": // it was one then
		return ""
	case act == nil:
		return "active"
	}
	r.doubt(statusUnclear)
	return "active"
}

// ageAt reads the age at which a problem began.
func (r *reader) ageAt(o *cda.Element) (age *fhir.Node) {
	related(o, "observation", func(_ string, a *cda.Element) {
		if c := a.Child("code").Attr("code"); c == "445518008" || c == "397659008" || a.Is("2.16.840.1.113883.10.20.22.4.31") {
			if q := r.quantity(a.Child("value")); q.Get("code") != nil {
				age = q
			}
		}
	})
	return age
}
