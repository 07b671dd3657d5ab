// Package identity knows who is there: accounts, passwords, second factors, login
// sessions, bearer tokens, lockout, and one-time links for set-up and invitation.
//
//	accounts := identity.Open(store, clock.System{}, identity.Options{})
//	session, secret, err := accounts.SignIn(ctx, user, password, "", address)
//	var refused *identity.Refusal
//	if errors.As(err, &refused) && refused.State == identity.NeedsCode {
//		session, secret, err = accounts.SecondStep(ctx, refused.Ticket, code, address)
//	}
//	// the secret goes into the cookie; on every request:
//	session, account, err := accounts.Session(ctx, secret)
//	actor := gate.As(identity.Principal(account, session), "clinic")
//
// Passwords are kept as argon2id hashes, all other secrets (256 random bits) as SHA-256.
// Nothing of one request stays in process memory (but how a stored value is read): several
// processes can share one store.
// Every change here is one Changeset with an audit leaf. What a person may do is
// trust/policy's affair; clinical data is record's.
package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// The spaces of store items that identity owns.
const (
	spaceAccount = "account" // key: account id, or "user/<name>" which holds the id
	spaceSession = "session" // key: SHA-256 of the cookie's or ticket's secret
	spaceToken   = "token"   // key: SHA-256 of the bearer token
	spaceSetup   = "setup"   // key: SHA-256 of the link's secret
	spaceAttempt = "attempt" // key: bucket of a user name or an address
)

// Accounts keeps accounts, sessions and tokens in a store. It is safe for concurrent use.
type Accounts struct {
	store   store.Store
	clock   clock.Clock
	options Options
	hashing chan struct{} // a place for each password that is being hashed
	keepers []Keeper
	decoy   string    // hash that unknown users' passwords are compared with
	given   *Provider // that the operator named
	stolen  *Breached // passwords that nobody chooses; nil for no list
	tokens  decoded[token]
	people  decoded[Account]
}

// Options tune Accounts; the zero value is right for a clinic.
type Options struct {
	// Issuer is the name that authenticator apps show; "Osler" when empty.
	Issuer string
	// Cost is the work of one password hash; DefaultCost when zero. Tests lower it.
	Cost Cost
	// PasswordAlone lets accounts without a second factor in. A clinic never sets it: it is for
	// tests of other things.
	PasswordAlone bool
	// Key proves that a challenge for passkeys was made here. Processes that share a store share
	// it; a random one when empty.
	Key []byte
	// CheckEvery is how often While looks; CheckEvery when zero. Tests shorten it.
	CheckEvery time.Duration
}

// Open returns the accounts that a store keeps.
func Open(s store.Store, c clock.Clock, o Options) *Accounts {
	if o.Issuer == "" {
		o.Issuer = "Osler"
	}
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	if o.CheckEvery == 0 {
		o.CheckEvery = CheckEvery
	}
	if len(o.Key) == 0 {
		o.Key = []byte(ident.Secret())
	}
	return &Accounts{store: s, clock: c, options: o, hashing: make(chan struct{}, hashers),
		decoy: hashPassword(ident.Secret(), o.Cost)}
}

// Account is a person who may sign in. It holds no secrets.
type Account struct {
	ID           string     `json:"id"`
	User         string     `json:"user"` // the name typed at sign-in, lower case
	Name         string     `json:"name"` // display name
	Role         trust.Role `json:"role"`
	Practitioner string     `json:"practitioner,omitempty"` // id of the Practitioner of a staff member
	Patient      string     `json:"patient,omitempty"`      // id of the Patient of a patient
	Language     string     `json:"language,omitempty"`     // BCP-47
	Created      time.Time  `json:"created"`
	TOTPEnabled  bool       `json:"totpEnabled,omitempty"`
	Disabled     bool       `json:"disabled,omitempty"`
	// Passkeys of the account, in the order in which they were added.
	Passkeys []Passkey `json:"passkeys,omitempty"`
	// RecoveryLeft is how many recovery codes have not been used.
	RecoveryLeft int `json:"recoveryLeft,omitempty"`
	// Grants are the rights to make accounts that an administrator has lent to the person.
	Grants []Lent `json:"grants,omitempty"`
	// Clearance holds the sensitivity labels that the person sees beyond those of the role.
	Clearance []string `json:"clearance,omitempty"`
	// Linked is the person at the hospital's provider; nil where there is none.
	Linked *Linked `json:"linked,omitempty"`
	// Paper is the last emergency paper access; nil when there was none.
	Paper *Paper `json:"paper,omitempty"`
	// Invited is set until the person has chosen a password through the invitation.
	Invited bool `json:"invited,omitempty"`
}

