package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Limits of sessions (after NIST SP 800-63B, AAL2).
const (
	SessionFor  = 12 * time.Hour   // after sign-in a session ends in any case
	StaffIdle   = 15 * time.Minute // without a request a staff session locks
	PatientIdle = 30 * time.Minute // the same for patients
	touchEvery  = time.Minute      // how often a request is noted as activity
)

// Session is one signed-in browser. A locked session is kept, so that nothing typed is
// lost; it lets nobody in before Unlock.
type Session struct {
	ID      string    `json:"id"` // for the audit log; not the secret
	Account string    `json:"account"`
	Patient string    `json:"patient,omitempty"` // whose the account is, when it is a patient's
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // last activity, to the minute
	Locked  bool      `json:"locked,omitempty"`
	// Proved is when the person last proved who they are, by at least one factor; Full, when
	// they last did so by all that a sign-in asks for. Grave acts ask for a recent one.
	Proved time.Time `json:"proved,omitzero"`
	Full   time.Time `json:"full,omitzero"`
	// Weak says that the session began with a password alone: it opens nothing but the page on
	// which a second factor is set up.
	Weak bool `json:"weak,omitempty"`

	// From is where it began.
	From Place `json:"from,omitzero"`
	// How it began: "passkey", "password and code", "single sign-on".
	How string `json:"how,omitempty"`
	// Single is the provider's name of its own session, where the session began with it.
	Single string `json:"single,omitempty"`

	// Browser is the cookie by which the browser is known from now on. It is set when the session begins,
	// and kept nowhere.
	Browser string `json:"-"`

	key     string
	version int64
}

// Place is where somebody is who signs in.
type Place struct {
	Address string `json:"address,omitempty"` // as the server sees it
	Device  string `json:"device,omitempty"`  // what they use, in few words: "Firefox on Windows"

	// Browser is the cookie by which a browser is known; "" when it has none.
	Browser string `json:"-"`

	session string // id of the open session in which somebody proves who they are
	known   string // key of the browser, when it is known to the name
}

// within is the place of somebody who proves who they are in an open session. Its failures are counted
// for the session and not for the name: strangers who guess at the name's sign-in keep nobody from
// unlocking, signing or opening a chart in an emergency, and a proof clears nothing that they have used up.
func (p Place) within(session string) Place {
	p.session = session
	return p
}

// counter is the key under which failures of a user name are counted from this place.
func (p Place) counter(user string) string {
	switch {
	case p.session != "":
		return bucket("session", p.session)
	case p.known != "":
		return "browser/" + p.known // whole: there are no more than were issued
	}
	return userBucket(user)
}

// digest is how secrets are kept: they are random, so that a plain hash is enough.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Principal returns who acts in a session. A locked session, and one that has not shown a second
// factor yet, has the zero Principal, which may do nothing.
func Principal(a Account, s Session) trust.Principal {
	if s.Locked || s.Weak || a.Disabled {
		return trust.Principal{}
	}
	purpose := trust.Operations
	switch a.Role {
	case trust.Physician, trust.Nurse, trust.MedicalAssistant, trust.Pharmacist, trust.Laboratory:
		purpose = trust.Treatment
	case trust.Biller:
		purpose = trust.Payment
	case trust.Patient:
		purpose = trust.PatientRequest
	}
	return trust.Principal{ID: a.ID, Name: a.Name, Role: a.Role, Purpose: purpose,
		Practitioner: a.Practitioner, Patient: a.Patient, Session: s.ID, Proved: s.Proved, Clearance: a.Clearance}
}

// Idle returns after how long without a request sessions of the account lock.
func (a Account) Idle() time.Duration {
	if a.Role == trust.Patient {
		return PatientIdle
	}
	return StaffIdle
}

// find returns the session behind a secret and its account, locked or not.
func (a *Accounts) find(ctx context.Context, secret string) (Session, credentials, error) {
	item, err := a.place(ctx, digest(secret))
	if fault.Is(err, fault.NotFound) {
		return Session{}, credentials{}, refuse(Over)
	}
	if err != nil {
		return Session{}, credentials{}, err
	}
	s := Session{key: item.Key, version: item.Version}
	if err := json.Unmarshal(item.Value, &s); err != nil {
		return Session{}, credentials{}, err
	}
	if s.ID == "" || !a.clock.Now().Before(s.Created.Add(SessionFor)) || a.rewound(s.Created) { // a ticket, or too old
		return Session{}, credentials{}, refuse(Over)
	}
	c, err := a.load(ctx, s.Account)
	if fault.Is(err, fault.NotFound) || err == nil && c.Disabled {
		return Session{}, credentials{}, refuse(Over)
	}
	if err == nil && s.Weak && c.Strong() && c.FirstBy != s.ID && c.PaperBy != s.ID { // the second factor came meanwhile, and not from here
		return Session{}, credentials{}, refuse(Over)
	}
	return s, c, err
}

