package identity

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// Emergency paper access lets somebody in whose second factor is lost while patients wait. Two
// people who may make accounts with the role confirm, one after the other and neither of them
// the person; the second gets a code, to hand over on paper. It stands in for the second factor
// once, after the password, and the session that it begins opens nothing but the page on which
// a new factor is set up: that takes the lost one away. The person is told on every page.
const (
	PaperWaits = time.Hour        // for the second confirmation
	PaperFor   = 30 * time.Minute // the code works
	minReason  = 10
	maxReason  = 500
)

// Paper is an emergency paper access to an account, from the first confirmation on.
type Paper struct {
	First    Confirmed `json:"first"`
	Second   Confirmed `json:"second,omitzero"`
	Reason   string    `json:"reason"`
	Used     time.Time `json:"used,omitzero"`
	Finished time.Time `json:"finished,omitzero"` // a new factor was set up
	// Seen is when the person said that they know of it.
	Seen time.Time `json:"seen,omitzero"`
}

// Confirmed is one of the two who confirmed.
type Confirmed struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// Waits reports whether the second confirmation is still to come.
func (p *Paper) Waits(now time.Time) bool {
	return p != nil && p.Second.ID == "" && now.Before(p.First.At.Add(PaperWaits))
}

// Open reports whether the code works at this moment.
func (p *Paper) Open(now time.Time) bool {
	return p != nil && p.Second.ID != "" && p.Used.IsZero() && now.Before(p.Second.At.Add(PaperFor))
}

// News reports whether the person has to be told: two have confirmed, and they did not say yet
// that they know of it.
func (p *Paper) News() bool { return p != nil && p.Second.ID != "" && p.Seen.IsZero() }

// AskPaper is the first of the two confirmations. The reason is kept and audited.
func (a *Accounts) AskPaper(ctx context.Context, by trust.Principal, id, reason string) error {
	reason = strings.Join(strings.Fields(reason), " ")
	if n := len([]rune(reason)); n < minReason || n > maxReason {
		return fault.New(fault.Invalid, "Say in a sentence why it cannot wait, %d to %d characters.", minReason, maxReason)
	}
	return a.paperStep(ctx, by, id, "ask for emergency paper access ("+reason+") for", func(c *credentials) error {
		switch now := a.clock.Now(); {
		case !c.Strong():
			return fault.New(fault.Conflict, "The account has no second factor here that could be lost.")
		case c.Hash == "":
			return fault.New(fault.Conflict, "The account has no password here, and the paper stands in for the second factor only.")
		case c.Paper.Waits(now) || c.Paper.Open(now):
			return fault.New(fault.Conflict, "There is an emergency paper access already.")
		}
		c.Paper, c.PaperCode = &Paper{First: Confirmed{by.ID, by.Name, a.clock.Now()}, Reason: reason}, ""
		return nil
	})
}

// ConfirmPaper is the second confirmation, by somebody else than the first. It returns the code,
// this once.
func (a *Accounts) ConfirmPaper(ctx context.Context, by trust.Principal, id string) (string, error) {
	code := newRecoveryCode()
	err := a.paperStep(ctx, by, id, "confirm emergency paper access for", func(c *credentials) error {
		if !c.Paper.Waits(a.clock.Now()) {
			return fault.New(fault.Conflict, "No emergency paper access waits for a confirmation. The first one is good for an hour; ask anew.")
		}
		if c.Paper.First.ID == by.ID {
			return fault.New(fault.Forbidden, "The second confirmation comes from somebody else.")
		}
		first, err := a.Usable(ctx, c.Paper.First.ID)
		if err == nil {
			err = a.mayInvite(ctx, Self(first, Session{}), c.Role)
		}
		if err != nil {
			return fault.New(fault.Conflict, "Whoever confirmed first may not any more; ask anew.")
		}
		paper := *c.Paper
		paper.Second, paper.Seen = Confirmed{by.ID, by.Name, a.clock.Now()}, time.Time{}
		c.Paper, c.PaperCode = &paper, digest(plainCode(code))
		return nil
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// DropPaper takes an emergency paper access back that was not used. The person and whoever may
// confirm one may.
func (a *Accounts) DropPaper(ctx context.Context, by trust.Principal, id string) error {
	drop := func(c *credentials) error {
		if c.Paper == nil || !c.Paper.Used.IsZero() {
			return fault.New(fault.Conflict, "There is no emergency paper access to take back.")
		}
		c.Paper, c.PaperCode = nil, ""
		return nil
	}
	if by.ID == id {
		return a.update(ctx, by, id, "take back emergency paper access for", drop)
	}
	return a.paperStep(ctx, by, id, "take back emergency paper access for", drop)
}

// KnowsPaper notes that the person has seen that there was one.
func (a *Accounts) KnowsPaper(ctx context.Context, by trust.Principal, id string) error {
	if by.ID != id {
		return onlyOwner()
	}
	return a.update(ctx, by, id, "know of emergency paper access for", func(c *credentials) error {
		if c.Paper != nil {
			paper := *c.Paper
			paper.Seen, c.Paper = a.clock.Now(), &paper
		}
		return nil
	})
}

// paperStep changes the paper access of somebody else's account.
func (a *Accounts) paperStep(ctx context.Context, by trust.Principal, id, what string, f func(*credentials) error) error {
	if by.ID == "" || by.Role == trust.SystemRole {
		return fault.New(fault.Forbidden, "Emergency paper access is confirmed by people.")
	}
	if by.ID == id {
		return fault.New(fault.Forbidden, "Two others confirm your own emergency paper access.")
	}
	return a.update(ctx, by, id, what, func(c *credentials) error {
		if err := a.mayInvite(ctx, by, c.Role); err != nil {
			return err
		}
		if c.Disabled {
			return fault.New(fault.Conflict, "The account is disabled.")
		}
		return f(c)
	})
}

// onPaper reports whether a code is the one of an open paper access.
func (a *Accounts) onPaper(c credentials, code string) bool {
	return c.Paper.Open(a.clock.Now()) && c.PaperCode != "" && c.PaperCode == digest(plainCode(code))
}

// enterOnPaper ends all that is open and begins the one session in which a new second factor is
// set up. The lost one stays until then, so that the password alone never does.
func (a *Accounts) enterOnPaper(ctx context.Context, c credentials, from Place, b begun) (Session, string, error) {
	if err := a.EndAll(ctx, who(c.Account, Session{}), c.ID); err != nil {
		return Session{}, "", err
	}
	paper := *c.Paper
	paper.Used = a.clock.Now()
	c.Paper, c.PaperCode = &paper, ""
	b.strong, b.how, b.paper = false, b.how+" and paper", true
	return a.start(ctx, c, from, b)
}

// replaced takes the second factors away whose loss made the paper necessary: a new one is set
// up in the session that it began.
func (c *credentials) replaced(now time.Time) (gone []store.ItemWrite) {
	for _, p := range c.Passkeys {
		gone = append(gone, store.ItemWrite{Item: store.Item{Space: spaceAccount, Key: "passkey/" + p.ID}, Delete: true, IfVersion: -1})
	}
	c.TOTP, c.TOTPStep, c.TOTPEnabled = "", 0, false
	c.Passkeys, c.Keys, c.Recovery, c.RecoveryLeft, c.PaperBy = nil, nil, nil, 0, ""
	if c.Paper != nil {
		paper := *c.Paper
		paper.Finished, c.Paper = now, &paper
	}
	return gone
}
