package medication

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/record"
)

// Stop ends a medicine of a patient, prescribed or stated. The reason may be empty: then
// "No longer needed" is not claimed, only that it was stopped. Stopping what has ended is
// fault.Conflict.
func Stop(ctx context.Context, actor *record.Actor, patient, ref, reason string) (record.Result, error) {
	put, err := end(ctx, actor, patient, ref, "stopped", reason)
	if err != nil {
		return record.Result{}, err
	}
	return actor.Commit(ctx, record.Change{Put: []record.Put{put}, What: "stop medicine", Reason: reason})
}

// own reads a medicine and makes sure that it is this patient's.
func own(ctx context.Context, actor *record.Actor, patient, ref string) (*fhir.Node, Medicine, error) {
	resourceType, id, _ := strings.Cut(ref, "/")
	if resourceType != "MedicationRequest" && resourceType != "MedicationStatement" {
		return nil, Medicine{}, fault.New(fault.NotFound, "This medicine is not on the patient's list.")
	}
	n, err := actor.Read(ctx, resourceType, id)
	if err != nil {
		return nil, Medicine{}, err
	}
	named, err := behind(ctx, actor, []*fhir.Node{n})
	if err != nil {
		return nil, Medicine{}, err
	}
	m := FromResource(n, named)
	if m.Patient != patient || patient == "" {
		return nil, Medicine{}, fault.New(fault.NotFound, "This medicine is not on the patient's list.")
	}
	return n, m, nil
}

// end makes the Put that ends a medicine with a status.
func end(ctx context.Context, actor *record.Actor, patient, ref, status, reason string) (record.Put, error) {
	n, m, err := own(ctx, actor, patient, ref)
	if err != nil {
		return record.Put{}, err
	}
	switch m.Status {
	case "stopped", "completed", "cancelled", "entered-in-error":
		return record.Put{}, fault.New(fault.Conflict, "This medicine has ended already. Look at the list again.")
	}
	n.Set("status", fhir.Str(status))
	if reason = strings.TrimSpace(reason); reason != "" {
		why := fhir.Obj("text", reason)
		if m.Stated { // statusReason is a list there
			why = fhir.Arr(why)
		}
		n.Set("statusReason", why)
	}
	if !m.Stated && status == "stopped" {
		stopDispensing(n, actor.Now())
	}
	if start := n.Path("effectivePeriod.start").Text(); m.Stated && start != "" && n.Path("effectivePeriod.end") == nil {
		end := actor.Now().UTC().Format(time.RFC3339)
		if moment(start).After(actor.Now()) { // not begun: it ends as it begins, since no period ends before (per-1)
			end = start
		}
		n.Get("effectivePeriod").Set("end", fhir.Str(end))
	}
	return record.Put{Resource: n, IfMatch: m.Version}, nil
}

// stopDispensing writes down that a prescription is not valid any more from now on: R4 has no other place for
// the day on which it was stopped.
func stopDispensing(n *fhir.Node, now time.Time) {
	if moment(n.Path("dispenseRequest.validityPeriod.start").Text()).After(now) { // not begun: no period ends before it begins (per-1)
		return
	}
	request := n.Get("dispenseRequest")
	if request == nil {
		request = fhir.Obj()
		n.Set("dispenseRequest", request)
	}
	valid := request.Get("validityPeriod")
	if valid == nil {
		valid = fhir.Obj()
	}
	valid.Set("end", fhir.Str(now.UTC().Format(time.RFC3339)))
	request.Set("validityPeriod", valid)
}

// Daily is how much the medicine gives in a day against the usual maximum, from 0 to 1 and
// above, for the dose glyph; ok is false when it cannot be worked out.
func (m Medicine) Daily() (share float64, limit string, ok bool) {
	found, complete := m.Ingredients()
	if !complete || len(found) != 1 || found[0].MaxDaily.Value == 0 {
		return 0, "", false
	}
	perDay := drug.PerDay(m.Frequency, m.Period, m.PeriodUnit)
	amounts := drug.ParseStrength(m.Strength())
	if len(amounts) != 1 || m.Dose <= 0 || perDay <= 0 {
		return 0, "", false
	}
	v, same := amounts[0].In(found[0].MaxDaily.Unit)
	if !same {
		return 0, "", false
	}
	switch strings.TrimSuffix(m.Unit, "s") {
	case "tablet", "capsule", "sachet":
		return v * m.Dose * perDay / found[0].MaxDaily.Value, found[0].MaxDaily.Text(), true
	}
	return 0, "", false
}
