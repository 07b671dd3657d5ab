package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
)

// hand works a page by keys alone, as somebody without a mouse does, and counts the keys that
// are no letters of a text.
type hand struct {
	*webtest.Page
	t *testing.T
	n int
}

// press presses keys one after the other.
func (h *hand) press(keys ...string) {
	h.t.Helper()
	for _, k := range keys {
		h.n++
		h.Key(k)
	}
}

// Wait waits for what the selector names, and for the page to be read to its end: a key that comes before it listens
// is lost.
func (h *hand) Wait(selector string) {
	h.t.Helper()
	h.Page.Wait(selector)
	h.until("it is read to its end", `document.readyState==="complete"`)
}

// until waits until an expression holds in the page.
func (h *hand) until(what, is string) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !webtest.Eval[bool](h.Page, is); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			h.Picture("keyboard-never")
			h.t.Fatalf("%s: never: %s", h.Path(), what)
		}
	}
}

// chord presses a key with Control.
func (h *hand) chord(key string) { h.t.Helper(); h.n++; h.Control(key) }

// write types a text at the focus.
func (h *hand) write(text string) { h.t.Helper(); h.Press(text) }

// tab presses Tab until the focus is on what the selector names.
func (h *hand) tab(selector string) {
	h.t.Helper()
	var seen []string
	for range 60 {
		h.press(kb.Tab)
		if h.on(selector) {
			h.seen(selector)
			return
		}
		seen = append(seen, h.focus())
	}
	h.t.Fatalf("%s: Tab does not come to %s, but to\n%s", h.Path(), selector, strings.Join(seen, "\n"))
}

// on says whether the focus is on, or inside, what the selector names.
func (h *hand) on(selector string) bool {
	h.t.Helper()
	return webtest.Eval[bool](h.Page, fmt.Sprintf("document.activeElement!==document.body && !!document.activeElement?.closest(%q)", selector))
}

func (h *hand) focus() string {
	h.t.Helper()
	return webtest.Eval[string](h.Page, `document.activeElement?.outerHTML.replace(/\s+/g," ").slice(0,140)||""`)
}

// waits waits for the focus to come to what the selector names, by itself.
func (h *hand) waits(selector string) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !h.on(selector); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			h.Picture("keyboard-lost")
			h.t.Fatalf("%s: the focus is not in %s but on %s", h.Path(), selector, h.focus())
		}
	}
	h.seen(selector)
}

// seen fails the test when the focus cannot be seen: no ring, or something lies over it.
func (h *hand) seen(what string) {
	h.t.Helper()
	if fault := webtest.Eval[string](h.Page, `(()=>{const e=document.activeElement,r=e.getBoundingClientRect();
	if(e.matches(".sr")||!r.width)return "";
	const ring=e=>{const s=e&&getComputedStyle(e);return s&&(s.outlineStyle!=="none"&&parseFloat(s.outlineWidth)>=2||s.boxShadow!=="none")};
	if(!ring(e)&&!ring(e.closest(".sbox")))return "no ring";
	const x=Math.min(innerWidth-2,Math.max(1,r.left+Math.min(r.width/2,40))),y=r.top+Math.min(r.height/2,20);
	const top=document.elementFromPoint(x,y);
	return top&&(e.contains(top)||top.contains(e)||top.closest("label")?.control===e)?"":"covered by "+(top?.outerHTML.slice(0,80)||"the edge of the window")})()`); fault != "" {
		h.t.Errorf("%s: the focus on %s is not seen: %s", h.Path(), what, fault)
	}
}

