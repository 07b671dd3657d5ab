package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/sqlite/lossy"
	"github.com/osler-emr/osler/trust/ledger"
)

func look(ctx context.Context, s store.Store, actor string) (store.Receipt, error) {
	return s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: actor, Action: ledger.Read, Patients: []string{"p1"}}})
}

// A leaf alone has its time at once, and is there for whoever asks for the audit log, also
// after a crash before it was moved into the tables.
func TestLeavesAloneAreInTheLogAtOnce(t *testing.T) {
	b := newBench(t, 7)
	ctx := context.Background()
	s, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, observation("o1", "p1", 1, "c", start))
	for i := range 3 {
		r, err := look(ctx, s, fmt.Sprint("a", i))
		if err != nil || r.T != store.T(i+2) || r.Leaf != int64(i+1) {
			t.Fatalf("receipt %+v, %v", r, err)
		}
	}
	if now, _ := s.Now(ctx); now != 4 {
		t.Errorf("now is %d, want 4", now)
	}
	if v, err := s.Read(ctx, "Observation", "o1", 4); err != nil || v.T != 1 {
		t.Errorf("at the time of a leaf alone: %+v, %v", v, err)
	}
	for v, err := range s.Compartment(ctx, "p1", nil, 4) {
		if err != nil || v.ID != "o1" {
			t.Errorf("at the time of a leaf alone: %+v, %v", v, err)
		}
	}
	b.disk.CrashAt(1) // everything from here on is lost
	s.Close()
	b.disk.Boot()
	if s, err = b.open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Leaves(ctx, store.LeafFilter{Patient: "p1"})
	if err != nil || len(found) != 4 || found[0].Leaf.Actor != "a2" || found[0].Index != 3 {
		t.Errorf("after the crash: %+v, %v", found, err)
	}
	verified(t, s, 4)
}

func verified(t *testing.T, s store.Store, want int64) {
	t.Helper()
	n, err := s.Verify(context.Background(), func(p string) { t.Error(p) })
	if err != nil || n != want {
		t.Errorf("%d leaves verified, want %d: %v", n, want, err)
	}
}

