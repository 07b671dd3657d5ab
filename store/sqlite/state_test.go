package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// found searches for observations, at a time or in the present.
func found(t *testing.T, s store.Store, at store.T) (ids []string) {
	t.Helper()
	plan := store.NewPlan(search.Query{Type: "Observation", Where: search.All{}, Count: 100}, everything)
	plan.At = at
	p, err := s.Search(context.Background(), plan)
	if err != nil {
		t.Error(err)
	}
	for _, v := range p.Matches {
		ids = append(ids, v.ID)
	}
	return ids
}

// What a connection sees lasts while leaves are moved, and no longer than until something else is committed.
func TestAStateLastsWhileOnlyLeavesAreMoved(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("o1", "p1", 1, "c", start))
	if s.States() != nil {
		t.Fatalf("states %v before anybody read", s.States())
	}
	found(t, s, 0)
	for range 3 {
		r, err := look(t.Context(), s, "a")
		if err == nil {
			err = s.Settle()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := found(t, s, r.T); len(got) != 1 {
			t.Errorf("at the time of a leaf that was moved: %v", got)
		}
		if got := s.States(); !slices.Equal(got, []int64{1}) {
			t.Errorf("states %v after leaves were moved, want the first one", got)
		}
	}
	list, err := s.Leaves(t.Context(), store.LeafFilter{})
	if err != nil || len(list) != 4 {
		t.Errorf("%d leaves, %v; want all 4 that were moved meanwhile", len(list), err)
	}
	if list, err = s.Leaves(t.Context(), store.LeafFilter{Before: 3}); err != nil || len(list) != 3 {
		t.Errorf("%d leaves before the fourth, %v; want 3", len(list), err)
	}
	found(t, s, 0)
	commit(t, s, observation("o2", "p1", 1, "c", start))
	if s.States() != nil {
		t.Errorf("states %v after a commit, want none", s.States())
	}
	if got := found(t, s, 0); len(got) != 2 {
		t.Errorf("after a commit: %v", got)
	}
}

// After a commit that changed nothing, what is seen lasts as before.
func TestAStateLastsAfterACommitOfNothing(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("o1", "p1", 1, "c", start))
	if err := s.CommitNothing(); err != nil {
		t.Fatal(err)
	}
	found(t, s, 0)
	if got := s.States(); !slices.Equal(got, []int64{1}) {
		t.Errorf("states %v", got)
	}
}

// What a failed request leaves behind holds no state, so that nothing of it is met by the next one.
func TestAStateEndsWithAnError(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("o1", "p1", 1, "c", start))
	found(t, s, 0)
	late := store.NewPlan(search.Query{Type: "Observation", Where: search.All{}, Count: 1}, everything)
	late.At = 99
	if _, err := s.Search(t.Context(), late); err == nil {
		t.Fatal("a state that is not there yet was read")
	}
	if s.States() != nil {
		t.Errorf("states %v", s.States())
	}
	if got := found(t, s, 0); len(got) != 1 {
		t.Errorf("after an error: %v", got)
	}
}

// Connections that rest with a state do not keep the write-ahead log from being used again.
func TestTheLogIsUsedAgainBesideStates(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "record.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var most int64
	for round := range 6 {
		for i := range 20 {
			commit(t, s, observation(fmt.Sprint("o", round, "-", i), "p1", 1, "c", start))
			var all sync.WaitGroup
			for range 4 { // on both connections
				all.Go(func() { found(t, s, 0) })
			}
			all.Wait()
			if _, err := look(t.Context(), s, "a"); err != nil {
				t.Fatal(err)
			}
			if err := s.Settle(); err != nil {
				t.Fatal(err)
			}
		}
		found(t, s, 0)
		if err := s.CopyBack(); err != nil {
			t.Fatal(err)
		}
		if round == 1 {
			most = size()
		}
	}
	if now := size(); most == 0 || now > most*3/2 {
		t.Errorf("the log has %d bytes after six rounds, and had %d after two", now, most)
	}
}

// Everything that was acknowledged is seen by whoever asks afterwards, whichever connection answers, while leaves
// are moved and the log is copied back.
func TestStatesAreNeverOlderThanWhatWasAcknowledged(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	stop := make(chan struct{})
	var beside sync.WaitGroup
	for range 3 {
		beside.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					found(t, s, 0)
				}
			}
		})
	}
	beside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, err := s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Read, Patients: []string{"p1"}}})
				if err == nil {
					err = s.Settle()
				}
				if err == nil {
					err = s.CopyBack()
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 60 {
		r := commit(t, s, observation(fmt.Sprint("o", i), "p1", 1, "c", start))
		for _, at := range []store.T{0, r.T} {
			if got := found(t, s, at); len(got) != i+1 {
				t.Fatalf("%d of %d that were committed are found at %d", len(got), i+1, at)
			}
		}
	}
	close(stop)
	beside.Wait()
}

// Who destroys the data of a patient does not wait for connections that rest with a state: it empties the
// write-ahead log, and gave up after a minute and more while others read.
func TestRestingStatesDoNotHoldUpTheEndOfAPatient(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 12 {
		commit(t, s, observation(fmt.Sprint("o", i), fmt.Sprint("p", i), 1, "c", start))
	}
	stop := make(chan struct{})
	var beside sync.WaitGroup
	for range 2 {
		beside.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond): // and rests
					found(t, s, 0)
				}
			}
		})
	}
	began := time.Now()
	for i := range 12 {
		if _, err := s.Shred(t.Context(), fmt.Sprint("p", i), ledger.Leaf{Actor: "a", Action: ledger.Delete, Patients: []string{fmt.Sprint("p", i)}}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 15*time.Second { // SQLite waits for 20
			t.Fatalf("%d patients took %s", i+1, took)
		}
	}
	close(stop)
	beside.Wait()
}
