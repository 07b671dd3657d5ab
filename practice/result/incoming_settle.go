package result

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// settle is one attempt of look. The id of a new task follows from the result and the number of its
// tasks, so that of two processes that make it one succeeds; last takes another, since somebody may
// have taken that one for something else.
func (in Incoming) settle(ctx context.Context, ref string, l leave, by string, last bool) error {
	actor := in.actor()
	f, err := gather(ctx, actor, ref)
	if err != nil {
		return err
	}
	s := settling{gathered: f, actor: actor, leave: l, by: by}
	if err := s.tasks(ctx, ref); err != nil {
		return err
	}
	what, id := "review of a result", round(ref, s.number)
	if last {
		id = ident.New(actor.Now())
	}
	if err := in.tell(ctx, &s, s.elsewhere, ref, round(ref+" elsewhere", s.number)); err != nil {
		return err
	}
	switch reason := f.over(); {
	case reason != "":
		what = "end the review of a result"
		err = in.retract(ctx, &s, ref, reason, id)
	case f.patient != nil && counts(f.focus.Get("status").Text()) && f.laboratory():
		err = in.renew(ctx, &s, id)
	}
	if err != nil || len(s.puts) == 0 {
		return err
	}
	_, err = actor.Commit(ctx, record.Change{Put: s.puts, What: what, Dangling: true})
	return err
}

// settling is the work on one result.
type settling struct {
	gathered
	actor  *record.Actor
	leave  leave
	by     string      // the account of whoever changed the result on a page; "" for a sender
	about  []task.Task // of the result in this chart, the last one at the end
	parts  []task.Task // of observations that it carries
	number int         // how many tasks it ever had, in any chart
	// elsewhere is a review that was signed in another chart, where the result stood before.
	elsewhere task.Task
	puts      []record.Put
}

// tasks reads the tasks of a result, and ends those that stand in another chart.
func (s *settling) tasks(ctx context.Context, ref string) error {
	all, err := task.EverFocused(ctx, s.actor, task.ReviewResult, s.refs(ref)...)
	if err != nil {
		return err
	}
	for _, t := range all {
		switch {
		case t.Focus != ref:
			s.parts = append(s.parts, t)
			continue
		case t.Patient == s.chart() || s.chart() == "":
			s.about = append(s.about, t)
		case t.Known == takenBack:
			s.elsewhere = task.Task{}
		case t.Status == "completed":
			s.elsewhere = t
		case t.Open(): // it was filed in the wrong chart
			s.leave = begin
			if err := s.end(ctx, []task.Task{t}, "The result belongs to another patient."); err != nil {
				return err
			}
		}
		s.number++
	}
	return nil
}

// end ends those of some tasks that wait: nobody has signed them. What stands in another chart is taken out
// of their line.
func (s *settling) end(ctx context.Context, tasks []task.Task, why string) error {
	for _, t := range tasks {
		if !t.Open() {
			continue
		}
		done, err := task.End(ctx, s.actor, t.ID, "cancelled", why)
		if err != nil {
			return err
		}
		if s.chart() != "" && t.Patient != s.chart() {
			done.Resource.Set("description", fhir.Str(nameless))
			done.Resource.Remove("input")
		}
		s.puts = append(s.puts, done)
	}
	return nil
}

// renew adds the task that a result needs, under an id, in the place of those that wait.
func (in Incoming) renew(ctx context.Context, s *settling, id string) error {
	before, put, err := in.ask(ctx, s)
	if err != nil || put == nil {
		return err
	}
	s.add(*put, id)
	if before.Open() { // whoever has it open must not sign what it does not say
		done, err := task.End(ctx, s.actor, before.ID, "cancelled", "The result has changed; another task asks for its review.")
		if err != nil {
			return err
		}
		s.puts = append(s.puts, done)
	}
	return s.end(ctx, s.parts, "It is part of a report now, and reviewed with that.")
}

func (s *settling) add(put record.Put, id string) {
	put.Resource.SetID(id)
	put.Create = true
	s.puts = append(s.puts, put)
}

// takenBack is what a task knows of a result that was taken back.
const takenBack = "taken-back"

// retract ends the tasks that wait for a result which was taken back, and tells whoever signed it.
func (in Incoming) retract(ctx context.Context, s *settling, ref, why, id string) error {
	var last, signed task.Task
	for _, t := range s.about {
		if last = t; t.Status == "completed" && t.Known != takenBack {
			signed = t
		}
	}
	if last.Known == takenBack {
		return nil
	}
	if err := s.end(ctx, s.about, why); err != nil {
		return err
	}
	return in.tell(ctx, s, signed, ref, id)
}

