package clinic

import (
	"net/http"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// beats asks as an open page does whether it may stay, and returns the status.
func (b browser) beats(who, held string) int {
	b.h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.h.url+"/beat", nil)
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Osler-Who", who)
	r.Header.Set("Osler-Held", held)
	return b.read(b.client.Do(r)).status
}

// TestAnOpenPageAsksWhetherItMayStay: asking keeps no session open and leaves no entry in the log;
// it is told when the session has ended, is locked or is somebody else's by now, and when what
// opened the record is over.
func TestAnOpenPageAsksWhetherItMayStay(t *testing.T) {
	h := openRestricted(t)
	anna := h.signedIn("anna")
	account := h.account("anna")
	grant := h.breaksGlass("anna", "edna")
	before := h.newestEntry().Index
	for _, c := range []struct {
		who, held string
		want      int
	}{
		{account, "", 204}, {account, "glass/edna", 204}, {account, "glass/maria", 410}, {account, "for/maria", 410}, {h.account("amara"), "", 401},
	} {
		if got := anna.beats(c.who, c.held); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if got := h.newestEntry().Index; got != before+1 { // which newestEntry has left itself
		t.Errorf("%d entries in the log for asking", got-before-1)
	}
	if _, err := h.site.Accounts.EndGlass(t.Context(), trust.Principal{ID: account, Role: trust.Physician}, grant.ID); err != nil {
		t.Fatal(err)
	}
	if got := anna.beats(account, "glass/edna"); got != 410 {
		t.Errorf("the emergency access has ended: %d", got)
	}
	for range 20 { // a page that nobody uses
		h.clock.Advance(time.Minute)
		anna.beats(account, "")
	}
	if got := anna.beats(account, ""); got != 401 {
		t.Errorf("asking has kept the session open: %d", got)
	}
	if a := anna.get("/today"); a.path != "/locked" {
		t.Errorf("and it is at %s", a.path)
	}
	if got := h.browser().beats(account, ""); got != 401 {
		t.Errorf("a stranger: %d", got)
	}
}

func openRestricted(t *testing.T) house {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"edna","name":[{"family":"Pike","given":["Edna"]}],"birthDate":"1947-05-06"}`,
		`{"resourceType":"CareTeam","id":"ct","status":"active","subject":{"reference":"Patient/maria"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`)
	if err := h.site.Gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "the test"); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h house) breaksGlass(user, patient string) identity.GlassGrant {
	h.t.Helper()
	a, err := h.site.Accounts.FindByUser(h.t.Context(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	g, err := h.site.Accounts.BreakGlass(h.t.Context(), trust.Principal{ID: a.ID, Name: a.Name, Role: a.Role, Practitioner: a.Practitioner, Purpose: trust.Treatment, Session: "here", Proved: h.clock.Now()},
		identity.GlassRequest{Patient: patient, Reason: identity.GlassEmergency, Text: "Unconscious after a fall, medicines not known."})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// TestAnOpenPageDiesWithTheAccess: within a minute after an account was ended, or a break-glass,
// nothing of the chart is on the screen although nobody touches the page; what was typed and is
// not saved stays in the page, out of sight, and is there again for the same person. A server that
// cannot be reached takes nothing away.
func TestAnOpenPageDiesWithTheAccess(t *testing.T) {
	h := openRestricted(t)
	account := h.account("anna")
	grant := h.breaksGlass("anna", "edna")
	a, b := webtest.Start(t), webtest.Start(t)
	glass := a.Open(h.url, webtest.Desktop)
	glass.SignIn(h.url, "anna", phrase)
	glass.Goto(h.url + "/p/edna")
	chart := b.Open(h.url, webtest.Desktop)
	chart.SignIn(h.url, "amara", phrase)
	chart.Goto(h.url + "/p/maria")
	letter := b.Open(h.url+"/p/maria/messages", webtest.Desktop)
	letter.Type("#f-text", "Half a letter.")
	webtest.Eval[bool](letter, `(()=>{window.real=fetch;window.fetch=()=>Promise.reject(new TypeError("offline"));document.dispatchEvent(new Event("visibilitychange"));return true})()`)
	for _, p := range []*webtest.Page{glass, chart, letter} {
		if shown(p) == "" {
			t.Fatal("there is nothing to take away: ", p.Path())
		}
	}
	if _, err := h.site.Accounts.EndGlass(t.Context(), trust.Principal{ID: account, Role: trust.Physician}, grant.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.site.Accounts.EndAll(t.Context(), trust.Principal{ID: "sam", Role: trust.Administrator}, h.account("amara")); err != nil {
		t.Fatal(err)
	}
	ended, half := time.Now(), time.Minute/2 // the other half is skipped below
	if text := shown(letter); text == "" {
		t.Error("without a network the letter is gone")
	}
	webtest.Eval[bool](letter, `(()=>{window.fetch=window.real;return true})()`)
	for _, p := range []*webtest.Page{glass, chart, letter} { // half a minute passes
		webtest.Eval[bool](p, `(()=>{const now=Date.now;Date.now=()=>now()+30000;return true})()`)
	}
	for _, p := range []*webtest.Page{glass, chart, letter} {
		for shown(p) != "" && time.Since(ended) < half {
			time.Sleep(500 * time.Millisecond)
		}
		if text := shown(p); text != "" {
			t.Errorf("after a minute %s still shows %s", p.Path(), text)
		}
	}
	for p, path := range map[*webtest.Page]string{glass: "/today", chart: "/sign-in?next=%2Fp%2Fmaria"} {
		for time.Since(ended) < half && p.Path() != path {
			time.Sleep(200 * time.Millisecond)
		}
		if p.Path() != path {
			t.Errorf("it is at %s", p.Path())
		}
	}
	letter.Axe()
	letter.Picture("over-letter")
	if title := webtest.Eval[string](letter, "document.title"); title != "Osler" {
		t.Errorf("the window is called %q", title)
	}
	chart.SignIn(h.url, "amara", phrase)
	webtest.Eval[bool](letter, `document.dispatchEvent(new Event("visibilitychange"))`)
	soon(t, letter, "the same person has it back", `document.querySelector("#f-text").checkVisibility()`)
	if got := webtest.Eval[string](letter, `document.querySelector("#f-text").checkVisibility() ? document.querySelector("#f-text").value : "hidden"`); got != "Half a letter." {
		t.Errorf("what was typed: %q", got)
	}
	letter.NoConsoleFaults()
}

// shown is what of a chart is on the screen: the text of the banner and of the page.
func shown(p *webtest.Page) string {
	return webtest.Eval[string](p, `document.querySelector("[data-patient]") ? [...document.querySelectorAll("[data-patient],#main")].filter(e=>e.checkVisibility()).map(e=>e.innerText.slice(0,80)).join(" ") : ""`)
}
