package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// TestTheSignInSaysWhyTheSessionEnded: who is at the sign-in again reads why, once; nothing of it stands
// in an address, and who ended it or what became of the account is not said.
func TestTheSignInSaysWhyTheSessionEnded(t *testing.T) {
	const (
		byTime = "You were signed out because everybody signs in again after 12 hours."
		away   = "You were signed out from another place, or the clinic has ended the session."
		out    = "You have signed out."
	)
	h := open(t)
	admin := trust.Principal{ID: "sam", Role: trust.Administrator}
	for name, c := range map[string]struct {
		end  func(b browser)
		want string
	}{
		"signed out on all devices": {func(browser) {
			other := h.signedIn("anna")
			other.post("/settings/sessions/others/end")
		}, away},
		"ended by an administrator": {func(browser) {
			if err := h.site.Accounts.EndAll(t.Context(), admin, h.account("anna")); err != nil {
				t.Fatal(err)
			}
		}, away},
		"the account is closed": {func(browser) {
			if err := h.site.Accounts.Deactivate(t.Context(), admin, h.account("anna")); err != nil {
				t.Fatal(err)
			}
		}, away},
		"a day later": {func(browser) { h.clock.Advance(identity.SessionFor + time.Minute) }, byTime},
		"signed out here": {func(b browser) { // in a tab that shows no page afterwards
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			b.post("/sign-out")
			b.client.CheckRedirect = nil
		}, out},
		"never signed in": {func(b browser) { *b.client = *h.browser().client }, ""},
	} {
		if err := h.site.Accounts.Enable(t.Context(), admin, h.account("anna")); err != nil {
			t.Fatal(err)
		}
		anna := h.signedIn("anna")
		c.end(anna)
		a := anna.get("/p/maria")
		said := ""
		for _, text := range []string{byTime, away, out} {
			if a.says(text) {
				said += text
			}
		}
		if a.path != "/sign-in" || said != c.want {
			t.Errorf("%s: at %s it says %q", name, a.path, said)
		}
		if a := anna.get("/sign-in"); a.says(away) || a.says(byTime) || a.says(out) {
			t.Errorf("%s: it is said twice", name)
		}
		for _, secret := range []string{"anna", "Lindqvist", "deactivated", "disabled"} {
			if strings.Contains(strings.ToLower(a.body), strings.ToLower(secret)) {
				t.Errorf("%s: a stranger reads %q", name, secret)
			}
		}
	}
}

// TestAStrangersCookieTellsNothing: a made-up session is told as any that has ended, and a made-up reason
// as none.
func TestAStrangersCookieTellsNothing(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.client.Jar.SetCookies(mustURL(t, h.url), []*http.Cookie{{Name: "osler-session", Value: "made-up"}, {Name: "osler-until", Value: "soon"}, {Name: "osler-ended", Value: "<b>anna</b>"}})
	if a := b.get("/sign-in"); !a.says("You were signed out from another place") || strings.Contains(a.body, "<b>anna") {
		t.Errorf("a made-up session: %s", tags.ReplaceAllString(a.body, " "))
	}
	b = h.browser()
	b.client.Jar.SetCookies(mustURL(t, h.url), []*http.Cookie{{Name: "osler-ended", Value: "<b>anna</b>"}})
	if a := b.get("/sign-in"); strings.Contains(a.body, `role="status">You`) || strings.Contains(a.body, "<b>anna") {
		t.Errorf("a made-up reason: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestTheLockSaysWhy: a session that nobody used says so, one that its person locked does not; an open
// page whose session has ended comes to the sign-in that says why.
func TestTheLockSaysWhy(t *testing.T) {
	const idle = "It is locked because nobody used it for 15 minutes."
	h := open(t)
	anna := h.signedIn("anna")
	if a := anna.post("/lock"); a.path != "/locked" || a.says(idle) {
		t.Errorf("locked by hand: %s", a.path)
	}
	anna.post("/locked", "password", phrase)
	h.clock.Advance(identity.StaffIdle + time.Minute)
	if a := anna.get("/today"); a.path != "/locked" || !a.says(idle) {
		t.Errorf("nobody used it: %s %s", a.path, tags.ReplaceAllString(a.body, " "))
	}
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := webtest.Start(t).Open(h.url, v)
		p.SignIn(h.url, "amara", phrase)
		p.Goto(h.url + "/p/maria")
		p.Front()
		if err := h.site.Accounts.EndAll(t.Context(), trust.Principal{ID: "sam", Role: trust.Administrator}, h.account("amara")); err != nil {
			t.Fatal(err)
		}
		webtest.Eval[bool](p, `(()=>{setTimeout(()=>document.dispatchEvent(new Event("visibilitychange")),50);return true})()`)
		for end := time.Now().Add(20 * time.Second); !strings.HasPrefix(p.Path(), "/sign-in") && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
		p.Wait(".ended")
		if said := p.Text(".ended"); !strings.HasPrefix(said, "You were signed out from another place") || p.Path() != "/sign-in?next=%2Fp%2Fmaria" {
			t.Errorf("%s: at %s it says %q", v.Name, p.Path(), said)
		}
		p.Check()
		p.Picture("ended-" + v.Name)
	}
}
