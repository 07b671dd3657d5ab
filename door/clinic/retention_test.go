package clinic

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// archivistsAt is a house with health records, an administrator, an auditor, a front desk, and the record
// of somebody who was here long ago.
func archivistsAt(t *testing.T) house {
	h := open(t)
	h.site.Gate.Hold(h.site.Accounts)
	for _, d := range []identity.Draft{
		{User: "rex", Name: "Rex Archer", Role: trust.Records, Practitioner: "anna", Password: phrase},
		{User: "ada", Name: "Ada King", Role: trust.Administrator, Password: phrase},
		{User: "ines", Name: "Ines Duarte", Role: trust.Auditor, Password: phrase},
		{User: "tom", Name: "Tom Reyes", Role: trust.FrontDesk, Password: phrase},
	} {
		if _, err := h.site.Accounts.Create(context.Background(), trust.System("test"), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.site.Accounts.SetAges(t.Context(), trust.Principal{ID: "ada", Name: "Ada", Role: trust.Administrator}, "US-WA"); err != nil {
		t.Fatal(err)
	}
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"olga","name":[{"family":"Brandt","given":["Olga"]}],"birthDate":"1931-05-06"}`,
		`{"resourceType":"Encounter","id":"olga-1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/olga"},"period":{"start":"2009-03-04T10:00:00Z","end":"2009-03-04T10:30:00Z"},"reasonCode":[{"text":"Shingles"}]}`,
		`{"resourceType":"Encounter","id":"maria-1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/maria"},"period":{"start":"2025-03-04T10:00:00Z","end":"2025-03-04T10:30:00Z"}}`)
	return h
}

// in signs somebody in, wherever the role begins.
func (h house) in(user string) browser {
	b := h.browser()
	b.post("/sign-in", "user", user, "password", phrase)
	return b
}

// TestDisposalByTwoPeople goes from what is due to the certificate; a legal hold stops it on the way.
func TestDisposalByTwoPeople(t *testing.T) {
	h := archivistsAt(t)
	rex, ada, ines, tom := h.in("rex"), h.in("ada"), h.in("ines"), h.in("tom")
	page := rex.get("/retention")
	if page.status != 200 || !page.says("BRANDT, Olga") || !page.says("04-Mar-2009") || page.says("OKAFOR") {
		t.Fatalf("due: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if page := ada.get("/retention"); page.says("BRANDT") || !page.says("olga") {
		t.Errorf("an administrator reads names: %s", tags.ReplaceAllString(page.body, " "))
	}
	if page := ines.get("/retention"); page.status != 200 || page.says("Ask to destroy it") || page.says("Hold the record") {
		t.Errorf("an auditor: %d", page.status)
	}
	for _, path := range []string{"/retention", "/retention/certificates/1"} {
		if page := tom.get(path); page.status != http.StatusForbidden {
			t.Errorf("the front desk at %s: %d", path, page.status)
		}
	}
	for _, b := range []browser{tom, ines, h.in("anna")} {
		for _, path := range []string{"/retention/olga/ask", "/retention/olga/destroy", "/retention/holds", "/retention/holds/olga/lift"} {
			if page := b.post(path, "patient", "olga", "reason", "x"); page.status != http.StatusForbidden {
				t.Errorf("%s: %d", path, page.status)
			}
		}
	}
	for act, want := range map[string]string{"ask": "no record with this id that is due", "destroy": "Nobody has asked for this"} {
		there, nobody := rex.post("/retention/maria/"+act), rex.post("/retention/nobody/"+act)
		if there.status != http.StatusUnprocessableEntity || !there.says(want) {
			t.Errorf("%s what is not due: %d", act, there.status)
		}
		if words := func(a answer) string { return tags.ReplaceAllString(a.body, " ") }; there.status != nobody.status || words(there) != words(nobody) {
			t.Errorf("%s tells whether a record exists: %d %d %s", act, there.status, nobody.status, words(nobody))
		}
	}
	if page := rex.post("/retention/olga/ask"); page.path != "/retention" || !page.says("waits for a second person") || !page.says("You asked for it; somebody else confirms.") || !page.says("RCW 70.41.190") {
		t.Fatalf("asked: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if page := rex.post("/retention/olga/destroy"); page.status == 200 {
		t.Error("the same person confirms")
	}
	// A hold comes in between.
	if page := ada.post("/retention/holds", "patient", "olga", "reason", " "); page.status != http.StatusUnprocessableEntity {
		t.Errorf("a hold without a case: %d", page.status)
	}
	if page := ada.post("/retention/holds", "patient", "999 999 9999", "reason", "Case 12/2026"); page.status != http.StatusUnprocessableEntity || !page.says("This is no record number or id") {
		t.Errorf("a hold on no record: %d", page.status)
	}
	if page := ada.post("/retention/holds", "patient", "brandt olga", "reason", "Case 12/2026"); page.path != "/retention" || !page.says("BRANDT") {
		t.Errorf("held by name: %d", page.status)
	}
	if page := rex.post("/retention/holds/olga/lift", "reason", "the other case"); page.path != "/retention" {
		t.Errorf("lifted: %d", page.status)
	}
	if page := ada.post("/retention/holds", "patient", "olga", "reason", "Case 12/2026"); page.path != "/retention" || !page.says("Case 12/2026") || !page.says("legal hold") {
		t.Errorf("held: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if page := ada.post("/retention/olga/destroy"); page.status == 200 || !page.says("under a legal hold") {
		t.Errorf("a held record: %d", page.status)
	}
	if _, err := h.actor(trust.Records, "anna").Read(t.Context(), "Patient", "olga"); err != nil {
		t.Fatalf("held, and gone: %v", err)
	}
	if page := rex.post("/retention/holds/olga/lift", "reason", "settled"); page.path != "/retention" || !page.says("The hold is lifted.") {
		t.Errorf("lifted: %d", page.status)
	}
	// A new fact makes it not due any more, also between the two people.
	h.commit(trust.System("import"), `{"resourceType":"Communication","id":"olga-letter","status":"completed","subject":{"reference":"Patient/olga"},"sent":"2026-01-01T10:00:00Z"}`)
	if page := ada.post("/retention/olga/destroy"); page.status == 200 || !page.says("no record with this id that is due") {
		t.Errorf("not due any more: %d", page.status)
	}
	if _, err := h.site.Gate.As(trust.System("test"), "test").Commit(t.Context(), record.Change{Delete: []record.Delete{{Type: "Communication", ID: "olga-letter"}}}); err != nil {
		t.Fatal(err)
	}
	page = ada.post("/retention/olga/destroy")
	if page.path != "/retention" || !page.says("The record is destroyed.") {
		t.Fatalf("confirmed: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if _, err := h.actor(trust.Records, "anna").Read(t.Context(), "Patient", "olga"); !fault.Is(err, fault.Gone) && !fault.Is(err, fault.NotFound) {
		t.Errorf("destroyed, and read: %v", err)
	}
	at := strings.Index(page.body, "/retention/certificates/")
	if at < 0 {
		t.Fatal("no certificate")
	}
	link := page.body[at : at+strings.Index(page.body[at:], `"`)]
	for _, b := range []browser{rex, ada, ines} {
		c := b.get(link)
		if c.status != 200 || !c.says("olga") || !c.says("Ada King") || !c.says("Retention: Washington, adult, last contact 2009-03-0") || c.says("Brandt") || c.says("Shingles") {
			t.Errorf("certificate: %d %s", c.status, tags.ReplaceAllString(c.body, " "))
		}
	}
	if page := ada.post("/retention/holds", "patient", "olga", "reason", "Case 13"); page.status == 200 {
		t.Errorf("a hold on what was destroyed: %d", page.status)
	}
}

// TestRetentionPages looks at the pages as their people see them.
func TestRetentionPages(t *testing.T) {
	h := archivistsAt(t)
	b := webtest.Start(t)
	rex := h.in("rex")
	rex.post("/retention/holds", "patient", "maria", "reason", "Case 12/2026")
	rex.post("/retention/olga/ask")
	dark := webtest.Desktop
	dark.Name, dark.Dark = "dark", true
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone, dark} {
		p := b.Open(h.url+"/sign-in", look)
		if p.Path() == "/sign-in" {
			p.SignIn(h.url, "ada", phrase)
		}
		p.Goto(h.url + "/retention")
		p.Check()
		p.Picture("retention-" + look.Name)
		p.Goto(h.url + "/retention?patient=maria")
		p.Check()
	}
	if policy.May(trust.Principal{Role: trust.Administrator}, policy.Read, "Patient") == nil {
		t.Error("an administrator reads patients: the page would show names")
	}
	h.in("ada").post("/retention/olga/destroy")
	p := b.Open(h.url+"/retention", webtest.Phone)
	p.Submit(`a[href^="/retention/certificates/"]`)
	p.Check()
	p.Picture("certificate-phone")
}
