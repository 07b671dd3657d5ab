package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

func anything(string) search.Expr { return search.All{} }

func single(id string) store.Changeset {
	return store.Changeset{Writes: []store.Write{observation(id, "p", "c1")}, Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Create}}
}

// deadline is what a request may take at most when the database is away; what is measured is
// logged. The test allows a busy machine more.
const deadline, patient = 5 * time.Second, 3

// TestFaultTheConnectionEndsAtEveryPointOfACommit: the connection is reset, or goes silent,
// after any number of bytes of a commit or of its answer. No changeset has a key of its own:
// the store finds out by the group's, and every change is there once. 500 rounds in
// `make drill`.
func TestFaultTheConnectionEndsAtEveryPointOfACommit(t *testing.T) {
	t.Parallel()
	rounds, silent := 24, 12
	if os.Getenv("OSLER_DRILL") != "" {
		rounds = 500
	}
	w, url := wired(t, pgtest.URL(t))
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	ctx := context.Background()
	stored := int64(0)
	commit := func(id string) (took time.Duration) {
		t.Helper()
		began := time.Now()
		r, err := s.Commit(ctx, single(id))
		took = time.Since(began)
		if stored++; err != nil || int64(r.T) != stored {
			t.Fatalf("change %d: %+v, %v (%v)", stored, r, err, took)
		}
		return took
	}
	for i := range 3 { // the statements are known to the connection
		commit(fmt.Sprint("first", i))
	}
	sent, back := w.sent.Load(), w.back.Load()
	commit("measured")
	time.Sleep(50 * time.Millisecond)
	sent, back = w.sent.Load()-sent, w.back.Load()-back
	cut, longest, longestSilent := 0, time.Duration(0), time.Duration(0)
	for i := range rounds {
		all, mine := sent, &trap{do: (*line).reset}
		if mine.back = i%2 == 1; mine.back {
			all = back
		}
		mine.left = all * int64(i/2) / int64(rounds/2)
		if os.Getenv("OSLER_DRILL") != "" {
			mine.left = rand.Int64N(all + 1)
		}
		if i%silent == (i/silent)%2+5 {
			mine.do = (*line).drop
		}
		w.set(mine)
		took := commit(fmt.Sprint("o", i))
		if i%silent == (i/silent)%2+5 {
			longestSilent = max(longestSilent, took)
		} else {
			longest = max(longest, took)
		}
		if w.sprang() {
			cut++
		}
	}
	if cut < rounds*3/4 {
		t.Errorf("only %d of %d commits were cut: the test proves little", cut, rounds)
	}
	if longestSilent > patient*deadline {
		t.Errorf("a commit on a silent connection took %v", longestSilent)
	}
	n, err := s.Count(ctx, store.NewPlan(search.Query{Type: "Observation", Where: search.All{}}, anything))
	if err != nil || n != stored {
		t.Errorf("%d of %d are stored: %v", n, stored, err)
	}
	if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	t.Logf("%d commits of %d bytes (%d come back), %d cut: 0 lost, 0 twice; the longest took %v, with a silent connection %v", stored, sent, back, cut, longest, longestSilent)
}

