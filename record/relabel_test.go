package record

import (
	"fmt"
	"slices"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// labels returns the labels of what is stored.
func (c clinic) labels(resourceType, id string) []string {
	c.t.Helper()
	v, err := c.store.Read(ctx, resourceType, id, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return codesIn(c.read(string(v.Body)), "security", policy.LabelSystem)
}

func about(kind, id, more string) string {
	return fmt.Sprintf(`{"resourceType":%q,"id":%q,"subject":{"reference":"Patient/rosa"},%s}`, kind, id, more)
}

// derivedEntries are entries that derive from a methadone prescription, from an observation with
// an HIV test, and from each other; the order in a change is against them.
var derivedEntries = []string{
	`{"resourceType":"Task","id":"look","status":"requested","intent":"order","for":{"reference":"Patient/rosa"},"focus":{"reference":"DiagnosticReport/rep","display":"HIV test"}}`,
	`{"resourceType":"Task","id":"found","status":"requested","intent":"order","for":{"reference":"Patient/rosa"},"basedOn":[{"reference":"MedicationRequest/rx","display":"methadone"}],"output":[{"type":{"text":"x"},"valueReference":{"reference":"Observation/hiv","display":"HIV"}}]}`,
	about("Composition", "note", `"status":"final","type":{"text":"Note"},"date":"2026-11-23","author":[{"reference":"Practitioner/amara"}],"title":"x","section":[{"title":"a","section":[{"title":"b","entry":[{"reference":"DiagnosticReport/rep"}]}]}]`),
	about("DiagnosticReport", "rep", `"status":"final","code":{"text":"x"},"result":[{"reference":"Observation/panel"}]`),
	about("Observation", "panel", `"status":"final","code":{"text":"x"},"hasMember":[{"reference":"Observation/hiv"}]`),
	about("Observation", "hiv", `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"7917-8"}]},"valueString":"x"`),
	about("MedicationDispense", "disp", `"status":"completed","medicationCodeableConcept":{"text":"as prescribed"},"authorizingPrescription":[{"reference":"MedicationRequest/rx"}]`),
	about("MedicationRequest", "rx", `"status":"active","intent":"order","medicationReference":{"reference":"Medication/m"}`),
	`{"resourceType":"Medication","id":"m","code":{"text":"methadone 10 mg tablet"}}`,
	about("Observation", "round", `"status":"final","code":{"text":"x"},"derivedFrom":[{"reference":"Observation/circle"}]`),
	about("Observation", "circle", `"status":"final","code":{"text":"x"},"derivedFrom":[{"reference":"Observation/round"},{"reference":"Observation/hiv"}]`),
	about("Invoice", "bill", `"status":"issued","lineItem":[{"chargeItemReference":{"reference":"ChargeItem/charge"}}]`),
	about("ChargeItem", "charge", `"status":"billed","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"B20"}]}`),
	about("Observation", "plain", `"status":"final","code":{"text":"x"}`),
}

// TestDerivedEntriesInherit: what derives from something is as sensitive, through several
// links, whatever the order in which they come, in one change or in several.
func TestDerivedEntriesInherit(t *testing.T) {
	want := map[string]string{"Composition/note": "HIV", "DiagnosticReport/rep": "HIV", "Observation/panel": "HIV", "MedicationDispense/disp": "SUD", "MedicationRequest/rx": "SUD", "Observation/round": "HIV", "Observation/circle": "HIV", "Task/look": "HIV", "Task/found": "SUD", "Invoice/bill": "HIV"}
	for name, steps := range map[string]bool{"one change": false, "one after the other": true} {
		c := open(t)
		if !steps {
			c.commit(physician, derivedEntries...)
		} else {
			for i := range derivedEntries {
				body := derivedEntries[len(derivedEntries)-1-i]
				if c.read(body).ID() == "circle" || c.read(body).ID() == "round" {
					continue // a circle comes in one change
				}
				c.commit(physician, body)
			}
			delete(want, "Observation/round")
			delete(want, "Observation/circle")
		}
		for reference, l := range want {
			kind, id := target(reference)
			if got := c.labels(kind, id); !slices.Contains(got, l) {
				t.Errorf("%s: %s has %v, not %s", name, reference, got, l)
			}
		}
		if got := c.labels("Observation", "plain"); len(got) > 0 {
			t.Errorf("%s: what derives from nothing has %v", name, got)
		}
		if _, err := c.as(nurse).Read(ctx, "MedicationDispense", "disp"); err == nil {
			t.Errorf("%s: a nurse sees the dispense of a hidden prescription", name)
		}
	}
}

// TestALabelSpreads: a label that is set by hand, or that an entry gets when it is changed,
// reaches what derives from it by background work; what was taken off by hand stays off.
func TestALabelSpreads(t *testing.T) {
	c := open(t)
	c.found()
	c.commit(physician, about("Observation", "a", `"status":"final","code":{"text":"x"},"valueString":"x"`),
		about("Observation", "b", `"status":"final","code":{"text":"x"},"derivedFrom":[{"reference":"Observation/a"}]`),
		about("Observation", "kept", `"status":"final","code":{"text":"x"},"derivedFrom":[{"reference":"Observation/a"}]`),
		about("DiagnosticReport", "r", `"status":"final","code":{"text":"x"},"result":[{"reference":"Observation/b"}]`),
		`{"resourceType":"DiagnosticReport","id":"other","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`)
	if _, err := c.gate.Relabel(ctx); err != nil { // what was there before is done
		t.Fatal(err)
	}
	if _, err := c.as(physician).Label(ctx, "Observation", "kept", nil, []string{"PSY"}, "not his"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).Label(ctx, "Observation", "a", []string{"PSY"}, nil, "says so in prose"); err != nil {
		t.Fatal(err)
	}
	l, err := c.as(physician).Labelling(ctx)
	if err != nil || l.Waiting != 1 || l.Running {
		t.Errorf("%+v %v", l, err)
	}
	select {
	case <-c.gate.unlabelled:
	default:
		t.Error("nobody is told that there is work")
	}
	if _, err := c.gate.Relabel(ctx); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"Observation/b", "DiagnosticReport/r"} {
		if kind, id := target(id); !slices.Contains(c.labels(kind, id), "PSY") {
			t.Errorf("%s has %v", id, c.labels(kind, id))
		}
	}
	if got := c.labels("Observation", "kept"); len(got) > 0 {
		t.Errorf("what was taken off by hand has %v", got)
	}
	if got := c.labels("DiagnosticReport", "other"); len(got) > 0 {
		t.Errorf("another's report has %v", got)
	}
	if l, err := c.as(physician).Labelling(ctx); err != nil || l.Waiting != 0 {
		t.Errorf("%+v %v", l, err)
	}
	said := 0
	for _, l := range c.leaves("rosa") {
		if l.Query == "labels brought up to date" && l.Actor == "system:labels" {
			said++
		}
	}
	if said == 0 {
		t.Error("the audit log does not tell of it")
	}
	// A code that comes later spreads too.
	c.commit(physician, about("Observation", "a", `"status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"7917-8"}]},"valueString":"x"`))
	if _, err := c.gate.Relabel(ctx); err != nil {
		t.Fatal(err)
	}
	if got := c.labels("DiagnosticReport", "r"); !slices.Contains(got, "HIV") || !slices.Contains(got, "PSY") {
		t.Errorf("the report has %v", got)
	}
}

// TestAnEditionOfTheRulesRelabels: what was stored under other rules gets its labels in the
// background, once; a record that begins today needs no such work.
func TestAnEditionOfTheRulesRelabels(t *testing.T) {
	c := open(t)
	old := Change{handed: true, relabels: true}
	for _, body := range derivedEntries { // as a program of before stored them
		old.Put = append(old.Put, Put{Resource: c.read(body)})
	}
	if _, err := c.as(trust.System("import")).Commit(ctx, old); err != nil {
		t.Fatal(err)
	}
	if got := c.labels("Observation", "hiv"); len(got) > 0 {
		t.Fatalf("the record of before has %v", got)
	}
	state, err := c.gate.Relabel(ctx)
	if err != nil || state.Edition != label.Edition() || state.Changed != 13 || state.Looked < 10 || state.Running {
		t.Errorf("%+v %v", state, err)
	}
	for reference, l := range map[string]string{"Observation/hiv": "HIV", "Composition/note": "HIV", "MedicationDispense/disp": "SUD", "Medication/m": "OPIOIDUD", "Observation/round": "HIV"} {
		if kind, id := target(reference); !slices.Contains(c.labels(kind, id), l) {
			t.Errorf("%s has %v", reference, c.labels(kind, id))
		}
	}
	now, err := c.store.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.gate.Relabel(ctx); err != nil || again.Changed != state.Changed {
		t.Errorf("again: %+v %v", again, err)
	}
	if later, err := c.store.Now(ctx); err != nil || later != now {
		t.Errorf("a second time it writes: %d %d %v", now, later, err)
	}
	if _, err := c.as(rosa).Labelling(ctx); err == nil {
		t.Error("a patient is told how the clinic is set up")
	}
}

// TestWhatHasContentsIsLabelled: a document whose data stands elsewhere can be labelled by hand
// and keeps its data.
func TestWhatHasContentsIsLabelled(t *testing.T) {
	c, _ := keeping(t)
	r, err := c.stream("rosa", noise(5, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	id := r.Versions[0].ID
	if _, err := c.as(physician).Label(ctx, "Binary", id, []string{"PSY"}, nil, "a letter of the psychiatrist"); err != nil {
		t.Fatal(err)
	}
	b, err := c.as(physician).OpenBinary(ctx, id, 0)
	if err != nil || b.Size != 100_000 {
		t.Fatalf("%v", err)
	}
	b.Close()
	if got := c.labels("Binary", id); !slices.Contains(got, "PSY") {
		t.Errorf("it has %v", got)
	}
}

// TestAFileIsAsSensitiveAsItsDocument: the scan of a labelled document is hidden with it, whichever
// comes first, in one change or in two, and when the label comes later; the scan of another document is not.
func TestAFileIsAsSensitiveAsItsDocument(t *testing.T) {
	file := func(id string) string {
		return `{"resourceType":"Binary","id":"` + id + `","contentType":"text/plain","securityContext":{"reference":"Patient/rosa"},"data":"bGV0dGVy"}`
	}
	doc := func(id, of, code string) string {
		return about("DocumentReference", id, `"status":"current","type":{"text":"Letter"},"content":[{"attachment":{"contentType":"text/plain","url":"`+of+`"}}]`+code)
	}
	const sud = `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]}`
	c := open(t)
	c.found()
	c.commit(physician, file("01939f00-0000-7000-8000-000000000001"), doc("d1", "Binary/01939f00-0000-7000-8000-000000000001", sud))
	c.commit(physician, doc("d2", "http://osler.example/fhir/Binary/01939f00-0000-7000-8000-000000000000", sud), file("01939f00-0000-7000-8000-000000000000"))
	c.commit(physician, file("01939f00-0000-7000-8000-000000000002"))
	c.commit(physician, doc("d3", "Binary/01939f00-0000-7000-8000-000000000002", sud))
	c.commit(physician, file("01939f00-0000-7000-8000-000000000003"), doc("d4", "Binary/01939f00-0000-7000-8000-000000000003", ""))
	c.commit(physician, file("01939f00-0000-7000-8000-000000000004"), doc("d5", "Binary/01939f00-0000-7000-8000-000000000004", ""))
	if _, err := c.gate.Relabel(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).Label(ctx, "DocumentReference", "d4", []string{"SUD"}, nil, "says so in prose"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.gate.Relabel(ctx); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"01939f00-0000-7000-8000-000000000001", "01939f00-0000-7000-8000-000000000000", "01939f00-0000-7000-8000-000000000002", "01939f00-0000-7000-8000-000000000003"} {
		if got := c.labels("Binary", id); !slices.Contains(got, "SUD") {
			t.Errorf("%s has %v", id, got)
		}
		if _, err := c.as(nurse).OpenBinary(ctx, id, 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("a nurse opens %s: %v", id, err)
		}
		if _, err := c.as(physician).OpenBinary(ctx, id, 0); err != nil {
			t.Errorf("the physician opens %s: %v", id, err)
		}
	}
	if _, err := c.as(nurse).OpenBinary(ctx, "01939f00-0000-7000-8000-000000000004", 0); err != nil || len(c.labels("Binary", "01939f00-0000-7000-8000-000000000004")) > 0 {
		t.Errorf("the scan of another document: %v", err)
	}
}
