package record

import (
	"context"
	"log/slog"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// rotating returns the store as one that changes its keys.
func (g *Gate) rotating() (store.Rotating, error) {
	r, ok := g.lean.(store.Rotating)
	if !ok {
		return nil, fault.New(fault.NotSupported, "This record cannot change its keys.")
	}
	return r, nil
}

// keysByAdministrators refuses everybody else.
func (a *Actor) keysByAdministrators() error {
	if r := a.principal.Role; r != trust.Administrator && r != trust.SystemRole {
		return fault.New(fault.Forbidden, "Administrators look after the keys of the record.")
	}
	return nil
}

// KeyState returns how old the keys are that protect patients' data, and how far a change has come.
func (a *Actor) KeyState(ctx context.Context) (store.KeyState, error) {
	if err := a.keysByAdministrators(); err != nil {
		return store.KeyState{}, err
	}
	r, err := a.gate.rotating()
	if err != nil {
		return store.KeyState{}, err
	}
	return r.KeyState(ctx)
}

// LastShred returns when the keys of a patient were destroyed last, as the audit log tells it; zero
// when it tells of none.
func (a *Actor) LastShred(ctx context.Context) (time.Time, error) {
	if err := a.keysByAdministrators(); err != nil {
		return time.Time{}, err
	}
	found, err := a.gate.store.Leaves(ctx, store.LeafFilter{Mark: ledger.MarkAction(ledger.Shred), Limit: 1})
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0].Leaf.Time, nil
}

// spaceOpened holds when what opens the record was met first, by its mark.
const spaceOpened = "opened-by"

// OpenedBy returns since when this record knows of what opens it (seal.Envelope). One that it does not
// know is noted, and told in the audit log. It may have been made before: the envelope has no date.
func (a *Actor) OpenedBy(ctx context.Context, mark, kind string) (since time.Time, err error) {
	if err := a.keysByAdministrators(); err != nil {
		return since, err
	}
	item, err := a.gate.lean.Item(ctx, spaceOpened, mark)
	if err == nil {
		return since, since.UnmarshalText(item.Value)
	}
	if !fault.Is(err, fault.NotFound) {
		return since, err
	}
	since = a.Now()
	value, err := since.MarshalText()
	if err != nil {
		return since, err
	}
	l := a.leaf(ledger.Keep, "")
	l.Query = "the record is opened by what it did not know before: " + kind
	_, err = a.gate.lean.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: spaceOpened, Key: mark, Value: value}}}})
	return since, err
}

// ChangeKeys makes a new key-encryption key, and begins to give each patient a new data key.
// KeepKeys does the work. While a change is under way another one is fault.Conflict.
func (a *Actor) ChangeKeys(ctx context.Context) error {
	if err := a.keysByAdministrators(); err != nil {
		return a.refused(ctx, err, "change keys", "", "", "")
	}
	r, err := a.gate.rotating()
	if err != nil {
		return err
	}
	_, changing, err := r.KeysDue(ctx)
	if err != nil {
		return err
	}
	if changing {
		return fault.New(fault.Conflict, "The keys are being changed already. It goes on by itself, and another change can begin when it is through.")
	}
	l := a.leaf(ledger.Keep, "")
	l.Query = "new key-encryption key, and new data keys of all patients"
	if _, err := a.gate.lean.Commit(ctx, store.Changeset{Leaf: l}); err != nil {
		return err
	}
	if err := r.NewWrap(ctx); err != nil {
		return err
	}
	if err := r.NewDataKeys(ctx); err != nil {
		return err
	}
	select {
	case a.gate.changing <- struct{}{}:
	default:
	}
	return nil
}

// WorkOnKeys does the next piece of a change of keys; done says that nothing is left to do.
func (g *Gate) WorkOnKeys(ctx context.Context) (done bool, err error) {
	r, err := g.rotating()
	if err != nil {
		return true, err
	}
	if _, changing, err := r.KeysDue(ctx); err != nil || !changing {
		return err == nil, err
	}
	if done, err := r.Rewrap(ctx); err != nil || !done {
		return false, err
	}
	return r.Renew(ctx)
}

// changeOld begins a change of keys when the present one is older than a time.
func (a *Actor) changeOld(ctx context.Context, than time.Duration) (begun bool, err error) {
	r, err := a.gate.rotating()
	if err != nil {
		return false, err
	}
	made, _, err := r.KeysDue(ctx)
	if err != nil || a.gate.clock.Now().Sub(made) <= than {
		return false, err
	}
	return true, a.ChangeKeys(ctx)
}

const (
	// keysEvery is how often KeepKeys looks whether another process, or the calendar, has begun a
	// change of keys.
	keysEvery = time.Minute
	// keysRest is how many times as long as it works KeepKeys rests, so that a change of keys takes
	// a tenth of the machine: 1,000,000 patients have their new keys in days.
	keysRest = 9
)

// KeepKeys works on changes of keys until ctx ends, beside everything else, and begins one when
// the key-encryption key is older than a time, unless that is 0.
func (g *Gate) KeepKeys(ctx context.Context, every time.Duration, log *slog.Logger) {
	if _, err := g.rotating(); err != nil {
		return
	}
	system := g.As(trust.System("keys"), "gate")
	for ctx.Err() == nil {
		began := time.Now()
		done, err := g.WorkOnKeys(ctx)
		if err == nil && done && every > 0 {
			if begun, failed := system.changeOld(ctx, every); failed != nil {
				err = failed
			} else if begun {
				log.Info("the keys are being changed, as they are older than asked for")
				continue
			}
		}
		rest := max(keysRest*time.Since(began), 20*time.Millisecond)
		if err != nil || done {
			rest = keysEvery
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("the change of keys does not go on; the next try is in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-g.changing:
		case <-time.After(rest):
		}
	}
}
