package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// maxPasskeys bounds how many an account holds.
const maxPasskeys = 20

// Passkey is one passkey of an account, as its owner knows it. The public key that belongs to
// it is kept with the account's credentials.
type Passkey struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // chosen by its owner: "Phone", "Key on my badge"
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"`
}

// Relying is the site as a passkey knows it: each works for one host name only, so that a
// page that imitates Osler gets nothing (WebAuthn's relying party).
type Relying struct {
	Host   string // "osler.example", "localhost"; never an IP address
	Origin string // "https://osler.example"
}

// RelyingFor returns the relying party of an address such as "https://osler.example". Passkeys
// need a host name and TLS; only localhost may do without. Otherwise ok is false.
func RelyingFor(address string) (r Relying, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return Relying{}, false
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && host == "localhost") || protocol.ValidateRPID(host) != nil {
		return Relying{}, false
	}
	return Relying{Host: host, Origin: u.Scheme + "://" + strings.ToLower(u.Host)}, true
}

func (a *Accounts) relying(r Relying) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{RPID: r.Host, RPDisplayName: a.options.Issuer, RPOrigins: []string{r.Origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
		AttestationPreference: protocol.PreferNoAttestation})
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "Passkeys do not work at this address: Osler needs a name, such as https://osler.example or http://localhost")
	}
	return w, nil
}

// holder is an account as the library wants to see it.
type holder struct{ c credentials }

func (h holder) WebAuthnID() []byte          { return []byte(h.c.ID) }
func (h holder) WebAuthnName() string        { return h.c.User }
func (h holder) WebAuthnDisplayName() string { return h.c.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, 0, len(h.c.Keys))
	for _, p := range h.c.Passkeys {
		out = append(out, h.c.Keys[p.ID])
	}
	return out
}

func (c credentials) descriptors() []protocol.CredentialDescriptor {
	var out []protocol.CredentialDescriptor
	for _, k := range (holder{c}).WebAuthnCredentials() {
		out = append(out, k.Descriptor())
	}
	return out
}

// PasskeyChallenge returns what a browser hands to the person's passkey (the JSON of
// PublicKeyCredentialRequestOptions). For an account it asks for one of that account's;
// for "" any passkey of this site will do, and says whose it is.
func (a *Accounts) PasskeyChallenge(ctx context.Context, r Relying, account string) (string, error) {
	w, err := a.relying(r)
	if err != nil {
		return "", err
	}
	var options *protocol.CredentialAssertion
	if account == "" {
		options, _, err = w.BeginDiscoverableLogin(webauthn.WithChallenge(a.challenge("sign-in")))
	} else {
		c, loadErr := a.load(ctx, account)
		if loadErr != nil {
			return "", loadErr
		}
		if len(c.Passkeys) == 0 {
			return "", fault.New(fault.NotFound, "The account has no passkey.")
		}
		options, _, err = w.BeginLogin(holder{c}, webauthn.WithChallenge(a.challenge("prove "+account)))
	}
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(options.Response)
	return string(b), err
}

// EnrolPasskey returns what a browser hands to a device that is to make a passkey for the
// person (the JSON of PublicKeyCredentialCreationOptions). AddPasskey ends it.
func (a *Accounts) EnrolPasskey(ctx context.Context, by trust.Principal, id string, r Relying) (string, error) {
	if by.ID != id {
		return "", onlyOwner()
	}
	w, err := a.relying(r)
	if err != nil {
		return "", err
	}
	c, err := a.load(ctx, id)
	if err != nil {
		return "", err
	}
	options, _, err := w.BeginRegistration(holder{c}, webauthn.WithExclusions(c.descriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = a.challenge("register " + id)
			return nil
		})
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(options.Response)
	return string(b), err
}

func onlyOwner() error {
	return fault.New(fault.Forbidden, "How a person signs in is set up by that person.")
}

