package document

import (
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	vitals "github.com/osler-emr/osler/knowledge/vital"
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
	measured, known := measureOf(code)
	r.warm = measured == vitals.Temperature || !known && temperatures.MatchString(conceptText(code))
	defer func() { r.warm = false }()
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
		when = r.times(n, "effective", r.frame(around).time)
	}
	r.performed(n, o, around)
	said := ""
	denied := o.Attr("negationInd") == "true"
	if denied && (len(values) == 0 || r.words(values[0]) == "" && !values[0].Has("value")) { // what is denied is the name itself
		said = "Not: " + conceptText(code)
		n.Set("valueCodeableConcept", fhir.Obj("text", said))
		values = nil
	} else if len(values) > 0 {
		said = r.value(n, values[0], o.Attr("negationInd") == "true")
		said = r.spoken(n.Get("valueCodeableConcept"), o, said)
		if o.Is(pregnancy) && o.Attr("negationInd") == "true" && slices.Contains(codesIn(values[0], snomedOID), "77386006") {
			n.Set("valueCodeableConcept", made(snomed, "60001007", "Not pregnant"))
			said = "not pregnant"
		}
		r.compare(o, n.Get("valueQuantity"), nil)
		if q := n.Get("valueQuantity"); q != nil && q.Get("unit") == nil && ambiguous[measured] {
			r.doubt(noUnit)
		}
	}
	interpretations := list(o, "interpretationCode", r.concept)
	n.Set("interpretation", interpretations)
	r.notes(n, o)
	for note := range r.frame(around).notes.Items() {
		if r.budget -= len(note.Get("text").Text()); r.budget >= 0 {
			remark(n, note)
		}
	}
	n.Set("bodySite", r.concept(o.Child("targetSiteCode")))
	n.Set("method", r.concept(o.Child("methodCode")))
	if s := r.concept(o.At("specimen/specimenRole/specimenPlayingEntity/code")); s != nil {
		n.Set("specimen", named(conceptText(s)))
	}
	n.Set("referenceRange", r.ranges(o))
	r.flagged(n)
	components, answers := r.components(o, values)
	n.Set("component", components)
	line = conceptText(code)
	if said != "" && (isAssertion(code) || said == "Not: "+line) {
		line, said = said, ""
	}
	if said != "" {
		line += " " + said
	}
	if c := interpretations.At(0).Path("coding.0.code").Text(); c != "" && c != "N" {
		line += " (" + c + ")"
	}
	for _, a := range answers {
		line += "; " + a
	}
	line = statusText(n) + line
	short = line
	if when != "" {
		line += ", " + when
	}
	return n, line + notesText(n), short
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

// frame is what a bracket says of all that it holds; kept, since each of them asks.
type frame struct {
	of     *cda.Element
	time   *cda.Element
	author string
	source string
	notes  *fhir.Node
}

