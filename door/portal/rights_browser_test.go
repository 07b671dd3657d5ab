package portal

import (
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// TestACorrectionEndToEnd goes through a correction as its people do: the patient on a phone, the
// physician in the clinic, and back until the rebuttal.
func TestACorrectionEndToEnd(t *testing.T) {
	c := start(t)
	if err := c.logins.SetPrivacyContact(t.Context(), trust.System("test"), identity.PrivacyContact{Name: "Ines Castellanos, privacy officer", Phone: "0113 496 0100", Email: "privacy@harehills.example", Address: "1 High Street\nLeeds LS1 4AB"}); err != nil {
		t.Fatal(err)
	}
	c.employ("anna.lindqvist")
	c.keep(`{"resourceType":"Patient","id":"lena","name":[{"family":"Holm","given":["Lena"]}],"birthDate":"1971-05-09","gender":"female","generalPractitioner":[{"reference":"Practitioner/`+c.people["anna.lindqvist"].Practitioner+`"}]}`,
		`{"resourceType":"Condition","id":"lena-epilepsy","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"text":"Epilepsy"},"subject":{"reference":"Patient/lena"}}`)
	if _, err := c.logins.Create(t.Context(), trust.System("demo"), identity.Draft{User: "lena.holm", Name: "Lena Holm", Role: trust.Patient, Patient: "lena", Password: password}); err != nil {
		t.Fatal(err)
	}
	lena := webtest.Start(t).Open(c.url+"/sign-in", webtest.Phone)
	anna := webtest.Start(t).Open(c.url+"/sign-in", webtest.Desktop)
	lena.SignIn(c.url, "lena.holm", password)
	anna.SignIn(c.url, "anna.lindqvist", password)
	says := func(p *webtest.Page, who string, words ...string) {
		t.Helper()
		text := p.Text("#main")
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s at %s reads no %q:\n%s", who, p.Path(), w, text)
			}
		}
		p.Check()
	}

	lena.Goto(c.url + "/portal/rights")
	says(lena, "Lena", "No requests yet.")
	lena.Picture("rights-empty")
	lena.Goto(c.url + "/portal/health")
	lena.Submit(`a[href="/portal/rights/correct?about=Condition/lena-epilepsy"]`)
	says(lena, "Lena", "Epilepsy", "within 60 days")
	lena.Type(`textarea[name="wrong"]`, "I never had epilepsy.")
	lena.Type(`textarea[name="should"]`, "I fainted once.")
	lena.Type(`textarea[name="tell"]`, "Dr Brown, County Hospital")
	lena.Picture("rights-correct")
	lena.Submit(`#main form button.primary`)
	says(lena, "Lena", "waiting for an answer", "60 days left", "I never had epilepsy.")
	request := strings.TrimPrefix(lena.Path(), "/portal/rights/")
	lena.Picture("rights-waiting")
	lena.Goto(c.url + "/portal/health")
	says(lena, "Lena", "Your request for a correction")

	anna.Goto(c.url + "/inbox?view=requests")
	says(anna, "Anna", "Request for a correction")
	anna.Goto(c.url + "/requests")
	says(anna, "Anna", "HOLM", "Epilepsy", "60 days left")
	anna.Picture("rights-work")
	anna.Submit(`a[href="/p/lena/rights/` + request + `"]`)
	says(anna, "Anna", "I never had epilepsy.", "I fainted once.", "Accept the correction", "Take 30 days more")
	anna.Picture("rights-decide")
	anna.Goto(c.url + "/p/lena/problems")
	says(anna, "Anna", "The patient asked about this record")
	anna.Picture("rights-chart")
	anna.Goto(c.url + "/p/lena/rights/" + request)
	anna.Click(`form[action$="/deny"] input[value="accurate-complete"]`)
	anna.Type(`form[action$="/deny"] textarea[name="why"]`, "Two EEGs show it.")
	anna.Submit(`form[action$="/deny"] button.primary`)
	says(anna, "Anna", "denied", "Two EEGs show it.")

	lena.Goto(c.url + "/portal")
	says(lena, "Lena", "The clinic answered your request")
	lena.Picture("rights-news")
	lena.Submit(`a[href="/portal/rights/` + request + `"]`)
	says(lena, "Lena", "The entry is accurate and complete.", "Two EEGs show it.", "Office for Civil Rights", "statement of disagreement")
	lena.Type(`textarea[name="text"]`, "The EEGs were another person's.")
	lena.Picture("rights-denied")
	lena.Submit(`form[action$="/disagree"] button.primary`)
	says(lena, "Lena", "denied, you disagree", "The EEGs were another person's.")
	lena.Goto(c.url + "/portal")
	if strings.Contains(lena.Text("#main"), "The clinic answered your request") {
		t.Error("what was read is still news")
	}

	anna.Goto(c.url + "/p/lena/rights/" + request)
	says(anna, "Anna", "the patient disagrees", "The EEGs were another person's.")
	anna.Type(`form[action$="/rebut"] textarea[name="why"]`, "Both carry your name and your date of birth.")
	anna.Submit(`form[action$="/rebut"] button.primary`)
	anna.Goto(c.url + "/p/lena")
	says(anna, "Anna", "denied, the patient disagrees")

	lena.Goto(c.url + "/portal/record")
	says(lena, "Lena", "Corrections and restrictions", "I never had epilepsy.", "Both carry your name and your date of birth.")
	status, file := c.see("lena.holm", "/portal/download")
	if status != 200 || strings.Count(file, `"urn:osler:right-step"`) != 4 {
		t.Errorf("the download has %d of 4 steps", strings.Count(file, `"urn:osler:right-step"`))
	}
	for _, lang := range []string{"ar", "es"} {
		c.send("lena.holm", "/settings", url.Values{"language": {lang}})
		lena.Goto(c.url + "/portal/rights/" + request)
		lena.Check()
		lena.Picture("rights-denied-" + lang)
		lena.Goto(c.url + "/portal/rights/restrict")
		lena.Check()
		lena.Picture("rights-restrict-" + lang)
		lena.Goto(c.url + "/portal/rights/correct")
		lena.Check()
		for _, english := range []string{"Ask for", "What is wrong", "How do you know", "Send the request"} {
			if strings.Contains(lena.Text("#main"), english) {
				t.Errorf("%s: still in English: %s", lang, english)
			}
		}
	}
}

