package identity

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// How long one-time links work.
const (
	SetUpFor  = 24 * time.Hour
	InviteFor = 7 * 24 * time.Hour
)

// Link is a one-time link: the first set-up, when Account is "", or a person's invitation
// to choose a password.
type Link struct {
	Account string    `json:"account,omitempty"`
	Expires time.Time `json:"expires"`
	// Asks says that the link works with a check code only. A second member of staff, who has
	// Seen the person, gives it to them: whoever made the link does not know it.
	Asks  bool      `json:"asks,omitempty"`
	Made  Confirmed `json:"made,omitzero"`
	Check string    `json:"check,omitempty"` // hash of the check code; "" before somebody gave it
	Seen  Confirmed `json:"seen,omitzero"`
	Tries int       `json:"tries,omitempty"` // codes that were typed

	key     string
	version int64
}

const firstStart = "first-start"

// HasAccounts reports whether anybody can sign in; if not, SetUpLink is due.
func (a *Accounts) HasAccounts(ctx context.Context) (bool, error) {
	items, err := a.store.Items(ctx, spaceAccount, "name")
	return len(items) > 0, err
}

// SetUpLink returns the secret of the link with which the first administrator makes the
// first account; earlier links stop working. When there is an account it is
// fault.Conflict.
func (a *Accounts) SetUpLink(ctx context.Context) (string, error) {
	if err := a.unused(ctx); err != nil {
		return "", err
	}
	old, err := a.store.Items(ctx, spaceSetup, firstStart)
	if err != nil {
		return "", err
	}
	var items []store.ItemWrite
	for _, item := range old {
		items = append(items, store.ItemWrite{Item: store.Item{Space: spaceSetup, Key: item.Key}, Delete: true, IfVersion: -1})
	}
	secret := ident.Secret()
	w, err := writeLink(digest(secret), firstStart, Link{Expires: a.clock.Now().Add(SetUpFor)})
	if err != nil {
		return "", err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, w), Leaf: a.leaf(trust.System("set-up"), ledger.Account, "make set-up link", "")})
	return secret, err
}

func (a *Accounts) unused(ctx context.Context) error {
	has, err := a.HasAccounts(ctx)
	if err == nil && has {
		return fault.New(fault.Conflict, "Osler is set up already: an administrator invites further people.")
	}
	return err
}

func writeLink(key, owner string, l Link) (store.ItemWrite, error) {
	return write(spaceSetup, key, owner, l, l.Expires, l.version)
}

// link makes a link to an account, and the writes that it needs. One to the portal that a member
// of staff makes waits for a second one (SeePerson).
func (a *Accounts) link(by trust.Principal, c Account) (string, []store.ItemWrite, error) {
	secret, now := ident.Secret(), a.clock.Now()
	l := Link{Account: c.ID, Expires: now.Add(InviteFor), Made: Confirmed{by.ID, by.Name, now}}
	l.Asks = c.Role == trust.Patient && by.Role != trust.SystemRole
	one, err := writeLink(digest(secret), c.ID, l)
	if err != nil || !l.Asks {
		return secret, []store.ItemWrite{one}, err
	}
	two, err := write(spacePortalWaits, "link/"+c.ID, waitsFor, Awaited{Account: c.ID, Patient: c.Patient, Made: l.Made}, l.Expires, -1)
	return secret, []store.ItemWrite{one, two}, err
}

// FindLink returns what a link is for; fault.Gone when it was used, has expired or never
// existed.
func (a *Accounts) FindLink(ctx context.Context, secret string) (Link, error) {
	gone := fault.New(fault.Gone, "This link does not work any more: each link works once and for a limited time. Ask for a new one.")
	item, err := a.store.Item(ctx, spaceSetup, digest(secret))
	if fault.Is(err, fault.NotFound) {
		return Link{}, gone
	}
	if err != nil {
		return Link{}, err
	}
	l := Link{key: item.Key, version: item.Version}
	if err := json.Unmarshal(item.Value, &l); err != nil {
		return Link{}, err
	}
	if !a.clock.Now().Before(l.Expires) {
		return Link{}, gone
	}
	return l, nil
}

// use returns the write that uses a link up; of two at the same time one fails.
func (l Link) use() store.ItemWrite {
	return store.ItemWrite{Item: store.Item{Space: spaceSetup, Key: l.key}, Delete: true, IfVersion: l.version}
}