func (r *reader) frame(e *cda.Element) frame {
	if r.framed.of != e {
		_, who := r.authored(e)
		holder := fhir.Obj()
		r.notes(holder, e)
		r.framed = frame{e, e.Child("effectiveTime"), who, r.source(e), holder.Get("note")}
	}
	return r.framed
}

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
	switch strings.ToLower(o.Child("statusCode").Attr("code")) {
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

// performed names who made an observation: its author, else that of what stands around it.
func (r *reader) performed(n *fhir.Node, o, around *cda.Element) {
	_, who := r.authored(o)
	if who == "" {
		who = r.frame(around).author
	}
	if who != "" {
		n.Set("performer", fhir.Arr(named(who)))
	}
}

// statusText is what stands before an Observation or report that is not final: what was cancelled is no value.
func statusText(n *fhir.Node) string {
	switch n.Get("status").Text() {
	case "cancelled":
		return "Cancelled: "
	case "preliminary":
		return "Preliminary: "
	case "registered":
		return "Not yet made: "
	case "unknown":
		return "Status not known: "
	}
	return ""
}

// notesText says the notes of an Observation, for the end of a line.
func notesText(n *fhir.Node) (said string) {
	for note := range n.Get("note").Items() {
		said += "; note: " + brieflyOf(note.Get("text").Text())
	}
	return said
}

// measureOf returns which vital sign a code means.
func measureOf(code *fhir.Node) (vitals.Measure, bool) {
	for c := range code.Get("coding").Items() {
		if s := c.Get("system").Text(); s == loinc || s == "" {
			if d, ok := vitals.ByCode(c.Get("code").Text()); ok {
				return d.Measure, true
			}
		}
	}
	return "", false
}

// ambiguous are the vital signs that are measured in more than one unit: a number alone does not say in which.
var ambiguous = map[vitals.Measure]bool{vitals.Systolic: true, vitals.Diastolic: true, vitals.Temperature: true, vitals.Weight: true, vitals.Height: true, vitals.Head: true}

// brieflyOf is the beginning of a text, for a line.
func brieflyOf(s string) string {
	s = collapse(s)
	if r := []rune(s); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return s
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
		digits, minus := strings.CutPrefix(strings.TrimSpace(v.Attr("value")), "-")
		if i := integer(digits); v.Has("value") && i >= 0 && i < 1<<31 {
			if minus {
				i = -i
			}
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
	if side.Attr("inclusive") != "false" { // CDA takes an end as part of the interval
		comparator += "="
	}
	n := fhir.Obj("value", q.Get("value"), "comparator", comparator)
	for _, k := range []string{"unit", "system", "code"} {
		n.Set(k, q.Get(k))
	}
	return n
}

// ranges reads the reference ranges of an observation: those that say what is normal.
func (r *reader) ranges(o *cda.Element) *fhir.Node {
	defer func(was bool) { r.counted = was }(r.counted)
	r.counted = true // the value has said it, if its unit is none
	out := fhir.Arr()
	for ref := range o.All("referenceRange") {
		x := ref.Child("observationRange")
		if c := x.Child("interpretationCode").Attr("code"); c != "" && c != "N" {
			continue
		}
		n := fhir.Obj()
		v := x.Child("value")
		form := v.Type()
		if form == "" && (v.Child("low") != nil || v.Child("high") != nil) {
			form = "IVL_PQ"
		}
		switch form {
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

// isCritical reports whether who sent a value calls it critical.
func isCritical(n *fhir.Node) bool {
	for x := range n.Get("interpretation").Items() {
		for c := range x.Get("coding").Items() {
			if f := c.Get("code").Text(); f == "HH" || f == "LL" || f == "AA" {
				return true
			}
		}
	}
	return false
}

// flagged tells that a value came as critical, and holds its flag to the range that came with it.
func (r *reader) flagged(n *fhir.Node) {
	if isCritical(n) {
		r.doubt(markedCritical, strings.TrimSpace(clip(conceptText(n.Get("code")))+" "+amount(n.Get("valueQuantity"))))
	}
	q, ref := n.Get("valueQuantity"), n.Path("referenceRange.0")
	value, err := strconv.ParseFloat(q.Get("value").Text(), 64)
	if err != nil || q.Get("comparator") != nil {
		return
	}
	l := labrange.Limits{Low: ref.Path("low.value").Text(), High: ref.Path("high.value").Text()}
	if unit := first(ref.Path("low.unit"), ref.Path("high.unit")); unit != "" && !labrange.SameUnit(unit, q.Get("unit").Text()) {
		return
	}
	if l.Low == "" && l.High == "" {
		l, _ = labrange.ParseLimits(ref.Get("text").Text(), q.Get("unit").Text())
	}
	for x := range n.Get("interpretation").Items() {
		for c := range x.Get("coding").Items() {
			if l.Contradicts(c.Get("code").Text(), value) {
				r.doubt(flagContradicts, clip(conceptText(n.Get("code")))+" "+amount(q)+", "+flagWord(c.Get("code").Text())+", "+span(n))
				return
			}
		}
	}
}

// flagWord is a flag that is no mere letter on the page.
func flagWord(code string) string {
	return map[byte]string{'N': "flagged normal", 'A': "flagged abnormal", 'H': "flagged high", '>': "flagged high", 'L': "flagged low", '<': "flagged low"}[code[0]]
}

// components reads what else an observation gives: further values, the answers of a scale, and what was found in
// what it found, as susceptibilities; these are said too.
func (r *reader) components(o *cda.Element, values []*cda.Element) (out *fhir.Node, said []string) {
	out = fhir.Arr()
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
		} else if x.Attr("negationInd") == "true" {
			c.Set("valueCodeableConcept", fhir.Obj("text", "Not: "+conceptText(c.Get("code"))))
		}
		out.Append(c)
	})
	take := func(x *cda.Element) {
		if isSecurity(x) || isStatus(x) || x.Null() != "" && x.Child("value") == nil {
			return
		}
		if erroneous(x) {
			r.doubt(partInError)
			return
		}
		c := fhir.Obj("code", r.concept(x.Child("code")))
		if c.Get("code") == nil || isUnits(x) {
			return
		}
		line := conceptText(c.Get("code"))
		if v := x.Child("value"); v != nil {
			line += " " + r.value(c, v, x.Attr("negationInd") == "true")
		} else if x.Attr("negationInd") == "true" {
			line = "Not: " + line
			c.Set("valueCodeableConcept", fhir.Obj("text", line))
		}
		if interpretation := r.concept(x.Child("interpretationCode")); interpretation != nil {
			c.Set("interpretation", fhir.Arr(interpretation))
			line += " (" + conceptText(interpretation) + ")"
		}
		if s := observationStatus(x, true); s != "final" { // a component has no status of its own
			r.doubt(otherStatus, s)
			line += " (" + s + ")"
		}
		out.Append(c)
		said = append(said, line)
	}
	if r.kind == Results {
		related(o, "organizer", func(_ string, g *cda.Element) {
			switch {
			case erroneous(g):
				r.doubt(partInError)
				return
			case g.Attr("negationInd") == "true":
				r.doubt(deniedPart)
				return
			}
			for _, x := range members(g, "observation") {
				take(x)
			}
		})
		related(o, "observation", func(typeCode string, x *cda.Element) {
			if typeCode == "COMP" && !x.Is("2.16.840.1.113883.10.20.22.4.86") {
				take(x)
			}
		})
	}
	if out.Len() == 0 {
		return nil, said
	}
	return out, said
}

// isUnits reports whether an observation only names the unit of the one that it stands in.
func isUnits(x *cda.Element) bool { return x.Child("code").Attr("code") == "246514001" }

// observed reads an observation as an item of its own.
func (r *reader) observed(o, around *cda.Element, category string) {
	n, line, _ := r.observation(o, around, category)
	if n == nil {
		r.unread(o, saysNothing)
		return
	}
	if r.idle(o, n) {
		return
	}
	r.add(o, n, line)
}

// idle says so and reports it when an observation without a value is of words that say nothing.
func (r *reader) idle(o *cda.Element, n *fhir.Node) bool {
	reason, value := n.Path("dataAbsentReason.coding.0.code").Text(), o.Child("value")
	bare := value == nil || reason != "" || o.Attr("negationInd") == "true" && r.words(value) == "" && !value.Has("value")
	switch {
	case bare && void(n.Get("code")):
		r.unread(o, deniesInWords)
		return true
	case reason == "unknown" && value.Null() != "" && n.Get("note") == nil && n.Get("component") == nil && n.Get("interpretation") == nil:
		r.unread(o, notKnown)
		return true
	}
	return false
}
