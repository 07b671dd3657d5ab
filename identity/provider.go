package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// spaceSingle holds single sign-on: the provider, whose account a person of the provider opens
// ("link/" and a digest), and to which account a session at the provider belongs ("sid/").
const spaceSingle = "single-sign-on"

const providerKey = "provider"

// Provider is the hospital's own sign-in, an OpenID Connect provider, with which staff come in
// instead of a password here. identity/sso speaks with it. The zero Provider is none.
type Provider struct {
	// Name is what people call it, for the button: "St Elsewhere".
	Name string `json:"name"`
	// Issuer is its address, exactly as it names itself: "https://login.hospital.example/realms/staff".
	Issuer string `json:"issuer"`
	// Client is the id under which Osler is registered there; Secret is its secret, "" for a
	// public client, which proves itself by PKCE alone.
	Client string `json:"client"`
	Secret string `json:"secret,omitempty"`
	// House says that the issuer's host lies in the clinic's own network.
	House bool `json:"house,omitempty"`
	// ACR and AMR are the values by which the provider says that a second factor was shown: one
	// of each list that is not empty must be in the answer. With both empty, the provider counts
	// as one factor, and Osler asks for the second one itself.
	ACR []string `json:"acr,omitempty"`
	AMR []string `json:"amr,omitempty"`
	// Create makes an account at the first sign-in of whom Roles gives a role.
	Create bool `json:"create,omitempty"`
	// Claim is where the answer says what somebody is: "groups", "realm_access.roles".
	Claim string `json:"claim,omitempty"`
	// Roles says which value of Claim gives which role here. The first that fits counts.
	Roles []RoleOf `json:"roles,omitempty"`
	// Only lets staff in by the provider only. Administrators keep their own way in, so that a
	// provider that is down or set up wrongly locks nobody out for good.
	Only bool `json:"only,omitempty"`
}

// RoleOf gives a role to whom the provider calls something.
type RoleOf struct {
	Value string     `json:"value"` // "emr-physicians"
	Role  trust.Role `json:"role"`
}

// Proves reports whether the provider's answer stands for all that a sign-in asks for.
func (p Provider) Proves() bool { return len(p.ACR)+len(p.AMR) > 0 }

// Role returns the role of somebody with these values of Claim, "" for none.
func (p Provider) Role(values []string) trust.Role {
	for _, r := range p.Roles {
		if slices.Contains(values, r.Value) {
			return r.Role
		}
	}
	return ""
}

// Mapped reports whether accounts of a role may be made at a first sign-in. Administrators are
// invited by name: whoever keeps groups at the provider does not thereby make one here.
func Mapped(r trust.Role) bool { return staffRole(r) && r != trust.Administrator }

// Check returns a fault that says what is missing, by the field of the form.
func (p Provider) Check() error {
	var issues []fault.Issue
	say := func(field, text string) {
		issues = append(issues, fault.Issue{Severity: "error", Type: "required", Expression: field, Text: text})
	}
	if p.Name == "" || len(p.Name) > 80 {
		say("name", "Type the name that people know it by, at most 80 characters: it stands on the button.")
	}
	if !strings.HasPrefix(p.Issuer, "https://") && !strings.HasPrefix(p.Issuer, "http://") || strings.ContainsAny(p.Issuer, "?# ") || len(p.Issuer) > 500 {
		say("issuer", "Type the provider's address as it names itself, such as https://login.hospital.example/realms/staff.")
	}
	if p.Client == "" || len(p.Client) > 200 {
		say("client", "Type the client id under which Osler is registered there.")
	}
	if p.Create && p.Claim == "" {
		say("claim", "Accounts can be made by themselves only where the answer says what somebody is: name the claim.")
	}
	if p.Create && len(p.Roles) == 0 {
		say("roles", "Name at least one value and the role that it gives.")
	}
	for _, r := range p.Roles {
		if r.Value == "" || !Mapped(r.Role) {
			say("roles", "Each line gives a role of staff to one value; administrators are invited by name.")
			break
		}
	}
	if len(issues) > 0 {
		return fault.New(fault.Invalid, "The sign-in of the hospital is not described fully yet.").With(issues...)
	}
	return nil
}

// Provider returns the provider that is in use; the zero Provider when there is none.
func (a *Accounts) Provider(ctx context.Context) (Provider, error) {
	if a.given != nil {
		return *a.given, nil
	}
	item, err := a.store.Item(ctx, spaceSingle, providerKey)
	if fault.Is(err, fault.NotFound) {
		return Provider{}, nil
	}
	if err != nil {
		return Provider{}, err
	}
	var p Provider
	err = json.Unmarshal(item.Value, &p)
	return p, err
}

// Given names the provider that the operator describes; nil leaves it to SetProvider. Call it
// before the server answers.
func (a *Accounts) Given(p *Provider) { a.given = p }

// ProviderIsGiven reports whether the operator named the provider when the server started: then
// no page changes it.
func (a *Accounts) ProviderIsGiven() bool { return a.given != nil }

// SetProvider says which provider is in use from now on; the zero Provider ends single sign-on,
// and the sessions that began with it go on until they end. Administrators do it.
func (a *Accounts) SetProvider(ctx context.Context, by trust.Principal, p Provider) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	if a.ProviderIsGiven() {
		return fault.New(fault.Conflict, "The sign-in of the hospital was named when Osler was started; change it there.")
	}
	what, w := "end single sign-on", store.ItemWrite{Item: store.Item{Space: spaceSingle, Key: providerKey}, Delete: true, IfVersion: -1}
	if p.Issuer != "" {
		if err := p.Check(); err != nil {
			return err
		}
		var err error
		if w, err = write(spaceSingle, providerKey, providerKey, p, time.Time{}, -1); err != nil {
			return err
		}
		what = "set single sign-on to " + p.Issuer + " as " + p.Client
		if p.Create {
			what += ", accounts by " + p.Claim
		}
		if !p.Proves() {
			what += ", second factor here"
		}
		if p.Only {
			what += ", staff only by it"
		}
	}
	_, err := a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: a.leaf(by, ledger.Account, what, "")})
	return err
}

// ByPassword reports whether a password here is any use to somebody who is signed in: there is
// one, and the account does not come in by the provider only. Where not, no page asks for it.
func (a *Accounts) ByPassword(ctx context.Context, id string) (bool, error) {
	c, err := a.load(ctx, id)
	if err != nil || c.Hash == "" {
		return false, err
	}
	other, err := a.elsewhere(ctx, c.Account)
	return !other, err
}

// elsewhere reports whether an account comes in by the provider only.
func (a *Accounts) elsewhere(ctx context.Context, c Account) (bool, error) {
	if c.Role == trust.Administrator || !staffRole(c.Role) {
		return false, nil
	}
	p, err := a.Provider(ctx)
	return p.Issuer != "" && p.Only, err
}