// tell adds a task that says to whoever signed a review that its result is none of this patient's: they may
// have acted on it. The line repeats what they signed. Of a result that was deleted, or stands in another chart
// now, it says nothing: nobody can tell here any more how sensitive that is.
func (in Incoming) tell(ctx context.Context, s *settling, signed task.Task, ref, id string) error {
	if signed.ID == "" || s.leave < again {
		return nil
	}
	if own, err := in.own(ctx, signed.Owner, s.by); own || err != nil {
		return err
	}
	t := task.Task{Kind: task.ReviewResult, Patient: signed.Patient, Focus: ref, Known: takenBack, Priority: "urgent", Text: "Taken back: " + nameless}
	f := s.gathered
	switch {
	case f.focus == nil || f.chart() != signed.Patient:
		var err error
		if f, err = gather(ctx, s.actor, "Patient/"+signed.Patient); err != nil || f.focus == nil {
			return err
		}
		f.patient = f.focus
	case f.named():
		t.Text, t.Told = "Taken back: "+strings.TrimPrefix(signed.Text, "Corrected: "), signed.Told
	}
	var err error
	if t.Owner, t.Requester, t.Order, err = in.owner(ctx, s.actor, f, signed.Owner); err != nil {
		return err
	}
	s.add(task.New(s.actor, t), id)
	return nil
}

// own reports whether an account is of the practitioner to whom a task went.
func (in Incoming) own(ctx context.Context, owner, account string) (bool, error) {
	if owner == "" || account == "" {
		return false, nil
	}
	who, err := in.Staff.Practising(ctx, owner)
	return slices.ContainsFunc(who, func(p trust.Principal) bool { return p.ID == account }), err
}

// ask returns the Put of the task that a result needs beside those that there are about it, and of
// these the one that waits, or the last one; nil when it needs none.
func (in Incoming) ask(ctx context.Context, s *settling) (before task.Task, put *record.Put, err error) {
	actor, f, l := s.actor, s.gathered, s.leave
	a := askingOf(f.focus, f.results, personFrom(f.patient), actor.Now())
	a.unnamed = !f.named()
	for _, t := range s.about {
		if !before.Open() || t.Open() {
			before = t
		}
	}
	how := since(before, a, f.touched())
	if how == unchanged || how == fresh && l < begin || !before.Open() && l < again {
		return before, nil, nil
	}
	if !before.Open() {
		if own, err := in.own(ctx, before.Owner, s.by); own || err != nil {
			return before, nil, err
		}
	}
	t := a.task(task.Task{Patient: f.patient.ID(), Focus: f.focus.Reference()})
	t.Text = how.words(a.status) + t.Text
	if how == corrected && t.Priority == "routine" { // it was thought to be otherwise: it is not signed in a batch
		t.Priority = "urgent"
	}
	if t.Owner, t.Requester, t.Order, err = in.owner(ctx, actor, f, before.Owner); err != nil {
		return before, nil, err
	}
	asked := task.New(actor, t)
	return before, &asked, nil
}

// round is the id of the task of a result that has had n tasks before.
func round(ref string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "review of %s, %d", ref, n))
	return "review-" + hex.EncodeToString(sum[:16])
}

// difference is what has become of a result since a task was made about it.
type difference int

const (
	unchanged difference = iota
	fresh                // there was no task
	completed            // what was preliminary says more now
	corrected            // it said something else, or says itself that it was corrected
)

// since compares a result with what its last task knows of it. A task of before tasks knew that is
// about the result as it was when somebody last touched the task.
func since(t task.Task, a asking, touched time.Time) difference {
	status, hash, _ := strings.Cut(t.Known, ".")
	now, is, _ := strings.Cut(a.known, ".")
	switch {
	case t.ID == "":
		return fresh
	case t.Known == a.known:
		return unchanged
	case t.Known == "" && (t.Open() || !corrects(now) || !touched.After(t.Authored.Add(time.Minute))):
		return unchanged
	case corrects(now) && (now != status || hash != is), hash != is && !early(status):
		return corrected
	case hash != is:
		return completed
	}
	return unchanged
}

// words are put before the line of a task.
func (d difference) words(status string) string {
	switch {
	case d == corrected, corrects(status):
		return "Corrected: "
	case early(status):
		return "Preliminary: "
	case d == completed:
		return "More has come: "
	}
	return ""
}
