package sso

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/sso/ssotest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

const back = "https://osler.example/sign-in/single/back"

var (
	admin = trust.Principal{ID: "admin", Role: trust.Administrator}
	place = identity.Place{Address: "192.0.2.7"}
)

type clinic struct {
	*Single
	provider *ssotest.Provider
	clock    *clock.Manual
	t        *testing.T
}

func open(t *testing.T) clinic {
	t.Helper()
	dir, c := t.TempDir(), clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	guard, err := outbound.New("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	accounts := identity.Open(s, c, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}})
	p := ssotest.Start(t)
	p.Clock, p.Redirects = c, []string{back}
	p.People["amara"] = ssotest.Person{Subject: "s-amara", Name: "Amara Okafor", Given: "Amara", Family: "Okafor", Email: "amara@hospital.example", Groups: []string{"staff", "physicians"}}
	p.People["eve"] = ssotest.Person{Subject: "s-eve", Name: "Eve", Email: "amara@hospital.example"}
	h := clinic{Open(Options{Accounts: accounts, Clock: c, Key: []byte("key"), Guard: guard}), p, c, t}
	h.set(func(*identity.Provider) {})
	return h
}

func (h clinic) set(change func(*identity.Provider)) {
	h.t.Helper()
	p := identity.Provider{Name: "St Elsewhere", Issuer: h.provider.URL, Client: ssotest.Client, Secret: ssotest.Secret, ACR: []string{"2fa"}}
	change(&p)
	if err := h.Accounts.SetProvider(h.t.Context(), admin, p); err != nil {
		h.t.Fatal(err)
	}
}

// go goes to the provider and back as a person, and returns what the browser then holds.
func (h clinic) went(a Ask, user string) (kept string, query url.Values) {
	h.t.Helper()
	leave, kept, err := h.Begin(h.t.Context(), a, back)
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := url.Parse(leave)
	if err != nil {
		h.t.Fatal(err)
	}
	u, err = url.Parse(h.provider.Answer(u.Query(), user))
	if err != nil {
		h.t.Fatal(err)
	}
	return kept, u.Query()
}

func (h clinic) signedIn(user string) (Answer, error) {
	kept, query := h.went(Ask{For: SignIn, Next: "/today"}, user)
	return h.Finish(h.t.Context(), kept, query, back)
}

func TestSingleSignOn(t *testing.T) {
	h := open(t)
	a, err := h.signedIn("amara")
	if err != nil {
		t.Fatal(err)
	}
	if a.Who.Issuer != h.provider.URL || a.Who.Subject != "s-amara" || a.Who.Name != "Amara Okafor" || !a.Who.Full || a.Who.Session != "s-1" || a.Next != "/today" {
		t.Errorf("the answer: %+v", a)
	}
	leave, _, err := h.Begin(t.Context(), Ask{For: SignIn}, back)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(leave)
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) < 22 || len(q.Get("state")) < 22 || q.Get("redirect_uri") != back || q.Get("acr_values") != "2fa" || q.Has("prompt") {
		t.Errorf("the question: %v", q)
	}
	// The keys rotate: the next answer is verified by the new one, an old one is not accepted.
	old := h.provider.Signed(map[string]any{"iss": h.provider.URL})
	h.provider.Rotate()
	if _, err := h.signedIn("amara"); err != nil {
		t.Errorf("after the keys rotated: %v", err)
	}
	if _, err := h.verifier(h.known).Verify(t.Context(), old); err == nil {
		t.Error("a token of a key that is gone")
	}
	if leave, err := h.Leave(t.Context(), "https://osler.example/"); err != nil || !strings.HasPrefix(leave, h.provider.URL+"/leave?client_id=osler&post_logout") {
		t.Errorf("leaving: %q %v", leave, err)
	}
}