// TestFaultALeafIsLate: the connection ends while a leaf is committed that comes alone, in one
// message; the server gets the rest of it before, or after the store has looked for it and begun
// anew. It is there once.
func TestFaultALeafIsLate(t *testing.T) {
	t.Parallel()
	w, url := wired(t, pgtest.URL(t))
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	ctx := context.Background()
	stored := int64(0)
	note := func() {
		t.Helper()
		r, err := s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Read, Patients: []string{"p"}, Query: "q"}})
		if stored++; err != nil || int64(r.T) != stored || r.Leaf != stored-1 {
			t.Fatalf("leaf %d: %+v, %v", stored, r, err)
		}
	}
	if _, err := s.Commit(ctx, single("first")); err != nil {
		t.Fatal(err)
	}
	stored++
	for range 3 {
		note()
	}
	sent, back := w.sent.Load(), w.back.Load()
	note()
	sent, back = w.sent.Load()-sent, w.back.Load()-back
	if sent > 1000 {
		t.Errorf("a leaf takes %d bytes: not one statement", sent)
	}
	ways, n, cut := []func(*line){(*line).reset, delay(20 * time.Millisecond), delay(60 * time.Millisecond), delay(150 * time.Millisecond), delay(400 * time.Millisecond)}, 0, 0
	for point := range int64(6) {
		for _, way := range ways {
			for _, answer := range []bool{false, true} {
				all := sent
				if answer {
					all = back
				}
				note() // the statement is known to the connection
				w.set(&trap{back: answer, left: point * all / 5, do: way})
				note()
				if n++; w.sprang() {
					cut++
				}
			}
		}
	}
	time.Sleep(500 * time.Millisecond)
	note()
	if cut < n*3/4 {
		t.Errorf("only %d of %d leaves were cut: the test proves little", cut, n)
	}
	if now, err := s.Now(ctx); err != nil || int64(now) != stored {
		t.Errorf("%d leaves of %d are stored: %v", now, stored, err)
	}
	if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	t.Logf("%d leaves of %d bytes (%d come back), %d cut", stored, sent, back, cut)
}

// TestFaultADatabaseThatIsAway: requests end within 5 s with a sentence, whatever the way in
// which the database is away, and go well again when it is back.
func TestFaultADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	w, url := wired(t, pgtest.URL(t))
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	ctx := context.Background()
	if _, err := s.Commit(ctx, single("before")); err != nil {
		t.Fatal(err)
	}
	asks := map[string]func() error{
		"a read": func() error { _, err := s.Read(ctx, "Observation", "before", 0); return err },
		"a search": func() error {
			_, err := s.Search(ctx, store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: "c1"}, Count: 5}, anything))
			return err
		},
		"a change":  func() error { _, err := s.Commit(ctx, single("meanwhile")); return err },
		"the item":  func() error { _, err := s.Item(ctx, "space", "key"); return err },
		"the feed":  func() error { _, _, err := s.Changes(ctx, 0, 10); return err },
		"the clock": func() error { _, err := s.Now(ctx); return err },
	}
	for _, away := range []struct {
		name string
		mode int32
		each func(*line)
	}{
		{"refuses", refused, (*line).reset},
		{"is silent", swallow, (*line).drop},
	} {
		w.mode.Store(away.mode)
		w.each(away.each)
		type ended struct {
			name string
			took time.Duration
			err  error
		}
		answers := make(chan ended)
		for name, ask := range asks {
			go func() {
				began := time.Now()
				err := ask()
				answers <- ended{name, time.Since(began), err}
			}()
		}
		longest := time.Duration(0)
		for range asks {
			a := <-answers
			longest = max(longest, a.took)
			if !fault.Is(a.err, fault.Unavailable) || !strings.Contains(a.err.Error(), "database") && !strings.Contains(a.err.Error(), "record") || a.took > patient*deadline {
				t.Errorf("%s of a database that %s: %v after %v", a.name, away.name, a.err, a.took)
			}
		}
		w.mode.Store(whole)
		began := time.Now()
		for name, ask := range asks {
			for {
				if err := ask(); err == nil || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Stale) {
					break // Stale: what was not known to be stored was
				} else if time.Since(began) > 30*time.Second {
					t.Fatalf("%s does not go again: %v", name, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		t.Logf("a database that %s: requests ended after %v at most; all went well again after %v", away.name, longest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
}

// TestFaultASlowNetwork: a request is not given up because each of its round trips is slow.
func TestFaultASlowNetwork(t *testing.T) {
	t.Parallel()
	w, url := wired(t, pgtest.URL(t))
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	w.lag.Store(int64(50 * time.Millisecond))
	began := time.Now()
	for i := range 2 {
		if r, err := s.Commit(context.Background(), single(fmt.Sprint(i))); err != nil || int(r.T) != i+1 {
			t.Errorf("%+v %v", r, err)
		}
	}
	t.Logf("two commits over a network that takes 100 ms there and back: %v", time.Since(began).Round(time.Millisecond))
	w.lag.Store(0)
}
