package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// family reads what a relative has.
func (r *reader) family(e *cda.Element) {
	subject := e.At("subject/relatedSubject")
	relation := r.concept(subject.Child("code"))
	if relation == nil {
		r.unread(e, saysNothing)
		return
	}
	n := fhir.New("FamilyMemberHistory")
	n.Set("identifier", identifiers(e))
	n.Set("status", fhir.Str("completed"))
	if d := r.date(e.Child("effectiveTime")); d != "" {
		n.Set("date", fhir.Str(d))
	}
	n.Set("name", fhir.Obj("v", personName(subject.At("subject/name"))).Get("v"))
	n.Set("relationship", relation)
	if g := genders[subject.At("subject/administrativeGenderCode").Attr("code")]; g != "" {
		n.Set("sex", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://hl7.org/fhir/administrative-gender", "code", g))))
	}
	if b := r.date(subject.At("subject/birthTime")); b != "" {
		n.Set("bornDate", fhir.Str(b[:min(len(b), 10)]))
	}
	if dead := subject.At("subject/sdtc:deceasedInd").Attr("value"); dead == "true" || dead == "false" {
		n.Set("deceasedBoolean", fhir.Bool(dead == "true"))
	}
	conditions, line, denied := fhir.Arr(), conceptText(relation), fhir.Arr()
	said := ""
	for c := range e.All("component") {
		o := c.Child("observation")
		if o == nil || erroneous(o) {
			continue
		}
		code := r.concept(o.Child("value"))
		if code == nil {
			continue
		}
		if o.Attr("negationInd") == "true" {
			denied.Append(fhir.Obj("text", "Not: "+conceptText(code)))
			said += "; not: " + conceptText(code)
			continue
		}
		condition := fhir.Obj("code", code)
		said += "; " + r.spoken(code, o, conceptText(code))
		fatal := false
		related(o, "observation", func(_ string, x *cda.Element) {
			fatal = fatal || x.Is("2.16.840.1.113883.10.20.22.4.47")
		})
		if fatal {
			condition.Set("contributedToDeath", fhir.Bool(true))
			said += " (died of it)"
		}
		if age := r.ageAt(o); age != nil {
			condition.Set("onsetAge", age)
			said += " at " + amountAge(age)
		} else if d := r.date(o.At("effectiveTime/low")); d != "" {
			condition.Set("onsetString", fhir.Str(d))
		}
		conditions.Append(condition)
	}
	if conditions.Len() > 0 {
		n.Set("condition", conditions)
	}
	if denied.Len() > 0 {
		n.Set("note", denied)
	}
	if said != "" {
		line += ": " + said[2:]
	}
	item := r.add(e, n, clip(line))
	if item.Section == Other {
		item.Section = Family
	}
	if item.Source == "" {
		for c := range e.All("component") {
			if item.Source = r.source(c.Child("observation")); item.Source != "" {
				break
			}
		}
	}
}

func amountAge(q *fhir.Node) string {
	if q.Get("code").Text() == "a" {
		return q.Get("value").Text()
	}
	return amount(q)
}
