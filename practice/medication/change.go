package medication

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/practice/task"
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
	if start := n.Path("effectivePeriod.start").Text(); m.Stated && start != "" && n.Path("effectivePeriod.end") == nil {
		end := actor.Now().UTC().Format(time.RFC3339)
		if moment(start).After(actor.Now()) { // not begun: it ends as it begins, since no period ends before (per-1)
			end = start
		}
		n.Get("effectivePeriod").Set("end", fhir.Str(end))
	}
	return record.Put{Resource: n, IfMatch: m.Version}, nil
}

// Again returns the draft that renews a prescription: the same medicine, directions and
// supply. A medicine that the patient states, or whose directions are not on record, cannot
// be renewed as it is; the fault says so, and the draft holds what is known.
func Again(m Medicine) (Draft, error) {
	d := Draft{
		Patient: m.Patient, Text: m.Text, Codings: m.Codings, Dose: m.Dose, Unit: m.Unit, Route: m.Route, Frequency: m.Frequency, Period: m.Period, PeriodUnit: m.PeriodUnit,
		AsNeeded: m.AsNeeded, Days: m.Days, Directions: m.Directions, Quantity: m.Quantity, QuantityOf: m.QuantityOf, Supply: m.Supply, Repeats: m.Repeats,
		Reason: m.Reason, ReasonRef: m.ReasonRef, Stops: []string{m.Reference()},
	}
	if d.QuantityOf == "" {
		d.QuantityOf = d.Unit
	}
	if m.Stated {
		return d, fault.New(fault.Invalid, "The patient says that they take this. Prescribe it with directions first.")
	}
	if err := d.Validate(); err != nil {
		return d, fault.Wrap(err, fault.Invalid, "This prescription came without dose or supply, so it cannot be renewed as it is. Open it to complete it.")
	}
	return d, nil
}

// RenewAll signs several prescriptions of a patient again in one commit: all or none. The old ones are
// completed in it. All checks run again; reasons given before are kept, and new findings of the tier
// "stop" make the fault Stopped.
func RenewAll(ctx context.Context, actor *record.Actor, patient, encounter, key string, refs ...string) ([]Outcome, record.Result, error) {
	if len(refs) == 0 {
		return nil, record.Result{}, fault.New(fault.Invalid, "Choose at least one medicine to renew.")
	}
	var acts []act
	for _, ref := range refs {
		d, m, err := again(ctx, actor, patient, ref)
		if err != nil {
			return nil, record.Result{}, err
		}
		d.Encounter = encounter
		acts = append(acts, act{d, &m})
	}
	return signAll(ctx, actor, acts, "renew medicines", key)
}

// again reads a prescription that can be renewed and makes its draft.
func again(ctx context.Context, actor *record.Actor, patient, ref string) (Draft, Medicine, error) {
	_, m, err := own(ctx, actor, patient, ref)
	if err != nil {
		return Draft{}, m, err
	}
	switch m.Status {
	case "active", "on-hold", "unknown", "":
	default:
		return Draft{}, m, fault.New(fault.Conflict, "This medicine has ended. Prescribe it anew if it is needed again.")
	}
	d, err := Again(m)
	return d, m, err
}

// renew is RenewAll for one, with what else is to be written with it.
func renew(ctx context.Context, actor *record.Actor, patient, ref, encounter, key string, also []record.Put) (Outcome, error) {
	d, m, err := again(ctx, actor, patient, ref)
	if err != nil {
		return Outcome{}, err
	}
	d.Encounter, d.Key, d.Also = encounter, key, also
	return sign(ctx, actor, d, &m, "renew medicine")
}

// ApproveRefill renews what a patient asked for and ends the task, in one commit. The task
// must be a refill request of the same patient as its prescription.
func ApproveRefill(ctx context.Context, actor *record.Actor, taskID string) (Outcome, error) {
	t, err := task.Find(ctx, actor, taskID)
	if err != nil {
		return Outcome{}, err
	}
	if t.Kind != task.RefillRequest || t.FocusID("MedicationRequest") == "" {
		return Outcome{}, fault.New(fault.Invalid, "This task does not ask for a refill.")
	}
	done, err := task.Done(ctx, actor, taskID, "Renewed.")
	if err != nil {
		return Outcome{}, err
	}
	return renew(ctx, actor, t.Patient, t.Focus, "", "refill/"+taskID+"/"+strconv.FormatInt(t.Version, 10), []record.Put{done})
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
