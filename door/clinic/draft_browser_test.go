package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/encounter"
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

// soon waits until something is so in a page.
func soon(t *testing.T, p *webtest.Page, what, is string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !webtest.Eval[bool](p, is); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not so: ", what)
		}
	}
}

const (
	allSaved = `(d=>!d.dirty&&!d.busy)(document.querySelector("draft-form"))`
	asked    = `!!document.querySelector(".merge button")`
)

func pick(p *webtest.Page, button string) {
	webtest.Eval[bool](p, `(()=>{[...document.querySelectorAll(".merge button")].find(b=>b.textContent==="`+button+`").click();return true})()`)
}

// TestNobodySignsPastAnotherWindow: who presses Sign while another window has saved newer words is asked first,
// with both texts; then the note has what was chosen.
func TestNobodySignsPastAnotherWindow(t *testing.T) {
	h := openChart(t)
	visit := h.signedIn("anna").startVisit()
	browser := webtest.Start(t)
	browser.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	a := browser.Open(h.url+visit, webtest.Desktop)
	a.Front()
	a.Type("#plan", "Rest.")
	soon(t, a, "the plan is saved", allSaved)
	b := browser.Open(h.url+visit, webtest.Desktop)
	b.Front()
	b.Type("#plan", "Metformin stays. ")
	soon(t, b, "the other window has saved", allSaved)

	a.Front()
	a.Type("#plan", " Tea.")
	a.Control(kb.Enter)
	soon(t, a, "signing asks", asked)
	if got := a.Text(".merge"); a.Path() != visit || !strings.Contains(got, "Metformin stays. Rest.") || !strings.Contains(got, "Rest. Tea.") {
		t.Fatalf("at %s: %s", a.Path(), got)
	}
	a.Check()
	a.Control(kb.Enter)
	time.Sleep(300 * time.Millisecond)
	if a.Path() != visit {
		t.Fatalf("signed past an open question: %s", a.Path())
	}
	a.Picture("visit-conflict")
	pick(a, "Keep both")
	soon(t, a, "the choice is saved", allSaved)
	a.Control(kb.Enter)
	soon(t, a, "the visit is signed", `location.pathname==="/p/maria"`)
	a.NoConsoleFaults()
	note := h.chart("maria").Notes[0]
	var text string
	for _, s := range note.Sections {
		text += s.Text + "\n"
	}
	for _, want := range []string{"Rest. Tea.", "Metformin stays."} {
		if !strings.Contains(text, want) {
			t.Errorf("the note lacks %q: %s", want, text)
		}
	}
}

