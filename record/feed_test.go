package record

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// stamper is a Keeper that owns Basic.author.
type stamper struct {
	asked, kept int
	refuse      error
}

func (s *stamper) Keep(_ context.Context, a *Actor, before, after *fhir.Node) ([]store.ItemWrite, error) {
	s.asked++
	if after == nil {
		return []store.ItemWrite{{Item: store.Item{Space: "stamp", Key: before.ID()}, Delete: true, IfVersion: -1}}, s.refuse
	}
	after.Set("created", fhir.Str("2026-11-23"))
	return []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: "stamp", Key: after.ID(), Owner: a.Principal().ID, Value: []byte(`1`)}}}, s.refuse
}

func (s *stamper) Kept() { s.kept++ }

// TestKeeper: what a Keeper says is in the same commit, or nothing is.
func TestKeeper(t *testing.T) {
	c := open(t)
	s := &stamper{}
	c.gate.Keeps("Basic", s)
	changed := c.gate.Changed()
	basic := `{"resourceType":"Basic","code":{"text":"x"}}`
	v := c.commit(physician, basic).Versions[0]
	select {
	case <-changed:
	case <-time.After(time.Second):
		t.Error("who waits for a change is not told")
	}
	if r := c.read(string(v.Body)); r.Get("created").Text() != "2026-11-23" || s.asked != 1 || s.kept != 1 {
		t.Errorf("%s, asked %d times, told %d times", v.Body, s.asked, s.kept)
	}
	if item, err := c.store.Item(ctx, "stamp", v.ID); err != nil || item.Owner != physician.ID {
		t.Errorf("the item: %+v %v", item, err)
	}
	s.refuse = fault.New(fault.Conflict, "no")
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(basic)}}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a refusal: %v", err)
	}
	if _, err := c.as(physician).Commit(ctx, Change{Delete: []Delete{{Type: "Basic", ID: v.ID}}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a refusal: %v", err)
	}
	s.refuse = nil
	if _, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: c.read(basic)}}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("policy comes first: %v", err)
	}
	if _, err := c.as(physician).Commit(ctx, Change{Delete: []Delete{{Type: "Basic", ID: v.ID}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Item(ctx, "stamp", v.ID); !fault.Is(err, fault.NotFound) || s.kept != 2 {
		t.Errorf("after the delete: %v, told %d times", err, s.kept)
	}
}

// TestDisclosed: what leaves by itself is judged like a read and stands in the audit log.
func TestDisclosed(t *testing.T) {
	c := open(t)
	v := c.commit(physician, vitals("rosa")).Versions[0]
	reads, searches := physician, physician
	reads.Scopes, searches.Scopes = []string{"user/Observation.r"}, []string{"user/Observation.rs"}
	for _, p := range []struct {
		who  trust.Principal
		want bool
	}{{physician, true}, {searches, true}, {reads, false}, {rosa, true}, {sam, false}, {desk, false}} {
		if _, ok, err := c.as(p.who).Shows(ctx, v); err != nil || ok != p.want {
			t.Errorf("%s is shown it: %v %v", p.who.Role, ok, err)
		}
	}
	item := store.ItemWrite{Item: store.Item{Space: "s", Key: "k", Value: []byte(`1`)}}
	if err := c.as(physician).Disclose(ctx, "told", []store.Version{v}, item); err != nil {
		t.Fatal(err)
	}
	l := c.leaves("rosa")[0]
	if l.Action != ledger.Export || l.Query != "told" || l.Actor != physician.ID || len(l.Versions) != 1 || l.Versions[0].ID != v.ID {
		t.Errorf("%+v", l)
	}
	if err := c.as(physician).Disclose(ctx, "told", nil, item); !fault.Is(err, fault.Conflict) { // the item is there already
		t.Errorf("a second writer: %v", err)
	}
	// Moved to another chart since: its old version is not shown to the wrong patient any more.
	right := c.read(vitals("sam"))
	right.SetID(v.ID)
	if _, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: right}}}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.as(rosa).Shows(ctx, v); err != nil || ok {
		t.Errorf("what was moved away is shown: %v %v", ok, err)
	}
}
