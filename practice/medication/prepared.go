package medication

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// A prescription that one person writes and another signs: a MedicationRequest of the status
// "draft" whose requester is who is asked to sign and whose recorder is who wrote it, and a task
// in the signer's inbox. Nobody takes it before it is signed: it is on no list of medicines, and
// the patient does not see it. The tasks name no medicine: it is read
// from the draft, by those who may see it.

// Prepare stores a prescription for a physician ("Practitioner/…" by id, and the printed name) to
// sign. The checks run and their findings come back, but decide nothing: whether a finding is
// kept is the signer's to say, so no reason is stored, and no other medicine is ended. Of Stops
// only the prescription that this one renews can be named; it ends when this one is signed.
func Prepare(ctx context.Context, actor *record.Actor, d Draft, physician, name string) (Outcome, error) {
	if err := d.Validate(); err != nil {
		return Outcome{}, err
	}
	if physician == "" {
		return Outcome{}, fault.New(fault.Invalid, "Choose who signs the prescription.").At("physician")
	}
	if len(d.Stops) > 1 {
		return Outcome{}, fault.New(fault.Invalid, "A prepared prescription replaces one other at most. Whoever signs it decides about the rest.")
	}
	found, err := Preview(ctx, actor, d)
	if err != nil {
		return Outcome{}, err
	}
	n := d.Resource(actor, nil)
	n.SetID(ident.New(actor.Now()))
	n.Set("status", fhir.Str("draft"))
	n.Set("recorder", n.Get("requester").Clone())
	n.Set("requester", fhir.Obj("reference", "Practitioner/"+physician, "display", name))
	for _, ref := range d.Stops {
		if _, _, err := own(ctx, actor, d.Patient, ref); err != nil {
			return Outcome{}, err
		}
		n.Set("priorPrescription", reference(ref))
	}
	t := task.Task{Kind: task.SignPrescription, Patient: d.Patient, Owner: physician, Focus: n.Reference(), Text: "A prescription waits for your signature"}
	change := record.Change{What: "prepare prescription", Key: d.Key, Put: []record.Put{{Resource: n, Create: true}, task.New(actor, t)}}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return Outcome{Findings: found}, err
	}
	return Outcome{Medicine: stored(n, result, 0), Findings: found, Result: result}, nil
}

// ToSign returns the draft with which a prepared prescription opens for its signer.
func ToSign(m Medicine) Draft {
	d, _ := Again(m) // what is missing is told beside its field
	d.Prepared, d.Encounter, d.Renews, d.Stops = m.ID, m.Encounter, m.Prior, nil
	if m.Prior != "" {
		d.Stops = []string{m.Prior}
	}
	return d
}

// inOwnWords keeps the directions of a medicine as words only where the parts do not say the same.
func (d *Draft) inOwnWords(m Medicine) {
	if d.Directions = ""; d.Label() != m.Directions {
		d.Directions = m.Directions
	}
}

// signPrepared makes n, the signed prescription, the next version of the one that was prepared,
// and ends the request to sign it.
func (d Draft) signPrepared(ctx context.Context, actor *record.Actor, n *fhir.Node) ([]record.Put, error) {
	before, m, err := prepared(ctx, actor, d.Patient, d.Prepared)
	if err != nil {
		return nil, err
	}
	if before.Get("doNotPerform").True() || before.Get("modifierExtension").Len() > 0 {
		return nil, fault.New(fault.Invalid, "This draft came from another program with a condition that Osler cannot carry over. Prescribe it anew.")
	}
	n.SetID(m.ID)
	for _, name := range []string{"identifier", "recorder", "basedOn", "groupIdentifier", "note"} {
		n.Set(name, before.Get(name).Clone())
	}
	if m.Prior != "" {
		n.Set("priorPrescription", reference(m.Prior))
	}
	puts := []record.Put{{Resource: n, IfMatch: m.Version}}
	asked, err := task.Focused(ctx, actor, m.Reference())
	if err != nil {
		return nil, err
	}
	for _, t := range asked {
		if t.Kind != task.SignPrescription {
			continue
		}
		done, err := task.Done(ctx, actor, t.ID, "Signed.")
		if err != nil {
			return nil, err
		}
		puts = append(puts, done)
	}
	return puts, nil
}

// About reads the medicine that a task is about, as the actor may see it.
func About(ctx context.Context, actor *record.Actor, t task.Task) (Medicine, error) {
	_, m, err := own(ctx, actor, t.Patient, t.Focus)
	return m, err
}

// prepared reads a prescription that still waits for a signature.
func prepared(ctx context.Context, actor *record.Actor, patient, id string) (*fhir.Node, Medicine, error) {
	n, m, err := own(ctx, actor, patient, "MedicationRequest/"+id)
	if err == nil && m.Status != "draft" {
		err = fault.New(fault.Conflict, "This prescription was signed or declined already. Look at the list again.")
	}
	return n, m, err
}

// DeclinePrepared ends the request to sign a prescription, with a reason: the draft is
// withdrawn, and who prepared it gets the reason as work. When the draft is labelled, who
// prepared it may not be cleared to see it any more: then the answer says only that one was
// not signed and whom to ask, of no patient and without the reason, which stands with the request that it names.
func DeclinePrepared(ctx context.Context, actor *record.Actor, taskID, reason string) (record.Result, error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return record.Result{}, fault.New(fault.Invalid, "Say why it is not signed: who prepared it reads it.").At("reason")
	}
	t, err := task.Find(ctx, actor, taskID)
	if err != nil {
		return record.Result{}, err
	}
	if t.Kind != task.SignPrescription {
		return record.Result{}, fault.New(fault.Invalid, "This task does not ask for a signature on a prescription.")
	}
	n, m, err := prepared(ctx, actor, t.Patient, t.FocusID("MedicationRequest"))
	if err != nil {
		return record.Result{}, err
	}
	n.Set("status", fhir.Str("entered-in-error")) // "cancelled" would be a medicine of the past, which it never was
	ended, err := task.End(ctx, actor, taskID, "rejected", reason)
	if err != nil {
		return record.Result{}, err
	}
	back := task.Task{Kind: task.FollowUp, Patient: t.Patient, Owner: fhir.IDIn(t.Requester, "Practitioner"), Focus: m.Reference(), Text: "A prescription that you prepared was not signed. " + reason}
	if n.Path("meta.security").Len() > 0 {
		back.Patient, back.Focus, back.Part = "", "", t.ID
		back.Text = "A prescription that you prepared was not signed. Ask " + actor.Principal().Name + " about it."
	}
	return actor.Commit(ctx, record.Change{What: "decline prescription", Reason: reason,
		Put: []record.Put{{Resource: n, IfMatch: m.Version}, ended, task.New(actor, back)}})
}
