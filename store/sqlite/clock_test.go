package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestClockJumps commits while the clock jumps forward and back by days, stands still, and
// jumps while the record is closed: commits keep their order, the log's times never fall, and
// a moment names one state.
func TestClockJumps(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	hands := clock.NewManual(start)
	o := optionsOf(t, dir)
	o.Clock = hands
	day := 24 * time.Hour
	jumps := []time.Duration{0, time.Second, day, -day, 0, -day, time.Hour, -2 * time.Hour, 3 * day, -3 * day, time.Millisecond, 0}
	n := 0
	for range 2 {
		s, err := sqlite.Open(ctx, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, jump := range jumps {
			hands.Advance(jump)
			n++
			w := observation(fmt.Sprint("o", n), "p", 1, "c", start)
			w.Updated = hands.Now()
			r, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}})
			if err != nil || r.T != store.T(n) {
				t.Fatalf("jump %d (%v): commit %d, want %d: %v", i, jump, r.T, n, err)
			}
		}
		before := store.T(0)
		for wall := start.Add(-5 * day); wall.Before(start.Add(9 * day)); wall = wall.Add(6 * time.Hour) {
			at, err := s.At(ctx, wall)
			if err != nil || at < before {
				t.Fatalf("at %v is commit %d, but earlier is %d: %v", wall, at, before, err)
			}
			before = at
		}
		if before != store.T(n) {
			t.Errorf("long afterwards is commit %d, want %d", before, n)
		}
		versions, err := s.History(ctx, store.HistoryFilter{Count: 100})
		if err != nil || len(versions) != n {
			t.Fatalf("%d versions, want %d: %v", len(versions), n, err)
		}
		for i, v := range versions {
			if v.T != store.T(n-i) {
				t.Errorf("history is not in the order of the commits: place %d holds %d", i, v.T)
			}
		}
		if _, err := s.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verify(ctx, func(p string) { t.Errorf("verification: %s", p) }); err != nil {
			t.Fatal(err)
		}
		s.Close()
		hands.Advance(-10 * day) // while it is closed
	}
}
