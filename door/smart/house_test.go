package smart

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/clinic"
	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/portal"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	callback = "https://app.example/back"
	starts   = "https://app.example/launch"
	verifier = "a-verifier-of-forty-three-characters-or-more-0123456789"
	labScope = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
)

// house is a whole server with pages, FHIR and programs.
type house struct {
	t       *testing.T
	clock   *clock.Manual
	store   store.Store
	gate    *record.Gate
	users   *identity.Accounts
	server  *oauth.Server
	url     string
	cookies map[string]string // of the signed-in, by user name
	admin   trust.Principal
	key     *ecdsa.PrivateKey // of the programs with a key
	public  oauth.Client      // keeps no secret
	secret  oauth.Client      // client_secret_basic
	post    oauth.Client      // client_secret_post
	keyed   oauth.Client      // private_key_jwt, for people
	backend oauth.Client      // private_key_jwt, by itself
	secrets map[string]string
}

// openHouse opens a house; more may add to the options of its FHIR.
func openHouse(t *testing.T, more ...func(*house, *fhirapi.Options)) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewManual(noon), cookies: map[string]string{}, secrets: map[string]string{}}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	must(t, err)
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: h.clock, Readers: 2, CacheKiB: 2048})
	must(t, err)
	h.store = s
	gate := record.Open(s, h.clock)
	h.gate = gate
	h.users = identity.Open(s, h.clock, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})
	change := record.Change{Dangling: true}
	for _, b := range seeds {
		n, err := fhir.Parse([]byte(b))
		must(t, err)
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	_, err = gate.As(trust.System("test"), "test").Commit(t.Context(), change)
	must(t, err)
	guard, err := outbound.New("127.0.0.1")
	must(t, err)
	h.server = oauth.Open(oauth.Options{Store: s, Accounts: h.users, Clock: h.clock, Key: ring.Key("oauth-signing"), Guard: guard})
	site := &web.Site{Gate: gate, Accounts: h.users, Clock: h.clock, Clinic: "Test clinic"}
	door := &Door{Server: h.server, Example: true}
	pages, err := site.Handler(clinic.Area(), portal.Area(), door.Area())
	must(t, err)
	o := fhirapi.Options{Gate: gate, Authenticate: h.server.Authenticate, Programs: true, Clock: h.clock, Log: slog.New(slog.DiscardHandler), Version: "test"}
	for _, f := range more {
		f(h, &o)
	}
	api := fhirapi.New(o)
	mux := http.NewServeMux()
	mux.Handle("/fhir", api)
	mux.Handle("/fhir/", api)
	door.Mount(mux)
	mux.Handle("/", pages)
	server := httptest.NewServer(mux)
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		api.Close()
		storetest.Concerning(t, s)
		if n, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil || n == 0 {
			t.Errorf("%d audit entries verified: %v", n, err)
		}
		s.Close()
	})
	for _, d := range []identity.Draft{
		{User: "amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara"},
		{User: "noor", Name: "Noor", Role: trust.Nurse, Practitioner: "noor"},
		{User: "root", Name: "Root", Role: trust.Administrator},
		{User: "rosa", Name: "Rosa Díaz", Role: trust.Patient, Patient: "rosa"},
		{User: "sam", Name: "Sam Hill", Role: trust.Patient, Patient: "sam"},
	} {
		d.Password = "lanterns over quarry 41 sparrows"
		_, err := h.users.Create(t.Context(), trust.System("test"), d)
		must(t, err)
		h.signIn(d.User)
	}
	h.admin = trust.Principal{ID: "root", Name: "Root", Role: trust.Administrator}
	h.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: h.key.Public(), KeyID: "k1", Use: "sig", Algorithm: "ES384"}}})
	must(t, err)
	people := []string{"openid", "fhirUser", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access", "patient/*.cruds", "user/*.rs", labScope}
	add := func(c oauth.Client) oauth.Client {
		t.Helper()
		if c.Role == "" {
			c.Redirects, c.Launch, c.Scopes, c.Patients, c.Staff = []string{callback, "https://app.example/other"}, starts, people, true, true
		}
		made, secret, err := h.server.Register(t.Context(), h.admin, c)
		must(t, err)
		h.secrets[made.ID] = secret
		return made
	}
	h.public = add(oauth.Client{Name: "Public", Auth: oauth.AuthNone})
	h.secret = add(oauth.Client{Name: "Secret", Auth: oauth.AuthBasic})
	h.post = add(oauth.Client{Name: "Post", Auth: oauth.AuthPost})
	h.keyed = add(oauth.Client{Name: "Keyed", Auth: oauth.AuthKey, JWKS: set})
	h.backend = add(oauth.Client{Name: "Backend", Auth: oauth.AuthKey, JWKS: set, Role: trust.Physician, Scopes: []string{"system/*.rs"}})
	return h
}

var seeds = []string{
	`{"resourceType":"Patient","id":"rosa","active":true,"name":[{"family":"Díaz","given":["Rosa"]}],"gender":"female","birthDate":"1970-05-06"}`,
	`{"resourceType":"Patient","id":"sam","active":true,"name":[{"family":"Hill","given":["Sam"]}],"gender":"male","birthDate":"1999-12-31"}`,
	`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
	`{"resourceType":"Practitioner","id":"noor","name":[{"family":"Noor"}]}`,
	`{"resourceType":"Encounter","id":"visit","status":"in-progress","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/rosa"}}`,
	observed("rosa-lab", "rosa", "laboratory"), observed("rosa-pulse", "rosa", "vital-signs"), observed("sam-lab", "sam", "laboratory"),
	`{"resourceType":"Condition","id":"rosa-problem","subject":{"reference":"Patient/rosa"},"encounter":{"reference":"Encounter/visit"},"code":{"text":"Gout"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
	`{"resourceType":"DiagnosticReport","id":"report","status":"final","code":{"text":"Panel"},"subject":{"reference":"Patient/rosa"},"result":[{"reference":"Observation/rosa-lab"},{"reference":"Observation/rosa-pulse"}]}`,
}

func observed(id, patient, category string) string {
	return `{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"` + category +
		`"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/` + patient + `"},"effectiveDateTime":"2026-11-20T10:00:00Z","valueQuantity":{"value":72,"unit":"x"}}`
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) signIn(user string) {
	h.t.Helper()
	_, secret, err := h.users.SignInAs(h.t.Context(), trust.System("test"), user, identity.Place{Address: "127.0.0.1"})
	must(h.t, err)
	h.cookies[user] = "osler-session=" + secret
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r reply) text(name string) string { s, _ := r.json[name].(string); return s }

// send makes a request; headers are "Name: value".
func (h *house) send(method, path, body string, headers ...string) reply {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	must(h.t, err)
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	must(h.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(h.t, err)
	out := reply{status: res.StatusCode, header: res.Header, body: string(b)}
	_ = json.Unmarshal(b, &out.json)
	return out
}

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request are the parameters of a good authorization request; change gives name, value pairs,
// "" takes one away.
func (h *house) request(c oauth.Client, scope string, change ...string) url.Values {
	p := url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {callback}, "scope": {scope}, "state": {"s-7f2c"},
		"aud": {h.url + "/fhir"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "nonce": {"n-1"}}
	return with(p, change...)
}

func with(p url.Values, change ...string) url.Values {
	for i := 0; i < len(change); i += 2 {
		if p.Set(change[i], change[i+1]); change[i+1] == "" {
			p.Del(change[i])
		}
	}
	return p
}

// agree sends the consent form of a user: all scopes ticked, and what form adds.
func (h *house) agree(user string, p url.Values, form ...string) reply {
	h.t.Helper()
	f := with(url.Values{"request": {p.Encode()}, "do": {"allow"}, "away": {"yes"}, "scope": strings.Fields(p.Get("scope"))}, form...)
	return h.send("POST", "/oauth/consent", f.Encode(), "Cookie: "+h.cookies[user])
}

// issuer is who answers, by the discovery document.
func (h *house) issuer() string {
	return h.send("GET", "/.well-known/openid-configuration", "").text("issuer")
}

// code lets a program in and returns the code.
func (h *house) code(user string, p url.Values, form ...string) string {
	h.t.Helper()
	a := h.agree(user, p, form...)
	u, err := url.Parse(a.header.Get("Location"))
	must(h.t, err)
	code := u.Query().Get("code")
	if a.status != 303 || code == "" || u.Query().Get("state") != p.Get("state") || u.Query().Get("iss") != h.issuer() {
		h.t.Fatalf("consent answers %d %s %.300s", a.status, a.header.Get("Location"), a.body)
	}
	return code
}

// token asks the token endpoint.
func (h *house) token(p url.Values, headers ...string) reply {
	h.t.Helper()
	return h.send("POST", "/oauth/token", p.Encode(), headers...)
}

func (h *house) redeeming(c oauth.Client, code string, change ...string) url.Values {
	return with(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {c.ID}, "code_verifier": {verifier}}, change...)
}

// tokens lets the public program in, all the way.
func (h *house) tokens(user, scope string, form ...string) reply {
	h.t.Helper()
	a := h.token(h.redeeming(h.public, h.code(user, h.request(h.public, scope), form...)))
	if a.status != 200 {
		h.t.Fatalf("token answers %d %s", a.status, a.body)
	}
	return a
}

func (h *house) basicOf(c oauth.Client) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID)+":"+url.QueryEscape(h.secrets[c.ID])))
}

// fhir asks FHIR with a token.
func (h *house) fhir(token, method, path string, body ...string) reply {
	h.t.Helper()
	return h.send(method, "/fhir/"+path, strings.Join(body, ""), "Authorization: Bearer "+token, "Content-Type: application/fhir+json")
}

// claimed are the claims of a good assertion.
func (h *house) claimed(c oauth.Client) map[string]any {
	now := h.clock.Now().Unix()
	return map[string]any{"iss": c.ID, "sub": c.ID, "aud": h.url + "/oauth/token", "exp": now + 240, "iat": now, "jti": ident.New(h.clock.Now())}
}

// sign makes an assertion by a key and header.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[string]any, claims any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	must(t, err)
	out, err := jwt.Signed(signer).Claims(claims).Serialize()
	must(t, err)
	return out
}

func (h *house) assertion(c oauth.Client) string {
	return sign(h.t, jose.ES384, h.key, map[string]any{"kid": "k1"}, h.claimed(c))
}

// serving asks for a backend's token with an assertion.
func (h *house) serving(assertion string, change ...string) url.Values {
	return with(url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}, change...)
}

// emptyServer is a server that knows nobody.
func emptyServer(t testing.TB) *oauth.Server {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	must(t, err)
	c := clock.NewManual(noon)
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 1, CacheKiB: 1024})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return oauth.Open(oauth.Options{Store: s, Accounts: identity.Open(s, c, identity.Options{}), Clock: c, Key: ring.Key("oauth-signing")})
}