// TestAbuseD02D05SingleSignOn bends one thing after the other: each is refused, and the same
// person comes in when nothing is bent.
func TestAbuseD02D05SingleSignOn(t *testing.T) {
	h := open(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func() {
		return func() {
			h.provider.Bend = func(c map[string]any) {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}
	}
	sign := func(f func([]byte) string) func() { return func() { h.provider.Sign = f } }
	now := h.clock.Now().Unix()
	for name, bend := range map[string]func(){
		"wrong nonce": claim("nonce", "other"), "no nonce": claim("nonce", nil),
		"wrong audience": claim("aud", "another"), "no audience": claim("aud", nil), "another party": claim("azp", "another"),
		"two audiences and no party": claim("aud", []string{ssotest.Client, "another"}),
		"wrong issuer":               claim("iss", "https://login.other.example"), "no issuer": claim("iss", nil),
		"expired": claim("exp", now-1), "no expiry": claim("exp", nil), "from long ago": claim("iat", now-3600), "from the future": claim("iat", now+3600),
		"not yet": claim("nbf", now+3600), "no subject": claim("sub", ""), "long subject": claim("sub", strings.Repeat("x", 256)),
		"a hash of another access token": claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"no second factor":               claim("acr", "1fa"), "no word of a second factor": claim("acr", nil),
		"none": sign(func(b []byte) string {
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
		}),
		"HS256 with the client's secret": sign(func(b []byte) string {
			return ssotest.SignWith(jose.HS256, []byte(ssotest.Secret+ssotest.Secret), "1", b)
		}),
		"HS256 with the public key": sign(func(b []byte) string {
			der, _ := x509.MarshalPKIXPublicKey(h.provider.Public())
			return ssotest.SignWith(jose.HS256, der, "1", b)
		}),
		"another key":      sign(func(b []byte) string { return ssotest.SignWith(jose.ES256, other, "1", b) }),
		"a key of no name": sign(func(b []byte) string { return ssotest.SignWith(jose.ES256, other, "", b) }),
		"no token":         sign(func([]byte) string { return "" }),
		"not a token":      sign(func([]byte) string { return strings.Repeat(".", 500) }),
	} {
		h.provider.Bend, h.provider.Sign = nil, nil
		bend()
		if a, err := h.signedIn("amara"); !fault.Is(err, fault.Unauthorized) && !fault.Is(err, fault.Forbidden) || a.Who.Subject != "" {
			t.Errorf("%s: %+v %v", name, a.Who, err)
		}
	}
	h.provider.Bend, h.provider.Sign = nil, nil
	if _, err := h.signedIn("amara"); err != nil {
		t.Fatalf("nothing bent: %v", err)
	}
	if _, err := h.signedIn("stranger"); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("whom the provider does not let in: %v", err)
	}
}

// TestAbuseD05SingleSignOnBrowser bends what the browser brings.
func TestAbuseD05SingleSignOnBrowser(t *testing.T) {
	h, ctx := open(t), t.Context()
	for name, bend := range map[string]func(kept string, q url.Values) (string, url.Values, string){
		"another state": func(k string, q url.Values) (string, url.Values, string) { q.Set("state", "other"); return k, q, back },
		"no state":      func(k string, q url.Values) (string, url.Values, string) { q.Del("state"); return k, q, back },
		"two states":    func(k string, q url.Values) (string, url.Values, string) { q.Add("state", "other"); return k, q, back },
		"two codes":     func(k string, q url.Values) (string, url.Values, string) { q.Add("code", "other"); return k, q, back },
		"wrong issuer": func(k string, q url.Values) (string, url.Values, string) {
			q.Set("iss", "https://login.other.example")
			return k, q, back
		},
		"no issuer":        func(k string, q url.Values) (string, url.Values, string) { q.Del("iss"); return k, q, back },
		"another code":     func(k string, q url.Values) (string, url.Values, string) { q.Set("code", "other"); return k, q, back },
		"no code":          func(k string, q url.Values) (string, url.Values, string) { q.Del("code"); return k, q, back },
		"another redirect": func(k string, q url.Values) (string, url.Values, string) { return k, q, back + "/" },
		"no cookie":        func(_ string, q url.Values) (string, url.Values, string) { return "", q, back },
		"a changed cookie": func(k string, q url.Values) (string, url.Values, string) { return k[:len(k)-4] + "AAAA", q, back },
		"another's cookie": func(_ string, q url.Values) (string, url.Values, string) {
			k, _ := h.went(Ask{For: SignIn}, "eve")
			return k, q, back
		},
		"another's code": func(k string, q url.Values) (string, url.Values, string) {
			_, o := h.went(Ask{For: SignIn}, "eve")
			q.Set("code", o.Get("code"))
			return k, q, back
		},
		"an error": func(k string, q url.Values) (string, url.Values, string) {
			q.Set("error", "server_error")
			return k, q, back
		},
		"eleven minutes on": func(k string, q url.Values) (string, url.Values, string) {
			h.clock.Advance(11 * time.Minute)
			return k, q, back
		},
	} {
		kept, query := h.went(Ask{For: SignIn}, "amara")
		kept, query, at := bend(kept, query)
		if a, err := h.Finish(ctx, kept, query, at); err == nil || a.Who.Subject != "" {
			t.Errorf("%s: %+v %v", name, a.Who, err)
		}
	}
	kept, query := h.went(Ask{For: SignIn}, "amara")
	if _, err := h.Finish(ctx, kept, query, back); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Finish(ctx, kept, query, back); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a replayed code: %v", err)
	}
	kept, query = h.went(Ask{For: SignIn}, "amara")
	h.set(func(p *identity.Provider) { p.Issuer = "https://login.other.example" })
	if _, err := h.Finish(ctx, kept, query, back); err == nil {
		t.Error("an answer after the provider was changed")
	}
}

