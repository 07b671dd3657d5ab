package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

func sampleInbox(item *inboxItem) inboxView {
	list := sampleWork()
	v := inboxView{Now: noon, Counts: map[string]int{"": len(list), "results": 3, "messages": 1, "refills": 2, "home": 1, "promised": 1},
		Open: len(list), Oldest: oldest(list), Item: item}
	v.group(list)
	return v
}

func sampleMessage() *inboxItem {
	l := sampleWork()[2]
	return &inboxItem{Line: l, Me: "Practitioner/anna", Allergies: ui.Allergies{State: ui.NoKnownAllergies, Asked: "2026-09-12"},
		Names: map[string]string{"Patient/gianna": "ROSSI, Gianna", "Practitioner/anna": "Dr Anna Lindqvist"},
		Thread: &message.Thread{ID: "c1", Patient: "gianna", Subject: "Rash since the new tablet", Messages: []message.Message{
			{ID: "c1", Sender: "Patient/gianna", Text: "Since Sunday I have a rash on both arms.\nShould I stop the new tablet?", Sent: noon.Add(-110 * time.Minute)}}},
		Team: []ui.Option{{Value: "k", Label: "Dr Karel Novak"}}}
}

func sampleResult() *inboxItem {
	return &inboxItem{Line: sampleWork()[1], Allergies: ui.Allergies{State: ui.KnownAllergies, Items: []ui.Allergy{{Substance: "penicillin", Reaction: "anaphylaxis"}}},
		Values: []resultValue{
			{Name: "Potassium", Amount: ui.Amount{Value: "5.3", Unit: "mmol/L", Flag: "H"}, Range: ui.Bounds{Low: "3.5", High: "5.1", Unit: "mmol/L"}, When: "2026-11-20T08:40:00Z"},
			{Name: "eGFR", Amount: ui.Amount{Value: "52", Unit: "mL/min/{1.73_m2}", Flag: "L"}, Range: ui.Bounds{Low: "60", Unit: "mL/min/{1.73_m2}"}},
			{Name: "Sodium", Amount: ui.Amount{Value: "139", Unit: "mmol/L", Flag: "N"}, Range: ui.Bounds{Low: "135", High: "145", Unit: "mmol/L"}}},
		Others: sampleWork()[6:7], Team: []ui.Option{{Value: "k", Label: "Dr Karel Novak"}}}
}

func TestInboxInABrowser(t *testing.T) {
	b := webtest.Start(t)
	page := ui.Page{Title: "Inbox", Active: "/inbox"}
	critical := sampleResult()
	critical.Critical = true
	for name, item := range map[string]*inboxItem{"message": sampleMessage(), "result": sampleResult(), "critical": critical, "none": nil} {
		url := webtest.Static(t, reader("en"), inShell(page, inboxPage(sampleInbox(item))))
		for _, v := range []webtest.View{webtest.Desktop, webtest.Phone} {
			p := b.Open(url, v)
			p.Check()
			p.Picture("inbox-" + name + "-" + v.Name)
		}
	}
	// j moves to the first line's action; single keys act only outside of inputs.
	p := b.Open(webtest.Static(t, reader("en"), inShell(page, inboxPage(sampleInbox(sampleMessage())))), webtest.Desktop)
	p.Press("j")
	if got := webtest.Eval[string](p, "document.activeElement.textContent.trim()"); got == "" {
		t.Error("j moved to nothing")
	}
	p.Press("e")
	p.Wait("#pass[open]")
}

func TestMessagesInABrowser(t *testing.T) {
	b := webtest.Start(t)
	item := sampleMessage()
	v := messagesView{Patient: "gianna", Me: item.Me, Names: item.Names, Threads: []message.Thread{*item.Thread}, Open: item.Thread}
	p := ui.Page{Title: "Messages", Active: "/charts", Patient: &ui.Banner{ID: "gianna", Name: nameOf(gianna), Born: gianna.Born, Sex: "female"}}
	for name, v := range map[string]messagesView{"open": v, "new": {Patient: "gianna", Me: item.Me, Names: item.Names, Faults: ui.Faults{{Field: "text", Text: "The message is empty. Type what you want to say."}}}} {
		url := webtest.Static(t, reader("en"), inShell(p, messagesPage(v)))
		for _, look := range []webtest.View{webtest.Dark, webtest.Phone} {
			page := b.Open(url, look)
			page.Check()
			page.Picture("messages-" + name + "-" + look.Name)
		}
	}
}

// outside is a potassium from another laboratory, which flags it itself, with the task to look at it.
func (h house) outside(id, quantity, flag string) {
	h.commit(trust.System("lab"),
		`{"resourceType":"Observation","id":"`+id+`","status":"final","subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-11-20T08:40:00Z","category":[{"coding":[{"code":"laboratory"}]}],
		"code":{"text":"Kalium `+id+`","coding":[{"system":"http://loinc.org","code":"2823-3"}]},"valueQuantity":`+quantity+`,"interpretation":[{"coding":[{"code":"`+flag+`"}]}]}`,
		string(task.Task{ID: "t-" + id, Kind: task.ReviewResult, Status: "requested", Priority: "routine", Patient: "maria", Owner: "anna",
			Focus: "Observation/" + id, Text: "Kalium " + id, Authored: noon.Add(-time.Hour)}.Resource().JSON()))
}

