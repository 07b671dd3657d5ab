package smart

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
)

func TestDiscovery(t *testing.T) {
	h := openHouse(t)
	for _, path := range []string{"/fhir/.well-known/smart-configuration", "/.well-known/openid-configuration"} {
		a := h.send("GET", path, "", "Origin: https://app.example")
		if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" || a.text("issuer") != h.url || a.text("token_endpoint") != h.url+"/oauth/token" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if keys := h.send("GET", strings.TrimPrefix(a.text("jwks_uri"), h.url), ""); !strings.Contains(keys.body, `"alg":"RS256"`) || strings.Contains(keys.body, `"d":`) {
			t.Errorf("the keys: %s", keys.body)
		}
	}
	m := h.send("GET", "/fhir/metadata", "")
	if !strings.Contains(m.body, `"valueUri":"`+h.url+`/oauth/authorize"`) || !strings.Contains(m.body, "SMART-on-FHIR") {
		t.Error("the CapabilityStatement does not say where programs ask")
	}
	if a := h.send("OPTIONS", "/oauth/token", "", "Origin: https://app.example", "Access-Control-Request-Method: POST"); a.status != 204 || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d", a.status)
	}
}

// TestStandaloneLaunch follows a patient's program: sign-in, consent, tokens, reading,
// refreshing, and the end of it.
func TestStandaloneLaunch(t *testing.T) {
	h := openHouse(t)
	p := h.request(h.public, "openid fhirUser launch/patient offline_access patient/*.rs")
	if a := h.send("GET", "/oauth/authorize?"+p.Encode(), ""); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/sign-in?next=%2Foauth%2Fauthorize%3F") {
		t.Fatalf("somebody unknown is not sent to the sign-in: %d %s", a.status, a.header.Get("Location"))
	}
	page := h.send("GET", "/oauth/authorize?"+p.Encode(), "", "Cookie: "+h.cookies["rosa"])
	for _, want := range []string{"Read your whole health record", "Go on while you are not here", "app.example", "Let it in"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the consent does not say %q", want)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example;") {
		t.Errorf("the form cannot lead back: %s", csp)
	}
	if a := h.send("POST", "/oauth/authorize", p.Encode()); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/oauth/authorize?") {
		t.Errorf("authorize-post: %d", a.status)
	}
	got := h.token(h.redeeming(h.public, h.code("rosa", p)))
	if got.status != 200 || got.text("patient") != "rosa" || got.text("token_type") != "Bearer" || got.json["expires_in"] != 900.0 || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token: %d %s", got.status, got.body)
	}
	checkID(t, h, got.text("id_token"), h.public.ID, "/fhir/Patient/rosa")
	access := got.text("access_token")
	if a := h.fhir(access, "GET", "Observation/rosa-lab"); a.status != 200 {
		t.Errorf("reading: %d", a.status)
	}
	h.clock.Advance(oauth.AccessFor)
	if a := h.fhir(access, "GET", "Observation/rosa-lab"); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("an ended token: %d %s", a.status, a.header.Get("WWW-Authenticate"))
	}
	again := h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}, "client_id": {h.public.ID}})
	if again.status != 200 || h.fhir(again.text("access_token"), "GET", "Observation/rosa-lab").status != 200 || again.text("refresh_token") == got.text("refresh_token") || again.text("patient") != "rosa" {
		t.Fatalf("refresh: %d %s", again.status, again.body)
	}
	// fhirclient leaves client_id out, as SMART's table of a refresh does.
	again = h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.text("refresh_token")}})
	if again.status != 200 {
		t.Fatalf("refresh without client_id: %d %s", again.status, again.body)
	}
	list := h.send("GET", "/settings/apps", "", "Cookie: "+h.cookies["rosa"])
	at := strings.Index(list.body, "/settings/apps/")
	if at < 0 || !strings.Contains(list.body, "Read your whole health record") {
		t.Fatalf("the program is not in the list: %s", list.body)
	}
	end := list.body[at : at+strings.Index(list.body[at:], `"`)]
	signed := h.cookies["rosa"]
	if a := h.send("POST", end, "", "Cookie: "+h.cookies["sam"]); a.status != 404 {
		t.Errorf("somebody else ends it: %d", a.status)
	}
	if a := h.send("POST", end, "", "Cookie: "+signed); a.status != 303 {
		t.Errorf("ending it: %d", a.status)
	}
	if a := h.fhir(again.text("access_token"), "GET", "Observation/rosa-lab"); a.status != 401 {
		t.Errorf("after the end, the next request: %d", a.status)
	}
	if a := h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.text("refresh_token")}, "client_id": {h.public.ID}}); a.text("error") != "invalid_grant" {
		t.Errorf("after the end, a refresh: %d %s", a.status, a.body)
	}
}

