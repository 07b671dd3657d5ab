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

// TestTheNewestResultIsWholeOnAPhone: half of a number is another number, 10 for 107.
func TestTheNewestResultIsWholeOnAPhone(t *testing.T) {
	h := openChart(t)
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Phone, {Name: "320", Width: 320, Height: 640, Touch: true, Dark: true}} {
		for _, tag := range []string{"en", "ar"} {
			h.signedIn("anna").post("/settings", "language", tag)
			for name, path := range map[string]string{"results": "/p/maria/results", "summary": "/p/maria"} {
				p := b.Open(h.url+path, v)
				p.Wait(".flow td.new bdi")
				p.NoSideScroll()
				for _, part := range webtest.Eval[[]string](p, `[...document.querySelectorAll(".flow .n")].filter(e => { const r = e.getBoundingClientRect(), c = e.closest(".card").getBoundingClientRect(); return r.width > 1 && (r.right > c.right+1 || r.left < c.left-1) }).map(e => e.innerText)`) {
					t.Errorf("%s of %s in %s: %q is cut off", name, v.Name, tag, part)
				}
				if n := webtest.Eval[int](p, `new Set([...document.querySelectorAll(".flow tr:not(.grp)")].map(r => [...r.children].filter(c => c.offsetWidth > 0).length)).size`); n != 1 {
					t.Errorf("%s of %s in %s: head and rows have other columns", name, v.Name, tag)
				}
				p.Picture(name + "-" + v.Name + "-" + tag)
			}
		}
	}
}

// TestWhatWaitsIsReadOnAPhone: the text of a line has the room, its button no more than its word.
func TestWhatWaitsIsReadOnAPhone(t *testing.T) {
	h := openChart(t)
	h.result("late", "6.6", "HH")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, path := range []string{"/p/maria", "/today"} {
		p := b.Open(h.url+path, webtest.Phone)
		p.Wait(".need li a.btn")
		if text, button := webtest.Eval[int](p, `document.querySelector(".need li>div").offsetWidth`), webtest.Eval[int](p, `document.querySelector(".need li>a.btn").offsetWidth`); text < 2*button {
			t.Errorf("%s: the text has %d pixels, its button %d", path, text, button)
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
