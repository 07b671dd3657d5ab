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
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
	"github.com/osler-emr/osler/trust/unusual"
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

// TestNobodyClearsTheOwnFinding: who is the subject of a finding does not review it; and asking the
// log about a record is no look at that record.
func TestNobodyClearsTheOwnFinding(t *testing.T) {
	h := busyHouse(t)
	ines, _ := h.enters("ines")
	sam, _ := h.enters("sam")
	sam.post("/access/why", "person", h.account("anna"), "patient", "katarzyna")
	sam.get("/audit?patient=katarzyna")
	sam.get("/audit/export.csv?patient=katarzyna")
	sam.get("/audit/disclosures.csv?patient=katarzyna")
	if a := ines.get("/audit/unusual"); a.says("Sam Whitlock") {
		t.Errorf("who looked after the log is accused: %s", tags.ReplaceAllString(a.body, " "))
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"own","name":[{"family":"Whitlock","given":["Sam"]}],"birthDate":"1980-01-02"}`)
	p := trust.Principal{ID: h.account("sam"), Name: "Sam Whitlock", Role: trust.Administrator, Practitioner: "sam", Purpose: trust.Operations}
	if err := h.site.Gate.As(p, "clinic").Note(t.Context(), ledger.Export, "own", "the whole record"); err != nil {
		t.Fatal(err)
	}
	page := sam.get("/audit/unusual")
	if !page.says("This is about you") {
		t.Fatalf("the own finding: %s", tags.ReplaceAllString(page.body, " "))
	}
	found, err := h.site.Gate.As(p, "clinic").Unusual(t.Context(), noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 1), unusual.Usual(noon.Location()), map[string]string{p.ID: "sam"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Findings {
		if f.Actor != p.ID {
			continue
		}
		if a := sam.post("/audit/unusual/"+f.ID, "note", "Nothing to see.", "days", "7"); a.status != http.StatusForbidden {
			t.Errorf("sam clears %s: %d", f.Rule, a.status)
		}
		if a := ines.post("/audit/unusual/"+f.ID, "note", "Asked him.", "days", "7"); !a.says("Asked him.") {
			t.Errorf("ines reviews %s: %d", f.Rule, a.status)
		}
	}
	if a := ines.post("/audit/unusual/0123456789abcdef01234567", "note", "x"); a.status != http.StatusNotFound {
		t.Errorf("a finding that there is not: %d", a.status)
	}
}

// TestAFileIsOfOneRecord: while it is not clear whose record is meant there is no list and no file,
// which would read as if nobody had looked; a file about one patient names no other, and the files
// themselves are no disclosures.
func TestAFileIsOfOneRecord(t *testing.T) {
	h := busyHouse(t)
	ines, _ := h.enters("ines")
	for _, typed := range []string{"Lindqvist", "nils-lindqvist"} {
		if a := ines.get("/audit?patient=" + typed); !a.says("Amara Mensah") && !a.says("Lindqvist, Anna") && !a.says("Dr Anna Lindqvist") || a.says("No entry fits") {
			t.Errorf("%s in the address: %d", typed, a.status)
		}
		if a := ines.get("/audit/export.csv?patient=" + typed); a.status != http.StatusOK || !strings.Contains(a.body, "Dr Anna Lindqvist") {
			t.Errorf("%s in the file: %d %s", typed, a.status, a.body)
		}
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"other-lindqvist","name":[{"family":"Lindqvist","given":["Ove"]}],"birthDate":"2012-04-01"}`)
	if a := ines.get("/audit?patient=Lindqvist"); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, ".csv") {
		t.Errorf("two fit, and a file is offered: %d", a.status)
	}
	for _, path := range []string{"/audit/export.csv?patient=Lindqvist", "/audit/disclosures.csv?patient=Lindqvist", "/audit/disclosures.csv?patient=nobody", "/audit/disclosures.csv"} {
		if a := ines.get(path); a.status < 400 || strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	var both record.Change
	for _, id := range []string{"maria", "katarzyna"} {
		n, err := fhir.Parse([]byte(`{"resourceType":"Flag","status":"active","code":{"text":"x"},"subject":{"reference":"Patient/` + id + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		both.Put = append(both.Put, record.Put{Resource: n})
	}
	researcher := trust.Principal{ID: "x", Name: "Remy Search", Role: trust.Physician, Practitioner: "anna", Purpose: "HRESCH"}
	if _, err := h.site.Gate.As(researcher, "clinic").Commit(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if err := h.site.Gate.As(researcher, "clinic").Note(t.Context(), ledger.Print, "maria", "chart"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, path := range []string{"/audit/export.csv?patient=maria", "/audit/disclosures.csv?patient=maria"} {
			a := ines.get(path)
			if a.status != http.StatusOK || !strings.Contains(a.body, "Remy Search") || strings.Contains(a.body, "katarzyna") {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			if strings.Contains(path, "disclosures") && (strings.Contains(a.body, "as a table") || strings.Contains(a.body, "accounting")) {
				t.Errorf("the accounting lists itself: %s", a.body)
			}
		}
	}
}

// TestARefusedLookIsAmongThoseOfThePatient: who was refused a chart, by relation or by role, is found
// under that patient.
func TestARefusedLookIsAmongThoseOfThePatient(t *testing.T) {
	h := officeHouse(t)
	if err := h.site.Gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "the test"); err != nil {
		t.Fatal(err)
	}
	anna, _ := h.enters("anna")
	tom, _ := h.enters("tom")
	if closed, none := anna.get("/p/kasia"), anna.get("/p/nobody"); closed.status != http.StatusNotFound || closed.body != strings.ReplaceAll(none.body, "nobody", "kasia") {
		t.Errorf("a closed chart is not like none: %d", closed.status)
	}
	tom.get("/p/kasia/problems")
	ines, _ := h.enters("ines")
	a := ines.get("/audit?patient=kasia&did=refused")
	if !a.says("Dr Anna Lindqvist") || !a.says("Tom Reyes") || !a.says("GET /p/{patient}/problems") {
		t.Errorf("%d: %s", a.status, tags.ReplaceAllString(a.body, " "))
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
		"?outcome=not":          {"Was refused", "Glass User"},
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
