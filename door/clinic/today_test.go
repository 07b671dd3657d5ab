package clinic

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/practice/task"
)

var noon = time.Date(2026, 11, 24, 10, 14, 0, 0, time.UTC)

func reader(tag string) ui.Reader { return ui.Reader{Lang: lang.For(tag), Zone: time.UTC, Now: noon} }

// inShell draws a page's body in the clinic's shell.
func inShell(p ui.Page, body templ.Component) templ.Component {
	p.Nav, p.User, p.Clinic, p.Demo = navigation(nil), "Dr A. Lindqvist", "Harehills Family Practice", true
	p.Nav[0].Count, p.Nav[2].Count, p.Nav[2].Urgent = 7, 22, true
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return ui.ClinicPage(p).Render(templ.WithChildren(ctx, body), w)
	})
}

var (
	maria   = chart.Patient{ID: "maria", Family: "Okafor", Given: "Maria", Title: "Ms", Preferred: "Ify", Born: "1968-03-14", Sex: "female", RecordNumber: "2041187731", Phone: "0113 496 0412"}
	desmond = chart.Patient{ID: "desmond", Family: "Holloway", Given: "Desmond", Born: "1955-06-02", Sex: "male", RecordNumber: "2040771029"}
	elin    = chart.Patient{ID: "elin", Family: "Price", Given: "Elin", Born: "2020-01-19", Sex: "female"}
	otto    = chart.Patient{ID: "otto", Family: "Brandt", Given: "Otto", Born: "1960-04-07", Sex: "male", RecordNumber: "2040771029"}
	gianna  = chart.Patient{ID: "gianna", Family: "Rossi", Given: "Gianna", Born: "1992-02-20", Sex: "female"}
	layla   = chart.Patient{ID: "layla", Family: "Ibrahim", Given: "Layla", Born: "1974-05-03", Sex: "female"}
	tunde   = chart.Patient{ID: "tunde", Family: "Adeyemi", Given: "Tunde", Born: "1985-04-17", Sex: "male"}
)

func work(id string, k task.Kind, p chart.Patient, priority, text string, ago time.Duration) workLine {
	return workLine{Task: task.Task{ID: id, Kind: k, Status: "requested", Patient: p.ID, Owner: "anna", Requester: "Patient/" + p.ID,
		Priority: priority, Text: text, Authored: noon.Add(-ago)}, Person: p, Known: true, Mine: true}
}

func sampleWork() []workLine {
	normal := work("t5", task.ReviewResult, gianna, "routine", "TSH 2.1 mIU/L, in range", 20*time.Hour)
	normal.Normal = true
	return []workLine{
		work("t1", task.ReviewResult, otto, "stat", "Sodium 124 mmol/L, critically low", 48*time.Minute),
		work("t2", task.ReviewResult, maria, "urgent", "Potassium 5.3 mmol/L, high; HbA1c 8.1 %, high; eGFR 52 mL/min/1.73 m², low", 4*24*time.Hour),
		work("t3", task.AnswerMessage, gianna, "urgent", "Rash since the new tablet", 110*time.Minute),
		work("t4", task.RefillRequest, layla, "urgent", "lithium 400 mg MR tablet; no lithium level in the last 6 months", 5*time.Hour),
		normal,
		work("t6", task.RefillRequest, tunde, "routine", "sertraline 50 mg tablet", 26*time.Hour),
		work("t7", task.PatientMeasurement, maria, "routine", "Home blood pressure 146/90 mmHg", 30*time.Hour),
		work("t8", task.FollowUp, layla, "routine", "Recheck creatinine: order placed, not collected", 50*time.Hour),
	}
}

func sampleToday() todayView {
	list := sampleWork()
	at := func(hour, minute int, p chart.Patient, s schedule.State, reason, room string) dayLine {
		start := time.Date(2026, 11, 24, hour, minute, 0, 0, time.UTC)
		l := dayLine{At: schedule.Appointment{ID: p.ID, State: s, Start: start, End: start.Add(20 * time.Minute), Patient: p.ID,
			Practitioner: "anna", Reason: reason, RoomName: room}, Person: p}
		for _, w := range list {
			if w.Task.Patient == p.ID {
				l.Work = append(l.Work, w)
			}
		}
		return l
	}
	next := at(10, 20, maria, schedule.InRoom, "Diabetes review, and “burning when I pass water”", "Room 3")
	return todayView{Now: noon.Add(10 * time.Minute), Mine: true, Next: &next,
		Rest: []dayLine{
			at(10, 40, desmond, schedule.Arrived, "Heart failure, 6 days after discharge", ""),
			at(11, 0, elin, schedule.Booked, "Ear pain, 3 days, fever", ""),
			at(11, 20, layla, schedule.Booked, "Mood review", ""),
		},
		Counts:  dayCounts{Booked: 15, Done: 4, Missed: 1, Here: 2, Coming: 8},
		Results: of(list, task.ReviewResult)[:2], Normal: of(list, task.ReviewResult)[2:], Messages: of(list, task.AnswerMessage, task.RefillRequest),
		Measured: of(list, task.PatientMeasurement), Other: of(list, task.FollowUp),
		Unsigned: []draftLine{{Person: tunde, Saved: noon.Add(-17 * time.Hour), Href: "/p/tunde/visit/v1"}}}
}

func TestTodayInABrowser(t *testing.T) {
	b := webtest.Start(t)
	body := todayPage(sampleToday())
	url := webtest.Static(t, reader("en"), inShell(ui.Page{Title: "Today", Active: "/today"}, body))
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(url, v)
		p.Check()
		p.Picture("today-" + v.Name)
	}
	rtl := webtest.Static(t, reader("ar"), inShell(ui.Page{Title: "Today", Active: "/today"}, body))
	p := b.Open(rtl, webtest.Desktop)
	p.Check()
	p.Picture("today-rtl")
	empty := webtest.Static(t, reader("en"), inShell(ui.Page{Title: "Today", Active: "/today"}, todayPage(todayView{Now: noon})))
	p = b.Open(empty, webtest.Desktop)
	p.Check()
	p.Picture("today-empty")
}

// TestAFailedTryDoesNotClaimAStoredSecret: what was typed and not saved is asked for again.
func TestAFailedTryDoesNotClaimAStoredSecret(t *testing.T) {
	for want, v := range map[string]singleView{
		"type it again: nothing was saved": {Provider: identity.Provider{Secret: "typed"}},
		"one is stored; empty keeps it":    {Provider: identity.Provider{Secret: "kept"}, Kept: true},
		"empty for a public client":        {},
	} {
		if got := secretHint(t.Context(), v); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
