package result

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

var nan = math.NaN()

// Critical reports whether a result is signed only with a word about what was done: its task
// cannot wait, or one of its values is critical, by its laboratory or by the clinic's own limits
// (see Value.Own). It is the one place where this is decided.
func Critical(t task.Task, r Report) bool {
	return t.Kind == task.ReviewResult && (t.Priority == "stat" || r.Status != wrong && slices.ContainsFunc(r.Values, func(v Value) bool { return critical(v.Flag) }))
}

// TakenBack reports whether a review is of a result that does not count any more: entered in error, deleted, or
// another patient's.
func TakenBack(t task.Task, r Report) bool { return t.Known == takenBack || r.Status == wrong }

// critical reports whether an HL7 ObservationInterpretation is beyond a critical limit.
func critical(flag string) bool { return flag == "HH" || flag == "LL" || flag == "AA" }

// Outcome returns the words with which the review of a result ends: what was done, which a
// critical result needs, or else the words given.
func Outcome(ctx context.Context, actor *record.Actor, t task.Task, plan, otherwise string) (string, error) {
	if plan = strings.TrimSpace(plan); plan != "" {
		return plan, nil
	}
	if t.Kind != task.ReviewResult || !t.Open() {
		return otherwise, nil
	}
	r, err := Under(ctx, actor, t)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Gone) && !fault.Is(err, fault.NotSupported) {
		return "", err
	}
	if Critical(t, r) {
		return "", fault.New(fault.Invalid, "This result is critical. Write what was done: who was told, and the plan.").At("plan")
	}
	return otherwise, nil
}

// Words are what is written when results are signed.
type Words struct {
	Patient string // the patient reads them with each result
	Plan    string // what was done; a critical result needs it, and its task keeps it
}

// Review signs results of one patient: their tasks end, and the words for the patient are
// kept with each result, all in one commit. A task of another patient, or one that somebody
// has ended, stops the whole act, and so does a critical result without a plan. Without words
// for the patient the patient sees the result alone.
func Review(ctx context.Context, actor *record.Actor, patient string, said Words, taskIDs ...string) (record.Result, error) {
	if len(taskIDs) == 0 {
		return record.Result{}, fault.New(fault.Invalid, "Choose at least one result to sign.")
	}
	change := record.Change{What: "review result"}
	comment := strings.TrimSpace(said.Patient)
	var seen []string
	for _, id := range taskIDs {
		t, err := task.Find(ctx, actor, id)
		if err != nil {
			return record.Result{}, err
		}
		if t.Kind != task.ReviewResult || t.Patient != patient || patient == "" {
			return record.Result{}, fault.New(fault.NotFound, "This result is not in the patient's chart.")
		}
		outcome := "Reviewed."
		if comment != "" {
			outcome = "Reviewed, with words for the patient."
		}
		if outcome, err = Outcome(ctx, actor, t, said.Plan, outcome); err != nil {
			return record.Result{}, err
		}
		done, err := task.Done(ctx, actor, id, outcome)
		if err != nil {
			return record.Result{}, err
		}
		change.Put = append(change.Put, done)
		if comment == "" || slices.Contains(seen, t.Focus) {
			continue
		}
		seen = append(seen, t.Focus)
		words, err := Comment(ctx, actor, t, comment)
		if err != nil {
			return record.Result{}, err
		}
		change.Put = append(change.Put, words)
	}
	return actor.Commit(ctx, change)
}
