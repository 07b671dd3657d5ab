package console

import (
	"context"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/door/webtest"
)

// demonstration is one running demo for all workflow tests of the package.
var demonstration = sync.OnceValues(func() (string, error) {
	ready, done := make(chan string, 1), make(chan int, 1)
	p := &Program{Clock: clock.System{}, Out: io.Discard, Err: io.Discard, Ready: func(a string) { ready <- a }}
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

	p.Goto(base + "/register/matches?" + url.Values{"family": {"Okafor"}, "given": {"Mariah"}, "birthDate": {"14 3 68"}}.Encode())
}

func TestBookingTheFirstFreePlace(t *testing.T) {
	base := demo(t)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone, webtest.Dark} {
		p := as(t, webtest.Start(t), base, "tom.reyes", v)
		p.Goto(base + "/schedule")
		p.Check()
		p.Picture("schedule-" + v.Name)
	}
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
