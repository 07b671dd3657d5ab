// Package sso speaks with the hospital's own sign-in, an OpenID Connect provider: Osler is its
// client. Who may come in with the answer is identity's affair; pages are door/web's.
//
//	leave, state, err := single.Begin(ctx, sso.Ask{For: sso.SignIn, Next: "/today"}, back)
//	// the browser goes to leave, with state in a cookie, and comes back:
//	answer, err := single.Finish(ctx, state, query, back)
//	session, secret, err := accounts.SignInFederated(ctx, answer.Who, place)
//
// It is the authorization code flow with PKCE (S256), state and nonce (OpenID Connect Core 1.0,
// RFC 9700). The answer counts when the state is that of this browser, the issuer that answers
// is the one that was asked (RFC 9207), the code is redeemed under the same redirect address,
// and the ID token has a signature of the provider by an asymmetric algorithm, our client id
// (and azp), the nonce, a time of issue after the question, and, where the person had to prove
// it anew, a time of authentication after the question.
//
// What is asked stays in the browser, with a proof that it was made here: nobody fills the store
// by pressing the button. Calls to the provider go through base/outbound.
package sso

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/identity"
)

// Options are what Single needs.
type Options struct {
	Accounts *identity.Accounts
	Clock    clock.Clock
	Log      *slog.Logger
	// Key proves that a state was made here; processes that share a store share it.
	Key []byte
	// Guard decides what may be reached; Provider.House adds the issuer's host to it.
	Guard outbound.Guard
}

// Single is single sign-on with the provider that identity names. It is safe for concurrent use.
type Single struct {
	Options
	mu    sync.Mutex
	known *house
}

// Limits.
const (
	stateFor  = 10 * time.Minute // to sign in at the provider
	slack     = 2 * time.Minute  // between two clocks
	houseFor  = time.Hour        // the provider's description is used
	reachFor  = 10 * time.Second // for one call
	maxAnswer = 1 << 20          // bytes of one answer
	maxToken  = 64 << 10         // bytes of an ID token
	logoutFor = 10 * time.Minute // age of a logout token
)

// Open returns single sign-on.
func Open(o Options) *Single {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Single{Options: o}
}

// house is the provider as it describes itself.
type house struct {
	provider identity.Provider
	until    time.Time
	client   *http.Client
	oidc     *oidc.Provider
	about    about
}

// about is what the description adds to what go-oidc reads.
type about struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	Auth          []string `json:"token_endpoint_auth_methods_supported"`
}

// Try reads the provider's description and keys, as a sign-in would: whoever sets it up learns
// at once what is wrong.
func (s *Single) Try(ctx context.Context, p identity.Provider) error {
	if err := p.Check(); err != nil {
		return err
	}
	_, err := s.read(ctx, p)
	return err
}

// house returns the provider that is in use, with its description.
func (s *Single) house(ctx context.Context) (*house, error) {
	p, err := s.Accounts.Provider(ctx)
	if err != nil {
		return nil, err
	}
	if p.Issuer == "" {
		return nil, fault.New(fault.NotFound, "There is no sign-in of a hospital here.")
	}
	s.mu.Lock()
	h := s.known
	s.mu.Unlock()
	if h != nil && same(h.provider, p) && s.Clock.Now().Before(h.until) {
		now := *h
		now.provider = p // what it has to show may have changed
		return &now, nil
	}
	if h, err = s.read(ctx, p); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = h
	return h, nil
}

// same reports whether what was read of one provider is good for the other.
func same(a, b identity.Provider) bool { return a.Issuer == b.Issuer && a.House == b.House }

func (s *Single) read(ctx context.Context, p identity.Provider) (*house, error) {
	issuer, err := s.Guard.URL(p.Issuer)
	if err != nil {
		return nil, err
	}
	guard := s.Guard
	if p.House && issuer.Scheme == "https" { // by plain http only where the operator says so
		guard = guard.With(issuer.Hostname())
	}
	client := guard.Client(reachFor)
	client.Transport = bounded{client.Transport}
	within, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(within, client), p.Issuer)
	if err != nil {
		return nil, s.unreachable(ctx, p, err)
	}
	h := &house{provider: p, until: s.Clock.Now().Add(houseFor), client: client, oidc: found}
	if err := found.Claims(&h.about); err != nil {
		return nil, s.unreachable(ctx, p, err)
	}
	for _, address := range []string{h.about.Authorization, h.about.Token, h.about.Keys} {
		if u, err := guard.URL(address); err != nil || issuer.Scheme == "https" && u.Scheme != "https" {
			return nil, fault.New(fault.Unavailable, "The description of %q names an address that Osler does not use; each must begin with https:// and be public or allowed.", p.Name)
		}
	}
	return h, nil
}

