package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// counting counts how often the feed of a store is read.
type counting struct {
	store.Store
	reads int
}

func (c *counting) Changes(ctx context.Context, after store.T, limit int) ([]store.Version, store.T, error) {
	c.reads++
	return c.Store.Changes(ctx, after, limit)
}

// TestFeedIsTheStores: whoever follows the feed, from wherever, sees what the store has, and
// those at the end share what was read.
func TestFeedIsTheStores(t *testing.T) {
	h := open(t)
	s := &counting{Store: h.store}
	f := &feed{store: s}
	ctx := context.Background()
	positions := map[string]store.T{}
	seen := map[string][]string{}
	follow := func(name string) {
		t.Helper()
		for {
			p, err := f.page(ctx, positions[name])
			if err != nil || p.after != positions[name] || p.upTo < p.after {
				t.Fatalf("%+v %v", p, err)
			}
			for _, c := range p.changes {
				if c.T <= p.after || c.T > p.upTo {
					t.Fatalf("a change of %d between %d and %d", c.T, p.after, p.upTo)
				}
				seen[name] = append(seen[name], fmt.Sprint(c.T, c.Type, c.ID, c.Version.Version))
			}
			if p.upTo == p.after {
				return
			}
			positions[name] = p.upTo
		}
	}
	n := 0
	write := func(commits, each int) {
		for range commits {
			change := record.Change{Dangling: true}
			for range each {
				n++
				change.Put = append(change.Put, record.Put{Resource: parse(t, pulse(n, "1-8", "rosa"))})
			}
			if _, err := h.gate.As(importer, "test").Commit(ctx, change); err != nil {
				t.Fatal(err)
			}
		}
	}
	now, err := h.store.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	start := now
	for i := range 50 {
		positions[fmt.Sprint("end", i)] = now // at the end, each at its own time
		write(1, 1+i%3)
		for k := range i + 1 {
			follow(fmt.Sprint("end", k))
		}
		now, _ = h.store.Now(ctx)
	}
	if s.reads > 60 {
		t.Errorf("50 commits are read %d times for 50 followers", s.reads)
	}
	write(3, 900) // more than the window holds
	positions["late"] = start
	for name := range positions {
		follow(name)
	}
	all, _, err := h.store.Changes(ctx, start, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range all {
		want = append(want, fmt.Sprint(v.T, v.Type, v.ID, v.Version))
	}
	for _, name := range []string{"end0", "late"} {
		if fmt.Sprint(seen[name]) != fmt.Sprint(want) {
			t.Errorf("%s sees %d changes, not the %d that there are in their order", name, len(seen[name]), len(want))
		}
	}
	if last := seen["end49"]; fmt.Sprint(last) != fmt.Sprint(want[len(want)-len(last):]) || len(last) < 2700 {
		t.Errorf("end49 sees %d changes", len(last))
	}
	if len(f.window) > windowSize+900 {
		t.Errorf("the window holds %d", len(f.window))
	}
}

func TestEventsAreForgotten(t *testing.T) {
	for number, want := range map[int64]string{1: "", eventsKept: "", eventsKept + 1: "s/000000000001", eventsKept + 500: "s/000000000500"} {
		list, err := event{Number: number}.items("s", epoch)
		if err != nil || len(list) == 0 || list[0].Delete || list[0].Expires.Sub(epoch) != eventsFor {
			t.Fatalf("%+v %v", list, err)
		}
		forgotten := ""
		for _, w := range list[1:] {
			if forgotten = w.Key; !w.Delete || w.Space != list[0].Space {
				t.Errorf("%+v", w)
			}
		}
		if forgotten != want {
			t.Errorf("event %d forgets %q, want %q", number, forgotten, want)
		}
	}
}

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
