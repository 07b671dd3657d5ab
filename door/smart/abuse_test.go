package smart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/identity/oauth"
)

// refused expects an answer that gives nothing and names an error: in JSON, on a page, or on
// the way back to the program's own address.
func (h *house) refused(t *testing.T, a reply, want string) {
	t.Helper()
	back := a.header.Get("Location")
	u, err := url.Parse(back)
	must(t, err)
	if strings.Contains(a.body, "access_token") || u.Query().Has("code") {
		t.Fatalf("it was let in: %d %s %.300s", a.status, back, a.body)
	}
	switch {
	case a.status == 303 && strings.HasPrefix(back, callback):
		if u.Query().Get("error") != want {
			t.Errorf("the program is told %s, want %s", back, want)
		}
	case a.status >= 400 && a.status < 500 && want == "page":
		if back != "" || !strings.Contains(a.body, "<html") {
			t.Errorf("no page: %d %s", a.status, back)
		}
	case a.status >= 400 && a.status < 500 && a.text("error") == want:
	default:
		t.Errorf("answered %d %s %.300s, want %s", a.status, back, a.body, want)
	}
}

const everything = "openid launch/patient offline_access patient/*.rs"

// TestAbuseD05 is the negative suite of OAuth and SMART: what must be refused, each with a
// control that the same is right without the fault (the other tests of this package).
func TestAbuseD05(t *testing.T) {
	h := openHouse(t)
	ask := func(user string, p url.Values) reply {
		return h.send("GET", "/oauth/authorize?"+p.Encode(), "", "Cookie: "+h.cookies[user])
	}
	askWith := func(change ...string) func() reply {
		return func() reply { return ask("rosa", h.request(h.public, everything, change...)) }
	}
	redeem := func(change ...string) func() reply {
		return func() reply {
			return h.token(h.redeeming(h.public, h.code("rosa", h.request(h.public, everything)), change...))
		}
	}
	refreshing := func(token string, change ...string) url.Values {
		return with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {h.public.ID}}, change...)
	}
	cases := []struct {
		name, want string
		do         func() reply
	}{
		// the authorization request
		{"aud missing", "invalid_request", askWith("aud", "")},
		{"aud of another server", "invalid_request", askWith("aud", "https://evil.example/fhir")},
		{"aud with a path behind", "invalid_request", askWith("aud", h.url+"/fhir/Patient")},
		{"aud of this host without fhir", "invalid_request", askWith("aud", h.url)},
		{"PKCE missing", "invalid_request", askWith("code_challenge", "", "code_challenge_method", "")},
		{"PKCE method missing", "invalid_request", askWith("code_challenge_method", "")},
		{"PKCE plain", "invalid_request", askWith("code_challenge_method", "plain", "code_challenge", verifier)},
		{"PKCE method in other letters", "invalid_request", askWith("code_challenge_method", "s256")},
		{"PKCE challenge too short", "invalid_request", askWith("code_challenge", "abc")},
		{"PKCE challenge not base64url", "invalid_request", askWith("code_challenge", strings.Repeat("+", 43))},
		{"state missing", "invalid_request", askWith("state", "")},
		{"implicit flow", "unsupported_response_type", askWith("response_type", "token")},
		{"hybrid flow", "unsupported_response_type", askWith("response_type", "code id_token")},
		{"response in the fragment", "invalid_request", askWith("response_mode", "fragment")},
		{"request as an object", "request_not_supported", askWith("request", "eyJhbGciOiJub25lIn0.e30.")},
		{"request by address", "request_not_supported", askWith("request_uri", "https://evil.example/request")},
		{"scope missing", "invalid_scope", askWith("scope", "")},
		{"scope unknown", "invalid_scope", askWith("scope", "everything please")},
		{"system scope for a person", "invalid_scope", askWith("scope", "system/*.rs")},
		{"scope beyond the registration", "invalid_scope", askWith("scope", "user/*.cruds")},
		{"scope launch without a launch", "invalid_request", askWith("scope", "launch patient/*.rs")},
		{"launch that nobody began", "invalid_request", askWith("scope", "launch patient/*.rs", "launch", "made-up")},
		{"client unknown", "page", askWith("client_id", "nobody")},
		{"client missing", "page", askWith("client_id", "")},
		{"backend service asks a person", "page", askWith("client_id", h.backend.ID)},
		{"redirect missing", "page", askWith("redirect_uri", "")},
		{"redirect of somebody else", "page", askWith("redirect_uri", "https://evil.example/back")},
		{"redirect with more path", "page", askWith("redirect_uri", callback+"/more")},
		{"redirect with a query", "page", askWith("redirect_uri", callback+"?x=1")},
		{"redirect with a user part", "page", askWith("redirect_uri", "https://app.example@evil.example/back")},
		{"redirect in other letters", "page", askWith("redirect_uri", "https://APP.example/back")},
		{"redirect without TLS", "page", askWith("redirect_uri", "http://app.example/back")},
		{"redirect climbing", "page", askWith("redirect_uri", "https://app.example/x/../back")},
		{"parameter twice", "page", func() reply {
			p := h.request(h.public, everything)
			p.Add("redirect_uri", "https://evil.example/back")
			return ask("rosa", p)
		}},
		{"launch of another program", "invalid_request", func() reply {
			return ask("amara", h.request(h.public, "launch patient/*.rs", "launch", h.launch("amara", h.secret, "rosa", "")))
		}},
		{"launch too old", "invalid_request", func() reply {
			launch := h.launch("amara", h.public, "rosa", "")
			h.clock.Advance(oauth.LaunchFor)
			return ask("amara", h.request(h.public, "launch patient/*.rs", "launch", launch))
		}},

		// the consent
		{"launch of another person", "page", func() reply {
			return h.agree("noor", h.request(h.public, "launch patient/*.rs", "launch", h.launch("amara", h.public, "rosa", "")))
		}},
		{"launch used twice", "invalid_request", func() reply {
			p := h.request(h.public, "launch patient/*.rs", "launch", h.launch("amara", h.public, "rosa", ""))
			h.code("amara", p)
			return h.agree("amara", p)
		}},
		{"launch about a record that is not the patient's", "page", func() reply {
			return h.send("POST", "/programs/"+h.public.ID+"/start", "patient=sam&visit=visit", "Cookie: "+h.cookies["amara"])
		}},
		{"swapped launch/patient", "page", func() reply { return h.agree("rosa", h.request(h.public, everything), "patient", "sam") }},
		{"patient that is not there", "page", func() reply { return h.agree("amara", h.request(h.public, everything), "patient", "nobody") }},
		{"consent from another site", "page", func() reply {
			f := url.Values{"request": {h.request(h.public, everything).Encode()}, "do": {"allow"}, "scope": {"patient/*.rs"}}
			a := h.send("POST", "/oauth/consent", f.Encode(), "Cookie: "+h.cookies["rosa"], "Origin: https://evil.example", "Sec-Fetch-Site: cross-site")
			if a.status == 403 {
				a.body = "<html" + a.body // the refusal of cross-site forms is plain text
			}
			return a
		}},
		{"consent of nobody", "page", func() reply { return h.agree("stranger", h.request(h.public, everything)) }},
		{"consent with a changed request", "page", func() reply {
			return h.agree("rosa", h.request(h.public, everything, "redirect_uri", "https://evil.example/back"))
		}},

		// the code
		{"code unknown", "invalid_grant", redeem("code", "made-up")},
		{"code missing", "invalid_grant", redeem("code", "")},
		{"code too old", "invalid_grant", func() reply {
			code := h.code("rosa", h.request(h.public, everything))
			h.clock.Advance(oauth.CodeFor)
			return h.token(h.redeeming(h.public, code))
		}},
		{"code of another client", "invalid_grant", func() reply {
			return h.token(h.redeeming(h.secret, h.code("rosa", h.request(h.public, everything)), "client_id", ""), h.basicOf(h.secret))
		}},
		{"verifier missing", "invalid_grant", redeem("code_verifier", "")},
		{"verifier wrong", "invalid_grant", redeem("code_verifier", strings.Repeat("x", 50))},
		{"verifier is the challenge", "invalid_grant", redeem("code_verifier", challengeOf(verifier))},
		{"verifier too short", "invalid_grant", func() reply {
			short := "short"
			return h.token(h.redeeming(h.public, h.code("rosa", h.request(h.public, everything, "code_challenge", challengeOf(short))), "code_verifier", short))
		}},
		{"redirect missing at the token", "invalid_grant", redeem("redirect_uri", "")},
		{"redirect mixed up at the token", "invalid_grant", redeem("redirect_uri", "https://app.example/other")},
		{"code replayed", "invalid_grant", func() reply {
			p := h.redeeming(h.public, h.code("rosa", h.request(h.public, everything)))
			first := h.token(p)
			second := h.token(p)
			if a := h.fhir(first.text("access_token"), "GET", "Patient/rosa"); first.status != 200 || a.status != 401 {
				t.Errorf("after the replay the first token still opens: %d %d", first.status, a.status)
			}
			return second
		}},
		{"code as a query parameter", "invalid_request", func() reply {
			p := h.redeeming(h.public, h.code("rosa", h.request(h.public, everything)))
			return h.send("POST", "/oauth/token?"+p.Encode(), "", "Content-Type: application/json")
		}},
		{"token request with a parameter twice", "invalid_request", func() reply {
			p := h.redeeming(h.public, h.code("rosa", h.request(h.public, everything)))
			p.Add("code", "other")
			return h.token(p)
		}},
		{"grant type unknown", "unsupported_grant_type", redeem("grant_type", "")},
		{"password grant", "unsupported_grant_type", redeem("grant_type", "password")},
		{"code as bearer token", "page", func() reply {
			a := h.fhir(h.code("rosa", h.request(h.public, everything)), "GET", "Patient/rosa")
			a.body = "<html" + a.body
			return a
		}},

		// the program
		{"secret wrong", "invalid_client", func() reply {
			h.secrets["x"] = "wrong"
			return h.token(h.redeeming(h.secret, "c", "client_id", ""), "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(h.secret.ID+":wrong")))
		}},
		{"secret missing", "invalid_client", func() reply {
			return h.token(h.redeeming(h.secret, h.code("rosa", h.request(h.secret, everything))))
		}},
		{"secret sent in another way than registered", "invalid_client", func() reply {
			return h.token(h.redeeming(h.secret, "c", "client_secret", h.secrets[h.secret.ID]))
		}},
		{"two ways at once", "invalid_request", func() reply {
			return h.token(h.redeeming(h.secret, "c", "client_secret", h.secrets[h.secret.ID]), h.basicOf(h.secret))
		}},
		{"two names at once", "invalid_client", func() reply { return h.token(h.redeeming(h.public, "c"), h.basicOf(h.secret)) }},
		{"program with a key sends none", "invalid_client", func() reply { return h.token(h.redeeming(h.keyed, "c")) }},
		{"header that is not Basic", "invalid_client", func() reply { return h.token(h.redeeming(h.secret, "c"), "Authorization: Digest x") }},
		{"public program as backend", "unauthorized_client", func() reply {
			return h.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {h.public.ID}, "scope": {"system/*.rs"}})
		}},
		{"program for people as backend", "unauthorized_client", func() reply { return h.token(h.serving(h.assertion(h.keyed))) }},
		{"backend asks for a patient's scope", "invalid_scope", func() reply {
			return h.token(h.serving(h.assertion(h.backend), "scope", "patient/*.rs user/*.rs"))
		}},
		{"backend asks for more than registered", "invalid_scope", func() reply {
			return h.token(h.serving(h.assertion(h.backend), "scope", "system/*.cruds"))
		}},
		{"introspection by a public program", "unauthorized_client", func() reply {
			return h.send("POST", "/oauth/introspect", "client_id="+h.public.ID+"&token=x")
		}},
		{"introspection by nobody", "invalid_client", func() reply { return h.send("POST", "/oauth/introspect", "token=x") }},
		{"revocation by nobody", "invalid_client", func() reply { return h.send("POST", "/oauth/revoke", "token=x") }},

		// the refresh
		{"refresh token unknown", "invalid_grant", func() reply { return h.token(refreshing("made-up")) }},
		{"access token as refresh token", "invalid_grant", func() reply { return h.token(refreshing(h.tokens("rosa", everything).text("access_token"))) }},
		{"refresh of a program with a secret without it", "invalid_client", func() reply {
			got := h.token(h.redeeming(h.secret, h.code("rosa", h.request(h.secret, everything)), "client_id", ""), h.basicOf(h.secret))
			return h.token(refreshing(got.text("refresh_token"), "client_id", ""))
		}},
		{"refresh token that nobody knows, without a program", "invalid_grant", func() reply { return h.token(refreshing("made-up", "client_id", "")) }},
		{"refresh that widens", "invalid_scope", func() reply {
			return h.token(refreshing(h.tokens("rosa", everything).text("refresh_token"), "scope", "patient/*.cruds"))
		}},
		{"refresh for system scopes", "invalid_scope", func() reply {
			return h.token(refreshing(h.tokens("rosa", everything).text("refresh_token"), "scope", "system/*.rs"))
		}},
		{"refresh token nobody used for half a year", "invalid_grant", func() reply {
			token := h.tokens("rosa", everything).text("refresh_token")
			h.clock.Advance(oauth.RefreshFor)
			for user := range h.cookies {
				h.signIn(user)
			}
			return h.token(refreshing(token))
		}},
		{"refresh token as bearer token", "page", func() reply {
			a := h.fhir(h.tokens("rosa", everything).text("refresh_token"), "GET", "Patient/rosa")
			a.body = "<html" + a.body
			return a
		}},
	}
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for user := range h.cookies { // the clock goes on between the cases
				h.signIn(user)
			}
			h.refused(t, c.do(), c.want)
		})
	}
	t.Logf("%d cases refused", len(cases))
}

