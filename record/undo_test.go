package record

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

func TestUndo(t *testing.T) {
	c := open(t)
	if _, err := c.as(nurse).SaveDraft(ctx, "note/rosa", []byte(`{"text":"long work"}`), 0); err != nil {
		t.Fatal(err)
	}
	rename := c.read(`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz-Lee"}]}`)
	r, err := c.as(nurse).Commit(ctx, Change{Drop: "note/rosa", Put: []Put{{Resource: rename}, {Resource: c.read(vitals("rosa"))}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(nurse).Draft(ctx, "note/rosa"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the draft is dropped: %v", err)
	}
	if r, err := c.as(nurse).Commit(ctx, Change{Final: true, Put: []Put{{Resource: c.read(vitals("rosa"))}}}); err != nil || r.Undo != "" {
		t.Errorf("what is final is offered an undo %q (%v)", r.Undo, err)
	}
	if err := c.as(physician).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo by another: %v", err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); err != nil {
		t.Fatal(err)
	}
	n, err := c.as(nurse).Read(ctx, "Patient", "rosa")
	if err != nil || n.Path("name.0.family").Text() != "Diaz" || n.Path("meta.versionId").Text() != "3" {
		t.Errorf("%s %v", n.JSON(), err)
	}
	if _, err := c.as(nurse).Read(ctx, "Observation", r.Versions[1].ID); !fault.Is(err, fault.Gone) {
		t.Errorf("the created entry: %v", err)
	}
	if d, err := c.as(nurse).Draft(ctx, "note/rosa"); err != nil || string(d.Value) != `{"text":"long work"}` {
		t.Errorf("the draft comes back: %s %v", d.Value, err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo twice: %v", err)
	}
	r = c.commit(nurse, vitals("rosa"))
	c.clock.Advance(UndoWindow + time.Second)
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Gone) {
		t.Errorf("undo too late: %v", err)
	}
	r = c.commit(nurse, vitals("rosa"))
	other := c.read(strings.Replace(vitals("rosa"), "72.50", "80", 1))
	other.SetID(r.Versions[0].ID)
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: other}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.as(nurse).Undo(ctx, r.Undo); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo of what somebody changed: %v", err)
	}
	v := c.commit(nurse, strings.Replace(vitals("rosa"), "final", "preliminary", 1)).Versions[0]
	del, err := c.as(nurse).Commit(ctx, Change{Delete: []Delete{{Type: "Observation", ID: v.ID}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.as(nurse).Undo(ctx, del.Undo); err != nil {
		t.Fatal(err)
	}
	if n, err := c.as(nurse).Read(ctx, "Observation", v.ID); err != nil || n.Path("valueQuantity.value").Text() != "72.50" {
		t.Errorf("a delete is undone: %v", err)
	}
}

func TestRegistrationWithEntriesIsNotUndone(t *testing.T) {
	c := open(t)
	r := c.commit(desk, `{"resourceType":"Patient","name":[{"family":"New"}]}`)
	c.commit(nurse, vitals(r.Versions[0].ID))
	if err := c.as(desk).Undo(ctx, r.Undo); !fault.Is(err, fault.Conflict) {
		t.Errorf("undo leaves entries without a patient: %v", err)
	}
	r = c.commit(desk, `{"resourceType":"Patient","name":[{"family":"New"}]}`)
	if err := c.as(desk).Undo(ctx, r.Undo); err != nil {
		t.Error(err)
	}
}

func TestSentTwice(t *testing.T) {
	c := open(t)
	change := Change{Key: "form-1", Put: []Put{{Resource: c.read(vitals("rosa"))}}}
	first, err := c.as(nurse).Commit(ctx, change)
	if err != nil || first.Repeated {
		t.Fatal(err)
	}
	again, err := c.as(nurse).Commit(ctx, change)
	if err != nil || !again.Repeated || again.Versions[0].ID != first.Versions[0].ID || again.Undo != first.Undo || again.T != first.T {
		t.Errorf("%+v %v", again, err)
	}
	other, err := c.as(physician).Commit(ctx, change)
	if err != nil || other.Repeated {
		t.Errorf("another person's key is another key: %v", err)
	}
	if n, _ := c.as(nurse).Find(ctx, "Observation", ""); len(n) != 2 {
		t.Errorf("%d observations", len(n))
	}
}

func TestDrafts(t *testing.T) {
	c := open(t)
	a := c.as(nurse)
	d, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"rest"}`), 0)
	if err != nil || d.Version != 1 || !d.Saved.Equal(c.clock.Now()) {
		t.Fatalf("%+v %v", d, err)
	}
	if d, err = a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"rest, fluids"}`), 1); err != nil || d.Version != 2 {
		t.Fatalf("%+v %v", d, err)
	}
	// The other window still has version 1.
	theirs, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"x"}`), 1)
	if !fault.Is(err, fault.Conflict) || string(theirs.Value) != `{"plan":"rest, fluids"}` || theirs.Version != 2 {
		t.Errorf("conflict: %s %v", theirs.Value, err)
	}
	if _, err := c.as(physician).Draft(ctx, "note/rosa/e1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another person's draft: %v", err)
	}
	a.SaveDraft(ctx, "message/rosa", []byte(`{}`), 0)
	if list, err := a.Drafts(ctx, "note/"); err != nil || len(list) != 1 || list[0].Key != "note/rosa/e1" || list[0].Version != 2 {
		t.Errorf("%+v %v", list, err)
	}
	if list, _ := c.as(trust.Principal{}).Drafts(ctx, ""); len(list) != 0 {
		t.Errorf("nobody's drafts: %v", list)
	}
	for range 2 {
		if err := a.DropDraft(ctx, "note/rosa/e1"); err != nil {
			t.Error(err)
		}
	}
	if gone, err := a.SaveDraft(ctx, "note/rosa/e1", []byte(`{"plan":"y"}`), 2); !fault.Is(err, fault.Conflict) || gone.Version != 0 {
		t.Errorf("dropped in the other window: %+v %v", gone, err)
	}
	for code, value := range map[fault.Code]string{fault.Malformed: "{", fault.TooLarge: `"` + strings.Repeat("x", MaxDraftValue) + `"`} {
		if _, err := a.SaveDraft(ctx, "k", []byte(value), 0); !fault.Is(err, code) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
