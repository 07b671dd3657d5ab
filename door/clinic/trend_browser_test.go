package clinic

import (
	"strconv"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// touching are the pairs of texts of the picture that lie over each other.
const touching = `(() => { const all = [...document.querySelectorAll("#detail svg.chart text")].map(e => ({text: e.textContent, r: e.getBoundingClientRect()})), out = [];
	all.forEach((a, i) => all.slice(i+1).forEach(b => { if (a.r.left < b.r.right && b.r.left < a.r.right && a.r.top < b.r.bottom && b.r.top < a.r.bottom) out.push(a.text + " / " + b.text) }));
	return out })()`

// TestMedicinesOverATrendCanBeRead: medicines that began within days of each other are numbered over
// the potassium, no number over another, and what each number means stands below.
func TestMedicinesOverATrendCanBeRead(t *testing.T) {
	h := openChart(t)
	for i, m := range []struct{ text, day string }{
		{"lisinopril 20 mg tablet", "2026-06-01"}, {"spironolactone 25 mg tablet", "2026-06-03"}, {"indapamide 1.5 mg tablet", "2026-06-05"},
		{"furosemide 40 mg tablet", "2026-07-18"}, {"ibuprofen 400 mg tablet", "2026-07-19"}} {
		h.commit(trust.System("import"), `{"resourceType":"MedicationRequest","id":"bar`+strconv.Itoa(i)+`","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"`+m.text+`"},"authoredOn":"`+m.day+`","dosageInstruction":[{"text":"Take 1 tablet once daily"}]}`)
	}
	anna := h.signedIn("anna")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		for _, tag := range []string{"en", "ar"} {
			anna.post("/settings", "language", tag)
			p := b.Open(h.url+"/p/maria/results/2823-3", v)
			p.Wait("#detail svg.chart")
			if pairs := webtest.Eval[[]string](p, touching); len(pairs) > 0 {
				t.Errorf("%s, %s: over each other: %q", v.Name, tag, pairs)
			}
			if got := webtest.Eval[string](p, `[...document.querySelectorAll("#detail svg .marktext")].map(e=>e.textContent).join(" ")`); got != "1 2 3 4 5" {
				t.Errorf("%s: the numbers are %q", v.Name, got)
			}
			list := webtest.Eval[[]string](p, `[...document.querySelectorAll(".bars th")].map(e=>e.innerText.replace(/\s+/g," "))`)
			for i, name := range []string{"lisinopril", "spironolactone", "indapamide", "furosemide", "ibuprofen"} {
				if i >= len(list) || !strings.Contains(list[i], strconv.Itoa(i+1)) || !strings.Contains(strings.ToLower(list[i]), name) {
					t.Errorf("%s: number %d is told as %q", v.Name, i+1, list)
				}
			}
			p.Check()
			p.Picture("trend-" + v.Name + "-" + tag)
		}
	}
}

// TestWhatIsNotConfirmedIsMarked: an unusual weight that a program has sent has a shape of its own in the
// trend, words in its table and for those who do not see it, and words in the note that takes it up.
func TestWhatIsNotConfirmedIsMarked(t *testing.T) {
	h := openChart(t)
	weight := func(id, value, when string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"` + when + `","valueQuantity":{"value":` + value + `,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
	}
	h.commit(trust.System("import"), weight("w1", "88", "2026-08-20T08:00:00Z"), weight("w2", "89", "2026-09-20T08:00:00Z"), weight("w3", "189", "2026-11-24T08:00:00Z"))
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	page := anna.post(visit+"/edit/pull", "pull", "vitals", "field", "objective")
	if !page.says("weight 189 kg (not confirmed)") {
		t.Errorf("the note does not say it: %s", tags.ReplaceAllString(page.body, " "))
	}
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		for _, tag := range []string{"en", "ar"} {
			anna.post("/settings", "language", tag)
			p := b.Open(h.url+"/p/maria/vitals", v)
			p.Wait("figure svg.chart")
			webtest.Eval[bool](p, `(()=>{document.querySelectorAll("figure details").forEach(d=>d.open=true);document.querySelector("figure").scrollIntoView();return true})()`)
			if got := webtest.Eval[string](p, `document.querySelectorAll("figure svg path.doubt").length + " " + [...document.querySelectorAll("figure svg text")].filter(e=>e.textContent==="?").length + " " + document.querySelectorAll("figure svg .dot").length`); got != "1 1 2" {
				t.Errorf("%s: doubtful shapes, marks and dots: %s", v.Name, got)
			}
			if tag == "en" {
				if said := p.Text("figure"); !strings.Contains(said, "unusual, not confirmed") || !strings.Contains(said, "189 kg") || strings.Count(said, "not confirmed") != 2 {
					t.Errorf("%s: the trend says %q", v.Name, said)
				}
				if said := webtest.Eval[string](p, `document.querySelector("figure svg.chart").getAttribute("aria-label")`); !strings.Contains(said, "189 kg") || !strings.Contains(said, "not confirmed") {
					t.Errorf("the picture is told as %q", said)
				}
			}
			p.Check()
			p.Picture("doubt-" + v.Name + "-" + tag)
		}
	}
	anna.post("/settings", "language", "en")
	saved := anna.get("/p/maria/vitals/w3")
	if a := anna.post("/p/maria/vitals/w3", "key", saved.value(t, "key"), "weight", "189", "reason", "weighed again", "do", "correct", "sure-weight", "189"); a.says("not confirmed") {
		t.Errorf("confirmed, and still marked: %d", a.status)
	}
}