// CompleteSetUp makes the first administrator. The draft needs user, name and password;
// its role does not count.
func (a *Accounts) CompleteSetUp(ctx context.Context, secret string, d Draft) (Account, error) {
	l, err := a.FindLink(ctx, secret)
	if err != nil {
		return Account{}, err
	}
	if l.Account != "" {
		return Account{}, fault.New(fault.Gone, "This link is an invitation, not the first set-up.")
	}
	if err := a.unused(ctx); err != nil {
		return Account{}, err
	}
	if d.Password == "" {
		return Account{}, CheckPassword("", "")
	}
	d.Role, d.Patient, d.TOTPSecret = trust.Administrator, "", ""
	c, err := a.draft(ctx, d)
	if err != nil {
		return Account{}, err
	}
	items, err := accountItems(c)
	if err != nil {
		return Account{}, err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, l.use()),
		Leaf: a.leaf(Principal(c.Account, Session{}), ledger.Account, "complete set-up as "+c.User, "")})
	if fault.Is(err, fault.Conflict) {
		return Account{}, fault.New(fault.Gone, "This link was used at the same moment by someone else.")
	}
	return c.Account, err
}

// Invite makes an account without a password and the one-time link with which its owner
// chooses one. Administrators invite everybody; physicians, nurses and the front desk
// invite patients.
func (a *Accounts) Invite(ctx context.Context, by trust.Principal, d Draft) (Account, string, error) {
	if err := a.mayInvite(ctx, by, d.Role); err != nil {
		return Account{}, "", err
	}
	if err := a.notInEmergency(by, d.Patient); err != nil {
		return Account{}, "", err
	}
	d.Password, d.TOTPSecret = "", ""
	c, err := a.draft(ctx, d)
	if err != nil {
		return Account{}, "", err
	}
	items, err := accountItems(c)
	if err != nil {
		return Account{}, "", err
	}
	secret, link, err := a.link(by, c.Account)
	if err != nil {
		return Account{}, "", err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, link...),
		Leaf: a.leaf(by, ledger.Account, "invite "+c.User+" as "+string(c.Role), c.Patient)})
	if fault.Is(err, fault.Conflict) {
		return Account{}, "", nameTaken(c.User)
	}
	return c.Account, secret, err
}

// notInEmergency refuses to let anybody into a chart that is open to who asks by break-glass: an
// emergency asks for no access that outlasts it.
func (a *Accounts) notInEmergency(by trust.Principal, patient string) error {
	if patient != "" && by.Opened(patient, a.clock.Now()).ID != "" {
		return fault.New(fault.Forbidden, "This chart is open to you in an emergency only. Access to it is given by somebody who works with the patient.")
	}
	return nil
}

// OfPatient returns the accounts with which a patient's own record is opened, oldest first.
// Whoever may invite patients may ask, or let others act for them.
func (a *Accounts) OfPatient(ctx context.Context, by trust.Principal, patient string) ([]Account, error) {
	if err := a.mayInvite(ctx, by, trust.Patient); err != nil && (by.Role == trust.Patient || !MayGrantProxy(by, patient)) {
		return nil, err
	}
	items, err := a.store.Items(ctx, spaceAccount, "account")
	if err != nil {
		return nil, err
	}
	var out []Account
	for _, item := range items {
		c, err := decodeAccount(item)
		if err != nil {
			return nil, err
		}
		if patient != "" && c.Patient == patient {
			out = append(out, c.Account)
		}
	}
	return out, nil
}

// mayInvite reports whether somebody may make accounts with a role, and new links for them:
// administrators for all, those who meet patients for patients, and whom an administrator gave
// the right for the roles of that right. What is granted is never more than the role itself
// opens: nobody can be given a right to make administrators.
func (a *Accounts) mayInvite(ctx context.Context, by trust.Principal, role trust.Role) error {
	if administers(by) || role == trust.Patient && (by.Role == trust.Physician || by.Role == trust.Nurse || by.Role == trust.FrontDesk) {
		return nil
	}
	if by.ID != "" && grantable(role) {
		c, err := a.load(ctx, by.ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if !c.Disabled && c.Role == by.Role && slices.ContainsFunc(c.Grants, func(l Lent) bool { return l.Role == role && l.Holds(a.clock.Now()) }) {
			return nil
		}
	}
	return onlyAdministrators()
}

// Invites returns the roles whose accounts somebody may make, in the order of choice.
func (a *Accounts) Invites(ctx context.Context, by trust.Principal, of []trust.Role) ([]trust.Role, error) {
	var out []trust.Role
	for _, role := range of {
		err := a.mayInvite(ctx, by, role)
		if err != nil && !fault.Is(err, fault.Forbidden) {
			return nil, err
		}
		if err == nil {
			out = append(out, role)
		}
	}
	return out, nil
}

// grantable reports whether the right to make accounts of a role can be handed on.
func grantable(role trust.Role) bool {
	return slices.Contains(Lendable(), role)
}

// KeepsPatients reports whether the right to make accounts of patients is lent to somebody: who has it
// by the own role makes them on the page of each patient, and gets no list of all.
func (a Account) KeepsPatients(now time.Time) bool {
	return slices.ContainsFunc(a.Grants, func(l Lent) bool { return l.Role == trust.Patient && l.Holds(now) })
}

// Lent is the right to make accounts of a role, lent until a day.
type Lent struct {
	Role  trust.Role `json:"role"`
	Until time.Time  `json:"until,omitzero"` // zero: it does not end by itself
	By    string     `json:"by,omitempty"`   // name of the administrator who lent it
	Since time.Time  `json:"since,omitzero"`
}

// Holds reports whether the right counts at a moment.
func (l Lent) Holds(now time.Time) bool { return l.Until.IsZero() || now.Before(l.Until) }

// UnmarshalJSON also reads what older versions kept: the role alone.
func (l *Lent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &l.Role)
	}
	type plain Lent
	return json.Unmarshal(b, (*plain)(l))
}

