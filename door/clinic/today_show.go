package clinic

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// todayView is what needs the reader now.
type todayView struct {
	Now    time.Time
	Mine   bool      // the reader's own patients; false: the whole clinic's
	Next   *dayLine  // the patient to see next, opened out
	Rest   []dayLine // who comes after
	Counts dayCounts

	Urgent   []workLine // what cannot wait, of every kind: it stands nowhere else
	Results  []workLine
	Normal   []workLine // results in range, signed together
	Messages []workLine // and refill requests
	Measured []workLine
	Other    []workLine
	Unsigned []draftLine
}

// dayLine is one appointment with its patient and what is open about the patient.
type dayLine struct {
	At     schedule.Appointment
	Person chart.Patient
	Visit  string // id of the visit that is in progress; "" before it starts
	Work   []workLine
}

// Name is the patient's name; the appointment's own display serves for people who are not
// in the register.
func (l dayLine) Name() ui.Name {
	if l.Person.ID == "" {
		return ui.Name{Family: l.At.PatientName}
	}
	return nameOf(l.Person)
}

// Chart is the path of the patient's chart.
func (l dayLine) Chart() string { return "/p/" + l.At.Patient }

// inside reports whether the patient is no longer waiting.
func (l dayLine) inside() bool { return l.Visit != "" || l.At.State == schedule.InRoom }

type dayCounts struct{ Booked, Done, Missed, Here, Coming int }

// draftLine is a note that was begun and not signed.
type draftLine struct {
	Person chart.Patient
	Saved  time.Time
	Href   string
	Apart  bool // text that was left in another window: it is in no note
}

func (d draftLine) Name() ui.Name { return nameOf(d.Person) }

// today shows the day of a clinician; other roles get the page that they work on.
func today(w http.ResponseWriter, r *web.Request) error {
	v := todayView{Now: r.Now()}
	if err := v.load(r); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Today"), Active: "/today"}, todayPage(v))
}

func (v *todayView) load(r *web.Request) error {
	ctx, actor := r.Context(), r.Actor
	day, err := schedule.Day(ctx, actor, v.Now)
	if err != nil {
		return err
	}
	me := actor.Principal().Practitioner
	v.Mine = r.Principal().Role == trust.Physician && me != ""
	var mine []schedule.Appointment
	var ids, booked []string
	for _, a := range day {
		if !v.Mine || a.Practitioner == me {
			mine, ids, booked = append(mine, a), append(ids, a.Patient), append(booked, a.ID)
		}
	}
	visits, err := encounter.InProgress(ctx, actor, booked)
	if err != nil {
		return err
	}
	who, err := people(ctx, actor, ids)
	if err != nil {
		return err
	}
	work, err := myWork(ctx, actor)
	if err != nil {
		return err
	}
	if err := grade(ctx, actor, work); err != nil {
		return err
	}
	v.appointments(mine, visits, who, work)
	v.sort(work)
	v.Unsigned, err = unsigned(r)
	return err
}

// sort puts each line of the work into its list; what cannot wait, whatever it is, into the first.
func (v *todayView) sort(all []workLine) {
	var work []workLine
	for _, l := range all {
		if l.cannotWait() {
			v.Urgent = append(v.Urgent, l)
		} else {
			work = append(work, l)
		}
	}
	for _, l := range of(work, task.ReviewResult) {
		if l.Normal {
			v.Normal = append(v.Normal, l)
		} else {
			v.Results = append(v.Results, l)
		}
	}
	v.Messages = of(work, task.AnswerMessage, task.RefillRequest)
	v.Measured = of(work, task.PatientMeasurement)
	v.Other = of(work, task.SignNote, task.SignPrescription, task.FollowUp, task.RightsRequest, task.ReviewDocument, task.DuplicatePatient)
}

// appointments sorts the day into who is next, who comes after and what is done.
func (v *todayView) appointments(day []schedule.Appointment, visits map[string]string, who map[string]chart.Patient, work []workLine) {
	var here, coming []dayLine
	for _, a := range day {
		l := dayLine{At: a, Person: who[a.Patient], Visit: visits[a.ID]}
		for _, w := range work {
			if w.Task.Patient == a.Patient {
				l.Work = append(l.Work, w)
			}
		}
		switch {
		case a.State == schedule.Cancelled || !a.State.Open() && a.State != schedule.NoShow:
			continue
		case a.State == schedule.NoShow:
			v.Counts.Missed++
		case a.State == schedule.Fulfilled:
			v.Counts.Done++
		case l.Visit != "" || a.State == schedule.InRoom || a.State == schedule.Arrived:
			v.Counts.Here++
			here = append(here, l)
		default:
			v.Counts.Coming++
			coming = append(coming, l)
		}
		v.Counts.Booked++
	}
	// Whoever is being seen, or in a room, comes before whoever waits, both before whoever is not here.
	var ordered []dayLine
	for _, l := range here {
		if l.inside() {
			ordered = append(ordered, l)
		}
	}
	for _, l := range here {
		if !l.inside() {
			ordered = append(ordered, l)
		}
	}
	ordered = append(ordered, coming...)
	if len(ordered) > 0 {
		v.Next, v.Rest = &ordered[0], ordered[1:]
	}
}

// unsigned returns the notes that the reader has begun: drafts "note/<patient>/<encounter>" with text, and text
// that was left beside one.
func unsigned(r *web.Request) ([]draftLine, error) {
	all, err := r.Actor.Drafts(r.Context(), "")
	if err != nil {
		return nil, err
	}
	drafts := slices.DeleteFunc(all, func(d record.Draft) bool {
		_, _, ok := noteDraft(d)
		return !ok || record.ApartFrom(d.Key) == "" && blank(d)
	})
	var ids []string
	for _, d := range drafts {
		if p, _, ok := noteDraft(d); ok {
			ids = append(ids, p)
		}
	}
	who, err := people(r.Context(), r.Actor, ids)
	if err != nil {
		return nil, err
	}
	var out []draftLine
	for _, d := range drafts {
		if p, visit, ok := noteDraft(d); ok {
			out = append(out, draftLine{Person: who[p], Saved: d.Saved, Href: "/p/" + p + "/visit/" + visit, Apart: record.ApartFrom(d.Key) != ""})
		}
	}
	return out, nil
}

// blank reports whether a draft holds no text: its words were signed as an addendum, or taken out.
func blank(d record.Draft) bool {
	fields, err := web.DraftFields(d)
	for _, text := range fields {
		if strings.TrimSpace(text) != "" {
			return false
		}
	}
	return err == nil
}

func noteDraft(d record.Draft) (patientID, visit string, ok bool) {
	parts := strings.Split(cmp.Or(record.ApartFrom(d.Key), d.Key), "/")
	if len(parts) != 3 || parts[0] != "note" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// Late says by how many minutes the next patient's time has passed.
func (v todayView) Late() int {
	if v.Next == nil {
		return 0
	}
	return max(0, int(v.Now.Sub(v.Next.At.Start).Minutes()))
}
