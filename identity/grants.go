package identity

import (
	"context"
	"encoding/json"
)

// GrantsSpace holds what people have opened for programs (identity/oauth keeps it). The owner
// of an item is the account: EndAll ends grants with the sessions and tokens.
const GrantsSpace = "oauth-grant"

// InSession reports whether a session of an account goes on: it has not ended and is not
// locked. Programs that may work only while the person is there ask for it.
func (a *Accounts) InSession(ctx context.Context, account, session string) (bool, error) {
	c, err := a.load(ctx, account)
	if err != nil {
		return false, err
	}
	items, err := a.store.Items(ctx, spaceSession, account)
	if err != nil {
		return false, err
	}
	now := a.clock.Now()
	for _, item := range items {
		var s Session
		if err := json.Unmarshal(item.Value, &s); err != nil {
			return false, err
		}
		if s.ID == session && session != "" {
			return !s.Locked && !c.Disabled && now.Before(s.Created.Add(SessionFor)) && now.Sub(s.Seen) < c.Idle(), nil
		}
	}
	return false, nil
}
