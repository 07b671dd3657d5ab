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
