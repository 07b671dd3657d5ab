package archive_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestBackupWhileOthersWrite backs up a record into which four write, again and again: each
// backup is the record at one T, items and all.
func TestBackupWhileOthersWrite(t *testing.T) {
	t.Parallel()
	rounds := 3
	if os.Getenv("OSLER_DRILL") != "" {
		rounds = 100
	}
	w := newWorld(t)
	w.write(5)
	stop, turns := make(chan struct{}), make(chan struct{}, 1000) // so many commits may come in a round
	var wait sync.WaitGroup
	for writer := range 4 {
		wait.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-turns:
				}
				c := store.Changeset{Leaf: &ledger.Leaf{Actor: fmt.Sprint("w", writer), Action: ledger.Create},
					// The item counts what its writer has committed, so that items and record can be held to each other.
					Items: []store.ItemWrite{{Item: store.Item{Space: "count", Key: fmt.Sprint(writer), Value: []byte{}}, IfVersion: -1}},
					Writes: []store.Write{{Type: "Observation", ID: fmt.Sprintf("w%d-%d", writer, i), Version: 1, Updated: start, Patient: fmt.Sprint("w", writer),
						Body: fmt.Appendf(nil, `{"resourceType":"Observation","id":"w%d-%d","code":{"text":"w"}}`, writer, i)}}}
				c.Writes[0].Index, _ = extract("", c.Writes[0].Body)
				if _, err := w.store.Commit(ctx, c); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer wait.Wait()
	defer close(stop)
	beside := store.T(0) // commits that came while a backup was made
	for round := range rounds {
		for range 200 {
			select {
			case turns <- struct{}{}:
			default:
			}
		}
		before := w.now()
		b, err := archive.Backup{Store: w.store, Keys: w.ring, To: w.place, Lock: w.lock, Clock: w.clock, Full: round%10 == 9}.Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
		beside += w.now() - before
		w.clock.Advance(1e9) // sets have names to the second
		s, p, err := w.restore(nil)
		if err != nil || p.T != b.To {
			t.Fatalf("round %d: %+v, want %d: %v", round, p, b.To, err)
		}
		w.equal(s, b.To)
		for writer := range 4 {
			n := 0
			for _, err := range s.Compartment(ctx, fmt.Sprint("w", writer), nil, 0) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			it, err := s.Item(ctx, "count", fmt.Sprint(writer))
			if n > 0 && (err != nil || it.Version != int64(n)) {
				t.Errorf("writer %d: the items count %d, the record has %d: %v", writer, it.Version, n, err)
			}
		}
		s.Close()
	}
	t.Logf("%d rounds, up to commit %d; %d commits came while backups were made", rounds, w.now(), beside)
	if beside == 0 {
		t.Error("nobody wrote while backups were made")
	}
}

func TestACopyIsVerifiedAndGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(40)
	dir := t.TempDir()
	open := func() *sqlite.Store {
		s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: w.ring, Clock: w.clock, Origin: w.store.Origin()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	to := open()
	// A former run that came half way.
	if err := to.Append(ctx, commits(t, w.store, 20), extract); err != nil {
		t.Fatal(err)
	}
	to.Close()
	to = open()
	for range 2 {
		p, err := archive.Copy{From: w.store, To: to, Extract: extract}.Run(ctx)
		if err != nil || p.T != w.now() || p.Head == "" || p.Items == 0 || p.Versions == 0 {
			t.Fatalf("%+v %v", p, err)
		}
		w.equal(to, w.now())
		w.write(5) // and once more, with what came since
	}
	// A copy that went its own way is not gone on with.
	if _, err := to.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Keep}}); err != nil {
		t.Fatal(err)
	}
	before := w.now()
	if _, err := (archive.Copy{From: w.store, To: to, Extract: extract}).Run(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("onto a copy that went its own way: %v", err)
	}
	if _, err := (archive.Copy{From: to, To: w.store, Extract: extract}).Run(ctx); !fault.Is(err, fault.Conflict) || w.now() != before {
		t.Errorf("back onto an original that went on: %v", err)
	}
	if _, err := (archive.Copy{From: newWorld(t).store, To: to, Extract: extract}).Run(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("of another record: %v", err)
	}
}

// liar is a store that tells something else than it was given.
type liar struct {
	store.Moving
	lie func([]store.Commit)
}

func (l liar) Commits(c context.Context, after store.T, limit int) ([]store.Commit, error) {
	list, err := l.Moving.Commits(c, after, limit)
	l.lie(list)
	return list, err
}

func TestADifferenceInACopyIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(10)
	for name, lie := range map[string]func([]store.Commit){
		"a body":    func(c []store.Commit) { c[pick(c)].Versions[0].Body = []byte("{}") },
		"a patient": func(c []store.Commit) { c[pick(c)].Versions[0].Patient += "x" },
		"a time":    func(c []store.Commit) { c[3].At = c[3].At.Add(1e6) },
		"a version": func(c []store.Commit) { c[pick(c)].Versions = c[pick(c)].Versions[1:] },
		"a leaf":    func(c []store.Commit) { c[4].Leaf = c[3].Leaf },
	} {
		to, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{Keyring: w.ring, Clock: w.clock, Origin: w.store.Origin()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (archive.Copy{From: w.store, To: liar{to, lie}, Extract: extract}).Run(ctx); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "differs") {
			t.Errorf("%s: %v", name, err)
		}
		to.Close()
	}
}

func pick(list []store.Commit) int {
	for i := range list {
		if len(list[i].Versions) > 0 && list[i].Versions[0].Body != nil {
			return i
		}
	}
	return 0
}
