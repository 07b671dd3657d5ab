package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/schedule"
)

// TestAPatientWhoseVisitHasStartedDoesNotWait: on Today and in the schedule, where the visit goes on.
func TestAPatientWhoseVisitHasStartedDoesNotWait(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	if a := anna.get("/today"); !a.says("Visit in progress") || !a.says("Continue visit") || a.says("Waiting") || a.says("Start visit") || !strings.Contains(a.body, `href="`+visit+`"`) {
		t.Errorf("Today says that the patient waits: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := anna.get("/schedule?a=a1"); !a.says("Visit in progress") || !a.says("1 in a room") || !strings.Contains(a.body, `href="`+visit+`"`) {
		t.Errorf("the schedule: %s", tags.ReplaceAllString(a.body, " "))
	}
}

// TestWhoeverIsSeenComesFirst: before whoever waits in a room later on the day.
func TestWhoeverIsSeenComesFirst(t *testing.T) {
	var v todayView
	v.appointments([]schedule.Appointment{{ID: "a", State: schedule.Arrived}, {ID: "b", State: schedule.Arrived}}, map[string]string{"b": "v"}, nil, nil)
	if v.Next == nil || v.Next.At.ID != "b" || v.Counts.Here != 2 {
		t.Errorf("%+v comes first", v.Next)
	}
}
