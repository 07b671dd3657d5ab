package encounter

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// TestVitalsOfANoteAreTheNewestOfTheVisit: taken in several goes, and none from before it.
func TestVitalsOfANoteAreTheNewestOfTheVisit(t *testing.T) {
	c := open(t)
	take := func(encounter string, typed map[vital.Measure]string) {
		t.Helper()
		if _, _, err := chart.RecordVitals(ctx, c.as(nina), chart.VitalDraft{Patient: "rosa", Encounter: encounter, Typed: typed}); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(2 * time.Minute)
	}
	take("", map[vital.Measure]string{vital.Temperature: "37.1", vital.Pulse: "99"})
	v := c.start("a1")
	take(v.ID, map[vital.Measure]string{vital.Weight: "91.4", vital.Pulse: "88"})
	take(v.ID, map[vital.Measure]string{vital.BloodPressure: "148/92", vital.Pulse: "78"})
	p, ok := FindPull(c.chart(amara, "rosa"), "vitals", time.UTC)
	if !ok || !strings.Contains(p.Text, "148/92") || !strings.Contains(p.Text, "pulse 78") || !strings.Contains(p.Text, "weight 91.4") || strings.Contains(p.Text, "37.1") || strings.Contains(p.Text, "88") {
		t.Errorf("the note gets %q", p.Text)
	}
	if a := c.chart(amara, "rosa").Appointments[0]; a.Status != "arrived" {
		t.Errorf("the appointment is %s", a.Status)
	}
}
