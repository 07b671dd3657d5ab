package identity

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// MaxTokenFor is the longest life of a bearer token.
const MaxTokenFor = 366 * 24 * time.Hour

// tokenPrefix lets scanners of leaked secrets find Osler's tokens.
const tokenPrefix = "osler_"

// token is what the store keeps of a bearer token.
type token struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Patient string    `json:"patient,omitempty"` // whose the account is, when it is a patient's
	Scopes  []string  `json:"scopes"`
	Issued  time.Time `json:"issued,omitzero"`
	Expires time.Time `json:"expires"`
}

// IssueToken makes a bearer token for an account. Its scopes (SMART v1 or v2, such as
// "user/*.rs") narrow what the account's role allows; at least one is needed. The person
// and administrators may issue one. It is returned once and kept as a hash.
func (a *Accounts) IssueToken(ctx context.Context, by trust.Principal, account string, scopes []string, ttl time.Duration) (string, error) {
	if by.ID != account && !administers(by) {
		return "", onlyAdministrators()
	}
	if len(by.Scopes) > 0 {
		return "", fault.New(fault.Forbidden, "A token cannot make another token.")
	}
	if len(scopes) == 0 {
		return "", fault.New(fault.Invalid, "A token needs at least one scope, for example user/*.rs")
	}
	for _, s := range scopes {
		if _, err := policy.ParseScope(s); err != nil {
			return "", err
		}
	}
	if ttl <= 0 || ttl > MaxTokenFor {
		return "", fault.New(fault.Invalid, "A token lives for more than no time and at most %d days.", int(MaxTokenFor.Hours()/24))
	}
	c, err := a.load(ctx, account)
	if err != nil {
		return "", err
	}
	if c.Disabled {
		return "", fault.New(fault.Conflict, "The account is disabled.")
	}
	if !a.enough(c.Account, false) {
		return "", fault.New(fault.Conflict, "The account has no second factor yet. Its owner signs in once and sets one up; then it can have tokens.")
	}
	now := a.clock.Now()
	secret := tokenPrefix + ident.Secret()
	t := token{ID: ident.New(now), Account: account, Patient: c.Patient, Scopes: scopes, Issued: now, Expires: now.Add(ttl)}
	w, err := write(spaceToken, digest(secret), account, t, t.Expires, 0)
	if err != nil {
		return "", err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w},
		Leaf: a.leaf(by, ledger.Account, "issue token "+t.ID+" to "+c.User+" with "+strings.Join(scopes, " "), c.Patient)})
	return secret, err
}

// Token returns the principal behind a bearer token. Unknown, ended and revoked tokens are
// one and the same Refusal (Over).
func (a *Accounts) Token(ctx context.Context, secret string) (trust.Principal, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return trust.Principal{}, refuse(Over)
	}
	item, err := a.store.Item(ctx, spaceToken, digest(secret))
	if fault.Is(err, fault.NotFound) {
		return trust.Principal{}, refuse(Over)
	}
	if err != nil {
		return trust.Principal{}, err
	}
	t, err := a.tokens.of(item.Value)
	if err != nil {
		return trust.Principal{}, err
	}
	if len(t.Scopes) == 0 || !a.clock.Now().Before(t.Expires) || a.rewound(t.Issued) {
		return trust.Principal{}, refuse(Over)
	}
	account, err := a.account(ctx, t.Account)
	if fault.Is(err, fault.NotFound) || err == nil && account.Disabled {
		return trust.Principal{}, refuse(Over)
	}
	if err != nil {
		return trust.Principal{}, err
	}
	if !a.enough(account, false) {
		return trust.Principal{}, refuse(NeedsFactor)
	}
	p := Principal(account, Session{ID: t.ID})
	p.Scopes = t.Scopes
	return p, nil
}

// enough reports whether an account has the second factor that it needs: its own, or, unless
// only that counts, the provider's, where it stood for all factors.
func (a *Accounts) enough(c Account, own bool) bool {
	return c.Strong() || a.options.PasswordAlone || !own && c.Linked != nil && c.Linked.Full
}

// TokenUntil returns when the token of a principal ends by itself; the zero time for a
// principal without one, such as a login session.
func (a *Accounts) TokenUntil(ctx context.Context, p trust.Principal) (time.Time, error) {
	t, err := a.tokenOf(ctx, p)
	return t.Expires, err
}

// Acting returns what a principal is now, for work that goes on in its name after its request
// has ended (a subscription). It has today's role of the account, within the scopes of then.
// The account must still be usable, and a token must not have been ended before its time,
// until: otherwise it is a Refusal (Over). A token whose time is over ends nothing.
func (a *Accounts) Acting(ctx context.Context, was trust.Principal, until time.Time) (trust.Principal, error) {
	c, err := a.load(ctx, was.ID)
	if fault.Is(err, fault.NotFound) || err == nil && (c.Disabled || !a.enough(c.Account, false)) {
		return trust.Principal{}, refuse(Over)
	}
	if err != nil {
		return trust.Principal{}, err
	}
	if a.clock.Now().Before(until) {
		t, err := a.tokenOf(ctx, was)
		if err != nil {
			return trust.Principal{}, err
		}
		if t.ID == "" {
			return trust.Principal{}, refuse(Over)
		}
	}
	p := Principal(c.Account, Session{ID: was.Session})
	p.Scopes = was.Scopes
	return p, nil
}

// tokenOf returns the token that a principal came with; the zero token when there is none.
func (a *Accounts) tokenOf(ctx context.Context, p trust.Principal) (token, error) {
	if p.ID == "" || p.Session == "" || len(p.Scopes) == 0 {
		return token{}, nil
	}
	items, err := a.store.Items(ctx, spaceToken, p.ID)
	if err != nil {
		return token{}, err
	}
	for _, item := range items {
		var t token
		if err := json.Unmarshal(item.Value, &t); err != nil {
			return token{}, err
		}
		if t.ID == p.Session {
			return t, nil
		}
	}
	return token{}, nil
}
