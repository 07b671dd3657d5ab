package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Commit is one commit of the feed, as a Consumer is told of it.
type Commit struct {
	Versions []store.Version // in the order of type and id
	// Leaf reads its entry in the audit log, once: who wrote, by which door, and when.
	Leaf  func() (ledger.Leaf, error)
	store store.Store
}

// First returns the entry of the audit log of the commit that created a resource, for what has
// to be told from where something came; fault.NotFound when it never existed.
func (c Commit) First(ctx context.Context, resourceType, id string) (ledger.Leaf, error) {
	v, err := c.store.ReadVersion(ctx, resourceType, id, 1)
	if err != nil {
		return ledger.Leaf{}, err
	}
	return leafOf(ctx, c.store, v.T)
}

// Consumer is work of the house itself that follows from what is written: it is told of every
// commit with a resource of its types, in order and at least once. Its position is kept in the
// record, so that it goes on after a restart where it stopped.
//
// Each process that shares a record runs it, and what was under way when one was killed is told
// again: Do must do nothing twice. What fails is repeated until it succeeds, and holds up what
// comes after it; what can never succeed Do has to give up itself.
type Consumer struct {
	// Name is under which the position is kept; a new one begins at the present.
	Name  string
	Types []string
	// After is how old a commit has to be.
	After time.Duration
	Do    func(ctx context.Context, c Commit) error
}

// gather is how long a Consumer waits after something was written: what comes with it is read
// together, and whoever writes much does not share the processors with it all the time.
const gather = 50 * time.Millisecond

// spaceConsumer is the space of the positions of Consumers.
const spaceConsumer = "consumer"

// Begin makes sure that a Consumer misses nothing that is written after it returns, however late
// Consume is called. It is for a start, before anybody can write.
func (w *Watcher) Begin(ctx context.Context, c Consumer) error {
	f := &follower{w: w, Consumer: c}
	if err := f.load(ctx); err != nil {
		return err
	}
	now, err := w.Store.Now(ctx)
	if err != nil {
		return err
	}
	switch {
	case f.version == 0:
	case f.at > now: // the record was restored to a moment before
		f.scanned++ // to be stored
	default:
		return nil
	}
	f.at = now
	err = f.save(ctx)
	if fault.Is(err, fault.Conflict) { // another process has begun
		return nil
	}
	return err
}

// Consume runs a Consumer until ctx ends.
func (w *Watcher) Consume(ctx context.Context, c Consumer) {
	for ctx.Err() == nil {
		f := &follower{w: w, Consumer: c}
		err := calmly(func() error { return f.follow(ctx) })
		if ctx.Err() != nil {
			if f.version == 0 { // it was not even read
				return
			}
			if err := f.save(context.WithoutCancel(ctx)); err != nil && !fault.Is(err, fault.Conflict) {
				w.Log.Warn("the position of background work is not stored", "work", c.Name, "error", err)
			}
			return
		}
		wait := pause
		if fault.Is(err, fault.Conflict) { // another process has moved the position
			wait = 50 * time.Millisecond
		} else {
			w.Log.Error("background work is held up", "work", c.Name, "error", err)
		}
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// follower is a Consumer at work.
type follower struct {
	w *Watcher
	Consumer
	at      store.T // all commits up to it are done
	version int64   // of the item that holds the position
	scanned int     // changes since the position was stored
	saved   time.Time
}

// follow loads the position and works until something fails.
func (f *follower) follow(ctx context.Context) error {
	if err := f.w.Begin(ctx, f.Consumer); err != nil {
		return err
	}
	if err := f.load(ctx); err != nil {
		return err
	}
	for {
		changed := f.w.Gate.Changed()
		p, err := f.w.house.page(ctx, f.at)
		if err != nil {
			return err
		}
		wait, err := f.page(ctx, p)
		if err != nil {
			return err
		}
		if f.scanned >= saveAfter || f.scanned > 0 && time.Since(f.saved) >= saveEvery {
			if err := f.save(ctx); err != nil {
				return err
			}
		}
		if wait == 0 && p.upTo > p.after {
			continue
		}
		if wait > 0 { // what comes is younger still
			changed = nil
		}
		if err := f.idle(ctx, changed, cmp.Or(wait, f.w.Poll)); err != nil {
			return err
		}
	}
}

// load reads the position; none has the version 0.
func (f *follower) load(ctx context.Context) error {
	item, err := f.w.Store.Item(ctx, spaceConsumer, f.Name)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(item.Value, &f.at); err != nil {
		return fmt.Errorf("watch: the position of %s: %w", f.Name, err)
	}
	f.version, f.saved = item.Version, time.Now()
	return nil
}

// page works off a page. It returns how long to wait for the next commit, when that is too young.
func (f *follower) page(ctx context.Context, p *page) (time.Duration, error) {
	for rest := p.changes; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].T == rest[0].T {
			n++
		}
		if young := f.After - f.w.Clock.Now().Sub(rest[0].Updated); f.After > 0 && young > 0 {
			return min(young, f.w.Poll), nil
		}
		if err := f.commit(ctx, rest[:n]); err != nil {
			return 0, err
		}
		f.at, f.scanned, rest = rest[0].T, f.scanned+n, rest[n:]
	}
	f.at = max(f.at, p.upTo)
	return 0, nil
}

func (f *follower) commit(ctx context.Context, changes []*change) error {
	if !slices.ContainsFunc(changes, func(c *change) bool { return slices.Contains(f.Types, c.Type) }) {
		return nil
	}
	c := Commit{store: f.w.Store}
	for _, one := range changes {
		c.Versions = append(c.Versions, one.Version)
	}
	c.Leaf = sync.OnceValues(func() (ledger.Leaf, error) { return leafOf(ctx, f.w.Store, changes[0].T) })
	return f.Do(ctx, c)
}

// leafOf returns the audit entry of a commit.
func leafOf(ctx context.Context, s store.Store, t store.T) (ledger.Leaf, error) {
	found, err := s.Leaves(ctx, store.LeafFilter{Before: int64(t), Limit: 1, Scan: 1, Reached: new(int64)})
	if err != nil {
		return ledger.Leaf{}, err
	}
	if len(found) != 1 || found[0].Index != int64(t)-1 {
		return ledger.Leaf{}, fault.New(fault.Internal, "The audit log has no entry for commit %d. Run the audit verification.", t)
	}
	return found[0].Leaf, nil
}

// save stores the position, unless it has not moved. Another process that runs the same work has
// stored its own meanwhile: then it is fault.Conflict.
func (f *follower) save(ctx context.Context) error {
	if f.version > 0 && f.scanned == 0 {
		return nil
	}
	value, err := json.Marshal(f.at)
	if err != nil {
		return err
	}
	item := store.ItemWrite{IfVersion: f.version, Item: store.Item{Space: spaceConsumer, Key: f.Name, Value: value}}
	if err := f.w.Gate.As(trust.System(f.Name), f.Name).Disclose(ctx, "position of "+f.Name, nil, item); err != nil {
		return err
	}
	f.version++
	f.saved, f.scanned = time.Now(), 0
	return nil
}

func (f *follower) idle(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-changed:
		return sleep(ctx, gather)
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// calmly turns a panic of the work into an error: it must not end the server.
func calmly(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("watch: panic: %v", p)
		}
	}()
	return work()
}
