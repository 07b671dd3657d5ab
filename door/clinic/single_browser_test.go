package clinic

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/sso"
	"github.com/osler-emr/osler/identity/sso/ssotest"
	"github.com/osler-emr/osler/trust"
)

// hospital is a clinic whose hospital has a sign-in of its own.
func hospital(t *testing.T) (house, *ssotest.Provider) {
	h := strict(t)
	guard, err := outbound.New("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	h.site.Single = sso.Open(sso.Options{Accounts: h.site.Accounts, Clock: h.clock, Key: []byte("key"), Guard: guard})
	p := ssotest.Start(t)
	p.Clock, p.Redirects = h.clock, []string{h.url + web.SingleBack}
	p.People["anna"] = ssotest.Person{Subject: "s-anna", Name: "Anna Lindqvist", Given: "Anna", Family: "Lindqvist", Email: "anna@hospital.example"}
	p.People["noor"] = ssotest.Person{Subject: "s-noor", Name: "Noor Haddad", Given: "Noor", Family: "Haddad", Email: "noor@hospital.example", Groups: []string{"nurses"}}
	p.People["guest"] = ssotest.Person{Subject: "s-guest", Name: "A guest", Given: "A", Family: "Guest", Email: "guest@hospital.example"}
	if _, err := h.site.Accounts.Create(t.Context(), trust.System("test"), identity.Draft{User: "ada", Name: "Ada Admin", Role: trust.Administrator, Password: phrase, TOTPSecret: totpSecret}); err != nil {
		t.Fatal(err)
	}
	return h, p
}

const totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// code signs in with the password and a code.
func (h house) signInByCode(p *webtest.Page, user string) {
	h.t.Helper()
	p.SignIn(h.url, user, phrase)
	code, _ := identity.TOTPCode(totpSecret, h.clock.Now())
	p.Type("#f-code", code)
	p.Submit("form[action='/sign-in/code'] button[type=submit]")
	h.clock.Advance(time.Minute) // the next code is another one
}

// TestSingleSignOnInABrowser goes the whole way in Chromium: an administrator connects the
// provider on the page; an invited colleague comes in by it, proves it there before a grave act,
// unlocks by it, signs out and is told about the other session; somebody new gets an account by
// the table; when the provider is down, the administrator still comes in.
func TestSingleSignOnInABrowser(t *testing.T) {
	h, provider := hospital(t)
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	h.signInByCode(p, "ada")
	p.Goto(h.url + "/people/single-sign-on")
	p.Check()
	if got := p.Text("#single-back"); got != h.url+web.SingleBack {
		t.Errorf("the address to register: %s", got)
	}
	p.Type("#f-name", "St Elsewhere")
	p.Type("#f-issuer", "http://127.0.0.1:1/nobody")
	p.Type("#f-client", ssotest.Client)
	p.Type("#f-secret", ssotest.Secret)
	p.Type("#f-acr", "2fa")
	p.Type("#f-claim", "groups")
	p.Type("#f-value-0", "nurses")
	webtest.Eval[bool](p, `document.querySelector("#f-role-0").value="nurse";document.querySelector("[name=create]").checked=true`)
	p.Submit("form[action='/people/single-sign-on'] button.primary")
	if text := p.Text("main"); !strings.Contains(text, "does not answer as it should") {
		t.Fatalf("a provider that is not there: %s", text)
	}
	p.Check()
	p.Picture("single-fault")
	webtest.Eval[bool](p, `document.querySelector("#f-issuer").value="";true`)
	p.Type("#f-issuer", provider.URL)
	p.Type("#f-secret", ssotest.Secret)
	p.Submit("form[action='/people/single-sign-on'] button.primary")
	if kept, err := h.site.Accounts.Provider(t.Context()); err != nil || kept.Issuer != provider.URL || !kept.Create || len(kept.Roles) != 1 {
		t.Fatalf("kept: %+v %v\n%s", kept, err, p.Text("main"))
	}
	p.Check()
	p.Picture("single")
	phone := b.Open(h.url+"/people/single-sign-on", webtest.Phone)
	phone.Check()
	phone.Picture("single-phone")

	// Anna is connected by an invitation.
	link := h.linkFor("anna")
	p.Click("details.um summary")
	p.Submit("form[action='/sign-out'] button")
	p.Goto(h.url + link)
	p.Check()
	p.Picture("single-invite")
	p.Submit("form[action$='/single'] button")
	p.Wait("button[value=anna]") // the provider's page
	p.Submit("button[value=anna]")
	if at := p.Path(); at != "/today" {
		t.Fatalf("the invitation led to %s: %s", at, p.Text("main"))
	}

	// She signs out and is told that the hospital's session goes on.
	p.Click("details.um summary")
	p.Submit("form[action='/sign-out'] button")
	p.Check()
	p.Picture("single-out")
	if text := p.Text("main"); !strings.Contains(text, "At St Elsewhere you may still be signed in") {
		t.Errorf("after signing out: %s", text)
	}
	p.Goto(h.url + "/sign-in?next=/p/maria")
	p.Check()
	p.Picture("single-sign-in")
	p.Submit("a[data-single]")
	p.Submit("button[value=anna]")
	if at := p.Path(); at != "/p/maria" {
		t.Fatalf("signed in to %s", at)
	}
	p.Goto(h.url + "/settings/security")
	p.Check()
	p.Picture("single-security")

	// A grave act asks again, at the provider, in a tab of its own; the form waits.
	h.clock.Advance(identity.StaffIdle - time.Minute)
	p.Goto(h.url + "/settings/security")
	p.Submit("form[action='/settings/second-factor'] button")
	p.Wait("a[data-single][target=_blank]")
	p.Check()
	p.Picture("single-prove")
	aside := b.Open(h.url+webtest.Eval[string](p, `document.querySelector("a[data-single]").getAttribute("href")`), webtest.Desktop)
	if q := provider.Asked(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("not asked anew: %v", q)
	}
	aside.Submit("button[value=anna]")
	aside.Check()
	aside.Picture("single-confirmed")
	p.Front()
	p.Submit("button[name='prove.single']")
	p.Wait("#second-factor form[action='/settings/second-factor/confirm']")

	// Somebody else at the provider proves nothing here.
	h.clock.Advance(identity.StaffIdle)
	p.Goto(h.url + "/p/maria")
	p.Wait("form[action='/locked'] a[data-single]")
	p.Check()
	p.Picture("single-locked")
	p.Submit("a[data-single]")
	p.Submit("button[value=guest]")
	if text := p.Text("main"); !strings.Contains(text, "somebody else signed in") {
		t.Errorf("unlocked by somebody else: %s", text)
	}
	p.Goto(h.url + "/p/maria")
	p.Submit("a[data-single]")
	p.Submit("button[value=anna]")
	if at := p.Path(); at != "/p/maria" {
		t.Fatalf("unlocked to %s: %s", at, p.Text("main"))
	}

	// The provider ends her session here.
	if a := h.browser().post(web.SingleLogout, "logout_token", "nonsense"); a.status != http.StatusBadRequest {
		t.Errorf("a logout token of nobody: %d", a.status)
	}
	if a := h.browser().post(web.SingleLogout, "logout_token", provider.Logout("s-anna", "")); a.status != http.StatusOK {
		t.Errorf("a logout token: %d %s", a.status, a.body)
	}
	p.Goto(h.url + "/p/maria")
	if at := p.Path(); !strings.HasPrefix(at, "/sign-in") {
		t.Errorf("after leaving at the provider: %s", at)
	}

	// Noor is new: the table makes her a nurse. A guest has no role and gets no account.
	p.Submit("a[data-single]")
	p.Submit("button[value=guest]")
	if text := p.Text("main"); !strings.Contains(text, "no account here is connected to you") {
		t.Errorf("a guest: %s", text)
	}
	p.Check()
	p.Submit("a[data-single]")
	p.Submit("button[value=noor]")
	noor, err := h.site.Accounts.FindByUser(t.Context(), "noor@hospital.example")
	if err != nil || noor.Role != trust.Nurse || noor.Practitioner == "" || p.Path() != "/p/maria" {
		t.Fatalf("a new colleague: %+v %v at %s: %s", noor, err, p.Path(), p.Text("main"))
	}

	// She has no password here, and no page asks for one.
	h.clock.Advance(identity.StaffIdle)
	p.Goto(h.url + "/p/maria")
	p.Wait("form[action='/locked'] a[data-single]")
	if webtest.Eval[bool](p, `!!document.querySelector("[type=password]")`) {
		t.Errorf("the lock asks for a password that does not exist: %s", p.Text("main"))
	}
	p.Check()
	p.Picture("single-locked-only")
	p.Submit("a[data-single]")
	p.Submit("button[value=noor]")
	h.clock.Advance(identity.StaffIdle - time.Minute)
	p.Goto(h.url + "/settings/security")
	p.Submit("form[action='/settings/second-factor'] button")
	p.Wait("a[data-single][target=_blank]")
	if webtest.Eval[bool](p, `!!document.querySelector("[type=password]")`) {
		t.Errorf("the question asks for a password that does not exist: %s", p.Text("main"))
	}
	p.Check()
	p.Goto(h.url + "/p/maria")

	// The provider is down: it is said, and an administrator comes in.
	p.Click("details.um summary")
	p.Submit("form[action='/sign-out'] button")
	provider.Down = true
	h.clock.Advance(2 * time.Hour)
	p.Goto(h.url + "/sign-in")
	p.Submit("a[data-single]")
	if text := p.Text("main"); !strings.Contains(text, "does not answer as it should") {
		t.Errorf("a provider that is down: %s", text)
	}
	p.Check()
	p.Picture("single-down")
	h.signInByCode(p, "ada")
	if at := p.Path(); at != "/people" {
		t.Errorf("the administrator came to %s", at)
	}
	p.Goto(h.url + "/people/single-sign-on")
	if text := p.Text("#single-trouble"); !strings.Contains(text, "the provider cannot be used") {
		t.Errorf("what went wrong: %s", text)
	}
	p.Check()
	p.Picture("single-trouble")
	p.Goto(h.url + "/people/" + noor.ID)
	p.Check()
	p.Picture("single-account")
}

// linkFor makes a new one-time link for an account.
func (h house) linkFor(user string) string {
	h.t.Helper()
	a, err := h.site.Accounts.FindByUser(h.t.Context(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	secret, err := h.site.Accounts.ResetLink(h.t.Context(), trust.System("test"), a.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return web.InvitePath(secret)
}

// TestTheHospitalsButtonComesFirst: where the hospital signs people in, its button is the first thing
// on the page and nothing takes the focus past it; where staff come in by it only, it stands alone,
// and the other way opens for patients and administrators, with what is wrong in sight.
func TestTheHospitalsButtonComesFirst(t *testing.T) {
	h, provider := hospital(t)
	b := webtest.Start(t)
	for _, only := range []bool{false, true} {
		if err := h.site.Accounts.SetProvider(t.Context(), trust.System("test"), identity.Provider{Name: "St Elsewhere", Issuer: provider.URL, Client: ssotest.Client, Secret: ssotest.Secret, ACR: []string{"2fa"}, Only: only}); err != nil {
			t.Fatal(err)
		}
		p := b.Open(h.url+"/sign-in", webtest.Phone)
		p.Check()
		if !webtest.Eval[bool](p, `document.querySelector("main .card :is(a,button,input:not([type=hidden]),summary)").matches("a.primary[data-single]") && document.activeElement===document.body`) {
			t.Errorf("only %v: the button does not come first", only)
		}
		if seen := webtest.Eval[bool](p, `document.querySelector("#f-password").checkVisibility()`); seen == only {
			t.Errorf("only %v: the password is asked for: %v", only, seen)
		}
		p.Picture("single-first-" + map[bool]string{false: "beside", true: "only"}[only])
		if only {
			p.Click("details summary")
			p.Check()
			p.Type("#f-user", "ada")
			p.Type("#f-password", "wrong, wrong, wrong")
			p.Submit("form[action='/sign-in'] button.wide[type=submit]")
			p.Wait("#f-password")
			p.Picture("single-first-refused")
		}
	}
}

// TestSingleSignOnKeepsToItsBrowser: an answer that was begun in another browser begins nothing
// here (login CSRF), and a connection is not made with whoever the provider remembers.
func TestSingleSignOnKeepsToItsBrowser(t *testing.T) {
	h, provider := hospital(t)
	if err := h.site.Accounts.SetProvider(t.Context(), trust.System("test"), identity.Provider{Name: "St Elsewhere", Issuer: provider.URL, Client: ssotest.Client, Secret: ssotest.Secret, ACR: []string{"2fa"}}); err != nil {
		t.Fatal(err)
	}
	mallory, victim := h.browser(), h.browser()
	mallory.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	leave := mallory.get("/sign-in/single").header.Get("Location")
	u, err := url.Parse(leave)
	if err != nil || u.Host == "" {
		t.Fatalf("%q %v", leave, err)
	}
	back, _ := url.Parse(provider.Answer(u.Query(), "anna"))
	if a := victim.get(back.RequestURI()); a.status != http.StatusUnprocessableEntity || !a.says("begun in another browser") {
		t.Errorf("another browser's answer: %d", a.status)
	}
	if a := victim.get("/sign-in/single?next=https://evil.example/"); a.path != "/authorize" {
		t.Errorf("%s", a.path)
	}
	// A patient's account is not connected: the button is not there, and the way is closed.
	if a := h.browser().get(h.linkFor("maria")); a.says("St Elsewhere") {
		t.Error("a patient is offered the sign-in of staff")
	}
}
