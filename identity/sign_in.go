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
	Over      State = "over"       // the session, ticket or token has ended: sign in again
)

// Refusal is the error of a sign-in or session that is not (yet) accepted. It wraps a
// fault with a message for the person.
type Refusal struct {
	State  State
	Until  time.Time // Waiting: when the next attempt will be looked at
	Ticket string    // NeedsCode: the secret for SecondStep, good for five minutes
	cause  *fault.Error
}

// Error implements error.
func (r *Refusal) Error() string { return r.cause.Error() }

// Unwrap returns the fault: fault.Unauthorized, or fault.TooCostly for Waiting.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(s State) *Refusal {
	message := map[State]string{
		Wrong:     "The user name or the password is not right.",
		NeedsCode: "Type the code that your authenticator app shows.",
		WrongCode: "The code is not right, or was used before. Wait for the next one and type it.",
		Idle:      "The session is locked. Nothing that you typed is lost: unlock it with your password.",
		Over:      "You are not signed in any more. Sign in again.",
	}[s]
	return &Refusal{State: s, cause: fault.New(fault.Unauthorized, "%s", message)}
}

func waiting(until time.Time) *Refusal {
	return &Refusal{State: Waiting, Until: until, cause: fault.New(fault.TooCostly,
		"There were too many failed attempts. Wait, then try again.")}
}

const ticketFor = 5 * time.Minute

// ticket is a sign-in between its two steps.
type ticket struct {
	Pending bool   `json:"pending"` // sets it apart from a session in the same space
	Account string `json:"account"`
}

// SignIn starts a session. code is the second factor's, "" when the person was not asked
// yet. The secret goes into the cookie and is kept nowhere else. Errors that a person can
// do something about are *Refusal. Attempts that come too early (Waiting) are not looked at,
// and not audited either: otherwise an attacker could fill the log with them.
func (a *Accounts) SignIn(ctx context.Context, user, password, code, address string) (Session, string, error) {
	until, err := a.locked(ctx, user, address)
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
		return Session{}, "", a.refused(ctx, user, address, c, Wrong)
	}
	if c.TOTPEnabled && code == "" {
		return Session{}, "", a.halfway(ctx, c, address)
	}
	return a.enter(ctx, c, code, address)
}

// SecondStep ends a sign-in that needs a code.
func (a *Accounts) SecondStep(ctx context.Context, secret, code, address string) (Session, string, error) {
	item, err := a.store.Item(ctx, spaceSession, digest(secret))
	if fault.Is(err, fault.NotFound) {
		return Session{}, "", refuse(Over)
	}
	if err != nil {
		return Session{}, "", err
	}
	var t ticket
	if err := json.Unmarshal(item.Value, &t); err != nil || !t.Pending {
		return Session{}, "", refuse(Over)
	}
	c, err := a.load(ctx, t.Account)
	if err != nil || c.Disabled {
		return Session{}, "", refuse(Over)
	}
	until, err := a.locked(ctx, c.User, address)
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	used := store.ItemWrite{Item: store.Item{Space: spaceSession, Key: item.Key}, Delete: true, IfVersion: -1}
	return a.enter(ctx, c, code, address, used)
}

// enter checks the second factor, if there is one, and starts the session.
func (a *Accounts) enter(ctx context.Context, c credentials, code, address string, more ...store.ItemWrite) (Session, string, error) {
	now := a.clock.Now()
	items := append(more, forgiven(c.User))
	if c.TOTPEnabled {
		step, ok := totpStep(c.TOTP, code, now, c.TOTPStep)
		if !ok {
			return Session{}, "", a.refused(ctx, c.User, address, c, WrongCode)
		}
		c.TOTPStep = step
		// Two sign-ins with one code race for this version: one of them fails.
		w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return Session{}, "", err
		}
		items = append(items, w)
	}
	secret := ident.Secret()
	s := Session{ID: ident.New(now), Account: c.ID, Created: now, Seen: now}
	w, err := write(spaceSession, digest(secret), c.ID, s, s.Created.Add(SessionFor), 0)
	if err != nil {
		return Session{}, "", err
	}
	leaf := a.leaf(Principal(c.Account, s), ledger.SignIn, "from "+network(address), c.Patient)
	leaf.Network = network(address)
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, w), Leaf: leaf})
	if fault.Is(err, fault.Conflict) {
		return Session{}, "", refuse(WrongCode)
	}
	if err != nil {
		return Session{}, "", err
	}
	return s, secret, nil
}

// halfway keeps the first step of a sign-in and returns the refusal that asks for the code.
func (a *Accounts) halfway(ctx context.Context, c credentials, address string) error {
	r := refuse(NeedsCode)
	r.Ticket = ident.Secret()
	w, err := write(spaceSession, digest(r.Ticket), c.ID, ticket{Pending: true, Account: c.ID}, a.clock.Now().Add(ticketFor), 0)
	if err != nil {
		return err
	}
	leaf := a.leaf(Principal(c.Account, Session{}), ledger.SignIn, "first step from "+network(address), c.Patient)
	leaf.Outcome, leaf.Network = string(NeedsCode), network(address)
	if _, err := a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf}); err != nil {
		return err
	}
	return r
}

// refused counts a failure and returns the refusal. The user name as typed is not
// audited: people type passwords into the wrong field.
func (a *Accounts) refused(ctx context.Context, user, address string, c credentials, s State) error {
	leaf := &ledger.Leaf{Time: a.clock.Now(), Actor: "unknown", Action: ledger.SignIn, Query: "from " + network(address), Network: network(address), Outcome: string(fault.Unauthorized)}
	if c.ID != "" {
		leaf.Actor, leaf.Name, leaf.Role = c.ID, c.Name, string(c.Role)
		if c.Patient != "" {
			leaf.Patients = []string{c.Patient}
		}
	}
	if err := a.failed(ctx, user, address, leaf); err != nil {
		return err
	}
	return refuse(s)
}

// confirm asks for the password of an account again; wrong ones count.
func (a *Accounts) confirm(ctx context.Context, c credentials, password, address string) error {
	until, err := a.locked(ctx, c.User, address)
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
		return a.refused(ctx, c.User, address, c, Wrong)
	}
	return nil
}

// SignInAs starts a session for an account without its password and code. System principals
// only: the demonstration, whose accounts hold invented data and are offered by a button.
func (a *Accounts) SignInAs(ctx context.Context, by trust.Principal, user, address string) (Session, string, error) {
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
	c.TOTPEnabled = false // only in this copy: enter writes the account just for its code
	return a.enter(ctx, c, "", address)
}