func checkID(t *testing.T, h *house, token, client, person string) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	must(t, err)
	var set jose.JSONWebKeySet
	must(t, json.Unmarshal([]byte(h.send("GET", "/oauth/jwks", "").body), &set))
	var c jwt.Claims
	var more idClaims
	must(t, parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0].Key, &c, &more))
	if c.Issuer != h.url || !slices.Equal(c.Audience, jwt.Audience{client}) || more.Nonce != "n-1" || more.FHIRUser != h.url+person || c.Subject == "" {
		t.Errorf("id_token: %+v %+v", c, more)
	}
}

type idClaims struct {
	Nonce    string `json:"nonce"`
	FHIRUser string `json:"fhirUser"`
}

// TestEHRLaunch follows a clinician's program from a chart: it is bound to the patient and
// visit of the chart, and sees no other record.
func TestEHRLaunch(t *testing.T) {
	h := openHouse(t)
	page := h.send("GET", "/p/rosa/programs", "", "Cookie: "+h.cookies["amara"])
	if page.status != 200 || !strings.Contains(page.body, "/programs/"+h.public.ID+"/start") || !strings.Contains(page.body, `value="visit"`) {
		t.Fatalf("the gallery: %d", page.status)
	}
	launch := h.launch("amara", h.public, "rosa", "visit")
	p := h.request(h.public, "openid fhirUser launch patient/*.rs online_access", "launch", launch)
	got := h.token(h.redeeming(h.public, h.code("amara", p)))
	if got.text("patient") != "rosa" || got.text("encounter") != "visit" || got.json["need_patient_banner"] != false {
		t.Fatalf("the context: %s", got.body)
	}
	checkID(t, h, got.text("id_token"), h.public.ID, "/fhir/Practitioner/amara")
	access := got.text("access_token")
	for path, status := range map[string]int{"Patient/rosa": 200, "Observation/rosa-lab": 200, "Patient/sam": 404, "Observation/sam-lab": 404, "Practitioner/amara": 200} {
		if a := h.fhir(access, "GET", path); a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
	}
	if a := h.fhir(access, "GET", "Observation"); strings.Contains(a.body, "sam") || !strings.Contains(a.body, "rosa-pulse") {
		t.Errorf("a search of all: %s", a.body)
	}
	// The person locks the session, or leaves: online access is not renewed.
	renewed := h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.text("refresh_token")}, "client_id": {h.public.ID}})
	if renewed.status != 200 {
		t.Fatalf("renewing while the person is there: %s", renewed.body)
	}
	h.send("POST", "/sign-out", "", "Cookie: "+h.cookies["amara"])
	if a := h.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {renewed.text("refresh_token")}, "client_id": {h.public.ID}}); a.text("error") != "invalid_grant" {
		t.Errorf("renewing when the person is gone: %s", a.body)
	}
}

// launch starts a program from a chart and returns the launch parameter.
func (h *house) launch(user string, c oauth.Client, patient, visit string) string {
	h.t.Helper()
	a := h.send("POST", "/programs/"+c.ID+"/start", url.Values{"patient": {patient}, "visit": {visit}}.Encode(), "Cookie: "+h.cookies[user])
	u, err := url.Parse(a.header.Get("Location"))
	must(h.t, err)
	launch := u.Query().Get("launch")
	if a.status != 303 || launch == "" || u.Query().Get("iss") != h.url+"/fhir" || !strings.HasPrefix(u.String(), starts) {
		h.t.Fatalf("starting: %d %s %.300s", a.status, u, a.body)
	}
	return launch
}

// TestStaffPicksPatient: a program that starts by itself asks staff which patient it is about.
func TestStaffPicksPatient(t *testing.T) {
	h := openHouse(t)
	p := h.request(h.public, "launch/patient patient/*.rs")
	if a := h.agree("amara", p, "do", "find", "find", "Díaz"); a.status != 200 || !strings.Contains(a.body, `value="rosa"`) {
		t.Errorf("finding: %d", a.status)
	}
	if a := h.agree("amara", p); a.status != 422 || !strings.Contains(a.body, "Choose the patient") {
		t.Errorf("without a patient: %d", a.status)
	}
	got := h.token(h.redeeming(h.public, h.code("amara", p, "patient", "sam")))
	if got.text("patient") != "sam" || got.json["need_patient_banner"] != true || h.fhir(got.text("access_token"), "GET", "Observation/rosa-lab").status != 404 {
		t.Errorf("about sam: %s", got.body)
	}
}

