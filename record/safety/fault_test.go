package safety_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
)

// shared is a store as several processes have one open, of which another may have the turn, and whose database
// may be away.
type shared struct {
	*sqlite.Store
	taken, away atomic.Bool
}

func (s *shared) gone() error {
	if s.away.Load() {
		return fault.New(fault.Unavailable, "The database cannot be reached. Try again in a moment.")
	}
	return nil
}

// Turn implements store.Shared.
func (s *shared) Turn(context.Context, string) (end func(), mine bool, err error) {
	if s.gone() != nil {
		return nil, false, s.gone()
	}
	if s.taken.Swap(true) {
		return nil, false, nil
	}
	return func() { s.taken.Store(false) }, true, nil
}

// Commit implements store.Store.
func (s *shared) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if err := s.gone(); err != nil {
		return store.Receipt{}, err
	}
	return s.Store.Commit(ctx, c)
}

// away is a place in which the database goes away while something is put there.
type away struct {
	bucket.Bucket
	of *shared
}

// Put implements bucket.Bucket.
func (a away) Put(context.Context, string, io.Reader) error {
	a.of.away.Store(true)
	return a.of.gone()
}

// several makes the record one of several processes.
func (p *practice) several() *shared {
	s := &shared{Store: p.store}
	p.gate = record.Open(s, p.clock)
	p.options.Gate, p.options.Store = p.gate, s
	return s
}

// cut leaves the record as a process does that ends in the middle of a backup.
func (p *practice) cut() {
	p.Helper()
	s := p.known()
	s.Place, s.Backup = "the shelf", record.SafetyRun{Began: p.clock.Now()}
	p.keeps(s, "begin a backup to the shelf")
}

func TestABackupThatWasCutOffIsInterruptedAlsoWhereSeveralProcessesServe(t *testing.T) {
	p := newPractice(t)
	s := p.several()
	p.commit("one")
	p.cut()
	p.clock.Advance(4 * time.Second)
	k := p.keeper() // of the next server
	s.taken.Store(true)
	if known := p.due(k); !known.Backup.Ended.IsZero() {
		t.Errorf("another process is at it: %+v", known)
	}
	s.taken.Store(false)
	if known := p.due(k); !known.Backup.Interrupted || known.Backup.Ended.IsZero() || known.Kept.T != 0 {
		t.Errorf("nobody is at it: %+v", known)
	}
	if s.taken.Load() {
		t.Error("the turn is not given back")
	}
	p.clock.Advance(14 * time.Minute)
	if known := p.due(k); known.Kept.T != 0 {
		t.Errorf("again at once: %+v", known)
	}
	p.clock.Advance(2 * time.Minute)
	if known := p.due(k); known.Kept.T == 0 || known.Proof.T != known.Kept.T {
		t.Errorf("not again: %+v", known)
	}
}

func TestWhoAsksWhileAnotherIsAtItIsHeardAfterwards(t *testing.T) {
	p := newPractice(t)
	s := p.several()
	p.commit("one")
	p.options.Every = time.Second // so that it looks again soon; the clock stands still
	k := p.keeper()
	first := p.due(k)
	p.commit("two")
	s.taken.Store(true)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	k.Ask()
	time.Sleep(100 * time.Millisecond)
	if p.known().Kept.T != first.Kept.T {
		t.Error("it does not wait for its turn")
	}
	s.taken.Store(false)
	for deadline := time.Now().Add(time.Minute); p.known().Proof.T <= first.Proof.T; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was done: %+v", p.known())
		}
	}
	stop()
	<-done
}

func TestAFailureThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	p := newPractice(t)
	s := p.several()
	p.commit("one")
	p.options.Drills = false
	k := p.keeper()
	k.Options.Place = away{p.options.Place, s}
	if err := k.Due(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("the database went away in a backup: %v", err)
	}
	if known := p.known(); known.Backup.Began.IsZero() || !known.Backup.Ended.IsZero() {
		t.Fatalf("the test proves nothing: %+v", known)
	}
	s.away.Store(false)
	p.clock.Advance(time.Minute)
	if known := p.due(k); !strings.Contains(known.Backup.Failed, "cannot be reached") || known.Worry(p.clock.Now()) != record.BackupFailed {
		t.Errorf("the failure is not known: %+v", known)
	}
	k.Options.Place = p.options.Place
	p.clock.Advance(16 * time.Minute)
	if known := p.due(k); known.Kept.T == 0 {
		t.Errorf("not again: %+v", known)
	}
}

