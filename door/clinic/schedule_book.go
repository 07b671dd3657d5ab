package clinic

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/practice/schedule"
)

// scheduleBook takes a place for a patient; the button's value says which.
func scheduleBook(w http.ResponseWriter, r *web.Request) error {
	who, at, _ := strings.Cut(r.FormValue("place"), " ")
	start, _ := time.Parse(time.RFC3339, at)
	v, err := readDay(r)
	if err != nil {
		return err
	}
	b, err := readBooking(r, v)
	if err != nil {
		return err
	}
	if k := r.FormValue("key"); k != "" {
		b.Key = k
	}
	request := schedule.Booking{Overbook: r.FormValue("overbook") == "yes", Key: b.Key, Appointment: schedule.Appointment{
		Start: start, End: start.Add(time.Duration(b.Minutes) * time.Minute), Patient: b.Person.ID, PatientName: plainName(b.Person),
		Practitioner: who, Reason: strings.TrimSpace(b.Reason)}}
	for _, c := range v.Columns {
		if c.Who.ID == who {
			request.WithName = c.Who.Name
		}
	}
	made, res, err := schedule.Book(r.Context(), r.Actor, request)
	switch {
	case fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid):
		b.Taken = fault.Is(err, fault.Conflict)
		b.Faults.Add("", messageOf(r, err))
		v.Booking = b
		return web.Invalid(w, r, ui.Page{Title: r.Lang.T("Schedule"), Active: "/schedule"}, scheduleDayPage(v))
	case err != nil:
		return err
	}
	r.Say(r.Lang.T("Booked."), res.Undo)
	return web.Redirect(w, r, "/schedule?day="+made.Start.In(v.Day.Location()).Format("2006-01-02")+"&a="+made.ID)
}

// schedulePeople lists people for the booking form, as links that keep the place.
func schedulePeople(w http.ResponseWriter, r *web.Request) error {
	found, err := patient.Find(r.Context(), r.Actor, r.FormValue("q"))
	if err != nil {
		return err
	}
	return web.Render(w, r, bookingPeople(found, r.FormValue("place"), strings.TrimSpace(r.FormValue("q"))))
}

func plainName(p patient.Person) string { return strings.TrimSpace(p.Given + " " + p.Family) }

// messageOf returns the first finding of a fault, or else its sentence.
func messageOf(r *web.Request, err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		if told := f.Told(); len(told) > 0 {
			return r.Lang.T(told[0].Text)
		}
	}
	return sentence(r, err)
}