// TestARestrictionThroughThePages: what a patient asks about the health insurance is agreed to by a
// physician, and told to the billing office; the front desk and other patients get nothing of it.
func TestARestrictionThroughThePages(t *testing.T) {
	c := start(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	var desk, biller string
	for user, p := range c.people {
		switch p.Role {
		case trust.FrontDesk:
			desk = user
		case trust.Biller:
			biller = user
		}
	}
	c.employ("anna.lindqvist", desk, biller)
	for _, user := range []string{"anna.lindqvist", desk, biller} {
		c.enter(user)
	}
	id := c.people[maria].Patient
	if status, _, page := c.send(maria, "/portal/rights/restrict", url.Values{"reason": {"health-plan"}, "wrong": {" "}}); status != 422 || !strings.Contains(page, "Say what must not be told.") {
		t.Errorf("an empty request: %d %s", status, plainText(page))
	}
	_, at, page := c.send(maria, "/portal/rights/restrict", url.Values{"reason": {"health-plan"}, "wrong": {"My visit of 3 March"}, "nonce": {"n"}})
	if !strings.HasPrefix(at, "/portal/rights/") || !strings.Contains(plainText(page), "waiting for an answer") {
		t.Fatalf("asked: %s %s", at, plainText(page))
	}
	request := strings.TrimPrefix(at, "/portal/rights/")
	for _, path := range []string{"/portal/rights/" + request, "/portal/rights/" + request + "x"} {
		if status, page := c.see(tunde, path); status != 404 || strings.Contains(page, "3 March") {
			t.Errorf("another patient at %s: %d", path, status)
		}
		if status, _, _ := c.send(tunde, path+"/withdraw", nil); status != 404 {
			t.Errorf("another patient withdraws: %d", status)
		}
	}
	page2 := "/p/" + id + "/rights/" + request
	// The front desk records consents on the page of rights, and sees nothing there of what is asked for.
	for path, want := range map[string]int{"/requests": 403, "/p/" + id + "/rights": 200, page2: 403} {
		if status, page := c.see(desk, path); status != want || strings.Contains(page, "3 March") || want == 200 && strings.Contains(page, request) {
			t.Errorf("the front desk at %s: %d", path, status)
		}
	}
	for _, act := range []string{"agree", "deny", "accept", "end"} {
		if status, _, _ := c.send(desk, page2+"/"+act, url.Values{"why": {"x"}}); status != 403 {
			t.Errorf("the front desk does %s: %d", act, status)
		}
	}
	if status, _, page := c.send("anna.lindqvist", page2+"/deny", url.Values{"why": {"No."}}); status != 422 || !strings.Contains(plainText(page), "cannot be denied") {
		t.Errorf("denying what must be accepted: %d %s", status, plainText(page))
	}
	if status, at, page := c.send("anna.lindqvist", page2+"/agree", url.Values{"why": {"We do not bill it."}}); status != 200 || at != page2 || !strings.Contains(plainText(page), "accepted") {
		t.Errorf("agreed: %d %s %s", status, at, plainText(page))
	}
	if status, page := c.see(biller, "/billing/"+id); status != 200 || !strings.Contains(plainText(page), "Not to be told to the health plan") || !strings.Contains(page, "My visit of 3 March") {
		t.Errorf("billing: %d %s", status, plainText(page))
	}
	if status, page := c.see("anna.lindqvist", "/p/"+id); status != 200 || !strings.Contains(plainText(page), "Restriction") {
		t.Errorf("the chart: %d", status)
	}
	if _, page := c.see(maria, "/portal"); !strings.Contains(plainText(page), "The clinic answered your request") {
		t.Error("the answer is no news")
	}
}
