// Package chart reads one patient's record and writes the plain facts of a chart: problems,
// allergies and vital signs.
//
// A chart is read in one range scan, so every part of it is of the same moment:
//
//	c, err := chart.Read(ctx, actor, id)
//	c.Patient.Family; c.ActiveProblems(); c.Allergies.State; c.Vital(vital.Pulse).Last()
//
// Each clinical fact is a small struct with a function that reads it from its FHIR resource
// (problemFrom and the like) and, where the chart writes it, one that makes the resource.
// Reading is tolerant: an imported resource without a category or a display is shown with
// what it has. Medicines and results are read by their own packages from Resources, so that
// a page still scans once.
package chart

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Chart is a patient's record as one reader may see it at one moment. Lists are newest
// first where nothing else is said.
type Chart struct {
	Patient       Patient
	Problems      []Problem // problem list, then diagnoses of visits; active first
	Allergies     Allergies
	Vitals        []Series // in the order of vital.Definitions, only those with readings
	Immunizations []Immunization
	Notes         []Note
	Documents     []Document
	Visits        []Visit
	Appointments  []Appointment
	Procedures    []Procedure
	Charges       int // how many charges the chart holds

	now       time.Time
	resources map[string][]*fhir.Node
	partial   func(resourceType string) bool
}

// Partial reports whether entries of one of the types may be kept from the reader, so that an empty
// list of them does not say that there are none. A chart without a reader claims nothing.
func (c Chart) Partial(resourceTypes ...string) bool {
	return c.partial == nil || slices.ContainsFunc(resourceTypes, c.partial)
}

// Resources returns the chart's resources of a type as they were read, for disciplines that
// this package does not know. Do not change them.
func (c Chart) Resources(resourceType string) []*fhir.Node { return c.resources[resourceType] }

// Any reports whether something is true of any resource of the chart.
func (c Chart) Any(is func(r *fhir.Node) bool) bool {
	for _, list := range c.resources {
		if slices.ContainsFunc(list, is) {
			return true
		}
	}
	return false
}

// Now is the moment for which ages and bands are computed.
func (c Chart) Now() time.Time { return c.now }

// Read reads a patient's chart; fault.NotFound when the patient is hidden or missing. types
// limits what is read, for pages that need little; the Patient is always read.
func Read(ctx context.Context, actor *record.Actor, patient string, types ...string) (Chart, error) {
	var nodes []*fhir.Node
	if len(types) > 0 && !slices.Contains(types, "Patient") {
		types = append([]string{"Patient"}, types...)
	}
	for n, err := range actor.Chart(ctx, patient, types...) {
		if err != nil {
			return Chart{}, err
		}
		nodes = append(nodes, n)
	}
	c := From(nodes, patient, actor.Now())
	if c.Patient.ID == "" {
		return Chart{}, fault.New(fault.NotFound, "There is no such patient, or you may not see this chart.")
	}
	asked := len(types) == 0 || slices.Contains(types, "AllergyIntolerance")
	if !asked || !visible(actor, "AllergyIntolerance") {
		c.Allergies = Allergies{State: Unavailable}
	}
	c.partial = func(resourceType string) bool { return policy.Partial(actor.Principal(), resourceType) }
	c.Allergies.Partial = c.Partial("AllergyIntolerance")
	return c, nil
}

// visible reports whether the reader's role sees a type at all: an empty list of allergies
// means "not recorded" only then.
func visible(actor *record.Actor, resourceType string) bool {
	_, none := policy.Visible(actor.Principal(), resourceType).(search.None)
	return !none
}