// TestTheClinicsCriticalLimitsInTheInbox: a laboratory says no more than "H" of a potassium of 6.9. It stands
// under what cannot wait, on every list, and is signed only with what was done; one in a unit that cannot be
// compared says so.
func TestTheClinicsCriticalLimitsInTheInbox(t *testing.T) {
	h := open(t)
	h.outside("mild", `{"value":5.4,"unit":"mmol/L"}`, "H")
	h.outside("grave", `{"value":6.9,"unit":"mmol/L"}`, "H")
	h.outside("mass", `{"value":27,"unit":"mg/dL"}`, "N")
	anna := h.signedIn("anna")
	for _, at := range []string{"/inbox", "/today", "/p/maria"} {
		text := tags.ReplaceAllString(anna.get(at).body, " ")
		grave, mild := strings.Index(text, "Kalium grave"), strings.Index(text, "Kalium mild")
		if grave < 0 || mild < grave || !strings.Contains(text, "Critical") {
			t.Errorf("%s: the grave result does not stand first: %s", at, text)
		}
	}
	if a := anna.get("/inbox"); !a.says("Cannot wait") {
		t.Error("the inbox says nothing of what cannot wait")
	}
	item := anna.get("/inbox/t-grave")
	if !item.says("Critical") || !item.says("beyond our own critical limit; the laboratory says high") || !item.says("What was done") {
		t.Errorf("the item: %s", tags.ReplaceAllString(item.body, " "))
	}
	if a := anna.post("/inbox/t-grave/done", "comment", "Come today."); a.status != http.StatusUnprocessableEntity {
		t.Errorf("signed without a word about what was done: %d", a.status)
	}
	if a := anna.get("/inbox/t-mass"); !a.says("not checked against critical limits: the unit mg/dL cannot be compared") || a.says("What was done") || a.says("In range") {
		t.Errorf("another unit: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/inbox/t-grave/done", "plan", "Called, on the way to the hospital."); a.status != http.StatusOK || a.says("Cannot wait") {
		t.Errorf("signed: %d", a.status)
	}
}

// TestTheAddressIsThatOfTheItem: the browser's address follows the item that is shown, with the list that
// stands beside it, so that a reload or a shared link opens the same one.
func TestTheAddressIsThatOfTheItem(t *testing.T) {
	h := open(t)
	h.outside("one", `{"value":5.4,"unit":"mmol/L"}`, "H")
	h.outside("two", `{"value":5.6,"unit":"mmol/L"}`, "H")
	p := webtest.Start(t).Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	p.Goto(h.url + "/inbox/t-one?view=results")
	p.Click("#row-t-two a.pt")
	p.Wait(`#item form[action="/inbox/t-two/done"]`)
	p.Wait("#row-t-two[aria-current]")
	if got := p.Path(); got != "/inbox/t-two?view=results" {
		t.Errorf("the address of the second item is %s", got)
	}
	if n := webtest.Eval[int](p, `document.querySelectorAll("tr[aria-current]").length`); n != 1 {
		t.Errorf("%d lines are marked as the open one", n)
	}
	p.Submit("#item form[action$='/done'] button.primary")
	if got := p.Path(); got != "/inbox" {
		t.Errorf("after signing the address is %s", got)
	}
	p.Check()
}

// TestNothingUnknownIsSignedInABatch: only lines that were graded in range are offered.
func TestNothingUnknownIsSignedInABatch(t *testing.T) {
	v := sampleInbox(nil)
	if len(v.Batch) != 1 || v.Batch[0].Task.ID != "t5" {
		t.Errorf("batch %+v", v.Batch)
	}
	for _, g := range v.Groups {
		for _, l := range g.Lines {
			if l.Task.Kind == task.ReviewResult && l.Normal {
				t.Error("a normal result is listed twice")
			}
		}
	}
	if v.Groups[0].Lines[0].Task.Priority != "stat" {
		t.Error("what cannot wait is not first")
	}
}

// TestAPatientWhoWaitsTodayStandsWithWhatCannotWait: an urgent message, and a pressure from home with
// which the portal tells to call, do not stand below results of last week.
func TestAPatientWhoWaitsTodayStandsWithWhatCannotWait(t *testing.T) {
	v := inboxView{}
	work := func(id string, kind task.Kind, priority string) workLine {
		return workLine{Task: task.Task{ID: id, Kind: kind, Status: "requested", Priority: priority}}
	}
	v.group([]workLine{work("sodium", task.ReviewResult, "stat"), work("rash", task.AnswerMessage, "urgent"), work("pressure", task.PatientMeasurement, "urgent"),
		work("refill", task.RefillRequest, "urgent"), work("flight", task.AnswerMessage, "routine"), work("weight", task.PatientMeasurement, "routine")})
	var first []string
	for _, l := range v.Groups[0].Lines {
		_, _, word := l.Tag()
		first = append(first, l.Task.ID+" "+word)
	}
	if got, want := strings.Join(first, ", "), "sodium Critical, rash Today, pressure Today"; v.Groups[0].Title != "Cannot wait" || got != want {
		t.Errorf("%s: %s, want %s", v.Groups[0].Title, got, want)
	}
	if len(v.Groups) != 2 || len(v.Groups[1].Lines) != 3 {
		t.Errorf("the rest: %+v", v.Groups[1:])
	}
}

// TestACriticalValueOutsideTheListIsSignedInTheChart: a result that the list of values does not
// show asks for what was done as well, and there is a place to write it.
func TestACriticalValueOutsideTheListIsSignedInTheChart(t *testing.T) {
	h := open(t)
	h.result("late", "6.6", "HH")
	anna := h.signedIn("anna")
	a := anna.post("/p/maria/results/sign", "task", "t-late")
	if a.status != http.StatusUnprocessableEntity || !a.says("This result is critical.") || !strings.Contains(a.body, `name="plan"`) {
		t.Fatalf("without a word: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.post("/p/maria/results/sign", "task", "t-late", "plan", "Told by phone."); !a.says("1 signed.") {
		t.Errorf("with one: %d", a.status)
	}
}