// TestAVisitByKeysAlone walks a whole visit with the keyboard alone, and holds after each step
// that the focus is where the work goes on: sign in, today's patient, vital signs, diagnosis,
// note, a prescription, an order, signature, the next patient. It takes whom the other visits of
// these tests have left, so it stands behind them.
func TestAVisitByKeysAlone(t *testing.T) {
	base := demo(t)
	h := &hand{Page: webtest.Start(t).Open(base+"/", webtest.Desktop), t: t}
	h.tab(`.who6 button[value="anna.lindqvist"]`)
	h.press(kb.Enter)
	h.Wait(".nextcard")

	// The way past the bar, and the list of keys, which Escape closes.
	h.press(kb.Tab)
	if !h.on("a.skip") {
		t.Errorf("the first Tab does not come to the skip link but to %s", h.focus())
	}
	h.press(kb.Enter, kb.Tab)
	if !h.on("main") {
		t.Errorf("the skip link does not lead into the page but to %s", h.focus())
	}
	h.press("j")
	h.waits(".urgent [data-default]") // what cannot wait comes first
	for range 10 {
		if h.press("j"); h.on(".nextcard [data-default]") {
			break
		}
	}
	h.waits(".nextcard [data-default]")
	h.press("?")
	h.waits("#keys")
	h.press(kb.Escape)
	h.waits(".nextcard [data-default]")
	h.chord("k")
	h.waits("osler-palette input")
	h.press(kb.Escape)
	h.waits(".nextcard [data-default]")
	h.n = 0 // what a visit needs begins here
	h.press(kb.Enter)
	h.Wait("#note")
	visit := h.Path()

	h.press("v")
	h.waits("#record-vitals [name=pressure]")
	h.press(kb.Escape)
	h.waits("[data-open=record-vitals]")
	h.press("v")
	h.waits("#record-vitals [name=pressure]")
	h.write("128/82")
	h.tab("#record-vitals [name=pulse]")
	h.write("70")
	h.press(kb.Enter)
	h.Wait(".vt2")
	h.until("the visit shows the pressure just taken", `document.querySelector("main")?.textContent.includes("128/82")||false`)

	h.tab("#f-diagnosis")
	h.write("cystitis")
	h.Wait("#f-diagnosis-list [role=option]")
	h.press(kb.Enter)
	h.Wait("#work .prob textarea")
	h.waits("#work .prob textarea")
	h.write("Burning for two days.")
	h.tab("#f-diagnosis")
	h.write("gout")
	h.Wait("#f-diagnosis-list [role=option]")
	h.press(kb.Enter)
	h.waits("#work .prob + .prob textarea")
	// What is taken out of the note takes its button along, and not the focus.
	h.n++
	h.Shift(kb.Tab)
	h.waits("[hx-post$='/diagnosis-remove']")
	h.press(kb.Enter)
	h.gone("#work .prob + .prob")
	h.waits("#work")
	h.tab("#subjective")
	h.write("No fever, no flank pain.")

	h.tab("a[href*='/prescribe?encounter=']")
	h.press(kb.Enter)
	h.Wait("#find-medicine")
	h.waits("#find-medicine")
	h.write("loratadine")
	h.Wait("[data-pick] a")
	h.press(kb.Enter)
	h.Wait("#rx .sent")
	h.waits("#f-dose")
	h.tab("#f-days") // changed by what stands before it: the form is drawn again
	webtest.Eval[bool](h.Page, `document.querySelector("#rx").former=true`)
	h.write("7 days")
	h.press(kb.Tab)
	h.until("the form is drawn again", `document.querySelector("#rx")?.former!==true && !document.querySelector(".htmx-request")`)
	h.waits("#f-quantity")
	h.chord(kb.Enter)
	h.Wait("#note")
	if !strings.Contains(h.Text("#visit-orders"), "loratadine") {
		t.Error("the prescription is missing in the visit")
	}

	h.press("o")
	h.waits("#find-test")
	h.write("potas")
	h.Wait(".visittest [data-pick] button")
	h.press(kb.Enter)
	h.Wait("#visit-orders ul.bk li:nth-child(2)")
	h.waits("#find-test")

	h.Picture("keyboard-visit")
	h.chord(kb.Enter)
	h.gone("#note")
	t.Logf("%d keys for the visit, letters not counted", h.n)
	if h.Path() == visit {
		t.Fatal("the visit is not signed")
	}
	h.until("the page behind the visit is read to its end", `document.readyState==="complete"`)
	h.press("g", "h")
	h.until("g h leads to today", `location.pathname==="/today" && document.readyState==="complete"`)
	if !webtest.Eval[bool](h.Page, `!!document.querySelector(".nextcard [data-default]")`) {
		t.Log("nobody is left for today at this hour: the step to the next patient was not seen")
		return
	}
	h.press(kb.Enter) // starts the next visit, from anywhere on the page
	h.Wait("#note")
	if h.Path() == visit {
		t.Error("the next patient's visit is the last one's")
	}
}

// gone waits until nothing is what the selector names.
func (h *hand) gone(selector string) {
	h.t.Helper()
	h.until(selector+" is gone", fmt.Sprintf("!document.querySelector(%q)", selector))
}