func TestADrillThatCouldNotBeMadeSaysNothingOfTheBackup(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	k := p.keeper()
	good := p.due(k)
	p.clock.Advance(21 * time.Hour)
	p.room = 63 << 20
	s := p.due(k)
	if !s.Drill.Unmade || !strings.Contains(s.Drill.Failed, "63 MB are free") || s.Full || s.Proof != good.Proof || s.Worry(p.clock.Now()) != record.DrillUnmade || p.sides != 0 {
		t.Errorf("without room: %+v, %d stores", s, p.sides)
	}
	if s.Kept.Object[:22] != good.Kept.Object[:22] {
		t.Errorf("the next backup begins anew: %+v", s)
	}
	side := p.options.Side
	k.Options.Side = func(ctx context.Context, origin string, keys seal.Keyring) (store.Store, func() error, error) {
		p.room = 10 << 20 // somebody else fills the disk
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
			t.Error("the drill goes on without room")
		}
		return side(ctx, origin, keys)
	}
	p.room = 1 << 30
	p.clock.Advance(16 * time.Minute)
	if s = p.due(k); !s.Drill.Unmade || !strings.Contains(s.Drill.Failed, "was stopped") || !strings.Contains(s.Drill.Failed, "10 MB") || s.Drill.Interrupted || s.Full {
		t.Errorf("with room at first: %+v", s)
	}
	k.Options.Side = func(context.Context, string, seal.Keyring) (store.Store, func() error, error) {
		return nil, nil, errors.New("something else")
	}
	p.room = -1
	p.clock.Advance(16 * time.Minute)
	if s = p.due(k); !s.Drill.Unmade || s.Full || s.Worry(p.clock.Now()) != record.DrillUnmade {
		t.Errorf("with another failure: %+v", s)
	}
	k.Options.Side = side
	p.clock.Advance(16 * time.Minute)
	if s = p.due(k); s.Drill.Failed != "" || s.Worry(p.clock.Now()) != record.NoWorry || s.Kept.Object[:22] != good.Kept.Object[:22] {
		t.Errorf("at last: %+v", s)
	}
}

func TestAPlaceThatHasLostItsBackupsIsNoticed(t *testing.T) {
	p := newPractice(t)
	p.commit("one")
	k := p.keeper()
	good := p.due(k)
	kept := filepath.Join(t.TempDir(), "unmounted")
	if err := errors.Join(os.Rename(p.place, kept), os.Mkdir(p.place, 0o700)); err != nil {
		t.Fatal(err)
	}
	p.commit("two")
	p.clock.Advance(61 * time.Minute)
	s := p.due(k)
	if s.Gone.Object != good.Kept.Object || s.Worry(p.clock.Now()) != record.BackupsGone || s.Kept.T <= good.Kept.T || s.Proof.T != s.Kept.T {
		t.Errorf("an empty place: %+v", s)
	}
	if log := p.log.String(); !strings.Contains(log, "gone from the place") || !strings.Contains(log, "a new set of backups was begun") {
		t.Errorf("the log: %s", log)
	}
	p.clock.Advance(61 * time.Minute)
	if s = p.due(k); s.Gone.Object != good.Kept.Object || s.Worry(p.clock.Now()) != record.BackupsGone {
		t.Errorf("an hour later nobody is told: %+v", s)
	}
	if err := errors.Join(os.RemoveAll(p.place), os.Rename(kept, p.place)); err != nil { // it is mounted again
		t.Fatal(err)
	}
	p.commit("three")
	p.clock.Advance(61 * time.Minute)
	if s = p.due(k); s.Gone.Object != "" || s.Worry(p.clock.Now()) != record.NoWorry || s.Kept.Object[:22] != good.Kept.Object[:22] || s.Proof.T != s.Kept.T {
		t.Errorf("they are back: %+v", s)
	}
	// A folder that is not there is no folder that has lost something.
	if err := os.Rename(p.place, kept); err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(61 * time.Minute)
	if s = p.due(k); s.Gone.Object != "" || !strings.Contains(s.Backup.Failed, "is not there. Is its disk mounted?") || s.Worry(p.clock.Now()) != record.BackupFailed {
		t.Errorf("without its folder: %+v", s)
	}
}
