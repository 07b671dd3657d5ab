// Package vitalsign is the one definition of what a vital sign of a patient is in the record: by
// which codes it is known, in which unit it counts, which observations count at all, and which of
// them a calculation may use. The chart shows by it, and doses by weight are checked by it, so
// that a weight on one page is a weight on the other.
//
//	readings := vitalsign.Of(vital.Weight, nodes, "1968-03-14") // oldest first, judged
//	w, newer := vitalsign.Usable(vital.Weight, readings)        // what a dose may be worked out from
//
// # Values that nobody was asked about
//
// A page asks about an unusual value before it stores it (vital.Unusual, vital.Leap); a program
// that posts one is not asked and is not refused. The rule is: a value that the page would have
// asked about, and of which nobody has said that it is right, is shown, marked as unusual and not
// confirmed, and nothing is computed from it: no dose by weight, no body mass index, and no later
// value is compared with it. The newest value before it that is in order counts, with its age.
// What no person can have (outside of vital.Definition's Low and High) counts never.
//
// That a person has said so is stored with the observation (see Confirm) and holds for that value
// only: a changed one is asked about again. A value of before this rule has no such mark and is
// confirmed on the page of the measurement.
package vitalsign

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/ucum"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/trust/policy"
)

const (
	loinc        = "http://loinc.org"
	confirmedURL = "urn:osler:confirmed-value"
)

// Reading is one measured value. A pressure has both values; others use Value.
type Reading struct {
	ID                  string
	Value               string // decimal literal, as measured
	Systolic, Diastolic string
	Unit                string // UCUM, as it was recorded
	Flag                string // HH, H, N, L, LL, or "" without a band
	When                string // FHIR dateTime
	Performer           string // reference
	Encounter           string // id
	Status              string
	Origin              policy.Origin
	Doubt               string // what was not sure when it was taken in, see policy.DoubtOf
	Computed            bool   // not recorded: computed from weight and height
	// Height is when the height of a body mass index was measured, when that was another day.
	Height string
	// Unconfirmed: it is unusual and nobody has said that it is right. Nothing is computed from it.
	Unconfirmed bool

	From      []string // ids of the readings that it was computed from
	confirmed bool     // somebody has said so of this very value
	inexact   bool     // less or more than the value
}

// Fixable reports whether the reading can be corrected or withdrawn: it was measured, not computed.
func (r Reading) Fixable() bool { return r.ID != "" && !r.Computed && len(r.From) == 0 }

// Float is the value for drawing: the systolic one of a pressure.
func (r Reading) Float() float64 {
	f, _ := strconv.ParseFloat(cmp.Or(r.Value, r.Systolic), 64)
	return f
}

// Text is the value without its unit: "148/92", "78".
func (r Reading) Text() string {
	if r.Systolic != "" || r.Diastolic != "" {
		return cmp.Or(r.Systolic, "?") + "/" + cmp.Or(r.Diastolic, "?")
	}
	return r.Value
}

// Counts reports whether an observation is a fact of the chart: not cancelled, not entered in
// error, and no home measurement that waits for a clinician.
func Counts(n *fhir.Node) bool {
	switch n.Get("status").Text() {
	case "cancelled", "entered-in-error", "registered":
		return false
	case "preliminary":
		return !isReported(n)
	}
	return true
}

// Waiting reports whether an observation is a home measurement that waits for a clinician.
func Waiting(n *fhir.Node) bool { return n.Get("status").Text() == "preliminary" && isReported(n) }

// isReported reports whether a patient has measured it: what stands in a document that a patient sent was taken in
// by somebody here.
func isReported(n *fhir.Node) bool {
	return policy.OriginOf(n) == policy.Reported && !policy.Imported.Of(n)
}

