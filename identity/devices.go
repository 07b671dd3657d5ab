package identity

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Sessions returns where a person is signed in, the latest activity first. The person and
// administrators may ask.
func (a *Accounts) Sessions(ctx context.Context, by trust.Principal, id string) ([]Session, error) {
	if by.ID != id && !administers(by) {
		return nil, onlyAdministrators()
	}
	items, err := a.store.Items(ctx, spaceSession, id)
	if err != nil {
		return nil, err
	}
	var out []Session
	for _, item := range items {
		s := Session{key: item.Key, version: item.Version}
		if err := json.Unmarshal(item.Value, &s); err != nil {
			return nil, err
		}
		if s.ID == "" || !a.clock.Now().Before(s.Created.Add(SessionFor)) { // a ticket, a former place, or over
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y Session) int { return y.Seen.Compare(x.Seen) })
	return out, nil
}

// EndSessions ends one session of an account, or with "others" all but the one that by acts in,
// and returns how many it ended. The person and administrators may.
func (a *Accounts) EndSessions(ctx context.Context, by trust.Principal, id, which string) (int, error) {
	list, err := a.Sessions(ctx, by, id)
	if err != nil {
		return 0, err
	}
	var gone []store.ItemWrite
	for _, s := range list {
		if s.ID == which || which == "others" && s.ID != by.Session {
			gone = append(gone, store.ItemWrite{Item: store.Item{Space: spaceSession, Key: s.key}, Delete: true, IfVersion: -1})
		}
	}
	if len(gone) == 0 {
		return 0, nil
	}
	c, err := a.load(ctx, id)
	if err != nil {
		return 0, err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: gone, Leaf: a.leaf(by, ledger.SignOut, "end sessions of "+c.User, c.Patient)})
	if fault.Is(err, fault.Conflict) {
		return 0, fault.New(fault.Conflict, "The sessions changed at this moment; look at the list again.")
	}
	return len(gone), err
}
