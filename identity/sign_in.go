package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// State says why a sign-in did not end in a session.
type State string

// The states.
const (
	Wrong     State = "wrong"      // user name or password (never which), or the account is disabled
	NeedsCode State = "needs-code" // the password is right; SecondStep with the Ticket and a code
	WrongCode State = "wrong-code" // the second factor's code is wrong, old or used
	Waiting   State = "waiting"    // too many failures: try again after Until
	Idle      State = "idle"       // the session is locked: Unlock with the password
	// WrongPasskey: the passkey is not known here, or its answer is wrong, late or used
	WrongPasskey State = "wrong-passkey"
	// NeedsFactor: the password is right, and the account has no second factor yet: set one up
	NeedsFactor State = "needs-factor"
	// Elsewhere: the account comes in by the hospital's provider
	Elsewhere State = "elsewhere"
	// Unlinked: the provider let somebody in who has no account here
	Unlinked State = "unlinked"
	Over     State = "over" // the session, ticket or token has ended: sign in again
)

// Refusal is the error of a sign-in or session that is not (yet) accepted. It wraps a
// fault with a message for the person.
type Refusal struct {
	State  State
	Until  time.Time // Waiting: when the next attempt will be looked at
	Ticket string    // NeedsCode: the secret for SecondStep, good for five minutes
	// Code and Passkey say which second factors the account has: NeedsCode.
	Code, Passkey bool
	cause         *fault.Error
}

// Error implements error.
func (r *Refusal) Error() string { return r.cause.Error() }

// Unwrap returns the fault: fault.Unauthorized, or fault.TooCostly for Waiting.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(s State) *Refusal {
	message := map[State]string{
		Wrong:        "The user name or the password is not right.",
		NeedsCode:    "Type the code that your authenticator app shows.",
		WrongCode:    "The code is not right, or was used before. Wait for the next one and type it.",
		WrongPasskey: "This passkey does not open an account here, or it took too long. Try again, or sign in with your password.",
		NeedsFactor:  "Your account needs a second factor: set one up, then go on.",
		Elsewhere:    "Your account comes in by the sign-in of the hospital: use its button.",
		Unlinked:     "The sign-in of the hospital knows you, but no account here is connected to you. Ask an administrator for an invitation, or sign in here and connect it under Settings, Security.",
		Idle:         "The session is locked. Nothing that you typed is lost: unlock it with your password.",
		Over:         "You are not signed in any more. Sign in again.",
	}[s]
	return &Refusal{State: s, cause: fault.New(fault.Unauthorized, "%s", message)}
}

// Refuse is a Refusal with a state, for a door that asks more than identity does.
func Refuse(s State) error { return refuse(s) }

func waiting(until time.Time) *Refusal {
	return &Refusal{State: Waiting, Until: until, cause: fault.New(fault.TooCostly,
		"There were too many failed attempts. Wait, then try again.")}
}

const ticketFor = 5 * time.Minute

// ticket is a sign-in between its two steps.
type ticket struct {
	Pending bool   `json:"pending"` // sets it apart from a session in the same space
	Account string `json:"account"`
	// How and Single are of a first step at the provider.
	How    string `json:"how,omitempty"`
	Single string `json:"single,omitempty"`
}

// SignIn starts a session. code is the second factor's, "" when the person was not asked
// yet. The secret goes into the cookie and is kept nowhere else. Errors that a person can
// do something about are *Refusal. Attempts that come too early (Waiting) are not looked at,
// and not audited either: otherwise an attacker could fill the log with them.
func (a *Accounts) SignIn(ctx context.Context, user, password, code string, from Place) (Session, string, error) {
	from, err := a.seenFrom(ctx, user, from)
	if err != nil {
		return Session{}, "", err
	}
	until, err := a.locked(ctx, user, from)
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	c, err := a.loadUser(ctx, user)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Session{}, "", err
	}
	ok, err := a.matches(ctx, password, c.Hash)
	if err != nil {
		return Session{}, "", err
	}
	if !ok || c.Disabled {
		return Session{}, "", a.refused(ctx, user, from, c, Wrong)
	}
	if !c.Strong() && c.Linked != nil && c.Linked.Full { // a password must not set up what the provider stands for
		return Session{}, "", refuse(Elsewhere)
	}
	if other, err := a.elsewhere(ctx, c.Account); err != nil || other {
		if err == nil {
			err = refuse(Elsewhere)
		}
		return Session{}, "", err
	}
	if c.Strong() && code == "" {
		return Session{}, "", a.halfway(ctx, c, from, ticket{How: "password"})
	}
	return a.enter(ctx, c, code, from, ticket{How: "password"})
}

// SecondStep ends a sign-in that needs a code.
func (a *Accounts) SecondStep(ctx context.Context, secret, code string, from Place) (Session, string, error) {
	c, t, used, err := a.ticket(ctx, secret)
	if err != nil {
		return Session{}, "", err
	}
	from, err = a.seenFrom(ctx, c.User, from)
	if err != nil {
		return Session{}, "", err
	}
	until, err := a.locked(ctx, c.User, from)
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	return a.enter(ctx, c, code, from, t, used)
}

