package clinic

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// busyHouse is a clinic in which people have looked at records: amara, who is a nurse, at that of
// a patient with whom she has nothing to do, and anna at one of her own family name.
func busyHouse(t *testing.T) house {
	h := officeHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"nils-lindqvist","name":[{"family":"Lindqvist","given":["Nils"]}],"birthDate":"2010-04-01"}`)
	for user, patient := range map[string]string{"anna": "nils-lindqvist", "amara": "katarzyna"} {
		account, err := h.site.Accounts.FindByUser(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		p := trust.Principal{ID: account.ID, Name: account.Name, Role: account.Role, Practitioner: account.Practitioner, Purpose: trust.Treatment, Network: "10.1.2.3"}
		if _, err := h.site.Gate.As(p, "clinic").Read(context.Background(), "Patient", patient); err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
	}
	return h
}

// TestUnusualAccessIsReviewed: an auditor sees who opened what without a reason, writes down what
// came of it, and finds it among the reviewed ones; nobody else gets there.
func TestUnusualAccessIsReviewed(t *testing.T) {
	h := busyHouse(t)
	ines, _ := h.enters("ines")
	page := ines.get("/audit/unusual")
	if !page.says("Amara Mensah") || !page.says("without a visit") || !page.says("the same family name") {
		t.Fatalf("%d: %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	_, rest, _ := strings.Cut(page.body, `action="/audit/unusual/`)
	finding, _, _ := strings.Cut(rest, `"`)
	if a := ines.post("/audit/unusual/"+finding, "note", " ", "days", "7"); a.status != http.StatusUnprocessableEntity || !a.says("Say what you made of it") {
		t.Errorf("an empty review: %d", a.status)
	}
	if a := ines.post("/audit/unusual/"+finding, "note", "Asked her: covering for a colleague.", "days", "7"); !a.says("Reviewed") || !a.says("covering for a colleague") {
		t.Errorf("reviewed: %d", a.status)
	}
	for _, user := range []string{"anna", "tom", "priya"} {
		b, _ := h.enters(user)
		if a := b.get("/audit/unusual"); a.status != http.StatusForbidden {
			t.Errorf("%s sees the report: %d", user, a.status)
		}
	}
}

// TestAuditFilters: each filter leaves what it says.
func TestAuditFilters(t *testing.T) {
	h := busyHouse(t)
	h.site.Gate.As(trust.Principal{ID: "x", Name: "Glass User", Role: trust.Physician, Purpose: trust.BreakGlass,
		Glass: []trust.Glass{{ID: "g1", Patient: "maria", Until: noon.AddDate(1, 0, 0)}}}, "fhir").Note(t.Context(), ledger.Print, "maria", "chart")
	ines, _ := h.enters("ines")
	ines.get("/today") // refused
	for query, c := range map[string]struct{ shows, hides string }{
		"?glass=1":              {"Glass User", "Amara Mensah"},
		"?door=fhir":            {"Glass User", "Amara Mensah"},
		"?purpose=BTG":          {"Glass User", "Amara Mensah"},
		"?patient=katarzyna":    {"Amara Mensah", "Glass User"},
		"?did=took":             {"Glass User", "Opened a page"},
		"?outcome=not":          {"Opened a page", "Glass User"},
		"?door=console&glass=1": {"No entry fits the filter", "Glass User"},
	} {
		a := ines.get("/audit" + query)
		_, table, _ := strings.Cut(a.body, `role="search"`)
		_, table, _ = strings.Cut(table, "</form>")
		text := tags.ReplaceAllString(table, " ")
		if !strings.Contains(text, c.shows) || strings.Contains(text, c.hides) {
			t.Errorf("%s: want %q and not %q in %s", query, c.shows, c.hides, strings.Join(strings.Fields(text), " "))
		}
	}
}

