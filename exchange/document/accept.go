package document

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Decision is what a person decides about a document in one step.
type Decision struct {
	Choices map[string]Choice // by the keys of the items; an item without one stays as it is
	Reason  string            // why it is this patient's, when it seems to be another person's
	Mark    string            // of the Comparison that the person saw; "" is not asked
	Key     string            // makes a repeated submission harmless
}

// Accepted is what became of a decision.
type Accepted struct {
	Added, Merged, Ignored, Unsure int
	Left                           int    // items that nobody has decided about
	More                           bool   // some of them were to be written, and are too many for one step
	Batch                          string // id of the Provenance; "" when nothing was written
	Task                           string // id, of what is left to review
	Result                         record.Result
}

// mostAtOnce is how many entries one step writes, with the values of panels: more would take much memory, and keep
// others waiting. The largest documents of real systems have fewer.
var mostAtOnce = 5000

// attempts is how often a decision is held to the chart again because somebody wrote meanwhile.
const attempts = 4

// Accept writes what a person has decided about a filed document, all of it or nothing: what is added,
// marked as imported; what is merged; where both are from (Provenance); and how far the review has come.
// A chart that is not as the person saw it is the fault that Moved knows, with the new comparison.
func Accept(ctx context.Context, actor *record.Actor, patient, document string, d *Document, dec Decision) (a Accepted, c *Comparison, err error) {
	for range attempts {
		a, c, err = acceptOnce(ctx, actor, patient, document, d, dec)
		if Moved(err) || !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
			break
		}
	}
	return a, c, err
}

func acceptOnce(ctx context.Context, actor *record.Actor, patient, document string, d *Document, dec Decision) (Accepted, *Comparison, error) {
	c, err := Compare(ctx, actor, patient, d)
	if err != nil {
		return Accepted{}, nil, err
	}
	if err := c.still(ctx, actor, document); err != nil {
		return Accepted{}, c, err
	}
	r, err := ReviewOf(ctx, actor, patient, document)
	if err != nil {
		return Accepted{}, c, err
	}
	if r.has(dec.Choices) {
		return Accepted{Left: r.Left(c), Task: r.Task, Result: record.Result{Repeated: true}}, c, nil
	}
	if dec.Mark != "" && dec.Mark != c.Mark() {
		return Accepted{}, c, moved()
	}
	change := record.Change{What: "accept from a document of another system"}
	if dec.Key != "" {
		change.Key = dec.Key + "/" + dec.hash()
	}
	var later map[string]Choice
	dec.Choices, later = c.portion(r, dec.Choices)
	maps.Copy(r.Saved, later)
	a, err := c.accept(actor, r, document, dec, &change)
	if err != nil {
		return a, c, err
	}
	a.More = len(later) > 0
	a.Result, err = actor.Commit(ctx, change)
	return a, c, err
}

// portion parts what is decided into what one step writes and what is left for later ones.
func (c *Comparison) portion(r *Review, choices map[string]Choice) (now, later map[string]Choice) {
	now, later = map[string]Choice{}, map[string]Choice{}
	written := 0
	for i := range c.Rows {
		item := c.Rows[i].Item
		choice := choices[item.Key]
		if choice == "" || r.Done[item.Key] != "" {
			continue
		}
		if choice == Add || choice == Merge {
			written += 1 + len(item.Parts)
			if written > mostAtOnce && len(now) > 0 {
				later[item.Key] = choice
				continue
			}
		}
		now[item.Key] = choice
	}
	return now, later
}

// has reports whether all that is decided has been decided so before: the form was sent twice.
func (r *Review) has(choices map[string]Choice) bool {
	for key, c := range choices {
		if r.Done[key] != c {
			return false
		}
	}
	return len(choices) > 0
}

// accept adds to a change what a decision writes.
func (c *Comparison) accept(actor *record.Actor, r *Review, document string, dec Decision, change *record.Change) (a Accepted, err error) {
	c.as(document)
	ended := map[string]bool{}   // statements that there are no allergies
	wrote := map[string]string{} // values of panels, by their marks
	c.visits = map[string]*fhir.Node{}
	reason := strings.TrimSpace(dec.Reason)
	if reason == "" {
		reason = r.Reason
	}
	r.Reason = reason
	var targets, others []string
	var puts []record.Put
	for i := range c.Rows {
		row := &c.Rows[i]
		if row.State == Same && row.entry.ResourceType() == "Encounter" {
			c.visits[row.Item.Key] = row.entry
		}
		choice := dec.Choices[row.Item.Key]
		if choice == "" || !row.Decide() || r.Done[row.Item.Key] != "" {
			continue
		}
		if err := row.may(choice); err != nil {
			return a, err
		}
		if choice == Add && slices.ContainsFunc(row.some, func(key string) bool { return dec.Choices[key] == Add }) {
			return a, fault.New(fault.Invalid, "The document says that there is none, and has some. Add the one or the other.").At(row.Item.Key)
		}
		switch choice {
		case Add:
			a.Added++
			for _, n := range c.resources(actor, row, document, wrote) {
				puts = append(puts, record.Put{Resource: n, Create: true})
				targets = append(targets, n.Reference()+"/_history/1")
			}
			for _, p := range c.contradicted(row) {
				if ref := p.Resource.Reference(); !ended[ref] {
					ended[ref] = true
					puts = append(puts, p)
					targets = append(targets, fmt.Sprintf("%s/_history/%d", ref, p.IfMatch+1))
				}
			}
		case Merge:
			a.Merged++
			if p := c.merged(actor, row); p == nil {
				others = append(others, row.Entry)
			} else if i := slices.IndexFunc(puts, func(q record.Put) bool { return q.Resource.Reference() == row.Entry }); i >= 0 {
				c.merge(actor, puts[i].Resource, row) // two items of one entry
			} else {
				puts = append(puts, *p)
				targets = append(targets, fmt.Sprintf("%s/_history/%d", row.Entry, p.IfMatch+1))
			}
		case Ignore:
			a.Ignored++
		case Unsure:
			a.Unsure++
		}
		if choice == Unsure {
			r.Saved[row.Item.Key] = Unsure
			continue
		}
		r.Done[row.Item.Key] = choice
		delete(r.Saved, row.Item.Key)
	}
	if a.Added+a.Merged+a.Ignored+a.Unsure == 0 {
		return a, fault.New(fault.Invalid, "Decide about one item at least.").At("choice")
	}
	if a.Added+a.Merged > 0 && c.Blocks() && !Says(reason) {
		return a, otherPerson()
	}
	if len(targets)+len(others) > 0 {
		p := c.provenance(actor, step{document: document, activity: "accept", reason: reason, targets: targets, others: others})
		a.Batch = p.ID()
		puts = append(puts, record.Put{Resource: p, Create: true})
	}
	a.Left = r.Left(c)
	outcome := ""
	if a.Left == 0 {
		outcome = fmt.Sprintf("%d added, %d merged, %d ignored.", count(r.Done, Add), count(r.Done, Merge), count(r.Done, Ignore))
	}
	t := r.put(actor, c, outcome)
	a.Task = t.Resource.ID()
	change.Put = append(append(change.Put, puts...), t)
	change.Imports = true
	change.Unchanged, change.SeenAt, change.Reason = c.seen.Unchanged, c.seen.SeenAt, reason
	return a, nil
}

