package document

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// Choice is what a person decides about an item.
type Choice string

// The choices. Unsure leaves the item on the open task.
const (
	Add    Choice = "add"
	Merge  Choice = "merge"
	Ignore Choice = "ignore"
	Unsure Choice = "unsure"
)

// Choices are all of them, in the order of the page and of the keys a, m, i and u.
var Choices = []Choice{Add, Merge, Ignore, Unsure}

// ParseChoice reads a choice; "" for anything else.
func ParseChoice(s string) Choice {
	if slices.Contains(Choices, Choice(s)) {
		return Choice(s)
	}
	return ""
}

// Review is how far the review of a filed document has come. It is kept in the task that asks for it.
type Review struct {
	Document string // id of the DocumentReference
	Patient  string
	Task     string // id; "" when nobody was asked
	Open     bool
	Owner    string
	Reason   string            // why it is this patient's, as somebody has said
	Saved    map[string]Choice // for later, by the keys of the items
	Done     map[string]Choice // decided
	Batches  []Batch           // newest first

	task *fhir.Node
}

// Batch is what was accepted in one step.
type Batch struct {
	ID       string // of the Provenance
	At       time.Time
	By       string // reference
	Written  int    // entries
	Undone   bool
	Kept     int      // entries that an undo left, because somebody had changed them
	targets  []string // "Condition/1/_history/2"
	others   []string // what was merged without a write: "Condition/2"
	node     *fhir.Node
	document string
}

// entries are what a batch is about, and is not taken back.
func (b Batch) entries() (out []string) {
	for _, t := range b.targets {
		ref, _, _ := strings.Cut(t, "/_history/")
		out = append(out, ref)
	}
	if !b.Undone {
		out = append(out, b.others...)
	}
	return out
}

// UndoFor is how long a batch can be undone.
const UndoFor = 30 * 24 * time.Hour

// Undoable reports whether a batch can still be undone, all of it or what an undo has left.
func (b Batch) Undoable(now time.Time) bool {
	return (!b.Undone || b.Kept > 0) && b.Written > 0 && now.Before(b.At.Add(UndoFor))
}

// ReviewOf reads how far the review of a document has come.
func ReviewOf(ctx context.Context, actor *record.Actor, patient, document string) (*Review, error) {
	r := &Review{Document: document, Patient: patient, Saved: map[string]Choice{}, Done: map[string]Choice{}}
	ref := "DocumentReference/" + document
	tasks, err := actor.Find(ctx, "Task", "focus="+ref+"&code="+task.System+"%7C"+string(task.ReviewDocument))
	if err != nil && !fault.Is(err, fault.Forbidden) {
		return nil, err
	}
	for _, n := range tasks {
		if t := task.FromResource(n); t.Patient == patient && (r.task == nil || t.Open() && !r.Open || t.Open() == r.Open && later(n, r.task)) {
			r.task, r.Task, r.Open, r.Owner = n, t.ID, t.Open(), t.Owner
		}
	}
	for i := range r.task.Get("input").Items() {
		switch c := i.Path("type.coding.0.code").Text(); {
		case c == "person":
			r.Reason = i.Get("valueString").Text()
		case ParseChoice(c) != "":
			r.Saved[i.Get("valueString").Text()] = Choice(c)
		}
	}
	for o := range r.task.Get("output").Items() {
		if c := ParseChoice(o.Path("type.coding.0.code").Text()); c != "" {
			r.Done[o.Get("valueString").Text()] = c
		}
	}
	return r, r.batches(ctx, actor)
}

func later(a, b *fhir.Node) bool {
	return a.Path("meta.lastUpdated").Text() > b.Path("meta.lastUpdated").Text()
}

