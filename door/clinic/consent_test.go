package clinic

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// consentHouse is a clinic that asks for the patient's consent first, with health records.
func consentHouse(t *testing.T) house {
	t.Helper()
	h := officeHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"Practitioner","id":"rita","name":[{"family":"Sousa","given":["Rita"]}]}`)
	if _, err := h.site.Accounts.Create(t.Context(), trust.System("test"), identity.Draft{User: "rita", Name: "Rita Sousa", Role: trust.Records, Practitioner: "rita", Password: phrase}); err != nil {
		t.Fatal(err)
	}
	if err := h.actor(trust.Administrator, "sam").SetHouse(t.Context(), record.House{Mode: policy.PracticeWide, OptIn: true}, "test"); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestConsentFirstInABrowser: a new patient comes into a clinic that asks for consent first. The front desk
// registers the patient and is led to the consent; the physician is told what is missing and who records it;
// after two clicks she opens the chart, on the page and by the gate that FHIR uses, and when the patient withdraws it no more.
func TestConsentFirstInABrowser(t *testing.T) {
	h := consentHouse(t)
	b, other := webtest.Start(t), webtest.Start(t)
	desk := b.Open(h.url+"/sign-in", webtest.Desktop)
	desk.SignIn(h.url, "tom", phrase)
	doctor := other.Open(h.url+"/sign-in", webtest.Desktop)
	doctor.SignIn(h.url, "anna", phrase)

	desk.Goto(h.url + "/register")
	desk.Type("#f-family", "Novak")
	desk.Type("#f-given", "Jana")
	desk.Type("#f-birthDate", "2 5 1981")
	desk.Click("input[name=sex][value=female]")
	desk.Submit("button.primary")
	desk.Wait("#consents")
	id := strings.Split(desk.Path(), "/")[2]
	if said := desk.Text("#consent"); !strings.Contains(said, "no consent on file") {
		t.Errorf("the front desk reads %s", said)
	}
	opens := func() bool {
		t.Helper()
		_, err := h.actor(trust.Physician, "anna").Read(t.Context(), "Patient", id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		doctor.Goto(h.url + "/p/" + id)
		page := strings.Contains(doctor.Text("body"), "NOVAK")
		if page != (err == nil) {
			t.Errorf("the page opens: %v, the gate: %v", page, err)
		}
		return page
	}
	closed := func() {
		t.Helper()
		if opens() {
			t.Error("the chart is open to the physician without a consent")
		}
		if said := doctor.Text("main"); !strings.Contains(said, "asks for the patient’s consent first") || !strings.Contains(said, "The front desk or health records record the consent") || !strings.Contains(said, "emergency access") {
			t.Errorf("the physician reads %s", said)
		}
	}
	pictures := func(b *webtest.Browser, path, name string) {
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
			p := b.Open(h.url+path, v)
			p.Check()
			p.Picture(name + "-" + v.Name)
		}
	}
	closed()
	pictures(other, "/p/"+id, "consent-closed")
	doctor.Goto(h.url + "/p/" + id + "/emergency-access")
	if said := doctor.Text("main"); !strings.Contains(said, "no consent on file") || !strings.Contains(said, "NOVAK") {
		t.Errorf("the form of emergency access says %s", said)
	}
	pictures(other, "/p/"+id+"/emergency-access", "consent-glass")
	pictures(b, "/p/"+id+"/rights", "consent-desk")
	pictures(b, "/p/"+id+"/details", "consent-details")

	desk.Click("input[name=how][value=paper]")
	desk.Submit("#consents button.primary")
	desk.Wait("#consent li")
	if said := desk.Text("#consent"); !strings.Contains(said, "Signed on paper") || !strings.Contains(said, "Tom Reyes") || strings.Contains(said, "no consent on file") {
		t.Errorf("after it was recorded: %s", said)
	}
	if !opens() {
		t.Error("the patient has consented, and the chart is closed")
	}
	pictures(b, "/p/"+id+"/rights", "consent-given")
	pictures(other, "/p/"+id+"/rights", "consent-rights")

	if err := rights.WithdrawConsent(t.Context(), h.actor(trust.Patient, id), id, "I have changed my mind."); err != nil {
		t.Fatal(err)
	}
	closed()
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		list := b.Open(h.url+"/consents/missing", v)
		list.Check()
		list.Picture("unconsented-" + v.Name)
	}
	desk.Goto(h.url + "/p/" + id + "/details")
	if said := desk.Text(".phead"); !strings.Contains(said, "no consent on file") {
		t.Errorf("the details say %s", said)
	}
	desk.NoConsoleFaults()
}

// TestConsentByOthers: who treats sees no form for it, health records do; what was refused comes back with
// what was typed; a clinic that does not ask shows none of it; an objection to any use is lifted by health records.
func TestConsentByOthers(t *testing.T) {
	h := consentHouse(t)
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	rita, _ := h.enters("rita")
	if a := anna.post("/p/maria/consent", "how", "paper"); a.status != http.StatusForbidden {
		t.Errorf("a physician records a consent: %d", a.status)
	}
	if a := rita.post("/p/maria/consent", "words", "She said yes to me."); a.status != http.StatusUnprocessableEntity || !a.says("Choose how the patient has consented") || !a.says("She said yes to me.") {
		t.Errorf("without how: %d", a.status)
	}
	if a := rita.post("/p/maria/consent", "how", "phone", "words", "She said yes to me."); a.path != "/p/maria/rights" || !a.says("Said by telephone or video") || !a.says("She said yes to me.") {
		t.Errorf("health records record it: %d %s %s", a.status, a.path, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/p/maria/rights"); !a.says("The patient withdraws it") || strings.Contains(a.body, `id="consents"`) {
		t.Errorf("the physician: %d", a.status)
	}
	if a := anna.post("/p/maria/consent/withdraw", "withdraw-why", ""); a.status != http.StatusUnprocessableEntity || !a.says("Write what the patient has said") {
		t.Errorf("withdrawn without a word: %d", a.status)
	}
	if a := anna.post("/p/maria/consent/withdraw", "withdraw-why", "She does not want it any more."); a.path != "/charts" {
		t.Errorf("withdrawn by the physician: %d %s", a.status, a.path)
	}
	if a := amara.post("/register", "family", "Zeman", "given", "Petr", "birthDate", "1 1 1970", "sex", "male", "key", "k9"); a.path != "/charts" || !a.says("The chart opens when the front desk") {
		t.Errorf("a nurse registers somebody: %d %s", a.status, a.path)
	}

	if err := h.actor(trust.Administrator, "sam").SetHouse(t.Context(), record.House{Mode: policy.PracticeWide}, "test"); err != nil {
		t.Fatal(err)
	}
	if a := rita.get("/p/maria/rights"); a.says("this clinic asks for it first") || !a.says("She does not want it any more.") {
		t.Errorf("a clinic that does not ask: %d", a.status)
	}
	h.commit(trust.System("import"), `{"resourceType":"Consent","id":"all","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/maria"},"policyRule":{"text":"x"},"provision":{"type":"deny"}}`)
	if a := anna.get("/p/maria"); a.status != http.StatusNotFound {
		t.Errorf("an objection to any use: %d", a.status)
	}
	if a := rita.get("/p/maria/rights"); !a.says("Nobody who treats opens this chart") || !a.says("Lift the objection") {
		t.Errorf("health records: %d", a.status)
	}
	if a := rita.post("/p/maria/objections/all/lift", "lift-why", "She has written to us."); a.status != http.StatusOK || a.path != "/p/maria/rights" {
		t.Errorf("it is lifted: %d %s", a.status, a.path)
	}
	if a := anna.get("/p/maria"); a.status != http.StatusOK {
		t.Errorf("after it was lifted: %d", a.status)
	}
	list, _, err := rights.PastObjections(t.Context(), h.actor(trust.Patient, "maria"), "maria", 9)
	if err != nil || !slices.ContainsFunc(list, func(o rights.Objection) bool { return o.Lifted == "She has written to us." }) {
		t.Errorf("the patient reads %+v, %v", list, err)
	}
}
