package clinic

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// clears lets a nurse see what is labelled as about the use of substances.
func (h house) clears(user string) {
	h.t.Helper()
	sam, _ := h.enters("sam")
	at := "/people/" + h.account(user)
	if a := sam.post(at+"/clearance", "label", "ETH", "label", "SUD", "label", "OPIOIDUD", "reason", "methadone clinic"); a.path != at {
		h.t.Fatalf("%d", a.status)
	}
}

// TestADeclinedPrescriptionIsToldWithoutWhatIsHidden: a nurse who is not cleared for substance use
// prepares methadone, the physician declines. She learns that one of hers was declined and whom to
// ask, and neither of whom, nor why, nor what; cleared, she does.
func TestADeclinedPrescriptionIsToldWithoutWhatIsHidden(t *testing.T) {
	h := officeHouse(t)
	d := medication.Draft{Patient: "maria", Text: "methadone 40 mg dispersible tablet", Dose: 1, Unit: "tablet", Route: "by mouth", Frequency: 1, Period: 1, PeriodUnit: "d", Quantity: 7, QuantityOf: "tablet"}
	if _, err := medication.Prepare(t.Context(), h.actor(trust.Nurse, "amara"), d, "anna", "Dr Anna Lindqvist"); err != nil {
		t.Fatal(err)
	}
	work, err := task.Of(t.Context(), h.actor(trust.Physician, "anna"), "anna")
	if err != nil || len(work) != 1 {
		t.Fatalf("%+v, %v", work, err)
	}
	anna, amara := h.signedIn("anna"), h.signedIn("amara")
	if a := anna.post("/inbox/"+work[0].ID+"/reject", "reason", "The programme dispenses it."); a.status != http.StatusOK {
		t.Fatalf("declined: %d", a.status)
	}
	back, err := task.Of(t.Context(), h.actor(trust.Nurse, "amara"), "amara")
	if err != nil || len(back) != 1 {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, at := range []string{"/inbox", "/today", "/inbox/" + back[0].ID} {
		a := amara.get(at)
		if !a.says("A prescription that you prepared was not signed. Ask Dr Anna Lindqvist about it.") {
			t.Errorf("%s does not tell her: %s", at, tags.ReplaceAllString(a.body, " "))
		}
		for _, hidden := range []string{"methadone", "programme", "Okafor"} {
			if strings.Contains(strings.ToLower(a.body), strings.ToLower(hidden)) {
				t.Errorf("%s says %q", at, hidden)
			}
		}
	}
	h.clears("amara")
	if a := amara.get("/inbox/" + back[0].ID); !a.says("The programme dispenses it.") || !a.says("OKAFOR, Maria") {
		t.Errorf("cleared, she reads: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := amara.post("/inbox/" + back[0].ID + "/done"); a.status != http.StatusOK || a.says("was not signed") {
		t.Errorf("done: %d", a.status)
	}
}

// TestARefillNamesNoMedicineThatIsHidden: who may not see a medicine reads its name in no queue: a
// request for it is as sensitive as the medicine, and when somebody took the label off the request,
// the line says that there is a medicine, and not which.
func TestARefillNamesNoMedicineThatIsHidden(t *testing.T) {
	h := officeHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"MedicationRequest","id":"m9","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"requester":{"reference":"Practitioner/amara"},"medicationCodeableConcept":{"text":"methadone 40 mg dispersible tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	asked, err := medication.AskRefill(t.Context(), h.actor(trust.Patient, "maria"), "MedicationRequest/m9", "k1")
	if err != nil {
		t.Fatal(err)
	}
	id := asked.Versions[0].ID
	if strings.Contains(string(asked.Versions[0].Body), "methadone") {
		t.Errorf("the request names it: %s", asked.Versions[0].Body)
	}
	amara := h.signedIn("amara")
	tom, _ := h.enters("tom")
	pages := []string{"/inbox", "/today", "/inbox/" + id, "/p/maria"}
	unnamed := func(b browser, who string) {
		t.Helper()
		for _, at := range pages {
			if a := b.get(at); strings.Contains(strings.ToLower(a.body), "methadone") {
				t.Errorf("%s reads it on %s", who, at)
			}
		}
	}
	unnamed(amara, "a nurse who is not cleared")
	unnamed(tom, "the front desk")
	if a := amara.get("/inbox/" + id); a.status != http.StatusNotFound {
		t.Errorf("the labelled request: %d", a.status)
	}
	if a := tom.get("/inbox/" + id); a.status == http.StatusOK {
		t.Errorf("the front desk opens it: %d", a.status)
	}
	if _, err := h.actor(trust.Physician, "anna").Label(t.Context(), "Task", id, nil, []string{"ETH", "SUD", "OPIOIDUD"}, "the nurse passes it on"); err != nil {
		t.Fatal(err)
	}
	unnamed(amara, "a nurse to whom the request is shown")
	if a := amara.get("/inbox/" + id); !a.says("A medicine that you are not cleared to see") || !a.says("Pass it on to who prescribes it.") || a.says("Check and renew") {
		t.Errorf("the request without its label: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	h.clears("amara")
	if a := amara.get("/inbox"); !a.says("methadone 40 mg dispersible tablet; asked in the portal") {
		t.Errorf("cleared, she reads: %s", tags.ReplaceAllString(a.body, " "))
	}
}
