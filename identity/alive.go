package identity

import (
	"context"
	"encoding/json"
	"net/http"
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
	// EndAccount ends all that the keeper holds for an account.
	EndAccount(ctx context.Context, by trust.Principal, account string) error
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
	if p.Client != "" { // a program, whose keeper looks at the account too where there is one
		for _, k := range a.keepers {
			if there, err := k.Holds(ctx, p); err != nil || there {
				return err
			}
		}
		return refuse(Over)
	}
	c, err := a.Usable(ctx, p.ID)
	if err != nil {
		return err
	}
	there := c.Role == p.Role
	if there && len(p.Scopes) > 0 {
		t, tokenErr := a.tokenOf(ctx, p)
		there, err = t.ID != "", tokenErr
	} else if there {
		there, err = a.hasSession(ctx, p)
	}
	if err == nil && !there {
		return refuse(Over)
	}
	return err
}

// Usable returns an account that may act: there, not ended, and with the second factor that it
// needs. Otherwise it is a Refusal (Over). Other keepers of access ask it for each request.
func (a *Accounts) Usable(ctx context.Context, id string) (Account, error) {
	c, err := a.load(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && (c.Disabled || !a.enough(c.Account, false)) {
		return Account{}, refuse(Over)
	}
	return c.Account, err
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

// While returns a context that ends when its person may not be here any more, for streams, imports
// and exports; it is checked every CheckEvery. Short requests cost nothing. A store
// that does not answer ends nothing: what it guards cannot be read then either.
func (a *Accounts) While(ctx context.Context, p trust.Principal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	every := a.options.CheckEvery
	var timer *time.Timer
	check := func() {
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

// hangUpAfter is how long an answer may still take to leave when its person has to go: enough to
// be told why.
const hangUpAfter = time.Second

// HangUp breaks the connection of an answer off when a context of While ends: a client that takes
// a download slowly, or no more of it at all, holds neither the rest nor the handler. The handler
// calls what comes back when it is done, before it cancels the context itself.
func HangUp(ctx context.Context, w http.ResponseWriter) (done func()) {
	c, cut := http.NewResponseController(w), make(chan struct{})
	keep := context.AfterFunc(ctx, func() {
		defer close(cut)
		until := time.Now().Add(hangUpAfter)
		_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until) // an answer that is made in memory has none, and needs none
	})
	return func() {
		if !keep() {
			<-cut
			w.Header().Set("Connection", "close") // nobody else's request is to meet the deadline
		}
	}
}
