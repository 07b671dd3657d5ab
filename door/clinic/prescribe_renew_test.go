package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestARenewalThatCannotBeSignedMarksTheFieldAtFault: when the page opens, and by its own sentence.
func TestARenewalThatCannotBeSignedMarksTheFieldAtFault(t *testing.T) {
	h := open(t)
	h.ill()
	h.commit(trust.System("import"), `{"resourceType":"MedicationRequest","id":"m9","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"hydroxyzine 25 mg tablet"},"authoredOn":"2026-09-01T09:00:00Z","dosageInstruction":[{"timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"numberOfRepeatsAllowed":30,"quantity":{"value":30,"unit":"tablet"}}}`)
	anna := h.signedIn("anna")
	page := anna.post("/p/maria/medications/renew", "one", "MedicationRequest/m9", "key", "k1")
	if !strings.HasPrefix(page.path, "/p/maria/prescribe") || !page.says("repeated at most 11 times") || page.says("without dose or supply") || page.says("Write how much") {
		t.Errorf("%s does not mark the repeats: %s", page.path, tags.ReplaceAllString(page.body, " "))
	}
}