// place returns the item of a session, also by its former key for a little while.
func (a *Accounts) place(ctx context.Context, key string) (store.Item, error) {
	item, err := a.store.Item(ctx, spaceSession, key)
	if err != nil {
		return item, err
	}
	var m moved
	if err := json.Unmarshal(item.Value, &m); err == nil && m.To != "" {
		return a.store.Item(ctx, spaceSession, m.To)
	}
	return item, nil
}

// idle reports whether a session waits for its person.
func (a *Accounts) idle(s Session, c Account) bool {
	return s.Locked || a.clock.Now().Sub(s.Seen) >= c.Idle() || a.rewound(s.Seen)
}

// Session returns the session behind a cookie's secret and who it belongs to, and notes
// the activity. For a session that is locked, or idle for too long, it returns both
// and a Refusal with state Idle, so that the page can say whose password unlocks it; for one
// whose person has yet to set a second factor up, both and a Refusal with state NeedsFactor.
func (a *Accounts) Session(ctx context.Context, secret string) (Session, Account, error) {
	s, c, err := a.Peek(ctx, secret)
	if refused, ok := err.(*Refusal); err != nil && (!ok || refused.State != NeedsFactor) {
		return s, c, err
	}
	if now := a.clock.Now(); now.Sub(s.Seen) >= touchEvery {
		s.Seen = now
		leaf := a.leaf(who(c, s), ledger.Keep, "session in use", "")
		// A request at the same time may have noted it, or locked the session: leave that.
		if err := a.keep(ctx, s, leaf); err != nil && !fault.Is(err, fault.Conflict) {
			return Session{}, Account{}, err
		}
	}
	return s, c, err
}

// Peek is Session without noting any activity: for a page that asks by itself whether its person
// may still be here.
func (a *Accounts) Peek(ctx context.Context, secret string) (Session, Account, error) {
	s, c, err := a.find(ctx, secret)
	switch {
	case err != nil:
		return Session{}, Account{}, err
	case a.idle(s, c.Account):
		s.Locked = true
		return s, c.Account, refuse(Idle)
	case s.Weak:
		return s, c.Account, refuse(NeedsFactor)
	}
	return s, c.Account, nil
}

// who names the person of a session in the audit log, whatever the session may do.
func who(a Account, s Session) trust.Principal {
	return Principal(a, Session{ID: s.ID})
}

func (a *Accounts) keep(ctx context.Context, s Session, leaf *ledger.Leaf, more ...store.ItemWrite) error {
	w, err := write(spaceSession, s.key, s.Account, s, s.Created.Add(SessionFor), s.version)
	if err != nil {
		return err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(more, w), Leaf: leaf})
	return err
}

// Lock locks a session until Unlock; locking what is not there is no error.
func (a *Accounts) Lock(ctx context.Context, secret string) error {
	return again(func() error {
		s, c, err := a.find(ctx, secret)
		if _, over := err.(*Refusal); over || err == nil && s.Locked {
			return nil
		}
		if err != nil {
			return err
		}
		leaf := a.leaf(who(c.Account, s), ledger.SignOut, "lock session", "")
		s.Locked = true
		return a.keep(ctx, s, leaf)
	})
}

// Unlock opens a locked session with a proof of its person: the password, as at the sign-in
// with which the session began all factors were asked for. Wrong ones count towards the
// lockout. The session gets a new secret for the cookie.
func (a *Accounts) Unlock(ctx context.Context, secret string, p Proof, from Place) (Session, string, error) {
	return a.reopen(ctx, secret, p, from, "unlock session")
}

// SignOut ends a session; ending what is not there is no error.
func (a *Accounts) SignOut(ctx context.Context, secret string) error {
	s, c, err := a.find(ctx, secret)
	if _, over := err.(*Refusal); over {
		return nil
	}
	if err != nil {
		return err
	}
	gone := store.ItemWrite{Item: store.Item{Space: spaceSession, Key: s.key}, Delete: true, IfVersion: -1}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{gone},
		Leaf: a.leaf(who(c.Account, s), ledger.SignOut, "sign out", "")})
	return err
}

// EndAll ends all sessions and tokens of an account, and what keepers hold for it. The person and administrators may.
func (a *Accounts) EndAll(ctx context.Context, by trust.Principal, account string) error {
	if by.ID != account && !administers(by) {
		return onlyAdministrators()
	}
	var gone []store.ItemWrite
	for _, space := range []string{spaceSession, spaceToken, spaceBrowser, GrantsSpace} {
		items, err := a.store.Items(ctx, space, account)
		if err != nil {
			return err
		}
		for _, item := range items {
			gone = append(gone, store.ItemWrite{Item: store.Item{Space: space, Key: item.Key}, Delete: true, IfVersion: -1})
		}
	}
	for _, k := range a.keepers {
		if err := k.EndAccount(ctx, by, account); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := a.store.Commit(ctx, store.Changeset{Items: gone, Leaf: a.leaf(by, ledger.SignOut, "end all sessions and tokens", "")})
	return err
}
