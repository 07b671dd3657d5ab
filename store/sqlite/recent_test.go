package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// A row that was read before is never older than what was acknowledged, or than what a search has shown,
// while it is updated, moved to another patient, or an update of it fails.
func TestRowsAreNeverOld(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	const versions = 150
	var acknowledged atomic.Int64
	update := func(version int64) {
		commit(t, s, observation("o", fmt.Sprintf("p%d", version%7/6), version, "c", start))
		acknowledged.Store(version)
	}
	update(1)
	var all sync.WaitGroup
	reads := func(seen func() int64) {
		all.Go(func() {
			for acknowledged.Load() < versions {
				least := seen()
				if v, err := s.Read(ctx, "Observation", "o", 0); err != nil || v.Version < least || v.Patient != fmt.Sprintf("p%d", v.Version%7/6) {
					t.Errorf("version %d of %q (%v), and %d was there before", v.Version, v.Patient, err, least)
					return
				}
			}
		})
	}
	for range 3 {
		reads(acknowledged.Load)
	}
	reads(func() int64 {
		page, err := s.Search(ctx, store.NewPlan(search.Query{Type: "Observation", Where: search.ID{"o"}, Count: 1}, everything))
		if err != nil || len(page.Matches) != 1 {
			t.Errorf("%d found (%v)", len(page.Matches), err)
			return 0
		}
		return page.Matches[0].Version
	})
	for version := int64(2); version <= versions; version++ {
		update(version)
		stale := observation("o", "p0", version, "c", start)
		if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{stale}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Update}}); !fault.Is(err, fault.Stale) {
			t.Fatalf("an update of an old version: %v", err)
		}
	}
	all.Wait()
	s.Close()
	if _, err := s.Read(ctx, "Observation", "o", 0); err == nil {
		t.Error("a closed store gave a row")
	}
}
