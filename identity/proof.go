package identity

import (
	"context"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Proof is what a signed-in person shows to prove who they are once more: a passkey, or a
// password, with a code of the authenticator app where both are asked for.
type Proof struct {
	Password string
	Code     string
	Passkey  string  // the browser's answer to PasskeyChallenge for the account
	Relying  Relying // of the passkey
}

// Prove notes in an open session that its person has just proved who they are. The session
// gets a new secret, which replaces the one in the cookie. Wrong proofs are
// counted for the session (see Place.within) and for the address.
//
// A password alone proves one factor (Session.Proved). A passkey, or a password with a code,
// proves all that a sign-in asks for (Session.Full).
func (a *Accounts) Prove(ctx context.Context, secret string, p Proof, from Place) (Session, string, error) {
	s, c, err := a.find(ctx, secret)
	if err != nil {
		return Session{}, "", err
	}
	if a.idle(s, c.Account) {
		return Session{}, "", refuse(Idle)
	}
	return a.reopen(ctx, secret, p, from, "prove identity")
}

// proved is what a proof amounts to.
type proved struct {
	full  bool              // all that a sign-in asks for, not one factor only
	items []store.ItemWrite // what is used up: a code, a challenge
}

// ProveAs is Prove and Unlock without a secret. System principals only: the demonstration, whose
// accounts are offered by a button.
func (a *Accounts) ProveAs(ctx context.Context, by trust.Principal, secret string, from Place) (Session, string, error) {
	if by.Role != trust.SystemRole {
		return Session{}, "", fault.New(fault.Forbidden, "Nobody proves to be somebody else.")
	}
	return a.reopenWith(ctx, secret, from, "prove identity by button", func(credentials) (proved, error) { return proved{full: true}, nil })
}

// reopen checks a proof, then unlocks the session, notes the proof and gives it a new secret.
func (a *Accounts) reopen(ctx context.Context, secret string, p Proof, from Place, what string) (Session, string, error) {
	s, _, err := a.find(ctx, secret)
	if err != nil {
		return Session{}, "", err
	}
	return a.reopenWith(ctx, secret, from, what, func(c credentials) (proved, error) { return a.check(ctx, c, p, from.within(s.ID)) })
}

func (a *Accounts) reopenWith(ctx context.Context, secret string, from Place, what string, check func(credentials) (proved, error)) (Session, string, error) {
	s, c, err := a.find(ctx, secret)
	if err != nil {
		return Session{}, "", err
	}
	ok, err := check(c)
	if err != nil {
		return Session{}, "", err
	}
	fresh := ident.Secret()
	err = again(func() error {
		if s, c, err = a.find(ctx, secret); err != nil {
			return err
		}
		now := a.clock.Now()
		s.Locked, s.Seen, s.Proved = false, now, now
		if ok.full {
			s.Full = now
		}
		leaf := a.leaf(who(c.Account, s), ledger.SignIn, what+" from "+network(from.Address), "")
		return a.renew(ctx, s, fresh, leaf, append(ok.items, cleared(from.within(s.ID).counter(c.User)))...)
	})
	if fault.Is(err, fault.Conflict) { // the code was used by somebody else at this moment
		return Session{}, "", refuse(WrongCode)
	}
	return s, fresh, err
}

// check looks at a proof; wrong ones count towards the lockout.
func (a *Accounts) check(ctx context.Context, c credentials, p Proof, from Place) (proved, error) {
	if p.Passkey != "" {
		until, err := a.lockedAt(ctx, addressBucket(from.Address))
		if err != nil {
			return proved{}, err
		}
		if !until.IsZero() {
			return proved{}, waiting(until)
		}
		_, ok, err := a.passkey(ctx, p.Relying, c.ID, p.Passkey)
		if err == nil && len(ok.items) == 0 {
			err = a.refused(ctx, "passkey", from, c, WrongPasskey)
		}
		return ok, err
	}
	if err := a.confirm(ctx, c, p.Password, from); err != nil {
		return proved{}, err
	}
	if p.Code == "" {
		return proved{full: !c.Strong() && a.options.PasswordAlone}, nil
	}
	used, err := a.secondFactor(ctx, c, p.Code, from)
	return proved{full: true, items: used}, err
}

// secondFactor checks a code of the authenticator app, or a recovery code, and returns the
// write that uses it up; wrong ones count towards the lockout.
func (a *Accounts) secondFactor(ctx context.Context, c credentials, code string, from Place) ([]store.ItemWrite, error) {
	ok := false
	if isRecovery(code) {
		ok = c.useRecovery(code)
	} else if c.TOTPEnabled {
		var step int64
		if step, ok = totpStep(c.TOTP, code, a.clock.Now(), c.TOTPStep); ok {
			c.TOTPStep = step
		}
	}
	if !ok {
		return nil, a.refused(ctx, c.User, from, c, WrongCode)
	}
	// Two who use one code race for this version: one of them fails.
	w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
	return []store.ItemWrite{w}, err
}

// movedFor is how long the former secret of a session still finds it, for requests that were
// on their way when the secret changed.
const movedFor = 30 * time.Second

// moved stands at a session's former place.
type moved struct {
	To string `json:"to"` // key of the session
}

// renew keeps a session under a new secret (OWASP ASVS 7.2.4): whoever had the former one is
// out after movedFor.
func (a *Accounts) renew(ctx context.Context, s Session, secret string, leaf *ledger.Leaf, more ...store.ItemWrite) error {
	key := digest(secret)
	w, err := write(spaceSession, key, s.Account, s, s.Created.Add(SessionFor), 0)
	if err != nil {
		return err
	}
	sign, err := write(spaceSession, s.key, s.Account, moved{To: key}, a.clock.Now().Add(movedFor), s.version)
	if err != nil {
		return err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(more, w, sign), Leaf: leaf})
	return err
}