// AddPasskey keeps the passkey that a device made in answer to EnrolPasskey.
func (a *Accounts) AddPasskey(ctx context.Context, by trust.Principal, id, name string, r Relying, answer string) (Passkey, error) {
	if by.ID != id {
		return Passkey{}, onlyOwner()
	}
	unusable := func(err error) error {
		return fault.Wrap(err, fault.Invalid, "The passkey could not be used; nothing was changed. Try again, or try another device")
	}
	w, err := a.relying(r)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return Passkey{}, unusable(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return Passkey{}, unusable(err)
	}
	once, err := a.answered("register "+id, raw)
	if err != nil {
		return Passkey{}, err
	}
	p := Passkey{Name: passkeyName(name), Created: a.clock.Now()}
	err = again(func() error {
		c, err := a.load(ctx, id)
		if err != nil {
			return err
		}
		if used, err := a.wasAnswered(ctx, once); err != nil || used {
			return fault.New(fault.Invalid, "This passkey was kept already.")
		}
		if len(c.Passkeys) >= maxPasskeys {
			return fault.New(fault.Invalid, "An account holds at most %d passkeys; remove one first.", maxPasskeys)
		}
		key, err := w.CreateCredential(holder{c}, webauthn.SessionData{Challenge: parsed.Response.CollectedClientData.Challenge, RelyingPartyID: r.Host,
			UserID: []byte(id), UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault()}, parsed)
		if err != nil {
			return unusable(err)
		}
		p.ID = base64.RawURLEncoding.EncodeToString(key.ID)
		if _, there := c.Keys[p.ID]; there {
			return fault.New(fault.Invalid, "This passkey was kept already.")
		}
		gone := c.first(by, a.clock.Now())
		if c.Keys == nil {
			c.Keys = map[string]webauthn.Credential{}
		}
		c.Keys[p.ID], c.Passkeys = *key, append(c.Passkeys, p)
		item, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return err
		}
		// Its name says whose it is: of all passkeys of this site each belongs to one account.
		owner := store.ItemWrite{Item: store.Item{Space: spaceAccount, Key: "passkey/" + p.ID, Owner: "passkey", Patient: c.Patient, Value: []byte(c.ID)}}
		_, err = a.store.Commit(ctx, store.Changeset{Items: append(gone, item, once, owner), Leaf: a.leaf(by, ledger.Account, "add passkey "+p.Name+" to "+c.User, c.Patient)})
		return err
	})
	return p, err
}

// passkeyName is a name that a person gave, or one that does.
func passkeyName(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > 60 {
		name = string(r[:60])
	}
	if name == "" {
		return "Passkey"
	}
	return name
}

// RemovePasskey takes a passkey away, as its owner, or as an administrator for a device that is
// lost. The last second factor of an account stays until there is another one.
func (a *Accounts) RemovePasskey(ctx context.Context, by trust.Principal, id, passkey string) error {
	if by.ID != id && !administers(by) {
		return onlyAdministrators()
	}
	return again(func() error {
		c, err := a.load(ctx, id)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(c.Passkeys, func(p Passkey) bool { return p.ID == passkey })
		if at < 0 {
			return fault.New(fault.NotFound, "There is no such passkey.")
		}
		name := c.Passkeys[at].Name
		if by.ID == id && len(c.Passkeys) == 1 && !c.TOTPEnabled && !a.options.PasswordAlone {
			return fault.New(fault.Conflict, "This is your only second factor. Add another one first, then remove it.")
		}
		c.Passkeys = slices.Delete(slices.Clone(c.Passkeys), at, at+1)
		delete(c.Keys, passkey)
		w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return err
		}
		gone := store.ItemWrite{Item: store.Item{Space: spaceAccount, Key: "passkey/" + passkey}, Delete: true, IfVersion: -1}
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w, gone}, Leaf: a.leaf(by, ledger.Account, "remove passkey "+name+" of "+c.User, c.Patient)})
		return err
	})
}

// SignInPasskey starts a session for whom a passkey belongs to: the browser's answer to
// PasskeyChallenge. It needs no user name and no password.
func (a *Accounts) SignInPasskey(ctx context.Context, r Relying, answer string, from Place) (Session, string, error) {
	until, err := a.lockedAt(ctx, addressBucket(from.Address))
	if err != nil {
		return Session{}, "", err
	}
	if !until.IsZero() {
		return Session{}, "", waiting(until)
	}
	c, ok, err := a.passkey(ctx, r, "", answer)
	if err != nil {
		return Session{}, "", err
	}
	if len(ok.items) == 0 || c.Disabled {
		return Session{}, "", a.refused(ctx, "passkey", from, c, WrongPasskey)
	}
	return a.start(ctx, c, from, begun{strong: true, how: "passkey", items: ok.items})
}

