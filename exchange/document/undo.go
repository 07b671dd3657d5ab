package document

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Undone is what became of a batch that was taken back.
type Undone struct {
	Back  int      // entries that read as before
	Items int      // of them items of the document: the values of a panel are not counted beside it
	Kept  []string // references of entries that somebody has changed since, and that stay
	// Later is the document, by its id, of which a later step is to be taken back first: see OutOfOrder.
	Later string
	// Result has no token of its own: an undo is not undone, the review begins again.
	Result record.Result
}

// Undo takes a batch back as one act: what it added is marked as entered in error, what it merged reads as
// before. An entry that somebody has changed since stays, and is named; it can be tried again. One that a later
// step of an import has changed, and nobody else, is no reason to go on: that step goes first (OutOfOrder).
// The review of the document begins again. After UndoFor it is fault.Gone. The original need not be readable: d is nil then.
func Undo(ctx context.Context, actor *record.Actor, patient, document, batch string, d *Document) (u Undone, err error) {
	for range attempts {
		u, err = undoOnce(ctx, actor, patient, document, batch, d)
		if !fault.Is(err, fault.Stale) {
			break
		}
	}
	return u, err
}

func undoOnce(ctx context.Context, actor *record.Actor, patient, document, batch string, d *Document) (u Undone, err error) {
	r, err := ReviewOf(ctx, actor, patient, document)
	if err != nil {
		return u, err
	}
	i := slices.IndexFunc(r.Batches, func(b Batch) bool { return b.ID == batch })
	switch {
	case i < 0:
		return u, fault.New(fault.NotFound, "There is no such step of this document.")
	case r.Batches[i].Undone && r.Batches[i].Kept == 0:
		return u, fault.New(fault.Conflict, "This was taken back already.")
	case !r.Batches[i].Undoable(actor.Now()):
		return u, fault.New(fault.Gone, "It is too late to take this back as a whole: 30 days have passed. Change the entries one by one.")
	}
	c, err := r.compare(ctx, actor, d, r.Batches[i].node)
	if err != nil {
		return u, err
	}
	change := record.Change{Imports: true, What: "undo what was accepted from a document", Final: true}
	if err := wrote(ctx, actor, patient, batch, r.Batches[i].targets); err != nil {
		return u, err
	}
	var targets []string
	for _, target := range r.Batches[i].targets {
		p, err := former(ctx, actor, patient, target)
		if err != nil {
			return u, err
		}
		if p == nil {
			if u.Later, err = laterStep(ctx, actor, target); err != nil {
				return u, err
			}
			if u.Later != "" {
				return u, fault.Wrap(errOrder, fault.Conflict, "A later step of an import has changed some of it. Take the later step back first.")
			}
			ref, _, _ := strings.Cut(target, "/_history/")
			u.Kept = append(u.Kept, ref)
			continue
		}
		change.Put = append(change.Put, *p)
		targets = append(targets, fmt.Sprintf("%s/_history/%d", p.Resource.Reference(), p.IfMatch+1))
	}
	u.Back = len(targets)
	u.Items = u.Back - valuesOf(change.Put)
	if u.Back == 0 {
		return u, fault.New(fault.Conflict, "Somebody has changed every entry since; nothing can be taken back as a whole.")
	}
	c.as(document)
	c.reopen(r, i, u.Kept)
	change.Put = append(change.Put, record.Put{Resource: c.provenance(actor, step{document: document, activity: "undo", targets: targets, of: batch}), Create: true}, r.put(actor, c, ""))
	u.Result, err = actor.Commit(ctx, change)
	return u, err
}

// compare holds the document to the chart; with nil, or when its file is another one now, nothing but the labels of a step: what
// was accepted can be taken back though nobody can read any more what it was accepted from.
func (r *Review) compare(ctx context.Context, actor *record.Actor, d *Document, step *fhir.Node) (*Comparison, error) {
	if d != nil {
		c, err := Compare(ctx, actor, r.Patient, d)
		if err != nil || c.Original(r.Document) == nil {
			return c, err
		}
	}
	c, err := Compare(ctx, actor, r.Patient, &Document{Labels: record.Labels(step)})
	if err == nil {
		c.Person = nil
	}
	return c, err
}

// Unreadable is the review of a document whose original cannot be read: nothing to decide, and the steps that can be taken back.
func Unreadable(ctx context.Context, actor *record.Actor, patient, document string) (*Comparison, *Review, error) {
	r, err := ReviewOf(ctx, actor, patient, document)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.compare(ctx, actor, nil, nil)
	return c, r, err
}

