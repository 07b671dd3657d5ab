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

// Review signs results of one patient: their tasks end, and the words for the patient are
// kept with each result, all in one commit. A task of another patient, or one that somebody
// has ended, stops the whole act. comment may be empty: then the patient sees the result
// without words.
func Review(ctx context.Context, actor *record.Actor, patient, comment string, taskIDs ...string) (record.Result, error) {
	if len(taskIDs) == 0 {
		return record.Result{}, fault.New(fault.Invalid, "Choose at least one result to sign.")
	}
	change := record.Change{What: "review result"}
	comment = strings.TrimSpace(comment)
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
		done, err := task.Done(ctx, actor, id, outcome)
		if err != nil {
			return record.Result{}, err
		}
		change.Put = append(change.Put, done)
		if comment == "" || slices.Contains(seen, t.Focus) {
			continue
		}
		seen = append(seen, t.Focus)
		words, err := Comment(ctx, actor, t.Focus, comment)
		if err != nil {
			return record.Result{}, err
		}
		change.Put = append(change.Put, words)
	}
	return actor.Commit(ctx, change)
}