// Strong reports whether the account has a second factor. Without one nobody gets further than
// the page on which it is set up, unless Options.PasswordAlone says otherwise.
func (a Account) Strong() bool { return a.TOTPEnabled || len(a.Passkeys) > 0 }

// Draft describes an account to be made.
type Draft struct {
	User, Name   string
	Role         trust.Role
	Practitioner string // required for nobody, but staff without one cannot sign clinical entries
	Patient      string // required for the role patient (but see Proxy), refused for others
	Language     string
	// Proxy makes an account of the portal for somebody who is no patient here: it sees nothing
	// until GrantProxy. It has no Patient.
	Proxy bool
	// Password is chosen by the person through CompleteSetUp or CompleteInvite; only
	// system principals (the demonstration clinic) may give one to Create.
	Password string
	// TOTPSecret (base32) turns the second factor on from the start; system principals only.
	TOTPSecret string
}

// credentials is what the store keeps of an account.
type credentials struct {
	Account
	Hash        string `json:"hash,omitempty"`        // PHC string; "" before the first password
	TOTP        string `json:"totp,omitempty"`        // base32 secret in use
	TOTPPending string `json:"totpPending,omitempty"` // enrolled, not yet confirmed
	TOTPStep    int64  `json:"totpStep,omitempty"`    // last time step whose code was used
	// Keys are the public keys of Passkeys, by their id.
	Keys map[string]webauthn.Credential `json:"keys,omitempty"`
	// FirstBy is the session in which the first second factor was set up.
	FirstBy string `json:"firstBy,omitempty"`
	// Recovery holds the hashes of the recovery codes that are left.
	Recovery []string `json:"recovery,omitempty"`
	// PaperCode is the hash of the code on paper; PaperBy, the session that began with it.
	PaperCode string `json:"paperCode,omitempty"`
	PaperBy   string `json:"paperBy,omitempty"`
	version   int64
}

// Create makes an account with a password. Only system principals may: people are invited
// with Invite and choose their own password. A user name in use is fault.Conflict.
func (a *Accounts) Create(ctx context.Context, by trust.Principal, d Draft) (Account, error) {
	if by.Role != trust.SystemRole {
		return Account{}, fault.New(fault.Forbidden, "Accounts are made by invitation, so that nobody knows another person's password.")
	}
	c, err := a.draft(ctx, d)
	if err != nil {
		return Account{}, err
	}
	items, err := accountItems(c)
	if err != nil {
		return Account{}, err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: items, Leaf: a.leaf(by, ledger.Account, "create account "+c.User, c.Patient)})
	if fault.Is(err, fault.Conflict) {
		return Account{}, nameTaken(c.User)
	}
	return c.Account, err
}

// draft checks a draft and turns it into credentials with a new id.
func (a *Accounts) draft(ctx context.Context, d Draft) (credentials, error) {
	user, err := UserName(d.User)
	if err != nil {
		return credentials{}, err
	}
	if strings.TrimSpace(d.Name) == "" {
		return credentials{}, fault.New(fault.Invalid, "The account needs the person's name.")
	}
	switch {
	case staffRole(d.Role):
		if d.Patient != "" {
			return credentials{}, fault.New(fault.Invalid, "A staff account cannot be linked to a patient; make a second account with the role patient.")
		}
	case d.Role == trust.Patient:
		if d.Patient == "" != d.Proxy || d.Practitioner != "" {
			return credentials{}, fault.New(fault.Invalid, "A patient's account must be linked to exactly one patient and to no practitioner.")
		}
	default:
		return credentials{}, fault.New(fault.Invalid, "There is no role %q for accounts.", d.Role)
	}
	now := a.clock.Now()
	c := credentials{Account: Account{ID: ident.New(now), User: user, Name: strings.TrimSpace(d.Name), Role: d.Role,
		Practitioner: d.Practitioner, Patient: d.Patient, Language: d.Language, Created: now, Invited: d.Password == ""}}
	if d.Password != "" {
		if c.Hash, err = a.newHash(ctx, d.Password, user); err != nil {
			return credentials{}, err
		}
	}
	if d.TOTPSecret != "" {
		if _, err := totpKey(d.TOTPSecret); err != nil {
			return credentials{}, err
		}
		c.TOTP, c.TOTPEnabled = d.TOTPSecret, true
	}
	return c, nil
}