// maxLent is for how long a right is lent at most.
const maxLent = 366 * 24 * time.Hour

// Lendable are the roles for which the right to make accounts can be lent, in the order of choice.
func Lendable() []trust.Role {
	return []trust.Role{trust.Patient, trust.FrontDesk, trust.MedicalAssistant, trust.Nurse, trust.Biller}
}

// Grant lends a member of staff the right to make accounts of some roles until a moment
// (delegated administration), in place of what was lent before; no roles take it back.
// Administrators do it, never for themselves. The right does not include changing roles or
// lending further.
func (a *Accounts) Grant(ctx context.Context, by trust.Principal, id string, until time.Time, roles ...trust.Role) error {
	if by.ID == id {
		return fault.New(fault.Forbidden, "Nobody grants rights to the own account.")
	}
	for _, r := range roles {
		if !grantable(r) {
			return fault.New(fault.Forbidden, "Accounts with the role %q are made by administrators only.", r)
		}
	}
	now := a.clock.Now()
	if len(roles) > 0 && (!until.After(now) || until.After(now.Add(maxLent))) {
		return fault.New(fault.Invalid, "The right is lent until a day in the coming year.")
	}
	lent := make([]Lent, len(roles))
	what := "lend until " + until.Format(time.DateOnly) + " invitations of"
	for i, r := range roles {
		lent[i] = Lent{Role: r, Until: until, By: by.Name, Since: now}
		what += " " + string(r)
	}
	what += " to"
	if len(roles) == 0 {
		what = "take invitations from"
	}
	return a.changeChecked(ctx, by, id, what, func(c *credentials) error {
		if c.Role == trust.Patient {
			return fault.New(fault.Invalid, "A patient's account cannot invite others.")
		}
		c.Grants = lent
		return nil
	})
}

func (a *Accounts) changeChecked(ctx context.Context, by trust.Principal, id, what string, f func(*credentials) error) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	return a.update(ctx, by, id, what, f)
}

// ResetLink makes a new link for a person who forgot the password or lost the invitation;
// earlier ones stop working. The present password keeps working until the link is used.
func (a *Accounts) ResetLink(ctx context.Context, by trust.Principal, id string) (string, error) {
	c, err := a.load(ctx, id)
	if err != nil {
		return "", err
	}
	if err := a.mayInvite(ctx, by, c.Role); err != nil {
		return "", err
	}
	if err := a.notInEmergency(by, c.Patient); err != nil {
		return "", err
	}
	old, err := a.store.Items(ctx, spaceSetup, id)
	if err != nil {
		return "", err
	}
	secret, items, err := a.link(by, c.Account)
	if err != nil {
		return "", err
	}
	for _, item := range old {
		items = append(items, store.ItemWrite{Item: store.Item{Space: spaceSetup, Key: item.Key}, Delete: true, IfVersion: -1})
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: items, Leaf: a.leaf(by, ledger.Account, "make new link for "+c.User, c.Patient)})
	return secret, err
}

// CompleteInvite sets the password that the invited person chose and uses the link up. All
// earlier sessions and tokens of the account end. check is the check code of a link that Asks.
func (a *Accounts) CompleteInvite(ctx context.Context, secret, check, password string) (Account, error) {
	l, err := a.checked(ctx, secret, check)
	if err != nil {
		return Account{}, err
	}
	c, err := a.load(ctx, l.Account)
	if err != nil {
		return Account{}, err
	}
	if c.Disabled {
		return Account{}, fault.New(fault.Gone, "This account is disabled. Ask the clinic.")
	}
	if c.Hash, err = a.newHash(ctx, password, c.User); err != nil {
		return Account{}, err
	}
	c.Invited = false
	w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
	if err != nil {
		return Account{}, err
	}
	self := Principal(c.Account, Session{})
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w, l.use(), waitsNoMore("link/" + c.ID), forgiven(c.User)},
		Leaf: a.leaf(self, ledger.Account, "choose password by link", c.Patient)})
	if fault.Is(err, fault.Conflict) {
		return Account{}, fault.New(fault.Gone, "This link was used at the same moment by someone else.")
	}
	if err != nil {
		return Account{}, err
	}
	return c.Account, a.EndAll(ctx, self, c.ID)
}
