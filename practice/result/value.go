// Package result reads laboratory results and other measured values, says whether they are
// in range, and keeps the clinician's comment that the patient reads with them.
//
// The review of a result is a task (practice/task, code review-result) whose focus is the
// report or the observation; asking.go is its one shape. File makes it for what a person types in,
// Incoming for what others put into the record. FHIR paths of results are in this package only.
package result

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Value is one measured value, as it was measured.
type Value struct {
	ID         string
	Name       string
	Value      string // decimal literal, or words for a value that is no number
	Numeric    bool
	Comparator string // "<", ">"
	Unit       string
	Flag       string // HL7 ObservationInterpretation: N, H, L, HH, LL, A; "" when not given
	Low, High  string // of the reference range, also where the laboratory wrote it in words
	Range      string // the range in words, as it was sent
	When       string // FHIR dateTime of the collection
	Status     string
	Code       string // LOINC, "" when not given
	// Own: the flag is by the clinic's own critical limits; Sent is the laboratory's.
	Own  bool
	Sent string
	// Unchecked says why the value was not held against those limits; "" when it was, or when
	// the test has none.
	Unchecked labrange.Unchecked
	// Imported: it is from a document of another clinic; Doubt is what was not sure of it then, see policy.DoubtOf.
	Imported bool
	Doubt    string

	ucum  string // the code of the unit, when it is of UCUM
	loinc string // the Code that a value had before it was put into a row of its own for its unit
	open  bool   // the one limit is no part of the range: "< 130"
}

// Report is a panel of values.
type Report struct {
	ID, Name, When, Status string
	Comment                string // for the patient
	Values                 []Value
	Reference              string // of the report, or of the single observation

	patient string // the id of the Patient whom it is about; "" for nobody here
}

// ValuesFrom reads an Observation: one value, or one for each component.
func ValuesFrom(n *fhir.Node) []Value {
	base := Value{ID: n.ID(), Name: fhir.ConceptText(n.Get("code")), When: fhir.FirstText(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Get("issued")),
		Status: n.Get("status").Text(), Code: loinc(n.Get("code")), Imported: policy.Imported.Of(n), Doubt: policy.DoubtOf(n)}
	var out []Value
	if v := base; v.fill(n) {
		out = append(out, v)
	}
	for c := range n.Get("component").Items() {
		v := base
		v.Name, v.Code = fhir.ConceptText(c.Get("code")), loinc(c.Get("code"))
		if v.fill(c) {
			out = append(out, v)
		}
	}
	return out
}

// fill reads value, flag and range of an Observation or a component.
func (v *Value) fill(n *fhir.Node) bool {
	if q := n.Get("valueQuantity"); q != nil {
		v.Value, v.Numeric, v.Comparator = q.Get("value").Text(), true, q.Get("comparator").Text()
		v.Unit = fhir.FirstText(q.Get("unit"), q.Get("code"))
		if q.Get("system").Text() == unitSystem {
			v.ucum = q.Get("code").Text()
		}
	} else {
		v.Value = fhir.FirstText(n.Get("valueString"), n.Path("valueCodeableConcept.text"), n.Path("valueCodeableConcept.coding.0.display"), n.Get("valueInteger"), n.Get("valueBoolean"), n.Get("valueDateTime"))
	}
	v.Flag = flagOf(n.Get("interpretation"))
	v.ranged(n.Get("referenceRange").At(0))
	return v.Value != ""
}

// ranged takes the range that came with the value. One in another unit, or in words that are no limits, stays as it was
// written: the value is not held to it, and not to the built-in one either.
func (v *Value) ranged(r *fhir.Node) {
	v.Low, v.High, v.Range = r.Path("low.value").Text(), r.Path("high.value").Text(), strings.TrimSpace(r.Get("text").Text())
	if noRange[strings.ToLower(v.Range)] {
		v.Range = ""
	}
	if unit := fhir.FirstText(r.Path("low.unit"), r.Path("high.unit"), r.Path("low.code"), r.Path("high.code")); unit != "" && v.Unit != "" && !v.isIn(unit) && !v.isIn(fhir.FirstText(r.Path("low.code"), r.Path("high.code"))) {
		v.Range = cmp.Or(v.Range, labrange.Span(v.Low, v.High)+" "+unit)
		v.Low, v.High = "", ""
	} else if v.Low == "" && v.High == "" && v.Numeric {
		if l, ok := labrange.ParseLimits(v.Range, cmp.Or(v.ucum, v.Unit)); ok {
			v.Low, v.High, v.open = l.Low, l.High, l.Open
		} else if l, ok := labrange.ParseLimits(v.Range, v.Unit); ok {
			v.Low, v.High, v.open = l.Low, l.High, l.Open
		}
	}
}