// unreachable says that the provider cannot be used at the moment. The reason is logged: it may
// hold what somebody else wrote.
func (s *Single) unreachable(ctx context.Context, p identity.Provider, err error) error {
	s.Log.Warn("single sign-on: the provider cannot be used", "issuer", p.Issuer, "error", short(err))
	s.note(ctx, "the provider cannot be used: "+short(err))
	if fault.Is(err, fault.Forbidden) {
		return fault.New(fault.Forbidden, "The provider's address lies in a network that is not public. An administrator can say that it is the house's own.")
	}
	return fault.New(fault.Unavailable, "The sign-in of the hospital does not answer as it should. Try again; who has a password or a passkey here signs in with it.")
}

// note keeps what went wrong for the administrator's page. The visitor is not told.
func (s *Single) note(ctx context.Context, what string) {
	if err := s.Accounts.NoteSingle(ctx, what); err != nil {
		s.Log.Warn("single sign-on: what went wrong was not kept", "error", err.Error())
	}
}

// short keeps a long answer out of the log.
func short(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return text[:min(len(text), 300)]
}

// bounded reads no more of an answer than is needed.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = limited{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

type limited struct {
	io.Reader
	io.Closer
}

func (h *house) oauth(back string) *oauth2.Config {
	e := h.oidc.Endpoint()
	e.AuthStyle = oauth2.AuthStyleInHeader // a code is never sent twice to find out
	if h.provider.Secret == "" || len(h.about.Auth) > 0 && !slices.Contains(h.about.Auth, "client_secret_basic") {
		e.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: h.provider.Client, ClientSecret: h.provider.Secret, Endpoint: e, RedirectURL: back,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
}

// reach is a context in which the libraries use the guarded client.
func (h *house) reach(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, h.client)
}

func (s *Single) verifier(h *house) *oidc.IDTokenVerifier {
	return h.oidc.Verifier(&oidc.Config{ClientID: h.provider.Client, Now: s.Clock.Now})
}

// Purpose is what an answer of the provider is for.
type Purpose string

// The purposes.
const (
	SignIn  Purpose = "sign-in"
	Prove   Purpose = "prove"   // a signed-in person proves who they are once more, or unlocks
	Connect Purpose = "connect" // a signed-in person connects the account
	Invited Purpose = "invited" // a person accepts an invitation
)

// Ask is what the provider is asked for.
type Ask struct {
	For     Purpose `json:"for"`
	Next    string  `json:"next,omitempty"`    // page that follows
	Account string  `json:"account,omitempty"` // of Prove and Connect
	Link    string  `json:"link,omitempty"`    // secret of the invitation
}

// state is what the browser keeps until it comes back.
type state struct {
	Ask
	Issuer   string    `json:"issuer"`
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Back     string    `json:"back"`
	Begun    time.Time `json:"begun"`
}

// Begin returns where the browser goes, and what it keeps in a cookie meanwhile. back is the
// address under which it comes back, as it is registered at the provider.
func (s *Single) Begin(ctx context.Context, a Ask, back string) (leave, kept string, err error) {
	h, err := s.house(ctx)
	if err != nil {
		return "", "", err
	}
	st := state{Ask: a, Issuer: h.provider.Issuer, State: ident.Secret(), Nonce: ident.Secret(), Verifier: oauth2.GenerateVerifier(), Back: back, Begun: s.Clock.Now()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(st.Nonce), oauth2.S256ChallengeOption(st.Verifier)}
	if len(h.provider.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(h.provider.ACR, " ")))
	}
	if a.For.anew() {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	if kept, err = s.keep(st); err != nil {
		return "", "", err
	}
	return h.oauth(back).AuthCodeURL(st.State, options...), kept, nil
}

// anew reports whether the person has to show at the provider who they are, signed in there or
// not: before grave acts, and so that nobody's account is connected to whoever used the browser
// last.
func (p Purpose) anew() bool { return p == Prove || p == Connect }

func (s *Single) keep(st state) (string, error) {
	b, err := json.Marshal(st)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(s.code(b), b...)), nil
}

func (s *Single) code(b []byte) []byte {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("single sign-on state\x00"))
	mac.Write(b)
	return mac.Sum(nil)
}

func (s *Single) kept(text string) (state, error) {
	late := fault.New(fault.Gone, "This sign-in took too long, or was begun in another browser. Begin it again.")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) <= sha256.Size || !hmac.Equal(b[:sha256.Size], s.code(b[sha256.Size:])) {
		return state{}, late
	}
	var st state
	if err := json.Unmarshal(b[sha256.Size:], &st); err != nil {
		return state{}, late
	}
	if age := s.Clock.Now().Sub(st.Begun); age > stateFor || age < -slack {
		return state{}, late
	}
	return st, nil
}

// Leave returns where a person signs out at the provider, and comes back from to an address of
// this site; "" where the provider has no such page.
func (s *Single) Leave(ctx context.Context, back string) (string, error) {
	h, err := s.house(ctx)
	if err != nil || h.about.EndSession == "" {
		return "", err
	}
	u, err := url.Parse(h.about.EndSession)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", nil
	}
	q := u.Query()
	q.Set("client_id", h.provider.Client)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
