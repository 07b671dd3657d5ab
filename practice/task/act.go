package task

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

const openStates = "requested,in-progress"

// Of returns the open tasks that a practitioner owns, the most pressing first.
func Of(ctx context.Context, actor *record.Actor, practitioner string) ([]Task, error) {
	return find(ctx, actor, "owner=Practitioner/"+practitioner+"&status="+openStates)
}

// Unowned returns the open tasks that nobody owns: work of the whole team.
func Unowned(ctx context.Context, actor *record.Actor) ([]Task, error) {
	return find(ctx, actor, "owner:missing=true&status="+openStates)
}

// About returns the open tasks of a patient.
func About(ctx context.Context, actor *record.Actor, patient string) ([]Task, error) {
	return find(ctx, actor, "patient=Patient/"+patient+"&status="+openStates)
}

// OpenOf returns the open tasks of a kind, whoever owns them.
func OpenOf(ctx context.Context, actor *record.Actor, kind Kind) ([]Task, error) {
	return find(ctx, actor, "code="+System+"%7C"+string(kind)+"&status="+openStates)
}

// DoneSince returns the tasks of a practitioner that ended after an instant.
func DoneSince(ctx context.Context, actor *record.Actor, practitioner string, since time.Time) ([]Task, error) {
	return find(ctx, actor, "owner=Practitioner/"+practitioner+"&status=completed,rejected&_lastUpdated=ge"+since.UTC().Format("2006-01-02T15:04:05Z"))
}

// Focused returns the open tasks about a resource: "Communication/…".
func Focused(ctx context.Context, actor *record.Actor, ref string) ([]Task, error) {
	return find(ctx, actor, "focus="+ref+"&status="+openStates)
}

// EverFocused returns the tasks of a kind about any of some resources, open or not, the one that
// was made last at the end.
func EverFocused(ctx context.Context, actor *record.Actor, kind Kind, refs ...string) ([]Task, error) {
	nodes, err := actor.Find(ctx, "Task", "focus="+strings.Join(refs, ",")+"&code="+System+"%7C"+string(kind))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(nodes, func(a, b *fhir.Node) int { // those of one second by which was touched last
		return cmp.Or(FromResource(a).Authored.Compare(FromResource(b).Authored), strings.Compare(a.Path("meta.lastUpdated").Text(), b.Path("meta.lastUpdated").Text()))
	})
	out := make([]Task, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, FromResource(n))
	}
	return out, nil
}

func find(ctx context.Context, actor *record.Actor, query string) ([]Task, error) {
	out := []Task{}
	for n, err := range actor.FindEach(ctx, "Task", query) {
		if err != nil {
			return nil, err
		}
		out = append(out, FromResource(n))
	}
	Sort(out)
	return out, nil
}

// Sort puts the most pressing first: stat, urgent, routine; the older first within each.
func Sort(tasks []Task) {
	slices.SortStableFunc(tasks, func(a, b Task) int {
		if d := Rank(a) - Rank(b); d != 0 {
			return d
		}
		return a.Authored.Compare(b.Authored)
	})
}

// Rank orders tasks by their priority: the lower one comes first.
func Rank(t Task) int {
	switch t.Priority {
	case "stat":
		return 0
	case "asap":
		return 1
	case "urgent":
		return 2
	}
	return 3
}

// Find returns one task.
func Find(ctx context.Context, actor *record.Actor, id string) (Task, error) {
	r, err := actor.Read(ctx, "Task", id)
	if err != nil {
		return Task{}, err
	}
	return FromResource(r), nil
}

// New returns the Put of a new task, for a change that also holds what it is about. The
// requester is the actor when none is given.
func New(actor *record.Actor, t Task) record.Put {
	if t.Status == "" {
		t.Status = "requested"
	}
	if t.Priority == "" {
		t.Priority = "routine"
	}
	if t.Requester == "" {
		t.Requester = actor.Principal().Reference()
	}
	if t.Authored.IsZero() {
		t.Authored = actor.Now()
	}
	return record.Put{Resource: t.Resource()}
}

