package record

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Labels are set when something is written. Two things make those of what is stored wrong: a
// new edition of the rules, and a label that a resource gets later, which what derives from it
// must have too. Both are made good in the background: the whole record once for an edition,
// and charts that wait in the store since the commit that gave the label. Labels are only
// added; taking one off is a person's act.

// Where the state of the work is kept, and the charts that wait.
const (
	spaceRelabel = "relabel"
	keyEdition   = "edition"
	waitingChart = "chart/" // and its patient; alone for what lives in no chart: everything may derive from that
	waitingFiles = "files"  // files without a home were imported
)

// Labelling says how far the labels of the record are.
type Labelling struct {
	Edition string    `json:"edition,omitempty"` // of the rules by which all of it was labelled
	Looked  int       `json:"looked,omitempty"`  // resources looked at for the edition, or so far
	Changed int       `json:"changed,omitempty"` // resources that got labels
	Left    int       `json:"left,omitempty"`    // resources that could not be written
	At      time.Time `json:"at,omitzero"`
	// Running says that the record is being gone through.
	Running bool `json:"running,omitempty"`
	// Waiting is how many charts wait.
	Waiting int `json:"-"`
}

// inherited returns the labels of what something derives from: in this change, or stored.
func (b *builder) inherited(ctx context.Context, reference string) ([]string, error) {
	if labels, known := b.lent[reference]; known {
		return labels, nil
	}
	if b.lent == nil {
		b.lent = map[string][]string{}
	}
	b.lent[reference] = nil // a circle ends here
	t, id := target(reference)
	if t == "" {
		return nil, nil
	}
	var labels []string
	if b.seen[reference] {
		if b.places == nil {
			b.places = make(map[string]int, len(b.pending))
			for i, q := range b.pending {
				b.places[q.resource.Reference()] = i
			}
		}
		if i, put := b.places[reference]; put { // not deleted
			var err error
			if labels, _, err = b.labels(ctx, b.pending[i].before, b.pending[i].resource); err != nil {
				return nil, err
			}
		}
	} else {
		v, err := b.actor.gate.lean.Read(ctx, t, id, 0)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil && !v.Deleted {
			labels = labelsOf(v.Body)
		}
	}
	labels = slices.DeleteFunc(slices.Clone(labels), func(l string) bool {
		known, ok := policy.LabelOf(l)
		return !ok || known.Chart
	})
	b.lent[reference] = labels
	return labels, nil
}

// spread lets what derives from a resource wait for a label that the resource gets now.
func (b *builder) spread(before, r *fhir.Node, labels []string) {
	had := codesIn(before, "security", policy.LabelSystem)
	if before == nil || !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(had, l) }) {
		return
	}
	b.waits(chartOf(r))
}

// labelling reads the state of the work.
func (g *Gate) labelling(ctx context.Context) (l Labelling, waiting []store.Item, err error) {
	items, err := g.store.Items(ctx, spaceRelabel, "")
	if err != nil {
		return l, nil, err
	}
	for _, i := range items {
		if i.Key != keyEdition {
			waiting = append(waiting, i)
			continue
		}
		if err := json.Unmarshal(i.Value, &l); err != nil {
			l = Labelling{} // it is done again
		}
	}
	l.Waiting = len(waiting)
	return l, waiting, nil
}

// Labelling tells staff how far the labels of the record are.
func (a *Actor) Labelling(ctx context.Context) (Labelling, error) {
	if !a.principal.Staff() {
		return Labelling{}, a.refused(ctx, fault.New(fault.Forbidden, "How the clinic is set up is for its staff."), policy.Read, "", "", "")
	}
	l, _, err := a.gate.labelling(ctx)
	return l, err
}

// Relabel brings the labels of what is stored up to date, as far as they are not. It can be
// stopped at any time and goes on when it is called again.
func (g *Gate) Relabel(ctx context.Context) (Labelling, error) {
	state, waiting, err := g.labelling(ctx)
	if err != nil {
		return state, err
	}
	w := &relabelling{gate: g, actor: g.As(trust.System("labels"), "labels"), state: state}
	if state.Edition != label.Edition() {
		w.state = Labelling{Running: true}
		if err := w.files(ctx); err != nil {
			return w.state, err
		}
		if err := w.record(ctx); err != nil {
			return w.state, err
		}
		w.state = Labelling{Edition: label.Edition(), Looked: w.state.Looked, Changed: w.state.Changed, Left: w.state.Left, At: g.clock.Now()}
		if err := w.save(ctx, "labels: the whole record was gone through"); err != nil {
			return w.state, err
		}
	}
	for _, item := range waiting {
		chart, isChart := strings.CutPrefix(item.Key, waitingChart)
		switch {
		case !isChart:
			err = w.files(ctx)
			chart = ""
		case chart == "":
			err = w.record(ctx)
		default:
			err = w.chart(ctx, chart)
		}
		if err != nil {
			return w.state, err
		}
		l := w.actor.leaf(ledger.Keep, "", chart)
		l.Query = "labels: what derives from a labelled entry was gone through"
		_, err := g.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{Item: store.Item{Space: spaceRelabel, Key: item.Key}, Delete: true, IfVersion: item.Version}}})
		if err != nil && !fault.Is(err, fault.Conflict) { // it waits anew: something has come since
			return w.state, err
		}
	}
	return w.state, nil
}