// TestAbuseD06: a refresh token that is used twice ends the whole family, whoever was first;
// so does one that another program shows.
func TestAbuseD06(t *testing.T) {
	h := openHouse(t)
	refresh := func(token string) reply {
		return h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {h.public.ID}})
	}
	first := h.tokens("rosa", everything)
	second := refresh(first.text("refresh_token"))
	if second.status != 200 {
		t.Fatal(second.body)
	}
	h.refused(t, refresh(first.text("refresh_token")), "invalid_grant")
	h.refused(t, refresh(second.text("refresh_token")), "invalid_grant")
	for _, a := range []reply{first, second} {
		if got := h.fhir(a.text("access_token"), "GET", "Patient/rosa"); got.status != 401 {
			t.Errorf("after the reuse, a token of the family opens: %d", got.status)
		}
	}
	third := h.tokens("rosa", everything)
	h.refused(t, h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {third.text("refresh_token")}}, h.basicOf(h.secret)), "invalid_grant")
	h.refused(t, refresh(third.text("refresh_token")), "invalid_grant")
	// Many at once: one wins at most, and then the family is over.
	token := h.tokens("rosa", everything).text("refresh_token")
	won := make(chan reply, 8)
	for range 8 {
		go func() { won <- refresh(token) }()
	}
	wins := 0
	for range 8 {
		if a := <-won; a.status == 200 {
			wins++
		}
	}
	if wins > 1 {
		t.Errorf("one refresh token gave tokens %d times", wins)
	}
	h.refused(t, refresh(token), "invalid_grant")
}

