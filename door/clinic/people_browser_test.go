package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// keepers is a clinic with two administrators and a nurse who have authenticator apps.
func keepers(t *testing.T) (h house, nina identity.Account) {
	h = strict(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Practitioner","id":"nina","name":[{"family":"Berg","given":["Nina"]}]}`,
		`{"resourceType":"PractitionerRole","id":"r3","active":true,"practitioner":{"reference":"Practitioner/nina","display":"Nina Berg"},"code":[{"text":"nurse"}]}`)
	for _, d := range []identity.Draft{
		{User: "ada", Name: "Ada Admin", Role: trust.Administrator}, {User: "sam", Name: "Sam Admin", Role: trust.Administrator},
		{User: "nina", Name: "Nina Berg", Role: trust.Nurse, Practitioner: "nina"},
	} {
		d.Password, d.TOTPSecret = phrase, totpSecret
		a, err := h.site.Accounts.Create(t.Context(), trust.System("test"), d)
		if err != nil {
			t.Fatal(err)
		}
		if d.User == "nina" {
			nina = a
		}
	}
	return h, nina
}

// audited returns what the audit log says that somebody did with accounts, the newest first.
func (h house) audited(t *testing.T, user string) string {
	t.Helper()
	a, err := h.site.Accounts.FindByUser(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	auditor := h.site.Gate.As(trust.Principal{ID: "cara", Role: trust.Auditor}, "test")
	found, err := auditor.Looked(t.Context(), store.LeafFilter{Actor: a.ID, Actions: []ledger.Action{ledger.Account}, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range found {
		out = append(out, l.Leaf.Query)
	}
	return strings.Join(out, "\n")
}

// TestAbuseA15PagesOfRights: roles and lent rights change on the page, in Chromium. What changes is
// in force at the colleague's next click, in their open session, and in the audit.
func TestAbuseA15PagesOfRights(t *testing.T) {
	h, nina := keepers(t)
	admins, nurses := webtest.Start(t), webtest.Start(t)
	n := nurses.Open(h.url+"/sign-in", webtest.Desktop)
	h.signInByCode(n, "nina")
	n.Goto(h.url + "/people")
	if text := n.Text("main"); !strings.Contains(text, "Your role does not open this page") {
		t.Fatalf("a nurse without a right sees %s", text)
	}
	p := admins.Open(h.url+"/sign-in", webtest.Desktop)
	h.signInByCode(p, "ada")
	p.Goto(h.url + "/people/" + nina.ID)
	p.Check()
	p.Picture("people-account")
	for _, v := range []webtest.View{webtest.Phone, webtest.Dark} {
		x := admins.Open(h.url+"/people/"+nina.ID, v)
		x.Check()
		x.Picture("people-account-" + v.Name)
	}
	p.Front()

	// A right is lent until a day. Nothing chosen is said, and what was typed stays.
	p.Submit("form[action$='/lend'] button:not([name])")
	if text := p.Text("#f-lend"); !strings.Contains(text, "Choose for whom the right counts") {
		t.Errorf("nothing chosen: %s", text)
	}
	p.Click("[name=lend][value=front-desk]")
	p.Submit("form[action$='/lend'] button:not([name])")
	if text := p.Text("#lent"); !strings.Contains(text, "Front desk") || !strings.Contains(text, "lent by Ada Admin") {
		t.Errorf("who lent what: %s", text)
	}
	p.Check()
	p.Picture("people-lent")
	n.Front()
	n.Goto(h.url + "/people/invite")
	n.Check()
	if options := webtest.Eval[string](n, `[...document.querySelectorAll("#f-role option")].map(o=>o.value).join()`); options != ",front-desk" {
		t.Errorf("the nurse may invite as %q", options)
	}
	n.Type("#f-given", "Tom")
	n.Type("#f-family", "Desk")
	n.Type("#f-user", "tom.desk")
	webtest.Eval[bool](n, `document.querySelector("#f-role").value="front-desk";true`)
	n.Submit("form[action='/people/invite'] button.primary")
	n.Wait("#one-time-link")
	n.Check()
	n.Picture("people-lent-invited")
	n.Goto(h.url + "/people")
	n.Check()
	if text := n.Text("main"); !strings.Contains(text, "Tom Desk") || strings.Contains(text, "Ada Admin") {
		t.Errorf("the nurse sees %s", text)
	}
	ada, err := h.site.Accounts.FindByUser(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	n.Goto(h.url + "/people/" + ada.ID)
	if text := n.Text("main"); !strings.Contains(text, "no such account") {
		t.Errorf("the nurse sees an administrator's account: %s", text)
	}
	if said := h.audited(t, "nina"); !strings.Contains(said, "invite tom.desk as front-desk") {
		t.Errorf("the invitation in the audit: %s", said)
	}

	// After a while the change asks for a proof, and goes on with it.
	h.clock.Advance(11 * time.Minute)
	p.Front()
	p.Submit("form[action$='/lend'] button[name=back]")
	p.Wait("#f-prove\\.password")
	p.Type("#f-prove\\.password", phrase)
	code, _ := identity.TOTPCode(totpSecret, h.clock.Now())
	p.Type("#f-prove\\.code", code)
	p.Submit("form[action$='/lend'] button.primary")
	if a, err := h.site.Accounts.FindByID(t.Context(), nina.ID); err != nil || len(a.Grants) != 0 {
		t.Fatalf("taken back: %+v %v", a.Grants, err)
	}
	n.Front()
	n.Goto(h.url + "/people/invite")
	if text := n.Text("main"); !strings.Contains(text, "Your role does not open this page") {
		t.Errorf("after the right was taken back: %s", text)
	}

	// Another role, at the next click, in the session that is open.
	n.Goto(h.url + "/p/maria/meds")
	if text := n.Text("main"); !strings.Contains(text, "Medic") {
		t.Fatalf("the nurse opens a chart: %s", text)
	}
	p.Front()
	webtest.Eval[bool](p, `document.querySelector("#f-role").value="biller";true`)
	p.Submit("form[action$='/role'] button")
	n.Front()
	n.Goto(h.url + "/p/maria/meds")
	if text := n.Text("main"); !strings.Contains(text, "Your role does not open this page") {
		t.Errorf("a biller still opens the chart: %s", text)
	}
	said := h.audited(t, "ada")
	for _, want := range []string{"give role biller to nina", "take invitations from nina", "invitations of front-desk to nina"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in the audit:\n%s", want, said)
		}
	}
}

// TestEmergencyPaperInABrowser: two administrators confirm, in browsers of their own; the nurse
// comes in with the code, sets a new factor up at once and is told.
func TestEmergencyPaperInABrowser(t *testing.T) {
	h, nina := keepers(t)
	one, two, three := webtest.Start(t), webtest.Start(t), webtest.Start(t)
	p := one.Open(h.url+"/sign-in", webtest.Desktop)
	h.signInByCode(p, "ada")
	p.Goto(h.url + "/people/" + nina.ID)
	p.Type("#f-reason", "Phone lost, the ward round begins at eight")
	p.Submit("#paper button[value=ask]")
	if text := p.Text("#paper"); !strings.Contains(text, "somebody else") {
		t.Fatalf("after the first: %s", text)
	}
	if there := webtest.Eval[bool](p, `!!document.querySelector("#paper button[value=confirm]")`); there {
		t.Error("the first is offered the second confirmation")
	}
	p.Check()
	p.Picture("paper-first")
	q := two.Open(h.url+"/sign-in", webtest.Desktop)
	h.signInByCode(q, "sam")
	q.Goto(h.url + "/people/" + nina.ID)
	q.Check()
	q.Picture("paper-second")
	q.Submit("#paper button[value=confirm]")
	code := q.Text("#paper-code")
	q.Check()
	q.Picture("paper-code")

	n := three.Open(h.url+"/sign-in", webtest.Phone)
	n.Authenticator()
	n.SignIn(h.url, "nina", phrase)
	n.Type("#f-code", code)
	n.Submit("form[action='/sign-in/code'] button[type=submit]")
	if at := n.Path(); !strings.HasPrefix(at, "/secure") {
		t.Fatalf("the code led to %s", at)
	}
	n.Goto(h.url + "/p/maria")
	if at := n.Path(); !strings.HasPrefix(at, "/secure") {
		t.Fatalf("on paper a chart opens: %s", at)
	}
	n.Type("#f-name", "New phone")
	n.Submit("form[action='/settings/passkeys'] [data-passkey]")
	n.Wait("#codes")
	n.Goto(h.url + "/today")
	if text := n.Text("#paper-notice"); !strings.Contains(text, "Ada Admin") || !strings.Contains(text, "Sam Admin") || !strings.Contains(text, "It was used") {
		t.Errorf("the nurse is told %s", text)
	}
	n.Check()
	n.Picture("paper-told")
	n.Submit("#paper-notice button[value=known]")
	if again := webtest.Eval[bool](n, `!!document.querySelector("#paper-notice")`); again {
		t.Error("told again")
	}
	a, err := h.site.Accounts.FindByID(t.Context(), nina.ID)
	if err != nil || a.TOTPEnabled || len(a.Passkeys) != 1 {
		t.Errorf("the lost factor: %+v %v", a, err)
	}
	if said := h.audited(t, "ada") + h.audited(t, "sam"); !strings.Contains(said, "ask for emergency paper access (Phone lost") || !strings.Contains(said, "confirm emergency paper access for nina") {
		t.Errorf("in the audit: %s", said)
	}
}
