package record

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// The spaces of store items that record owns.
const (
	spaceDraft = "draft" // key: principal id / draft key
	spaceUndo  = "undo"  // key: undo token
	spaceOnce  = "once"  // key: principal id / idempotency key
)

// onceFor is how long an idempotency key is remembered.
const onceFor = 24 * time.Hour

// done is what the store remembers of a change, to undo or to repeat its answer.
type done struct {
	Made   time.Time   `json:"made"`
	Writes []doneWrite `json:"writes"`
	Draft  *doneDraft  `json:"draft,omitempty"` // the draft that the change dropped
	Undo   string      `json:"undo,omitempty"`
}

func (d done) draftKey() string {
	if d.Draft == nil {
		return ""
	}
	return d.Draft.Key
}

type doneWrite struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Former  int64  `json:"former,omitempty"` // version with the content before; 0: there was none
}

type doneDraft struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"` // the stored form
}

// items adds to a changeset what lets it be undone and repeated, and drops its draft. It
// returns the undo token; background work and what is final have none.
func (b *builder) items(ctx context.Context, set *store.Changeset) (string, error) {
	a, c := b.actor, b.change
	d := done{Made: b.now}
	patient := b.patient()
	for i, w := range b.writes[:len(b.writes)-len(b.taken)] {
		d.Writes = append(d.Writes, doneWrite{w.Type, w.ID, w.Version, b.former[i]})
	}
	if c.Drop != "" {
		item, err := a.gate.store.Item(ctx, spaceDraft, a.draftKey(c.Drop))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
		if err == nil {
			d.Draft = &doneDraft{c.Drop, item.Value}
			patient = cmp.Or(item.Patient, patient)
			set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: spaceDraft, Key: item.Key}, Delete: true, IfVersion: -1})
		}
	}
	if a.principal.Role != trust.SystemRole && !c.Final && len(d.Writes) > 0 {
		d.Undo = ident.Secret()
		value, err := json.Marshal(d)
		if err != nil {
			return "", err
		}
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: spaceUndo, Key: d.Undo, Owner: a.principal.ID, Patient: patient, Value: value,
			Expires: b.now.Add(UndoWindow)}})
	}
	if c.Key != "" {
		value, err := json.Marshal(done{Made: d.Made, Writes: d.Writes, Undo: d.Undo})
		if err != nil {
			return "", err
		}
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: spaceOnce, Key: a.onceKey(c.Key), Owner: a.principal.ID, Patient: b.patient(), Value: value,
			Expires: b.now.Add(onceFor)}})
	}
	return d.Undo, nil
}

// patient returns the patient whom a change is about; "" when it is about several, or none.
func (b *builder) patient() (one string) {
	for _, p := range b.patients {
		if p == "" || p == one {
			continue
		}
		if one != "" {
			return ""
		}
		one = p
	}
	return one
}

func (a *Actor) onceKey(key string) string { return a.principal.ID + "/" + key }

// repeated returns the result of an earlier change with the same key, if there is one.
func (a *Actor) repeated(ctx context.Context, key string) (Result, bool, error) {
	if key == "" {
		return Result{}, false, nil
	}
	item, err := a.gate.store.Item(ctx, spaceOnce, a.onceKey(key))
	if fault.Is(err, fault.NotFound) {
		return Result{}, false, nil
	}
	if err != nil {
		return Result{}, false, err
	}
	var d done
	if err := json.Unmarshal(item.Value, &d); err != nil {
		return Result{}, false, err
	}
	r := Result{Repeated: true, Undo: d.Undo}
	for _, w := range d.Writes {
		v, err := a.gate.store.ReadVersion(ctx, w.Type, w.ID, w.Version)
		if err != nil {
			return Result{}, false, err
		}
		r.T, r.Versions = v.T, append(r.Versions, v)
	}
	return r, true, nil
}

// Undo files the retraction of an earlier change of the same principal: created resources
// are deleted, updated ones get their former content as a new version, and a draft that the
// change dropped comes back. It fails with fault.Gone after the window and with
// fault.Conflict when someone has written since.
func (a *Actor) Undo(ctx context.Context, token string) error {
	d, err := a.undoable(ctx, token)
	if err != nil {
		return err
	}
	defer a.gate.hold(slices.ContainsFunc(d.Writes, func(w doneWrite) bool { return w.Type == typeParameter }))()
	b := &builder{actor: a, now: a.Now(), seen: map[string]bool{}, change: Change{What: "undo"}}
	for _, w := range d.Writes {
		b.change.Delete = append(b.change.Delete, Delete{Type: w.Type, ID: w.ID})
	}
	for _, w := range d.Writes {
		if err := b.takeBack(ctx, w); err != nil {
			return err
		}
	}
	set := store.Changeset{Writes: b.writes, Leaf: b.leaf(), Items: []store.ItemWrite{
		{Item: store.Item{Space: spaceUndo, Key: token}, Delete: true, IfVersion: 1}}}
	if _, err := a.Draft(ctx, d.draftKey()); d.Draft != nil && fault.Is(err, fault.NotFound) {
		patient, err := a.about(ctx, d.Draft.Key)
		if err != nil {
			return err
		}
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: spaceDraft, Key: a.draftKey(d.Draft.Key), Owner: a.principal.ID, Patient: patient, Value: d.Draft.Value}})
	}
	_, err = a.gate.commit(ctx, set)
	if fault.Is(err, fault.Stale) {
		return written()
	}
	return err
}

func (a *Actor) undoable(ctx context.Context, token string) (done, error) {
	late := fault.New(fault.Gone, "It is too late to undo this; change or delete the entry instead.")
	if a.at != 0 || token == "" {
		return done{}, late
	}
	item, err := a.gate.store.Item(ctx, spaceUndo, token)
	if fault.Is(err, fault.NotFound) || err == nil && item.Owner != a.principal.ID {
		return done{}, late
	}
	if err != nil {
		return done{}, err
	}
	var d done
	if err := json.Unmarshal(item.Value, &d); err != nil {
		return done{}, err
	}
	if a.Now().After(d.Made.Add(UndoWindow)) {
		return done{}, late
	}
	return d, nil
}

func written() error {
	return fault.New(fault.Conflict, "Somebody has changed the entry since; it cannot be undone.")
}

// takeBack prepares the retraction of one write.
func (b *builder) takeBack(ctx context.Context, w doneWrite) error {
	s := b.actor.gate.lean // what names a content names it again
	current, err := s.Read(ctx, w.Type, w.ID, 0)
	if err != nil {
		return err
	}
	if current.Version != w.Version {
		return written()
	}
	b.patients = append(b.patients, current.Patient)
	if w.Former == 0 {
		if err := b.emptyChart(ctx, current); err != nil {
			return written()
		}
		b.add(store.Write{Type: w.Type, ID: w.ID, Version: w.Version + 1, Updated: b.now, Patient: current.Patient, Deleted: true}, w.Version)
		return nil
	}
	former, err := s.ReadVersion(ctx, w.Type, w.ID, w.Former)
	if err != nil {
		return err
	}
	r, err := fhir.Parse(former.Body)
	if err != nil {
		return err
	}
	stamp(r, w.Version+1, b.now)
	return b.unasked(ctx, r, former.Patient, w.Version)
}
