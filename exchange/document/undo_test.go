package document

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// TestAStepTakenBackLeavesTheOthers: what other steps have decided stays decided, whether they wrote or not.
func TestAStepTakenBackLeavesTheOthers(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	step := func(choices map[string]Choice) string {
		t.Helper()
		a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: choices})
		if err != nil {
			t.Fatal(err)
		}
		return a.Batch
	}
	batch := step(map[string]Choice{"af": Add, "lisi": Merge})
	step(map[string]Choice{"htn": Merge, "peni": Add, "bmp": Add})
	step(map[string]Choice{"apix": Ignore})
	if _, err := Undo(ctx, anna, "maria", f.Document, batch, d); err != nil {
		t.Fatal(err)
	}
	r, err := ReviewOf(ctx, anna, "maria", f.Document)
	if want := map[string]Choice{"htn": Merge, "peni": Add, "bmp": Add, "apix": Ignore}; err != nil || !r.Open || !maps.Equal(r.Done, want) {
		t.Errorf("decided after one of three steps was taken back: %v, want %v: %v", r.Done, want, err)
	}
	if word, n := r.Standing(); n != 3 {
		t.Errorf("%s %d", word, n)
	}
}

// givenUp reports whether a request ended because nobody waits for it.
func givenUp(err error) bool {
	return errors.Is(err, context.Canceled) || fault.Is(err, fault.Unavailable)
}

// TestAnUnreadVersionIsNoChange: an undo fails when it cannot see whether somebody has changed an entry since.
func TestAnUnreadVersionIsNoChange(t *testing.T) {
	h := open(t)
	anna := h.as(trust.Physician, "anna")
	h.put(`{"resourceType":"Condition","id":"af","subject":{"reference":"Patient/maria"},"code":{"text":"Atrial fibrillation"}}`)
	h.put(`{"resourceType":"Condition","id":"af","subject":{"reference":"Patient/maria"},"code":{"text":"Atrial fibrillation, paroxysmal"}}`)
	n, err := anna.Read(ctx, "Condition", "af")
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(ctx)
	leave()
	if _, err := relabelled(gone, anna, n, "Condition", "af", 1); !givenUp(err) {
		t.Errorf("it was not read: %v", err)
	}
	if document, err := laterStep(gone, anna, "Condition/af/_history/1"); !givenUp(err) {
		t.Errorf("a later step: %q %v", document, err)
	}
	if same, err := relabelled(ctx, anna, n, "Condition", "af", 1); same || err != nil {
		t.Errorf("another text: %t %v", same, err)
	}
	if same, err := relabelled(ctx, anna, n, "Condition", "af", 2); !same || err != nil {
		t.Errorf("the same: %t %v", same, err)
	}
}
