package medication

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/trust"
)

// TestAbuseB14HiddenMedicinesAreCheckedAndNeverNamed: a nurse who is not cleared for substance
// use prepares a prescription that does not go with methadone.
func TestAbuseB14HiddenMedicinesAreCheckedAndNeverNamed(t *testing.T) {
	c := open(t)
	nurse := trust.Principal{ID: "acc-thandi", Name: "Thandi", Role: trust.Nurse}
	d := Draft{Patient: "maria", Text: "citalopram 20 mg tablet"}
	before, err := Preview(t.Context(), c.as(nurse), d)
	if err != nil {
		t.Fatal(err)
	}
	c.put(`{"resourceType":"MedicationRequest","id":"hidden","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"methadone 40 mg dispersible tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	list, err := List(t.Context(), c.as(nurse), "maria")
	if err != nil || len(list.Current) != 1 {
		t.Fatalf("the nurse sees %d medicines: %v", len(list.Current), err)
	}
	after, err := Preview(t.Context(), c.as(nurse), d)
	if err != nil {
		t.Fatal(err)
	}
	full, err := Preview(t.Context(), c.as(physician), d)
	if err != nil {
		t.Fatal(err)
	}
	if len(full.Findings) <= len(before.Findings) || !strings.Contains(strings.ToLower(findingsText(t, full)), "methadone") {
		t.Fatalf("there is nothing to hide: %+v", full.Findings)
	}
	if len(after.Findings) != len(before.Findings)+1 {
		t.Fatalf("the hidden medicine is not checked: %+v", after.Findings)
	}
	text := strings.ToLower(findingsText(t, after))
	for _, word := range []string{"methadone", "opioid", "qt", "hidden/", "medicationrequest/hidden", "serotonin", "breath"} {
		if strings.Contains(text, word) && !strings.Contains(strings.ToLower(findingsText(t, before)), word) {
			t.Errorf("the alert says %q: %s", word, text)
		}
	}
	for _, f := range after.Findings {
		if f.Rule == rx.RuleUnseen && (!strings.Contains(f.Sentence, "break-glass") || !strings.Contains(f.Sentence, "health records") || len(f.Involves) > 0 || f.Tier != full.Findings[0].Tier) {
			t.Errorf("%+v", f)
		}
	}
}

func findingsText(t *testing.T, f rx.Findings) string {
	t.Helper()
	b, err := json.Marshal(f.Findings)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
