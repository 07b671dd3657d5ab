package portal

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

const because = "Unconscious after a fall, medicines not known"

// employ gives people of the clinic an account.
func (c *house) employ(users ...string) {
	c.t.Helper()
	for _, user := range users {
		a := c.people[user]
		if a.User == "" {
			c.t.Fatalf("nobody is called %s", user)
		}
		if _, err := c.logins.Create(c.t.Context(), trust.System("demo"), identity.Draft{User: a.User, Name: a.Name, Role: a.Role, Practitioner: a.Practitioner, Password: password}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// officer is an auditor of the invented clinic, who has an account afterwards.
func (c *house) officer() string {
	c.t.Helper()
	if _, err := c.logins.Create(c.t.Context(), trust.System("demo"), identity.Draft{User: "olu.privacy", Name: "Olu Ade", Role: trust.Auditor, Password: password}); err != nil {
		c.t.Fatal(err)
	}
	return "olu.privacy"
}

// TestBreakGlassEndToEnd goes in a browser from the need to the data, from there to the
// review, and to what the patient reads about it.
func TestBreakGlassEndToEnd(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	c.employ("anna.lindqvist")
	officer := c.officer()
	const lena = "lena"
	c.keep(`{"resourceType":"Patient","id":"lena","name":[{"family":"Holm","given":["Lena"]}],"birthDate":"1971-05-09","gender":"female"}`,
		`{"resourceType":"Condition","id":"lena-epilepsy","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Epilepsy"},"subject":{"reference":"Patient/lena"}}`)
	if _, err := c.logins.Create(t.Context(), trust.System("demo"), identity.Draft{User: "lena.holm", Name: "Lena Holm", Role: trust.Patient, Patient: "lena", Password: password}); err != nil {
		t.Fatal(err)
	}
	if err := c.gate.As(trust.System("test"), "test").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "the test"); err != nil {
		t.Fatal(err)
	}

	doctor := b.Open(c.url+"/sign-in", webtest.Desktop)
	doctor.SignIn(c.url, "anna.lindqvist", password)
	doctor.Goto(c.url + "/p/" + lena)
	if strings.Contains(doctor.Text("body"), "Holm") {
		t.Fatalf("the chart is not closed: %s", doctor.Text("body"))
	}
	doctor.Goto(c.url + "/charts")
	begun, clicks := time.Now(), 0
	submit := func(p *webtest.Page, selector string) { t.Helper(); p.Submit(selector); clicks++ }
	submit(doctor, `a[href="/emergency-access"]`)
	doctor.Type(`input[name="family"]`, "Holm")
	doctor.Type(`input[name="born"]`, "9 5 1971")
	submit(doctor, `#main button.primary`)
	submit(doctor, `a[href="/p/`+lena+`/emergency-access"]`)
	form := time.Now()
	doctor.Click(`input[name="reason"][value="emergency"]`)
	clicks++
	doctor.Type(`textarea[name="text"]`, because)
	if webtest.Eval[bool](doctor, `document.querySelector('input[name="prove.password"]') !== null`) { // not for who has just signed in
		doctor.Type(`input[name="prove.password"]`, password)
	}
	submit(doctor, `#main button.primary`)
	took := time.Since(begun)
	t.Logf("from the need to the data: %d clicks, %s, of them %s in the form", clicks, took.Round(time.Millisecond), time.Since(form).Round(time.Millisecond))
	if clicks > 5 || took > 15*time.Second {
		t.Errorf("%d clicks and %s", clicks, took)
	}
	if doctor.Path() != "/p/"+lena {
		t.Fatalf("after opening: %s: %s", doctor.Path(), doctor.Text("#main"))
	}
	if banner := doctor.Text(".glass"); !strings.Contains(banner, "Emergency access") || !strings.Contains(banner, "60 min left") {
		t.Errorf("banner: %s", banner)
	}
	if !strings.Contains(doctor.Text("#main"), "Epilepsy") {
		t.Errorf("the record is open, and shows %s", doctor.Text("#main"))
	}
	doctor.Picture("glass-banner")
	doctor.Check()
	for _, path := range []string{"/medications", "/results", "/notes", "/timeline", "/details"} {
		doctor.Goto(c.url + "/p/" + lena + path)
		if banner := doctor.Text("body"); !strings.Contains(banner, "min left") {
			t.Errorf("%s has no banner", path)
		}
	}
	other := c.people["maria.okafor"].Patient
	doctor.Goto(c.url + "/p/" + other)
	if strings.Contains(doctor.Text("body"), "min left") {
		t.Error("the banner stands on another patient's page")
	}
	for _, page := range []string{"/emergency-access", "/p/" + other + "/emergency-access"} {
		doctor.Goto(c.url + page)
		doctor.Check()
	}
	phone := b.Open(c.url+"/p/"+lena, webtest.Phone)
	phone.Check()
	phone.Picture("glass-banner-phone")
	phone.Goto(c.url + "/p/" + other + "/emergency-access")
	phone.Check()
	phone.Picture("glass-form-phone")

	// Everything that was opened is marked, and nothing else is.
	leaves, err := c.gate.As(trust.System("test"), "test").Looked(t.Context(), store.LeafFilter{Patient: lena, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for _, l := range leaves {
		if (l.Leaf.Glass != "") != (l.Leaf.Purpose == "BTG") {
			t.Errorf("half marked: %+v", l.Leaf)
		}
		if l.Leaf.Glass != "" {
			marked++
		}
	}
	if marked < 6 {
		t.Errorf("%d leaves are marked", marked)
	}
	for _, l := range leaves[:marked] {
		if l.Leaf.Actor == c.account("anna.lindqvist") && l.Leaf.Glass == "" {
			t.Errorf("not marked: %+v", l.Leaf)
		}
	}
	leaves, err = c.gate.As(trust.System("test"), "test").Looked(t.Context(), store.LeafFilter{Patient: other, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves {
		if l.Leaf.Glass != "" && len(l.Leaf.Patients) == 1 {
			t.Errorf("another patient's leaf is marked: %+v", l.Leaf)
		}
	}

	doctor.Goto(c.url + "/p/" + lena)
	doctor.Submit(".glass button")
	if doctor.Path() != "/charts" {
		t.Errorf("ended at %s", doctor.Path())
	}
	doctor.Goto(c.url + "/p/" + lena)
	if strings.Contains(doctor.Text("body"), "min left") {
		t.Error("the banner stays after the end")
	}
	if strings.Contains(doctor.Text("body"), "Epilepsy") || strings.Contains(doctor.Text("body"), "Holm") {
		t.Error("the chart is open after the end")
	}
	doctor.Click(".um summary")
	doctor.Submit("form[action='/sign-out'] button")

	// The patient sees it before anybody has reviewed it.
	if _, page := c.see("lena.holm", "/portal"); !strings.Contains(plainText(page), "Your record was opened in an emergency") {
		t.Errorf("the patient's first page: %s", plainText(page))
	}
	_, page := c.see("lena.holm", "/portal/access")
	if text := plainText(page); !strings.Contains(text, because) || !strings.Contains(text, "the clinic has not checked it yet") || !strings.Contains(text, "Dr Anna Lindqvist") || !strings.Contains(text, "emergency access") {
		t.Errorf("the patient reads: %s", text)
	}
	if _, page := c.see("tunde.adeyemi", "/portal/access"); strings.Contains(page, because) {
		t.Error("another patient reads it")
	}

	desk := b.Open(c.url+"/sign-in", webtest.Desktop)
	desk.SignIn(c.url, officer, password)
	desk.Goto(c.url + "/audit")
	if nav := desk.Text("nav"); !strings.Contains(nav, "Privacy") || !strings.Contains(nav, "1") {
		t.Errorf("the officer is not told: %s", nav)
	}
	desk.Submit(`nav a[href="/privacy"]`)
	desk.Check()
	desk.Picture("privacy-waiting")
	desk.Submit(`button[value="not-appropriate"]`)
	if !strings.Contains(desk.Text("#main"), "Say what was not appropriate") {
		t.Errorf("without a comment: %s", desk.Text("#main"))
	}
	desk.Type(`textarea[name="comment"]`, "The family asked, no emergency")
	desk.Submit(`button[value="not-appropriate"]`)
	if text := desk.Text("#main"); !strings.Contains(text, "Nothing waits for a review") || !strings.Contains(text, "not appropriate") {
		t.Errorf("after the review: %s", text)
	}
	desk.Check()
	desk.Picture("privacy-done")
	small := b.Open(c.url+"/privacy", webtest.Phone)
	small.Check()
	desk.Click(".um summary")
	desk.Submit("form[action='/sign-out'] button")

	_, page = c.see("lena.holm", "/portal/access")
	if text := plainText(page); !strings.Contains(text, "it was not right") || strings.Contains(text, "The family asked") {
		t.Errorf("after the review the patient reads: %s", text)
	}
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "lena.holm", password)
	p.Goto(c.url + "/portal/access")
	p.Check()
	p.Picture("glass-patient-phone")
	for language, says := range map[string]string{"es": "Abierta en una emergencia", "ar": "فُتح في حالة طارئة"} {
		c.send("lena.holm", "/settings", url.Values{"language": {language}})
		if _, page := c.see("lena.holm", "/portal/access"); !strings.Contains(plainText(page), says) {
			t.Errorf("%s: %s", language, plainText(page))
		}
	}
}

func (c *house) account(user string) string {
	c.t.Helper()
	a, err := c.logins.FindByUser(c.t.Context(), user)
	if err != nil {
		c.t.Fatal(err)
	}
	return a.ID
}
