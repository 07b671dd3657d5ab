package clinic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// reviewed is Maria with a chart that a letter agrees with in part.
func (h house) reviewed() {
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","telecom":[{"system":"phone","value":"+44 113 496 0123"}],"address":[{"line":["12 Harehills Lane"],"city":"Leeds"}],"generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"Condition","id":"htn","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}],"text":"Essential hypertension"},"onsetDateTime":"2015-06-12"}`,
		`{"resourceType":"MedicationRequest","id":"lisi","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"authoredOn":"2026-02-20","medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"requester":{"reference":"Practitioner/anna"},"dosageInstruction":[{"text":"one tablet once a day","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}]}`,
		`{"resourceType":"MedicationRequest","id":"ibu","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"authoredOn":"2026-10-20","medicationCodeableConcept":{"text":"ibuprofen 400 mg tablet"},"requester":{"reference":"Practitioner/anna"}}`,
		`{"resourceType":"AllergyIntolerance","id":"peni","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin G"},"reaction":[{"manifestation":[{"text":"Anaphylaxis"}],"severity":"severe"}]}`)
}

// chooseFile puts a file into the form, as a person does with the browser's own dialog.
func chooseFile(p *webtest.Page, name, body string) {
	webtest.Eval[bool](p, fmt.Sprintf(`(()=>{const d=new DataTransfer();d.items.add(new File([%q],%q,{type:"text/xml"}));document.querySelector("#f-document").files=d.files;return true})()`, body, name))
}

// TestALetterIsReviewedByKeys: from the file to the chart and back within a budget of presses.
func TestALetterIsReviewedByKeys(t *testing.T) {
	h := open(t)
	h.reviewed()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/p/maria/documents")
	chooseFile(p, "letter.xml", letterFile())
	p.Submit("#import form button[type=submit]") // 1
	if !strings.HasSuffix(p.Path(), "/review") {
		t.Fatalf("after the upload: %s %s", p.Path(), p.Text("body"))
	}
	at := p.Path()
	p.Key("j") // the line in hand is the first, and its passage is marked
	p.Wait("tr[data-on]")
	p.Wait(".src .here")
	if got := p.Text(".src .here"); !strings.Contains(got, "apixaban") {
		t.Errorf("the passage beside the first item: %q", got)
	}
	p.Check()
	p.Picture("import-review")
	p.Key("a")
	p.Key("m")
	if n := webtest.Eval[int](p, `document.querySelectorAll("[data-choice]:checked").length`); n != 2 || !strings.Contains(p.Text("[data-chosen]"), "1 add, 1 merge") {
		t.Errorf("%d chosen by keys: %s", n, p.Text("[data-chosen]"))
	}
	p.Picture("import-review-chosen")
	p.Submit(`button[value="new"]`) // all others that are new
	if said := p.Text("[data-chosen]"); !strings.Contains(said, "merge") {
		t.Errorf("what was chosen before is lost: %s", said)
	}
	p.Control(kb.Enter)
	p.Wait(`form[action*="/undo/"] button`) // stands on the page that comes after
	if !strings.Contains(p.Text("#toast"), "added") {
		t.Errorf("after accepting: %s", p.Text("#toast"))
	}
	p.Goto(h.url + "/p/maria/medications")
	if body := p.Text("main"); !strings.Contains(body, "apixaban") || !strings.Contains(body, "from Kirkstall Heart Clinic, 09-Nov-2026") {
		t.Errorf("the medicines: %s", body)
	}
	p.Picture("import-medicines")
	p.Goto(h.url + at)
	p.Check()
	p.Picture("import-accepted")
	p.Submit(`form[action*="/undo/"] button`)
	p.Goto(h.url + "/p/maria/problems")
	if strings.Contains(p.Text("main"), "atrial fibrillation") {
		t.Error("the undo left a problem")
	}
}

// TestTheReviewFits: every look of the page, in each language, passes the checks of pages.
func TestTheReviewFits(t *testing.T) {
	h := open(t)
	h.reviewed()
	anna := h.signedIn("anna")
	at := anna.sendLetter("maria", letterFile(), "key", "k").path
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	for _, tag := range []string{"en", "ar", "es"} {
		anna.post("/settings", "language", tag)
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Tablet, webtest.Phone} {
			if tag != "en" && v.Name == "dark" {
				continue
			}
			p := b.Open(h.url+at, v)
			p.Picture("import-" + tag + "-" + v.Name)
			// What lies half under the bar is scrolled to; axe takes it for a small target.
			webtest.Eval[bool](p, `(document.querySelector(".signbar").style.position="static", true)`)
			p.Check()
		}
	}
	anna.post("/settings", "language", "en")
	p = b.Open(h.url+strings.TrimSuffix(at, "review")+"whole", webtest.Phone)
	p.Check()
	p.Picture("import-whole-phone")
	wrong := anna.sendLetter("maria", strings.Replace(letterFile(), "19680314", "19710314", 1), "key", "other", "reason", "She confirms it")
	p = b.Open(h.url+wrong.path, webtest.Desktop)
	p.Check()
	p.Picture("import-other-person")
	p = b.Open(h.url+"/p/maria/documents", webtest.Phone)
	p.Check()
	p.Picture("import-documents-phone")
}
