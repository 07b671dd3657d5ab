package identity

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// What goes wrong at the hospital's sign-in is kept for the administrator; the visitor reads a
// sentence that tells a stranger nothing.
const (
	keyTrouble   = "trouble"
	troubleKept  = 10
	troubleEvery = time.Minute // for one cause: strangers can make answers that are refused
	troubleMost  = 300         // bytes of one
)

// SingleTrouble is one thing that went wrong at the hospital's sign-in.
type SingleTrouble struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// NoteSingle keeps what went wrong at the hospital's sign-in, the newest ten causes, and writes it
// into the audit log; of one cause, at most once a minute.
func (a *Accounts) NoteSingle(ctx context.Context, what string) error {
	if len(what) > troubleMost {
		what = what[:troubleMost]
	}
	return again(func() error {
		list, version, err := a.troubles(ctx)
		if err != nil {
			return err
		}
		now := a.clock.Now()
		if at := slices.IndexFunc(list, func(t SingleTrouble) bool { return t.What == what }); at >= 0 {
			if now.Sub(list[at].At) < troubleEvery && !a.rewound(list[at].At) {
				return nil
			}
			list = slices.Delete(list, at, at+1)
		}
		list = append([]SingleTrouble{{now, what}}, list...)
		w, err := write(spaceSingle, keyTrouble, keyTrouble, list[:min(len(list), troubleKept)], time.Time{}, version)
		if err != nil {
			return err
		}
		leaf := a.leaf(trust.Principal{ID: "unknown"}, ledger.SignIn, byProvider+": "+what, "")
		leaf.Outcome = string(fault.Unauthorized)
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf})
		return err
	})
}

// SingleTroubles returns what went wrong at the hospital's sign-in lately, the newest first, to
// administrators.
func (a *Accounts) SingleTroubles(ctx context.Context, by trust.Principal) ([]SingleTrouble, error) {
	if !administers(by) {
		return nil, onlyAdministrators()
	}
	list, _, err := a.troubles(ctx)
	return list, err
}

func (a *Accounts) troubles(ctx context.Context) (list []SingleTrouble, version int64, err error) {
	item, err := a.store.Item(ctx, spaceSingle, keyTrouble)
	if fault.Is(err, fault.NotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	err = json.Unmarshal(item.Value, &list)
	return list, item.Version, err
}