// noRange are words that stand where there is no range.
var noRange = map[string]bool{"na": true, "n/a": true, "none": true, "not available": true, "not applicable": true, "unknown": true, "-": true}

func (v *Value) isIn(unit string) bool {
	return unit != "" && (labrange.SameUnit(unit, v.Unit) || labrange.SameUnit(unit, v.ucum))
}

func (v Value) limits() labrange.Limits {
	return labrange.Limits{Low: v.Low, High: v.High, Open: v.open}
}

// Contrary reports whether the laboratory's flag says something else than its own range. The flag stands, and is
// looked at by a person.
func (v Value) Contrary() bool {
	flag := v.Flag
	if v.Own {
		flag = v.Sent
	}
	x, err := strconv.ParseFloat(v.Value, 64)
	return err == nil && v.Numeric && v.Comparator == "" && v.limits().Contradicts(flag, x)
}

// hold holds the value against the clinic's own critical limits: a laboratory that says only
// that a value is high, or nothing, does not make a critical one less so.
func (v *Value) hold(who person, at time.Time) {
	q := labrange.Quantity{Comparator: v.Comparator, Unit: cmp.Or(v.ucum, v.Unit)}
	n, ok := ParseNumber(v.Comparator + v.Value)
	if !ok {
		return
	}
	q.Value, q.Comparator = n.Float, n.Comparator
	flag, why := labrange.Critical(v.Code, q, who.age(at))
	if v.Unchecked = why; flag != "" && !critical(v.Flag) {
		v.Sent, v.Flag, v.Own = v.Flag, flag, true
	}
}

// inUnit is the unit of the value as the tables of tests write it.
func (v *Value) inUnit() string {
	if t, ok := labrange.FindIn(v.Code, cmp.Or(v.ucum, v.Unit)); ok {
		return t.Unit
	}
	return v.Unit
}

// judge grades a value that came without a flag: by its own limits, or, where it has no range, in a unit, by the
// built-in one. own says that it was the built-in one.
func (v *Value) judge(unit string, who person, at time.Time) (own bool) {
	x, err := strconv.ParseFloat(v.Value, 64)
	if v.Flag != "" || err != nil || !v.Numeric || v.Comparator != "" {
		return false
	}
	if v.Low != "" || v.High != "" || v.Range != "" {
		v.Flag = v.limits().Lies(x)
		return false
	}
	r, ok := labrange.RangeFor(v.Code, unit, who.sex, who.age(at))
	if ok {
		v.Flag = labrange.Grade(x, r)
	}
	return ok
}

// InRange reports whether the value is known to be in its reference range: its flag says N, and its range nothing else,
// or it has no flag and lies within numeric limits. What cannot be judged is not in range, nor
// is a value in a unit that is not that of its test.
func (v Value) InRange() bool {
	if v.Unchecked == labrange.OtherUnit {
		return false
	}
	if v.Flag != "" {
		return v.Flag == "N" && !v.Contrary()
	}
	x, err := strconv.ParseFloat(v.Value, 64)
	return err == nil && v.Numeric && v.Comparator == "" && v.limits().Lies(x) == "N"
}

// InRange reports whether the report has values and all are known to be in range.
func (r Report) InRange() bool {
	for _, v := range r.Values {
		if !v.InRange() {
			return false
		}
	}
	return len(r.Values) > 0
}

// Under reads the result that a task is about. One that stands in another chart meanwhile, or under nobody, is
// fault.NotFound: it must not be read as this patient's.
func Under(ctx context.Context, actor *record.Actor, t task.Task) (Report, error) {
	r, err := Behind(ctx, actor, t.Focus)
	if err == nil && t.Patient != "" && r.patient != t.Patient {
		return Report{}, elsewhere()
	}
	return r, err
}

func elsewhere() error {
	return fault.New(fault.NotFound, "The result is not in this chart any more. Open the inbox again: it says what has become of it.")
}