// batches reads what was accepted from the document.
func (r *Review) batches(ctx context.Context, actor *record.Actor) error {
	nodes, err := actor.Find(ctx, "Provenance", "entity=DocumentReference/"+r.Document)
	if fault.Is(err, fault.Forbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	undone := map[string]map[string]bool{} // entries, by the batch
	for _, n := range nodes {
		if !slices.ContainsFunc(slices.Collect(n.Get("target").Items()), func(t *fhir.Node) bool { return t.Get("reference").Text() == "Patient/"+r.Patient }) {
			continue // another patient's
		}
		b := Batch{ID: n.ID(), By: n.Path("agent.0.who.reference").Text(), node: n, document: r.Document}
		if p, ok := lang.ParsePartial(n.Get("recorded").Text()); ok {
			b.At = p.Time
		}
		for t := range n.Get("target").Items() {
			if ref := t.Get("reference").Text(); strings.Contains(ref, "/_history/") {
				b.targets = append(b.targets, ref)
			} else if ref != "Patient/"+r.Patient {
				b.others = append(b.others, ref)
			}
		}
		b.Written = len(b.targets)
		switch n.Path("activity.coding.0.code").Text() {
		case "accept":
			r.Batches = append(r.Batches, b)
		case "undo":
			for e := range n.Get("entity").Items() {
				if id, ok := strings.CutPrefix(e.Path("what.reference").Text(), "Provenance/"); ok {
					if undone[id] == nil {
						undone[id] = map[string]bool{}
					}
					for _, t := range b.targets {
						ref, _, _ := strings.Cut(t, "/_history/")
						undone[id][ref] = true
					}
				}
			}
		}
	}
	for i := range r.Batches {
		b := &r.Batches[i]
		back, ok := undone[b.ID]
		if b.Undone = ok; ok {
			b.targets = slices.DeleteFunc(b.targets, func(t string) bool {
				ref, _, _ := strings.Cut(t, "/_history/")
				return back[ref]
			})
			b.Kept = len(b.targets)
		}
	}
	slices.SortFunc(r.Batches, func(a, b Batch) int { return b.At.Compare(a.At) })
	return nil
}

// Standing says in a word how far a review has come, a text of the message catalogue, and how many items
// of the document are in the chart.
func (r *Review) Standing() (word string, taken int) {
	taken = count(r.Done, Add) + count(r.Done, Merge)
	back := len(r.Batches) > 0 && !slices.ContainsFunc(r.Batches, func(b Batch) bool { return !b.Undone })
	switch {
	case taken > 0 && r.Open:
		return "%d taken in, more to review", taken
	case taken > 0:
		return "%d taken in", taken
	case back:
		return "taken back", 0
	case r.Open || r.Task == "":
		return "to review", 0
	}
	return "reviewed, nothing taken in", 0
}

// Left returns how many items of a comparison are not decided.
func (r *Review) Left(c *Comparison) (n int) {
	for _, row := range c.Rows {
		if row.Decide() && r.Done[row.Item.Key] == "" {
			n++
		}
	}
	return n
}

// Save keeps decisions for later, beside those that were made.
func Save(ctx context.Context, actor *record.Actor, c *Comparison, r *Review, choices map[string]Choice, reason string) (record.Result, error) {
	if reason = strings.TrimSpace(reason); reason != "" {
		r.Reason = reason
	}
	r.Saved = map[string]Choice{}
	for _, row := range c.Rows {
		key := row.Item.Key
		if choice := choices[key]; row.Decide() && r.Done[key] == "" && ParseChoice(string(choice)) != "" {
			r.Saved[key] = choice
		}
	}
	p := r.put(actor, c, "")
	return actor.Commit(ctx, record.Change{Imports: true, What: "save the review of a document", Put: []record.Put{p}})
}

// put writes the review into its task: open until everything is decided, or ended with an outcome.
func (r *Review) put(actor *record.Actor, c *Comparison, outcome string) record.Put {
	n := r.task.Clone()
	var p record.Put
	if n == nil || !r.Open {
		n = c.asked(actor, r.Document, "")
		p.Create = true
	} else {
		p.IfMatch, _ = strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	}
	input, output := fhir.Arr(), fhir.Arr()
	if r.Reason != "" {
		input.Append(noted("person", r.Reason))
	}
	for _, row := range c.Rows {
		if s := r.Saved[row.Item.Key]; s != "" && r.Done[row.Item.Key] == "" {
			input.Append(noted(string(s), row.Item.Key))
		}
		if s := r.Done[row.Item.Key]; s != "" {
			output.Append(noted(string(s), row.Item.Key))
		}
	}
	n.Set("input", some(input))
	n.Set("output", some(output))
	n.Set("status", fhir.Str("in-progress"))
	if outcome != "" {
		n.Set("status", fhir.Str("completed"))
		n.Set("statusReason", fhir.Obj("text", outcome))
	}
	n.Set("lastModified", fhir.Str(actor.Now().UTC().Format(time.RFC3339)))
	p.Resource = n
	return p
}

// some is a list, or nothing when it is empty.
func some(list *fhir.Node) *fhir.Node {
	if list.Len() == 0 {
		return nil
	}
	return list
}
