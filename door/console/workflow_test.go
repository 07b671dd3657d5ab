package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/door/webtest"
)

// demonstration is one running demo for all workflow tests of the package.
var demonstration = sync.OnceValues(func() (string, error) {
	ready, done := make(chan string, 1), make(chan int, 1)
	p := &Program{Clock: clock.System{}, Out: &demonstrationSaid, Err: io.Discard, Ready: func(a string) { ready <- a }}
	ctx, stop := context.WithCancel(context.Background())
	stopDemonstration = func() { stop(); <-done }
	go func() { done <- p.Run(ctx, []string{"demo", "--listen", "127.0.0.1:0"}) }()
	select {
	case a := <-ready:
		return a, nil
	case <-done:
		return "", context.Canceled
	case <-time.After(time.Minute):
		return "", context.DeadlineExceeded
	}
})

var stopDemonstration = func() {}

// demonstrationSaid is what it wrote before it was ready.
var demonstrationSaid bytes.Buffer

// TestTheDemonstrationIsOpenedUnderAName: a browser uses no passkeys under an address of numbers.
func TestTheDemonstrationIsOpenedUnderAName(t *testing.T) {
	demo(t)
	if said := demonstrationSaid.String(); !strings.Contains(said, "Open http://localhost:") {
		t.Errorf("it says %q", said)
	}
}

func demo(t *testing.T) string {
	t.Helper()
	base, err := demonstration()
	if err != nil {
		t.Fatalf("the demonstration did not start: %v", err)
	}
	return base
}

// as signs in with one click from the demonstration's first page.
func as(t *testing.T, b *webtest.Browser, base, login string, v webtest.View) *webtest.Page {
	t.Helper()
	p := b.Open(base+"/", v)
	p.Submit(`.who6 button[value="` + login + `"]`)
	return p
}

func TestRegistrationWarnsOfADuplicate(t *testing.T) {
	base := demo(t)
	p := as(t, webtest.Start(t), base, "tom.reyes", webtest.Desktop)
	p.Goto(base + "/register")
	p.Check()
	p.Type("#f-family", "Okafor")
	p.Type("#f-given", "Mariah")
	p.Type("#f-birthDate", "14 3 68")
	p.Click("input[name=sex][value=female]")
	p.Wait("article.likely")
	if said := p.Text("article.likely"); !strings.Contains(said, "OKAFOR, Maria") || !strings.Contains(said, "one letter differs") {
		t.Errorf("the warning does not say who and why: %q", said)
	}
	p.Picture("register-duplicate")
	p.Check()

	p.Submit("button[data-key='Ctrl+Enter']") // saving without an answer
	p.Wait(".errsum")
	if got := webtest.Eval[string](p, "document.querySelector('#f-given').value"); got != "Mariah" {
		t.Errorf("what was typed is lost: %q", got)
	}
	p.Submit("article.likely button[value=different]")
	p.Wait(".banner")
	if said := p.Text(".banner"); !strings.Contains(said, "OKAFOR, Mariah") || !strings.Contains(said, "14-Mar-1968") {
		t.Errorf("the new patient is not shown: %q", said)
	}
	p.Check()
}

func TestBookingTheFirstFreePlace(t *testing.T) {
	base := demo(t)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone, webtest.Dark} {
		p := as(t, webtest.Start(t), base, "tom.reyes", v)
		p.Goto(base + "/schedule")
		p.Check()
		p.Picture("schedule-" + v.Name)
	}
	bookTheFirstFreePlace(t, base)
}

func bookTheFirstFreePlace(t *testing.T, base string) {
	t.Helper()
	p := as(t, webtest.Start(t), base, "tom.reyes", webtest.Desktop)
	p.Goto(base + "/schedule")
	p.Type("#f-bookq", "oka")
	p.Wait("#book-people a")
	p.Submit("#book-people a")
	p.Wait("#book .best button")
	p.Check()
	p.Submit("#book .best button")
	p.Wait(".ap.foc")
	if said := p.Text(".ap.foc"); !strings.Contains(said, "OKAFOR") {
		t.Errorf("the booked place does not show the patient: %q", said)
	}
	p.Check()
}

func TestTheFirstPageOfTheDemonstration(t *testing.T) {
	base := demo(t)
	b := webtest.Start(t)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone, webtest.Dark} {
		p := b.Open(base+"/", v)
		p.Check()
		p.Picture(filepath.Base("demo-" + v.Name))
	}
}

