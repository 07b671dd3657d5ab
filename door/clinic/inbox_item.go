package clinic

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// resultValue is a measured value as an item shows it.
type resultValue struct {
	Name   string
	Amount ui.Amount
	Range  ui.Bounds
	When   string
	Limits result.Value // how it stands to the clinic's own critical limits
}

func valuesOf(r result.Report) []resultValue {
	out := make([]resultValue, 0, len(r.Values))
	for _, v := range r.Values {
		unit := v.Unit
		if !v.Numeric {
			unit = ""
		}
		out = append(out, resultValue{Name: v.Name, When: v.When, Limits: v,
			Amount: ui.Amount{Value: v.Value, Comparator: v.Comparator, Unit: unit, Flag: v.Flag},
			Range:  ui.Bounds{Low: v.Low, High: v.High, Unit: unit, Words: v.Range}})
	}
	return out
}

// focus reads what the task is about.
func (i *inboxItem) focus(r *web.Request) error {
	t := i.Line.Task
	switch t.Kind {
	case task.ReviewResult, task.PatientMeasurement:
		i.Reported = t.Kind == task.PatientMeasurement
		i.Critical = result.Critical(t, result.Report{})
		report, err := result.Under(r.Context(), r.Actor, t)
		if err != nil && !gone(err) {
			return err
		}
		if i.TakenBack = result.TakenBack(t, report); gone(err) || i.TakenBack {
			return i.typed(r)
		}
		i.Values, i.Said = valuesOf(report), report.Comment
		if err := i.typed(r); err != nil {
			return err
		}
		if i.Critical = result.Critical(t, report); i.Critical {
			i.Line.Task.Priority = "stat"
		}
		i.Line.Normal = !i.Reported && report.InRange()
		return nil
	case task.SignPrescription:
		m, err := medication.About(r.Context(), r.Actor, t)
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		i.ToSign = &m
	case task.AnswerMessage:
		return i.conversation(r)
	case task.RefillRequest:
		i.Medicine = i.Line.Medicine
	case task.FollowUp:
		return i.declined(r)
	case task.ReviewDocument:
		return i.entries(r)
	}
	return nil
}

// mostCounted is the size of a document, in bytes, above which a line of the inbox does not count its entries: that takes as
// long as to open its review, and waits for its turn as that does.
const mostCounted = 2 << 20

// entries counts what of a document waits. Of one that cannot be read its review says why.
func (i *inboxItem) entries(r *web.Request) error {
	t, d := i.Line.Task, i.Line.Document
	if d == nil || !t.Open() || !reviewable(*d) || d.Size > mostCounted {
		return nil
	}
	err := r.Turn(func() error {
		f, err := openImport(r, t.Patient, d.ID)
		if err != nil {
			return err
		}
		c, err := document.Compare(r.Context(), r.Actor, t.Patient, f.read)
		if err != nil {
			return err
		}
		review, err := document.ReviewOf(r.Context(), r.Actor, t.Patient, d.ID)
		if err == nil {
			i.Wait = review.Left(c)
		}
		return err
	})
	if err != nil { // the line is as good without the number
		return r.Context().Err()
	}
	return nil
}

// typed puts back what was typed to be signed with this task and not sent yet.
func (i *inboxItem) typed(r *web.Request) error {
	_, saved, fields, err := web.Typed(r, doneKey(i.Line.Task.ID))
	i.Saved, i.Plan, i.Reply = saved, fields["plan"], fields["comment"]
	return err
}

// declined reads the request that this line answers, when the reader may see it: whose
// prescription was not signed, and why.
func (i *inboxItem) declined(r *web.Request) error {
	if i.Line.Task.Part == "" {
		return nil
	}
	t, err := task.Find(r.Context(), r.Actor, i.Line.Task.Part)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := lines(r.Context(), r.Actor, []task.Task{t})
	if err == nil && t.Kind == task.SignPrescription {
		i.Declined = &list[0]
	}
	return err
}

// gone reports whether what a task is about cannot be shown: it was deleted, is hidden, or
// is of a kind that this page does not know. The task itself can still be ended.
func gone(err error) bool {
	return fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || fault.Is(err, fault.NotSupported)
}

func (i *inboxItem) conversation(r *web.Request) error {
	id := i.Line.Task.FocusID("Communication")
	if id == "" {
		return nil
	}
	t, err := message.Find(r.Context(), r.Actor, id)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	i.Thread = &t
	if i.Names, err = writers(r.Context(), r.Actor, []message.Thread{t}); err != nil {
		return err
	}
	if i.Saved, i.Reply, err = replyDraft(r, t.ID); err != nil {
		return err
	}
	return message.MarkRead(r.Context(), r.Actor, t)
}

// replyDraft returns what was typed as an answer to a conversation and not sent yet.
func replyDraft(r *web.Request, thread string) (ui.Saved, string, error) {
	_, saved, fields, err := web.Typed(r, replyKey(thread))
	return saved, fields["text"], err
}

func replyKey(thread string) string { return "reply/" + thread }

// grade reads the results behind the lines: those with a critical value cannot wait, whatever
// their task says, and stand first; those that wait for the reader, are routine, and are known
// to be in range may be signed together. It costs one look at each result.
func grade(ctx context.Context, actor *record.Actor, list []workLine) error {
	for i := range list {
		t := &list[i].Task
		if t.Kind != task.ReviewResult || !t.Open() || t.Priority == "stat" || !list[i].Known {
			continue
		}
		report, err := result.Under(ctx, actor, *t)
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		list[i].Normal = t.Priority == "routine" && list[i].Mine && report.InRange()
		if result.Critical(*t, report) {
			t.Priority = "stat"
		}
	}
	slices.SortStableFunc(list, func(a, b workLine) int { return task.Rank(a.Task) - task.Rank(b.Task) })
	return nil
}

// colleagues are the people to whom work can be passed on.
func colleagues(ctx context.Context, actor *record.Actor) ([]ui.Option, error) {
	staff, err := schedule.Clinicians(ctx, actor)
	if err != nil {
		return nil, err
	}
	var out []ui.Option
	for _, c := range staff {
		if c.ID != actor.Principal().Practitioner {
			out = append(out, ui.Option{Value: c.ID, Label: c.Name})
		}
	}
	return out, nil
}

// writers returns the names of everybody who takes part in conversations, by reference.
func writers(ctx context.Context, actor *record.Actor, threads []message.Thread) (map[string]string, error) {
	out := map[string]string{}
	var ids []string
	for _, t := range threads {
		ids = append(ids, t.Patient)
	}
	who, err := people(ctx, actor, ids)
	if err != nil {
		return nil, err
	}
	for id, p := range who {
		out["Patient/"+id] = nameOf(p).Formal()
	}
	staff, err := schedule.Clinicians(ctx, actor)
	if err != nil {
		return nil, err
	}
	for _, c := range staff {
		out["Practitioner/"+c.ID] = c.Name
	}
	return out, nil
}
