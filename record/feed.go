package record

import (
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Keeper looks after a resource type of which the server owns a part, such as the status of
// a Subscription.
type Keeper interface {
	// Keep is asked for every write of the type, after policy and before validation. It may
	// change after, which is what will be stored, and returns items that are stored in the
	// same commit. before is nil for what is new, after for a delete; a fault refuses the write.
	Keep(ctx context.Context, a *Actor, before, after *fhir.Node) ([]store.ItemWrite, error)
	// Kept is told after a commit that wrote a resource of the type. It must not block.
	Kept()
}

// Keeps sets the Keeper of a type. It is for wiring, before the gate is in use.
func (g *Gate) Keeps(resourceType string, k Keeper) {
	if g.keepers == nil {
		g.keepers = map[string]Keeper{}
	}
	g.keepers[resourceType] = k
}

// kept asks the Keeper of a type, if there is one, and remembers what is to be stored.
func (b *builder) kept(ctx context.Context, resourceType string, before, after *fhir.Node) error {
	k := b.actor.gate.keepers[resourceType]
	if k == nil {
		return nil
	}
	items, err := k.Keep(ctx, b.actor, before, after)
	b.keep = append(b.keep, items...)
	return err
}

// Changed returns a channel that is closed at the next commit of this process that changes
// a resource. Whoever follows Changes takes the channel first and reads then.
func (g *Gate) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// announce wakes those who wait for a change.
func (g *Gate) announce() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// watched is a store in which other processes commit too: it calls f when they may have.
type watched interface{ Watch(f func()) }

// Follow takes over what other processes commit until ctx ends: it wakes those who wait for
// changes, and forgets what a change has made wrong. A store of one process needs none.
func (g *Gate) Follow(ctx context.Context) {
	s, ok := g.lean.(watched)
	if !ok {
		return
	}
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	s.Watch(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	at := store.T(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		next, err := g.catchUp(ctx, at)
		if err == nil {
			at = next
			continue
		}
		select { // the store does not answer: it will be asked again
		case <-ctx.Done():
		case <-time.After(followAgain):
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}

const (
	// followAgain is how long Follow waits after a failure.
	followAgain = time.Second
	// followPage is how many versions it reads at a time.
	followPage = 200
)

// catchUp takes over the commits after a T. At the beginning, and when the record went back
// to an older state, it forgets whatever is cached.
func (g *Gate) catchUp(ctx context.Context, at store.T) (store.T, error) {
	now, err := g.lean.Now(ctx)
	if err != nil {
		return at, err
	}
	if at < 0 || now < at {
		defer g.hold(true)()
		g.listed.forget()
		g.shelf.Store(nil)
		g.parameters.registry.Store(nil)
		g.announce()
		return now, nil
	}
	for {
		versions, upTo, err := g.lean.Changes(ctx, at, followPage)
		if err != nil || upTo == at {
			return at, err
		}
		writes := make([]store.Write, len(versions))
		for i, v := range versions {
			writes[i] = store.Write{Type: v.Type, ID: v.ID, Version: v.Version, Deleted: v.Deleted, Body: v.Body}
		}
		g.takeOver(ctx, writes)
		at = upTo
	}
}

// takeOver is what follows from writes of another process. Whoever is extracting entries by
// the old rules is waited for.
func (g *Gate) takeOver(ctx context.Context, writes []store.Write) {
	if slices.ContainsFunc(writes, func(w store.Write) bool { return w.Type == typeParameter }) {
		defer g.hold(true)()
	}
	g.reshelve(writes)
	g.committed(ctx, writes)
}

// settle is how long new rules wait for the other processes to have heard of them, before
// what is stored is indexed by them: what is written since must come with entries of the same
// rules (store.Indexing). A commit is told of within milliseconds.
const settle = 2 * time.Second

// commit hands a Changeset to the store and tells who waits for changes.
func (g *Gate) commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	receipt, err := g.store.Commit(ctx, c)
	if err == nil {
		g.reshelve(c.Writes)
	}
	if err != nil || len(c.Writes) == 0 {
		return receipt, err
	}
	if _, shared := g.lean.(watched); shared && slices.ContainsFunc(c.Writes, func(w store.Write) bool { return w.Type == typeParameter }) {
		select {
		case <-ctx.Done():
		case <-time.After(settle):
		}
	}
	g.committed(ctx, c.Writes)
	return receipt, nil
}

// committed tells of writes that are stored.
func (g *Gate) committed(ctx context.Context, writes []store.Write) {
	if len(writes) == 0 {
		return
	}
	if slices.ContainsFunc(writes, func(w store.Write) bool { return slices.Contains(decisive, w.Type) }) {
		g.verdicts.forget()
	}
	g.ruled(ctx, writes)
	g.announce()
	for resourceType, k := range g.keepers {
		if slices.ContainsFunc(writes, func(w store.Write) bool { return w.Type == resourceType }) {
			k.Kept()
		}
	}
}

// Shows returns a version as the actor sees it, if it may see and list it: itself, and what its
// resource is now, as for every read of a version. To be told of what one did not name is to list
// it. It writes no leaf: it is for background work that asks before it discloses, and that writes
// the leaf with Disclose when it does.
func (a *Actor) Shows(ctx context.Context, v store.Version) (shown store.Version, ok bool, err error) {
	j, err := a.judge(ctx)
	if err != nil {
		return store.Version{}, false, err
	}
	j.listing = true
	if _, err = j.current(ctx, v.Type, v.ID); err == nil {
		err = j.sees(ctx, v)
	}
	if fault.Is(err, fault.NotFound) {
		return store.Version{}, false, nil
	}
	shown, err = a.masked(v, err)
	return shown, err == nil, err
}

// Disclose writes the leaf of versions that leave the house without being asked for, such as
// a notification, together with items. Nothing may leave before it has returned.
func (a *Actor) Disclose(ctx context.Context, what string, versions []store.Version, items ...store.ItemWrite) error {
	l := a.leaf(ledger.Export, "")
	if len(versions) == 0 {
		l.Action = ledger.Keep
	}
	l.Query, l.Count = what, len(versions)
	for _, v := range versions {
		addPatient(l, v.Patient)
		l.Versions = append(l.Versions, named(v, false))
	}
	_, err := a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: items})
	return err
}