// valuesOf is how many entries of a step are parts of others, as the values of a panel are.
func valuesOf(puts []record.Put) (n int) {
	of := map[string]bool{}
	for _, p := range puts {
		for _, name := range []string{"result", "hasMember"} {
			for x := range p.Resource.Get(name).Items() {
				of[x.Get("reference").Text()] = true
			}
		}
	}
	for _, p := range puts {
		if of[p.Resource.Reference()] {
			n++
		}
	}
	return n
}

// errOrder is the cause of the fault about a step that has a later one upon it.
var errOrder = errors.New("a later step goes first")

// OutOfOrder reports whether err says that a later step is to be taken back first.
func OutOfOrder(err error) bool { return errors.Is(err, errOrder) }

// laterStep is the document of the last step of an import on an entry since a write, when all that has changed
// it since is such steps; "" when somebody else has changed it too.
func laterStep(ctx context.Context, actor *record.Actor, target string) (document string, err error) {
	ref, number, _ := strings.Cut(target, "/_history/")
	resourceType, id, _ := strings.Cut(ref, "/")
	from, _ := strconv.ParseInt(number, 10, 64)
	n, err := actor.Read(ctx, resourceType, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	steps, err := actor.Find(ctx, "Provenance", "target="+ref)
	if fault.Is(err, fault.Forbidden) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	by := map[string]*fhir.Node{}
	for _, s := range steps {
		if policy.StepOf(s) != "" {
			for t := range s.Get("target").Items() {
				by[t.Get("reference").Text()] = s
			}
		}
	}
	now, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	for v := now; v > from; v-- {
		s := by[fmt.Sprintf("%s/_history/%d", ref, v)]
		if s == nil {
			return "", nil
		}
		if document == "" && policy.StepOf(s) == "accept" {
			document = strings.TrimPrefix(s.Path("entity.0.what.reference").Text(), "DocumentReference/")
		}
	}
	return document, nil
}

// reopen makes the review of what a batch has decided begin again. What was ignored, what other batches are about,
// and the entries that are kept stay decided.
func (c *Comparison) reopen(r *Review, batch int, kept []string) {
	stays := map[string]bool{}
	for i, b := range r.Batches {
		for _, ref := range b.entries() {
			stays[ref] = stays[ref] || i != batch
		}
	}
	for _, ref := range kept {
		stays[ref] = true
	}
	for key, choice := range r.Done {
		if row, ok := c.Row(key); choice != Ignore && !(ok && stays[row.Entry]) { // of an original that cannot be read there are no rows
			delete(r.Done, key)
		}
	}
}

// former is the Put that takes one write back; nil when somebody has changed the entry since.
func former(ctx context.Context, actor *record.Actor, patient, target string) (*record.Put, error) {
	ref, number, _ := strings.Cut(target, "/_history/")
	resourceType, id, _ := strings.Cut(ref, "/")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fault.New(fault.Internal, "A step of the import names no version.")
	}
	n, err := actor.Read(ctx, resourceType, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	if now != version {
		if same, err := relabelled(ctx, actor, n, resourceType, id, version); !same || err != nil {
			return nil, err
		}
	}
	if version == 1 {
		return &record.Put{Resource: inError(n), IfMatch: now}, nil
	}
	v, err := actor.ReadVersion(ctx, resourceType, id, version-1)
	if err != nil {
		return nil, err
	}
	before, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	before.Set("meta", n.Get("meta").Clone()) // labels are never taken off by an undo
	return &record.Put{Resource: before, IfMatch: now}, nil
}

// relabelled reports whether an entry has got other labels only since a version. What cannot be read is no change
// that somebody has made.
func relabelled(ctx context.Context, actor *record.Actor, n *fhir.Node, resourceType, id string, version int64) (bool, error) {
	v, err := actor.ReadVersion(ctx, resourceType, id, version)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	was, err := fhir.Parse(v.Body)
	if err != nil {
		return false, err
	}
	a, b := was.Clone(), n.Clone()
	a.Remove("meta")
	b.Remove("meta")
	return string(a.JSON()) == string(b.JSON()), nil
}

// inError marks an entry as one that never was.
func inError(n *fhir.Node) *fhir.Node {
	n = n.Clone()
	switch n.ResourceType() {
	case "Condition":
		for _, name := range []string{"clinicalStatus", "abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString"} {
			n.Remove(name) // con-4, con-5
		}
		n.Set("verificationStatus", made(conditionVerification, "entered-in-error", ""))
	case "AllergyIntolerance":
		n.Remove("clinicalStatus") // ait-2
		n.Set("verificationStatus", made("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "entered-in-error", ""))
	case "Goal":
		n.Set("lifecycleStatus", fhir.Str("entered-in-error"))
	default:
		n.Set("status", fhir.Str("entered-in-error"))
	}
	return n
}
