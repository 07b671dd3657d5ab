// Package schedule is the clinic's book: who comes when to whom, and where they stand on
// the day: booked, arrived, in a room, seen, not come, cancelled.
//
// An appointment is a FHIR Appointment; FHIR paths of it live here only. The visit that
// follows is practice/encounter's.
package schedule

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// State is where an appointment stands.
type State string

// The states: FHIR appointment statuses that the clinic uses.
const (
	Booked    State = "booked"
	Arrived   State = "arrived"
	InRoom    State = "checked-in" // checked in and roomed
	Fulfilled State = "fulfilled"
	NoShow    State = "noshow"
	Cancelled State = "cancelled"
)

// Word returns the state in the words of the clinic.
func (s State) Word() string {
	switch s {
	case Booked:
		return "Booked"
	case Arrived:
		return "Arrived"
	case InRoom:
		return "In room"
	case Fulfilled:
		return "Done"
	case NoShow:
		return "Did not come"
	case Cancelled:
		return "Cancelled"
	}
	return strings.ToUpper(string(s[:min(1, len(s))])) + string(s[min(1, len(s)):])
}

// Open reports whether the appointment still takes a place in the book.
func (s State) Open() bool { return s != Cancelled && s != NoShow && s != "entered-in-error" }

// Appointment is one entry of the book.
type Appointment struct {
	ID             string
	State          State
	Start, End     time.Time
	Patient        string // id
	PatientName    string // as displayed in the reference; the register knows better
	Practitioner   string // id
	WithName       string
	Room, RoomName string
	Reason, Kind   string
	Comment        string
	Version        int64
}

// Minutes returns the appointment's length.
func (a Appointment) Minutes() int { return int(a.End.Sub(a.Start).Minutes()) }

// FromResource reads an Appointment.
func FromResource(r *fhir.Node) Appointment {
	a := Appointment{ID: r.ID(), State: State(r.Get("status").Text()), Comment: r.Get("comment").Text(),
		Reason: text(r.Get("reasonCode").At(0)), Kind: text(r.Get("appointmentType"))}
	if a.Reason == "" {
		a.Reason = r.Get("description").Text()
	}
	a.Start, _ = time.Parse(time.RFC3339, r.Get("start").Text())
	a.End, _ = time.Parse(time.RFC3339, r.Get("end").Text())
	if a.End.IsZero() {
		var minutes int
		fmt.Sscan(r.Get("minutesDuration").Text(), &minutes)
		a.End = a.Start.Add(time.Duration(minutes) * time.Minute)
	}
	for p := range r.Get("participant").Items() {
		actor := p.Get("actor")
		kind, id, _ := strings.Cut(actor.Get("reference").Text(), "/")
		switch kind {
		case "Patient":
			a.Patient, a.PatientName = id, actor.Get("display").Text()
		case "Practitioner":
			a.Practitioner, a.WithName = id, actor.Get("display").Text()
		case "Location":
			a.Room, a.RoomName = id, actor.Get("display").Text()
		}
	}
	fmt.Sscan(r.Path("meta.versionId").Text(), &a.Version)
	return a
}

func text(c *fhir.Node) string {
	if t := c.Get("text").Text(); t != "" {
		return t
	}
	return c.Path("coding.0.display").Text()
}

// Resource writes the appointment; base, when not nil, keeps what Appointment does not know.
func (a Appointment) Resource(base *fhir.Node) *fhir.Node {
	r := fhir.New("Appointment")
	if base != nil {
		r = base.Clone()
	}
	if a.ID != "" {
		r.SetID(a.ID)
	}
	r.Set("status", fhir.Str(string(a.State)))
	if a.Kind != "" {
		r.Set("appointmentType", fhir.Obj("text", a.Kind))
	}
	if a.Reason != "" {
		r.Set("reasonCode", fhir.Arr(fhir.Obj("text", a.Reason)))
	}
	r.Set("start", fhir.Str(a.Start.Format(time.RFC3339)))
	r.Set("end", fhir.Str(a.End.Format(time.RFC3339)))
	r.Set("minutesDuration", fhir.Int(int64(a.Minutes())))
	if a.Comment != "" {
		r.Set("comment", fhir.Str(a.Comment))
	}
	participants := fhir.Arr()
	for _, p := range []struct{ ref, display string }{{"Patient/" + a.Patient, a.PatientName}, {"Practitioner/" + a.Practitioner, a.WithName}, {"Location/" + a.Room, a.RoomName}} {
		if !strings.HasSuffix(p.ref, "/") {
			participants.Append(fhir.Obj("actor", fhir.Obj("reference", p.ref, "display", p.display), "status", "accepted"))
		}
	}
	r.Set("participant", participants)
	return r
}

