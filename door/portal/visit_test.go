package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// TestTodaysVisitStaysOnTheFirstPage: booked, checked in and over, it is there all day, and what one
// can do about it fits.
func TestTodaysVisitStaysOnTheFirstPage(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	me, anna := c.people[maria].Patient, c.people["anna.lindqvist"].Practitioner
	system := c.gate.As(trust.System("test"), "test")
	others, err := system.Find(t.Context(), "Appointment", "patient=Patient/"+me+"&date="+noon.Format(time.DateOnly))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range others {
		r.Set("status", fhir.Str("cancelled"))
		if _, err := system.Commit(t.Context(), record.Change{What: "cancel", Put: []record.Put{{Resource: r}}}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(status string) {
		t.Helper()
		r := fhir.New("Appointment")
		r.SetID("today")
		r.Set("status", fhir.Str(status))
		r.Set("start", fhir.Str(noon.Add(-100*time.Minute).Format(time.RFC3339)))
		r.Set("end", fhir.Str(noon.Add(-80*time.Minute).Format(time.RFC3339)))
		r.Set("participant", fhir.Arr(
			fhir.Obj("actor", fhir.Obj("reference", "Patient/"+me), "status", "accepted"),
			fhir.Obj("actor", fhir.Obj("reference", "Practitioner/"+anna), "status", "accepted")))
		if _, err := system.Commit(t.Context(), record.Change{What: "book", Put: []record.Put{{Resource: r}}}); err != nil {
			t.Fatal(err)
		}
	}
	const call, in, over = "call the clinic", "You are checked in", "This visit has taken place"
	for _, step := range []struct {
		status   string
		shows    string
		hides    []string
		onVisits bool
	}{
		{"booked", call, []string{in, over}, true},
		{"arrived", in, []string{call, over, "You have a visit today"}, true},
		{"checked-in", in, []string{call, over}, true},
		{"fulfilled", over, []string{call, in}, true},
		{"cancelled", "Hello,", []string{"Today, 10:20", call, in, over}, false},
	} {
		put(step.status)
		home, list := plainText(second(c.see(maria, "/portal"))), second(c.see(maria, "/portal/visits"))
		if !strings.Contains(home, step.shows) || strings.Contains(home, "Today, 10:20") != step.onVisits || strings.Contains(plainText(list), "Today, 10:20") != step.onVisits {
			t.Errorf("%s: the first page says %s", step.status, home)
		}
		for _, no := range step.hides {
			if strings.Contains(home, no) || strings.Contains(plainText(list), no) {
				t.Errorf("%s: a page says %q", step.status, no)
			}
		}
		if strings.Contains(list, "topic=cancel&amp;id=today") {
			t.Errorf("%s: it can be called off by a message", step.status)
		}
		status, page := c.see(maria, "/portal/messages/new?topic=cancel&id=today")
		if here := step.shows == in || step.shows == over; (status == 409) != here {
			t.Errorf("%s: called off all the same: %d %s", step.status, status, plainText(page))
		}
	}
}

// TestAVisitThatWasAskedForIsForSomething, and waits among the visits until the clinic answers.
func TestAVisitThatWasAskedForIsForSomething(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	page := second(c.see(maria, "/portal/messages/new?topic=book"))
	form := url.Values{"topic": {"book/"}, "to": {c.must(page, `<option value="([^"]+)"`)}, "subject": {"I would like a visit"}}
	for _, text := range []string{"I would like to see: \nBecause of: \nDays and times that suit me: ", "I would like to see: Dr Lindqvist\r\nBecause of:\r\nDays and times that suit me: Monday"} {
		form.Set("text", text)
		if status, _, page := c.send(maria, "/portal/messages", form); status != 422 || !strings.Contains(page, "There is a problem") {
			t.Errorf("%q was sent: %d", text, status)
		}
	}
	if text := plainText(second(c.see(maria, "/portal/visits"))); strings.Contains(text, "waiting for an answer") {
		t.Errorf("what was not sent waits: %s", text)
	}
	form.Set("text", "I would like to see: \r\nBecause of: my knee\r\nDays and times that suit me: ")
	if status, _, page := c.send(maria, "/portal/messages", form); status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	visits := second(c.see(maria, "/portal/visits"))
	if text := plainText(visits); !strings.Contains(text, "I would like a visit waiting for an answer Asked 24 November 2026") {
		t.Errorf("the request does not wait among the visits: %s", text)
	}
	thread := c.must(visits, `href="/portal/messages/([^"/?]+)"`)
	if _, err := message.Send(t.Context(), c.staff("anna.lindqvist"), message.Draft{Thread: thread, Text: "Come on Monday at 9."}); err != nil {
		t.Fatal(err)
	}
	if text := plainText(second(c.see(maria, "/portal/visits"))); strings.Contains(text, "waiting for an answer") {
		t.Errorf("answered, and it waits still: %s", text)
	}
}

// TestNumbersOfAnArabicKeyboard: what a phone in Arabic or Persian types is read as it is meant.
func TestNumbersOfAnArabicKeyboard(t *testing.T) {
	c := start(t)
	const yusuf = "yusuf.almasri"
	day := url.Values{"date": {"2026-11-24"}, "clock": {"08:15"}}
	for _, m := range []struct {
		kind, want string
		typed      map[string]string
	}{
		{"pressure", "140/90", map[string]string{"upper": "١٤٠", "lower": "٩٠"}},
		{"weight", "78.5", map[string]string{"weight": "٧٨٫٥"}},
		{"weight", "81.2", map[string]string{"weight": "۸۱٫۲ kg"}},
	} {
		form := url.Values{"nonce": {m.want}}
		for k, v := range m.typed {
			form.Set(k, v)
		}
		for k, v := range day {
			form[k] = v
		}
		if status, _, page := c.send(yusuf, "/portal/measure/"+m.kind, form); status != 200 || !strings.Contains(plainText(page), m.want) {
			t.Errorf("%v: %d %s", m.typed, status, plainText(page))
		}
	}
	// A slip is asked about in kind words, with the weight before and its day; what was typed stays.
	slip := url.Values{"nonce": {"slip"}, "weight": {"٢٧"}, "date": day["date"], "clock": day["clock"]}
	status, _, page := c.send(yusuf, "/portal/measure/weight", slip)
	if text := plainText(page); status != http.StatusUnprocessableEntity || !strings.Contains(text, "كان الوزن السابق") || !strings.Contains(text, "هذا يختلف كثيرًا عن الوزن السابق") || !strings.Contains(page, `name="weight" type="text" value="27"`) {
		t.Errorf("a slip: %d %s", status, text)
	}
	if !strings.Contains(page, `name="sure" value="27"`) {
		t.Errorf("the tick is not of this very value: %s", page)
	}
	// The tick holds for the value that was asked about: another one typed since is asked about too.
	slip.Set("sure", "27")
	slip.Set("weight", "١٩")
	if status, _, page := c.send(yusuf, "/portal/measure/weight", slip); status != http.StatusUnprocessableEntity || !strings.Contains(page, `name="sure" value="19"`) {
		t.Errorf("the tick of another value stores this one: %d", status)
	}
	slip.Set("weight", "٢٧")
	if status, _, _ := c.send(yusuf, "/portal/measure/weight", slip); status != 200 {
		t.Errorf("the tick does not store it: %d", status)
	}
}
