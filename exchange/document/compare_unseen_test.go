package document

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/trust"
)

// TestWhatIsHiddenIsToldOfTheDocument: many medicines side by side tell not which of them meets what is hidden, nor how
// seriously, and nothing of it by what is taken in.
func TestWhatIsHiddenIsToldOfTheDocument(t *testing.T) {
	h := open(t)
	amara := h.as(trust.Nurse, "amara")
	d := letter(t)
	d.Items = d.Items[2:3]
	for i, name := range []string{"naltrexone 50 mg tablet", "alprazolam 0.5 mg tablet", "acetaminophen 500 mg tablet", "citalopram 20 mg tablet"} {
		d.Items = append(d.Items, Item{Key: name, Section: Medications, Text: name, Resource: node(t, fmt.Sprintf(`{"resourceType":"MedicationStatement","identifier":[{"value":"%d"}],"status":"active","medicationCodeableConcept":{"text":%q}}`, i, name))})
	}
	before, err := Compare(ctx, amara, "maria", d)
	if err != nil || before.Unseen {
		t.Fatalf("%v %v", before.Unseen, err)
	}
	h.put(`{"resourceType":"MedicationRequest","id":"hidden","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"methadone 40 mg dispersible tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	if full, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d); err != nil || full.Unseen || must(full.Row("naltrexone 50 mg tablet")).Findings.Loudest() != rx.Stop {
		t.Fatalf("there is nothing to hide: %+v %v", full.Rows, err)
	}
	c, err := Compare(ctx, amara, "maria", d)
	if err != nil || !c.Unseen {
		t.Fatalf("what is hidden is not told: %v %v", c.Unseen, err)
	}
	for i, r := range c.Rows {
		if !reflect.DeepEqual(r.Findings, before.Rows[i].Findings) {
			t.Errorf("%s tells: %+v", r.Item.Key, r.Findings)
		}
	}
	if c.Mark() == before.Mark() {
		t.Error("that something hidden was met is no part of what was seen")
	}
	_, a, _, err := Take(ctx, amara, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d})
	if err != nil || a.Added != 1 || a.Left != 4 || len(h.all("MedicationStatement")) != 0 {
		t.Errorf("what is taken in tells: %+v %v", a, err)
	}
	if slices.ContainsFunc(before.Rows, func(r Row) bool { return r.isMedicine() && !before.alone(&r) && r.Findings.Loudest() != rx.Stop }) {
		t.Error("with nothing hidden a medicine waits for a person")
	}
}
