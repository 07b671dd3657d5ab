package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// TestAVisitByKeysAlone: from Today to the signature without a mouse and without wandering through the page by Tab:
// one key leads to the diagnosis, one to the note, Esc out of a field so that keys work again.
func TestAVisitByKeysAlone(t *testing.T) {
	h := openChart(t)
	p := webtest.Start(t).Open(h.url+"/sign-in", webtest.View{Name: "1280", Width: 1280, Height: 800})
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/today")
	p.Wait("[data-enter]")
	actions := 0
	press := func(keys ...string) {
		for _, k := range keys {
			actions++
			if len(k) == 1 && k[0] >= 'a' {
				p.Key(k)
			} else {
				p.Press(k)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	focus := func(id string) {
		t.Helper()
		soon(t, p, "the focus is in "+id, `document.activeElement.id==="`+id+`"`)
	}
	press(kb.Enter)
	soon(t, p, "the visit is open, and its scripts run", `!!document.querySelector("#plan")&&document.readyState==="complete"`)
	press("d")
	focus("f-diagnosis")
	p.Press("diab")
	soon(t, p, "diagnoses are offered", `!!document.querySelector("#f-diagnosis-list [role=option]")`)
	press(kb.ArrowDown, kb.Enter)
	focus("dx-1")
	p.Press("Sugar is better.")
	press(kb.Escape, "n")
	focus("plan")
	p.Press("In three months again.")
	if got := webtest.Eval[string](p, `document.querySelector("#plan").value`); got != "In three months again." {
		t.Errorf("the note: %q", got)
	}
	p.Check()
	p.Picture("visit-keys")
	actions++
	p.Control(kb.Enter)
	soon(t, p, "the visit is signed", `location.pathname==="/p/maria"`)
	if actions > 8 {
		t.Errorf("%d actions", actions)
	}
	if note := h.chart("maria").Notes[0]; !strings.Contains(note.Sections[0].Text, "Sugar is better.") {
		t.Errorf("the note: %+v", note.Sections)
	}
	p.Wait("nav.chartnav")
	p.Key("?")
	soon(t, p, "the list of keys is open", `document.querySelectorAll("#keys[open] dd").length>5`)
	if keys := webtest.Eval[[]string](p, `[...document.querySelectorAll("#keys dd")].map(d=>d.textContent.trim())`); strings.Contains(strings.Join(keys, "|")+"|", "||") {
		t.Errorf("a key has no name: %q", keys)
	}
}

// TestASummaryKeepsWithinItsPanels: at 1280 pixels a long value of a problem, what a patient says of a medicine, a blood
// pressure with its unit and the trend of a result stand whole in their panels; when a problem began is said where it
// is known, as an age too.
func TestASummaryKeepsWithinItsPanels(t *testing.T) {
	h := openChart(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Condition","id":"ckd","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"N18.31"}],"text":"Chronic kidney disease stage 3a"},"onsetAge":{"value":34,"unit":"a","system":"http://unitsofmeasure.org","code":"a"}}`,
		`{"resourceType":"Condition","id":"itch","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"text":"Hyperhidrosis"},"recordedDate":"2021-11-15"}`,
		`{"resourceType":"Observation","id":"gfr","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"text":"eGFR","coding":[{"system":"http://loinc.org","code":"33914-3"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","valueQuantity":{"value":52,"unit":"mL/min/{1.73_m2}","system":"http://unitsofmeasure.org","code":"mL/min/{1.73_m2}"},"interpretation":[{"coding":[{"code":"L"}]}]}`,
		`{"resourceType":"Observation","id":"bp","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":148,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":92,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
		`{"resourceType":"MedicationStatement","id":"says","status":"stopped","subject":{"reference":"Patient/maria"},"informationSource":{"reference":"Patient/maria"},"derivedFrom":[{"reference":"MedicationRequest/met"}],"medicationCodeableConcept":{"text":"metformin 500 mg tablet"},"dateAsserted":"2026-11-20","note":[{"text":"Does not need it any more, she feels well without it and would like to talk about that"}]}`)
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, path := range []string{"/p/maria", "/p/maria/results", "/p/maria/medications"} {
		p := b.Open(h.url+path, webtest.View{Name: "1280", Width: 1280, Height: 800})
		p.Wait("main .card")
		for _, part := range webtest.Eval[[]string](p, `[...document.querySelectorAll("main .card :is(td,th,button,.btn,svg.spark,.bigq>*)")].filter(e=>{const r=e.getBoundingClientRect(),c=e.closest(".scx,.vit>div,.card").getBoundingClientRect();return r.width>1&&(r.right>c.right+1||r.left<c.left-1)}).map(e=>e.tagName+" "+e.textContent.trim().slice(0,40))`) {
			t.Errorf("%s: %s stands beyond its panel", path, part)
		}
		p.Check()
		p.Picture("panels" + strings.ReplaceAll(path, "/", "-"))
	}
	page := tags.ReplaceAllString(h.signedIn("anna").get("/p/maria").body, " ")
	if text := strings.Join(strings.Fields(page), " "); !strings.Contains(text, "at 34 years") || !strings.Contains(text, "by 2021") {
		t.Errorf("the beginnings of problems: %s", text)
	}
}