// TestGranularScopeIsNotBypassed: a token for laboratory results gives nothing else away, by
// read, search, include, reverse include, chain, history or compartment.
func TestGranularScopeIsNotBypassed(t *testing.T) {
	h := openHouse(t)
	access := h.tokens("rosa", labScope+" launch/patient").text("access_token")
	if a := h.fhir(access, "GET", "Observation/rosa-lab"); a.status != 200 {
		t.Fatalf("the laboratory result: %d", a.status)
	}
	for _, path := range []string{"Observation/rosa-pulse", "Observation/rosa-pulse/_history", "Observation/rosa-pulse/_history/1", "Observation?code=8867-4", "Observation/_history",
		"DiagnosticReport?_include=DiagnosticReport:result", "Patient/rosa/Observation", "Patient/rosa/$everything", "Patient?_revinclude=Observation:patient", "DiagnosticReport?result.code=8867-4",
		"Patient?_has:Observation:patient:code=8867-4", "Observation?_include=Observation:subject", "Observation/$lastn?patient=rosa", "Condition", "Patient/rosa", "_history"} {
		a := h.fhir(access, "GET", path)
		if strings.Contains(a.body, "rosa-pulse") && a.status == 200 || strings.Contains(a.body, `"resourceType":"Patient"`) || strings.Contains(a.body, "Gout") {
			t.Errorf("%s gives away %d %.400s", path, a.status, a.body)
		}
	}
	both := h.tokens("rosa", labScope+" launch/patient patient/*.rs").text("access_token")
	if a := h.fhir(both, "GET", "DiagnosticReport?_include=DiagnosticReport:result"); !strings.Contains(a.body, "rosa-pulse") {
		t.Error("the control: with patient/*.rs the pulse is included")
	}
	wide := h.agree("rosa", h.request(h.public, "patient/DiagnosticReport.rs "+labScope+" launch/patient"))
	u, _ := url.Parse(wide.header.Get("Location"))
	some := h.token(h.redeeming(h.public, u.Query().Get("code"))).text("access_token")
	if a := h.fhir(some, "GET", "DiagnosticReport?_include=DiagnosticReport:result"); !strings.Contains(a.body, "rosa-lab") || strings.Contains(a.body, `"id":"rosa-pulse"`) {
		t.Errorf("an include goes around the granular scope: %s", a.body)
	}
}

// TestTicksTakenAway: what the person does not tick is not given.
func TestTicksTakenAway(t *testing.T) {
	h := openHouse(t)
	p := h.request(h.public, "launch/patient offline_access patient/Observation.rs patient/Condition.rs")
	got := h.token(h.redeeming(h.public, h.code("rosa", p, "scope", "patient/Observation.rs", "away", "")))
	if got.text("scope") != "launch/patient patient/Observation.rs" || got.text("refresh_token") != "" || h.fhir(got.text("access_token"), "GET", "Condition").status != 403 {
		t.Errorf("%s", got.body)
	}
	if a := h.agree("rosa", p, "scope", "", "do", "allow"); a.status != 422 {
		t.Errorf("nothing ticked: %d", a.status)
	}
	a := h.agree("rosa", p, "do", "refuse")
	if u, _ := url.Parse(a.header.Get("Location")); u.Query().Get("error") != "access_denied" || u.Query().Get("state") != "s-7f2c" || u.Query().Get("iss") != h.issuer() {
		t.Errorf("refusing: %s", a.header.Get("Location"))
	}
}

