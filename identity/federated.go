package identity

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Federated is who somebody is at the provider, as identity/sso has verified it. The person is
// known again by Issuer and Subject only: names and e-mail addresses change hands.
type Federated struct {
	Issuer, Subject string
	Name            string // as the provider says, for people
	Session         string // the provider's session ("sid"), "" when it does not say
	Full            bool   // two factors were shown there
	Once            string // of the answer, which is taken once
}

// Linked is what an account keeps of its person at the provider.
type Linked struct {
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"`
	Name    string    `json:"name,omitempty"` // as the provider said when it was connected
	Since   time.Time `json:"since"`
	// Full says whether the provider stood for all factors at the last sign-in.
	Full bool `json:"full,omitempty"`
}

// is reports whether an account belongs to a person of the provider.
func (l *Linked) is(f Federated) bool {
	return l != nil && f.Subject != "" && l.Issuer == f.Issuer && l.Subject == f.Subject
}

const byProvider = "single sign-on"

// Federates reports whether a session with this Session.How began at the provider.
func Federates(how string) bool { return strings.HasPrefix(how, byProvider) }

func linkKey(issuer, subject string) string { return "link/" + digest(issuer+"\x00"+subject) }

func sidKey(issuer, session string) string { return "sid/" + digest(issuer+"\x00"+session) }

// once is the write that takes an answer of the provider, so that nobody shows it again.
func (a *Accounts) once(f Federated) (store.ItemWrite, error) {
	return write(spaceAttempt, "single/"+digest(f.Once), "", true, a.clock.Now().Add(time.Hour), 0)
}

// SignInFederated starts a session for whom the provider has let in. Somebody whom no account
// here belongs to is a Refusal (Unlinked). Where the provider stands for one factor only, it
// is the first step, as a password is: NeedsCode, or a session that sets a second factor up.
func (a *Accounts) SignInFederated(ctx context.Context, f Federated, from Place) (Session, string, error) {
	until, err := a.lockedAt(ctx, addressBucket(from.Address))
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	c, err := a.loadFederated(ctx, f)
	if fault.Is(err, fault.NotFound) || err == nil && c.Disabled {
		return Session{}, "", a.refused(ctx, byProvider, from, c, Unlinked)
	}
	if err != nil {
		return Session{}, "", err
	}
	used, err := a.once(f)
	if err != nil {
		return Session{}, "", err
	}
	b := begun{strong: f.Full || a.options.PasswordAlone, how: byProvider, single: f.Session, items: []store.ItemWrite{used}}
	if c.Linked.Full != f.Full {
		c.Linked.Full = f.Full
		w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return Session{}, "", err
		}
		b.items = append(b.items, w)
	}
	if !f.Full && c.Strong() {
		return Session{}, "", a.halfway(ctx, c, from, ticket{Single: f.Session, How: byProvider}, b.items...)
	}
	return a.start(ctx, c, from, b)
}

// loadFederated returns the account of a person of the provider; fault.NotFound for none.
func (a *Accounts) loadFederated(ctx context.Context, f Federated) (credentials, error) {
	item, err := a.store.Item(ctx, spaceSingle, linkKey(f.Issuer, f.Subject))
	if err != nil {
		return credentials{}, err
	}
	c, err := a.load(ctx, string(item.Value))
	if err == nil && !c.Linked.is(f) {
		return credentials{}, noAccount()
	}
	return c, err
}

// ProveFederated is Prove and Unlock by the provider, which has just asked the person anew.
func (a *Accounts) ProveFederated(ctx context.Context, secret string, f Federated, from Place) (Session, string, error) {
	used, err := a.once(f)
	if err != nil {
		return Session{}, "", err
	}
	return a.reopenWith(ctx, secret, from, "prove identity by "+byProvider, func(c credentials) (proved, error) {
		if !c.Linked.is(f) {
			return proved{}, a.refused(ctx, byProvider, from, c, Unlinked)
		}
		return proved{full: f.Full, items: []store.ItemWrite{used}}, nil
	})
}

// Connect links an account to its person at the provider; the person does it, signed in. One
// person there has one account here.
func (a *Accounts) Connect(ctx context.Context, by trust.Principal, f Federated) error {
	return a.connect(ctx, by, by.ID, f, "connect "+byProvider+" to", nil)
}

// ConnectInvited is CompleteInvite for a person who comes in by the provider instead of choosing
// a password.
func (a *Accounts) ConnectInvited(ctx context.Context, secret string, f Federated) (Account, error) {
	l, err := a.FindLink(ctx, secret)
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
	use := l.use()
	return c.Account, a.connect(ctx, Self(c.Account, Session{}), c.ID, f, "accept invitation by "+byProvider+" as", &use)
}