// FromResource reads a vital sign from an Observation, in the unit of its definition when UCUM can
// convert it; other units stay and are shown as they are. ok is false for anything else.
func FromResource(n *fhir.Node) (vital.Measure, Reading, bool) {
	r := Reading{
		ID: n.ID(), When: cmp.Or(n.Get("effectiveDateTime").Text(), n.Path("effectivePeriod.start").Text(), n.Get("effectiveInstant").Text(), n.Get("issued").Text()),
		Performer: n.Path("performer.0.reference").Text(), Encounter: fhir.IDIn(n.Path("encounter.reference").Text(), "Encounter"),
		Status: n.Get("status").Text(), Origin: policy.OriginOf(n), Doubt: policy.DoubtOf(n),
	}
	d, ok := definitionOf(n.Get("code"))
	if !ok {
		return "", r, false
	}
	r.confirmed = confirmedAs(n) != "" && confirmedAs(n) == raw(n)
	switch d.Measure {
	case vital.BloodPressure:
		units := map[string]bool{}
		for part := range n.Get("component").Items() {
			pd, ok := definitionOf(part.Get("code"))
			if !ok || pd.Measure != vital.Systolic && pd.Measure != vital.Diastolic {
				continue
			}
			value, unit := inUnit(pd, part.Get("valueQuantity"))
			if value != "" {
				units[unit] = true
			}
			if pd.Measure == vital.Systolic {
				r.Systolic = value
			} else {
				r.Diastolic = value
			}
		}
		for u := range units { // two units, or one value without, are none of the pressure
			if r.Unit = u; len(units) > 1 {
				r.Unit = ""
			}
		}
		return d.Measure, r, r.Systolic != "" || r.Diastolic != ""
	case vital.Systolic, vital.Diastolic: // outside of a panel it is not paired: left to results
		return "", r, false
	}
	for from := range n.Get("derivedFrom").Items() {
		if id := fhir.IDIn(from.Get("reference").Text(), "Observation"); id != "" {
			r.From = append(r.From, id)
		}
	}
	r.Value, r.Unit = inUnit(d, n.Get("valueQuantity"))
	r.inexact = n.Path("valueQuantity.comparator") != nil
	return d.Measure, r, r.Value != ""
}

// words are units as programs print them, beside their UCUM code.
var words = map[string]string{"lb": "[lb_av]", "lbs": "[lb_av]", "in": "[in_i]", "inches": "[in_i]", "F": "[degF]", "°F": "[degF]", "C": "Cel", "°C": "Cel", "bpm": "/min", "mmHg": "mm[Hg]"}

// inUnit returns the value of a quantity, a decimal literal, in the unit of a definition; as it
// is, with its own unit, when it cannot be converted.
func inUnit(d vital.Definition, q *fhir.Node) (value, unit string) {
	value, unit = q.Get("value").Text(), cmp.Or(q.Get("code").Text(), q.Get("unit").Text())
	if code, ok := words[unit]; ok {
		unit = code
	}
	if strings.EqualFold(unit, d.Unit) && strings.EqualFold(unit, "kg") {
		unit = d.Unit
	}
	if value == "" || unit == "" || unit == d.Unit {
		return value, unit
	}
	from, err := ucum.Parse(unit)
	if err != nil {
		return value, unit
	}
	to, err := ucum.Parse(d.Unit)
	if f, err := strconv.ParseFloat(value, 64); err != nil || f == 0 { // of before such numbers were refused
		return value, unit
	}
	v, ok := new(big.Rat).SetString(value)
	if err != nil || !ok {
		return value, unit
	}
	v, err = ucum.Convert(v, from, to)
	if err != nil {
		return value, unit
	}
	if f, _ := v.Float64(); f != 0 {
		return vital.Literal(d.Measure, f), d.Unit
	}
	return value, unit
}

func definitionOf(concept *fhir.Node) (vital.Definition, bool) {
	for coding := range concept.Get("coding").Items() {
		if s := coding.Get("system").Text(); s != loinc && s != "" {
			continue
		}
		if d, ok := vital.ByCode(coding.Get("code").Text()); ok {
			return d, true
		}
	}
	return vital.Definition{}, false
}

// Of returns the readings of one vital sign among observations of one patient, oldest first and
// judged. born is the patient's birth date.
func Of(m vital.Measure, observations []*fhir.Node, born string) []Reading {
	var list []Reading
	for _, n := range observations {
		if is, r, ok := FromResource(n); ok && is == m && Counts(n) {
			list = append(list, r)
		}
	}
	Judge(m, list, born)
	return list
}

// Judge sorts readings of one vital sign, oldest first, and says which of them are unusual and not
// confirmed. What was computed from other readings is as good as they are.
func Judge(m vital.Measure, list []Reading, born string) {
	slices.SortStableFunc(list, func(a, b Reading) int { return moment(a.When).Compare(moment(b.When)) })
	var last *Reading
	for i := range list {
		r := &list[i]
		if m != vital.BloodPressure && r.Unit != vital.Of(m).Unit {
			continue // nothing is computed from it: no rule knows what it is
		}
		r.Unconfirmed = r.inexact || impossible(m, *r) || !r.confirmed && len(r.From) == 0 && r.unusual(m, last, Months(born, moment(r.When)))
		if !r.Unconfirmed {
			last = r
		}
	}
}