// TestNobodySignsPastAnotherWindowWithoutScripts: the page comes back with both texts; pressing Sign again signs
// what is in the fields.
func TestNobodySignsPastAnotherWindowWithoutScripts(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	key := encounter.NoteKey("maria", strings.TrimPrefix(visit, "/p/maria/visit/"))
	page := anna.get(visit)
	knows := page.value(t, "draft-version")
	if got := anna.read(anna.client.Post(h.url+"/draft", "application/json", strings.NewReader(`{"key":"`+key+`","version":0,"value":{"plan":"Stop ibuprofen."}}`))); got.status != 200 {
		t.Fatal(got.status)
	}
	a := anna.post(visit+"/sign", "plan", "Rest.", "draft-version", knows)
	if a.status != 422 || !a.says("Nothing is signed") || !strings.Contains(a.body, "Stop ibuprofen.") || !strings.Contains(a.body, ">Rest.</textarea>") {
		t.Fatalf("%d: %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post(visit+"/sign", "plan", "Rest. Stop ibuprofen.", "draft-version", a.value(t, "draft-version")); a.status != 200 || !a.says("Visit signed") {
		t.Errorf("signed: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}

// TestTextOfAWindowThatWasClosedIsNotLost: a window that is closed while another one has saved newer words asks
// nobody. What only it has changed is in the draft; what both have is offered when the visit is opened next, and
// waits on Today until then.
func TestTextOfAWindowThatWasClosedIsNotLost(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	browser := webtest.Start(t)
	browser.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	a, b := browser.Open(h.url+visit, webtest.Desktop), browser.Open(h.url+visit, webtest.Desktop)
	a.Front()
	a.Wait("#plan")
	b.Front()
	b.Type("#plan", "Metformin stays.")
	soon(t, b, "the other window has saved", allSaved)
	a.Front()
	// Typed at once and left before anything was saved: as a finger that is quicker than the pause.
	webtest.Eval[bool](a, `(()=>{const d=document.querySelector("draft-form");d.later=()=>{};for(const [n,v] of [["plan","Double the dose."],["objective","Lungs clear."]]){const e=document.querySelector("#"+n);e.value=v;e.dispatchEvent(new Event("input",{bubbles:true}))}d.save=()=>{};return true})()`)
	a.Goto(h.url + "/today")
	for end := time.Now().Add(15 * time.Second); !anna.get("/today").says("left in another window, in no note"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Today says nothing of the text that was left")
		}
	}
	b.Goto(h.url + "/today")
	a.Front()
	a.Goto(h.url + visit)
	soon(t, a, "the text is offered", asked)
	text := func(field string) string {
		return webtest.Eval[string](a, `document.querySelector("`+field+`").value`)
	}
	if got := a.Text(".merge"); strings.Count(got, "Keep this") != 1 || !strings.Contains(got, "Double the dose.") || !strings.Contains(got, "You left this text in another window") {
		t.Errorf("offered: %s", got)
	}
	if text("#plan") != "Metformin stays." || text("#objective") != "Lungs clear." {
		t.Errorf("the draft: %q %q", text("#plan"), text("#objective"))
	}
	a.Check()
	a.Picture("visit-left")
	pick(a, "Keep both")
	soon(t, a, "the choice is saved", allSaved)
	a.Goto(h.url + visit)
	a.Wait("#plan")
	if got := text("#plan"); got != "Metformin stays.\n\nDouble the dose." || webtest.Eval[bool](a, asked) {
		t.Errorf("after the choice: %q", got)
	}
	if anna.get("/today").says("left in another window") {
		t.Error("Today still says that text was left")
	}
	a.NoConsoleFaults()
}

// TestTextThatWasLeftInASignedVisitIsOffered: as an addendum; it does not vanish with the draft that was signed.
func TestTextThatWasLeftInASignedVisitIsOffered(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	key := encounter.NoteKey("maria", strings.TrimPrefix(visit, "/p/maria/visit/"))
	save := func(body string) {
		t.Helper()
		if got := anna.read(anna.client.Post(h.url+"/draft", "application/json", strings.NewReader(`{"key":"`+key+`",`+body+`}`))); got.status != 200 && got.status != 204 {
			t.Fatal(got.status, got.body)
		}
	}
	save(`"version":0,"value":{"plan":"Rest."}`)
	save(`"version":0,"leaving":true,"was":{"plan":""},"value":{"plan":"Call her about the sodium."}`)
	page := anna.get(visit)
	if a := anna.post(visit+"/sign", "plan", "Rest.", "draft-version", page.value(t, "draft-version")); !a.says("Visit signed") {
		t.Fatalf("signed: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/today"); !a.says("left in another window, in no note") {
		t.Error("Today does not know of the text that was left")
	}
	browser := webtest.Start(t)
	p := browser.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + visit)
	soon(t, p, "the text is offered", asked)
	if got := p.Text(".merge"); !strings.Contains(got, "Call her about the sodium.") || p.Path() != visit {
		t.Errorf("at %s: %s", p.Path(), got)
	}
	pick(p, "Take this")
	soon(t, p, "the choice is saved", allSaved)
	p.Control(kb.Enter)
	soon(t, p, "the addendum is signed", `location.pathname==="/p/maria"`)
	if notes := h.chart("maria").Notes; len(notes) < 2 || notes[0].Appends == "" && notes[1].Appends == "" {
		t.Errorf("no addendum: %d notes", len(notes))
	}
	if a := anna.get("/today"); a.says("left in another window") || a.says("begun") {
		t.Error("Today still lists it")
	}
}
