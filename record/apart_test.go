package record

import (
	"strings"
	"testing"
)

// TestTextThatWasLeftIsKeptApart: beside the draft, once each, for its writer only, whatever becomes of the draft; it is
// gone when it was merged, and not when more came meanwhile.
func TestTextThatWasLeftIsKeptApart(t *testing.T) {
	c := open(t)
	a, key := c.as(nurse), "note/rosa/e1"
	if _, err := a.SaveDraft(ctx, key, []byte(`{"plan":"rest"}`), 0); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{"plan":"tea"}`, `{"plan":"sleep"}`, `{"plan":"tea"}`} {
		if err := a.KeepApart(ctx, key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.DropDraft(ctx, key); err != nil {
		t.Fatal(err)
	}
	list, version, err := a.Apart(ctx, key)
	if err != nil || len(list) != 2 || string(list[1].Value) != `{"plan":"sleep"}` {
		t.Fatalf("%+v %v", list, err)
	}
	if list, _, _ := c.as(physician).Apart(ctx, key); len(list) != 0 {
		t.Errorf("somebody else's text: %+v", list)
	}
	if drafts, err := a.Drafts(ctx, ""); err != nil || len(drafts) != 1 || ApartFrom(drafts[0].Key) != key {
		t.Errorf("%+v %v", drafts, err)
	}
	if err := a.KeepApart(ctx, key, []byte(`{"plan":"walk"}`)); err != nil {
		t.Fatal(err)
	}
	if err := a.Merged(ctx, key, version); err != nil {
		t.Fatal(err)
	}
	if list, version, _ = a.Apart(ctx, key); len(list) != 3 {
		t.Errorf("what came meanwhile was removed: %+v", list)
	}
	if err := a.Merged(ctx, key, version); err != nil {
		t.Fatal(err)
	}
	if list, _, _ = a.Apart(ctx, key); len(list) != 0 {
		t.Errorf("merged, and still there: %+v", list)
	}
	for i := range MostApart + 1 {
		err = a.KeepApart(ctx, key, []byte(`{"plan":"`+strings.Repeat("x", i+1)+`"}`))
	}
	if err == nil {
		t.Error("texts without end are kept")
	}
}