// SecondStepPasskey ends a sign-in by a passkey of its account: the browser's answer to
// PasskeyChallenge.
func (a *Accounts) SecondStepPasskey(ctx context.Context, secret string, r Relying, answer string, from Place) (Session, string, error) {
	c, t, used, err := a.ticket(ctx, secret)
	if err != nil {
		return Session{}, "", err
	}
	from, err = a.seenFrom(ctx, c.User, from)
	if err != nil {
		return Session{}, "", err
	}
	until, err := a.locked(ctx, c.User, from)
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	shown, ok, err := a.passkey(ctx, r, "", answer)
	if err != nil {
		return Session{}, "", err
	}
	if len(ok.items) == 0 || shown.ID != c.ID {
		return Session{}, "", a.refused(ctx, c.User, from, c, WrongPasskey)
	}
	return a.start(ctx, shown, from, begun{strong: true, how: t.How + " and passkey", single: t.Single, items: append(ok.items, used)})
}

// ticket returns the sign-in between its two steps, and the write that ends it.
func (a *Accounts) ticket(ctx context.Context, secret string) (credentials, ticket, store.ItemWrite, error) {
	item, err := a.store.Item(ctx, spaceSession, digest(secret))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return credentials{}, ticket{}, store.ItemWrite{}, err
	}
	var t ticket
	if err != nil || json.Unmarshal(item.Value, &t) != nil || !t.Pending {
		return credentials{}, ticket{}, store.ItemWrite{}, refuse(Over)
	}
	c, err := a.load(ctx, t.Account)
	if err != nil || c.Disabled {
		return credentials{}, ticket{}, store.ItemWrite{}, refuse(Over)
	}
	return c, t, store.ItemWrite{Item: store.Item{Space: spaceSession, Key: item.Key}, Delete: true, IfVersion: -1}, nil
}

// enter checks the second factor, if there is one, and starts the session.
func (a *Accounts) enter(ctx context.Context, c credentials, code string, from Place, t ticket, more ...store.ItemWrite) (Session, string, error) {
	b := begun{strong: a.options.PasswordAlone, how: t.How, single: t.Single, items: more}
	if c.Strong() && a.onPaper(c, code) {
		return a.enterOnPaper(ctx, c, from, b)
	}
	if c.Strong() {
		used, err := a.secondFactor(ctx, c, code, from)
		if err != nil {
			return Session{}, "", err
		}
		b.strong, b.how, b.items = true, t.How+" and code", append(b.items, used...)
		if isRecovery(code) {
			b.how = t.How + " and recovery code"
		}
	}
	return a.start(ctx, c, from, b)
}

// halfway keeps the first step of a sign-in and returns the refusal that asks for the code.
func (a *Accounts) halfway(ctx context.Context, c credentials, from Place, t ticket, more ...store.ItemWrite) error {
	r := refuse(NeedsCode)
	r.Code, r.Passkey = c.TOTPEnabled, len(c.Passkeys) > 0
	r.Ticket = ident.Secret()
	t.Pending, t.Account = true, c.ID
	w, err := write(spaceSession, digest(r.Ticket), c.ID, t, a.clock.Now().Add(ticketFor), 0)
	if err != nil {
		return err
	}
	leaf := a.leaf(Principal(c.Account, Session{}), ledger.SignIn, "first step from "+network(from.Address), c.Patient)
	leaf.Outcome, leaf.Network = string(NeedsCode), network(from.Address)
	if _, err := a.store.Commit(ctx, store.Changeset{Items: append(more, w), Leaf: leaf}); err != nil {
		return err
	}
	return r
}

// refused counts a failure and returns the refusal. The user name as typed is not
// audited: people type passwords into the wrong field.
func (a *Accounts) refused(ctx context.Context, user string, from Place, c credentials, s State) error {
	leaf := &ledger.Leaf{Time: a.clock.Now(), Actor: "unknown", Action: ledger.SignIn, Query: "from " + network(from.Address), Network: network(from.Address), Outcome: string(fault.Unauthorized)}
	if c.ID != "" {
		leaf.Actor, leaf.Name, leaf.Role = c.ID, c.Name, string(c.Role)
		if c.Patient != "" {
			leaf.Patients = []string{c.Patient}
		}
	}
	if err := a.failed(ctx, user, from, leaf); err != nil {
		return err
	}
	return refuse(s)
}

// confirm asks for the password of an account again; wrong ones count.
func (a *Accounts) confirm(ctx context.Context, c credentials, password string, from Place) error {
	until, err := a.locked(ctx, c.User, from)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		return waiting(until)
	}
	ok, err := a.matches(ctx, password, c.Hash)
	if err != nil {
		return err
	}
	if !ok || c.Disabled {
		return a.refused(ctx, c.User, from, c, Wrong)
	}
	return nil
}

// SignInAs starts a session for an account without its password and code. System principals
// only: the demonstration, whose accounts hold invented data and are offered by a button.
func (a *Accounts) SignInAs(ctx context.Context, by trust.Principal, user string, from Place) (Session, string, error) {
	if by.Role != trust.SystemRole {
		return Session{}, "", fault.New(fault.Forbidden, "Nobody signs in as somebody else.")
	}
	c, err := a.loadUser(ctx, user)
	if err != nil {
		return Session{}, "", err
	}
	if c.Disabled {
		return Session{}, "", refuse(Wrong)
	}
	return a.start(ctx, c, from, begun{strong: true, how: "button"})
}
