package medication

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestWhatThePatientSaysStandsBesideThePrescription: since it was written, newest first, once.
func TestWhatThePatientSaysStandsBesideThePrescription(t *testing.T) {
	request := parse(`{"resourceType":"MedicationRequest","id":"m2","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"hydroxyzine"},"authoredOn":"2026-11-01T09:00:00Z","priorPrescription":{"reference":"MedicationRequest/m1"}}`)
	says := func(id, status, of, at string) *fhir.Node {
		return parse(`{"resourceType":"MedicationStatement","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"hydroxyzine"},"derivedFrom":[{"reference":"` + of + `"}],"dateAsserted":"` + at + `","note":[{"text":"no need"}]}`)
	}
	l := From([]*fhir.Node{request,
		says("old", "stopped", "MedicationRequest/m1", "2026-10-01T09:00:00Z"), // answered by the renewal
		says("misses", "active", "MedicationRequest/m2", "2026-11-10T09:00:00Z"),
		says("stopped", "stopped", "MedicationRequest/m2", "2026-11-20T09:00:00Z"),
		says("another", "active", "MedicationRequest/m9", "2026-11-20T09:00:00Z"),
	}, "p", noon, nil)
	var told []string
	for _, m := range l.Current {
		if !m.Stated {
			for _, s := range m.Says {
				told = append(told, s.ID)
			}
		}
	}
	if len(told) != 2 || told[0] != "stopped" || told[1] != "misses" {
		t.Errorf("beside the prescription stand %v", told)
	}
	var lines []string
	for _, m := range l.Lines() {
		lines = append(lines, m.ID)
	}
	if len(l.Current) != 3 || len(lines) != 2 || len(l.Past) != 2 {
		t.Errorf("%d current, lines %v, %d past", len(l.Current), lines, len(l.Past))
	}
}

// TestAStopThatNamesNoPrescriptionIsMatchedByTheMedicine: imported statements have no derivedFrom.
func TestAStopThatNamesNoPrescriptionIsMatchedByTheMedicine(t *testing.T) {
	request := parse(`{"resourceType":"MedicationRequest","id":"m","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"hydrOXYzine 25 mg tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	for _, c := range []struct {
		status, text, at string
		marked           bool
	}{
		{"stopped", "hydroxyzine 25 mg tablet", "2026-11-27", true},
		{"stopped", "hydroxyzine hydrochloride 25 MG Oral Tablet", "2026-11-27T10:00:00Z", true},
		{"stopped", "hydroxyzine 10 mg tablet", "2026-11-01", true}, // of the same day: nobody knows which was first
		{"not-taken", "Hydroxyzine", "2026-11-27", true},
		{"stopped", "hydroxyzine 25 mg tablet", "2026-10-31", false}, // answered by the prescription
		{"active", "hydroxyzine 25 mg tablet", "2026-11-27", false},
		{"stopped", "lisinopril 20 mg tablet", "2026-11-27", false},
		{"stopped", "grandmother's drops", "2026-11-27", false},
	} {
		l := From([]*fhir.Node{request, parse(`{"resourceType":"MedicationStatement","id":"s","status":"` + c.status + `","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"` + c.text + `"},"dateAsserted":"` + c.at + `"}`)}, "p", noon, nil)
		m, ok := l.Find("MedicationRequest/m")
		if !ok || m.SaidNotTaken() != c.marked {
			t.Errorf("%s %s on %s: marked is %t", c.status, c.text, c.at, m.SaidNotTaken())
		}
	}
}

// TestACourseHasNoSupplyToWatch: it ends with what there is of it.
func TestACourseHasNoSupplyToWatch(t *testing.T) {
	course := parse(`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"trimethoprim"},"authoredOn":"2026-11-24","dosageInstruction":[{"timing":{"repeat":{"boundsDuration":{"value":3,"unit":"d"}}}}],"dispenseRequest":{"expectedSupplyDuration":{"value":3,"unit":"d"}}}`)
	l := From([]*fhir.Node{course}, "p", noon, nil)
	if len(l.Current) != 1 {
		t.Fatalf("the course is not current: %+v", l)
	}
	if left, known := l.Current[0].SupplyLeft(noon); known {
		t.Errorf("%d days of it are left to renew", left)
	}
}

// TestASingleDoseHasNoSupplyToWatch: nobody is asked whether more of it is needed.
func TestASingleDoseHasNoSupplyToWatch(t *testing.T) {
	dose := parse(`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"fosfomycin 3 g granules"},"authoredOn":"2026-11-24","dosageInstruction":[{"timing":{"repeat":{"count":1}}}],"dispenseRequest":{"expectedSupplyDuration":{"value":1,"unit":"d"}}}`)
	l := From([]*fhir.Node{dose}, "p", noon, nil)
	if len(l.Current) != 1 {
		t.Fatalf("the dose is not current: %+v", l)
	}
	if left, known := l.Current[0].SupplyLeft(noon); known {
		t.Errorf("%d days of it are left to renew", left)
	}
}

func parse(s string) *fhir.Node {
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		panic(err)
	}
	return n
}