// Usable returns the newest reading that a calculation may use, and a newer one that it may not:
// one that is unusual and not confirmed, or in a unit that nobody can convert.
func Usable(m vital.Measure, judged []Reading) (usable, newer Reading) {
	for _, r := range slices.Backward(judged) {
		if _, err := strconv.ParseFloat(r.Value, 64); err == nil && !r.Unconfirmed && r.Unit == vital.Of(m).Unit {
			return r, newer
		}
		if newer.When == "" && newer.Value == "" {
			newer = r
		}
	}
	return Reading{}, newer
}

// parts are the single values of a reading.
func (r Reading) parts(m vital.Measure) map[vital.Measure]string {
	if m == vital.BloodPressure {
		return map[vital.Measure]string{vital.Systolic: r.Systolic, vital.Diastolic: r.Diastolic}
	}
	return map[vital.Measure]string{m: r.Value}
}

// impossible reports whether no person can have the value: the page refuses it.
func impossible(m vital.Measure, r Reading) bool {
	for part, text := range r.parts(m) {
		d := vital.Of(part)
		if f, err := strconv.ParseFloat(text, 64); text != "" && (err != nil || f < d.Low || f > d.High) {
			return true
		}
	}
	s, serr := strconv.ParseFloat(r.Systolic, 64)
	d, derr := strconv.ParseFloat(r.Diastolic, 64)
	return serr == nil && derr == nil && d >= s
}

// unusual reports whether the page would ask about the value.
func (r Reading) unusual(m vital.Measure, last *Reading, months int) bool {
	for part, text := range r.parts(m) {
		d := vital.Of(part)
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && (f < d.DoubtLow || f > d.DoubtHigh || vital.Unusual(part, f, months)) {
			return true
		}
	}
	return last != nil && m != vital.BloodPressure && vital.Leap(m, r.Float(), last.Float(), moment(r.When).Sub(moment(last.When)), months)
}

// Confirm stores with an observation that a person has looked at its value and says that it is
// right. It holds until the value changes.
func Confirm(n *fhir.Node) {
	Unconfirm(n)
	if raw(n) == "" {
		return // words, not a value
	}
	list := n.Get("extension")
	if list == nil {
		list = fhir.Arr()
	}
	list.Append(fhir.Obj("url", confirmedURL, "valueString", raw(n)))
	n.Set("extension", list)
}

// Unconfirm takes away what Confirm has stored.
func Unconfirm(n *fhir.Node) {
	left := fhir.Arr()
	for x := range n.Get("extension").Items() {
		if x.Get("url").Text() != confirmedURL {
			left.Append(x.Clone())
		}
	}
	n.Remove("extension")
	if left.Len() > 0 {
		n.Set("extension", left)
	}
}

func confirmedAs(n *fhir.Node) string {
	for x := range n.Get("extension").Items() {
		if x.Get("url").Text() == confirmedURL {
			return x.Get("valueString").Text()
		}
	}
	return ""
}

// raw is the value of an observation with its unit, as it is recorded: "91.2 kg", "148 mm[Hg]/92 mm[Hg]".
func raw(n *fhir.Node) string {
	var parts []string
	say := func(q *fhir.Node) {
		if v := q.Get("value").Text(); v != "" {
			parts = append(parts, v+" "+cmp.Or(q.Get("code").Text(), q.Get("unit").Text()))
		}
	}
	say(n.Get("valueQuantity"))
	for c := range n.Get("component").Items() {
		say(c.Get("valueQuantity"))
	}
	return strings.Join(parts, "/")
}

func moment(value string) time.Time { return lang.Moment(value, time.UTC) }

// Months is the age in whole months at a time; -1 when the birth date is not known to the month.
func Months(birth string, at time.Time) int {
	born, ok := lang.ParsePartial(birth)
	if !ok || born.Month == 0 {
		return -1
	}
	months := (at.Year()-born.Year)*12 + int(at.Month()) - born.Month
	if at.Day() < born.Day {
		months--
	}
	return months
}
