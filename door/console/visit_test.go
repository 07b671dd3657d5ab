package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
)

// actions counts what the hand does, for the budget of a visit: clicks, chords and single
// keys; typed text is not counted.
type actions struct {
	*webtest.Page
	n int
}

func (a *actions) press(keys string)    { a.n++; a.Press(keys) }
func (a *actions) submit(button string) { a.n++; a.Submit(button) }
func (a *actions) click(element string) { a.n++; a.Click(element) }

// enter presses Enter and waits for the page that follows.
func (a *actions) enter(next string) { a.n++; a.Press(kb.Enter); a.Wait(next) }

// routineVisit is the most actions that a routine visit may take, without the problem,
// the refused prescription and the vital signs that this one has on top.
const routineVisit = 20

// TestAVisitFromTheSearchToTheSignature walks a whole visit: find, vital signs, problem,
// note, a prescription that the allergy stops, another one, a laboratory order, signature.
func TestAVisitFromTheSearchToTheSignature(t *testing.T) {
	base := demo(t)
	p := &actions{Page: as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)}
	p.Check()
	p.Picture("today")

	p.n++
	p.Chord("k")
	p.Type("osler-palette input", "oka mar")
	p.Wait("#palette-list [role=option][aria-selected=true] a")
	p.enter(".banner")
	if said := p.Text(".banner"); !strings.Contains(said, "OKAFOR, Maria") || !strings.Contains(said, "anaphylaxis") {
		t.Fatalf("the chart does not say who it is and what she must not get: %q", said)
	}
	chart := p.Path()
	p.Check()
	p.Picture("chart")

	p.Goto(base + "/today")
	p.submit("form[action='" + chart + "/visit'] button.primary")
	p.Wait("#note")
	visit := p.Path()
	p.Check()

	p.click("[data-open=record-vitals]")
	for field, value := range map[string]string{"pressure": "138/84", "pulse": "72", "temperature": "36.7", "respiration": "14", "oxygen": "98", "weight": "91"} {
		p.Type("#record-vitals [name="+field+"]", value)
	}
	p.submit("#record-vitals button[type=submit]")
	p.Wait("#note")
	if !strings.Contains(p.Text("main"), "138/84") {
		t.Error("the visit does not show the pressure just taken")
	}

	p.click("[data-open=add-problem]")
	p.Type("#f-problem", "gout")
	p.Wait("#f-problem-list [role=option]")
	p.submit("#add-problem button[type=submit]")
	p.Wait("#note")
	if !strings.Contains(p.Text("main"), "Gout") {
		t.Error("the new problem is not beside the note")
	}

	p.Type("#f-diagnosis", "cystitis")
	p.Wait("#f-diagnosis-list [role=option]")
	p.press(kb.Enter)
	p.Wait("#work .prob textarea:focus") // which it gets once it is there; what is typed before goes with it
	p.Type("#subjective", "Burning on passing urine for two days, no fever.")
	p.Type("#plan", "Short course; call if fever or flank pain.")
	p.Check()
	p.Picture("visit")

	p.submit("a[href*='/prescribe?encounter=']")
	p.Wait("#find-medicine")
	p.Type("#find-medicine", "amoxicillin")
	p.Wait("[data-pick] a")
	p.click("[data-pick] a")
	p.Wait("#rx .tier.stop")
	if said := p.Text("#rx .tier.stop"); !strings.Contains(strings.ToLower(said), "penicillin") {
		t.Errorf("the stop does not name the allergy: %q", said)
	}
	if !webtest.Eval[bool](p.Page, `document.querySelector("button[form=rx]").disabled`) {
		t.Error("amoxicillin can be signed for a patient with penicillin anaphylaxis without a reason")
	}
	p.Check()
	p.Picture("prescribe-stopped")

	p.Goto(base + chart + "/prescribe?encounter=" + visit[strings.LastIndex(visit, "/")+1:])
	p.Type("#find-medicine", "amlod")
	p.Wait("[data-pick] a")
	p.click("[data-pick] a")
	p.Wait("#rx .sent")
	p.submit("button[form=rx]")
	p.Wait("#note")
	if !strings.Contains(p.Text("main"), "amlodipine") || !strings.Contains(webtest.Eval[string](p.Page, `document.querySelector("#subjective").value`), "Burning") {
		t.Error("the prescription or what was typed before is missing in the visit")
	}

	p.Type(".visittest input[type=search]", "potas")
	p.Wait(".visittest [data-pick] button")
	p.click(".visittest [data-pick] button")
	p.Wait("#visit-orders ul.bk li:nth-child(2)")
	if !strings.Contains(strings.ToLower(p.Text("#visit-orders")), "potassium") {
		t.Error("the order is not shown in the visit")
	}

	p.Goto(base + visit)
	p.Wait("#note")
	p.Picture("visit-full")
	p.submit("button[form=note][data-key='Ctrl+Enter']")
	p.Picture("chart-after-visit")
	p.Goto(base + chart + "/notes")
	p.Goto(base + webtest.Eval[string](p.Page, `document.querySelector("main a[href*='/notes/']").getAttribute("href")`))
	said := p.Text("main")
	for _, want := range []string{"Burning on passing urine", "Short course", "ystitis"} {
		if !strings.Contains(said, want) {
			t.Errorf("the signed note does not hold %q", want)
		}
	}
	p.Check()
	p.Picture("note-signed")
	p.Goto(base + chart + "/charges")
	if said := p.Text("main"); !strings.Contains(said, "USD") {
		t.Errorf("the visit left no charge: %q", said)
	}
	p.Check()
	t.Logf("%d actions", p.n)
	if p.n > routineVisit {
		t.Errorf("the visit took %d actions, the budget is %d", p.n, routineVisit)
	}
}
