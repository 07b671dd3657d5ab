package clinic

import (
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// outside are the parts of a page that are wider than the screen or than what holds them.
const outside = `[...document.querySelectorAll("body,main,section.card,table")].filter(e => e.scrollWidth > e.clientWidth+1 || e.getBoundingClientRect().right > innerWidth+1).map(e => e.tagName+"."+e.className)`

// TestPagesFitSmallScreens: on the usual laptop and on an old one nothing is cut off or lies under
// something else.
func TestPagesFitSmallScreens(t *testing.T) {
	h := open(t)
	h.ill()
	for _, v := range []webtest.View{{Name: "1280", Width: 1280, Height: 900}, {Name: "1024", Width: 1024, Height: 800, Dark: true}} {
		p := webtest.Start(t).Open(h.url+"/sign-in", v)
		p.SignIn(h.url, "anna", phrase)
		for name, path := range map[string]string{"prescribe": "/p/maria/prescribe?s=" + cotrimoxazole, "medications": "/p/maria/medications", "today": "/today", "inbox": "/inbox",
			"results": "/p/maria/results", "summary": "/p/maria", "orders": "/p/maria/orders", "schedule": "/schedule"} {
			p.Goto(h.url + path)
			p.Wait("main")
			p.Picture("fits-" + name + "-" + v.Name)
			for _, part := range webtest.Eval[[]string](p, outside) {
				t.Errorf("%s at %s pixels: %s is too wide", name, v.Name, part)
			}
			for _, part := range webtest.Eval[[]string](p, beyond) {
				t.Errorf("%s at %s pixels: %s stands beyond its place", name, v.Name, part)
			}
		}
	}
}

// TestALongChargeFitsTheVisit: on a laptop of 1366 pixels, whatever the charge is suggested for stands
// within its column, from both sides of the page.
func TestALongChargeFitsTheVisit(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	for _, d := range [][]string{{"condition", "dm"}, {"icd", "N30.00"}, {"diagnosis", "Cough", "icd", "R05"}, {"diagnosis", "Headache", "icd", "R51"}} {
		anna.post(visit+"/edit/diagnosis", d...)
	}
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{{Name: "1366", Width: 1366, Height: 768}, {Name: "1366-dark", Width: 1366, Height: 768, Dark: true}, {Name: "1024", Width: 1024, Height: 768}} {
		for _, tag := range []string{"en", "ar"} {
			anna.post("/settings", "language", tag)
			p := b.Open(h.url+visit, v)
			p.Wait("#charges .bk li")
			if said := p.Text("#charges .bk"); len(said) < 60 {
				t.Fatalf("the reason is not long: %q", said)
			}
			p.NoSideScroll()
			for _, part := range webtest.Eval[[]string](p, outside+`.concat([...document.querySelectorAll("#charges .card, #charges .bk *")].filter(e => { const r = e.getBoundingClientRect(), c = document.querySelector("#charges .card").getBoundingClientRect(); return r.width > 1 && (r.right > c.right+1 || r.left < c.left-1) }).map(e => e.outerHTML.slice(0, 60)))`) {
				t.Errorf("%s in %s: %s is too wide", v.Name, tag, part)
			}
			p.Picture("charge-" + v.Name + "-" + tag)
		}
	}
}