// TestProofAtTheProvider: a proof wants the person asked anew.
func TestProofAtTheProvider(t *testing.T) {
	h, ctx := open(t), t.Context()
	kept, query := h.went(Ask{For: Prove, Account: "a"}, "amara")
	if a, err := h.Finish(ctx, kept, query, back); err != nil || a.Account != "a" {
		t.Fatalf("asked anew: %v", err)
	}
	for name, at := range map[string]any{"long ago": h.clock.Now().Unix() - 3000, "in the future": h.clock.Now().Unix() + 3000, "not said": nil} {
		h.provider.Bend = func(c map[string]any) {
			if c["auth_time"] = at; at == nil {
				delete(c, "auth_time")
			}
		}
		kept, query = h.went(Ask{For: Prove}, "amara")
		if _, err := h.Finish(ctx, kept, query, back); !fault.Is(err, fault.Unauthorized) {
			t.Errorf("authenticated %s: %v", name, err)
		}
	}
}

func TestRolesOfTheProvider(t *testing.T) {
	h := open(t)
	h.set(func(p *identity.Provider) {
		p.Create, p.Claim = true, "groups"
		p.Roles = []identity.RoleOf{{Value: "nurses", Role: trust.Nurse}, {Value: "physicians", Role: trust.Physician}}
	})
	if a, err := h.signedIn("amara"); err != nil || a.Role != trust.Physician {
		t.Errorf("a physician: %q %v", a.Role, err)
	}
	if a, err := h.signedIn("eve"); err != nil || a.Role != "" {
		t.Errorf("nobody: %q %v", a.Role, err)
	}
	nested := map[string]any{"realm_access": map[string]any{"roles": []any{"a", 7, "b"}}, "a.b": "whole"}
	if got := values(nested, "realm_access.roles"); len(got) != 2 || got[1] != "b" {
		t.Errorf("nested: %v", got)
	}
	if got := values(nested, "a.b"); len(got) != 1 || got[0] != "whole" {
		t.Errorf("with a dot: %v", got)
	}
	if got := values(nested, "x.y.z"); got != nil {
		t.Errorf("absent: %v", got)
	}
}

// TestAbuseD11SingleSignOn: a provider in a network that is not public is not called, unless an
// administrator says that its host is the house's own, and then by https only.
func TestAbuseD11SingleSignOn(t *testing.T) {
	h, ctx := open(t), t.Context()
	h.Guard = outbound.Guard{}
	p := identity.Provider{Name: "x", Issuer: h.provider.URL, Client: "c"}
	before := h.provider.KeysFetched() + len(h.provider.Asked())
	for _, issuer := range []string{h.provider.URL, strings.Replace(h.provider.URL, "http:", "https:", 1), "https://169.254.169.254", "http://login.example"} {
		for _, own := range []bool{false, true} {
			p.Issuer, p.House = issuer, own
			if err := h.Try(ctx, p); err == nil {
				t.Errorf("%s (own %v) is called", issuer, own)
			}
		}
	}
	if h.provider.KeysFetched()+len(h.provider.Asked()) != before {
		t.Error("the provider was reached")
	}
}

