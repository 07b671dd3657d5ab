package proof

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/smart"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestMatrixOfRelations asks every page about one patient, in a practice where a chart opens by a
// relation: as somebody of the care team, as a colleague who has nothing to do with the patient,
// and about people who have died or whose record was replaced by another. What is closed is as if
// it were not there, in every byte, and a refused form changes nothing. (Own, other, labelled and
// missing are TestMatrix; there is no other tenant: a process holds one record, TestAbuseA19.)
func TestMatrixOfRelations(t *testing.T) {
	h := full(t, ground{quiet: true})
	asked := 0
	// Everybody of a practice-wide house: nothing breaks at the dead and the merged.
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if method != http.MethodGet || !strings.Contains(pattern, "{patient}") {
			continue
		}
		for _, who := range []string{"amara", "dana", "bill"} {
			for _, patient := range []string{"dora", "twin"} {
				if a := h.ask(who, method, fill(pattern, patient, patient), ""); a.status >= 500 {
					t.Errorf("%s of %s by %s: %d", pattern, patient, who, a.status)
				}
				asked++
			}
		}
	}
	if err := h.gate.As(trust.System("test"), "test").SetHouse(context.Background(), record.House{Mode: policy.Restricted}, "test"); err != nil {
		t.Fatal(err)
	}
	opened := map[string]int{}
	plain := func(a answer, patient string) string { // without the id, which is in links to the page itself
		return strings.ReplaceAll(strings.ReplaceAll(a.header.Get("Location")+"\n"+a.body, "/p/"+patient, "/p/ID"), "%2Fp%2F"+patient, "%2Fp%2FID")
	}
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if !strings.Contains(pattern, "{patient}") || strings.HasSuffix(pattern, "/emergency-access") { // that page is the way in
			continue
		}
		for _, c := range []struct {
			who, patient, letter string
			open                 bool
		}{{"amara", "rosa", "r", true}, {"nina", "rosa", "r", false}, {"mo", "sam", "s", false}, {"amara", "dora", "r", false}, {"amara", "twin", "r", false}} {
			if rt.Policy&bits[h.people[c.who].principal.Role] == 0 || c.open && method != http.MethodGet {
				continue
			}
			path, none := fill(pattern, c.patient, c.letter), fill(pattern, "nobody", c.letter)
			before := h.kept()
			a := h.ask(c.who, method, path, "")
			changed := h.kept() != before
			b := h.ask(c.who, method, none, "")
			asked += 2
			switch {
			case a.status >= 500:
				t.Errorf("%s of %s by %s: %d", rt.Pattern, c.patient, c.who, a.status)
			case c.open && a.status < 300:
				opened[c.who]++
			case c.open:
			case changed && a.status >= 400, changed && !rt.Finds && method == http.MethodPost && a.status < 300:
				t.Errorf("%s of %s by %s changes what is closed", rt.Pattern, c.patient, c.who)
			case a.status != b.status || plain(a, c.patient) != plain(b, "nobody"):
				t.Errorf("%s of %s by %s: closed and missing differ: %d %.300s\n%d %.300s", rt.Pattern, c.patient, c.who, a.status, plain(a, c.patient), b.status, plain(b, "nobody"))
			}
		}
	}
	if opened["amara"] < 12 {
		t.Errorf("the care team opens %d pages", opened["amara"])
	}
	t.Logf("%d requests, %d pages open to the care team", asked, opened["amara"])
}

// TestMatrixOfPrograms asks the endpoints that programs talk to, as everybody who is signed in: no
// cookie counts there, nothing about a person is told, nothing is changed.
func TestMatrixOfPrograms(t *testing.T) {
	h := full(t)
	list := smart.Endpoints()
	if len(list) < 10 {
		t.Fatalf("only %d endpoints", len(list))
	}
	for _, endpoint := range list {
		method, path, _ := strings.Cut(endpoint, " ")
		answers := map[string]string{}
		for _, who := range append(h.users(), "") {
			r := httptest.NewRequest(method, "http://osler.example"+path, strings.NewReader("grant_type=authorization_code&code=x&token=x"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if p := h.people[who]; p != nil && p.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "osler-session", Value: p.cookie})
			}
			before, w := h.kept(), httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)
			if h.kept() != before || w.Code >= 500 || len(w.Result().Cookies()) > 0 {
				t.Errorf("%s by %q: %d, changed: %v, cookies %v", endpoint, who, w.Code, h.kept() != before, w.Result().Cookies())
			}
			if strings.Contains(w.Body.String(), "Díaz") || strings.Contains(w.Body.String(), "Osei") {
				t.Errorf("%s by %q names somebody", endpoint, who)
			}
			answers[w.Body.String()] = who
		}
		if len(answers) != 1 {
			t.Errorf("%s answers %d kinds of people differently", endpoint, len(answers))
		}
	}
	public := 0
	for _, rt := range h.routes() {
		if rt.Door == "smart" && rt.Policy&web.Public != 0 {
			public++
		}
	}
	if public != 1 { // /oauth/authorize, which sends to the sign-in
		t.Errorf("%d pages of programs are open", public)
	}
}