// staffRole reports whether a role is one of people who work in the clinic.
func staffRole(r trust.Role) bool {
	switch r {
	case trust.Physician, trust.Nurse, trust.MedicalAssistant, trust.Pharmacist, trust.Laboratory, trust.Records,
		trust.FrontDesk, trust.Biller, trust.Administrator, trust.Auditor:
		return true
	}
	return false
}

// UserName returns the canonical form of a user name: 2 to 64 lower-case letters, digits
// and . _ - @ +.
func UserName(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) < 2 || len(s) > 64 {
		return "", fault.New(fault.Invalid, "A user name has 2 to 64 characters.")
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@+", r)) {
			return "", fault.New(fault.Invalid, "A user name is made of letters a to z, digits and . _ - @ +")
		}
	}
	return s, nil
}

func nameTaken(user string) error {
	return fault.New(fault.Conflict, "The user name %q is in use; choose another one.", user)
}

// accountItems returns the items of a new account: itself and its name.
func accountItems(c credentials) ([]store.ItemWrite, error) {
	w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, 0)
	if err != nil {
		return nil, err
	}
	name := store.ItemWrite{Item: store.Item{Space: spaceAccount, Key: "user/" + c.User, Owner: "name", Patient: c.Patient, Value: []byte(c.ID)}}
	return []store.ItemWrite{w, name}, nil
}

// concerning is a value that concerns a patient: it is sealed with the patient's keys, and
// destroyed with them.
type concerning interface{ concerns() string }

func (c credentials) concerns() string { return c.Patient }
func (s Session) concerns() string     { return s.Patient }
func (t token) concerns() string       { return t.Patient }
func (g GlassGrant) concerns() string  { return g.Patient }
func (g ProxyGrant) concerns() string  { return g.Patient }
func (h Hold) concerns() string        { return h.Patient }

// write returns the write of an item with a JSON value.
func write(space, key, owner string, value any, expires time.Time, ifVersion int64) (store.ItemWrite, error) {
	b, err := json.Marshal(value)
	patient := ""
	if v, ok := value.(concerning); ok {
		patient = v.concerns()
	}
	return store.ItemWrite{Item: store.Item{Space: space, Key: key, Owner: owner, Patient: patient, Value: b, Expires: expires}, IfVersion: ifVersion}, err
}

func noAccount() error { return fault.New(fault.NotFound, "There is no such account.") }

// load returns an account's credentials; fault.NotFound when there is none.
func (a *Accounts) load(ctx context.Context, id string) (credentials, error) {
	item, err := a.accountItem(ctx, id)
	if err != nil {
		return credentials{}, err
	}
	return decodeAccount(item)
}

// account is load for those who only ask who somebody is, as every request does.
func (a *Accounts) account(ctx context.Context, id string) (Account, error) {
	item, err := a.accountItem(ctx, id)
	if err != nil {
		return Account{}, err
	}
	return a.people.of(item.Value)
}

func (a *Accounts) accountItem(ctx context.Context, id string) (store.Item, error) {
	if id == "" || strings.Contains(id, "/") {
		return store.Item{}, noAccount()
	}
	item, err := a.store.Item(ctx, spaceAccount, id)
	if fault.Is(err, fault.NotFound) {
		return store.Item{}, noAccount()
	}
	return item, err
}