// Day returns the appointments that start on a day (in the day's time zone), by start.
func Day(ctx context.Context, actor *record.Actor, day time.Time) ([]Appointment, error) {
	start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
	return between(ctx, actor, start, start.AddDate(0, 0, 1), "")
}

func between(ctx context.Context, actor *record.Actor, from, to time.Time, more string) ([]Appointment, error) {
	var out []Appointment
	for r, err := range actor.FindEach(ctx, "Appointment", fmt.Sprintf("date=ge%s&date=lt%s%s&_sort=date",
		url.QueryEscape(from.UTC().Format(time.RFC3339)), url.QueryEscape(to.UTC().Format(time.RFC3339)), more)) {
		if err != nil {
			return nil, err
		}
		out = append(out, FromResource(r))
	}
	slices.SortStableFunc(out, func(a, b Appointment) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// Hours are the clinic's opening hours, in minutes after midnight, and the length of a
// place in the book.
var Hours = struct{ From, To, Slot int }{8 * 60, 17 * 60, 20}

// Slot is a free place.
type Slot struct {
	Practitioner string
	Start        time.Time
	Minutes      int
}

// Free returns a practitioner's free places on a day, after from, given the day's
// appointments. Weekends have none.
func Free(day []Appointment, practitioner string, date, from time.Time, minutes int) []Slot {
	if wd := date.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return nil
	}
	midnight := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, date.Location())
	var out []Slot
	for m := Hours.From; m+minutes <= Hours.To; m += Hours.Slot {
		start := midnight.Add(time.Duration(m) * time.Minute)
		end := start.Add(time.Duration(minutes) * time.Minute)
		if start.Before(from) {
			continue
		}
		taken := slices.ContainsFunc(day, func(a Appointment) bool {
			return a.Practitioner == practitioner && a.State.Open() && a.Start.Before(end) && start.Before(a.End)
		})
		if !taken {
			out = append(out, Slot{practitioner, start, minutes})
		}
	}
	return out
}

// FirstFree returns the first free place of a practitioner after from, within four weeks.
func FirstFree(ctx context.Context, actor *record.Actor, practitioner string, from time.Time, minutes int) (Slot, bool, error) {
	all, err := between(ctx, actor, from.AddDate(0, 0, -1), from.AddDate(0, 0, 29), "&actor=Practitioner/"+url.QueryEscape(practitioner))
	if err != nil {
		return Slot{}, false, err
	}
	for d := range 28 {
		if free := Free(all, practitioner, from.AddDate(0, 0, d), from, minutes); len(free) > 0 {
			return free[0], true, nil
		}
	}
	return Slot{}, false, nil
}

// Booking is a request for a place.
type Booking struct {
	Appointment
	Overbook bool   // take a place that is taken; at most two at a time
	Key      string // idempotency key of the form
}

