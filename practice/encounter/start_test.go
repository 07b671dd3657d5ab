package encounter

import "testing"

// TestAVisitStartsWhereThePatientIs: whoever was brought to a room is not sent back to wait.
func TestAVisitStartsWhereThePatientIs(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"Appointment","id":"a1","status":"checked-in","start":"2026-11-24T10:20:00Z","end":"2026-11-24T10:40:00Z",
		"participant":[{"status":"accepted","actor":{"reference":"Patient/rosa"}}]}`)
	v := c.start("a1")
	if a := c.chart(amara, "rosa").Appointments[0]; a.Status != "checked-in" {
		t.Errorf("the appointment is %s", a.Status)
	}
	in, err := InProgress(ctx, c.as(amara), []string{"a1", "a2"})
	if err != nil || len(in) != 1 || in["a1"] != v.ID {
		t.Errorf("in progress %v, %v", in, err)
	}
	if in, err = InProgress(ctx, c.as(dana), []string{"a1"}); err != nil {
		t.Errorf("for the front desk: %v, %v", in, err)
	}
}
