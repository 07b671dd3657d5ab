package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// beyond are the parts of alternatives that stand beyond their card, or beyond their cell.
const beyond = `[...document.querySelectorAll(".alt td, .alt td *")].filter(e => !e.closest(".sr")).filter(e => {
	const over = (a, b) => a.getBoundingClientRect().right > b.getBoundingClientRect().right + 0.5;
	return over(e, e.closest(".card")) || over(e, e.closest("td"));
}).map(e => e.tagName + " " + e.textContent.trim().slice(0, 30))`

// TestMedicinePagesInABrowser looks at the pages of medicines in light, dark and on a phone.
func TestMedicinePagesInABrowser(t *testing.T) {
	h := open(t)
	h.ill()
	h.result("late", "5.9", "H")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	pages := map[string]string{"medications": "/medications", "prescribe": "/prescribe?s=" + cotrimoxazole, "orders": "/orders", "results": "/results", "result-form": "/results/new?test=24362-6", "renewal": "/prescribe?renew=MedicationRequest/m1"}
	for name, path := range pages {
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
			p := b.Open(h.url+"/p/maria"+path, v)
			p.Check()
			for _, row := range webtest.Eval[[]string](p, beyond) {
				t.Errorf("%s, %s: %s stands beyond its card", name, v.Name, row)
			}
			p.Picture("rx-" + name + "-" + v.Name)
		}
	}
	h.growing()
	h.commit(trust.System("import"), `{"resourceType":"Observation","id":"sent","status":"final","subject":{"reference":"Patient/ada"},"code":{"coding":[{"system":"http://loinc.org","code":"3141-9"}]},"effectiveDateTime":"2026-11-23","valueQuantity":{"value":30.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`)
	for name, path := range map[string]string{"doubted": "/vitals", "doubted-fix": "/vitals/sent", "child": "/prescribe?s=cetirizine-10-mg-tablet"} {
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
			p := b.Open(h.url+"/p/ada"+path, v)
			p.Check()
			p.Picture("rx-" + name + "-" + v.Name)
		}
	}
	p := b.Open(h.url+"/p/ada/vitals", webtest.Desktop)
	p.Type("#f-weight", "145\r")
	p.Wait("#vital-form .choice input")
	p.Axe()
	p.Targets()
	p.Picture("vitals-asked")
	for name, path := range map[string]string{"card": "/p/otto", "vitals": "/p/otto/vitals", "child": "/p/ada", "fix": "/p/otto/vitals/ow"} {
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
			p := b.Open(h.url+path, v)
			p.Check()
			p.Picture("vitals-" + name + "-" + v.Name)
		}
	}
}

// TestPrescribingByKeyboard: five letters, Enter on the marked sentence, Ctrl+Enter.
func TestPrescribingByKeyboard(t *testing.T) {
	h := open(t)
	h.ill()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/p/sam/prescribe")
	p.Wait("#find-medicine:focus")
	scriptsReady(p)
	p.Press("amlod")
	p.Press("\r")
	p.Wait("#rx .sent")
	p.Wait("#f-dose:focus")
	p.Chord("Enter")
	p.Wait(".toast")
	if p.Path() != "/p/sam/medications" {
		t.Errorf("signing leads to %s", p.Path())
	}
	if l := h.medicines("sam"); len(l.Current) != 1 || l.Current[0].Text != "amlodipine 5 mg tablet" || l.Current[0].Quantity != 90 {
		t.Errorf("prescribed: %+v", l.Current)
	}
}

// TestThePanelFollowsTheForm: changing a field checks again; a reason opens the signature.
func TestThePanelFollowsTheForm(t *testing.T) {
	h := open(t)
	h.ill()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/p/maria/prescribe?s=" + cotrimoxazole)
	p.Wait("#signbar button.primary[disabled]")
	p.Click(".tier.stop .keep summary")
	p.Click(`.tier.stop input[value="Specialist advised it"]`)
	p.Wait("#signbar button.primary:not([disabled])")
	p.NoConsoleFaults()
	p.Axe()
	p.Click("#f-dose")
	webtest.Eval[bool](p, `(()=>{const d=document.querySelector("#f-dose"); d.value="0"; d.dispatchEvent(new Event("change",{bubbles:true})); return true})()`)
	p.Wait("#signbar button.primary[disabled]")
}