// TestAbuseD07: a program that registers itself can do nothing before an administrator
// approves it, and warns people until the clinic has checked it.
func TestAbuseD07(t *testing.T) {
	h := openHouse(t)
	register := func(body string) reply {
		return h.send("POST", "/oauth/register", body, "Content-Type: application/json")
	}
	made := register(`{"client_name":"Your clinic’s portal","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none","scope":"openid launch/patient offline_access patient/*.rs"}`)
	if made.status != 201 || made.text("client_id") == "" || made.json["client_secret"] != nil {
		t.Fatalf("%d %s", made.status, made.body)
	}
	c := oauth.Client{ID: made.text("client_id")}
	ask := func() reply {
		return h.send("GET", "/oauth/authorize?"+h.request(c, everything).Encode(), "", "Cookie: "+h.cookies["rosa"])
	}
	h.refused(t, ask(), "page")
	h.refused(t, h.token(h.redeeming(c, "x")), "invalid_client")
	list := h.send("GET", "/programs", "", "Cookie: "+h.cookies["root"])
	if !strings.Contains(list.body, "waits for you") || !strings.Contains(list.body, "unverified") {
		t.Error("the administrator does not see that a program waits")
	}
	for _, user := range []string{"amara", "rosa"} {
		if a := h.send("POST", "/programs/"+c.ID, "do=approve", "Cookie: "+h.cookies[user]); a.status != 403 {
			t.Errorf("%s approves it: %d", user, a.status)
		}
	}
	decide := func(f string) {
		t.Helper()
		if a := h.send("POST", "/programs/"+c.ID, f, "Cookie: "+h.cookies["root"]); a.status != 303 {
			t.Fatalf("deciding: %d %s", a.status, a.body)
		}
	}
	decide("do=approve&patients=yes")
	if a := ask(); a.status != 200 || !strings.Contains(a.body, "Unverified program") {
		t.Errorf("approved and not checked: %d without a warning", a.status)
	}
	decide("do=approve&patients=yes&checked=yes")
	if a := ask(); a.status != 200 || strings.Contains(a.body, "Unverified program") {
		t.Errorf("checked: %d with a warning", a.status)
	}
	token := h.token(h.redeeming(c, h.code("rosa", h.request(c, everything)))).text("access_token")
	decide("do=block")
	if a := h.fhir(token, "GET", "Patient/rosa"); a.status != 401 {
		t.Errorf("blocked: its token opens %d", a.status)
	}
	h.refused(t, ask(), "page")
	for _, bad := range []string{`{`, `[]`, `{"client_name":"","redirect_uris":["` + callback + `"]}`, `{"client_name":"x"}`, `{"client_name":"x","redirect_uris":["http://evil.example/"]}`,
		`{"client_name":"x","redirect_uris":["javascript:alert(1)"]}`, `{"client_name":"x","redirect_uris":["https://a.example/#x"]}`, `{"client_name":"x","redirect_uris":["https://u:p@a.example/"]}`,
		`{"client_name":"x\u202egnp","redirect_uris":["` + callback + `"]}`, `{"client_name":"x","redirect_uris":["` + callback + `"],"scope":"admin/*.rs"}`,
		`{"client_name":"x","redirect_uris":["` + callback + `"],"grant_types":["implicit"]}`, `{"client_name":"x","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"private_key_jwt"}`,
		`{"client_name":"x","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://169.254.169.254/keys"}`,
		`{"client_name":"x","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}}`} {
		if a := register(bad); a.status != 400 || a.text("error") == "" || a.text("client_id") != "" {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
	for range 120 {
		made = register(`{"client_name":"Flood","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none"}`)
	}
	if made.status != 429 {
		t.Errorf("registrations have no bound: %d", made.status)
	}
}

// TestAbuseD02 is the corpus of tokens that must prove nothing: as a client assertion, and as
// a bearer token.
func TestAbuseD02(t *testing.T) {
	h := openHouse(t)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	short, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public, err := json.Marshal(jose.JSONWebKey{Key: h.key.Public(), KeyID: "k1"})
	must(t, err)
	kid := map[string]any{"kid": "k1"}
	claims := func(change ...any) map[string]any {
		c := h.claimed(h.backend)
		for i := 0; i < len(change); i += 2 {
			if c[change[i].(string)] = change[i+1]; change[i+1] == nil {
				delete(c, change[i].(string))
			}
		}
		return c
	}
	good := func() string { return h.assertion(h.backend) }
	signed := func(c map[string]any) string { return sign(t, jose.ES384, h.key, kid, c) }
	part := func(v any) string {
		b, err := json.Marshal(v)
		must(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	forged := func(header map[string]any, signature string) string {
		return part(header) + "." + part(claims()) + "." + signature
	}
	withHeader := func(name string, value any) string {
		header := maps.Clone(kid)
		header[name] = value
		return sign(t, jose.ES384, h.key, header, claims())
	}
	parts := strings.Split(good(), ".")
	now := h.clock.Now().Unix()
	replayed := good()
	if a := h.token(h.serving(replayed)); a.status != 200 {
		t.Fatalf("the control: %d %s", a.status, a.body)
	}
	hmac := func(algorithm jose.SignatureAlgorithm, key []byte) string {
		return sign(t, algorithm, key, kid, claims())
	}
	bytes64 := slices.Repeat(public, 3)[:128]
	corpus := map[string]string{
		"alg none":                     forged(map[string]any{"alg": "none", "kid": "k1"}, ""),
		"alg None":                     forged(map[string]any{"alg": "None", "kid": "k1"}, ""),
		"alg NONE with a signature":    forged(map[string]any{"alg": "NONE", "kid": "k1"}, parts[2]),
		"alg missing":                  forged(map[string]any{"kid": "k1"}, parts[2]),
		"alg empty":                    forged(map[string]any{"alg": "", "kid": "k1"}, parts[2]),
		"alg a number":                 forged(map[string]any{"alg": 384, "kid": "k1"}, parts[2]),
		"alg a list":                   forged(map[string]any{"alg": []string{"ES384"}, "kid": "k1"}, parts[2]),
		"HS256 with the public key":    hmac(jose.HS256, public),
		"HS384 with the public key":    hmac(jose.HS384, public),
		"HS512 with the public key":    hmac(jose.HS512, bytes64),
		"RS256":                        sign(t, jose.RS256, rsaKey, kid, claims()),
		"RS384 by a stranger's key":    sign(t, jose.RS384, rsaKey, kid, claims()),
		"RS512":                        sign(t, jose.RS512, rsaKey, kid, claims()),
		"PS384":                        sign(t, jose.PS384, rsaKey, kid, claims()),
		"ES256":                        sign(t, jose.ES256, short, kid, claims()),
		"ES384 by another key":         sign(t, jose.ES384, other, kid, claims()),
		"RS384 header, EC signature":   forged(map[string]any{"alg": "RS384", "kid": "k1"}, parts[2]),
		"kid missing":                  sign(t, jose.ES384, h.key, nil, claims()),
		"kid unknown":                  sign(t, jose.ES384, h.key, map[string]any{"kid": "k2"}, claims()),
		"kid empty":                    sign(t, jose.ES384, h.key, map[string]any{"kid": ""}, claims()),
		"kid a path":                   sign(t, jose.ES384, other, map[string]any{"kid": "../../../../dev/null"}, claims()),
		"kid with SQL":                 sign(t, jose.ES384, other, map[string]any{"kid": "k1' or '1'='1"}, claims()),
		"kid of another kind":          forged(map[string]any{"alg": "ES384", "kid": 1}, parts[2]),
		"jku":                          withHeader("jku", "https://evil.example/keys"),
		"jku on this machine":          withHeader("jku", "http://169.254.169.254/keys"),
		"x5u":                          withHeader("x5u", "https://evil.example/chain"),
		"x5c":                          withHeader("x5c", []string{"AAAA"}),
		"jwk":                          forged(map[string]any{"alg": "ES384", "kid": "k1", "jwk": json.RawMessage(public)}, parts[2]),
		"crit":                         forged(map[string]any{"alg": "ES384", "kid": "k1", "crit": []string{"exp"}, "exp": 1}, parts[2]),
		"b64 false":                    withHeader("b64", false),
		"zip":                          withHeader("zip", "DEF"),
		"signature missing":            parts[0] + "." + parts[1] + ".",
		"signature cut":                parts[0] + "." + parts[1] + "." + parts[2][:20],
		"signature of zeros":           parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 96)),
		"signature changed":            parts[0] + "." + parts[1] + "." + strings.Map(func(r rune) rune { return map[bool]rune{true: 'B', false: r}[r == 'A'] }, parts[2]) + "AAAA",
		"payload changed":              parts[0] + "." + part(claims("scope", "more")) + "." + parts[2],
		"header changed":               part(map[string]any{"alg": "ES384", "kid": "k1", "typ": "at+jwt"}) + "." + parts[1] + "." + parts[2],
		"two parts":                    parts[0] + "." + parts[1],
		"four parts":                   good() + ".x",
		"five parts (JWE)":             "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
		"many dots":                    strings.Repeat(".", 5000),
		"JSON form":                    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"not base64":                   "@@@.@@@.@@@",
		"empty":                        "",
		"blank":                        " ",
		"too long":                     parts[0] + "." + parts[1] + strings.Repeat("A", 9000) + "." + parts[2],
		"expired":                      signed(claims("exp", now-60)),
		"expired in seconds as text":   signed(claims("exp", "soon")),
		"exp missing":                  signed(claims("exp", nil)),
		"exp too far away":             signed(claims("exp", now+600)),
		"exp in milliseconds":          signed(claims("exp", (now+240)*1000)),
		"nbf to come":                  signed(claims("nbf", now+120)),
		"iat to come":                  signed(claims("iat", now+120)),
		"iss missing":                  signed(claims("iss", nil)),
		"iss of nobody":                signed(claims("iss", "nobody", "sub", "nobody")),
		"iss of another program":       signed(claims("iss", h.secret.ID, "sub", h.secret.ID)),
		"sub missing":                  signed(claims("sub", nil)),
		"sub of somebody else":         signed(claims("sub", h.keyed.ID)),
		"aud missing":                  signed(claims("aud", nil)),
		"aud of another server":        signed(claims("aud", "https://evil.example/oauth/token")),
		"aud of another endpoint":      signed(claims("aud", h.url+"/oauth/introspect")),
		"aud with others":              signed(claims("aud", []string{h.url + "/oauth/token", "https://evil.example/oauth/token"})),
		"aud of the FHIR server":       signed(claims("aud", h.url+"/fhir")),
		"jti missing":                  signed(claims("jti", nil)),
		"jti empty":                    signed(claims("jti", "")),
		"jti very long":                signed(claims("jti", strings.Repeat("j", 300))),
		"replayed":                     replayed,
		"claims are a list":            signRaw(t, h.key, `["a"]`),
		"expired and signed by others": sign(t, jose.ES384, other, kid, claims("exp", now-60)),
	}
	if len(corpus) < 60 {
		t.Fatalf("only %d tokens", len(corpus))
	}
	for name, token := range corpus {
		t.Run(name, func(t *testing.T) {
			h.refused(t, h.token(h.serving(token)), "invalid_client")
			if strings.ContainsAny(token, " \x00") || len(token) > 8000 {
				return
			}
			if a := h.fhir(token, "GET", "Patient/rosa"); a.status != 401 {
				t.Errorf("as a bearer token: %d", a.status)
			}
		})
	}
	if a := h.token(h.serving(good())); a.status != 200 {
		t.Errorf("afterwards the good one is refused: %d %s", a.status, a.body)
	}
	t.Logf("%d tokens refused", len(corpus))
}

func signRaw(t *testing.T, key any, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	must(t, err)
	made, err := signer.Sign([]byte(payload))
	must(t, err)
	out, err := made.CompactSerialize()
	must(t, err)
	return out
}

// TestAbuseD03: an assertion that is wrong in two ways is refused; no error hides another.
func TestAbuseD03(t *testing.T) {
	h := openHouse(t)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	past := h.clock.Now().Add(-time.Hour).Unix()
	for name, key := range map[string]*ecdsa.PrivateKey{"expired": h.key, "expired and badly signed": other} {
		c := h.claimed(h.backend)
		c["exp"] = past
		t.Run(name, func(t *testing.T) {
			h.refused(t, h.token(h.serving(sign(t, jose.ES384, key, map[string]any{"kid": "k1"}, c))), "invalid_client")
		})
	}
}

// TestAbuseD04: headers made to keep a parser busy are refused at once.
func TestAbuseD04(t *testing.T) {
	h := openHouse(t)
	for _, token := range hostileHeaders() {
		took := time.Hour
		for tries := 0; tries < 3 && took > 2*time.Second; tries++ { // the best of three: other work on the machine must not fail the test
			start := time.Now()
			if a := h.send("GET", "/fhir/Patient/rosa", "", "Authorization: "+token); a.status != 401 {
				t.Errorf("%.40q: %d", token, a.status)
			}
			h.refused(t, h.token(h.redeeming(h.secret, "x"), "Authorization: "+token), "invalid_client")
			took = min(took, time.Since(start))
		}
		if took > 2*time.Second {
			t.Errorf("%.40q took %v", token, took)
		}
	}
}

func hostileHeaders() []string {
	return []string{"Bearer " + strings.Repeat(".", 50000), "Bearer " + strings.Repeat("a.", 20000), "Bearer oslerapp_" + strings.Repeat("A", 40000), "Bearer ", "Bearer",
		"bearer x y z", "Basic " + strings.Repeat("A", 40000), "Basic ====", "Basic Og==", "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(":", 1000))),
		"Basic JTAwOiUwMA==", "Negotiate x", "Bearer eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00iLCJ6aXAiOiJERUYifQ.a.b.c.d"}
}

// FuzzAuthorization: no Authorization header opens anything or makes the server stumble.
func FuzzAuthorization(f *testing.F) {
	for _, s := range hostileHeaders() {
		if len(s) < 2000 {
			f.Add(s)
		}
	}
	s := emptyServer(f)
	mux := http.NewServeMux()
	(&Door{Server: s}).Mount(mux)
	f.Fuzz(func(t *testing.T, header string) {
		token := strings.TrimPrefix(header, "Bearer ")
		if p, err := s.Authenticate(t.Context(), token); err == nil || p.Role != "" || fault.CodeOf(err) != fault.Unauthorized {
			t.Errorf("%q: %v %v", header, p, err)
		}
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader("grant_type=client_credentials&client_assertion="+url.QueryEscape(token)+"&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if len(header)%2 == 0 {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != 401 && w.Code != 400 {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	})
}

// TestAbuseA07: of every resource type, the token of a patient's program gets the own
// compartment, the clinic's directory, or 403; so does a clinician's that was started for a patient.
func TestAbuseA07(t *testing.T) {
	h := openHouse(t)
	access := h.tokens("rosa", "launch/patient patient/*.rs").text("access_token")
	p := h.request(h.public, "launch patient/*.rs", "launch", h.launch("amara", h.public, "rosa", ""))
	clinician := h.token(h.redeeming(h.public, h.code("amara", p))).text("access_token")
	inChart := definition.Compartment("Patient")
	for _, name := range definition.ResourceTypes() {
		for who, token := range map[string]string{"a patient's": access, "a clinician's": clinician} {
			a := h.fhir(token, "GET", name+"?_count=1000")
			switch {
			case a.status == 403:
			case a.status != 200:
				t.Errorf("%s token gets %d of %s", who, a.status, name)
			case strings.Contains(a.body, "sam"):
				t.Errorf("%s token sees another's %s: %.300s", who, name, a.body)
			case inChart[name] != nil && name == "Observation" && !strings.Contains(a.body, "rosa-lab"):
				t.Errorf("%s token does not see the own %s", who, name)
			}
		}
	}
}

// TestAbuseA10: no parameter, header or address makes a program's token read another record.
func TestAbuseA10(t *testing.T) {
	h := openHouse(t)
	p := h.request(h.public, "launch patient/*.cruds", "launch", h.launch("amara", h.public, "rosa", ""))
	tokens := map[string]string{"patient": h.tokens("rosa", "launch/patient patient/*.cruds").text("access_token"),
		"clinician": h.token(h.redeeming(h.public, h.code("amara", p))).text("access_token")}
	for who, token := range tokens {
		for _, path := range []string{"Patient/sam", "Patient/sam/$everything", "Patient/sam/Observation", "Observation?patient=sam", "Observation?subject=Patient/sam", "Observation?patient=Patient/sam&launch=sam",
			"Observation?patient=rosa,sam", "Patient?_id=sam", "Patient?_has:Observation:patient:code=8867-4&_id=sam", "Observation/sam-lab", "Observation/sam-lab/_history/1", "Observation?_id=sam-lab", "Patient/sam/_history",
			"Observation/$lastn?patient=sam", "Observation?patient.name=Hill", "Patient?name=Hill", "Patient?family:contains=il"} {
			a := h.fhir(token, "GET", path)
			if a.status == 200 && (strings.Contains(a.body, `"id":"sam-lab"`) || strings.Contains(a.body, `"Hill"`)) || a.status >= 500 {
				t.Errorf("%s: %s gives %d %.300s", who, path, a.status, a.body)
			}
		}
		for _, w := range [][3]string{{"POST", "Observation", `{"resourceType":"Observation","status":"preliminary","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`},
			{"PUT", "Observation/sam-lab", observed("sam-lab", "rosa", "laboratory")}, {"DELETE", "Observation/sam-lab", ""}, {"PUT", "Observation/rosa-lab", observed("rosa-lab", "sam", "laboratory")},
			{"POST", "Patient", `{"resourceType":"Patient","name":[{"family":"New"}]}`}, {"POST", "Practitioner", `{"resourceType":"Practitioner","name":[{"family":"New"}]}`}} {
			// Deleting what one cannot see is answered like deleting what is not there: by 204.
			if a := h.fhir(token, w[0], w[1], w[2]); (a.status < 400 || a.status >= 500) && !(w[0] == "DELETE" && a.status == 204) {
				t.Errorf("%s: %s %s is answered by %d %.200s", who, w[0], w[1], a.status, a.body)
			}
		}
	}
	all := h.tokens("amara", "user/*.rs").text("access_token")
	for _, id := range []string{"sam-lab", "rosa-lab"} {
		if a := h.fhir(all, "GET", "Observation/"+id); a.status != 200 || !strings.Contains(a.body, `"versionId":"1"`) {
			t.Errorf("%s was changed: %d %s", id, a.status, a.body)
		}
	}
	if a := h.fhir(tokens["clinician"], "POST", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`); a.status != 201 {
		t.Errorf("the control: writing about the patient of the launch: %d %s", a.status, a.body)
	}
}

// TestRegisteringVouchesForNobody: a program that an administrator registers is not one of which the
// clinic says that it knows who made it, before somebody ticks that.
func TestRegisteringVouchesForNobody(t *testing.T) {
	h := openHouse(t)
	f := url.Values{"name": {"Fresh program"}, "redirects": {callback}, "scopes": {"launch/patient patient/Observation.rs"}, "auth": {oauth.AuthNone}, "patients": {"yes"}}
	a := h.send("POST", "/programs/new", f.Encode(), "Cookie: "+h.cookies["root"])
	if a.status != 303 {
		t.Fatalf("registered: %d %s", a.status, a.body)
	}
	at := a.header.Get("Location")
	c, err := h.server.Client(t.Context(), strings.TrimPrefix(at, "/programs/"))
	if err != nil || c.Checked || c.Status != oauth.Approved {
		t.Errorf("%+v %v", c, err)
	}
	if page := h.send("GET", at, "", "Cookie: "+h.cookies["root"]); !regexp.MustCompile(`<input type="checkbox" name="checked" value="yes">`).MatchString(page.body) {
		t.Error("the tick is set by itself")
	}
}

// TestOneStrangerDoesNotFillTheQueue: who registers programs by the hundred leaves room for those
// of others.
func TestOneStrangerDoesNotFillTheQueue(t *testing.T) {
	h := openHouse(t)
	program := func(i int) oauth.Client {
		return oauth.Client{Name: fmt.Sprintf("Program %d", i), Redirects: []string{callback}, Scopes: []string{"patient/Observation.rs"}, Auth: oauth.AuthNone}
	}
	made := 0
	for i := range 20 {
		_, _, err := h.server.RegisterSelf(t.Context(), program(i), fmt.Sprintf("[2001:db8:7:1::%x]:4711", i))
		switch {
		case err == nil:
			made++
		case !fault.Is(err, fault.TooCostly):
			t.Fatal(err)
		}
	}
	if made == 0 || made > 5 {
		t.Errorf("one network leaves %d programs in the queue", made)
	}
	if _, _, err := h.server.RegisterSelf(t.Context(), program(20), "203.0.113.9:4711"); err != nil {
		t.Errorf("an honest program of another network finds no room: %v", err)
	}
}