// Behind reads what a task or an order points at: a DiagnosticReport with its values, or an
// Observation; the values are held against the clinic's own critical limits. Other types are
// fault.NotSupported.
func Behind(ctx context.Context, actor *record.Actor, ref string) (Report, error) {
	resourceType, id, _ := strings.Cut(ref, "/")
	if resourceType != "DiagnosticReport" && resourceType != "Observation" {
		return Report{}, fault.New(fault.NotSupported, "This is not a result.")
	}
	n, err := actor.Read(ctx, resourceType, id)
	if err != nil {
		return Report{}, err
	}
	if resourceType == "Observation" {
		r := Report{ID: id, Name: fhir.ConceptText(n.Get("code")), Status: n.Get("status").Text(), Comment: notes(n), Values: ValuesFrom(n), Reference: ref, patient: subjectOf(n)}
		if len(r.Values) > 0 {
			r.When = r.Values[0].When
		}
		return r, r.hold(ctx, actor, n)
	}
	r := Report{ID: id, Name: fhir.ConceptText(n.Get("code")), When: fhir.FirstText(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Get("issued")),
		Status: n.Get("status").Text(), Comment: n.Get("conclusion").Text(), Reference: ref, patient: subjectOf(n)}
	var ids []string
	for v := range n.Get("result").Items() {
		if vid, ok := strings.CutPrefix(v.Get("reference").Text(), "Observation/"); ok {
			ids = append(ids, vid)
		}
	}
	if err := r.read(ctx, actor, ids); err != nil {
		return r, err
	}
	return r, r.hold(ctx, actor, n)
}

// hold holds all values against the clinic's own critical limits at the patient's age; one who
// cannot be read has no known age.
func (r *Report) hold(ctx context.Context, actor *record.Actor, n *fhir.Node) error {
	id, ok := strings.CutPrefix(n.Path("subject.reference").Text(), "Patient/")
	if !ok || len(r.Values) == 0 {
		return nil
	}
	who, err := personOf(ctx, actor, id)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Gone) && !fault.Is(err, fault.Forbidden) {
		return err
	}
	for i := range r.Values {
		v := &r.Values[i]
		at := moment(v.When)
		if at.IsZero() {
			at = actor.Now()
		}
		v.hold(who, at)
	}
	return nil
}

// read adds the values of a report in its order.
func (r *Report) read(ctx context.Context, actor *record.Actor, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	byID := map[string]*fhir.Node{}
	for n, err := range actor.FindEach(ctx, "Observation", "_id="+strings.Join(ids, ",")) {
		if err != nil {
			return err
		}
		byID[n.ID()] = n
	}
	for _, id := range ids {
		if n := byID[id]; n != nil && n.Get("status").Text() != wrong && subjectOf(n) == r.patient {
			r.Values = append(r.Values, ValuesFrom(n)...)
		}
	}
	return nil
}

// subjectOf is the id of the Patient whom a resource is about; "" for none.
func subjectOf(n *fhir.Node) string {
	id, ok := strings.CutPrefix(n.Path("subject.reference").Text(), "Patient/")
	if !ok {
		return ""
	}
	return id
}

// Comment returns the Put that stores the clinician's words for the patient with the result of a review:
// a report's conclusion, an observation's note, after what the laboratory has said there. A result that stands in
// another chart meanwhile is fault.NotFound.
func Comment(ctx context.Context, actor *record.Actor, t task.Task, text string) (record.Put, error) {
	resourceType, id, _ := strings.Cut(t.Focus, "/")
	n, err := actor.Read(ctx, resourceType, id)
	if err != nil {
		return record.Put{}, err
	}
	if t.Patient != "" && subjectOf(n) != t.Patient {
		return record.Put{}, elsewhere()
	}
	switch resourceType {
	case "DiagnosticReport":
		if before := n.Get("conclusion").Text(); before != "" {
			text = before + "\n\n" + text
		}
		n.Set("conclusion", fhir.Str(text))
	case "Observation":
		note := fhir.Obj("authorReference", fhir.Obj("reference", actor.Principal().Reference()), "time", actor.Now().UTC().Format("2006-01-02T15:04:05Z"), "text", text)
		list := fhir.Arr()
		for x := range n.Get("note").Items() {
			list.Append(x.Clone())
		}
		list.Append(note)
		n.Set("note", list)
	default:
		return record.Put{}, fault.New(fault.NotSupported, "This is not a result.")
	}
	version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	return record.Put{Resource: n, IfMatch: version}, nil
}

func loinc(concept *fhir.Node) string {
	for c := range concept.Get("coding").Items() {
		if c.Get("system").Text() == "http://loinc.org" {
			return c.Get("code").Text()
		}
	}
	return ""
}

func notes(n *fhir.Node) string {
	var out []string
	doubt := policy.DoubtNote(n) // is nothing that was said to anybody
	for x := range n.Get("note").Items() {
		if x != doubt {
			out = append(out, x.Get("text").Text())
		}
	}
	return strings.Join(out, "\n")
}