func decodeAccount(item store.Item) (credentials, error) {
	c := credentials{version: item.Version}
	err := json.Unmarshal(item.Value, &c)
	return c, err
}

func (a *Accounts) loadUser(ctx context.Context, user string) (credentials, error) {
	user, err := UserName(user)
	if err != nil {
		return credentials{}, noAccount()
	}
	item, err := a.store.Item(ctx, spaceAccount, "user/"+user)
	if fault.Is(err, fault.NotFound) {
		return credentials{}, noAccount()
	}
	if err != nil {
		return credentials{}, err
	}
	return a.load(ctx, string(item.Value))
}

// FindByID returns an account; fault.NotFound when there is none.
func (a *Accounts) FindByID(ctx context.Context, id string) (Account, error) {
	c, err := a.load(ctx, id)
	return c.Account, err
}

// FindByUser returns the account with a user name; fault.NotFound when there is none.
func (a *Accounts) FindByUser(ctx context.Context, user string) (Account, error) {
	c, err := a.loadUser(ctx, user)
	return c.Account, err
}

// List returns the accounts in the order of their creation. Administrators, auditors and
// system principals see all; to whom the right for some roles of staff is lent sees theirs.
func (a *Accounts) List(ctx context.Context, by trust.Principal) ([]Account, error) {
	var some []trust.Role
	if by.Role != trust.Auditor && !administers(by) {
		var err error
		if some, err = a.Invites(ctx, by, Lendable()[1:]); err != nil {
			return nil, err
		}
		if c, err := a.load(ctx, by.ID); err == nil && c.Role == by.Role && !c.Disabled && c.KeepsPatients(a.clock.Now()) {
			some = append(some, trust.Patient)
		}
		if len(some) == 0 {
			return nil, onlyAdministrators()
		}
	}
	items, err := a.store.Items(ctx, spaceAccount, "account")
	if err != nil {
		return nil, err
	}
	out := make([]Account, 0, len(items))
	for _, item := range items {
		c, err := decodeAccount(item)
		if err != nil {
			return nil, err
		}
		if some == nil || slices.Contains(some, c.Role) {
			out = append(out, c.Account)
		}
	}
	return out, nil
}

// Deactivate ends an account until Enable: nobody signs in with it, and all that is open ends,
// sessions, tokens and what keepers hold at once, streams and exports within CheckEvery. Nobody
// can deactivate the own account, so that a clinic is not left without an administrator.
func (a *Accounts) Deactivate(ctx context.Context, by trust.Principal, id string) error {
	if by.ID == id {
		return fault.New(fault.Forbidden, "You cannot disable your own account; another administrator can.")
	}
	if err := a.change(ctx, by, id, "disable account", func(c *credentials) { c.Disabled = true }); err != nil {
		return err
	}
	return a.EndAll(ctx, by, id)
}

// SetRole gives an account another role of staff; it counts from the next request on. An
// administrator does it, never for the own account, and no patient's account becomes staff's.
func (a *Accounts) SetRole(ctx context.Context, by trust.Principal, id string, role trust.Role) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	if by.ID == id {
		return fault.New(fault.Forbidden, "Nobody changes the own role; another administrator can.")
	}
	if !staffRole(role) {
		return fault.New(fault.Invalid, "There is no role %q for staff.", role)
	}
	return a.update(ctx, by, id, "give role "+string(role)+" to", func(c *credentials) error {
		if c.Role == trust.Patient {
			return fault.New(fault.Invalid, "A patient's account has no other role; a colleague who is a patient too has two accounts.")
		}
		c.Role, c.Grants, c.Clearance = role, nil, nil
		return nil
	})
}

// Enable takes Deactivate back.
func (a *Accounts) Enable(ctx context.Context, by trust.Principal, id string) error {
	return a.change(ctx, by, id, "enable account", func(c *credentials) { c.Disabled = false })
}

// SetLanguage stores the language in which a person reads Osler (BCP-47). It needs no
// administrator: by is the person.
func (a *Accounts) SetLanguage(ctx context.Context, by trust.Principal, id, language string) error {
	if by.ID != id && !administers(by) {
		return onlyAdministrators()
	}
	return a.update(ctx, by, id, "set language", func(c *credentials) error { c.Language = language; return nil })
}

