package clinic

import (
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestADateInputIsWrittenOut: below each date input stands in words what was chosen, when the page comes
// and while somebody types, in the language of the reader; nothing moves when it appears.
func TestADateInputIsWrittenOut(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	const written = `document.querySelector("#f-date-written").textContent`
	for tag, want := range map[string][2]string{"en": {"3 April 1980", "4 March 1980"}, "es": {"3 de abril de 1980", "4 de marzo de 1980"}, "ar": {"3 أبريل 1980", "4 مارس 1980"}} {
		anna.post("/settings", "language", tag)
		p := b.Open(h.url+"/p/maria/documents", webtest.Desktop)
		p.Wait("#f-date")
		top := `document.querySelector("#f-file").getBoundingClientRect().top`
		before := webtest.Eval[float64](p, top)
		webtest.Eval[bool](p, `(()=>{const d=document.querySelector("#f-date");d.value="1980-04-03";d.dispatchEvent(new Event("input",{bubbles:true}));return true})()`)
		if got := webtest.Eval[string](p, written); got != want[0] {
			t.Errorf("%s: %q", tag, got)
		}
		if after := webtest.Eval[float64](p, top); after != before {
			t.Errorf("%s: the page jumps by %v pixels", tag, after-before)
		}
		if live := webtest.Eval[string](p, `document.querySelector("#f-date-written").getAttribute("aria-live")+" "+document.querySelector("#f-date").getAttribute("aria-describedby")`); live != "polite f-date-written" {
			t.Errorf("%s: %s", tag, live)
		}
		p.Check()
		p.Picture("date-" + tag)
		webtest.Eval[bool](p, `(()=>{const d=document.querySelector("#f-date");d.value="";d.dispatchEvent(new Event("input",{bubbles:true}));return true})()`)
		if got := webtest.Eval[string](p, written); got != "" {
			t.Errorf("%s: nothing is chosen, and there stands %q", tag, got)
		}
		// What the server writes is what the page writes for the same day.
		p.Goto(h.url + "/p/maria/timeline?asof=1980-03-04")
		if got := webtest.Eval[string](p, `document.querySelector("#f-asof-written").textContent`); got != want[1] {
			t.Errorf("%s: the page says %q", tag, got)
		}
		if a := anna.get("/p/maria/timeline?asof=1980-03-04"); !a.says(want[1]) {
			t.Errorf("%s: the server does not say %q", tag, want[1])
		}
		p.Check()
	}
	anna.post("/settings", "language", "en")
	for _, v := range []webtest.View{webtest.Dark, webtest.Phone} {
		for name, path := range map[string]string{"timeline": "/p/maria/timeline?asof=2026-04-03", "documents": "/p/maria/documents", "rights": "/p/maria/rights"} {
			p := b.Open(h.url+path, v)
			p.Wait("main")
			if bare := webtest.Eval[int](p, `[...document.querySelectorAll("input[type^=date]")].filter(e=>!document.getElementById(e.id+"-written")).length`); bare > 0 {
				t.Errorf("%s: %d dates are not written out", name, bare)
			}
			p.Check()
			p.Picture("date-" + name + "-" + v.Name)
		}
	}
}

// TestTheDatesOfTheLogAreWrittenOut: also in a row of fields, which stay in line with each other.
func TestTheDatesOfTheLogAreWrittenOut(t *testing.T) {
	h := officeHouse(t)
	b := webtest.Start(t)
	for _, v := range []webtest.View{webtest.Desktop, {Name: "tablet-dark", Width: 820, Height: 1180, Dark: true}} {
		p := b.Open(h.url+"/sign-in", v)
		if p.Path() == "/sign-in" {
			p.SignIn(h.url, "ines", phrase)
		}
		p.Goto(h.url + "/audit")
		webtest.Eval[bool](p, `(()=>{for(const id of ["f-from","f-to"]){const d=document.getElementById(id);d.value="2026-09-24";d.dispatchEvent(new Event("input",{bubbles:true}))}return true})()`)
		if got := p.Text("#f-from-written") + ", " + p.Text("#f-to-written"); got != "24 September 2026, 24 September 2026" {
			t.Errorf("%s: %q", v.Name, got)
		}
		if off := webtest.Eval[float64](p, `Math.abs(document.querySelector("#f-from").getBoundingClientRect().bottom-document.querySelector("#f-did").getBoundingClientRect().bottom)`); v.Name == "desktop" && off > 4 {
			t.Errorf("the fields of a row are %v pixels apart", off)
		}
		p.Check()
		p.Picture("date-audit-" + v.Name)
	}
}
