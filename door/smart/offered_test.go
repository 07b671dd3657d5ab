package smart

import (
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/osler-emr/osler/identity/oauth"
)

// TestOnlyThoseWhoMayUseAProgram: what the clinic has decided about who may use a program counts where the
// program asks for access, and for what it holds already; not only for where it is offered.
func TestOnlyThoseWhoMayUseAProgram(t *testing.T) {
	h := openHouse(t)
	const scope = "launch/patient patient/Observation.rs offline_access"
	rosas := h.tokens("rosa", scope)
	amaras := h.tokens("amara", scope, "patient", "rosa")
	decide := func(staff, patients bool) {
		t.Helper()
		must(t, h.server.Decide(t.Context(), h.admin, h.public.ID, oauth.Decision{Status: oauth.Approved, Checked: true, Staff: staff, Patients: patients}))
	}
	asked := "/oauth/authorize?" + h.request(h.public, scope).Encode()
	for _, c := range []struct {
		staff, patients bool
		words           string
	}{{true, false, "only its staff"}, {false, true, "only patients"}, {false, false, "nobody"}} {
		decide(c.staff, c.patients)
		for user, may := range map[string]bool{"amara": c.staff, "rosa": c.patients} {
			page := h.send("GET", asked, "", "Cookie: "+h.cookies[user])
			agreed := h.agree(user, h.request(h.public, scope), "patient", "rosa")
			held := map[string]reply{"amara": amaras, "rosa": rosas}[user]
			used := h.fhir(held.text("access_token"), "GET", "Observation/rosa-lab")
			if may && (page.status != 200 || agreed.status != 303 || used.status != 200) {
				t.Errorf("%s, who may: page %d, consent %d, FHIR %d", user, page.status, agreed.status, used.status)
			}
			if !may && (page.status != 403 || !strings.Contains(page.body, c.words) || agreed.status != 403 || used.status != 401) {
				t.Errorf("%s, who may not: page %d, consent %d, FHIR %d; want the page to say %q", user, page.status, agreed.status, used.status, c.words)
			}
		}
	}
	renewing := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {rosas.text("refresh_token")}, "client_id": {h.public.ID}}
	if a := h.token(renewing); a.text("error") != "invalid_grant" {
		t.Errorf("renewing what nobody may use: %d %s", a.status, a.body)
	}
	decide(false, true)
	if a := h.token(renewing); a.status != 200 {
		t.Errorf("renewing when she may again: %d %s", a.status, a.body)
	}
}

// TestAccessEndsWithTheSession: what a program holds that may not work while its person is away opens
// nothing as soon as the person has left or locked the session; what may goes on.
func TestAccessEndsWithTheSession(t *testing.T) {
	for _, leaving := range []string{"/sign-out", "/lock"} {
		h := openHouse(t)
		online := h.tokens("rosa", "launch/patient patient/Observation.rs online_access").text("access_token")
		neither := h.tokens("rosa", "launch/patient patient/Observation.rs").text("access_token")
		offline := h.tokens("rosa", "launch/patient patient/Observation.rs offline_access").text("access_token")
		read := func(token string) int { return h.fhir(token, "GET", "Observation/rosa-lab").status }
		if a, b, c := read(online), read(neither), read(offline); a != 200 || b != 200 || c != 200 {
			t.Fatalf("before: %d %d %d", a, b, c)
		}
		if a := h.send("POST", leaving, "", "Cookie: "+h.cookies["rosa"]); a.status != 303 {
			t.Fatalf("%s: %d", leaving, a.status)
		}
		if a, b, c := read(online), read(neither), read(offline); a != 401 || b != 401 || c != 200 {
			t.Errorf("after %s: online %d, neither %d, offline %d; want 401 401 200", leaving, a, b, c)
		}
	}
}

// TestAssertionForAnotherName: a server that has not been told its address takes no assertion on the word of
// the request: whoever was given one for himself could show it under his own name.
func TestAssertionForAnotherName(t *testing.T) {
	h := openHouse(t)
	claims := h.claimed(h.backend)
	claims["aud"] = "http://evil.example/oauth/token"
	assertion := sign(t, jose.ES384, h.key, map[string]any{"kid": "k1"}, claims)
	a := h.send("POST", "/oauth/token", h.serving(assertion).Encode(), "Host: evil.example")
	if a.status != 401 && a.status != 400 || a.text("error") != "invalid_client" || !strings.Contains(a.text("error_description"), "--public-url") {
		t.Errorf("an assertion for another server: %d %s", a.status, a.body)
	}
}
