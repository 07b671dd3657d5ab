package chart

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
)

// VitalDraft is one set of vital signs as a person types it. Typed holds the text of each
// field by measure, the pressure under vital.BloodPressure; empty fields were not measured.
type VitalDraft struct {
	Patient   string
	Encounter string // id; "" outside a visit
	Typed     map[vital.Measure]string
	// Sure holds the texts that were looked at and are right, of fields with unusual values. A
	// text that was changed since is asked about again.
	Sure map[vital.Measure]string
	Key  string
}

// RecordVitals files a set of vital signs in one commit. Values that no person can have are
// fault.Invalid with one issue a field; unusual ones, at the patient's age or after the last
// value, are too until the person is sure of them (see Unconfirmed). Weight with a height of
// this set, or in adults the last known one, gives a body mass index.
func RecordVitals(ctx context.Context, actor *record.Actor, d VitalDraft) ([]Reading, record.Result, error) {
	c, err := Read(ctx, actor, d.Patient, "Observation", "Encounter")
	if err != nil {
		return nil, record.Result{}, err
	}
	q := questions{chart: c, at: actor.Now(), sure: d.Sure}
	values, err := q.read(d.Typed)
	if err != nil {
		return nil, record.Result{}, err
	}
	if len(values) == 0 {
		return nil, record.Result{}, fault.New(fault.Invalid, "Fill in at least one value.").At(string(vital.BloodPressure))
	}
	if _, ok := c.Visit(d.Encounter); d.Encounter != "" && !ok {
		return nil, record.Result{}, fault.New(fault.NotFound, "This visit is not in the patient's chart.")
	}
	s := vitalSet{patient: c.Patient, encounter: d.Encounter, at: actor.Now(), by: actor.Principal().Reference(), values: values, confirmed: q.confirmed, ids: map[vital.Measure]string{}}
	for m := range values {
		s.ids[m] = ident.New(actor.Now())
	}
	s.height(c)
	change := record.Change{What: "record vital signs", Key: d.Key}
	for _, m := range vital.Definitions() {
		if n := s.observation(m); n != nil {
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
		if _, r, ok := vitalsign.FromResource(n); ok {
			out = append(out, r)
		}
	}
	return out, result, nil
}

// vitalSet is what was measured together, checked, on its way to the record.
type vitalSet struct {
	patient       Patient
	encounter, by string
	at            time.Time
	values        map[vital.Measure]vital.Value
	confirmed     map[vital.Measure]bool   // unusual, and looked at
	ids           map[vital.Measure]string // of the Observations
	tall          Reading                  // the height for the body mass index, of this set or an earlier one
}

// observation makes the resource of one vital sign; nil when it was not measured.
func (s vitalSet) observation(m vital.Definition) *fhir.Node {
	n := fhir.New("Observation")
	switch v, measured := s.values[m.Measure]; {
	case m.Measure == vital.BloodPressure && s.ids[vital.Systolic] != "":
		setPressure(n, s.values[vital.Systolic], s.values[vital.Diastolic], s.patient.Months(s.at))
		n.SetID(s.ids[vital.Systolic])
	case m.Measure == vital.BloodPressure || m.Measure == vital.Systolic || m.Measure == vital.Diastolic:
		return nil
	case m.Measure == vital.BodyMass && !measured:
		bmi := vital.BMI(s.values[vital.Weight].Float, s.tall.Float())
		if bmi == 0 {
			return nil
		}
		setValue(n, m, vital.Literal(m.Measure, bmi), s.patient.Months(s.at))
		n.Set("derivedFrom", fhir.Arr(reference("Observation/"+s.ids[vital.Weight]), reference("Observation/"+s.tall.ID)))
	case !measured:
		return nil
	default:
		setValue(n, m, v.Literal, s.patient.Months(s.at))
		n.SetID(s.ids[m.Measure])
	}
	n.Set("status", fhir.Str("final"))
	n.Set("category", fhir.Arr(coded(observationCategory, "vital-signs")))
	n.Set("code", codeOf(m))
	n.Set("subject", reference("Patient/"+s.patient.ID))
	if s.encounter != "" {
		n.Set("encounter", reference("Encounter/"+s.encounter))
	}
	n.Set("effectiveDateTime", fhir.Str(s.at.Format(time.RFC3339)))
	n.Set("issued", fhir.Str(s.at.Format(time.RFC3339)))
	if s.by != "" {
		n.Set("performer", fhir.Arr(reference(s.by)))
	}
	if s.confirmed[m.Measure] {
		vitalsign.Confirm(n)
	}
	return n
}

// setValue puts a value, decimal, and how it is judged into an Observation.
func setValue(n *fhir.Node, m vital.Definition, literal string, months int) {
	n.Set("valueQuantity", quantity(m, literal))
	f, _ := strconv.ParseFloat(literal, 64)
	setFlag(n, vital.Flag(m.Measure, f, months))
}

func setPressure(n *fhir.Node, systolic, diastolic vital.Value, months int) {
	n.Set("component", fhir.Arr(component(vital.Systolic, systolic), component(vital.Diastolic, diastolic)))
	setFlag(n, vital.Worse(vital.Flag(vital.Systolic, systolic.Float, months), vital.Flag(vital.Diastolic, diastolic.Float, months)))
}

func setFlag(n *fhir.Node, flag string) {
	n.Remove("interpretation")
	if flag != "" {
		n.Set("interpretation", fhir.Arr(coded(interpretation, flag)))
	}
}

// height chooses the height for the body mass index: that of this set, else an adult's last
// one, which was measured in adult life; none for children, who grow.
func (s *vitalSet) height(c Chart) {
	if h, ok := s.values[vital.Height]; ok {
		s.tall = Reading{ID: s.ids[vital.Height], Value: h.Literal}
		return
	}
	last, _ := c.Usable(vital.Height)
	if s.patient.Months(s.at) >= grown && s.patient.Months(Moment(last.When)) >= grown {
		s.tall = last
	}
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
			set.Performer = cmp.Or(set.Performer, r.Performer)
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
