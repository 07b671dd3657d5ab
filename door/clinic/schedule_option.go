package clinic

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/schedule"
)

func dayHref(day time.Time) string { return "/schedule?day=" + day.Format("2006-01-02") }

func sameDay(a, b time.Time) bool { return a.Format("2006-01-02") == b.Format("2006-01-02") }

// keep carries a chosen patient along to another place.
func (v *dayView) keep() string {
	if v.Booking == nil || v.Booking.Person.ID == "" {
		return ""
	}
	return "&patient=" + v.Booking.Person.ID
}

// placeQuery is the query that keeps the chosen place.
func (v *dayView) placeQuery() string {
	q := "day=" + v.Day.Format("2006-01-02")
	if b := v.Booking; b != nil && b.With != "" {
		q += "&with=" + b.With + "&at=" + url.QueryEscape(b.At)
	}
	return q
}

func canMove(from, to schedule.State) bool { return slices.Contains(schedule.Next(from), to) }

// moveWord is the verb of a button.
func moveWord(to schedule.State) string {
	switch to {
	case schedule.Arrived:
		return "Check in"
	case schedule.InRoom:
		return "Bring to room"
	case schedule.Fulfilled:
		return "Done"
	case schedule.NoShow:
		return "Did not come"
	case schedule.Cancelled:
		return "Cancel"
	}
	return "Back to booked"
}

func roomOptions(ctx context.Context, rooms []schedule.Room) []ui.Option {
	out := []ui.Option{{Value: "", Label: ui.T(ctx, "No room")}}
	for _, r := range rooms {
		out = append(out, ui.Option{Value: r.ID, Label: r.Name})
	}
	return out
}

func lengthOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, m := range []string{"10", "20", "30", "40", "60"} {
		out = append(out, ui.Option{Value: m, Label: ui.T(ctx, "%s minutes", m)})
	}
	return out
}