// relabelling is the work on a record or a chart.
type relabelling struct {
	gate  *Gate
	actor *Actor
	state Labelling
	told  time.Time
}

// Limits of the work.
const (
	relabelBatch  = 50 // resources in a commit, of one patient
	relabelPasses = 8  // what derives from what derives from it, and so on
	relabelTold   = time.Second
)

func (w *relabelling) record(ctx context.Context) error {
	return w.passes(ctx, func() iter.Seq2[store.Version, error] { return w.gate.lean.All(ctx, nil, 0) })
}

func (w *relabelling) chart(ctx context.Context, patient string) error {
	return w.passes(ctx, func() iter.Seq2[store.Version, error] { return w.gate.lean.Compartment(ctx, patient, nil, 0) })
}

// passes goes through it until nothing changes any more.
func (w *relabelling) passes(ctx context.Context, versions func() iter.Seq2[store.Version, error]) error {
	for range relabelPasses {
		before := w.state.Changed
		w.state.Looked, w.state.Left = 0, 0
		if err := w.pass(ctx, versions()); err != nil {
			return err
		}
		if w.state.Changed == before {
			break
		}
	}
	return nil
}

// pass looks at versions and writes those that need other labels.
func (w *relabelling) pass(ctx context.Context, versions iter.Seq2[store.Version, error]) error {
	b := &builder{actor: w.actor, now: w.gate.clock.Now()}
	var batch []Put
	patient := ""
	for v, err := range versions {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if len(batch) > 0 && (v.Patient != patient || len(batch) >= relabelBatch) {
			if err := w.write(ctx, batch); err != nil {
				return err
			}
			batch, b.lent, b.files, b.charts = nil, nil, nil, nil
		}
		if v.Patient != patient {
			patient, b.lent, b.births, b.files, b.charts = v.Patient, nil, nil, nil, nil
		}
		w.state.Looked++
		put, needed, err := b.relabelled(ctx, v)
		if err != nil {
			return err
		}
		if needed {
			batch = append(batch, put)
		}
		if err := w.tell(ctx); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return w.write(ctx, batch)
}

// relabelled returns a stored version with the labels that it needs, when it lacks some.
func (b *builder) relabelled(ctx context.Context, v store.Version) (Put, bool, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return Put{}, false, err
	}
	labels, without, err := b.labels(ctx, r, r)
	if err != nil {
		return Put{}, false, err
	}
	had := codesIn(r, "security", policy.LabelSystem)
	if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(had, l) }) {
		return Put{}, false, nil
	}
	setLabels(r, labels, without, codesIn(r, "tag", policy.GlassSystem), codesIn(r, "tag", policy.CarerSystem))
	return Put{Resource: r, IfMatch: v.Version}, true, nil
}

// write stores labels. What somebody has changed meanwhile was labelled by that; what cannot
// be stored under the rules of today is left as it is, and counted.
func (w *relabelling) write(ctx context.Context, batch []Put) error {
	_, err := w.actor.Commit(ctx, Change{Put: batch, What: "labels brought up to date", Dangling: true, handed: true, relabels: true})
	switch {
	case err == nil:
		w.state.Changed += len(batch)
		return nil
	case fault.Is(err, fault.Unavailable) || ctx.Err() != nil:
		return err
	case len(batch) == 1:
		if !fault.Is(err, fault.Stale) && !fault.Is(err, fault.Conflict) {
			w.state.Left++
		}
		return nil
	}
	for _, p := range batch {
		if err := w.write(ctx, []Put{p}); err != nil {
			return err
		}
	}
	return nil
}

// tell stores how far the work on a new edition is, now and then.
func (w *relabelling) tell(ctx context.Context) error {
	if !w.state.Running || time.Since(w.told) < relabelTold {
		return nil
	}
	return w.save(ctx, "labels: the record is being gone through")
}

func (w *relabelling) save(ctx context.Context, what string) error {
	w.told = time.Now()
	value, err := json.Marshal(w.state)
	if err != nil {
		return err
	}
	l := w.actor.leaf(ledger.Keep, "")
	l.Query = what
	_, err = w.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: spaceRelabel, Key: keyEdition, Value: value}}}})
	return err
}

// relabelEvery is how often charts are looked for that another process has let wait, or that
// could not be done.
const relabelEvery = time.Minute

// FollowLabels keeps the labels of the record up to date until ctx ends. failed is told what
// went wrong; the work is tried again.
func (g *Gate) FollowLabels(ctx context.Context, failed func(error)) {
	for {
		if _, err := g.Relabel(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-g.unlabelled:
		case <-time.After(relabelEvery):
		}
	}
}

// wait wakes FollowLabels when a commit has let charts wait.
func (g *Gate) wait(keep []store.ItemWrite) {
	if slices.ContainsFunc(keep, func(w store.ItemWrite) bool { return w.Space == spaceRelabel }) {
		select {
		case g.unlabelled <- struct{}{}:
		default:
		}
	}
}