// TestProviderDown: the message says what to do, and nothing hangs.
func TestProviderDown(t *testing.T) {
	h, ctx := open(t), t.Context()
	h.provider.Down = true
	if _, _, err := h.Begin(ctx, Ask{For: SignIn}, back); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "signs in with it") {
		t.Errorf("down: %v", err)
	}
}

// TestMetadataOfAnotherIssuer: OWASP ASVS 10.5.3. A description that names another issuer than the one
// that it was read from is not used, however little they differ, and nobody is sent there.
func TestMetadataOfAnotherIssuer(t *testing.T) {
	for _, claims := range []string{"https://evil.example", "+/", "+/realms/staff", "upper"} {
		h, ctx := open(t), t.Context()
		switch h.provider.Claims = claims; {
		case claims == "upper":
			h.provider.Claims = strings.ToUpper(h.provider.URL)
		case claims[0] == '+':
			h.provider.Claims = h.provider.URL + claims[1:]
		}
		if leave, _, err := h.Begin(ctx, Ask{For: SignIn}, back); !fault.Is(err, fault.Unavailable) || leave != "" {
			t.Errorf("%q: %q %v", h.provider.Claims, leave, err)
		}
		if n := len(h.provider.Asked()); n != 0 {
			t.Errorf("%q: asked %d times", h.provider.Claims, n)
		}
	}
}

// TestWhatGoesWrongIsToldToAdministrators: the cause of a refusal is on the administrator's page and
// in the audit log, and not in what the visitor reads; a flood of refusals makes few entries.
func TestWhatGoesWrongIsToldToAdministrators(t *testing.T) {
	h, ctx := open(t), t.Context()
	h.provider.ACR = "1fa"
	if _, err := h.signedIn("amara"); !fault.Is(err, fault.Forbidden) || strings.Contains(err.Error(), "1fa") {
		t.Fatalf("without a second factor: %v", err)
	}
	for range 50 {
		_, _ = h.signedIn("amara")
	}
	h.clock.Advance(time.Minute)
	h.provider.ACR, h.provider.Bend = "2fa", func(claims map[string]any) { claims["aud"] = "another" }
	if _, err := h.signedIn("amara"); err == nil || strings.Contains(err.Error(), "another") {
		t.Fatalf("a token for somebody else: %v", err)
	}
	list, err := h.Accounts.SingleTroubles(ctx, admin)
	if err != nil || len(list) != 2 || !strings.Contains(list[0].What, "the ID token") || !strings.Contains(list[0].What, "another") || !strings.Contains(list[1].What, `acr "1fa"`) {
		t.Errorf("the administrator reads %+v %v", list, err)
	}
	for i := range 50 { // of strangers, who can say anything
		kept, query := h.went(Ask{For: SignIn}, "amara")
		query.Set("error", fmt.Sprint("made up ", i))
		_, _ = h.Finish(ctx, kept, query, back)
		_, _ = h.LoggedOut(ctx, fmt.Sprint("made up ", i))
	}
	if list, err = h.Accounts.SingleTroubles(ctx, admin); err != nil || len(list) != 4 || strings.Contains(list[0].What+list[1].What, "made up") {
		t.Errorf("after a flood: %+v %v", list, err)
	}
	if _, err := h.Accounts.SingleTroubles(ctx, trust.Principal{ID: "n", Role: trust.Nurse}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse reads it: %v", err)
	}
}

