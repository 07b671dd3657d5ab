package clinic

import (
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAMedicineThatMayBeOverIsMarked: another clinic has listed it and does not say whether it is still taken.
func TestAMedicineThatMayBeOverIsMarked(t *testing.T) {
	h := open(t)
	says := func(id, status, text string) string {
		return `{"resourceType":"MedicationStatement","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"` + text + `"},"meta":{"tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}]}}`
	}
	h.commit(trust.System("import"), says("s1", "unknown", "albuterol 0.09 mg inhaler"), says("s2", "active", "warfarin 5 mg tablet"), says("s3", "intended", "apixaban 5 mg tablet"))
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/medications", "/p/maria/emergency"} {
		page := anna.get(path)
		if !page.says("not known whether still taken") || !page.says("albuterol") || !page.says("warfarin") {
			t.Errorf("%s does not mark it: %d %s", path, page.status, tags.ReplaceAllString(page.body, " "))
		}
		if path != "/p/maria/medications" && page.says("apixaban") {
			t.Errorf("%s lists what is planned elsewhere as taken", path)
		}
	}
	if page := anna.get("/p/maria/medications"); !page.says("Planned elsewhere") || !page.says("1 current, 1 not known whether still taken") {
		t.Errorf("the list: %s", tags.ReplaceAllString(page.body, " "))
	}
}