// From makes a chart of resources that were read elsewhere. patient is the id; resources of
// another patient are left out, whatever brought them here.
func From(nodes []*fhir.Node, patient string, now time.Time) Chart {
	c := Chart{now: now, resources: map[string][]*fhir.Node{}}
	for _, n := range nodes {
		if !about(n, patient) {
			continue
		}
		c.resources[n.ResourceType()] = append(c.resources[n.ResourceType()], n)
	}
	for _, n := range c.resources["Patient"] {
		c.Patient = PatientFrom(n)
	}
	each := func(resourceType string, add func(n *fhir.Node)) {
		for _, n := range c.resources[resourceType] {
			add(n)
		}
	}
	each("Condition", func(n *fhir.Node) {
		if p := problemFrom(n); !p.None() { // that there is none is no problem
			c.Problems = append(c.Problems, p)
		}
	})
	each("Immunization", func(n *fhir.Node) {
		if !inError(n) {
			c.Immunizations = append(c.Immunizations, immunizationFrom(n))
		}
	})
	each("Composition", func(n *fhir.Node) { c.Notes = append(c.Notes, NoteFrom(n)) })
	each("DocumentReference", func(n *fhir.Node) { c.Documents = append(c.Documents, documentFrom(n)) })
	each("Encounter", func(n *fhir.Node) {
		if v := VisitFrom(n); !inError(n) || v.Origin != Imported {
			c.Visits = append(c.Visits, v)
		}
	})
	each("Appointment", func(n *fhir.Node) { c.Appointments = append(c.Appointments, appointmentFrom(n)) })
	each("Procedure", func(n *fhir.Node) {
		if !inError(n) {
			c.Procedures = append(c.Procedures, procedureFrom(n))
		}
	})
	c.Charges = len(c.resources["ChargeItem"])
	c.Allergies = allergiesFrom(c.resources["AllergyIntolerance"])
	c.Allergies.Partial = true // until it is known who reads
	c.Vitals = vitalsFrom(c.resources["Observation"], c.Patient, now)
	c.sort()
	return c
}

// inError reports whether an entry was entered by mistake, or taken back with the document that it came from:
// no list has it.
func inError(n *fhir.Node) bool { return n.Get("status").Text() == "entered-in-error" }

func (c *Chart) sort() {
	slices.SortStableFunc(c.Problems, compareProblems)
	byTime(c.Immunizations, func(x Immunization) string { return x.When })
	byTime(c.Notes, func(x Note) string { return x.Date })
	byTime(c.Documents, func(x Document) string { return x.Date })
	byTime(c.Visits, func(x Visit) string { return x.Start })
	byTime(c.Appointments, func(x Appointment) string { return x.Start })
	byTime(c.Procedures, func(x Procedure) string { return x.When })
}

// byTime sorts newest first; what has no date comes last.
func byTime[X any](list []X, date func(X) string) {
	slices.SortStableFunc(list, func(a, b X) int { return Moment(date(b)).Compare(Moment(date(a))) })
}

// Moment is lang.Moment in UTC, for sorting and drawing.
func Moment(value string) time.Time { return lang.Moment(value, time.UTC) }

// about reports whether a resource is the patient or points at it as its subject. A
// resource of a type without such an element belongs to the compartment by other means and
// is accepted.
func about(n *fhir.Node, patient string) bool {
	if n.ResourceType() == "Patient" {
		return n.ID() == patient
	}
	for _, name := range []string{"subject", "patient", "beneficiary"} {
		if ref := n.Get(name).Get("reference").Text(); ref != "" {
			return Points(ref, "Patient", patient)
		}
	}
	return true
}

// Visit returns a visit of the chart by its id.
func (c Chart) Visit(id string) (Visit, bool) {
	i := slices.IndexFunc(c.Visits, func(v Visit) bool { return v.ID == id })
	if i < 0 {
		return Visit{}, false
	}
	return c.Visits[i], true
}

// OpenVisit returns the visit in progress, the latest when there are several.
func (c Chart) OpenVisit() (Visit, bool) {
	i := slices.IndexFunc(c.Visits, func(v Visit) bool { return v.InProgress() })
	if i < 0 {
		return Visit{}, false
	}
	return c.Visits[i], true
}

// NextAppointment returns the next booked appointment that has not begun.
func (c Chart) NextAppointment() (Appointment, bool) {
	ahead := slices.DeleteFunc(slices.Clone(c.Appointments), func(a Appointment) bool {
		return a.Status != "booked" || !Moment(a.Start).After(c.now)
	})
	if len(ahead) == 0 {
		return Appointment{}, false
	}
	return slices.MinFunc(ahead, func(a, b Appointment) int { return cmp.Compare(a.Start, b.Start) }), true
}

// AppointmentsOn returns the appointments of a day that the patient keeps or has kept, soonest first:
// what was cancelled or missed is not among them.
func (c Chart) AppointmentsOn(day time.Time) []Appointment {
	on := day.Format(time.DateOnly)
	list := slices.DeleteFunc(slices.Clone(c.Appointments), func(a Appointment) bool {
		return !a.Open() && !a.Done() || Moment(a.Start).In(day.Location()).Format(time.DateOnly) != on
	})
	slices.SortStableFunc(list, func(a, b Appointment) int { return Moment(a.Start).Compare(Moment(b.Start)) })
	return list
}

// Months is the patient's age in whole months at a time; -1 when the birth date is not
// known to the month.
func (p Patient) Months(at time.Time) int { return vitalsign.Months(p.Born, at) }
