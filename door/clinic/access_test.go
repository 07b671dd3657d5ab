package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
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
	if a := sam.post("/access", "mode", "restricted", "reason", "grown"); a.path != "/access" || !a.says("Changed.") || !a.says("Chosen by Sam Whitlock") {
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
	if a := sam.post("/access", "mode", "practice-wide"); a.path != "/access" {
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
	if a := ines.post("/access/why", "person", h.account("anna"), "patient", "w 3 2 1990"); a.status != http.StatusUnprocessableEntity || !a.says("More than one record fits") || !a.says("Katarzyna") {
		t.Errorf("two fit: %d", a.status)
	}
	if a := anna.get("/p/kasia"); a.status != http.StatusOK {
		t.Errorf("and the physician is let in again: %d", a.status)
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