// passkey checks a passkey's answer. For an account it must be one of its own; for "" the
// answer says whose it is. A proof without items is a wrong one.
func (a *Accounts) passkey(ctx context.Context, r Relying, account, answer string) (c credentials, ok proved, err error) {
	w, err := a.relying(r)
	if err != nil {
		return credentials{}, proved{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return credentials{}, proved{}, nil
	}
	purpose := "sign-in"
	if account != "" {
		purpose = "prove " + account
	} else {
		account = string(parsed.Response.UserHandle)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return credentials{}, proved{}, nil
	}
	once, err := a.answered(purpose, raw)
	if err != nil {
		return credentials{}, proved{}, nil
	}
	if used, err := a.wasAnswered(ctx, once); err != nil || used {
		return credentials{}, proved{}, err
	}
	c, err = a.load(ctx, account)
	if fault.Is(err, fault.NotFound) {
		return credentials{}, proved{}, nil
	}
	if err != nil {
		return credentials{}, proved{}, err
	}
	key, err := w.ValidateLogin(holder{c}, webauthn.SessionData{Challenge: parsed.Response.CollectedClientData.Challenge, RelyingPartyID: r.Host,
		UserID: []byte(account), UserVerification: protocol.VerificationRequired}, parsed)
	if err != nil || key.Authenticator.CloneWarning { // a passkey that counts backwards was copied
		return c, proved{}, nil
	}
	id := base64.RawURLEncoding.EncodeToString(key.ID)
	at := slices.IndexFunc(c.Passkeys, func(p Passkey) bool { return p.ID == id })
	if at < 0 {
		return c, proved{}, nil
	}
	c.Keys[id], c.Passkeys[at].Used = *key, a.clock.Now()
	item, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
	return c, proved{full: true, items: []store.ItemWrite{item, once}}, err
}

// begun is how a session begins.
type begun struct {
	strong bool // by more than a password, or where that is enough
	how    string
	single string            // the provider's session, where it began there
	items  []store.ItemWrite // what was used up on the way
	paper  bool              // the account is kept with the session, in which it gets a new second factor
}

// start starts a session.
func (a *Accounts) start(ctx context.Context, c credentials, from Place, b begun) (Session, string, error) {
	if other, err := a.elsewhere(ctx, c.Account); err != nil || other && !Federates(b.how) {
		if err == nil {
			err = refuse(Elsewhere)
		}
		return Session{}, "", err
	}
	from, err := a.seenFrom(ctx, c.User, from)
	if err != nil {
		return Session{}, "", err
	}
	now, secret := a.clock.Now(), ident.Secret()
	s := Session{ID: ident.New(now), Account: c.ID, Patient: c.Patient, Created: now, Seen: now, Proved: now, Full: now, Weak: !b.strong,
		From: Place{Address: network(from.Address), Device: from.Device}, How: b.how, Single: b.single}
	w, err := write(spaceSession, digest(secret), c.ID, s, s.Created.Add(SessionFor), 0)
	if err != nil {
		return Session{}, "", err
	}
	if b.single != "" && c.Linked != nil { // the provider may end a session by its name alone
		b.items = append(b.items, store.ItemWrite{Item: store.Item{Space: spaceSingle, Key: sidKey(c.Linked.Issuer, b.single),
			Owner: c.ID, Value: []byte(c.ID), Expires: s.Created.Add(SessionFor)}, IfVersion: -1})
	}
	if b.strong && b.how != "button" {
		var known []store.ItemWrite
		if s.Browser, known, err = a.remembered(c.Account, from); err != nil {
			return Session{}, "", err
		}
		b.items = append(b.items, known...)
	}
	if b.paper {
		c.PaperBy = s.ID
		w, err := write(spaceAccount, c.ID, "account", c, time.Time{}, c.version)
		if err != nil {
			return Session{}, "", err
		}
		b.items = append(b.items, w)
	}
	leaf := a.leaf(Principal(c.Account, Session{ID: s.ID}), ledger.SignIn, "from "+network(from.Address)+" by "+b.how, c.Patient)
	leaf.Network = network(from.Address)
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(b.items, w, cleared(from.counter(c.User))), Leaf: leaf})
	if fault.Is(err, fault.Conflict) {
		return Session{}, "", refuse(WrongCode)
	}
	if err != nil {
		return Session{}, "", err
	}
	return s, secret, nil
}
