package document

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// absences are the reasons for a missing value that a nullFlavor means, as C-CDA on FHIR maps them.
var absences = map[string]string{"NI": "unknown", "UNK": "unknown", "OTH": "unsupported", "NINF": "negative-infinity", "PINF": "positive-infinity", "MSK": "masked",
	"NA": "not-applicable", "ASKU": "asked-unknown", "NAV": "temp-unknown", "NASK": "not-asked", "TRC": "unsupported", "NP": "unknown"}

// told are absences in words.
var told = map[string]string{"unknown": "not recorded", "masked": "hidden by its source", "not-applicable": "not applicable", "asked-unknown": "asked, not known",
	"temp-unknown": "not known yet", "not-asked": "not asked"}

const observationCategory = "http://terminology.hl7.org/CodeSystem/observation-category"

// observation reads an observation as an Observation of a category ("" none), and says it in a
// line. It is nil when it names nothing.
func (r *reader) observation(o, around *cda.Element, category string) (n *fhir.Node, line, short string) {
	n = fhir.New("Observation")
	n.Set("identifier", identifiers(o))
	code := r.concept(o.Child("code"))
	switch {
	case o.Is(smokingStatus) && !hasLOINC(code):
		code = made(loinc, "72166-2", "Tobacco smoking status")
	case o.Is(tobaccoUse) && !hasLOINC(code):
		code = made(loinc, "11367-0", "History of tobacco use")
	case o.Is(pregnancy) && !hasLOINC(code):
		code = made(loinc, "82810-3", "Pregnancy status")
	case code == nil:
		if text := r.textOf(o.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	if code == nil && o.Child("value") != nil {
		code = fhir.Obj("text", r.title())
	}
	if code.Path("text").Text() == "" && code.Get("coding") == nil {
		return nil, "", ""
	}
	values := elements(o, "value")
	n.Set("status", fhir.Str(observationStatus(o, len(values) > 0)))
	if category != "" {
		system := observationCategory
		if category == "functional-status" {
			system = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
		}
		n.Set("category", fhir.Arr(made(system, category, "")))
	}
	n.Set("code", code)
	when := r.times(n, "effective", o.Child("effectiveTime"))
	if when == "" {
		when = r.times(n, "effective", around.Child("effectiveTime"))
	}
	if _, who := r.authored(o, around); who != "" {
		n.Set("performer", fhir.Arr(named(who)))
	}
	said := ""
	if len(values) > 0 {
		said = r.value(n, values[0], o.Attr("negationInd") == "true")
		said = r.spoken(n.Get("valueCodeableConcept"), o, said)
		if o.Is(pregnancy) && o.Attr("negationInd") == "true" && slices.Contains(codesIn(values[0], snomedOID), "77386006") {
			n.Set("valueCodeableConcept", made(snomed, "60001007", "Not pregnant"))
			said = "not pregnant"
		}
		r.compare(o, n.Get("valueQuantity"), nil)
	}
	interpretations := list(o, "interpretationCode", r.concept)
	n.Set("interpretation", interpretations)
	r.notes(n, o)
	n.Set("bodySite", r.concept(o.Child("targetSiteCode")))
	n.Set("method", r.concept(o.Child("methodCode")))
	if s := r.concept(o.At("specimen/specimenRole/specimenPlayingEntity/code")); s != nil {
		n.Set("specimen", named(conceptText(s)))
	}
	n.Set("referenceRange", r.ranges(o))
	n.Set("component", r.components(o, values))
	line = conceptText(code)
	if isAssertion(code) && said != "" {
		line, said = said, ""
	}
	if said != "" {
		line += " " + said
	}
	if c := interpretations.At(0).Path("coding.0.code").Text(); c != "" && c != "N" {
		line += " (" + c + ")"
	}
	short = line
	if when != "" {
		line += ", " + when
	}
	return n, line, short
}

// spoken gives a concept that is only a code the words of the passage that its statement refers to.
func (r *reader) spoken(c *fhir.Node, o *cda.Element, said string) string {
	if c == nil || said != c.Path("coding.0.code").Text() {
		return said
	}
	if text := r.textOf(o.Child("text")); text != "" && len(text) <= 250 {
		c.Set("text", fhir.Str(text))
		return text
	}
	return said
}

const (
	smokingStatus = "2.16.840.1.113883.10.20.22.4.78"
	tobaccoUse    = "2.16.840.1.113883.10.20.22.4.85"
	pregnancy     = "2.16.840.1.113883.10.20.15.3.8"
)

func elements(e *cda.Element, name string) (list []*cda.Element) {
	for c := range e.All(name) {
		list = append(list, c)
	}
	return list
}

func hasLOINC(code *fhir.Node) bool {
	for c := range code.Get("coding").Items() {
		if c.Get("system").Text() == loinc {
			return true
		}
	}
	return false
}

// isAssertion reports whether a code only says that the value is asserted.
func isAssertion(code *fhir.Node) bool { return code.Path("coding.0.code").Text() == "ASSERTION" }

func observationStatus(o *cda.Element, valued bool) string {
	switch o.Child("statusCode").Attr("code") {
	case "completed", "normal", "": // an observation in the mood of an event has been made
		return "final"
	case "active":
		if valued {
			return "preliminary"
		}
		return "registered"
	case "aborted", "cancelled":
		return "cancelled"
	case "held", "suspended", "new":
		return "registered"
	}
	return "unknown"
}

// value puts a value into a resource by its type, and says it. What is denied is words only, so that
// no program takes it for what it denies.
func (r *reader) value(n *fhir.Node, v *cda.Element, denied bool) string {
	if denied {
		words := r.words(v)
		if words == "" {
			words = v.Attr("value")
		}
		n.Set("valueCodeableConcept", fhir.Obj("text", "Not: "+words))
		return "Not: " + words
	}
	var said string
	switch t := v.Type(); t {
	case "PQ", "REAL", "MO":
		if q := r.quantity(v); q != nil {
			n.Set("valueQuantity", q)
			said = amount(q)
		}
	case "INT":
		if i := integer(v.Attr("value")); v.Has("value") && i >= 0 && i < 1<<31 {
			n.Set("valueInteger", fhir.Int(int64(i)))
			said = v.Attr("value")
		}
	case "IVL_PQ", "IVL_REAL", "IVL_INT":
		if q := r.bound(v); q != nil {
			n.Set("valueQuantity", q)
			said = amount(q)
		} else if rng := r.valueRange(v); rng != nil {
			n.Set("valueRange", rng)
			said = rangeText(rng)
		}
	case "CD", "CE", "CV", "CO", "CS":
		if c := r.concept(v); c != nil {
			n.Set("valueCodeableConcept", c)
			said = conceptText(c)
		}
	case "BL":
		if b := v.Attr("value"); b == "true" || b == "false" {
			n.Set("valueBoolean", fhir.Bool(b == "true"))
			said = map[string]string{"true": "yes", "false": "no"}[b]
		}
	case "TS", "IVL_TS":
		said = r.times(n, "value", v)
	case "RTO", "RTO_PQ_PQ", "RTO_INT_INT", "RTO_QTY_QTY":
		if a, b := r.quantity(v.Child("numerator")), r.quantity(v.Child("denominator")); a != nil && b != nil {
			n.Set("valueRatio", fhir.Obj("numerator", a, "denominator", b))
			said = amount(a) + " : " + amount(b)
		}
	default: // ST, ED, and what has no type
		if text := r.textOf(v); text != "" {
			n.Set("valueString", fhir.Str(text))
			said = clip(text)
		} else if c := r.concept(v); c != nil {
			n.Set("valueCodeableConcept", c)
			said = conceptText(c)
		}
	}
	if said != "" {
		return said
	}
	if text := r.textOf(v); text != "" && v.Type() != "ED" { // words where a number should be
		n.Set("valueString", fhir.Str(text))
		return clip(text)
	}
	if reason := absences[v.Null()]; reason != "" {
		n.Set("dataAbsentReason", made("http://terminology.hl7.org/CodeSystem/data-absent-reason", reason, ""))
		if words := told[reason]; words != "" {
			return words
		}
		return told["unknown"]
	}
	if len(v.Attributes()) > 1 || v.Has("value") {
		r.doubt(valueUnreadable)
	} else {
		r.doubt(valueMissing)
	}
	n.Set("dataAbsentReason", made("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown", ""))
	return told["unknown"]
}

// bound reads an IVL_PQ that has one end: more than, less than.
func (r *reader) bound(v *cda.Element) *fhir.Node {
	low, high := v.Child("low"), v.Child("high")
	side, comparator := low, ">"
	switch {
	case low.Has("value") && !high.Has("value"):
	case high.Has("value") && !low.Has("value"):
		side, comparator = high, "<"
	default:
		return nil
	}
	q := r.quantity(side)
	if q == nil {
		return nil
	}
	if side.Attr("inclusive") != "false" {
		comparator += "="
	}
	if other := map[*cda.Element]*cda.Element{low: high, high: low}[side]; other == nil && side.Attr("inclusive") == "" {
		comparator = comparator[:1] + "="
	}
	n := fhir.Obj("value", q.Get("value"), "comparator", comparator)
	for _, k := range []string{"unit", "system", "code"} {
		n.Set(k, q.Get(k))
	}
	return n
}

// ranges reads the reference ranges of an observation: those that say what is normal.
func (r *reader) ranges(o *cda.Element) *fhir.Node {
	out := fhir.Arr()
	for ref := range o.All("referenceRange") {
		x := ref.Child("observationRange")
		if c := x.Child("interpretationCode").Attr("code"); c != "" && c != "N" {
			continue
		}
		n := fhir.Obj()
		v := x.Child("value")
		switch v.Type() {
		case "IVL_PQ", "IVL_REAL", "IVL_INT":
			n.Set("low", r.quantity(v.Child("low")))
			n.Set("high", r.quantity(v.Child("high")))
		case "CD", "CE", "CO", "CV":
			n.Set("text", fhir.Obj("v", r.words(v)).Get("v"))
		default:
			n.Set("text", fhir.Obj("v", r.textOf(v)).Get("v"))
		}
		if text := r.textOf(x.Child("text")); text != "" {
			n.Set("text", fhir.Str(text))
		}
		if n.Len() > 0 {
			out.Append(n)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

// components reads what else an observation gives: further values, and the answers of a scale.
func (r *reader) components(o *cda.Element, values []*cda.Element) *fhir.Node {
	out := fhir.Arr()
	for _, v := range values[min(1, len(values)):] {
		c := fhir.Obj("code", r.concept(o.Child("code")))
		if c.Get("code") != nil {
			r.value(c, v, false)
			out.Append(c)
		}
	}
	related(o, "observation", func(_ string, x *cda.Element) {
		if !x.Is("2.16.840.1.113883.10.20.22.4.86") && !(o.Is(pregnancy) && x.Child("code").Attr("code") == "11778-8") || erroneous(x) {
			return
		}
		c := fhir.Obj("code", r.concept(x.Child("code")))
		if c.Get("code") == nil {
			return
		}
		if v := x.Child("value"); v != nil {
			r.value(c, v, x.Attr("negationInd") == "true")
		}
		out.Append(c)
	})
	if out.Len() == 0 {
		return nil
	}
	return out
}

// observed reads an observation as an item of its own.
func (r *reader) observed(o, around *cda.Element, category string) {
	n, line, _ := r.observation(o, around, category)
	if n == nil {
		r.unread(o, saysNothing)
		return
	}
	r.add(o, n, line)
}

// results reads a panel as a DiagnosticReport with its Observations.
func (r *reader) results(e *cda.Element) {
	if e.Name == "observation" {
		r.observed(e, nil, resultCategory(e))
		return
	}
	code := r.concept(e.Child("code"))
	var parts []*fhir.Node
	var lines []string
	var members []*cda.Element
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
		}
	}
	if code == nil && len(members) > 0 { // a panel without a name is only a bracket
		for _, o := range members {
			r.observed(o, e, resultCategory(o))
		}
		return
	}
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	category := resultCategory(e)
	var doubts []Doubt
	for _, o := range members {
		r.doubts = nil
		n, _, line := r.observation(o, e, category)
		if n == nil {
			r.unread(o, saysNothing)
			continue
		}
		doubts = append(doubts, r.doubts...)
		parts = append(parts, n)
		lines = append(lines, line)
	}
	n := fhir.New("DiagnosticReport")
	n.Set("identifier", identifiers(e))
	n.Set("status", fhir.Str(reportStatus(e, len(parts) > 0)))
	n.Set("category", fhir.Arr(made("http://terminology.hl7.org/CodeSystem/v2-0074", map[string]string{"laboratory": "LAB", "imaging": "RAD"}[category], "")))
	n.Set("code", code)
	when := r.times(n, "effective", e.Child("effectiveTime"))
	for i := 0; i < len(parts) && when == ""; i++ {
		for _, k := range []string{"effectiveDateTime", "effectivePeriod"} {
			if v := parts[i].Get(k); v != nil && when == "" {
				n.Set(k, v.Clone())
				when = day(v.Text() + v.Get("start").Text())
			}
		}
	}
	if _, who := r.authored(e); who != "" {
		n.Set("performer", fhir.Arr(named(who)))
	}
	line := conceptText(code)
	if when != "" {
		line += ", " + when
	}
	if len(lines) > 0 {
		line += ": " + strings.Join(lines, "; ")
	}
	r.doubts = unique(doubts)
	item := r.add(e, n, clip(line))
	item.Parts = parts
	if item.Source == "" && len(members) > 0 {
		item.Source = r.source(members[0])
	}
	if item.Section == Other {
		item.Section = Results
	}
}

func unique(list []Doubt) (out []Doubt) {
	seen := map[string]bool{}
	for _, d := range list {
		if !seen[d.Words] {
			seen[d.Words] = true
			out = append(out, d)
		}
	}
	return out
}

func reportStatus(e *cda.Element, valued bool) string {
	s := observationStatus(e, valued)
	if s == "final" && e.Child("statusCode").Attr("code") == "" {
		return "unknown"
	}
	return s
}

// imaging are words in the name of a panel that is no laboratory's.
var imaging = []string{"x-ray", "xray", "radiograph", " xr", "ct scan", "mri", "ultrasound", "echocardio", "mammogra", "tomograph", "ekg", "ecg", "electrocardio"}

// resultCategory says what kind of result it is. Most of what stands in a section of results is a
// laboratory's; what is named like an image is not.
func resultCategory(e *cda.Element) string {
	name := strings.ToLower(" " + e.Child("code").Attr("displayName") + " " + e.Child("code").Child("originalText").Content())
	for _, w := range imaging {
		if strings.Contains(name, w) {
			return "imaging"
		}
	}
	return "laboratory"
}

// vitals reads a set of vital signs, each as its Observation; the two blood pressures as one.
func (r *reader) vitals(e *cda.Element) {
	if e.Name == "observation" {
		r.observed(e, nil, "vital-signs")
		return
	}
	var members []*cda.Element
	pressures := map[string][]*cda.Element{}
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
			if k := o.Child("code").Attr("code"); k == "8480-6" || k == "8462-4" {
				pressures[k] = append(pressures[k], o)
			}
		}
	}
	systolic, diastolic := pressures["8480-6"], pressures["8462-4"]
	paired := len(systolic) == len(diastolic)
	for i, o := range members {
		if i >= 0 && paired && containsElement(diastolic, o) {
			continue // with its systolic one
		}
		if paired && containsElement(systolic, o) {
			for k, s := range systolic {
				if s == o {
					r.pressure(s, diastolic[k], e)
				}
			}
			continue
		}
		n, line, _ := r.observation(o, e, "vital-signs")
		if n == nil {
			r.unread(o, saysNothing)
			continue
		}
		saturation(n)
		item := r.add(o, n, line)
		if item.Section == Other {
			item.Section = VitalSigns
		}
		if item.Source == "" {
			item.Source = r.source(e)
		}
	}
}

func containsElement(list []*cda.Element, e *cda.Element) bool {
	for _, x := range list {
		if x == e {
			return true
		}
	}
	return false
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
		_, unit, _ := strings.Cut(amount(u), " ")
		line += " " + unit
	}
	if at := n.Get("effectiveDateTime").Text(); at != "" {
		line += ", " + day(at)
	}
	item := r.add(s, n, line)
	if item.Source == "" {
		item.Source = r.source(around)
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
