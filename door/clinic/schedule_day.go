package clinic

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/practice/schedule"
)

// dayView is the book of one day.
type dayView struct {
	Day      time.Time
	Now      time.Time
	Columns  []dayColumn
	Waiting  int // arrived and not yet in a room
	Counts   map[schedule.State]int
	Chosen   *bookedPlace // the appointment that was opened
	Rooms    []schedule.Room
	Booking  *bookingView // a place that is being booked
	Query    string       // of this page without an opened place
	FirstRow int          // minutes after midnight of the first row
	Rows     int
}

// dayColumn is one clinician's day.
type dayColumn struct {
	Who   schedule.Clinician
	Items []bookedPlace
	Free  []schedule.Slot
}

// bookedPlace is an appointment with the person as the register knows them.
type bookedPlace struct {
	schedule.Appointment
	Person chart.Patient
	Known  bool
	Visit  string // id of the visit that is in progress, of which the reader may know
	Half   string // "a" or "b" when two share a place
}

// rowMinutes is the height of a row of the day.
const rowMinutes = 10

// scheduleDay shows a day: everybody's places, one opened beside it, or a booking.
func scheduleDay(w http.ResponseWriter, r *web.Request) error {
	v, err := readDay(r)
	if err != nil {
		return err
	}
	if id := r.FormValue("a"); id != "" {
		v.choose(id)
	}
	if r.FormValue("with") != "" || r.FormValue("patient") != "" {
		if v.Booking, err = readBooking(r, v); err != nil {
			return err
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Schedule"), Active: "/schedule"}, scheduleDayPage(v))
}

// dayOf reads the day of the address; today when there is none.
func dayOf(r *web.Request) time.Time {
	now := r.Now()
	if t, err := time.ParseInLocation("2006-01-02", r.FormValue("day"), now.Location()); err == nil {
		return t
	}
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

func readDay(r *web.Request) (*dayView, error) {
	ctx := r.Context()
	v := &dayView{Day: dayOf(r), Now: r.Now(), Counts: map[schedule.State]int{}}
	v.Query = "/schedule?day=" + v.Day.Format("2006-01-02")
	booked, err := schedule.Day(ctx, r.Actor, v.Day)
	if err != nil {
		return nil, err
	}
	clinicians, err := schedule.Clinicians(ctx, r.Actor)
	if err != nil {
		return nil, err
	}
	if v.Rooms, err = schedule.Rooms(ctx, r.Actor); err != nil {
		return nil, err
	}
	places, err := withPeople(ctx, r, booked)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		state := p.State
		if p.Visit != "" && state.Open() { // whoever is being seen does not wait
			state = schedule.InRoom
		}
		if v.Counts[state]++; state == schedule.Arrived {
			v.Waiting++
		}
	}
	for _, c := range clinicians {
		col := dayColumn{Who: c, Free: schedule.Free(booked, c.ID, v.Day, v.Now, schedule.Hours.Slot)}
		for _, p := range places {
			if p.Practitioner == c.ID {
				col.Items = append(col.Items, p)
			}
		}
		share(col.Items)
		v.Columns = append(v.Columns, col)
	}
	v.span(places)
	return v, nil
}

func withPeople(ctx context.Context, r *web.Request, booked []schedule.Appointment) ([]bookedPlace, error) {
	var ids, places []string
	for _, a := range booked {
		ids, places = append(ids, a.Patient), append(places, a.ID)
	}
	visits, err := encounter.InProgress(ctx, r.Actor, places)
	if err != nil {
		return nil, err
	}
	known, err := people(ctx, r.Actor, ids)
	if err != nil {
		return nil, err
	}
	out := make([]bookedPlace, len(booked))
	for i, a := range booked {
		p, ok := known[a.Patient]
		out[i] = bookedPlace{Appointment: a, Person: p, Known: ok, Visit: visits[a.ID]}
	}
	return out, nil
}

// share marks appointments of one clinician that overlap, so that they stand side by side.
func share(items []bookedPlace) {
	for i := 1; i < len(items); i++ {
		a, b := &items[i-1], &items[i]
		if b.Start.Before(a.End) && a.Half != "b" {
			a.Half, b.Half = "a", "b"
		}
	}
}

// span sets the rows so that opening hours and every appointment are inside.
func (v *dayView) span(places []bookedPlace) {
	from, to := schedule.Hours.From, schedule.Hours.To
	for _, p := range places {
		start := minuteOf(p.Start.In(v.Day.Location()))
		from, to = min(from, start), max(to, min(24*60, start+p.Minutes()))
	}
	v.FirstRow = from / 60 * 60
	v.Rows = (to - v.FirstRow + rowMinutes - 1) / rowMinutes
}

func minuteOf(t time.Time) int { return t.Hour()*60 + t.Minute() }

// place returns the classes that put a time into the grid: the style sheet has one for
// each row and each length.
func (v *dayView) place(start time.Time, minutes int) string {
	row := (minuteOf(start.In(v.Day.Location()))-v.FirstRow)/rowMinutes + 1
	return "at" + strconv.Itoa(row) + " len" + strconv.Itoa(min(max(1, (minutes+rowMinutes-1)/rowMinutes), 12))
}

func (v *dayView) choose(id string) {
	for _, c := range v.Columns {
		if i := slices.IndexFunc(c.Items, func(p bookedPlace) bool { return p.ID == id }); i >= 0 {
			v.Chosen = &c.Items[i]
			return
		}
	}
}

// freeBeside lists the free places of a column that its appointments leave between them.
func (c dayColumn) first() (schedule.Slot, bool) {
	if len(c.Free) == 0 {
		return schedule.Slot{}, false
	}
	return c.Free[0], true
}

// stateLook is how a state looks: colour class, icon and word.
func stateLook(p bookedPlace, now time.Time) (class, icon, word string) {
	if p.Visit != "" && p.State.Open() {
		return "t-ok", "door", "Visit in progress"
	}
	switch p.State {
	case schedule.Arrived:
		return "t-warn", "half", "Arrived"
	case schedule.InRoom:
		return "t-ok", "door", "In room"
	case schedule.Fulfilled:
		return "dn t-line", "ok", "Done"
	case schedule.NoShow:
		return "ns t-crit", "x", "Did not come"
	case schedule.Cancelled:
		return "cn t-line", "x", "Cancelled"
	}
	if p.Start.Before(now) {
		return "t-crit", "clock", "Late"
	}
	return "t-line", "ring", "Booked"
}

// scheduleMove brings an appointment into another state, with undo.
func scheduleMove(w http.ResponseWriter, r *web.Request) error {
	to := schedule.State(r.FormValue("to"))
	room := schedule.Room{ID: r.FormValue("room")}
	if room.ID != "" {
		rooms, err := schedule.Rooms(r.Context(), r.Actor)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rooms, func(x schedule.Room) bool { return x.ID == room.ID }); i >= 0 {
			room = rooms[i]
		}
	}
	res, err := schedule.Move(r.Context(), r.Actor, r.PathValue("id"), to, room)
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The appointment is now: %s.", r.Lang.T(to.Word())), res.Undo)
	return web.Redirect(w, r, "/schedule?day="+url.QueryEscape(r.FormValue("day"))+"&a="+url.QueryEscape(r.PathValue("id")))
}

// bookingView is the booking form beside the day.
type bookingView struct {
	Person  patient.Person
	With    string
	At      string // "2026-11-24T10:20"
	Minutes int
	Reason  string
	Offers  []offer
	Faults  ui.Faults
	Key     string
	Taken   bool // the time is taken: offer to overbook
}

// offer is a place that fits.
type offer struct {
	Who   schedule.Clinician
	Slot  schedule.Slot
	First bool
}

// Value is the offer as the form sends it.
func (o offer) Value() string { return o.Who.ID + " " + o.Slot.Start.Format(time.RFC3339) }

func readBooking(r *web.Request, v *dayView) (*bookingView, error) {
	b := &bookingView{With: r.FormValue("with"), At: r.FormValue("at"), Minutes: schedule.Hours.Slot, Reason: r.FormValue("reason"), Key: ident.New(r.Now())}
	if m, err := strconv.Atoi(r.FormValue("minutes")); err == nil && m >= 5 && m <= 240 {
		b.Minutes = m
	}
	if id := r.FormValue("patient"); id != "" {
		p, err := patient.Get(r.Context(), r.Actor, id)
		if err != nil {
			return nil, err
		}
		b.Person = p
	}
	if start, err := time.Parse(time.RFC3339, b.At); err == nil && b.With != "" {
		for _, c := range v.Columns {
			if c.Who.ID == b.With {
				b.Offers = append(b.Offers, offer{Who: c.Who, Slot: schedule.Slot{Practitioner: b.With, Start: start, Minutes: b.Minutes}, First: true})
			}
		}
		return b, nil
	}
	return b, b.suggest(r, v)
}

// suggest offers the first free place of each clinician, the patient's own first.
func (b *bookingView) suggest(r *web.Request, v *dayView) error {
	from := v.Now
	if v.Day.After(from) {
		from = v.Day
	}
	for _, c := range v.Columns {
		if b.With != "" && c.Who.ID != b.With {
			continue
		}
		slot, ok, err := schedule.FirstFree(r.Context(), r.Actor, c.Who.ID, from, b.Minutes)
		if err != nil {
			return err
		}
		if ok {
			b.Offers = append(b.Offers, offer{Who: c.Who, Slot: slot})
		}
	}
	slices.SortStableFunc(b.Offers, func(x, y offer) int {
		if own := b.Person.Doctor; own != "" && (x.Who.ID == own) != (y.Who.ID == own) {
			if x.Who.ID == own {
				return -1
			}
			return 1
		}
		return x.Slot.Start.Compare(y.Slot.Start)
	})
	if len(b.Offers) > 0 {
		b.Offers[0].First = true
	}
	return nil
}