// Done returns the Put that completes a task, for a change that does what was asked. A task
// that is not open any more is fault.Conflict: somebody else did it.
func Done(ctx context.Context, actor *record.Actor, id, outcome string) (record.Put, error) {
	return end(ctx, actor, id, "completed", outcome)
}

// End returns the Put that ends a task as completed, rejected or cancelled, with the outcome in words.
func End(ctx context.Context, actor *record.Actor, id, status, outcome string) (record.Put, error) {
	return end(ctx, actor, id, status, outcome)
}

// Complete ends tasks whose work is done, all in one change.
func Complete(ctx context.Context, actor *record.Actor, outcome string, ids ...string) (record.Result, error) {
	var c record.Change
	for _, id := range ids {
		p, err := Done(ctx, actor, id, outcome)
		if err != nil {
			return record.Result{}, err
		}
		c.Put = append(c.Put, p)
	}
	c.What = "complete task"
	return actor.Commit(ctx, c)
}

// Reject ends a task without doing it; the reason is kept.
func Reject(ctx context.Context, actor *record.Actor, id, reason string) (record.Result, error) {
	if strings.TrimSpace(reason) == "" {
		return record.Result{}, fault.New(fault.Invalid, "Say why it will not be done: the person who asked reads it.").At("Task.statusReason")
	}
	p, err := end(ctx, actor, id, "rejected", reason)
	if err != nil {
		return record.Result{}, err
	}
	return actor.Commit(ctx, record.Change{Put: []record.Put{p}, What: "reject task"})
}

// Reassign hands a task to another practitioner, with a word why.
func Reassign(ctx context.Context, actor *record.Actor, id, practitioner, word string) (record.Result, error) {
	if practitioner == "" {
		return record.Result{}, fault.New(fault.Invalid, "Choose who takes the task.").At("Task.owner")
	}
	r, err := open(ctx, actor, id)
	if err != nil {
		return record.Result{}, err
	}
	r.Set("owner", referenceTo("Practitioner", practitioner))
	if word = strings.TrimSpace(word); word != "" {
		note := fhir.Obj("authorReference", reference(actor.Principal().Reference()), "time", actor.Now().UTC().Format(time.RFC3339), "text", word)
		notes := r.Get("note")
		if notes == nil {
			notes = fhir.Arr()
		}
		notes.Append(note)
		r.Set("note", notes)
	}
	p := record.Put{Resource: r, IfMatch: FromResource(r).Version}
	return actor.Commit(ctx, record.Change{Put: []record.Put{p}, What: "pass task on"})
}

// open reads a task that still waits.
func open(ctx context.Context, actor *record.Actor, id string) (*fhir.Node, error) {
	r, err := actor.Read(ctx, "Task", id)
	if err != nil {
		return nil, err
	}
	if t := FromResource(r); !t.Open() {
		return nil, fault.New(fault.Conflict, "This was done already. Look at the list again.")
	}
	return r, nil
}

func end(ctx context.Context, actor *record.Actor, id, status, outcome string) (record.Put, error) {
	r, err := open(ctx, actor, id)
	if err != nil {
		return record.Put{}, err
	}
	r.Set("status", fhir.Str(status))
	if outcome != "" {
		r.Set("statusReason", fhir.Obj("text", outcome))
	}
	r.Set("lastModified", fhir.Str(actor.Now().UTC().Format(time.RFC3339)))
	return record.Put{Resource: r, IfMatch: FromResource(r).Version}, nil
}

// CountOpen counts the open tasks that the actor owns, and those of them that are stat.
func CountOpen(ctx context.Context, actor *record.Actor) (open, stat int64, err error) {
	me := actor.Principal().Practitioner
	if me == "" {
		return 0, 0, nil
	}
	q := url.Values{"owner": {"Practitioner/" + me}, "status": {openStates}}
	if open, err = actor.Count(ctx, "Task", q); err != nil || open == 0 {
		return open, 0, err
	}
	q.Set("priority", "stat")
	stat, err = actor.Count(ctx, "Task", q)
	return open, stat, err
}
