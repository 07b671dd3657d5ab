package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAStopThatThePatientSaysIsMarkedWhereTheMedicineIsRenewed: a statement that names no prescription,
// and a button that signs unseen.
func TestAStopThatThePatientSaysIsMarkedWhereTheMedicineIsRenewed(t *testing.T) {
	h := open(t)
	h.ill()
	h.commit(trust.System("import"), `{"resourceType":"MedicationStatement","id":"s2","status":"stopped","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"Lisinopril 20 MG Oral Tablet"},"dateAsserted":"2026-11-20"}`)
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/medications", "/p/maria/prescribe?renew=MedicationRequest/m1"} {
		if page := anna.get(path); !page.says("patient says: stopped") || !page.says("20-Nov-2026") {
			t.Errorf("%s does not mark the medicine", path)
		}
	}
	page := anna.post("/p/maria/medications/renew", "one", "MedicationRequest/m1", "key", "k1")
	if !strings.HasPrefix(page.path, "/p/maria/prescribe") || !page.says("not taken any more") {
		t.Errorf("renewed unseen: %s", page.path)
	}
}
