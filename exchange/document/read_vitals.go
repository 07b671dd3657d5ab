package document

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// vitals reads a set of vital signs, each as its Observation; the two blood pressures as one.
func (r *reader) vitals(e *cda.Element) {
	if e.Name == "observation" {
		r.observed(e, nil, "vital-signs")
		return
	}
	var members, systolic, diastolic []*cda.Element
	for c := range e.All("component") {
		for o := range c.All("observation") {
			switch {
			case erroneous(o):
				r.unread(o, markedError)
				continue
			case isSecurity(o):
				continue
			case o.Null() != "" && o.Child("value") == nil:
				r.unread(o, notKnown)
				continue
			}
			members = append(members, o)
			switch o.Child("code").Attr("code") {
			case "8480-6":
				systolic = append(systolic, o)
			case "8462-4":
				diastolic = append(diastolic, o)
			}
		}
	}
	with, paired := map[*cda.Element]*cda.Element{}, map[*cda.Element]bool{} // the diastolic pressure of a systolic one
	if len(systolic) == len(diastolic) {
		for i, s := range systolic {
			with[s], paired[diastolic[i]] = diastolic[i], true
		}
	}
	for _, o := range members {
		if paired[o] {
			continue
		}
		if d := with[o]; d != nil {
			r.pressure(o, d, e)
			continue
		}
		n, line, _ := r.observation(o, e, "vital-signs")
		if n == nil {
			r.unread(o, saysNothing)
			continue
		}
		if r.idle(o, n) {
			continue
		}
		saturation(n)
		r.halved(o, n, e)
		item := r.add(o, n, line)
		if item.Section == Other {
			item.Section = VitalSigns
		}
		if item.Source == "" {
			item.Source = r.frame(e).source
		}
	}
}

// halved says when the text has both of a blood pressure and the entries have one.
func (r *reader) halved(o *cda.Element, n *fhir.Node, around *cda.Element) {
	value, form := plain(n.Path("valueQuantity.value").Text()), ""
	switch o.Child("code").Attr("code") {
	case "8480-6":
		form = `\b` + regexp.QuoteMeta(value) + `(\.0+)? ?/ ?[0-9]{2,3}\b[^/0-9]`
	case "8462-4":
		form = `(^|[^/0-9])[0-9]{2,3} ?/ ?` + regexp.QuoteMeta(value) + `\b`
	}
	if form == "" || value == "" || len(value) > 5 {
		return
	}
	p := &r.doc.Texts[r.of].Body
	for _, e := range []*cda.Element{o, around} {
		if at, ok := r.places[r.source(e)]; ok {
			p = at.wide
			break
		}
	}
	if regexp.MustCompile(form).MatchString(r.line(p) + " ") {
		r.doubt(otherText)
		r.doc.Texts[r.of].Differs = true
	}
}

// pressure makes one Observation of a systolic and a diastolic pressure.
func (r *reader) pressure(s, d, around *cda.Element) {
	a, _, _ := r.observation(s, around, "vital-signs")
	b, _, _ := r.observation(d, around, "vital-signs")
	code := made(loinc, "85354-9", "Blood pressure panel")
	code.Set("text", fhir.Str("Blood pressure"))
	ids := fhir.Arr()
	for _, n := range []*fhir.Node{a, b} {
		for id := range n.Get("identifier").Items() {
			ids.Append(id)
		}
	}
	n := fhir.New("Observation")
	if ids.Len() > 0 {
		n.Set("identifier", ids)
	}
	for _, k := range []string{"status", "category"} {
		n.Set(k, a.Get(k))
	}
	if a.Get("status").Text() != b.Get("status").Text() {
		n.Set("status", b.Get("status"))
	}
	n.Set("code", code)
	for _, k := range []string{"effectiveDateTime", "effectivePeriod", "performer", "bodySite", "method", "note"} {
		if v := a.Get(k); v != nil {
			n.Set(k, v)
		} else {
			n.Set(k, b.Get(k))
		}
	}
	components := fhir.Arr()
	values := []string{}
	for _, x := range []*fhir.Node{a, b} {
		c := fhir.Obj("code", x.Get("code"))
		for _, k := range []string{"valueQuantity", "valueString", "valueInteger", "valueRange", "valueCodeableConcept", "dataAbsentReason", "interpretation", "referenceRange"} {
			c.Set(k, x.Get(k))
		}
		components.Append(c)
		v := x.Path("valueQuantity.value").Text()
		if v == "" {
			v = x.Get("valueString").Text()
		}
		if v == "" {
			v = "–"
		}
		values = append(values, v)
	}
	n.Set("component", components)
	line := "Blood pressure " + strings.Join(values, "/")
	if u := a.Get("valueQuantity"); u != nil {
		if _, unit, _ := strings.Cut(amount(u), " "); unit != "" {
			line += " " + unit
		}
	}
	if at := n.Get("effectiveDateTime").Text(); at != "" {
		line += ", " + day(at)
	}
	item := r.add(s, n, line)
	if item.Source == "" {
		item.Source = r.frame(around).source
	}
	if item.Section == Other {
		item.Section = VitalSigns
	}
}

// saturation gives an oxygen saturation both codes by which it is known.
func saturation(n *fhir.Node) {
	list := n.Path("code.coding")
	var has [2]bool
	for c := range list.Items() {
		has[0] = has[0] || c.Get("code").Text() == "59408-5"
		has[1] = has[1] || c.Get("code").Text() == "2708-6"
	}
	if has[0] && !has[1] {
		list.Append(fhir.Obj("system", loinc, "code", "2708-6", "display", "Oxygen saturation in Arterial blood"))
	}
}
