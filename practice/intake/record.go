package intake

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

const (
	loincSystem = "http://loinc.org"
	unitSystem  = "http://unitsofmeasure.org"
	category    = "http://terminology.hl7.org/CodeSystem/observation-category"
)

// MaxText is the longest symptom or comment, in bytes.
const MaxText = 2000

// maxAge is how far back a measurement may lie: older ones belong into a message.
const maxAge = 366 * 24 * time.Hour

// Draft is what a patient typed, kept as it was typed until it can be used.
type Draft struct {
	Kind         Kind
	Upper, Lower string // of a pressure
	Weight       string // "71,5", "158 lb"
	Symptom      string // in the patient's words
	Comment      string
	When         time.Time // when it was measured; zero: now
	Sure         string    // Typed, when unusual values were looked at and are right
	Key          string    // idempotency key of the form
}

// Typed is the values as they were typed. What is said of them holds for them only: values that were
// changed since are asked about again.
func (d Draft) Typed() string {
	if d.Kind == Pressure {
		return plain(d.Upper) + "/" + plain(d.Lower)
	}
	return plain(d.Weight)
}

func plain(text string) string { return strings.TrimSpace(lang.Digits(text)) }

// Fields of a draft, as the issues of a fault name them.
const (
	FieldUpper   = "upper"
	FieldLower   = "lower"
	FieldWeight  = "weight"
	FieldSymptom = "symptom"
	FieldComment = "comment"
	FieldWhen    = "when"
)

var (
	errDoubt   = errors.New("unusual values")
	errSwapped = errors.New("upper below lower")
)

// Unconfirmed reports whether err only asks to look at unusual values once more: the same
// draft is accepted with its Typed as Sure.
func Unconfirmed(err error) bool { return errors.Is(err, errDoubt) }

// Mixed reports whether err says that the upper number is not above the lower one.
func Mixed(err error) bool { return errors.Is(err, errSwapped) }

// Record stores what the patient behind the actor measured and asks the patient's physician
// to look at it. What cannot be right is fault.Invalid with an issue for each field.
func Record(ctx context.Context, actor *record.Actor, d Draft) (Measurement, record.Result, error) {
	patient := actor.Principal().Patient
	if patient == "" {
		return Measurement{}, record.Result{}, fault.New(fault.Forbidden, "Only patients report what they measured at home.")
	}
	now := actor.Now()
	if d.When.IsZero() {
		d.When = now
	}
	c := chart.Chart{}
	if d.Kind == Weight {
		var err error
		if c, err = chart.Read(ctx, actor, patient, "Observation"); err != nil {
			return Measurement{}, record.Result{}, err
		}
	}
	m, err := d.read(now, c)
	if err != nil {
		return Measurement{}, record.Result{}, err
	}
	who, err := actor.Read(ctx, "Patient", patient)
	if err != nil {
		return Measurement{}, record.Result{}, err
	}
	m.ID = ident.New(now)
	t := task.Task{Kind: task.PatientMeasurement, Patient: patient, Focus: "Observation/" + m.ID, Text: m.line()}
	t.Owner, _ = strings.CutPrefix(who.Get("generalPractitioner").At(0).Get("reference").Text(), "Practitioner/")
	if m.Urgent() {
		t.Priority = "urgent"
	}
	result, err := actor.Commit(ctx, record.Change{What: "report home measurement", Key: d.Key,
		Put: []record.Put{{Resource: m.resource(patient, now), Create: true}, task.New(actor, t)}})
	return m, result, err
}

// line is the measurement for one line of the inbox.
func (m Measurement) line() string {
	switch m.Kind {
	case Pressure:
		text := "Blood pressure " + m.Upper + "/" + m.Lower + " mmHg, measured at home"
		if m.Urgent() {
			text += ", very high"
		}
		return text
	case Weight:
		return "Weight " + m.Value + " kg, measured at home"
	}
	return fault.Clip(strings.Join(strings.Fields(m.Value), " "), 80)
}

// WeightBefore returns the weight in the chart with which a weight of an instant is compared, as the
// clinic compares its own.
func WeightBefore(c chart.Chart, at time.Time) (chart.Reading, bool) {
	return c.Before(vital.Weight, at, "")
}

// read checks the draft; issues are collected, so that all of them are shown at once. c is the
// chart, for a weight.
func (d Draft) read(now time.Time, c chart.Chart) (Measurement, error) {
	m := Measurement{Kind: d.Kind, When: d.When, State: Waiting, Comment: strings.TrimSpace(d.Comment)}
	ask := checks{confirmed: d.Sure != "" && d.Sure == d.Typed()}
	switch d.Kind {
	case Pressure:
		m.Name, m.Unit = vital.Of(vital.BloodPressure).Name, vital.Of(vital.BloodPressure).Unit
		upper := ask.number(FieldUpper, vital.Systolic, d.Upper)
		lower := ask.number(FieldLower, vital.Diastolic, d.Lower)
		m.Upper, m.Lower = upper.Literal, lower.Literal
		if err := ask.mixed(upper, lower); err != nil {
			return m, err
		}
	case Weight:
		m.Name, m.Unit = vital.Of(vital.Weight).Name, vital.Of(vital.Weight).Unit
		v := ask.number(FieldWeight, vital.Weight, d.Weight)
		m.Value = v.Literal
		ask.weight(v, d.When, c)
	case Symptom:
		m.Name, m.Value = "Symptom reported by the patient", strings.TrimSpace(d.Symptom)
		if m.Value == "" {
			ask.wrong(FieldSymptom, "Write what you feel.")
		}
	default:
		return m, fault.New(fault.Invalid, "Choose what you want to record.")
	}
	if len(m.Value) > MaxText || len(m.Comment) > MaxText {
		ask.wrong(FieldComment, "This is too long. Send it as a message, in parts.")
	}
	switch {
	case d.When.After(now.Add(5 * time.Minute)):
		ask.wrong(FieldWhen, "This time lies ahead. Say when you measured.")
	case now.Sub(d.When) > maxAge:
		ask.wrong(FieldWhen, "This is more than a year ago. Tell us in a message instead.")
	}
	return m, ask.fault()
}

