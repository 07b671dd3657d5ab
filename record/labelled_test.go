package record

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
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

// TestWhereALabelComesFromLongAgo: of a label that is older than the versions that are read nobody is said to have set it.
func TestWhereALabelComesFromLongAgo(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	other := physician
	other.ID, other.Name = "acc-other", "Dr Other"
	const body = `{"resourceType":"Condition","id":"old","code":{"text":"Something %d"},"subject":{"reference":"Patient/rosa"}}`
	c.commit(physician, fmt.Sprintf(body, 0))
	if _, err := c.as(physician).Label(ctx, "Condition", "old", []string{"SDV"}, nil, "asked"); err != nil {
		t.Fatal(err)
	}
	for i := range mostVersions {
		c.commit(other, fmt.Sprintf(body, i+1))
	}
	origins, _, err := c.as(physician).LabelsOf(ctx, "Condition", "old")
	if err != nil || len(origins) != 1 || origins[0].Code != "SDV" || origins[0].Writer != "" || origins[0].Act != nil {
		t.Errorf("%+v, %v", origins, err)
	}
}

// TestAllergiesAreNotHiddenByHand: nobody labels an allergy, neither one that is stored nor a new one; what
// a label hides already is shown again when it is taken off.
func TestAllergiesAreNotHiddenByHand(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	c.commit(physician, vitals("rosa"))
	allergy := func(id, meta string) string {
		return `{"resourceType":"AllergyIntolerance","id":"` + id + `",` + meta + `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"penicillin"},"patient":{"reference":"Patient/rosa"}}`
	}
	const labelled = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]},`
	c.commit(physician, allergy("open", ""))
	if _, err := c.as(physician).Label(ctx, "AllergyIntolerance", "open", []string{"SUD"}, nil, "she asked me to"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "can kill") {
		t.Errorf("a stored allergy is labelled: %v", err)
	}
	r, err := fhir.Parse([]byte(allergy("new", labelled)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: r}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a new allergy is written with a label: %v", err)
	}
	c.commit(trust.System("import"), allergy("old", labelled))
	if _, err := c.as(nurse).Read(ctx, "AllergyIntolerance", "open"); err != nil {
		t.Errorf("the nurse does not see what bears no label: %v", err)
	}
	if _, err := c.as(nurse).Read(ctx, "AllergyIntolerance", "old"); !fault.Is(err, fault.NotFound) {
		t.Errorf("what was labelled before lost its label: %v", err)
	}
	if _, err := c.as(physician).Label(ctx, "AllergyIntolerance", "old", nil, []string{"SUD"}, "everybody must know"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(nurse).Read(ctx, "AllergyIntolerance", "old"); err != nil {
		t.Errorf("it stays hidden: %v", err)
	}
}

func second(_ []LabelOrigin, _ []LabelAct, err error) error { return err }