// TestConfidentialPrograms: every way to prove who one is, introspection, revocation.
func TestConfidentialPrograms(t *testing.T) {
	h := openHouse(t)
	for _, c := range []oauth.Client{h.secret, h.post, h.keyed} {
		code := h.code("rosa", h.request(c, "launch/patient offline_access patient/*.rs"))
		prove := func(p url.Values) reply {
			switch c.Auth {
			case oauth.AuthBasic:
				p.Del("client_id")
				return h.send("POST", p.Get("@"), without(p, "@").Encode(), h.basicOf(c))
			case oauth.AuthPost:
				p.Set("client_id", c.ID)
				p.Set("client_secret", h.secrets[c.ID])
			default:
				p.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
				p.Set("client_assertion", h.assertion(c))
			}
			return h.send("POST", p.Get("@"), without(p, "@").Encode())
		}
		got := prove(with(h.redeeming(c, code), "@", "/oauth/token"))
		if got.status != 200 {
			t.Errorf("%s: %d %s", c.Auth, got.status, got.body)
			continue
		}
		seen := prove(url.Values{"token": {got.text("access_token")}, "@": {"/oauth/introspect"}})
		if seen.json["active"] != true || seen.text("patient") != "rosa" || seen.text("client_id") != c.ID || !strings.HasSuffix(seen.text("fhirUser"), "/fhir/Patient/rosa") {
			t.Errorf("%s: introspection %s", c.Auth, seen.body)
		}
		if a := prove(url.Values{"token": {got.text("refresh_token")}, "@": {"/oauth/introspect"}}); a.json["active"] != true {
			t.Errorf("%s: introspection of the refresh token %s", c.Auth, a.body)
		}
		if a := prove(url.Values{"token": {got.text("refresh_token")}, "@": {"/oauth/revoke"}}); a.status != 200 {
			t.Errorf("%s: revocation %d", c.Auth, a.status)
		}
		if a := h.fhir(got.text("access_token"), "GET", "Patient/rosa"); a.status != 401 {
			t.Errorf("%s: after revocation %d", c.Auth, a.status)
		}
		if a := prove(url.Values{"token": {got.text("access_token")}, "@": {"/oauth/introspect"}}); a.json["active"] != false {
			t.Errorf("%s: introspection after revocation %s", c.Auth, a.body)
		}
	}
}

func without(p url.Values, name string) url.Values { p.Del(name); return p }

// TestBackendService: a service proves who it is by its key and exports in bulk.
func TestBackendService(t *testing.T) {
	h := openHouse(t)
	h.clock.Advance(time.Minute) // an export shows a moment that has passed
	got := h.token(h.serving(h.assertion(h.backend)))
	if got.status != 200 || got.json["expires_in"] != 300.0 || got.text("refresh_token") != "" || got.text("scope") != "system/*.rs" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	access := got.text("access_token")
	start := h.send("GET", "/fhir/$export?_type=Observation", "", "Authorization: Bearer "+access, "Prefer: respond-async", "Accept: application/fhir+json")
	if start.status != 202 {
		t.Fatalf("$export: %d %s", start.status, start.body)
	}
	at := func(s string) string { return strings.TrimPrefix(s, h.url) }
	status := h.send("GET", at(start.header.Get("Content-Location")), "", "Authorization: Bearer "+access)
	var manifest struct{ Output []struct{ URL string } }
	if err := json.Unmarshal([]byte(status.body), &manifest); err != nil || len(manifest.Output) != 1 {
		t.Fatalf("the manifest: %d %s", status.status, status.body)
	}
	file := h.send("GET", at(manifest.Output[0].URL), "", "Authorization: Bearer "+access)
	if file.status != 200 || strings.Count(strings.TrimSpace(file.body), "\n") != 2 || !strings.Contains(file.body, "sam-lab") {
		t.Errorf("the file: %d %s", file.status, file.body)
	}
	// Blocking ends it at once; and nobody can sign in as it.
	must(t, h.server.Decide(t.Context(), h.admin, h.backend.ID, oauth.Decision{Status: oauth.Blocked}))
	if a := h.send("GET", at(manifest.Output[0].URL), "", "Authorization: Bearer "+access); a.status != 401 {
		t.Errorf("a blocked service: %d", a.status)
	}
	if _, _, err := h.users.SignInAs(t.Context(), trust.System("test"), "client:"+h.backend.ID, identity.Place{}); err == nil {
		t.Error("somebody signs in as a service")
	}
}

// TestKeysRotate: id_tokens are signed by a new key after 90 days; the old one is published
// until its last token has ended.
func TestKeysRotate(t *testing.T) {
	h := openHouse(t)
	count := func() int {
		var set jose.JSONWebKeySet
		must(t, json.Unmarshal([]byte(h.send("GET", "/oauth/jwks", "").body), &set))
		for _, k := range set.Keys {
			if public, ok := k.Key.(*rsa.PublicKey); !ok || public.N.BitLen() < 3072 { // 128 bits of strength
				t.Errorf("a key of %T signs id_tokens, with fewer than 3072 bits", k.Key)
			}
		}
		return len(set.Keys)
	}
	if count() != 1 {
		t.Fatal("not one key at first")
	}
	h.clock.Advance(90*24*time.Hour + time.Minute)
	if count() != 2 {
		t.Error("no second key after 90 days")
	}
	h.clock.Advance(2 * 24 * time.Hour)
	if count() != 1 {
		t.Error("the first key is still published")
	}
}

