package chart

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/record"
)

// VitalDraft is one set of vital signs as a person types it. Typed holds the text of each
// field by measure, the pressure under vital.BloodPressure; empty fields were not measured.
type VitalDraft struct {
	Patient   string
	Encounter string // id; "" outside a visit
	Typed     map[vital.Measure]string
	Confirmed bool // unusual values were looked at and are right
	Key       string
}

// errDoubt is the cause of the fault about unusual values that nobody has confirmed: its
// issues name the fields by measure, and the same draft with Confirmed set is accepted.
var errDoubt = errors.New("unusual values")

// Unconfirmed reports whether err only asks to look at unusual values once more.
func Unconfirmed(err error) bool { return errors.Is(err, errDoubt) }

// RecordVitals files a set of vital signs in one commit. Values that no person can have are
// fault.Invalid with one issue a field; unusual ones are too until they are confirmed (see
// Unconfirmed). Weight with a height of this set, or in adults the last known one, gives a
// body mass index.
func RecordVitals(ctx context.Context, actor *record.Actor, d VitalDraft) ([]Reading, record.Result, error) {
	values, err := d.parse()
	if err != nil {
		return nil, record.Result{}, err
	}
	if len(values) == 0 {
		return nil, record.Result{}, fault.New(fault.Invalid, "Fill in at least one value.").At(string(vital.BloodPressure))
	}
	c, err := Read(ctx, actor, d.Patient, "Observation", "Encounter")
	if err != nil {
		return nil, record.Result{}, err
	}
	if _, ok := c.Visit(d.Encounter); d.Encounter != "" && !ok {
		return nil, record.Result{}, fault.New(fault.NotFound, "This visit is not in the patient's chart.")
	}
	change := record.Change{What: "record vital signs", Key: d.Key}
	for _, m := range vital.Definitions() {
		if n := d.observation(m, values, c, actor); n != nil {
			change.Put = append(change.Put, record.Put{Resource: n, Create: true})
		}
	}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return nil, result, err
	}
	var out []Reading
	for i, p := range change.Put {
		n := p.Resource
		if i < len(result.Versions) {
			if kept, err := fhir.Parse(result.Versions[i].Body); err == nil {
				n = kept
			}
		}
		if _, r, ok := readingFrom(n); ok {
			out = append(out, r)
		}
	}
	return out, result, nil
}

// parse reads all fields and collects what is wrong with them.
func (d VitalDraft) parse() (map[vital.Measure]vital.Value, error) {
	values := map[vital.Measure]vital.Value{}
	var wrong, doubtful []fault.Issue
	note := func(m vital.Measure, err error) {
		var doubt vital.Doubt
		issue := fault.Issue{Severity: "error", Type: "value", Expression: string(m)}
		switch {
		case err == nil:
		case errors.As(err, &doubt):
			issue.Text = doubt.Text + "."
			doubtful = append(doubtful, issue)
		case errors.Is(err, vital.ErrUnreadable) && m == vital.BloodPressure:
			issue.Text = "Blood pressure cannot be read. Write it as 120/80."
			wrong = append(wrong, issue)
		case errors.Is(err, vital.ErrUnreadable):
			issue.Text = vital.Of(m).Name + " cannot be read as a number."
			wrong = append(wrong, issue)
		default:
			issue.Text = err.Error() + "."
			wrong = append(wrong, issue)
		}
	}
	for _, def := range vital.Definitions() {
		text := d.Typed[def.Measure]
		if text == "" {
			continue
		}
		if def.Measure == vital.BloodPressure {
			s, dia, err := vital.ParsePressure(text)
			note(def.Measure, err)
			values[vital.Systolic], values[vital.Diastolic] = s, dia
			continue
		}
		v, err := vital.Parse(def.Measure, text)
		note(def.Measure, err)
		values[def.Measure] = v
	}
	switch {
	case len(wrong) > 0:
		return nil, fault.New(fault.Invalid, "Some values cannot be right. Nothing was saved.").With(wrong...).With(doubtful...)
	case len(doubtful) > 0 && !d.Confirmed:
		return nil, fault.Wrap(errDoubt, fault.Invalid, "Some values are unusual. Look again, then save once more if they are right.").With(doubtful...)
	}
	return values, nil
}