// TestBackChannelLogout: the provider ends sessions here; what is no logout token ends nothing.
func TestBackChannelLogout(t *testing.T) {
	h, ctx := open(t), t.Context()
	start := func(session string) string {
		h.provider.Session = session
		a, err := h.signedIn("amara")
		if err != nil {
			t.Fatal(err)
		}
		_, secret, err := h.Accounts.SignInFederated(ctx, a.Who, place)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	alive := func(secret string) bool { _, _, err := h.Accounts.Session(ctx, secret); return err == nil }
	connected(h)
	one, two := start("s-1"), start("s-2")
	for name, bend := range map[string]func(map[string]any){
		"no event":         func(c map[string]any) { delete(c, "events") },
		"a nonce":          func(c map[string]any) { c["nonce"] = "n" },
		"no jti":           func(c map[string]any) { delete(c, "jti") },
		"wrong audience":   func(c map[string]any) { c["aud"] = "another" },
		"wrong issuer":     func(c map[string]any) { c["iss"] = "https://login.other.example" },
		"expired":          func(c map[string]any) { c["exp"] = h.clock.Now().Unix() - 1 },
		"old":              func(c map[string]any) { c["iat"] = h.clock.Now().Unix() - 3600 },
		"nobody":           func(c map[string]any) { delete(c, "sub"); delete(c, "sid") },
		"an ID token":      func(c map[string]any) { delete(c, "events"); c["nonce"] = "n" },
		"another's person": func(c map[string]any) { c["sub"] = "s-eve"; delete(c, "sid") },
	} {
		h.provider.Bend = bend
		if n, err := h.LoggedOut(ctx, h.provider.Logout("s-amara", "s-1")); n != 0 || err == nil && name != "another's person" {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	h.provider.Bend = nil
	if !alive(one) || !alive(two) {
		t.Fatal("something ended a session")
	}
	token := h.provider.Logout("", "s-1")
	if n, err := h.LoggedOut(ctx, token); n != 1 || err != nil {
		t.Fatalf("one session: %d %v", n, err)
	}
	if alive(one) || !alive(two) {
		t.Error("the wrong session ended")
	}
	three := start("s-1")
	if _, err := h.LoggedOut(ctx, token); !fault.Is(err, fault.Conflict) || !alive(three) {
		t.Errorf("a replayed logout: %v", err)
	}
	if n, err := h.LoggedOut(ctx, h.provider.Logout("s-amara", "")); n != 2 || err != nil || alive(two) || alive(three) {
		t.Errorf("all sessions: %d %v", n, err)
	}
}

// connected makes Amara's account and connects it by invitation.
func connected(h clinic) identity.Account {
	h.t.Helper()
	ctx := h.t.Context()
	_, link, err := h.Accounts.Invite(ctx, admin, identity.Draft{User: "amara", Name: "Amara Okafor", Role: trust.Physician, Practitioner: "p1"})
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := h.signedIn("amara")
	if err != nil {
		h.t.Fatal(err)
	}
	account, err := h.Accounts.ConnectInvited(ctx, link, a.Who)
	if err != nil {
		h.t.Fatal(err)
	}
	return account
}

// TestConnectedAccounts: a person of the provider is known by issuer and subject only.
func TestConnectedAccounts(t *testing.T) {
	h, ctx := open(t), t.Context()
	a, err := h.signedIn("amara")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Accounts.SignInFederated(ctx, a.Who, place); !refusedAs(err, identity.Unlinked) {
		t.Errorf("nobody's account: %v", err)
	}
	account := connected(h)
	a, _ = h.signedIn("amara")
	s, secret, err := h.Accounts.SignInFederated(ctx, a.Who, place)
	if err != nil || s.Account != account.ID || s.Weak {
		t.Fatalf("signing in: %+v %v", s, err)
	}
	if _, _, err := h.Accounts.SignInFederated(ctx, a.Who, place); err == nil {
		t.Error("one answer begins two sessions")
	}
	eve, err := h.signedIn("eve") // the same e-mail address
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Accounts.SignInFederated(ctx, eve.Who, place); !refusedAs(err, identity.Unlinked) {
		t.Errorf("by e-mail address: %v", err)
	}
	if _, _, err := h.Accounts.ProveFederated(ctx, secret, eve.Who, place); !refusedAs(err, identity.Unlinked) {
		t.Errorf("a proof by somebody else: %v", err)
	}
	kept, query := h.went(Ask{For: Prove}, "amara")
	again, err := h.Finish(ctx, kept, query, back)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(identity.StaffIdle)
	if s, _, err := h.Accounts.ProveFederated(ctx, secret, again.Who, place); err != nil || !s.Full.Equal(h.clock.Now()) || s.Locked {
		t.Errorf("a proof: %+v %v", s, err)
	}
	// One person there has one account here.
	_, link, err := h.Accounts.Invite(ctx, admin, identity.Draft{User: "amara2", Name: "Amara", Role: trust.Nurse})
	if err != nil {
		t.Fatal(err)
	}
	a, _ = h.signedIn("amara")
	if _, err := h.Accounts.ConnectInvited(ctx, link, a.Who); !fault.Is(err, fault.Invalid) {
		t.Errorf("a second account: %v", err)
	}
	if err := h.Accounts.Disconnect(ctx, trust.Principal{ID: account.ID}, account.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("the only way in: %v", err)
	}
	if err := h.Accounts.Disconnect(ctx, admin, account.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Accounts.SignInFederated(ctx, a.Who, place); !refusedAs(err, identity.Unlinked) {
		t.Errorf("disconnected: %v", err)
	}
}

// TestOneFactorAtTheProvider: where the provider does not stand for a second factor, Osler asks.
func TestOneFactorAtTheProvider(t *testing.T) {
	h, ctx := open(t), t.Context()
	h.set(func(p *identity.Provider) { p.ACR = nil })
	connected(h)
	a, err := h.signedIn("amara")
	if err != nil || a.Who.Full {
		t.Fatalf("%+v %v", a.Who, err)
	}
	s, secret, err := h.Accounts.SignInFederated(ctx, a.Who, place)
	if err != nil || !s.Weak {
		t.Fatalf("one factor opens %+v %v", s, err)
	}
	_, who, err := h.Accounts.Session(ctx, secret)
	if !refusedAs(err, identity.NeedsFactor) {
		t.Fatalf("the session: %v", err)
	}
	me := identity.Self(who, s)
	e, err := h.Accounts.EnrolTOTP(ctx, me, who.ID)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := identity.TOTPCode(e.Secret, h.clock.Now())
	if err := h.Accounts.ConfirmTOTP(ctx, me, who.ID, code); err != nil {
		t.Fatal(err)
	}
	a, _ = h.signedIn("amara")
	_, _, err = h.Accounts.SignInFederated(ctx, a.Who, place)
	if !refusedAs(err, identity.NeedsCode) {
		t.Fatalf("with a second factor here: %v", err)
	}
	h.clock.Advance(time.Minute)
	code, _ = identity.TOTPCode(e.Secret, h.clock.Now())
	s, _, err = h.Accounts.SecondStep(ctx, err.(*identity.Refusal).Ticket, code, place)
	if err != nil || s.Weak || s.How != "single sign-on and code" || s.Single != "s-1" {
		t.Errorf("the second step: %+v %v", s, err)
	}
}

// TestOnlyTheProvider: staff come in by it alone, administrators also without it.
func TestOnlyTheProvider(t *testing.T) {
	h, ctx := open(t), t.Context()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for user, role := range map[string]trust.Role{"nina": trust.Nurse, "ada": trust.Administrator, "pat": trust.Patient} {
		d := identity.Draft{User: user, Name: user, Role: role, Password: "a calm quiet river", TOTPSecret: secret}
		if role == trust.Patient {
			d.Patient = "p"
		}
		if _, err := h.Accounts.Create(ctx, trust.System("test"), d); err != nil {
			t.Fatal(err)
		}
	}
	h.set(func(p *identity.Provider) { p.Only = true })
	h.provider.Down = true
	for user, want := range map[string]identity.State{"nina": identity.Elsewhere, "ada": identity.NeedsCode, "pat": identity.NeedsCode} {
		if _, _, err := h.Accounts.SignIn(ctx, user, "a calm quiet river", "", place); !refusedAs(err, want) {
			t.Errorf("%s: %v", user, err)
		}
	}
	connected(h.up())
	a, err := h.signedIn("amara")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Accounts.SignInFederated(ctx, a.Who, place); err != nil {
		t.Errorf("by the provider: %v", err)
	}
}

func (h clinic) up() clinic { h.provider.Down = false; return h }

func refusedAs(err error, s identity.State) bool {
	r, ok := err.(*identity.Refusal)
	return ok && r.State == s
}

// FuzzFinish: nothing that a browser sends ends in a panic or an answer.
func FuzzFinish(f *testing.F) {
	f.Add("", "state=a&code=b")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", 80))), "iss=x&error=y")
	s := Open(Options{Clock: clock.System{}, Key: []byte("key")})
	f.Fuzz(func(t *testing.T, kept, query string) {
		q, _ := url.ParseQuery(query)
		if _, err := s.Finish(context.Background(), kept, q, back); err == nil {
			t.Errorf("%q is an answer", kept)
		}
	})
}
