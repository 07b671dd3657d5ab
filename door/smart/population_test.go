package smart

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

func (h *house) put(bodies ...string) {
	h.t.Helper()
	var c record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		must(h.t, err)
		c.Put = append(c.Put, record.Put{Resource: n})
	}
	_, err := h.gate.As(trust.System("test"), "test").Commit(h.t.Context(), c)
	must(h.t, err)
}

// TestAServiceWorksForItsPopulation: in a restricted clinic a service sees nobody until an
// administrator has said for whom it works; then it sees those, without what they have refused
// or labels hide, and a change counts for the token that it holds.
func TestAServiceWorksForItsPopulation(t *testing.T) {
	h := openHouse(t)
	must(t, h.gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "x"))
	h.put(`{"resourceType":"Patient","id":"rosa","active":true,"name":[{"family":"Díaz"}],"generalPractitioner":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Patient","id":"kim","active":true,"name":[{"family":"Quill"}]}`,
		`{"resourceType":"Group","id":"study","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/sam"}},{"entity":{"reference":"Patient/rosa"},"inactive":true}]}`,
		`{"resourceType":"Consent","id":"no","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"text":"x"}],"patient":{"reference":"Patient/kim"},"dateTime":"2026-11-20","policyRule":{"text":"x"},"provision":{"type":"deny"}}`)
	amara := trust.Principal{ID: "a", Name: "Amara", Role: trust.Physician, Practitioner: "amara", Clearance: []string{"PSYTHPN"}}
	_, err := h.gate.As(amara, "test").Label(t.Context(), "Observation", "rosa-pulse", []string{"PSYTHPN"}, nil, "x")
	must(t, err)
	access := h.token(h.serving(h.assertion(h.backend))).text("access_token")
	sees := func(query string) (ids []string) {
		t.Helper()
		a := h.send("GET", "/fhir/"+query, "", "Authorization: Bearer "+access)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", query, a.status, a.body)
		}
		n, err := fhir.Parse([]byte(a.body))
		must(t, err)
		for e := range n.Get("entry").Items() {
			ids = append(ids, e.Path("resource.id").Text())
		}
		slices.Sort(ids)
		return ids
	}
	at := "/programs/" + h.backend.ID
	decide := func(population, id string, status int) {
		t.Helper()
		form := url.Values{"do": {"approve"}, "checked": {"yes"}, "role": {"physician"}, "population": {population}, "population-id": {id}, "purpose": {"HOPERAT"}}
		if a := h.send("POST", at, form.Encode(), "Cookie: "+h.cookies["root"]); a.status != status {
			t.Fatalf("%s %s: %d, want %d: %.600s", population, id, a.status, status, a.body)
		}
	}
	expect := func(what string, patients, observations string) {
		t.Helper()
		if got := strings.Join(sees("Patient"), " "); got != patients {
			t.Errorf("%s: it sees the patients %q, not %q", what, got, patients)
		}
		if got := strings.Join(sees("Observation"), " "); got != observations {
			t.Errorf("%s: it sees the observations %q, not %q", what, got, observations)
		}
		for _, id := range []string{"rosa", "sam", "kim"} {
			want := 404
			if strings.Contains(patients, id) {
				want = 200
			}
			if a := h.send("GET", "/fhir/Patient/"+id, "", "Authorization: Bearer "+access); a.status != want {
				t.Errorf("%s: a read of %s: %d", what, id, a.status)
			}
		}
	}
	expect("before the decision", "", "")
	decide("all", "", 303)
	expect("all", "rosa sam", "rosa-lab sam-lab")
	decide("panel", "Practitioner/amara", 303)
	expect("the panel of amara", "rosa", "rosa-lab")
	decide("group", "study", 303)
	expect("a group", "sam", "sam-lab")
	must(t, h.gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.PracticeWide}, "x"))
	expect("a group in a practice-wide clinic", "sam", "sam-lab")
	h.put(`{"resourceType":"Group","id":"study","active":false,"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/sam"}}]}`)
	expect("a group that is not active any more", "", "")
	for _, c := range [][2]string{{"group", ""}, {"group", "nothing"}, {"panel", "nobody"}, {"group", "study"}, {"everybody", ""}} {
		decide(c[0], c[1], 422)
	}
	decide("", "", 303)
	expect("what a practice-wide clinic gives", "rosa sam", "rosa-lab sam-lab")
	if a := h.send("POST", at, "do=approve&population=all&role=physician", "Cookie: "+h.cookies["amara"]); a.status != 403 {
		t.Errorf("a physician decides: %d", a.status)
	}
}

func TestPopulationInABrowser(t *testing.T) {
	h := openHouse(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url, look)
		if look.Name == webtest.Desktop.Name { // the second window shares the session
			p.SignIn(h.url, "root", "lanterns over quarry 41 sparrows")
		}
		p.Goto(h.url + "/programs/" + h.backend.ID)
		p.Check()
		p.Picture("population-" + look.Name)
	}
}
