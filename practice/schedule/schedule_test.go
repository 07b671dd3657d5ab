package schedule

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

var day = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) // a Tuesday

func at(h, m, minutes int, state State) Appointment {
	s := day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	return Appointment{Practitioner: "1", Start: s, End: s.Add(time.Duration(minutes) * time.Minute), State: state}
}

func TestFreePlacesLeaveOutWhatIsTaken(t *testing.T) {
	book := []Appointment{at(8, 0, 20, Booked), at(8, 20, 40, Arrived), at(9, 0, 20, Cancelled), at(9, 20, 20, NoShow)}
	free := Free(book, "1", day, day.Add(8*time.Hour), 20)
	if free[0].Start.Format("15:04") != "09:00" {
		t.Errorf("first free is %s; a cancelled place is free", free[0].Start.Format("15:04"))
	}
	if n := len(Free(nil, "1", day, day, 20)); n != 27 {
		t.Errorf("%d places on an empty day of nine hours", n)
	}
	if n := len(Free(nil, "1", day.AddDate(0, 0, 4), day, 20)); n != 0 {
		t.Errorf("%d places on a Saturday", n)
	}
	if last := Free(nil, "1", day, day, 40); last[len(last)-1].Start.Format("15:04") != "16:20" {
		t.Errorf("the last place of 40 minutes starts at %s", last[len(last)-1].Start.Format("15:04"))
	}
}

func TestAppointmentsKeepWhatIsNotTheirs(t *testing.T) {
	base, err := fhir.Parse([]byte(`{"resourceType":"Appointment","id":"7","meta":{"versionId":"3"},"status":"booked","priority":5,
	 "start":"2026-11-24T10:20:00Z","end":"2026-11-24T10:40:00Z","reasonCode":[{"text":"diabetes"}],
	 "participant":[{"actor":{"reference":"Patient/1","display":"Maria"},"status":"accepted"},{"actor":{"reference":"Practitioner/2"},"status":"accepted"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a := FromResource(base)
	if a.Patient != "1" || a.Practitioner != "2" || a.Reason != "diabetes" || a.Minutes() != 20 || a.Version != 3 {
		t.Fatalf("%+v", a)
	}
	a.State, a.Room = InRoom, "9"
	r := a.Resource(base)
	if r.Get("priority").Text() != "5" || r.Get("status").Text() != "checked-in" || r.Get("participant").Len() != 3 {
		t.Errorf("%s", r.JSON())
	}
}