// covers is whether the sign bar lies over an element.
const covers = `(e => {const b=document.querySelector(".signbar").getBoundingClientRect(), r=e.getBoundingClientRect(); return r.bottom > b.top+1 && r.top < b.bottom-1})`

// TestTheSignBarCoversNoField: on a phone, with text of twice the size and with a keyboard on the glass,
// each field that has the focus is above the bar, and so is the end of the page.
func TestTheSignBarCoversNoField(t *testing.T) {
	h := open(t)
	h.ill()
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for name, c := range map[string]struct {
		view webtest.View
		size string
	}{
		"phone":          {webtest.Phone, ""},
		"phone-dark":     {webtest.View{Name: "phone-dark", Width: 390, Height: 844, Dark: true, Touch: true}, ""},
		"phone-200":      {webtest.Phone, "200%"},
		"phone-keyboard": {webtest.View{Name: "phone-keyboard", Width: 390, Height: 420, Touch: true}, ""},
	} {
		p := b.Open(h.url+"/p/maria/prescribe?s="+cotrimoxazole, c.view)
		p.Wait("#f-note")
		webtest.Eval[bool](p, `(()=>{document.documentElement.style.fontSize="`+c.size+`"; return true})()`)
		p.Wait("html[style*='--bar']")
		covered := webtest.Eval[[]string](p, `[...document.querySelectorAll("#rx :is(input,select):not([type=hidden]):not(.sr)")].filter(e => e.checkVisibility()).filter(e => {
			scrollTo({top:0, behavior:"instant"});
			e.focus({preventScroll:true}); e.scrollIntoView({block:"nearest", behavior:"instant"});
			return `+covers+`(e);
		}).map(e => e.id || e.name)`)
		if len(covered) > 0 {
			t.Errorf("%s: the bar covers %v", name, covered)
		}
		webtest.Eval[bool](p, `(()=>{document.querySelector("#f-note").focus(); return true})()`)
		p.Picture("rx-bar-" + name)
	}
}

// TestNoWarningIsSignedUnseen: on a phone the warnings come before the fields; who has scrolled past one
// is led to it by the button, and a second tap of the same finger signs nothing. On a desk the panel is
// beside the form, and one press signs.
func TestNoWarningIsSignedUnseen(t *testing.T) {
	h := open(t)
	h.ill()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Phone)
	p.SignIn(h.url, "anna", phrase)
	const page, button, bar = "/p/maria/prescribe?s=ibuprofen-600-mg-tablet", "#signbar .primary", "#signbar .standing"
	p.Goto(h.url + page)
	if above := webtest.Eval[bool](p, `document.querySelector(".tier.warnt").getBoundingClientRect().bottom <= document.querySelector("#f-dose").getBoundingClientRect().top`); !above {
		t.Error("on a phone the fields come before the warning")
	}
	webtest.Eval[bool](p, `(()=>{const d=document.querySelector("#f-dose"); d.focus(); document.querySelector("#f-note").scrollIntoView({block:"start",behavior:"instant"}); d.value="3 tablets"; d.dispatchEvent(new Event("change",{bubbles:true})); return true})()`)
	p.Wait("#signbar [data-act]") // a second warning came up, above what is seen
	if said := p.Text(bar); said != "1 warning not looked at" || p.Text(button+" span") != "Look first" {
		t.Errorf("with an unseen warning the bar says %q, and its button %q", said, p.Text(button+" span"))
	}
	p.Check()
	p.Picture("rx-unseen-phone")
	webtest.Eval[bool](p, `(()=>{const b=document.querySelector("`+button+`"); b.click(); b.click(); return true})()`)
	p.Wait(".tier.warnt:focus")
	if said := p.Text(bar); said != "can be signed, with 2 warnings" || p.Text(button+" span") != "Sign the prescription" || p.Path() != page {
		t.Errorf("after a look the bar says %q, at %s", said, p.Path())
	}
	p.Check()
	p.Picture("rx-seen-phone")
	if l := h.medicines("maria"); len(l.Current) != 2 {
		t.Fatalf("signed unseen: %+v", l.Current)
	}
	webtest.Eval[bool](p, `new Promise(done => setTimeout(() => done(true), 800))`)
	p.Click(button)
	p.Wait(".toast")
	if l := h.medicines("maria"); len(l.Current) != 3 {
		t.Errorf("after the look: %+v", l.Current)
	}

	p = b.Open(h.url+"/p/maria/prescribe", webtest.Desktop)
	p.Wait("#find-medicine:focus")
	scriptsReady(p)
	p.Press("naproxen")
	p.Press("\r")
	p.Wait("#f-dose:focus")
	p.Chord("Enter")
	p.Wait(".toast")
	if l := h.medicines("maria"); len(l.Current) != 4 {
		t.Errorf("on a desk: %+v", l.Current)
	}

	p = b.Open(h.url+"/p/maria/prescribe", webtest.Phone)
	p.Wait("#find-medicine:focus")
	scriptsReady(p)
	p.Press("diclofenac")
	p.Press("\r")
	p.Wait(".tier.warnt:focus") // and not the dose below it
}