// TestAMessageThereAndBack: a patient writes in the portal, the clinician answers in the
// inbox, the patient reads the answer.
func TestAMessageThereAndBack(t *testing.T) {
	base := demo(t)
	patient := as(t, webtest.Start(t), base, "ewa.nowak", webtest.Phone)
	patient.Goto(base + "/portal/messages/new")
	patient.Type("#f-subject", "Tablets and breakfast")
	patient.Type("#f-text", "May I take the thyroid tablet after breakfast?")
	webtest.Eval[bool](patient, `(()=>{const s=document.querySelector("#f-to");s.value=[...s.options].find(o=>o.text.includes("Lindqvist")).value;return true})()`)
	patient.Check()
	patient.Submit("form[action='/portal/messages'] button.primary")
	patient.Check()

	doctor := as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)
	doctor.Goto(base + "/inbox")
	href := webtest.Eval[string](doctor, `[...document.querySelectorAll("tr[data-row]")].find(r=>r.textContent.includes("Tablets and breakfast"))?.dataset.preview||""`)
	if href == "" {
		t.Fatal("the message is not in the inbox")
	}
	doctor.Goto(base + href)
	if said := doctor.Text("main"); !strings.Contains(said, "May I take the thyroid tablet after breakfast?") {
		t.Error("the inbox does not show what the patient wrote")
	}
	doctor.Type("form[action='"+href+"/reply'] textarea", "Half an hour before breakfast is best.")
	doctor.Check()
	doctor.Picture("inbox-reply")
	doctor.Submit("form[action='" + href + "/reply'] button.primary")

	patient.Goto(base + "/portal/messages")
	patient.Submit("a[href^='/portal/messages/']:not([href$='/new'])")
	if said := patient.Text("main"); !strings.Contains(said, "Half an hour before breakfast is best.") {
		t.Errorf("the patient does not see the answer: %q", said)
	}
	patient.Check()
	patient.Picture("portal-message-phone")
}

// TestAHomeReadingIsAcceptedIntoTheChart: the patient measures, the chart shows it only
// once a clinician has accepted it.
func TestAHomeReadingIsAcceptedIntoTheChart(t *testing.T) {
	base := demo(t)
	before := as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)
	before.Chord("k")
	before.Type("osler-palette input", "marsh ivor")
	before.Wait("#palette-list [role=option][aria-selected=true] a")
	before.Press(kb.Enter)
	before.Wait(".banner")
	chart := before.Path()
	before.Goto(base + chart + "/vitals")
	upper := 133 // the invented values are others each day
	for strings.Contains(before.Text("main"), fmt.Sprint(upper, "/77")) {
		upper++
	}
	reading := fmt.Sprint(upper, "/77")

	patient := as(t, webtest.Start(t), base, "ivor.marsh", webtest.Phone)
	patient.Goto(base + "/portal/measure/pressure")
	if patient.Path() != "/portal/measure/pressure" {
		t.Fatalf("at %s", patient.Path())
	}
	patient.Type("#f-upper", fmt.Sprint(upper))
	patient.Type("#f-lower", "77")
	patient.Check()
	patient.Submit("form.bx .acts button.primary")
	patient.Check()
	patient.Picture("portal-measured-phone")

	row := `[...document.querySelectorAll("tr[data-row]")].find(r=>r.textContent.includes("` + reading + `"))?.dataset.preview||""`
	nurse := as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)
	nurse.Goto(base + "/inbox?all=1")
	href := webtest.Eval[string](nurse, row)
	if href == "" {
		nurse = as(t, webtest.Start(t), base, "thandi.mbeki", webtest.Desktop)
		nurse.Goto(base + "/inbox")
		href = webtest.Eval[string](nurse, row)
	}
	if href == "" {
		t.Fatal("the reading is in nobody's inbox")
	}
	nurse.Goto(base + href)
	nurse.Check()
	before.Goto(base + chart + "/vitals")
	if strings.Contains(before.Text("main"), reading) && !strings.Contains(strings.ToLower(before.Text("main")), "home") {
		t.Error("the reading stands in the chart before anybody accepted it")
	}
	nurse.Submit("form[action='" + href + "/accept'] button.primary")
	before.Goto(base + chart + "/vitals")
	if !strings.Contains(before.Text("main"), reading) {
		t.Error("the accepted reading is not in the chart")
	}
	before.Check()
}
