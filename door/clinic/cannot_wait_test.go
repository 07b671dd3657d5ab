package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// TestWhatCannotWaitStandsFirstOnToday: a critical result, an urgent message and an urgent reading from home
// stand before everything else on the page, and in no other list of it.
func TestWhatCannotWaitStandsFirstOnToday(t *testing.T) {
	work := func(id string, kind task.Kind, priority string) workLine {
		return workLine{Task: task.Task{ID: id, Kind: kind, Status: "requested", Priority: priority}}
	}
	var v todayView
	v.sort([]workLine{work("sodium", task.ReviewResult, "stat"), work("rash", task.AnswerMessage, "urgent"), work("pressure", task.PatientMeasurement, "urgent"),
		work("lithium", task.RefillRequest, "urgent"), work("ALT", task.ReviewResult, "routine"), work("flight", task.AnswerMessage, "routine")})
	var first []string
	for _, l := range v.Urgent {
		first = append(first, l.Task.ID)
	}
	if got := strings.Join(first, ", "); got != "sodium, rash, pressure" {
		t.Errorf("cannot wait: %s", got)
	}
	if len(v.Results) != 1 || len(v.Messages) != 2 || len(v.Measured) != 0 {
		t.Errorf("the rest: %d results, %d messages, %d measured", len(v.Results), len(v.Messages), len(v.Measured))
	}

	h := openChart(t)
	h.result("grave", "6.9", "HH")
	text := tags.ReplaceAllString(h.signedIn("anna").get("/today").body, " ")
	urgent, next := strings.Index(text, "Cannot wait"), strings.Index(text, "Start visit")
	if urgent < 0 || next < urgent || strings.Count(text[next:], "Potassium 6.9") != 1 { // once: with the patient whom it is about
		t.Errorf("Today: %s", text)
	}
}

// TestWhatCannotWaitStandsBeforeTheBatch: results in range are signed after the critical one was seen.
func TestWhatCannotWaitStandsBeforeTheBatch(t *testing.T) {
	h := open(t)
	h.result("ok1", "4.2", "N")
	h.result("grave", "6.9", "HH")
	text := tags.ReplaceAllString(h.signedIn("anna").get("/inbox").body, " ")
	if grave, batch := strings.Index(text, "Potassium 6.9"), strings.Index(text, "1 in range"); grave < 0 || batch < grave {
		t.Errorf("the inbox: %s", text)
	}
}

// TestEnterStartsTheVisit: as the button says, as long as nothing else has the focus.
func TestEnterStartsTheVisit(t *testing.T) {
	h := openChart(t)
	p := webtest.Start(t).Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/today")
	p.Wait("[data-enter]")
	p.Press(kb.Tab) // to "Skip to content"
	p.Press(kb.Enter)
	if got := webtest.Eval[string](p, "location.pathname"); got != "/today" {
		t.Fatalf("Enter on a link started the visit: %s", got)
	}
	p.Goto(h.url + "/today")
	p.Wait("[data-enter]")
	p.Press(kb.Enter)
	for end := time.Now().Add(15 * time.Second); !strings.HasPrefix(webtest.Eval[string](p, "location.pathname"), "/p/maria/visit/"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("Enter leads to %s", p.Path())
		}
	}
	p.Wait("#plan")
	p.Check()
}

// TestAnAnswerThatWasReadIsNotTakenBack: undoing it says so on the page on which it was pressed, and what to do.
func TestAnAnswerThatWasReadIsNotTakenBack(t *testing.T) {
	h := open(t)
	ctx := t.Context()
	maria := h.actor(trust.Patient, "maria")
	if _, err := message.Send(ctx, maria, message.Draft{Patient: "maria", To: []string{"Practitioner/anna"}, Subject: "Rash", Text: "Since Sunday."}); err != nil {
		t.Fatal(err)
	}
	open, err := task.Of(ctx, h.actor(trust.Physician, "anna"), "anna")
	if err != nil || len(open) != 1 {
		t.Fatal(open, err)
	}
	anna := h.signedIn("anna")
	sent := anna.post("/inbox/"+open[0].ID+"/reply", "text", "Stop it, come today.")
	threads, err := message.Threads(ctx, maria, "maria")
	if err != nil {
		t.Fatal(err)
	}
	if err := message.MarkRead(ctx, maria, threads[0]); err != nil {
		t.Fatal(err)
	}
	a := anna.post("/undo", "token", sent.value(t, "token"), "next", "/inbox")
	if a.status != 200 || a.path != "/inbox" || !a.says("Not undone: somebody has read or changed it since.") || !a.says("send another message") {
		t.Errorf("%d %s: %s", a.status, a.path, tags.ReplaceAllString(a.body, " "))
	}
}
