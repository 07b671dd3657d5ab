package record

import (
	"context"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// held holds one patient.
type held string

func (h held) Held(_ context.Context, patient string) (bool, string, error) {
	return patient == string(h), "case 12/2026", nil
}

func (h held) Claim(context.Context, trust.Principal, string) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, nil
}

// shred has two people destroy a patient's data.
func (c clinic) shred(patient string) {
	c.t.Helper()
	if _, err := c.as(trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator}).AskToShred(ctx, patient, "retention ended"); err != nil {
		c.t.Fatal(err)
	}
	if err := c.as(trust.Principal{ID: "acc-rex", Name: "Rex", Role: trust.Records}).Shred(ctx, patient); err != nil {
		c.t.Fatal(err)
	}
}

func TestTwoPeopleShredAPatientWhoIsNotHeld(t *testing.T) {
	c := open(t)
	first := trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator}
	second := trust.Principal{ID: "acc-rex", Name: "Rex", Role: trust.Records}
	if _, err := c.as(physician).SaveDraft(ctx, "note/rosa/v1", []byte(`{"text":"secret"}`), 0); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]trust.Principal{"a physician": physician, "the patient": rosa, "nobody": {}} {
		if _, err := c.as(p).AskToShred(ctx, "rosa", "r"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s asks: %v", name, err)
		}
	}
	if err := c.as(second).Shred(ctx, "rosa"); !fault.Is(err, fault.Conflict) {
		t.Errorf("without a wish: %v", err)
	}
	if _, err := c.as(first).AskToShred(ctx, "rosa", " "); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := c.as(first).AskToShred(ctx, "rosa", "retention ended"); err != nil {
		t.Fatal(err)
	}
	if err := c.as(first).Shred(ctx, "rosa"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the same person confirms: %v", err)
	}
	c.gate.Hold(held("rosa"))
	if err := c.as(second).Shred(ctx, "rosa"); !fault.Is(err, fault.Conflict) {
		t.Errorf("under a legal hold: %v", err)
	}
	if v, err := c.store.Read(ctx, "Patient", "rosa", 0); err != nil || v.Deleted {
		t.Fatalf("a refused shred left %+v, %v", v, err)
	}
	c.gate.Hold(nil)
	if err := c.as(second).Shred(ctx, "rosa"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).Read(ctx, "Patient", "rosa"); !fault.Is(err, fault.Gone) && !fault.Is(err, fault.NotFound) {
		t.Errorf("a shredded patient is read: %v", err)
	}
	if d, err := c.as(physician).Drafts(ctx, ""); err != nil || len(d) != 0 {
		t.Errorf("drafts that are left: %v %v", d, err)
	}
	leaves, err := c.store.Leaves(ctx, store.LeafFilter{Patient: "rosa", Actions: []ledger.Action{ledger.Shred}})
	if err != nil || len(leaves) != 1 || leaves[0].Leaf.Reason != "retention ended" || leaves[0].Leaf.Actor != second.ID {
		t.Errorf("the log says %+v, %v", leaves, err)
	}
	if _, err := c.as(physician).Read(ctx, "Patient", "sam"); err != nil {
		t.Errorf("the other patient: %v", err)
	}
}
