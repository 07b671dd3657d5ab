package intake

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/practice/vitalsign"
	"github.com/osler-emr/osler/record"
)

// Accept takes a patient's report into the chart: the Observation becomes final and keeps
// its tag, the task ends; an unusual value is confirmed by it (see vitalsign). A report that somebody has decided about is fault.Conflict.
func Accept(ctx context.Context, actor *record.Actor, taskID string) (record.Result, error) {
	n, done, err := undecided(ctx, actor, taskID, "completed", "Accepted into the chart.")
	if err != nil {
		return record.Result{}, err
	}
	vitalsign.Confirm(n) // a clinician has looked at it
	return decide(ctx, actor, n, done, "final", "accept home measurement")
}

// Decline keeps a patient's report out of the chart: the Observation is cancelled, and the
// patient reads the reason.
func Decline(ctx context.Context, actor *record.Actor, taskID, reason string) (record.Result, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return record.Result{}, fault.New(fault.Invalid, "Say why: the patient reads it.").At("reason")
	}
	n, done, err := undecided(ctx, actor, taskID, "rejected", reason)
	if err != nil {
		return record.Result{}, err
	}
	notes := n.Get("note")
	if notes == nil {
		notes = fhir.Arr()
	}
	notes.Append(fhir.Obj("authorReference", fhir.Obj("reference", actor.Principal().Reference()),
		"time", actor.Now().Format(time.RFC3339), "text", reason))
	n.Set("note", notes)
	return decide(ctx, actor, n, done, "cancelled", "decline home measurement")
}

// undecided reads the report behind a task, and the end of the task.
func undecided(ctx context.Context, actor *record.Actor, taskID, status, outcome string) (*fhir.Node, record.Put, error) {
	if !strings.HasPrefix(actor.Principal().Reference(), "Practitioner/") {
		return nil, record.Put{}, fault.New(fault.Forbidden, "A clinician decides about what patients report.")
	}
	t, err := task.Find(ctx, actor, taskID)
	if err != nil {
		return nil, record.Put{}, err
	}
	id := t.FocusID("Observation")
	if t.Kind != task.PatientMeasurement || id == "" {
		return nil, record.Put{}, fault.New(fault.Invalid, "This task is not about something that a patient measured.")
	}
	done, err := task.End(ctx, actor, taskID, status, outcome)
	if err != nil {
		return nil, record.Put{}, err
	}
	n, err := actor.Read(ctx, "Observation", id)
	if err != nil {
		return nil, record.Put{}, err
	}
	m, ok := FromResource(n)
	switch {
	case !ok || n.Path("subject.reference").Text() != "Patient/"+t.Patient:
		return nil, record.Put{}, fault.New(fault.Conflict, "The measurement is not one that this patient reported.")
	case m.State != Waiting:
		return nil, record.Put{}, fault.New(fault.Conflict, "Somebody has decided about this measurement already.")
	}
	return n, done, nil
}

func decide(ctx context.Context, actor *record.Actor, n *fhir.Node, done record.Put, status, what string) (record.Result, error) {
	m, _ := FromResource(n)
	n.Set("status", fhir.Str(status))
	return actor.Commit(ctx, record.Change{What: what, Put: []record.Put{{Resource: n, IfMatch: m.Version}, done}})
}