// TestDeactivation: an account that is disabled, or whose sessions are ended, takes its
// programs with it.
func TestDeactivation(t *testing.T) {
	h := openHouse(t)
	got := h.tokens("rosa", "launch/patient offline_access patient/*.rs")
	a, err := h.users.FindByUser(t.Context(), "rosa")
	must(t, err)
	must(t, h.users.EndAll(t.Context(), trust.System("test"), a.ID))
	if r := h.fhir(got.text("access_token"), "GET", "Patient/rosa"); r.status != 401 {
		t.Errorf("after the end of all: %d", r.status)
	}
	h.signIn("rosa")
	got = h.tokens("rosa", "launch/patient offline_access patient/*.rs")
	must(t, h.users.Deactivate(t.Context(), trust.System("test"), a.ID))
	if r := h.fhir(got.text("access_token"), "GET", "Patient/rosa"); r.status != 401 {
		t.Errorf("after disabling: %d", r.status)
	}
}

// TestKeysByAddress: keys that lie at an address are fetched through the guard, kept for a
// while, and fetched again when a program signs with a new one.
func TestKeysByAddress(t *testing.T) {
	h := openHouse(t)
	kid, fetched := "k1", 0
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: h.key.Public(), KeyID: kid, Use: "sig"}}})
	}))
	defer keys.Close()
	c, _, err := h.server.Register(t.Context(), h.admin, oauth.Client{Name: "At an address", Auth: oauth.AuthKey, JWKSURI: keys.URL, Role: trust.Physician, Scopes: []string{"system/*.rs"}})
	must(t, err)
	ask := func(kid string) int {
		return h.token(h.serving(sign(t, jose.ES384, h.key, map[string]any{"kid": kid, "jku": keys.URL}, h.claimed(c)))).status
	}
	if first, again := ask("k1"), ask("k1"); first != 200 || again != 200 || fetched != 1 {
		t.Errorf("fetched %d times", fetched)
	}
	kid = "k2"
	if ask("k2") != 401 { // not at every request
		t.Error("an unknown key is looked for at once")
	}
	h.clock.Advance(time.Minute)
	if ask("k2") != 200 || ask("k1") != 401 || fetched != 2 {
		t.Errorf("after the change: fetched %d times", fetched)
	}
	if _, _, err := h.server.Register(t.Context(), h.admin, oauth.Client{Name: "Inside", Auth: oauth.AuthKey, JWKSURI: "https://10.0.0.1/keys", Role: trust.Physician, Scopes: []string{"system/*.rs"}}); err == nil {
		t.Error("keys in the clinic's network are fetched")
	}
}

// TestServiceCannotOpenPages: a service has no account; its token opens no page.
func TestServiceCannotOpenPages(t *testing.T) {
	h := openHouse(t)
	access := h.token(h.serving(h.assertion(h.backend))).text("access_token")
	for _, path := range []string{"/today", "/settings", "/programs", "/portal"} {
		if a := h.send("GET", path, "", "Authorization: Bearer "+access, "Cookie: osler-session="+access); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// TestEveryScopeHasWords: whatever a program may ask for is said in a sentence, in every
// language of patients.
func TestEveryScopeHasWords(t *testing.T) {
	for _, tag := range []string{"en", "es", "ar"} {
		l := lang.For(tag)
		for _, name := range append(definition.ResourceTypes(), "*") {
			for _, letters := range []string{"r", "rs", "c", "cruds", "u", "d", "cu", "crs", "read", "write", "*"} {
				for _, staff := range []bool{true, false} {
					for _, context := range []string{"patient", "user", "system"} {
						a, ok := say(l, context+"/"+name+"."+letters, staff)
						if !ok || a.Text == "" || strings.Contains(a.Text, "%!") || strings.Contains(a.Text, "%s") {
							t.Fatalf("%s/%s.%s: %q", context, name, letters, a.Text)
						}
					}
				}
			}
		}
		if a, _ := say(l, labScope, false); tag == "en" && a.Text != "Read your laboratory results" || tag != "en" && strings.Contains(a.Text, "laboratory results") {
			t.Errorf("%s: %q", tag, a.Text)
		}
	}
	if a, _ := say(lang.For("en"), "patient/Observation.rs?code=1234-5", false); a.Note != "Only those with code = 1234-5" {
		t.Errorf("a limit that has no words: %+v", a)
	}
}
