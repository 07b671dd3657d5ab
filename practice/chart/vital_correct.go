package chart

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
)

// VitalFix is what is wrong with one measurement, and what is right instead.
type VitalFix struct {
	Patient, ID string // of the Observation
	Typed       string // the right value; "" withdraws the measurement: it was never this patient's, or is not known
	Sure        string // Typed, when it is unusual and was looked at
	Reason      string // why, for whoever reads the history
	Key         string
}

// FixVital corrects a measurement, or marks it as entered in error. Either way the value leaves
// the chart, its trend and all that is computed from it, in one commit with a body mass index
// that rests on it; the version before stays in the history, and what quotes it, as a signed
// note does, is not touched. Who may do so is the record's gate's to say.
//
// The same value, when it is unusual and nobody has confirmed it (see vitalsign), is confirmed by Sure.
//
// A corrected Observation has the status "corrected" and keeps when it was measured and by
// whom; a withdrawn one "entered-in-error" and its value. Both have the reason as a note.
func FixVital(ctx context.Context, actor *record.Actor, f VitalFix) (record.Result, error) {
	f.Typed, f.Reason = strings.TrimSpace(f.Typed), strings.TrimSpace(f.Reason)
	n, version, err := own(ctx, actor, f.Patient, "Observation", f.ID)
	if err != nil {
		return record.Result{}, err
	}
	m, old, ok := vitalsign.FromResource(n)
	switch {
	case !ok:
		return record.Result{}, fault.New(fault.NotFound, "This is not a measurement of this chart.")
	case n.Get("status").Text() == "entered-in-error":
		return record.Result{}, fault.New(fault.Conflict, "This measurement was marked as entered in error and stays as it is. Record it again if it was right.")
	case !vitalsign.Counts(n):
		return record.Result{}, fault.New(fault.Conflict, "This measurement is not in the chart: accept or decline it in the inbox.")
	case m == vital.BodyMass && len(old.From) > 0:
		return record.Result{}, fault.New(fault.Conflict, "The body mass index is computed. Correct the weight or the height.")
	case f.Reason == "":
		return record.Result{}, fault.New(fault.Invalid, "Say why: whoever reads the history needs it.").At("reason")
	}
	c, err := Read(ctx, actor, f.Patient, "Observation")
	if err != nil {
		return record.Result{}, err
	}
	what := "measurement entered in error"
	if f.Typed == "" {
		n.Set("status", fhir.Str("entered-in-error"))
		addNote(n, actor, "Entered in error: "+f.Reason)
	} else {
		what = "correct measurement"
		sure, err := f.correct(c, n, m, old, actor.Now())
		if err != nil {
			return record.Result{}, err
		}
		_, now, _ := vitalsign.FromResource(n)
		switch same := now.Text() == old.Text() && now.Unit == old.Unit; {
		case same && sure && c.judged(m, f.ID).Unconfirmed:
			what = "confirm measurement"
			n.Set("status", fhir.Str(old.Status))
			addNote(n, actor, "Unusual, looked at and confirmed: "+f.Reason)
		case same:
			return record.Result{}, fault.New(fault.Invalid, "This is the value that is recorded already.").At(string(m))
		default:
			addNote(n, actor, "Corrected, was "+old.Text()+" "+vital.Print(old.Unit)+": "+f.Reason)
		}
	}
	change := record.Change{What: what, Key: f.Key, Put: []record.Put{{Resource: n, IfMatch: version}}}
	rest, err := follow(ctx, actor, c, n)
	if err != nil {
		return record.Result{}, err
	}
	change.Put = append(change.Put, rest...)
	return actor.Commit(ctx, change)
}