// may refuses a choice that the item does not offer.
func (r *Row) may(c Choice) error {
	switch {
	case c == Add && r.State == Against && r.Item.Absent:
		return fault.New(fault.Invalid, "The document says that there is none, and the chart has some: both stand in its row. Nothing was added. Correct the chart by hand, or ignore it.").At(r.Item.Key)
	case c == Add && r.State == Against: // a fault names no diagnosis
		return fault.New(fault.Invalid, "The document denies this, and the chart has it today: both stand in its row. Nothing was added. Correct the chart by hand, or ignore it.").At(r.Item.Key)
	case c == Add && !r.Addable(), c == Merge && !r.Mergeable():
		return fault.New(fault.Forbidden, "Your role may not write this item. Leave it to a physician.").At(r.Item.Key)
	case ParseChoice(string(c)) == "":
		return fault.New(fault.Invalid, "Choose Add, Merge, Ignore or Unsure.").At(r.Item.Key)
	}
	return nil
}

func count(done map[string]Choice, want Choice) (n int) {
	for _, c := range done {
		if c == want {
			n++
		}
	}
	return n
}

// hash tells one decision from another, for its key.
func (d Decision) hash() string {
	var parts []string
	for key, c := range d.Choices {
		parts = append(parts, key+"="+string(c))
	}
	slices.Sort(parts)
	h := sha256.Sum256([]byte(strings.Join(append(parts, d.Reason), "\x00")))
	return hex.EncodeToString(h[:12])
}

// Take files a document and accepts all that is new in it and may be taken in alone, in one change, for migrations
// by who may write all of it; the rest stays on the task, also what is too much for one step (Accepted.More), which the
// next call writes. A document that was filed before is compared anew.
func Take(ctx context.Context, actor *record.Actor, u Upload) (f Filed, a Accepted, c *Comparison, err error) {
	for range attempts {
		f, a, c, err = takeOnce(ctx, actor, u)
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
			break
		}
	}
	return f, a, c, err
}

func takeOnce(ctx context.Context, actor *record.Actor, u Upload) (f Filed, a Accepted, c *Comparison, err error) {
	if c, err = Compare(ctx, actor, u.Patient, u.Read); err != nil {
		return f, a, nil, err
	}
	c.known(ctx, actor, u.Body)
	if c.Blocks() && !Says(u.Reason) {
		return f, a, c, otherPerson()
	}
	var change record.Change
	r := &Review{Document: c.Filed, Patient: u.Patient, Saved: map[string]Choice{}, Done: map[string]Choice{}}
	if c.Filed != "" {
		f = Filed{Document: c.Filed, Before: true}
		if r, err = ReviewOf(ctx, actor, u.Patient, c.Filed); err != nil {
			return f, a, c, err
		}
	} else if change, f.Document, err = c.file(ctx, actor, u); err != nil {
		return f, a, c, err
	}
	r.Document = f.Document
	dec := Decision{Choices: map[string]Choice{}, Reason: u.Reason}
	for i := range c.Rows {
		if row := &c.Rows[i]; c.alone(row) && r.Done[row.Item.Key] == "" {
			dec.Choices[row.Item.Key] = Add
		}
	}
	var later map[string]Choice
	dec.Choices, later = c.portion(r, dec.Choices)
	change.What, change.Imports = "take in a document of another system", true
	if len(dec.Choices) > 0 {
		if a, err = c.accept(actor, r, f.Document, dec, &change); err != nil {
			return f, a, c, err
		}
	} else if !f.Before {
		a.Left = r.Left(c)
		outcome := ""
		if a.Left == 0 {
			outcome = "Nothing in it is new."
		}
		r.Reason = strings.TrimSpace(u.Reason)
		t := r.put(actor, c, outcome)
		a.Task = t.Resource.ID()
		change.Put = append(change.Put, t)
	} else {
		a.Left, a.Task = r.Left(c), r.Task
		return f, a, c, nil
	}
	a.More = len(later) > 0
	a.Result, err = actor.Commit(ctx, change)
	f.Result = a.Result
	return f, a, c, err
}
