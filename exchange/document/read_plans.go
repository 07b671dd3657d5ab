package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// planned reads what somebody intends. An order of another clinic is a plan here: nothing in this
// house waits for it.
func (r *reader) planned(e *cda.Element) {
	if e.Name == "substanceAdministration" {
		r.plannedMedicine(e)
		return
	}
	code := r.concept(e.Child("code"))
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
	n.Set("bodySite", list(e, "targetSiteCode", r.concept))
	r.notes(n, e)
	line := conceptText(code)
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

func (r *reader) plannedMedicine(e *cda.Element) {
	code := r.drug(e)
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	n := fhir.New("MedicationRequest")
	n.Set("identifier", identifiers(e))
	status := requestStatus(e)
	if status == "revoked" {
		status = "cancelled"
	}
	n.Set("status", fhir.Str(status))
	n.Set("intent", fhir.Str(intent(e)))
	if e.Attr("negationInd") == "true" {
		n.Set("doNotPerform", fhir.Bool(true))
	}
	n.Set("medicationCodeableConcept", code)
	at, who := r.authored(e)
	n.Set("authoredOn", fhir.Obj("v", at).Get("v"))
	n.Set("requester", named(who))
	n.Set("reasonCode", r.reasons(e))
	dosage, said := r.dosage(e)
	n.Set("dosageInstruction", dosage)
	line := conceptText(code)
	if said != "" {
		line += ", " + said
	}
	holder := fhir.Obj()
	if when := r.times(holder, "x", courseTime(e)); when != "" {
		line += ", " + when
		if dosage == nil {
			n.Set("dosageInstruction", fhir.Arr(fhir.Obj("text", when)))
		}
	}
	r.add(e, n, line).Section = Plan
}

// goal reads what somebody wants to reach.
func (r *reader) goal(e *cda.Element) {
	code, value := r.concept(e.Child("code")), e.Child("value")
	description := code
	said := ""
	target := fhir.Obj()
	if value != nil {
		switch value.Type() {
		case "PQ":
			if q := r.quantity(value); q != nil && code != nil {
				target.Set("measure", code.Clone())
				target.Set("detailQuantity", q)
				said = amount(q)
			}
		case "IVL_PQ":
			if rng := r.valueRange(value); rng != nil && code != nil {
				target.Set("measure", code.Clone())
				target.Set("detailRange", rng)
				said = rangeText(rng)
			}
		default:
			said = r.words(value)
			if said == "" {
				said = r.textOf(value)
			}
		}
	}
	if said != "" {
		if description == nil {
			description = fhir.Obj("text", clip(said))
			said = ""
		} else {
			text := conceptText(description)
			if isAssertion(description) {
				text = ""
			}
			description.Set("text", fhir.Str(clip(collapse(text+" "+said))))
			said = ""
		}
	}
	if description == nil {
		if text := r.textOf(e.Child("text")); text != "" {
			description = fhir.Obj("text", clip(text))
		}
	}
	if description == nil {
		r.unread(e, saysNothing)
		return
	}
	n := fhir.New("Goal")
	n.Set("identifier", identifiers(e))
	n.Set("lifecycleStatus", fhir.Str(map[string]string{"active": "active", "completed": "completed", "aborted": "cancelled", "cancelled": "cancelled", "suspended": "on-hold", "held": "on-hold", "new": "proposed", "": "proposed"}[e.Child("statusCode").Attr("code")]))
	if n.Get("lifecycleStatus").Text() == "" {
		n.Set("lifecycleStatus", fhir.Str("proposed"))
	}
	n.Set("description", description)
	line := conceptText(description)
	i := e.Child("effectiveTime").Interval()
	start := r.date(i.Low)
	if start == "" {
		start = r.date(i.Value)
	}
	if len(start) >= 10 {
		n.Set("startDate", fhir.Str(start[:10]))
		line += ", from " + day(start)
	} else if start != "" {
		n.Set("startDate", fhir.Str(start))
		line += ", from " + day(start)
	}
	if due := r.date(i.High); due != "" {
		target.Set("dueDate", fhir.Str(due[:min(len(due), 10)]))
		line += ", until " + day(due)
	}
	if target.Len() > 0 {
		n.Set("target", fhir.Arr(target))
	}
	if _, who := r.authored(e); who != "" {
		n.Set("expressedBy", named(who))
	}
	r.notes(n, e)
	item := r.add(e, n, line)
	if item.Section != Plan {
		item.Section = Goals
	}
}

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