// correct puts the right value into the Observation. sure: it is unusual, and the person says that it
// is right.
func (f VitalFix) correct(c Chart, n *fhir.Node, m vital.Measure, old Reading, now time.Time) (sure bool, err error) {
	taken := Moment(old.When)
	if taken.IsZero() {
		taken = now
	}
	q := questions{chart: c, at: taken.In(now.Location()), except: f.ID, sure: map[vital.Measure]string{m: f.Sure}}
	values, err := q.read(map[vital.Measure]string{m: f.Typed})
	if err != nil {
		return false, err
	}
	months := c.Patient.Months(taken)
	if m == vital.BloodPressure {
		setPressure(n, values[vital.Systolic], values[vital.Diastolic], months)
	} else {
		setValue(n, vital.Of(m), values[m].Literal, months)
	}
	n.Set("status", fhir.Str("corrected"))
	n.Set("issued", fhir.Str(now.Format(time.RFC3339)))
	vitalsign.Unconfirm(n) // what was said of the value before
	if q.confirmed[m] {
		vitalsign.Confirm(n)
	}
	return q.confirmed[m], nil
}

// judged is a reading as it stands among the others of its measure; the zero Reading when it does not.
func (c Chart) judged(m vital.Measure, id string) Reading {
	for _, r := range c.Vital(m).Readings {
		if r.ID == id {
			return r
		}
	}
	return Reading{}
}

func addNote(n *fhir.Node, actor *record.Actor, text string) {
	notes := n.Get("note")
	if notes == nil {
		notes = fhir.Arr()
		n.Set("note", notes)
	}
	note := fhir.Obj("time", actor.Now().Format(time.RFC3339), "text", text)
	if by := actor.Principal().Reference(); by != "" {
		note.Set("authorReference", reference(by))
	}
	notes.Append(note)
}

// follow returns the body mass indices that rest on a measurement that changes: computed anew, or
// entered in error as it is. One that names nothing and is of the same instant rests on it too.
func follow(ctx context.Context, actor *record.Actor, c Chart, changed *fhir.Node) ([]record.Put, error) {
	m, now, _ := vitalsign.FromResource(changed)
	if m != vital.Weight && m != vital.Height {
		return nil, nil
	}
	var out []record.Put
	for _, r := range c.Vital(vital.BodyMass).Readings {
		if r.Computed || !slices.Contains(r.From, now.ID) && (len(r.From) > 0 || r.When != now.When) {
			continue
		}
		n, version, err := own(ctx, actor, c.Patient.ID, "Observation", r.ID)
		if err != nil {
			return nil, err
		}
		weight, height := now, c.source(vital.Height, r)
		if m == vital.Height {
			weight, height = c.source(vital.Weight, r), now
		}
		bmi := vital.BMI(weight.Float(), height.Float())
		if vitalsign.Counts(changed) && bmi > 0 {
			setValue(n, vital.Of(vital.BodyMass), vital.Literal(vital.BodyMass, bmi), c.Patient.Months(Moment(r.When)))
			n.Set("status", fhir.Str("corrected"))
			n.Set("issued", changed.Get("issued").Clone())
		} else {
			n.Set("status", fhir.Str("entered-in-error"))
		}
		addNote(n, actor, "Rests on a measurement that was "+changed.Get("status").Text()+".")
		out = append(out, record.Put{Resource: n, IfMatch: version})
	}
	return out, nil
}

// source is the reading of a measure that a body mass index was computed from: the one that it
// names, else that of the same instant.
func (c Chart) source(m vital.Measure, bmi Reading) Reading {
	for _, r := range c.Vital(m).Readings {
		if r.Unconfirmed {
			continue
		}
		if slices.Contains(bmi.From, r.ID) || len(bmi.From) == 0 && r.When == bmi.When {
			return r
		}
	}
	return Reading{}
}

// Measurement reads one measurement of a patient to be looked at, corrected or withdrawn, with
// the words of those who did so already. It is fault.NotFound for anything else.
func Measurement(ctx context.Context, actor *record.Actor, patient, id string) (vital.Measure, Reading, []string, error) {
	n, _, err := own(ctx, actor, patient, "Observation", id)
	if err != nil {
		return "", Reading{}, nil, err
	}
	m, r, ok := vitalsign.FromResource(n)
	if !ok {
		return "", r, nil, fault.New(fault.NotFound, "This is not a measurement of this chart.")
	}
	c, err := Read(ctx, actor, patient, "Observation")
	if err != nil {
		return "", r, nil, err
	}
	r.Unconfirmed = c.judged(m, id).Unconfirmed
	var notes []string
	for note := range n.Get("note").Items() {
		notes = append(notes, note.Get("text").Text())
	}
	return m, r, notes, nil
}
