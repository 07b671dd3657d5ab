package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/intake"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// TestWhatAPatientSentStaysThePatientsWord: a document that names a clinic, and that the patient has sent, makes
// nothing that is accepted of it the word of that clinic.
func TestWhatAPatientSentStaysThePatientsWord(t *testing.T) {
	h := open(t)
	h.maria()
	h.put(`{"resourceType":"DocumentReference","id":"sent","status":"current","docStatus":"preliminary","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"subject":{"reference":"Patient/maria"},"author":[{"reference":"Patient/maria"}],"content":[{"attachment":{"contentType":"text/xml","data":"PHgvPg=="}}]}`)
	d := letter(t)
	d.Items[6].Parts[0].Set("status", fhir.Str("preliminary"))
	anna := h.as(trust.Physician, "anna")
	choices := map[string]Choice{"apix": Add, "af": Add, "peni": Add, "bmp": Add, "lisi": Merge, "htn": Merge}
	a, _, err := Accept(ctx, anna, "maria", "sent", d, Decision{Choices: choices})
	if err != nil || a.Added != 4 || a.Merged != 2 {
		t.Fatalf("%+v %v", a, err)
	}
	const from = "the patient, with a document of Kirkstall Heart Clinic"
	added := 0
	for _, kind := range []string{"Condition", "AllergyIntolerance", "MedicationStatement", "DiagnosticReport", "Observation"} {
		for _, n := range h.all(kind) {
			if n.ID() == "htn" {
				continue
			}
			added++
			if tags := n.Path("meta.tag"); n.Path("meta.tag.0.code").Text() != "patient-reported" || n.Path("meta.tag.1.display").Text() != from+", 2026-11-09" || tags.Len() != 2 {
				t.Errorf("%s: %s", kind, tags.JSON())
			}
		}
	}
	if added != 5 {
		t.Errorf("%d entries", added)
	}
	list, err := medication.List(ctx, anna, "maria")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Current {
		if strings.HasPrefix(m.Text, "apixaban") && (m.Source != from+", 2026-11-09" || !m.Check().Stated) {
			t.Errorf("apixaban: %+v", m)
		}
	}
	statement := h.all("MedicationStatement")[0]
	if got := statement.Get("informationSource"); got.Get("display").Text() != from || got.Get("type").Text() != "Patient" {
		t.Errorf("who says so: %s", got.JSON())
	}
	for _, ref := range []string{"Condition/htn", "MedicationRequest/lisi"} {
		kind, id, _ := strings.Cut(ref, "/")
		if n, _ := anna.Read(ctx, kind, id); !strings.HasPrefix(n.Path("note.0.text").Text(), "Also listed by "+from+", 09-Nov-2026: ") {
			t.Errorf("%s: %s", ref, n.Get("note").JSON())
		}
	}
	step := h.all("Provenance")[0]
	if n := step.Get("agent").Len(); step.Path("agent.2.who.reference").Text() != "Patient/maria" || step.Path("agent.2.type.coding.0.code").Text() != "informant" {
		t.Errorf("%d agents: %s", n, step.Get("agent").JSON())
	}

	// pages: it is in the chart, and no measurement at home that waits or was reported
	c, err := chart.Read(ctx, anna, "maria")
	if err != nil || c.Allergies.Active[0].Origin != chart.Reported || c.Allergies.Active[0].Source != from+", 2026-11-09" {
		t.Errorf("%+v %v", c.Allergies, err)
	}
	if told, err := intake.List(ctx, anna, "maria"); err != nil || len(told) != 0 {
		t.Errorf("measured at home: %+v %v", told, err)
	}

	// the patient does not change what a clinic has accepted
	statement.Set("status", fhir.Str("completed"))
	self := h.gate.As(trust.Principal{ID: "acc-maria", Role: trust.Patient, Patient: "maria", Purpose: trust.PatientRequest}, "portal")
	if _, err := self.Commit(ctx, record.Change{Put: []record.Put{{Resource: statement}}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the patient changes it: %v", err)
	}
	r, _ := ReviewOf(ctx, anna, "maria", "sent")
	if _, err := Undo(ctx, anna, "maria", "sent", r.Batches[0].ID, d); err != nil {
		t.Error(err)
	}
}
