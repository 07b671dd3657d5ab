// Package ssotest is an OpenID Connect provider for tests: a real one, with codes that work
// once, PKCE, keys that rotate and a page on which people sign in. A test bends what it answers.
//
//	p := ssotest.Start(t)
//	p.People["amara"] = ssotest.Person{Subject: "248289761001", Name: "Amara Okafor", Groups: []string{"physicians"}}
//	p.Bend = func(claims map[string]any) { claims["aud"] = "another" }
package ssotest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/ident"
)

// Person is somebody whom the provider knows.
type Person struct {
	Subject, Name, Given, Family, Email string
	Groups                              []string
}

// The client that the provider knows.
const (
	Client = "osler"
	Secret = "a secret of the client"
)

// Provider is the running provider. Change its fields before a request that they are for.
type Provider struct {
	URL    string // its issuer
	Clock  clock.Clock
	People map[string]Person
	// Redirects are the addresses that are registered.
	Redirects []string
	// ACR and AMR are what it says of how people sign in.
	ACR string
	AMR []string
	// Session is the session that it names.
	Session string
	// NamesIssuer says that it sends iss with its answers.
	NamesIssuer bool
	// Bend changes the claims of a token before it is signed; nil for none.
	Bend func(claims map[string]any)
	// Sign signs claims in place of the provider's key; nil for that.
	Sign func(claims []byte) string
	// Claims is the issuer that its description names, in place of URL; "" for that.
	Claims string
	// Down makes it answer with an error.
	Down bool

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	kid   int
	codes map[string]grant
	asked []url.Values
	keys  int // how often the keys were fetched
}

type grant struct {
	person                     Person
	challenge, nonce, redirect string
	anew                       bool
}

// Start starts a provider that ends with the test.
func Start(t testing.TB) *Provider {
	p := &Provider{Clock: clock.System{}, People: map[string]Person{}, codes: map[string]grant{}, NamesIssuer: true, ACR: "2fa", AMR: []string{"pwd", "otp"}, Session: "s-1"}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /keys", p.jwks)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", p.signIn)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /leave", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "You have left the provider.") })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

// Rotate gives the provider another key, and forgets the former one.
func (p *Provider) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, p.kid+1
}

// Public is the key that the provider signs with, for forgeries.
func (p *Provider) Public() crypto.PublicKey { p.mu.Lock(); defer p.mu.Unlock(); return p.key.Public() }

// KeysFetched returns how often somebody fetched the keys.
func (p *Provider) KeysFetched() int { p.mu.Lock(); defer p.mu.Unlock(); return p.keys }

// Asked returns the parameters of the last question.
func (p *Provider) Asked() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return nil
	}
	return p.asked[len(p.asked)-1]
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) describe(w http.ResponseWriter, r *http.Request) {
	answer(w, map[string]any{"issuer": cmp.Or(p.Claims, p.URL), "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/keys", "end_session_endpoint": p.URL + "/leave", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": p.NamesIssuer, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}})
}

func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys++
	answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: fmt.Sprint(p.kid), Algorithm: "ES256", Use: "sig"}}})
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>St Elsewhere</title><h1>St Elsewhere</h1>
<form method="post"><input type="hidden" name="query" value="{{.Query}}">
{{range .People}}<p><button name="user" value="{{.}}">{{.}}</button></p>{{end}}</form></html>`))

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	p.asked = append(p.asked, q)
	p.mu.Unlock()
	if err := p.registered(q); err != "" {
		http.Error(w, err, http.StatusBadRequest)
		return
	}
	var people []string
	for user := range p.People {
		people = append(people, user)
	}
	slices.Sort(people)
	_ = page.Execute(w, map[string]any{"Query": q.Encode(), "People": people})
}

func (p *Provider) registered(q url.Values) string {
	switch {
	case q.Get("client_id") != Client:
		return "unknown client"
	case !slices.Contains(p.Redirects, q.Get("redirect_uri")):
		return "this redirect is not registered"
	case q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("nonce") == "":
		return "a parameter is missing"
	case q.Get("response_type") != "code" || !strings.Contains(q.Get("scope"), "openid"):
		return "not OpenID Connect"
	}
	return ""
}

func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.FormValue("query"))
	if err != nil {
		http.Error(w, "query", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, p.Answer(q, r.FormValue("user")), http.StatusSeeOther)
}

// Answer signs a person in, without the page, and returns where the browser goes.
func (p *Provider) Answer(q url.Values, user string) string {
	back := url.Values{"state": {q.Get("state")}}
	if p.NamesIssuer {
		back.Set("iss", p.URL)
	}
	who, ok := p.People[user]
	if !ok {
		back.Set("error", "access_denied")
	} else {
		code := ident.Secret()
		p.mu.Lock()
		p.codes[code] = grant{person: who, challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirect: q.Get("redirect_uri"), anew: q.Get("prompt") == "login"}
		p.mu.Unlock()
		back.Set("code", code)
	}
	return q.Get("redirect_uri") + "?" + back.Encode()
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	fail := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	if user, secret, _ := r.BasicAuth(); user != Client || secret != url.QueryEscape(Secret) {
		fail("invalid_client")
		return
	}
	p.mu.Lock()
	g, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code")) // once
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || g.redirect != r.FormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		fail("invalid_grant")
		return
	}
	now := p.Clock.Now()
	claims := map[string]any{"iss": p.URL, "sub": g.person.Subject, "aud": Client, "exp": now.Unix() + 300, "iat": now.Unix(), "nonce": g.nonce,
		"name": g.person.Name, "given_name": g.person.Given, "family_name": g.person.Family, "email": g.person.Email, "email_verified": true,
		"preferred_username": g.person.Email, "groups": g.person.Groups, "acr": p.ACR, "amr": p.AMR, "sid": p.Session, "auth_time": now.Unix()}
	if !g.anew {
		claims["auth_time"] = now.Unix() - 3000
	}
	answer(w, map[string]any{"access_token": "not for Osler", "token_type": "Bearer", "id_token": p.Signed(claims)})
}

// Signed signs claims as Bend, Sign and the provider's key have it.
func (p *Provider) Signed(claims map[string]any) string {
	if p.Bend != nil {
		p.Bend(claims)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	if p.Sign != nil {
		return p.Sign(body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return SignWith(jose.ES256, p.key, fmt.Sprint(p.kid), body)
}

// SignWith signs a payload as a compact JWS.
func SignWith(alg jose.SignatureAlgorithm, key any, kid string, body []byte) string {
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Logout returns a logout token for a person or a session.
func (p *Provider) Logout(subject, session string) string {
	claims := map[string]any{"iss": p.URL, "aud": Client, "iat": p.Clock.Now().Unix(), "exp": p.Clock.Now().Unix() + 120, "jti": ident.Secret(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	if subject != "" {
		claims["sub"] = subject
	}
	if session != "" {
		claims["sid"] = session
	}
	return p.Signed(claims)
}
