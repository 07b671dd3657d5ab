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

// Enrolment is what a person needs to set an authenticator app up.
type Enrolment struct {
	Secret string // base32, to type
	URL    string // otpauth://…, for a QR code
}

// EnrolTOTP makes a new secret for a person's authenticator app. It counts only after
// ConfirmTOTP; until then the former one, if any, stays in use.
func (a *Accounts) EnrolTOTP(ctx context.Context, by trust.Principal, id string) (Enrolment, error) {
	if by.ID != id {
		return Enrolment{}, onlyOwner()
	}
	e := Enrolment{Secret: newTOTPSecret()}
	err := a.update(ctx, by, id, "enrol second factor", func(c *credentials) error {
		c.TOTPPending = e.Secret
		e.URL = otpauth(a.options.Issuer, c.User, e.Secret)
		return nil
	})
	return e, err
}

// ConfirmTOTP turns the second factor on: the code proves that the app has the secret.
func (a *Accounts) ConfirmTOTP(ctx context.Context, by trust.Principal, id, code string) error {
	if by.ID != id {
		return onlyOwner()
	}
	var gone []store.ItemWrite
	return a.updateWith(ctx, by, id, "confirm second factor", func(c *credentials) error {
		step, ok := totpStep(c.TOTPPending, code, a.clock.Now(), 0)
		if c.TOTPPending == "" || !ok {
			return fault.New(fault.Invalid, "The code does not fit. Check that the clock of your phone is right, and type the code that the app shows now.")
		}
		gone = c.first(by, a.clock.Now())
		c.TOTP, c.TOTPPending, c.TOTPStep, c.TOTPEnabled = c.TOTPPending, "", step, true
		return nil
	}, func() []store.ItemWrite { return gone })
}

// Strengthen lets a session that began with a password alone go on, after its person has set a
// second factor up in it. The session gets a new secret.
func (a *Accounts) Strengthen(ctx context.Context, secret string) (Session, string, error) {
	fresh := ident.Secret()
	var s Session
	err := again(func() (err error) {
		var c credentials
		if s, c, err = a.find(ctx, secret); err != nil {
			return err
		}
		if !c.Strong() || c.FirstBy != s.ID {
			return refuse(NeedsFactor)
		}
		s.Weak = false // find has seen that it was set up in this session
		return a.renew(ctx, s, fresh, a.leaf(who(c.Account, s), ledger.SignIn, "second factor set up", ""))
	})
	return s, fresh, err
}

// first notes in which session an account got its first second factor: that session may go on,
// every other that knows the password only has to sign in again. In a session that began on paper
// the new one takes the place of all that were there, and the writes that go with it are returned.
func (c *credentials) first(by trust.Principal, now time.Time) (gone []store.ItemWrite) {
	if c.PaperBy != "" && c.PaperBy == by.Session {
		gone = c.replaced(now)
	}
	if !c.Strong() {
		c.FirstBy = by.Session
	}
	return gone
}

// Self names the person of a session that may not do anything yet, for setting a second factor
// up. Principal is for everything else.
func Self(a Account, s Session) trust.Principal { return who(a, s) }

// RemoveTOTP turns the authenticator app off. While it is the only second factor it stays.
func (a *Accounts) RemoveTOTP(ctx context.Context, by trust.Principal, id string) error {
	if by.ID != id {
		return onlyOwner()
	}
	return a.update(ctx, by, id, "remove authenticator app", func(c *credentials) error {
		if len(c.Passkeys) == 0 && !a.options.PasswordAlone {
			return fault.New(fault.Conflict, "This is your only second factor. Add another one first, then remove it.")
		}
		c.TOTP, c.TOTPPending, c.TOTPStep, c.TOTPEnabled = "", "", 0, false
		return nil
	})
}

// ResetFactors is for a person who lost the second factor for good. It takes every second
// factor, the recovery codes, the password and the link to the provider away, ends all sessions and tokens, and returns
// the secret of a one-time link: behind it the person chooses a password, and then sets a
// second factor up. Whoever knows the old password gets nowhere. Administrators do it, for
// somebody else, and hand the link to the person themselves.
func (a *Accounts) ResetFactors(ctx context.Context, by trust.Principal, id string) (string, error) {
	if by.ID == id {
		return "", fault.New(fault.Forbidden, "Your own second factor is reset by another administrator.")
	}
	var gone []store.ItemWrite
	err := a.changeWith(ctx, by, id, "reset second factors", func(c *credentials) []store.ItemWrite {
		for _, p := range c.Passkeys {
			gone = append(gone, store.ItemWrite{Item: store.Item{Space: spaceAccount, Key: "passkey/" + p.ID}, Delete: true, IfVersion: -1})
		}
		gone = append(gone, c.unlink()...)
		c.TOTP, c.TOTPPending, c.TOTPStep, c.TOTPEnabled, c.FirstBy = "", "", 0, false, ""
		c.Passkeys, c.Keys, c.Recovery, c.RecoveryLeft, c.Hash = nil, nil, nil, 0, ""
		c.PaperBy, c.PaperCode = "", ""
		return gone
	})
	if err != nil {
		return "", err
	}
	if err := a.EndAll(ctx, by, id); err != nil {
		return "", err
	}
	return a.ResetLink(ctx, by, id)
}