// TestWritingByHandWithKeysAlone: Enter in a field checks again and leaves one page; a child is
// weighed without losing a word; what was not checked is ticked and signed, all by keys.
func TestWritingByHandWithKeysAlone(t *testing.T) {
	h := open(t)
	h.kid()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/p/kid/prescribe")
	p.Wait("#find-medicine:focus")
	scriptsReady(p)
	p.Press("cetirizin mixture")
	p.Press("\r")
	p.Wait("#f-dose:focus")
	p.Press("2.5 mL\t")
	p.Wait("#f-dose[value='2.5 mL']") // checked again
	p.Wait("#f-route:focus")
	webtest.Eval[bool](p, `(()=>{for (const [id, v] of [["#f-timing","1-1-d"],["#f-route","by mouth"]]) document.querySelector(id).value=v; return true})()`)
	p.Type("#f-days", "10 days\r")
	p.Wait("#f-quantity[value='25 mL']")
	if n := webtest.Eval[int](p, `document.querySelectorAll("main, #rx, .signbar, #find-medicine").length`); n != 4 {
		t.Errorf("Enter nests a page in the page: %d parts, want 4", n)
	}
	if p.Text("label[for=f-for]") != "For (optional)" {
		t.Errorf("the reason: %s", p.Text("label[for=f-for]"))
	}
	p.Type("#f-note", "in juice\t")
	p.Wait("#f-note[value='in juice']")
	p.Type("#f-weight", "heavy\r")
	p.Wait("#f-weight[aria-invalid]:focus")
	p.Axe()
	p.Picture("rx-weigh-fault")
	webtest.Eval[bool](p, `(()=>{document.querySelector("#f-weight").select(); return true})()`)
	p.Press("12.4\r")
	p.Wait("#weigh .quiet")
	if got := webtest.Eval[string](p, `document.querySelector("#f-note").value`); got != "in juice" {
		t.Errorf("the note after weighing: %q", got)
	}
	p.Chord("Enter") // the button does nothing before the tick
	p.Wait("#f-unchecked:not(:checked)")
	webtest.Eval[bool](p, `(()=>{document.querySelector("#f-unchecked").focus(); return true})()`)
	p.Axe()
	p.Picture("rx-unchecked-focus")
	p.Press(" ")
	p.Wait("#signbar button.primary:not([disabled])")
	p.Wait("#f-unchecked:focus")
	p.Chord("Enter")
	p.Wait(".toast")
	if l := h.medicines("kid"); len(l.Current) != 1 || l.Current[0].Quantity != 25 || l.Current[0].Days != 10 {
		t.Errorf("prescribed: %+v", l.Current)
	}
}

// TestOrderingByKeyboard: four letters and Enter order a test.
func TestOrderingByKeyboard(t *testing.T) {
	h := open(t)
	h.ill()
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/p/maria/orders")
	p.Wait("#find-test:focus")
	scriptsReady(p)
	p.Press("lipi")
	p.Press("\r")
	p.Wait(".toast")
	if got := p.Text("#main"); !containsAll(got, "Lipids", "Enter result") {
		t.Errorf("after ordering: %s", got)
	}
}

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// scriptsReady waits until the search field answers to keys; before that Enter sends the
// form, which works too, one page later.
func scriptsReady(p *webtest.Page) {
	webtest.Eval[bool](p, `customElements.whenDefined("pick-list").then(()=>true)`)
}
