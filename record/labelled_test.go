package record

import (
	"slices"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// TestWhereALabelComesFrom: who may label reads of each label whether the codes ask for it, what the
// entry derives from brought it, or who set it, when and why; a label that was taken off stays known.
func TestWhereALabelComesFrom(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	c.commit(physician, vitals("rosa"))
	c.commit(physician, `{"resourceType":"Condition","id":"low","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F32.1"}]},"subject":{"reference":"Patient/rosa"}}`)
	c.commit(physician, `{"resourceType":"MedicationRequest","id":"rx","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"medicationCodeableConcept":{"text":"lisinopril 10 mg"},"reasonReference":[{"reference":"Condition/low"}]}`)
	origins, acts, err := c.as(physician).LabelsOf(ctx, "Condition", "low")
	if err != nil || len(origins) != 1 || origins[0].Code != "PSY" || !origins[0].Content || origins[0].Act != nil || len(acts) != 0 {
		t.Fatalf("by its code: %+v %v %v", origins, acts, err)
	}
	if origins, _, err = c.as(physician).LabelsOf(ctx, "MedicationRequest", "rx"); err != nil || len(origins) != 1 || origins[0].Content || !slices.Equal(origins[0].From, []string{"Condition/low"}) {
		t.Fatalf("by what it derives from: %+v %v", origins, err)
	}
	if _, err := c.as(physician).Label(ctx, "Condition", "low", []string{"SDV"}, []string{"PSY"}, "another thing"); err != nil {
		t.Fatal(err)
	}
	c.commit(physician, `{"resourceType":"Condition","id":"low","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F32.1"}],"text":"Low"},"subject":{"reference":"Patient/rosa"}}`)
	origins, acts, err = c.as(physician).LabelsOf(ctx, "Condition", "low")
	if err != nil || len(origins) != 2 || len(acts) != 1 {
		t.Fatalf("after labelling: %+v %+v %v", origins, acts, err)
	}
	off, on := origins[0], origins[1]
	if off.Code != "PSY" || !off.Off || off.Act == nil || off.Act.By != physician.Name || off.Act.Role != "physician" || off.Act.Reason != "another thing" {
		t.Errorf("what was taken off: %+v", off)
	}
	if on.Code != "SDV" || on.Off || on.Content || on.Act == nil || !slices.Equal(on.Act.Set, []string{"SDV"}) || !slices.Equal(on.Act.Off, []string{"PSY"}) {
		t.Errorf("what was set: %+v", on)
	}
	if _, err := c.as(physician).Label(ctx, "Condition", "low", []string{"SDV"}, []string{"PSY"}, "once more"); !fault.Is(err, fault.Invalid) {
		t.Errorf("what is so already makes a version: %v", err)
	}
	for _, p := range []struct {
		who  string
		role error
	}{{"nurse", second(c.as(nurse).LabelsOf(ctx, "Condition", "low"))}, {"desk", second(c.as(desk).LabelsOf(ctx, "Condition", "low"))}} {
		if !fault.Is(p.role, fault.Forbidden) {
			t.Errorf("%s is told of labels: %v", p.who, p.role)
		}
	}
}

func second(_ []LabelOrigin, _ []LabelAct, err error) error { return err }