// Leaves alone, changes and readers of the audit log meet: every leaf has a time of its own,
// none is missing, and the tree is that of the leaves.
func TestLeavesAloneAmongChanges(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := context.Background()
	const workers, each = 8, 60
	var mu sync.Mutex
	times := map[store.T]bool{}
	var group sync.WaitGroup
	failed := make(chan error, workers)
	for w := range workers {
		group.Go(func() {
			for i := range each {
				var r store.Receipt
				var err error
				switch {
				case w == 0 && i%10 == 5:
					_, err = s.Leaves(ctx, store.LeafFilter{Limit: 3})
					r.T = store.T(-i)
				case w == 1 && i%10 == 5:
					_, err = s.Checkpoint(ctx)
					r.T = store.T(-1000 - i)
				case w < 3:
					r, err = s.Commit(ctx, store.Changeset{Writes: []store.Write{observation(fmt.Sprintf("o%d-%d", w, i), "p1", 1, "c", start)}, Leaf: &ledger.Leaf{Actor: "w", Action: ledger.Create}})
				default:
					r, err = look(ctx, s, fmt.Sprint("a", w))
				}
				mu.Lock()
				if err == nil && times[r.T] {
					err = errors.New("a time was given out twice")
				}
				times[r.T] = true
				mu.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	const commits = workers*each - 12
	verified(t, s, commits)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, optionsOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	verified(t, s, commits)
	if files, err := filepath.Glob(filepath.Join(dir, "leaves.log")); err != nil || len(files) != 1 {
		t.Errorf("the leaf log: %v, %v", files, err)
	}
}

// A leaf that the log has no room for, or that is too large for it, is committed all the same.
func TestManyAndLargeLeavesAlone(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	var patients []string
	for i := range 4000 {
		patients = append(patients, fmt.Sprintf("patient-with-a-long-name-%d", i))
	}
	if _, err := s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Search, Patients: patients}}); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 25 {
				if _, err := s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Search, Patients: patients[:1500]}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	verified(t, s, 201)
}

func TestALeafAloneThatIsGivenUp(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 {
		_, err := look(ctx, s, "a")
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	now, _ := s.Now(context.Background())
	verified(t, s, int64(now))
	s.Close()
	if _, err := look(context.Background(), s, "a"); err == nil {
		t.Error("a closed store took a leaf")
	}
}

func BenchmarkLeafAlone(b *testing.B) {
	s := filled(b, 5)
	for b.Loop() {
		if _, err := look(context.Background(), s, "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadThenLeaf is what a read through the gate costs the store.
func BenchmarkReadThenLeaf(b *testing.B) {
	s := filled(b, 50)
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Read(ctx, "Observation", fmt.Sprintf("o-%d-%d", i%50, i%200), 0); err != nil {
			b.Fatal(err)
		}
		if _, err := look(ctx, s, "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSlowDisk32Writers counts how many changes share a sync of 4 ms.
func BenchmarkSlowDisk32Writers(b *testing.B) {
	place := newBench(b, 1)
	var syncs atomic.Int64
	place.disk.Fault = func(op lossy.Op) lossy.Outcome {
		if op.Kind == lossy.Sync && op.File == "record.db-wal" {
			syncs.Add(1)
			time.Sleep(4 * time.Millisecond)
		}
		return lossy.Outcome{}
	}
	s, err := place.open()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var next atomic.Int64
	before := syncs.Load()
	b.ResetTimer()
	b.SetParallelism(16) // on two processors, 32
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			i := next.Add(1)
			w := observation(fmt.Sprint("o", i), fmt.Sprint("p", i%50), 1, fmt.Sprint("c", i%40), start)
			if _, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "bench", Action: ledger.Create}}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(next.Load())/float64(syncs.Load()-before), "commits/sync")
}

// A reader whose snapshot holds a commit reads it, also in the moment before its words are shared.
func TestACommitIsReadBeforeItsWordsAreShared(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("o1", "p1", 1, "c", start))
	s.ForgetTypes()
	list, err := s.Commits(t.Context(), 0, 5)
	if err != nil || len(list) != 1 || list[0].Versions[0].Type != "Observation" {
		t.Errorf("%v, %v", list, err)
	}
}

// A commit tells how long the write-ahead log is, without which nobody would copy it back.
func TestTheLengthOfTheLogIsKnown(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 3 {
		before := s.LogPages()
		commit(t, s, observation(fmt.Sprint("o", i), "p", 1, "c", start))
		if now := s.LogPages(); now <= before {
			t.Fatalf("%d pages before a commit, %d after it", before, now)
		}
	}
	if err := s.CopyBack(); err != nil || s.LogPages() != 0 {
		t.Errorf("%d pages after all was copied back: %v", s.LogPages(), err)
	}
}

// Most of the write-ahead log is copied back while somebody writes, by a connection that reads.
func TestTheLogIsCopiedBackBesideOthers(t *testing.T) {
	b := newBench(t, 1)
	var pages atomic.Int64
	b.disk.Fault = func(op lossy.Op) lossy.Outcome {
		if op.Kind == lossy.Write && op.File == "record.db" {
			pages.Add(1)
		}
		return lossy.Outcome{}
	}
	s, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		commit(t, s, observation(fmt.Sprint("o", i), fmt.Sprint("p", i), 1, "c", start))
	}
	before := pages.Load()
	if err := s.CopyAhead(); err != nil || pages.Load() < before+20 {
		t.Errorf("%d pages were copied: %v", pages.Load()-before, err)
	}
	copied := pages.Load()
	if err := s.CopyAhead(); err != nil || pages.Load() != copied {
		t.Errorf("it is done again at once: %d pages, %v", pages.Load()-copied, err)
	}
	commit(t, s, observation("after", "p1", 1, "c", start))
	b.disk.CrashAt(1)
	s.Close()
	b.disk.Boot()
	if s, err = b.open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"o0", "o19", "after"} {
		if _, err := s.Read(t.Context(), "Observation", id, 0); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// When the database cannot be synced beside those who write, the log holds what may be nowhere else:
// nothing more is stored, what is there is read, and after a restart nothing acknowledged is missing.
func TestAFailedSyncBesideOthersStopsTheStore(t *testing.T) {
	b := newBench(t, 1)
	s, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		commit(t, s, observation(fmt.Sprint("o", i), fmt.Sprint("p", i), 1, "c", start))
	}
	b.disk.Fault = func(op lossy.Op) lossy.Outcome {
		if op.Kind == lossy.Sync && op.File == "record.db" {
			return lossy.Outcome{Err: syscall.EIO, Forget: true}
		}
		return lossy.Outcome{}
	}
	if err := s.CopyAhead(); err == nil {
		t.Error("a sync that failed is not told")
	}
	b.disk.Fault = nil // the next sync would say that all is well
	set := store.Changeset{Writes: []store.Write{observation("after", "p1", 1, "c", start)}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}
	if _, err := s.Commit(t.Context(), set); clear(err) != nil {
		t.Errorf("a write after it: %v", err)
	}
	if _, err := s.Commit(t.Context(), store.Changeset{Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Read}}); clear(err) != nil {
		t.Errorf("a leaf alone after it: %v", err)
	}
	if _, err := s.Read(t.Context(), "Observation", "o7", 0); err != nil {
		t.Errorf("what is stored is not read: %v", err)
	}
	s.Close()
	b.disk.Boot()
	if s, err = b.open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 20 {
		if _, err := s.Read(t.Context(), "Observation", fmt.Sprint("o", i), 0); err != nil {
			t.Errorf("o%d after a restart: %v", i, err)
		}
	}
	if _, err := s.Read(t.Context(), "Observation", "after", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
}