// Book writes an appointment. A taken place is fault.Conflict unless Overbook.
func Book(ctx context.Context, actor *record.Actor, b Booking) (Appointment, record.Result, error) {
	var issues []fault.Issue
	for _, c := range []struct{ value, field, text string }{
		{b.Patient, "patient", "Choose the patient."}, {b.Practitioner, "practitioner", "Choose whom the patient comes to see."},
	} {
		if c.value == "" {
			issues = append(issues, fault.Issue{Severity: "error", Type: "required", Expression: c.field, Text: c.text})
		}
	}
	if b.Start.IsZero() || !b.End.After(b.Start) {
		issues = append(issues, fault.Issue{Severity: "error", Type: "required", Expression: "start", Text: "Choose the time."})
	}
	if len(issues) > 0 {
		return Appointment{}, record.Result{}, fault.New(fault.Invalid, "The booking is not complete.").With(issues...)
	}
	day, err := Day(ctx, actor, b.Start)
	if err != nil {
		return Appointment{}, record.Result{}, err
	}
	taken := 0
	for _, a := range day {
		if a.Practitioner == b.Practitioner && a.State.Open() && a.Start.Before(b.End) && b.Start.Before(a.End) && a.ID != b.ID {
			taken++
		}
	}
	if taken > 1 || taken == 1 && !b.Overbook {
		return Appointment{}, record.Result{}, fault.New(fault.Conflict, "That time is taken by now; choose another, or overbook once.")
	}
	b.State = Booked
	res, err := actor.Commit(ctx, record.Change{What: "book", Key: b.Key, Put: []record.Put{{Resource: b.Resource(nil), Create: b.ID == ""}}})
	if err != nil {
		return Appointment{}, res, err
	}
	r, err := fhir.Parse(res.Versions[0].Body)
	if err != nil {
		return Appointment{}, res, err
	}
	return FromResource(r), res, nil
}

// moves are the states that may follow a state.
var moves = map[State][]State{
	Booked:    {Arrived, InRoom, NoShow, Cancelled},
	Arrived:   {InRoom, Fulfilled, Booked, NoShow, Cancelled},
	InRoom:    {Fulfilled, Arrived, Cancelled},
	NoShow:    {Booked, Arrived},
	Cancelled: {Booked},
}

// Next returns the states that may follow.
func Next(s State) []State { return moves[s] }

// Move brings an appointment into another state; room is the Location for InRoom, or "".
func Move(ctx context.Context, actor *record.Actor, id string, to State, room Room) (record.Result, error) {
	r, err := actor.Read(ctx, "Appointment", id)
	if err != nil {
		return record.Result{}, err
	}
	a := FromResource(r)
	if !slices.Contains(moves[a.State], to) {
		return record.Result{}, fault.New(fault.Conflict, "The appointment is %s now and cannot become %s.", strings.ToLower(a.State.Word()), strings.ToLower(to.Word()))
	}
	a.State = to
	if room.ID != "" {
		a.Room, a.RoomName = room.ID, room.Name
	}
	return actor.Commit(ctx, record.Change{What: "appointment " + string(to), Put: []record.Put{{Resource: a.Resource(r), IfMatch: a.Version}}})
}

// Clinician is somebody whom patients can be booked with.
type Clinician struct{ ID, Name, Role string }

// Room is a place for a visit.
type Room struct{ ID, Name string }

// Clinicians returns physicians, then nurses, then other clinicians, by name.
func Clinicians(ctx context.Context, actor *record.Actor) ([]Clinician, error) {
	rank := map[string]int{"physician": 0, "nurse": 1}
	var out []Clinician
	for r, err := range actor.FindEach(ctx, "PractitionerRole", "active=true") {
		if err != nil {
			return nil, err
		}
		role := text(r.Get("code").At(0))
		ref := r.Get("practitioner")
		if _, ok := rank[role]; !ok {
			continue
		}
		out = append(out, Clinician{ID: strings.TrimPrefix(ref.Get("reference").Text(), "Practitioner/"), Name: ref.Get("display").Text(), Role: role})
	}
	slices.SortStableFunc(out, func(a, b Clinician) int {
		if d := rank[a.Role] - rank[b.Role]; d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// Rooms returns the clinic's rooms by name.
func Rooms(ctx context.Context, actor *record.Actor) ([]Room, error) {
	var out []Room
	for r, err := range actor.FindEach(ctx, "Location", "status=active&_sort=name") {
		if err != nil {
			return nil, err
		}
		out = append(out, Room{ID: r.ID(), Name: r.Get("name").Text()})
	}
	return out, nil
}