// observation makes the resource of one vital sign; nil when it was not measured.
func (d VitalDraft) observation(m vital.Definition, values map[vital.Measure]vital.Value, c Chart, actor *record.Actor) *fhir.Node {
	months := c.Patient.Months(actor.Now())
	n := fhir.New("Observation")
	n.Set("status", fhir.Str("final"))
	n.Set("category", fhir.Arr(coded(observationCategory, "vital-signs")))
	n.Set("code", codeOf(m))
	n.Set("subject", reference("Patient/"+d.Patient))
	if d.Encounter != "" {
		n.Set("encounter", reference("Encounter/"+d.Encounter))
	}
	n.Set("effectiveDateTime", fhir.Str(actor.Now().Format(time.RFC3339)))
	n.Set("issued", fhir.Str(actor.Now().Format(time.RFC3339)))
	if by := actor.Principal().Reference(); by != "" {
		n.Set("performer", fhir.Arr(reference(by)))
	}
	flag := ""
	switch v, measured := values[m.Measure]; {
	case m.Measure == vital.BloodPressure:
		s, ok := values[vital.Systolic]
		if !ok {
			return nil
		}
		dia := values[vital.Diastolic]
		n.Set("component", fhir.Arr(component(vital.Systolic, s), component(vital.Diastolic, dia)))
		flag = vital.Worse(vital.Flag(vital.Systolic, s.Float, months), vital.Flag(vital.Diastolic, dia.Float, months))
	case m.Measure == vital.Systolic || m.Measure == vital.Diastolic:
		return nil
	case m.Measure == vital.BodyMass && !measured:
		bmi := vital.BMI(values[vital.Weight].Float, d.height(values, c, months))
		if bmi == 0 {
			return nil
		}
		literal := vital.Literal(m.Measure, bmi)
		n.Set("valueQuantity", quantity(m, literal))
		flag = vital.Flag(m.Measure, bmi, months)
	case !measured:
		return nil
	default:
		n.Set("valueQuantity", quantity(m, v.Literal))
		flag = vital.Flag(m.Measure, v.Float, months)
	}
	if flag != "" {
		n.Set("interpretation", fhir.Arr(coded(interpretation, flag)))
	}
	return n
}

// height is that of this set, else an adult's last one; 0 when there is none.
func (d VitalDraft) height(values map[vital.Measure]vital.Value, c Chart, months int) float64 {
	if h, ok := values[vital.Height]; ok {
		return h.Float
	}
	if months < 18*12 {
		return 0
	}
	last := c.Vital(vital.Height).Last()
	if c.Patient.Months(Moment(last.When)) < 18*12 {
		return 0
	}
	return last.Float()
}

func codeOf(m vital.Definition) *fhir.Node {
	codings := fhir.Arr(fhir.Obj("system", LOINC, "code", m.Code, "display", m.Name))
	if m.Measure == vital.Oxygen {
		codings.Append(fhir.Obj("system", LOINC, "code", m.Also[0], "display", m.Name))
	}
	return fhir.Obj("coding", codings, "text", m.Name)
}

func component(m vital.Measure, v vital.Value) *fhir.Node {
	d := vital.Of(m)
	return fhir.Obj("code", codeOf(d), "valueQuantity", quantity(d, v.Literal))
}

func quantity(m vital.Definition, literal string) *fhir.Node {
	return fhir.Obj("value", fhir.Decimal(literal), "unit", vital.Print(m.Unit), "system", unitSystem, "code", m.Unit)
}

// Taken returns the sets of vital signs by the time at which they were taken, newest first:
// the rows of the vitals page.
func (c Chart) Taken() []Set {
	sets := map[string]*Set{}
	for _, s := range c.Vitals {
		for _, r := range s.Readings {
			key := Moment(r.When).Truncate(time.Minute).Format(time.RFC3339)
			if sets[key] == nil {
				sets[key] = &Set{When: r.When, Readings: map[vital.Measure]Reading{}}
			}
			set := sets[key]
			set.Readings[s.Measure] = r
			set.Performer = firstText(set.Performer, r.Performer)
			if r.Origin != "" {
				set.Origin = r.Origin
			}
		}
	}
	var out []Set
	for _, s := range sets {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Set) int { return Moment(b.When).Compare(Moment(a.When)) })
	return out
}

// Set is the vital signs that were taken together.
type Set struct {
	When, Performer string
	Origin          Origin
	Readings        map[vital.Measure]Reading
}