// checks collects what is wrong, and what is unusual, with the fields of a draft.
type checks struct {
	confirmed    bool
	bad, unusual []fault.Issue
}

func (c *checks) wrong(field, text string) {
	c.bad = append(c.bad, fault.Issue{Severity: "error", Type: "value", Expression: field, Text: text})
}

func (c *checks) number(field string, measure vital.Measure, text string) vital.Value {
	if strings.TrimSpace(text) == "" {
		c.wrong(field, "Fill in this number.")
		return vital.Value{}
	}
	v, err := vital.Parse(measure, text)
	var doubt vital.Doubt
	switch {
	case err == nil:
	case errors.As(err, &doubt):
		c.unusual = append(c.unusual, fault.Issue{Severity: "error", Type: "value", Expression: field, Text: "This number is unusual. Is it right?"})
	case errors.Is(err, vital.ErrUnreadable):
		c.wrong(field, "We cannot read this number. Use digits only.")
		return vital.Value{}
	default:
		c.wrong(field, "This number cannot be right. Look at it again.")
		return vital.Value{}
	}
	return v
}

// weight asks about a weight that is unusual at the patient's age, or far from the one before.
func (c *checks) weight(v vital.Value, at time.Time, of chart.Chart) {
	if v.Literal == "" || len(c.unusual) > 0 {
		return
	}
	months := of.Patient.Months(at)
	before, found := WeightBefore(of, at)
	switch {
	case found && vital.Leap(vital.Weight, v.Float, before.Float(), at.Sub(chart.Moment(before.When)), months):
		c.unusual = append(c.unusual, fault.Issue{Severity: "error", Type: "value", Expression: FieldWeight, Text: "This is very different from the weight before. Is it right?"})
	case vital.Unusual(vital.Weight, v.Float, months):
		c.unusual = append(c.unusual, fault.Issue{Severity: "error", Type: "value", Expression: FieldWeight, Text: "This number is unusual. Is it right?"})
	}
}

// mixed finds a lower number that is not below the upper one.
func (c *checks) mixed(upper, lower vital.Value) error {
	if upper.Literal == "" || lower.Literal == "" || lower.Float < upper.Float {
		return nil
	}
	return fault.Wrap(errSwapped, fault.Invalid, "Please check one number.").With(
		fault.Issue{Severity: "error", Type: "value", Expression: FieldLower, Text: "The lower number should be smaller than the upper number."})
}

func (c *checks) fault() error {
	switch {
	case len(c.bad) > 0:
		return fault.New(fault.Invalid, "Please check what you typed. Nothing was saved yet.").With(append(c.bad, c.unusual...)...)
	case len(c.unusual) > 0 && !c.confirmed:
		return fault.Wrap(errDoubt, fault.Invalid, "Please look again. If it is right, save it once more.").With(c.unusual...)
	}
	return nil
}

// resource makes the Observation of a new report.
func (m Measurement) resource(patient string, now time.Time) *fhir.Node {
	self := func() *fhir.Node { return fhir.Obj("reference", "Patient/"+patient) }
	n := fhir.New("Observation")
	n.SetID(m.ID)
	n.Set("meta", policy.Reported.Meta())
	n.Set("status", fhir.Str("preliminary"))
	kind := "vital-signs"
	if m.Kind == Symptom {
		kind = "survey"
	}
	n.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", category, "code", kind)))))
	n.Set("code", m.code())
	n.Set("subject", self())
	n.Set("effectiveDateTime", fhir.Str(m.When.Format(time.RFC3339)))
	n.Set("issued", fhir.Str(now.Format(time.RFC3339)))
	n.Set("performer", fhir.Arr(self()))
	switch m.Kind {
	case Pressure:
		n.Set("component", fhir.Arr(component(vital.Systolic, m.Upper), component(vital.Diastolic, m.Lower)))
	case Weight:
		n.Set("valueQuantity", quantity(vital.Of(vital.Weight), m.Value))
	default:
		n.Set("valueString", fhir.Str(m.Value))
	}
	if m.Comment != "" {
		n.Set("note", fhir.Arr(fhir.Obj("authorReference", self(), "time", now.Format(time.RFC3339), "text", m.Comment)))
	}
	return n
}

func (m Measurement) code() *fhir.Node {
	switch m.Kind {
	case Pressure:
		return codeOf(vital.Of(vital.BloodPressure))
	case Weight:
		return codeOf(vital.Of(vital.Weight))
	}
	return fhir.Obj("text", m.Name)
}

func codeOf(d vital.Definition) *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", loincSystem, "code", d.Code, "display", d.Name)), "text", d.Name)
}

func component(m vital.Measure, literal string) *fhir.Node {
	d := vital.Of(m)
	return fhir.Obj("code", codeOf(d), "valueQuantity", quantity(d, literal))
}

func quantity(d vital.Definition, literal string) *fhir.Node {
	return fhir.Obj("value", fhir.Decimal(literal), "unit", vital.Print(d.Unit), "system", unitSystem, "code", d.Unit)
}
