package clinic

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// account returns the id of an account by its user name.
func (h house) account(user string) string {
	h.t.Helper()
	a, err := h.site.Accounts.FindByUser(h.t.Context(), user)
	if err != nil {
		h.t.Fatal(err)
	}
	return a.ID
}

func TestTheAdministratorChoosesWhoSeesCharts(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	anna, _ := h.enters("anna")
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Fatalf("practice-wide, a physician opens a chart: %d", a.status)
	}
	if a := sam.post("/access", "mode", "nonsense"); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
		t.Errorf("a mode that there is not: %d", a.status)
	}
	if a := sam.post("/access", "mode", "restricted", "reason", "grown"); a.status != http.StatusUnprocessableEntity || !a.says("Nothing has changed yet") || !a.says("All others are closed to them at once") || !strings.Contains(a.body, `value="grown"`) {
		t.Errorf("many charts are closed without a question: %d %s", a.status, a.body)
	}
	if a := sam.post("/access", "mode", "restricted", "asked", "restricted"); !a.says("Tick that you have read") {
		t.Errorf("without the tick: %d", a.status)
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Errorf("a question has closed the chart: %d", a.status)
	}
	if a := sam.post("/access", "mode", "restricted", "opt-in", "1", "asked", "restricted", "sure", "1"); !a.says("Nothing has changed yet") {
		t.Errorf("the tick counts for another change: %d", a.status)
	}
	if a := sam.post("/access", "mode", "restricted", "reason", "grown", "asked", "restricted", "sure", "1"); a.path != "/access" || !a.says("Changed.") || !a.says("Chosen by Sam Whitlock") {
		t.Fatalf("the change: %d %s", a.status, a.body)
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusNotFound {
		t.Errorf("restricted, a physician opens the chart of a stranger: %d", a.status)
	}
	ines, _ := h.enters("ines")
	why := []string{"person", h.account("anna"), "patient", "kasia"}
	if a := ines.post("/access/why", why...); !a.says("cannot see it") || !a.says("Nothing binds the person to the patient") {
		t.Errorf("why not: %d %s", a.status, a.body)
	}
	if a := ines.post("/access", "mode", "practice-wide"); a.status != http.StatusForbidden {
		t.Errorf("an auditor changes it: %d", a.status)
	}
	if a := ines.get("/access"); strings.Contains(a.body, "opt-in") || a.status != http.StatusOK {
		t.Errorf("an auditor is offered the change: %d", a.status)
	}
	if a := anna.get("/access"); a.status != http.StatusForbidden {
		t.Errorf("a physician: %d", a.status)
	}
	if a := sam.post("/access", "mode", "practice-wide"); !a.says("All charts are opened at once") {
		t.Errorf("all charts are opened without a question: %d", a.status)
	}
	if a := sam.post("/access", "mode", "practice-wide", "asked", "practice-wide", "sure", "1"); a.path != "/access" {
		t.Errorf("back: %d", a.status)
	}
	if a := ines.post("/access/why", why...); !a.says("can see it") || !a.says("practice-wide") {
		t.Errorf("why: %d %s", a.status, a.body)
	}
	if a := ines.post("/access/why", "person", h.account("anna"), "patient", "nobody"); a.status != http.StatusUnprocessableEntity || !a.says("This is no record number or id") {
		t.Errorf("nobody: %d %s", a.status, a.body)
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"edna","identifier":[{"system":"urn:osler:record-number","value":"2041187731"},{"system":"http://hl7.org/fhir/sid/us-ssn","value":"078-05-1120"}],"name":[{"family":"Pike","given":["Edna"]}],"birthDate":"1947-05-06","telecom":[{"system":"phone","value":"0113 496 0777"}]}`)
	if a := ines.post("/access/why", "person", h.account("anna"), "patient", "204 118 7731"); !a.says("The chart of") || !a.says("PIKE") || !a.says("can see it") || a.says("078-05") || a.says("0113 496 0777") {
		t.Errorf("by record number: %d %s", a.status, a.body)
	}
	if a := ines.post("/access/why", "person", h.account("anna"), "patient", "w 3 2 1990"); a.status != http.StatusUnprocessableEntity || !a.says("More than one record fits") || !strings.Contains(a.body, `name="chosen" value="katarzyna"`) {
		t.Errorf("two fit: %d", a.status)
	}
	if a := ines.post("/access/why", "person", h.account("anna"), "patient", "w 3 2 1990", "chosen", "katarzyna"); a.status != http.StatusOK || !a.says("The chart of") || !a.says("Katarzyna") || a.says("Kasia") {
		t.Errorf("one of the two was chosen: %d", a.status)
	}
	if a := sam.post("/retention/holds", "patient", "w 3 2 1990", "reason", "court 7"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="chosen" value="kasia"`) {
		t.Errorf("two fit a hold: %d", a.status)
	}
	if a := sam.post("/retention/holds", "patient", "w 3 2 1990", "reason", "court 7", "chosen", "kasia"); a.status != http.StatusOK || !strings.Contains(a.body, `value="court 7"`) || !strings.Contains(a.body, `value="kasia"`) || a.says("placed by") {
		t.Errorf("one of the two was chosen for a hold: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	for user, want := range map[string]struct{ sees, not string }{
		"tom":   {"contact details, appointments", "clinical notes"},
		"priya": {"contact details", "clinical notes"},
	} {
		a := ines.post("/access/why", "person", h.account(user), "patient", "kasia")
		_, kinds, _ := strings.Cut(a.body, `id="kinds"`)
		kinds, _, _ = strings.Cut(kinds, "</table>")
		text := strings.Join(strings.Fields(tags.ReplaceAllString(kinds, " ")), " ")
		sees, not, _ := strings.Cut(text, "Does not see")
		if !a.says("can see a part of it") || !strings.Contains(sees, want.sees) || strings.Contains(sees, want.not) || !strings.Contains(not, want.not) {
			t.Errorf("%s: %s", user, text)
		}
	}
	if a := ines.post("/access/why", "person", h.account("maria"), "patient", "maria"); a.says("not tied to single patients") || !a.says("own record") {
		t.Errorf("the patient herself: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Errorf("and the physician is let in again: %d", a.status)
	}
}

// TestConsentFirstIsAskedBeforeItClosesCharts: the administrator is told how many charts it closes, and of whom;
// the front desk works the list off.
func TestConsentFirstIsAskedBeforeItClosesCharts(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	anna, _ := h.enters("anna")
	a := sam.post("/access", "mode", "practice-wide", "opt-in", "1")
	if a.status != http.StatusUnprocessableEntity || !a.says("Their charts will be closed at once to everybody who treats") || !a.says("find them under Charts") || a.says("Kasia") {
		t.Fatalf("before: %d %s", a.status, a.body)
	}
	n := regexp.MustCompile(`(\d+) of (\d+) patients have no consent recorded`).FindStringSubmatch(a.body)
	if n == nil || n[1] != n[2] || n[1] == "0" {
		t.Fatalf("how many: %v", n)
	}
	tom, _ := h.enters("tom")
	if a := tom.get("/consents/missing"); !a.says("does not ask") || !a.says(n[1]+" of "+n[2]) || !a.says("Kasia") {
		t.Errorf("the list before: %s", a.body)
	}
	if a := sam.get("/consents/missing"); a.status != http.StatusForbidden || a.says("Kasia") {
		t.Errorf("an administrator, who sees no patients, reads their names: %d", a.status)
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Errorf("it is in force before it is confirmed: %d", a.status)
	}
	if a := sam.post("/access", "mode", "practice-wide", "opt-in", "1", "asked", "practice-wide-consent", "sure", "1"); a.path != "/access" || !a.says("their charts are closed to those who treat") {
		t.Fatalf("confirmed: %d %s", a.status, a.body)
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusNotFound {
		t.Errorf("after: %d", a.status)
	}
	if a := anna.get("/consents/missing"); a.status != http.StatusForbidden {
		t.Errorf("a physician reads the list: %d", a.status)
	}
	if a := tom.get("/charts"); !strings.Contains(a.body, `href="/consents/missing"`) {
		t.Errorf("the front desk does not find the list: %s", a.body)
	}
	if a := tom.get("/consents/missing"); !strings.Contains(a.body, `href="/p/kasia/rights"`) {
		t.Errorf("the front desk: %d %s", a.status, a.body)
	}
	if a := tom.post("/p/kasia/consent", "how", "paper"); a.status != http.StatusOK {
		t.Fatalf("a consent: %d %s", a.status, a.body)
	}
	if a := tom.get("/consents/missing"); strings.Contains(a.body, `href="/p/kasia/rights"`) {
		t.Error("who has consented stays on the list")
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Errorf("after the consent: %d", a.status)
	}
	if a := sam.post("/access", "mode", "practice-wide"); !a.says("Their charts will be opened at once") {
		t.Errorf("back: %d %s", a.status, a.body)
	}
}

func TestAccessPageInABrowser(t *testing.T) {
	h := officeHouse(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url, look)
		if look.Name == webtest.Desktop.Name { // the second window shares the session
			p.SignIn(h.url, "sam", phrase)
		}
		p.Goto(h.url + "/access")
		p.Check()
		p.Wait("#labelling")
		p.Picture("office-access-" + look.Name)
		p.Click("#setting input[name=opt-in]")
		p.Submit("#setting button.primary")
		p.Wait("#f-sure")
		p.Check()
		p.Picture("office-access-asked-" + look.Name)
	}
}

// TestTheSearchOffersEmergencyAccessBeforeRegistering: who finds nobody is not led to a second
// record only, and what was typed goes along outside of the address.
func TestTheSearchOffersEmergencyAccessBeforeRegistering(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	a := anna.post("/find", "q", "zzyzx")
	emergency, register := strings.Index(a.body, "Emergency access"), strings.Index(a.body, "Register a new patient")
	if emergency < 0 || register < emergency || a.value(t, "family") != "zzyzx" {
		t.Errorf("the palette: %s", a.body)
	}
	if a := anna.post("/emergency-access", "family", "zzyzx"); a.status != 200 || a.path != "/emergency-access" || !strings.Contains(a.body, `value="zzyzx"`) {
		t.Errorf("the form: %d", a.status)
	}
	if a := anna.post("/find", "q", "emerg"); !a.says("Emergency access") || a.says("Register a new patient") {
		t.Errorf("“emerg” is not found as a command: %s", a.body)
	}
	priya := h.browser()
	priya.post("/sign-in", "user", "priya", "password", phrase)
	if a := priya.post("/find", "q", "zzyzx"); a.says("Emergency access") {
		t.Error("billing is offered emergency access")
	}
}

// TestAFreePrescriptionGuessesNoDose: words that the catalogue does not know say nothing about
// tablets or how often.
func TestAFreePrescriptionGuessesNoDose(t *testing.T) {
	h := open(t)
	a := h.signedIn("anna").post("/p/maria/prescribe/find", "free", "amoxicillin 250 mg/5 mL suspension")
	if a.status != 200 || strings.Contains(a.body, "1 tablet") || a.says("once daily amoxicillin") || a.says("can be signed") {
		t.Errorf("%d: %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestAnAdministratorSeesWhereSomebodyIsSignedIn, as the person does under Settings, before ending it;
// who keeps some accounts only does not.
func TestAnAdministratorSeesWhereSomebodyIsSignedIn(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	at := "/people/" + h.account("anna")
	if a := sam.get(at); !a.says("Signed in nowhere now.") {
		t.Errorf("before: %s", tags.ReplaceAllString(a.body, " "))
	}
	h.signedIn("anna")
	if a := sam.get(at); !strings.Contains(a.body, `id="devices"`) || !a.says("127.0.0.1") || a.says("Signed in nowhere now.") {
		t.Errorf("signed in: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := sam.post(at + "/end"); !a.says("Signed in nowhere now.") {
		t.Errorf("ended: %s", tags.ReplaceAllString(a.body, " "))
	}
	tom, _ := h.enters("tom")
	if a := tom.get(at); a.says("Signed in") {
		t.Errorf("the front desk sees it: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestEmergencyAccessAsksInItsOwnForm: who opens a closed record long after the last proof answers
// in the same form, by what the other pages take; which of two people it is stands there, and how
// the date of birth was read.
func TestEmergencyAccessAsksInItsOwnForm(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"edna","identifier":[{"system":"urn:osler:record-number","value":"2041187731"}],"name":[{"family":"Pike","given":["Edna"]}],"birthDate":"1947-05-06"}`)
	if err := h.site.Gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "the test"); err != nil {
		t.Fatal(err)
	}
	anna := h.signedIn("anna")
	if a := anna.post("/emergency-access", "family", "Pike", "born", "5/14/1947"); a.status != http.StatusUnprocessableEntity || !a.says("The day comes first, then the month.") {
		t.Errorf("month first: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/emergency-access", "family", "Pike", "born", "5/6/1947"); a.status != http.StatusOK || !a.says("Asked for: born on") || !a.says("05-Jun-1947") || a.says("Edna") {
		t.Errorf("the month for the day: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/emergency-access", "family", "Pike", "born", "6 5 1947"); !a.says("Edna") || !a.says("2041187731") {
		t.Errorf("found: %s", tags.ReplaceAllString(a.body, " "))
	}
	for _, name := range []string{"Edna Pike", "Pike, Edna", "pike edn"} {
		if a := anna.post("/emergency-access", "family", name, "born", "6 5 1947"); !a.says("Edna") {
			t.Errorf("%q does not find her: %s", name, tags.ReplaceAllString(a.body, " "))
		}
	}
	for _, name := range []string{"Edna", "Edna Pi Zed", "P"} {
		if a := anna.post("/emergency-access", "family", name, "born", "6 5 1947"); strings.Contains(a.body, "2041187731") {
			t.Errorf("%q finds her, without the family name", name)
		}
	}
	if a := anna.post("/emergency-access", "family", "edna pike 6 5 47"); !a.says("2041187731") || !strings.Contains(a.body, `value="6 5 47"`) {
		t.Errorf("name and date, as they were typed into the search: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/emergency-access", "family", "edna pike"); a.says("Closed charts found") || !strings.Contains(a.body, `value="edna pike"`) {
		t.Errorf("the name only, as it was typed into the search: %s", tags.ReplaceAllString(a.body, " "))
	}
	const form = "/p/edna/emergency-access"
	if a := anna.get(form); strings.Contains(a.body, "prove.") || !a.says("2041187731") {
		t.Errorf("just signed in: %s", tags.ReplaceAllString(a.body, " "))
	}
	h.clock.Advance(identity.StaffIdle - time.Minute)
	if a := anna.get(form); !strings.Contains(a.body, `name="prove.password"`) || strings.Contains(a.body, "Confirm and go on") {
		t.Errorf("fourteen minutes later: %s", a.body)
	}
	fields := []string{"reason", "emergency", "text", "Unconscious after a fall, medicines not known."}
	wrong := anna.post(form, append(fields, "prove.password", "not the password at all")...)
	if wrong.status != http.StatusUnauthorized || !wrong.says("Confirm that it is you") || wrong.value(t, "text") == "" {
		t.Errorf("a wrong password: %d %s", wrong.status, tags.ReplaceAllString(wrong.body, " "))
	}
	closed, nobody := anna.get("/p/edna"), anna.get("/p/nobody")
	if !closed.says("look for it under emergency access") || !nobody.says("look for it under emergency access") {
		t.Error("the address of a closed chart, or of none, leads nowhere")
	}
	if a := closed; a.status != http.StatusNotFound {
		t.Errorf("open after a wrong password: %d", a.status)
	}
	if a := anna.post(form, append(fields, "prove.password", phrase)...); a.path != "/p/edna" || a.status != http.StatusOK || !a.says("Pike") && !a.says("PIKE") {
		t.Errorf("opened: %d at %s", a.status, a.path)
	}
}

// TestTheRightForPatientsIsFound: whom the right to keep accounts of patients is lent finds People in
// the menu and in it those accounts, and no way to make colleagues.
func TestTheRightForPatientsIsFound(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	if a := sam.post("/people/"+h.account("priya")+"/lend", "lend", "patient", "until", noon.AddDate(0, 0, 5).Format(time.DateOnly)); !a.says("may make these accounts") {
		t.Fatalf("lending: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	priya, home := h.enters("priya")
	if !strings.Contains(home.body, `href="/people"`) {
		t.Error("People is not in the menu")
	}
	a := priya.get("/people")
	if a.status != http.StatusOK || !a.says("Maria Okafor") || a.says("Amara Mensah") || strings.Contains(a.body, "/people/invite") {
		t.Errorf("people: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := priya.get("/people/" + h.account("maria")); a.status != http.StatusOK {
		t.Errorf("the account of a patient: %d", a.status)
	}
	for _, path := range []string{"/people/invite", "/people/" + h.account("amara")} {
		if a := priya.get(path); a.status == http.StatusOK {
			t.Errorf("%s opens", path)
		}
	}
	if tom, _ := h.enters("tom"); tom.get("/people").status != http.StatusForbidden {
		t.Error("the front desk, to whom nothing is lent, opens People")
	}
}

// TestSettingUpSignInAnewAsksOnceMore: what opens an account is not taken away by one press.
func TestSettingUpSignInAnewAsksOnceMore(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	path := "/people/" + h.account("anna") + "/factor"
	asked := sam.post(path)
	if asked.status != http.StatusOK || !asked.says("Take them away from Dr Anna Lindqvist") || strings.Contains(asked.body, "one-time-link") {
		t.Fatalf("the question: %d %s", asked.status, tags.ReplaceAllString(asked.body, " "))
	}
	if _, a := h.enters("anna"); a.path != "/today" {
		t.Errorf("the password is gone before the answer: %s", a.path)
	}
	if a := sam.post(path, "confirm", h.account("amara")); strings.Contains(a.body, "one-time-link") {
		t.Error("a confirmation for somebody else counts")
	}
	if a := sam.post(path, "confirm", asked.value(t, "confirm")); !strings.Contains(a.body, "one-time-link") {
		t.Errorf("confirmed: %d", a.status)
	}
}

// TestAuditNamesProgramsAndStrangers: the log says the registered name of a program, and a sign-in
// that failed is not told as one, nor has it a link without words.
func TestAuditNamesProgramsAndStrangers(t *testing.T) {
	h := officeHouse(t)
	h.site.Program = func(_ context.Context, id string) (string, error) {
		return map[string]string{"c-17": "Growth Charts"}[id], nil
	}
	p := trust.Principal{ID: h.account("anna"), Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna", Purpose: trust.Treatment, Client: "c-17"}
	if err := h.site.Gate.As(p, "fhir").Note(t.Context(), ledger.Print, "maria", "chart"); err != nil {
		t.Fatal(err)
	}
	if err := h.site.Gate.Stranger(t.Context(), "fhir", "10.0.0.9", "GET /fhir/Patient", fault.New(fault.Unauthorized, "x")); err != nil {
		t.Fatal(err)
	}
	sam, _ := h.enters("sam")
	a := sam.get("/audit")
	if !a.says("by the program Growth Charts") || a.says("c-17") {
		t.Errorf("the program: %s", tags.ReplaceAllString(a.body, " "))
	}
	if !a.says("somebody unknown") || !a.says("Did not get in") || strings.Contains(a.body, "<b><bdi></bdi></b></a>") {
		t.Errorf("the stranger: %s", tags.ReplaceAllString(a.body, " "))
	}
}
