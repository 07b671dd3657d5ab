package medication

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestWhatNobodyKnowsToBeTaken: a medicine of another clinic that may be over stands after those that are
// taken, with a mark, and is checked; one that is only planned there is taken by nobody.
func TestWhatNobodyKnowsToBeTaken(t *testing.T) {
	says := func(id, status, text string) *fhir.Node {
		return parse(`{"resourceType":"MedicationStatement","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"` + text + `"},"reasonCode":[{"text":"Asthma"}],"dateAsserted":"2026-11-09","meta":{"tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}]}}`)
	}
	nodes := []*fhir.Node{says("maybe", "unknown", "albuterol 0.09 mg inhaler"), says("taken", "active", "warfarin 5 mg tablet"), says("later", "intended", "apixaban 5 mg tablet")}
	l := From(nodes, "p", noon, nil)
	if len(l.Current) != 2 || l.Current[0].ID != "taken" || l.Current[0].Doubtful() || !l.Current[1].Doubtful() {
		t.Fatalf("current: %+v", l.Current)
	}
	if known, doubtful := l.Known(); known != 1 || doubtful != 1 {
		t.Errorf("%d known, %d not", known, doubtful)
	}
	if len(l.Planned) != 1 || l.Planned[0].ID != "later" || len(l.Past) != 0 {
		t.Errorf("planned %+v, past %+v", l.Planned, l.Past)
	}
	groups := l.ByReason()
	if len(groups) != 2 || groups[0].Doubtful || !groups[1].Doubtful || groups[1].Medicines[0].ID != "maybe" {
		t.Errorf("groups: %+v", groups)
	}
	if f := FactsFrom(nodes, "p", noon, nil); len(f.Current) != 2 {
		t.Errorf("the checks see %d medicines", len(f.Current))
	}
}
