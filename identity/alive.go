package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// CheckEvery is how often work that goes on for longer than a request asks whether its person
// may still be here. Twice this is well within the minute in which an ended account has to be
// out everywhere.
const CheckEvery = 20 * time.Second

// Keeper keeps access of another kind than sessions and tokens, such as what a person has
// granted to apps. Join makes it take part when an account ends.
type Keeper interface {
	// End ends all that the keeper holds for an account.
	End(ctx context.Context, by trust.Principal, account string) error
	// Holds reports whether what a principal with a Client came by is still good.
	Holds(ctx context.Context, p trust.Principal) (bool, error)
}

// Join makes a keeper take part: EndAll and Disable end what it holds, Still asks it about
// principals with a Client. Call it before the server answers.
func (a *Accounts) Join(k Keeper) { a.keepers = append(a.keepers, k) }

// Still reports whether somebody who came in a while ago may still be here, with the role of
// then: the account is not ended, its role and second factor are as they were, and the session
// or token is there. Otherwise it is a Refusal (Over). A locked session is still there: what
// its person began goes on.
func (a *Accounts) Still(ctx context.Context, p trust.Principal) error {
	if p.Role == trust.SystemRole {
		return nil
	}
	c, err := a.load(ctx, p.ID)
	if fault.Is(err, fault.NotFound) || err == nil && (c.Disabled || c.Role != p.Role || !a.enough(c.Account)) {
		return refuse(Over)
	}
	if err != nil {
		return err
	}
	there := false
	switch {
	case p.Client != "":
		for _, k := range a.keepers {
			if there, err = k.Holds(ctx, p); err != nil || there {
				break
			}
		}
	case len(p.Scopes) > 0:
		var t token
		t, err = a.tokenOf(ctx, p)
		there = t.ID != ""
	default:
		there, err = a.hasSession(ctx, p)
	}
	if err == nil && !there {
		return refuse(Over)
	}
	return err
}

func (a *Accounts) hasSession(ctx context.Context, p trust.Principal) (bool, error) {
	items, err := a.store.Items(ctx, spaceSession, p.ID)
	if err != nil {
		return false, err
	}
	for _, item := range items {
		var s Session
		if err := json.Unmarshal(item.Value, &s); err != nil {
			return false, err
		}
		if s.ID == p.Session && s.ID != "" && a.clock.Now().Before(s.Created.Add(SessionFor)) {
			return true, nil
		}
	}
	return false, nil
}

// While returns a context that ends when its person may not be here any more, for streams,
// sockets and exports; it is checked every CheckEvery. Short requests cost nothing. A store
// that does not answer ends nothing: what it guards cannot be read then either.
func (a *Accounts) While(ctx context.Context, p trust.Principal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	every := a.options.CheckEvery
	var timer *time.Timer
	var check func()
	check = func() {
		if ctx.Err() != nil {
			return
		}
		if err := a.Still(ctx, p); fault.Is(err, fault.Unauthorized) {
			cancel(err)
			return
		}
		timer.Reset(every)
	}
	ready := make(chan struct{})
	timer = time.AfterFunc(every, func() { <-ready; check() })
	close(ready)
	return ctx, func() { timer.Stop(); cancel(nil) }
}