// SetPassword gives an account a password without asking for the old one, and ends its
// sessions and tokens. System principals only (the command line of the machine's owner);
// people use ChangePassword or a link.
func (a *Accounts) SetPassword(ctx context.Context, by trust.Principal, id, password string) error {
	if by.Role != trust.SystemRole {
		return fault.New(fault.Forbidden, "A password is chosen by its owner: send a new link instead.")
	}
	return a.setPassword(ctx, by, id, password)
}

func (a *Accounts) setPassword(ctx context.Context, by trust.Principal, id, password string) error {
	c, err := a.load(ctx, id)
	if err != nil {
		return err
	}
	hash, err := a.newHash(ctx, password, c.User)
	if err != nil {
		return err
	}
	if err := a.update(ctx, by, id, "set password", func(c *credentials) error { c.Hash, c.Invited = hash, false; return nil }); err != nil {
		return err
	}
	return a.EndAll(ctx, by, id)
}

// ChangePassword lets a person choose a new password; the present one is asked for, and
// wrong ones count towards the lockout. All sessions and tokens end: sign in again.
func (a *Accounts) ChangePassword(ctx context.Context, id, present, next string, from Place) error {
	c, err := a.load(ctx, id)
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, c, present, from); err != nil {
		return err
	}
	return a.setPassword(ctx, Principal(c.Account, Session{}), id, next)
}

// administers reports whether a principal keeps accounts.
func administers(by trust.Principal) bool {
	return by.Role == trust.Administrator || by.Role == trust.SystemRole
}

func onlyAdministrators() error {
	return fault.New(fault.Forbidden, "Only an administrator may do this.")
}

// change is update for administrators.
func (a *Accounts) change(ctx context.Context, by trust.Principal, id, what string, f func(*credentials)) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	return a.update(ctx, by, id, what, func(c *credentials) error { f(c); return nil })
}

// changeWith is change with further writes.
func (a *Accounts) changeWith(ctx context.Context, by trust.Principal, id, what string, f func(*credentials) []store.ItemWrite) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	var more []store.ItemWrite
	return a.updateWith(ctx, by, id, what, func(c *credentials) error { more = f(c); return nil }, func() []store.ItemWrite { return more })
}

// update reads, changes and writes an account, again when someone else wrote in between.
func (a *Accounts) update(ctx context.Context, by trust.Principal, id, what string, f func(*credentials) error) error {
	return a.updateWith(ctx, by, id, what, f, func() []store.ItemWrite { return nil })
}

func (a *Accounts) updateWith(ctx context.Context, by trust.Principal, id, what string, f func(*credentials) error, more func() []store.ItemWrite) error {
	return again(func() error {
		c, err := a.load(ctx, id)
		if err != nil {
			return err
		}
		if err := f(&c); err != nil {
			return err
		}
		w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return err
		}
		_, err = a.store.Commit(ctx, store.Changeset{Items: append(more(), w), Leaf: a.leaf(by, ledger.Account, what+" "+c.User, c.Patient)})
		return err
	})
}

// again repeats an optimistic read and write while others win the race, a few times.
func again(f func() error) error {
	err := f()
	for tries := 0; tries < 8 && fault.Is(err, fault.Conflict); tries++ {
		err = f()
	}
	return err
}

// leaf returns an audit leaf about an account.
func (a *Accounts) leaf(by trust.Principal, action ledger.Action, what, patient string) *ledger.Leaf {
	l := &ledger.Leaf{Time: a.clock.Now(), Actor: by.ID, Name: by.Name, Role: string(by.Role), Purpose: string(by.Purpose),
		Session: by.Session, Action: action, Query: what, Client: by.Client, Network: by.Network}
	if patient != "" {
		l.Patients = []string{patient}
	}
	return l
}

// Recent names the spaces of items that every request asks for. A store that several processes
// write to may know them as they were half a second ago, so that an account that was ended through
// one process is out of the others within that time.
func Recent() []string { return []string{spaceAccount, spaceSession, spaceToken} }
