package identity

import (
	"context"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

func TestLegalHolds(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.bear("p1", "1970-01-01")
	office := trust.Principal{ID: "r", Name: "Rae", Role: trust.Records}
	for name, by := range map[string]trust.Principal{
		"a physician": {ID: "a", Role: trust.Physician}, "a patient": {ID: "p", Role: trust.Patient, Patient: "p1"},
		"an auditor": {ID: "o", Role: trust.Auditor}, "a program": {ID: "r", Role: trust.Records, Client: "app"}, "a token": {ID: "r", Role: trust.Records, Scopes: []string{"user/*.rs"}},
	} {
		if _, err := h.PlaceHold(ctx, by, "p1", "case 7"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s places a hold: %v", name, err)
		}
		if err := h.LiftHold(ctx, by, "p1", "over"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s lifts a hold: %v", name, err)
		}
	}
	if _, err := h.PlaceHold(ctx, office, "p1", " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a case: %v", err)
	}
	if _, err := h.PlaceHold(ctx, office, "nobody", "case 7"); !fault.Is(err, fault.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
	if held, _, err := h.Held(ctx, "p1"); err != nil || held {
		t.Errorf("held before: %v", err)
	}
	if _, err := h.PlaceHold(ctx, office, "p1", "case 7"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.PlaceHold(ctx, office, "p1", "case 8"); !fault.Is(err, fault.Conflict) {
		t.Errorf("held twice: %v", err)
	}
	if held, why, err := h.Held(ctx, "p1"); err != nil || !held || why != "case 7" {
		t.Errorf("%v %q %v", held, why, err)
	}
	if list, err := h.Holds(ctx, trust.Principal{Role: trust.Auditor}); err != nil || len(list) != 1 || list[0].By != "Rae" {
		t.Errorf("%+v %v", list, err)
	}
	last := h.store.leaves[len(h.store.leaves)-1]
	if last.Reason != "case 7" || last.Patients[0] != "p1" {
		t.Errorf("leaf: %+v", last)
	}
	if err := h.LiftHold(ctx, office, "p1", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("lifted without a reason: %v", err)
	}
	if err := h.LiftHold(ctx, office, "p1", "settled"); err != nil {
		t.Fatal(err)
	}
	if held, _, _ := h.Held(ctx, "p1"); held {
		t.Error("held after the end")
	}
	h.store.items["hold/p1"] = store.Item{Space: "hold", Key: "p1", Value: []byte("{"), Version: 1}
	if held, _, err := h.Held(ctx, "p1"); err != nil || !held {
		t.Errorf("a hold that cannot be read does not hold: %v", err)
	}
}
