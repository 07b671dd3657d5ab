package clinic

import (
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
