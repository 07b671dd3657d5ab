package document

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// goal reads what somebody wants to reach.
func (r *reader) goal(e *cda.Element) {
	code, value := r.concept(e.Child("code")), e.Child("value")
	if e.Attr("negationInd") == "true" {
		r.unread(e, deniedWhole)
		return
	}
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
	if void(description) {
		r.unread(e, deniesInWords)
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
