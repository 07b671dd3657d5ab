package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// family reads what a relative has.
func (r *reader) family(e *cda.Element) {
	subject := e.At("subject/relatedSubject")
	relation := r.concept(subject.Child("code"))
	found := members(e, "observation")
	if e.Name == "observation" {
		found = []*cda.Element{e}
	}
	if relation == nil && len(found) == 0 {
		r.unread(e, saysNothing)
		return
	}
	if relation == nil { // the section says that it is one, not which
		relation = made(systems["2.16.840.1.113883.5.111"], "FAMMEMB", "family member")
		r.doubt(noRelative)
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
	var left []*cda.Element
	for _, o := range found {
		code := r.concept(o.Child("value"))
		if text := r.textOf(o.Child("text")); code == nil && text != "" && o.Child("value").Null() == "" {
			code = fhir.Obj("text", clip(text))
		}
		if erroneous(o) || code == nil || isSecurity(o) {
			left = append(left, o)
			continue
		}
		if anyOf(o.Child("value"), noProblem) {
			denied.Append(fhir.Obj("text", conceptText(code)))
			said += "; " + conceptText(code)
			continue
		}
		if o.Attr("negationInd") == "true" {
			denied.Append(fhir.Obj("text", "Not: "+conceptText(code)))
			said += "; not: " + conceptText(code)
			continue
		}
		condition, line := r.relativeCondition(o, code)
		conditions.Append(condition)
		said += "; " + line
	}
	if conditions.Len() > 0 {
		n.Set("condition", conditions)
	}
	if conditions.Len() == 0 && denied.Len() == 0 && e.Name == "observation" {
		r.unread(e, saysNothing)
		return
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
	for _, o := range left {
		switch {
		case isSecurity(o):
		case erroneous(o):
			r.unread(o, markedError)
		default:
			r.unread(o, notKnown)
		}
	}
	if item.Source == "" {
		for c := range e.All("component") {
			if item.Source = r.source(c.Child("observation")); item.Source != "" {
				break
			}
		}
	}
}

// relativeCondition reads what a relative has, and says it.
func (r *reader) relativeCondition(o *cda.Element, code *fhir.Node) (condition *fhir.Node, said string) {
	condition = fhir.Obj("code", code)
	said = r.spoken(code, o, conceptText(code))
	fatal := false
	related(o, "observation", func(_ string, x *cda.Element) {
		fatal = fatal || !erroneous(x) && x.Attr("negationInd") != "true" && x.Is("2.16.840.1.113883.10.20.22.4.47")
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
	return condition, said
}

func amountAge(q *fhir.Node) string {
	if q.Get("code").Text() == "a" {
		return q.Get("value").Text()
	}
	return amount(q)
}
