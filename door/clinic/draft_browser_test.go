package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
)

// asks is whether the browser would ask before it closes the page.
const asks = `(()=>{const e=new Event("beforeunload",{cancelable:true});dispatchEvent(e);return e.defaultPrevented})()`

// TestClosingATabWithoutAConnectionAsks: on each page that keeps drafts the browser asks before text is
// lost that did not arrive, and only then: not before anything is typed, not while the server answers, and
// not after the text was saved when the connection came back.
func TestClosingATabWithoutAConnectionAsks(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	h.result("late", "5.9", "H")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for name, c := range map[string]struct{ path, field string }{
		"visit":   {visit, "#plan"},
		"message": {"/p/maria/messages", "#f-text"},
		"results": {"/p/maria/results", "#f-comment"},
	} {
		p := b.Open(h.url+c.path, webtest.Desktop)
		p.Front()
		p.Wait(c.field)
		saved := func() bool {
			return webtest.Eval[bool](p, `[...document.querySelectorAll("draft-form")].every(d=>!d.dirty&&!d.busy)`)
		}
		wait := func(what, is string) {
			t.Helper()
			for end := time.Now().Add(15 * time.Second); !webtest.Eval[bool](p, is); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal(name, ": not so: ", what)
				}
			}
		}
		if webtest.Eval[bool](p, asks) {
			t.Errorf("%s: it asks before anything is typed", name)
		}
		p.Type(c.field, "Half a sentence")
		if webtest.Eval[bool](p, asks) {
			t.Errorf("%s: it asks although the server answers: the text goes along", name)
		}
		wait("the text is saved", `[...document.querySelectorAll("draft-form")].every(d=>!d.dirty&&!d.busy)`)
		if !saved() || webtest.Eval[bool](p, asks) {
			t.Errorf("%s: it asks about saved text", name)
		}
		webtest.Eval[bool](p, `(()=>{window.real=fetch;window.fetch=()=>Promise.reject(new TypeError("offline"));return true})()`)
		p.Type(c.field, ", and more")
		wait("the save has failed", `[...document.querySelectorAll("draft-form")].some(d=>d.failed)`)
		if !webtest.Eval[bool](p, asks) {
			t.Errorf("%s: the tab closes without a connection, and the text is lost", name)
		}
		p.Type(c.field, ".") // what was typed after the failure, and nobody has tried to save
		if !webtest.Eval[bool](p, asks) {
			t.Errorf("%s: the last words are lost", name)
		}
		webtest.Eval[bool](p, `(()=>{window.fetch=window.real;return true})()`)
		wait("the connection is back and the text is saved", `[...document.querySelectorAll("draft-form")].every(d=>!d.dirty&&!d.busy)`)
		if webtest.Eval[bool](p, asks) {
			t.Errorf("%s: it asks after the text was saved", name)
		}
		p.NoConsoleFaults()
	}
}

// TestAFormThatWasHeldBackStillAsks: pressing Sign without a connection sends nothing, and the browser
// asks before the page is closed.
func TestAFormThatWasHeldBackStillAsks(t *testing.T) {
	h := openChart(t)
	visit := h.signedIn("anna").startVisit()
	p := webtest.Start(t).Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + visit)
	p.Front()
	p.Wait("#plan")
	webtest.Eval[bool](p, `(()=>{window.fetch=()=>Promise.reject(new TypeError("offline"));return true})()`)
	p.Type("#plan", "Rest.")
	for end := time.Now().Add(15 * time.Second); !webtest.Eval[bool](p, `[...document.querySelectorAll("draft-form")].some(d=>d.failed)`) && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	p.Click("#signbar button.primary")
	if p.Path() != visit || !webtest.Eval[bool](p, asks) || webtest.Eval[string](p, `document.querySelector("#plan").value`) != "Rest." {
		t.Errorf("at %s the text is lost", p.Path())
	}
}

// TestTwoWindowsOfOneVisit: what only one window has changed is taken over by the other; what both have
// changed is asked about, by the field's name, and never under the hands of somebody who types.
func TestTwoWindowsOfOneVisit(t *testing.T) {
	h := openChart(t)
	visit := h.signedIn("anna").startVisit()
	browser := webtest.Start(t)
	browser.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	a, b := browser.Open(h.url+visit, webtest.Desktop), browser.Open(h.url+visit, webtest.Desktop)
	until := func(p *webtest.Page, what, is string) {
		t.Helper()
		for end := time.Now().Add(15 * time.Second); !webtest.Eval[bool](p, is); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not so: ", what)
			}
		}
	}
	const saved = `(d=>!d.dirty&&!d.busy)(document.querySelector("draft-form"))`
	text := func(p *webtest.Page, field string) string {
		return webtest.Eval[string](p, `document.querySelector("`+field+`").value`)
	}

	b.Front()
	b.Type("#plan", "Rest.")
	until(b, "the plan is saved", saved)
	a.Front()
	a.Type("#subjective", "Cough.")
	until(a, "the plan is taken over", `document.querySelector("#plan").value==="Rest."`)
	until(a, "both are saved", saved)
	if webtest.Eval[bool](a, `!!document.querySelector(".merge")`) {
		t.Error("a field that one window changed is asked about")
	}

	b.Front()
	b.Type("#plan", " Tea.")
	until(b, "the other window's words are taken over", `document.querySelector("#subjective").value==="Cough."`)
	until(b, "the plan is saved again", saved)
	a.Front()
	a.Type("#plan", " Sleep.")
	a.Type("#objective", "Lungs clear")
	until(a, "the plan is asked about", `!!document.querySelector(".merge")`)
	for _, key := range " right" { // r is the key that prescribes, the space presses what has the focus
		a.Key(string(key))
	}
	if text(a, "#objective") != "Lungs clear right" || a.Path() != visit || webtest.Eval[string](a, `document.activeElement.id`) != "objective" {
		t.Errorf("typing was stolen: %q on %s", text(a, "#objective"), a.Path())
	}
	if got := a.Text(".merge"); strings.Count(got, "Keep this") != 1 || !strings.Contains(got, "In general") {
		t.Errorf("asked: %s", got)
	}
	if !webtest.Eval[bool](a, asks) {
		t.Error("the page closes on an open question")
	}
	a.Type("#plan", " More.") // while the question stands
	webtest.Eval[bool](a, `(()=>{[...document.querySelectorAll(".merge button")].find(b=>b.textContent==="Keep both").click();return true})()`)
	until(a, "all is saved", saved)
	a = browser.Open(h.url+visit, webtest.Desktop)
	a.Wait("#plan")
	for _, want := range []string{"Rest. Sleep. More.", "Rest. Tea."} {
		if !strings.Contains(text(a, "#plan"), want) {
			t.Errorf("%q is lost: %q", want, text(a, "#plan"))
		}
	}
	if text(a, "#objective") != "Lungs clear right" || text(a, "#subjective") != "Cough." {
		t.Errorf("lost: %q %q", text(a, "#objective"), text(a, "#subjective"))
	}
	a.NoConsoleFaults()
}
