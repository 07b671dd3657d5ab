package document

import (
	"cmp"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/wire/cda"
)

// problemStatuses are the clinical statuses that a status observation means.
var problemStatuses = map[string]string{"55561003": "active", "73425007": "inactive", "413322009": "resolved", "277022003": "remission", "246455001": "recurrence", "263855007": "relapse",
	"90734009": "active", "7087005": "active", "255227004": "recurrence"} // chronic, intermittent, recurrent: of C32

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
		case r.another(o):
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
		if o.Is(problemObservation) || (typeCode == "SUBJ" || typeCode == "COMP") && o.Child("value") != nil && !isSecurity(o) && !o.Is(severityObservation) && !o.Is(healthStatus) && !isStatus(o) {
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
	code := r.problemCode(o)
	said, certain, denied := r.judged(o, act)
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
	status := r.problemStatus(o, act, said, category)
	if denied || none {
		status = ""
	}
	switch {
	case denied:
		n.Set("verificationStatus", made(conditionVerification, "refuted", ""))
	case certain == "suspected":
		n.Set("verificationStatus", made(conditionVerification, "provisional", ""))
	}
	onset, high := r.ordered(r.onset(n, o), r.date(o.At("effectiveTime/high")))
	ahead := "" // an end that is to come is none
	if high != "" && r.doc.Written.IsZero() && act.Child("statusCode").Attr("code") == "active" && said == "" {
		r.doubt(statusUnclear) // nobody knows whether it has come
	}
	if past := status == "inactive" || status == "resolved" || status == "remission"; r.ahead(high) && !past {
		ahead, high = high, ""
	}
	if high != "" && status != "" {
		if status == "active" || status == "recurrence" || status == "relapse" {
			status = "inactive"
			if said != "" {
				r.doubt(statusUnclear)
			}
		}
		n.Set("abatementDateTime", fhir.Str(high))
	}
	if status != "" {
		n.Set("clinicalStatus", made(conditionClinical, status, ""))
	}
	n.Set("category", fhir.Arr(made(conditionCategory, category, "")))
	if s, words := r.severity(o); s+words != "" {
		n.Set("severity", fhir.Obj("text", cmp.Or(words, s)))
	}
	n.Set("code", code)
	site := r.site(n, o, o.Child("value"))
	onset = r.since(n, o, onset)
	at, who := r.authored(o, act)
	n.Set("recordedDate", fhir.Obj("v", at).Get("v"))
	n.Set("recorder", named(who))
	r.notes(n, o, act)
	if ahead != "" && !denied && !none {
		remark(n, fhir.Obj("text", "Expected to end: "+day(ahead)))
	}
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := r.spoken(code, o, conceptText(code)) + site
	switch {
	case denied:
		line = "Not: " + line
	case certain == "suspected":
		line = "Suspected: " + line
	}
	if onset != "" && !none {
		line += ", since " + onset
	}
	switch {
	case ahead != "" && status != "":
		line += ", " + status + ", expected until " + day(ahead)
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
	switch {
	case item.Section == Encounters && category == "encounter-diagnosis":
		item.Section = Diagnoses
	case item.Section == Other, item.Section == Encounters:
		item.Section = Problems
	}
}

// since says when a problem began: the day, else the age, which it puts into it.
func (r *reader) since(n *fhir.Node, o *cda.Element, onset string) string {
	if onset != "" {
		return day(onset)
	}
	age := r.ageAt(o)
	if age == nil {
		return ""
	}
	n.Set("onsetAge", age)
	return "age " + age.Get("value").Text()
}

// problemCode reads what a problem is: its first code, else its words. Another code beside it is a doubt.
func (r *reader) problemCode(o *cda.Element) *fhir.Node {
	code := r.concept(o.Child("value"))
	if code == nil {
		if text := r.textOf(o.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	for i, v := range elements(o, "value") {
		if i == 0 {
			continue
		}
		if more := r.concept(v); more != nil {
			r.doubt(qualifies, clip(conceptText(more)))
		}
	}
	return code
}

// problemStatus reads the clinical status: as it is observed, else by the concern; an end alone is
// one.
func (r *reader) problemStatus(o, act *cda.Element, said, category string) string {
	if s := problemStatuses[said]; s != "" {
		return s
	}
	high := o.At("effectiveTime/high")
	if t, ok := cda.ParseTime(high.Attr("value")); high.Has("value") && !(ok && r.ahead(t.ISO)) {
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
	case act == nil && r.past:
		r.doubt(statusUnclear)
		return "inactive"
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
