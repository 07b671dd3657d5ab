package document

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/wire/cda"
)

// vitals reads a set of vital signs, each as its Observation; the two blood pressures as one.
func (r *reader) vitals(e *cda.Element) {
	r.set(e)
	r.nested(e, (*reader).vitals)
}

func (r *reader) set(e *cda.Element) {
	if e.Name == "observation" {
		r.observed(e, nil, "vital-signs")
		return
	}
	var systolic, diastolic []*cda.Element
	members := r.measured(e)
	for _, o := range members {
		switch o.Child("code").Attr("code") {
		case "8480-6":
			systolic = append(systolic, o)
		case "8462-4":
			diastolic = append(diastolic, o)
		}
	}
	with, paired := map[*cda.Element]*cda.Element{}, map[*cda.Element]bool{} // the diastolic pressure of a systolic one
	lower, twice := map[string]*cda.Element{}, map[string]bool{}
	for _, d := range diastolic {
		at := r.instant(d, e)
		twice[at] = twice[at] || lower[at] != nil
		lower[at] = d
	}
	upper := map[string]*cda.Element{}
	for _, s := range systolic {
		at := r.instant(s, e)
		twice[at] = twice[at] || upper[at] != nil
		upper[at] = s
	}
	for at, s := range upper {
		if d := lower[at]; d != nil && !twice[at] {
			with[s], paired[d] = d, true
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

// instant is when a member of a set was measured, as it is written. Two pressures belong to each other when
// they are the only ones of a time: their order says nothing, and a wrong pair is a pressure that nobody had.
func (r *reader) instant(o, around *cda.Element) string {
	for _, t := range []*cda.Element{o.Child("effectiveTime"), r.frame(around).time} {
		low, high := t.Child("low").Attr("value"), t.Child("high").Attr("value")
		switch value := t.Attr("value"); {
		case value != "":
			return value
		case low != "" && low == high:
			return low
		case low != "" || high != "":
			return low + "/" + high
		}
	}
	return ""
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
	if b.Get("status").Text() != "final" { // the one of which less is sure
		n.Set("status", b.Get("status"))
	}
	if a.Get("status").Text() == "cancelled" {
		n.Set("status", a.Get("status"))
	}
	n.Set("code", code)
	for _, k := range []string{"effectiveDateTime", "effectivePeriod", "performer", "bodySite", "method"} {
		if v := a.Get(k); v != nil {
			n.Set(k, v)
		} else {
			n.Set(k, b.Get(k))
		}
	}
	notes, seen := fhir.Arr(), map[string]bool{}
	for _, x := range []*fhir.Node{a, b} {
		for note := range x.Get("note").Items() {
			if text := string(note.JSON()); !seen[text] {
				seen[text] = true
				notes.Append(note)
			}
		}
	}
	if notes.Len() > 0 {
		n.Set("note", notes)
	}
	components := fhir.Arr()
	for _, x := range []*fhir.Node{a, b} {
		c := fhir.Obj("code", x.Get("code"))
		for _, k := range []string{"valueQuantity", "valueString", "valueInteger", "valueRange", "valueCodeableConcept", "dataAbsentReason", "interpretation", "referenceRange"} {
			c.Set(k, x.Get(k))
		}
		components.Append(c)
	}
	n.Set("component", components)
	line := "Blood pressure " + pressureText(a, b)
	if at := n.Get("effectiveDateTime").Text(); at != "" {
		line += ", " + day(at)
	}
	item := r.add(s, n, statusText(n)+line+notesText(n))
	if item.Source == "" {
		item.Source = r.frame(around).source
	}
	if item.Section == Other {
		item.Section = VitalSigns
	}
}

// valueText says a value of an Observation in words, "–" when it has none.
func valueText(x *fhir.Node) string {
	if rng := x.Get("valueRange"); rng != nil {
		return rangeText(rng)
	}
	for _, text := range []string{amount(x.Get("valueQuantity")), x.Get("valueString").Text(), x.Get("valueInteger").Text(), conceptText(x.Get("valueCodeableConcept"))} {
		if text != "" {
			return text
		}
	}
	return "–"
}

// pressureText says two pressures: their unit once, when it is that of each that is a number.
func pressureText(systolic, diastolic *fhir.Node) string {
	texts, units := []string{}, map[string]bool{}
	for _, x := range []*fhir.Node{systolic, diastolic} {
		if q := x.Get("valueQuantity"); q != nil {
			units[unitText(q)] = true
		}
	}
	unit := ""
	for u := range units {
		unit = " " + u
	}
	for _, x := range []*fhir.Node{systolic, diastolic} {
		text := valueText(x)
		if len(units) == 1 && x.Get("valueQuantity") != nil {
			text = strings.TrimSuffix(text, unit)
		}
		texts = append(texts, text)
	}
	line := strings.Join(texts, "/")
	if len(units) == 1 {
		line += strings.TrimRight(unit, " ")
	}
	return line
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

// unusual says which vital signs a page of the chart would ask about.
func (r *reader) unusual() {
	for i := range r.doc.Items {
		it := &r.doc.Items[i]
		for _, n := range append([]*fhir.Node{it.Resource}, it.Parts...) {
			if n.ResourceType() != "Observation" || !vitalsign.Counts(n) {
				continue
			}
			if m, reading, ok := vitalsign.FromResource(n); ok {
				list := []vitalsign.Reading{reading}
				if vitalsign.Judge(m, list, r.doc.Patient.Get("birthDate").Text()); list[0].Unconfirmed {
					it.Doubts = append(it.Doubts, Doubt{Words: valueUnusual})
					break
				}
			}
		}
	}
}