// TestAuditFindsARecord: who opens no charts finds the log of a record by its number or a name, is
// told no more than whose it is, and never gets the whole log for a record that is none.
func TestAuditFindsARecord(t *testing.T) {
	h := busyHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"edna","identifier":[{"system":"urn:osler:record-number","value":"2041187731"}],"name":[{"family":"Pike","given":["Edna"]}],"birthDate":"1947-05-06","telecom":[{"system":"phone","value":"0113 496 0777"}]}`)
	for _, user := range []string{"ines", "sam"} {
		b, _ := h.enters(user)
		for _, typed := range []string{"204 118 7731", "2041187731", "pike edna", "pike 6 5 1947", "edna"} {
			a := b.post("/audit", "patient", typed)
			if a.status != http.StatusOK || a.path != "/audit" || !a.says("Who looked at the record of") || !a.says("PIKE") || a.says("0113 496 0777") {
				t.Errorf("%s %q: %d %s", user, typed, a.status, tags.ReplaceAllString(a.body, " "))
			}
		}
		two := b.post("/audit", "patient", "w 3 2 1990", "glass", "1")
		if two.status != http.StatusUnprocessableEntity || !two.says("More than one record fits") || !strings.Contains(two.body, `href="/audit?glass=1&amp;patient=kasia"`) || strings.Contains(two.body, `class="cards log"`) {
			t.Errorf("%s, two fit: %d %s", user, two.status, tags.ReplaceAllString(two.body, " "))
		}
		for what, a := range map[string]answer{"typed": b.post("/audit", "patient", "999 999 9999"), "a name": b.post("/audit", "patient", "nobodyhere"), "in the address": b.get("/audit?patient=nobody")} {
			if a.status != http.StatusUnprocessableEntity || !a.says("This is no record number or id") || strings.Contains(a.body, `class="cards log"`) || a.says("No entry fits") {
				t.Errorf("%s, %s: %d", user, what, a.status)
			}
		}
		for _, path := range []string{"/audit?patient=204%20118%207731", "/audit?patient=pike&nonsense=pike"} {
			if a := b.get(path); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, `class="cards log"`) {
				t.Errorf("%s, %s shows the log: %d", user, path, a.status)
			}
		}
	}
	for _, user := range []string{"anna", "tom", "priya"} {
		b, _ := h.enters(user)
		if a := b.post("/audit", "patient", "pike"); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", user, a.status)
		}
	}
}

// TestAdministratorFindsWhoLooked: an administrator who is new finds who looked at a record in at
// most three clicks from the first page, and the pages pass what every page must.
func TestAdministratorFindsWhoLooked(t *testing.T) {
	h := busyHouse(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url+"/sign-in", look)
		p.SignIn(h.url, "sam", phrase)
		if look.Name == webtest.Desktop.Name {
			p.Submit(`a[href="/audit"]`) // one
			p.Type("#f-patient", "wojcik katarzyna")
			p.Submit(`form[action="/audit"] button.primary`) // two: who looked at that record
			if text := p.Text("#whose"); !strings.Contains(text, "Katarzyna") {
				t.Errorf("it does not say whose record it is: %s", text)
			}
			if text := p.Text("table.log"); !strings.Contains(text, "Amara Mensah") {
				t.Errorf("after two clicks: %s", text)
			}
		} else {
			p.Goto(h.url + "/audit")
		}
		p.Check()
		p.Picture("audit-" + look.Name)
		p.Goto(h.url + "/audit")
		p.Click(`form[action="/audit"] input[name="glass"]`)
		p.Submit(`form[action="/audit"] button.primary`) // a filter without a person or a door is one
		if text := p.Text("main"); !strings.Contains(text, "No entry fits the filter") {
			t.Errorf("only emergency access: %s", text)
		}
		p.Goto(h.url + "/audit/unusual")
		p.Check()
		p.Picture("unusual-" + look.Name)
		p.Click(".um summary")
		p.Submit("form[action='/sign-out'] button")
	}
	if dir := os.Getenv("OSLER_SCREENSHOTS"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "audit-"+webtest.Phone.Name+".png")); err != nil {
			t.Error(err)
		}
	}
}
