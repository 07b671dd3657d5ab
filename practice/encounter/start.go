// Package encounter carries a visit from its start to the signature.
//
// Start opens an Encounter, from an appointment or for someone who walks in. While it is
// open, a clinician's unsigned work lives in two drafts: what is typed (saved by the page
// as it is typed, key note/<patient>/<encounter>) and the Work beside it: diagnoses, data
// pulled from the chart, parts copied forward, charges (key visit/…). Sign turns all of it
// into one commit: the note with what was measured, the diagnoses, the finished visit, the orders, the charges.
//
//	v, _, err := encounter.Start(ctx, actor, patient, appointment)
//	err = encounter.Edit(ctx, actor, patient, v.ID, func(w *encounter.Work) error { … })
//	signed, result, err := encounter.Sign(ctx, actor, encounter.SignDraft{…})
package encounter

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

// Start opens the visit of a booked appointment, or, with appointment "", of a patient who
// walks in. A visit that is open already is returned as it is: starting twice is no error.
func Start(ctx context.Context, actor *record.Actor, patient, appointment, reason string) (chart.Visit, record.Result, error) {
	c, err := chart.Read(ctx, actor, patient, "Encounter", "Appointment")
	if err != nil {
		return chart.Visit{}, record.Result{}, err
	}
	for _, v := range c.Visits {
		if v.InProgress() && (appointment == "" || v.Appointment == appointment) {
			return v, record.Result{}, nil
		}
	}
	n := newVisit(actor, patient, reason)
	change := record.Change{Put: []record.Put{{Resource: n, Create: true}}, What: "start visit"}
	if appointment != "" {
		put, err := arrive(ctx, actor, n, patient, appointment)
		if err != nil {
			return chart.Visit{}, record.Result{}, err
		}
		change.Put = append(change.Put, put)
	}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return chart.Visit{}, result, err
	}
	return chart.VisitFrom(n), result, nil
}

func newVisit(actor *record.Actor, patient, reason string) *fhir.Node {
	n := fhir.New("Encounter")
	n.SetID(ident.New(actor.Now()))
	n.Set("status", fhir.Str("in-progress"))
	n.Set("class", fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code", "AMB", "display", "ambulatory"))
	n.Set("subject", reference("Patient/"+patient))
	if by := actor.Principal().Practitioner; by != "" {
		n.Set("participant", fhir.Arr(fhir.Obj("individual", reference("Practitioner/"+by))))
	}
	n.Set("period", fhir.Obj("start", actor.Now().Format(time.RFC3339)))
	if reason != "" {
		n.Set("reasonCode", fhir.Arr(fhir.Obj("text", reason)))
	}
	return n
}

// InProgress returns the ids of the visits that are in progress, by the id of the appointment from
// which they were started; none where the actor may not see visits.
func InProgress(ctx context.Context, actor *record.Actor, appointments []string) (map[string]string, error) {
	out := map[string]string{}
	for some := range slices.Chunk(appointments, 100) {
		for n, err := range actor.FindEach(ctx, "Encounter", "status=in-progress&appointment=Appointment/"+strings.Join(some, ",Appointment/")) {
			if fault.Is(err, fault.Forbidden) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			if v := chart.VisitFrom(n); v.InProgress() {
				out[v.Appointment] = v.ID
			}
		}
	}
	return out, nil
}

// arrive copies what the appointment knows into the visit and marks the appointment as
// arrived.
func arrive(ctx context.Context, actor *record.Actor, visit *fhir.Node, patient, id string) (record.Put, error) {
	a, version, err := readOwn(ctx, actor, "Appointment", id, patient)
	if err != nil {
		return record.Put{}, err
	}
	switch a.Get("status").Text() {
	case "booked", "arrived", "checked-in", "pending", "proposed":
	default:
		return record.Put{}, fault.New(fault.Conflict, "This appointment is over or was cancelled. Start a visit without it.")
	}
	visit.Set("appointment", fhir.Arr(reference("Appointment/"+id)))
	if visit.Get("reasonCode") == nil {
		if r := a.Get("reasonCode"); r != nil {
			visit.Set("reasonCode", r.Clone())
		}
	}
	if t := a.Get("appointmentType"); t != nil {
		visit.Set("type", fhir.Arr(t.Clone()))
	}
	for p := range a.Get("participant").Items() {
		switch kind, _ := splitReference(p.Path("actor.reference").Text()); kind {
		case "Practitioner":
			visit.Set("participant", fhir.Arr(fhir.Obj("individual", p.Get("actor").Clone())))
		case "Location":
			visit.Set("location", fhir.Arr(fhir.Obj("location", p.Get("actor").Clone())))
		}
	}
	if s := a.Get("status").Text(); s != "checked-in" { // whoever is in a room stays there
		a.Set("status", fhir.Str("arrived"))
	}
	return record.Put{Resource: a, IfMatch: version}, nil
}

// readOwn reads the current version of a resource of this patient, to be changed.
func readOwn(ctx context.Context, actor *record.Actor, resourceType, id, patient string) (*fhir.Node, int64, error) {
	v, err := actor.ReadVersion(ctx, resourceType, id, 0)
	if err != nil {
		return nil, 0, err
	}
	n, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, 0, err
	}
	if chart.Points(n.Path("subject.reference").Text(), "Patient", patient) {
		return n, v.Version, nil
	}
	for p := range n.Get("participant").Items() {
		if chart.Points(p.Path("actor.reference").Text(), "Patient", patient) {
			return n, v.Version, nil
		}
	}
	return nil, 0, fault.New(fault.NotFound, "There is no such entry in this chart.")
}

func reference(to string) *fhir.Node {
	if to == "" {
		return nil
	}
	return fhir.Obj("reference", to)
}

func splitReference(ref string) (kind, id string) {
	for i := range ref {
		if ref[i] == '/' {
			return ref[:i], ref[i+1:]
		}
	}
	return "", ref
}