// connect links an account, with the invitation that is used up on the way. The answer that it
// rests on may begin a session afterwards.
func (a *Accounts) connect(ctx context.Context, by trust.Principal, id string, f Federated, what string, link *store.ItemWrite) error {
	if f.Subject == "" || f.Issuer == "" {
		return fault.New(fault.Invalid, "The provider did not say who it is.")
	}
	taken := fault.New(fault.Conflict, "This person of the provider has an account here already.")
	err := again(func() error {
		if _, err := a.store.Item(ctx, spaceSingle, linkKey(f.Issuer, f.Subject)); !fault.Is(err, fault.NotFound) {
			if err == nil {
				err = fault.New(fault.Invalid, "%s", taken.Message)
			}
			return err
		}
		c, err := a.load(ctx, id)
		if err != nil {
			return err
		}
		if !staffRole(c.Role) {
			return fault.New(fault.Forbidden, "Single sign-on is for staff; patients sign in here.")
		}
		if c.Linked != nil {
			return fault.New(fault.Invalid, "The account is connected already; end that first.")
		}
		c.Linked, c.Invited = &Linked{Issuer: f.Issuer, Subject: f.Subject, Name: f.Name, Since: a.clock.Now(), Full: f.Full}, false
		items, err := linkItems(c)
		if err != nil {
			return err
		}
		if link != nil {
			items = append(items, *link)
		}
		_, err = a.store.Commit(ctx, store.Changeset{Items: items, Leaf: a.leaf(by, ledger.Account, what+" "+c.User, "")})
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return taken
	}
	return err
}

// linkItems are the account and the item by which its person is found.
func linkItems(c credentials) ([]store.ItemWrite, error) {
	w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
	link := store.ItemWrite{Item: store.Item{Space: spaceSingle, Key: linkKey(c.Linked.Issuer, c.Linked.Subject), Owner: c.ID, Value: []byte(c.ID)}}
	return []store.ItemWrite{w, link}, err
}

// Disconnect ends the link to the provider, as the person, who must have another way in, or as
// an administrator.
func (a *Accounts) Disconnect(ctx context.Context, by trust.Principal, id string) error {
	if by.ID != id && !administers(by) {
		return onlyAdministrators()
	}
	var gone []store.ItemWrite
	err := a.updateWith(ctx, by, id, "disconnect "+byProvider+" from", func(c *credentials) error {
		if by.ID == id && (!a.enough(c.Account, true) || c.Hash == "" && len(c.Passkeys) == 0) {
			return fault.New(fault.Conflict, "It is your only way in. Set another one up first.")
		}
		gone = c.unlink()
		return nil
	}, func() []store.ItemWrite { return gone })
	return err
}

// unlink takes the provider out of an account and returns the writes that go with it.
func (c *credentials) unlink() []store.ItemWrite {
	if c.Linked == nil {
		return nil
	}
	key := linkKey(c.Linked.Issuer, c.Linked.Subject)
	c.Linked = nil
	return []store.ItemWrite{{Item: store.Item{Space: spaceSingle, Key: key}, Delete: true, IfVersion: -1}}
}

// CreateFederated makes the account of somebody who comes in by the provider for the first time,
// where Provider.Create says so. Nobody is given an account that is there already.
func (a *Accounts) CreateFederated(ctx context.Context, f Federated, d Draft) (Account, error) {
	p, err := a.Provider(ctx)
	if err != nil {
		return Account{}, err
	}
	if !p.Create || p.Issuer != f.Issuer || !Mapped(d.Role) || f.Subject == "" {
		return Account{}, refuse(Unlinked)
	}
	d.Password, d.TOTPSecret, d.Patient, d.Proxy = "", "", "", false
	c, err := a.draft(ctx, d)
	if err != nil {
		return Account{}, err
	}
	c.Invited, c.Linked = false, &Linked{Issuer: f.Issuer, Subject: f.Subject, Name: f.Name, Since: a.clock.Now(), Full: f.Full}
	items, err := accountItems(c)
	if err != nil {
		return Account{}, err
	}
	links, err := linkItems(c)
	if err != nil {
		return Account{}, err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, links[1]),
		Leaf: a.leaf(trust.System(byProvider), ledger.Account, "create account "+c.User+" as "+string(c.Role), "")})
	if fault.Is(err, fault.Conflict) {
		return Account{}, nameTaken(c.User)
	}
	return c.Account, err
}

// EndFederated ends what began with a session at the provider, because the person left there:
// the one session that f names, or every one of the subject. What is not there is no error, what
// was said before is fault.Conflict. It returns how many sessions ended.
func (a *Accounts) EndFederated(ctx context.Context, f Federated) (int, error) {
	at := sidKey(f.Issuer, f.Session)
	if f.Subject != "" {
		at = linkKey(f.Issuer, f.Subject)
	}
	item, err := a.store.Item(ctx, spaceSingle, at)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	id := string(item.Value)
	c, err := a.load(ctx, id)
	if err != nil {
		return 0, err
	}
	items, err := a.store.Items(ctx, spaceSession, id)
	if err != nil {
		return 0, err
	}
	used, err := a.once(f)
	if err != nil {
		return 0, err
	}
	gone := []store.ItemWrite{used}
	for _, item := range items {
		var s Session
		if err := json.Unmarshal(item.Value, &s); err != nil {
			return 0, err
		}
		if Federates(s.How) && (f.Session == "" || s.Single == f.Session) {
			gone = append(gone, store.ItemWrite{Item: store.Item{Space: spaceSession, Key: item.Key}, Delete: true, IfVersion: -1})
		}
	}
	if len(gone) == 1 {
		return 0, nil
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: gone,
		Leaf: a.leaf(trust.System(byProvider), ledger.SignOut, "end sessions of "+c.User+" who left at the provider", "")})
	return len(gone) - 1, err
}
