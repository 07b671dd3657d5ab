package encounter

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
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

// TestANoteHasWhatWasMeasuredInItsVisit: with its times, of this visit and this patient alone; a value that
// is corrected afterwards leaves the signed text as it was, and its reader is told.
func TestANoteHasWhatWasMeasuredInItsVisit(t *testing.T) {
	c := open(t)
	take := func(encounter string, typed map[vital.Measure]string) {
		t.Helper()
		if _, _, err := chart.RecordVitals(ctx, c.as(nina), chart.VitalDraft{Patient: "rosa", Encounter: encounter, Typed: typed}); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(2 * time.Minute)
	}
	take("", map[vital.Measure]string{vital.Temperature: "37.1"}) // a nurse, before the physician comes
	v := c.start("a1")
	take(v.ID, map[vital.Measure]string{vital.BloodPressure: "168/92", vital.Pulse: "88"})
	take(v.ID, map[vital.Measure]string{vital.BloodPressure: "142/84"})
	c.put(`{"resourceType":"Observation","id":"early","status":"final","subject":{"reference":"Patient/rosa"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2026-11-24T05:00:00Z","valueQuantity":{"value":72,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`,
		`{"resourceType":"Observation","id":"dip","status":"final","subject":{"reference":"Patient/rosa"},"encounter":{"reference":"Encounter/`+v.ID+`"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"text":"Urine leukocytes"},"effectiveDateTime":"2026-11-24T10:26:00Z","valueString":"positive"}`,
		`{"resourceType":"Observation","id":"wrong","status":"entered-in-error","subject":{"reference":"Patient/rosa"},"encounter":{"reference":"Encounter/`+v.ID+`"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2026-11-24T10:26:00Z","valueQuantity":{"value":19,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`,
		`{"resourceType":"Observation","id":"sams","status":"final","subject":{"reference":"Patient/sam"},"encounter":{"reference":"Encounter/`+v.ID+`"},"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"effectiveDateTime":"2026-11-24T10:26:00Z","valueQuantity":{"value":61,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`)
	shown, err := Load(ctx, c.as(amara), "rosa", v.ID)
	if err != nil {
		t.Fatal(err)
	}
	seen := shown.Digest(nil, nil)
	take(v.ID, map[vital.Measure]string{vital.Pulse: "76"})
	d := SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldSubjective: "Well."}, Seen: seen, Zone: time.UTC}
	if _, _, err := Sign(ctx, c.as(amara), d); !fault.Is(err, fault.Conflict) {
		t.Fatalf("a pulse that the page did not show is signed: %v", err)
	}
	d.Seen = ""
	signed, _, err := Sign(ctx, c.as(amara), d)
	if err != nil {
		t.Fatal(err)
	}
	note := func(id string) chart.Note {
		t.Helper()
		for _, n := range c.chart(amara, "rosa").Notes {
			if n.ID == id {
				return n
			}
		}
		t.Fatalf("no note %s", id)
		return chart.Note{}
	}
	const want = "24-Nov-2026 10:21: temperature 37.1 °C\n24-Nov-2026 10:23: BP 168/92 mmHg high · pulse 88 /min\n24-Nov-2026 10:25: BP 142/84 mmHg high\n24-Nov-2026 10:27: pulse 76 /min"
	signs, _ := note(signed.Note).Part(chart.VitalSigns)
	tests, _ := note(signed.Note).Part(chart.Results)
	if signs.Text != want || len(signs.Entries) != 5 || tests.Text != "24-Nov-2026 10:26: Urine leukocytes: positive" {
		t.Fatalf("the note has %q and %q, linked to %v", signs.Text, tests.Text, signs.Entries)
	}
	if told := OvertakenIn(c.chart(amara, "rosa"), signs); len(told) != 0 {
		t.Errorf("nothing has changed, and the reader is told %+v", told)
	}

	for i, fix := range []string{"148/92", ""} {
		id := strings.TrimPrefix(signs.Entries[i+1], "Observation/")
		if _, err := chart.FixVital(ctx, c.as(nina), chart.VitalFix{Patient: "rosa", ID: id, Typed: fix, Reason: "Misread."}); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := note(signed.Note).Part(chart.VitalSigns)
	told := OvertakenIn(c.chart(amara, "rosa"), after)
	if after.Text != want || len(told) != 2 {
		t.Fatalf("after a correction the note has %q, and its reader is told %+v", after.Text, told)
	}
	for _, x := range told {
		if x.Now != "" && x.Now != "148/92 mmHg" {
			t.Errorf("now it is %q", x.Now)
		}
	}

	take(v.ID, map[vital.Measure]string{vital.Temperature: "38.2"})
	added, _, err := Sign(ctx, c.as(amara), SignDraft{Patient: "rosa", Encounter: v.ID, Text: map[string]string{FieldPlan: "Call back."}, Addendum: true, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	if part, _ := note(added.Note).Part(chart.VitalSigns); part.Text != "24-Nov-2026 10:29: temperature 38.2 °C high" {
		t.Errorf("the addendum has %q", part.Text)
	}
}
