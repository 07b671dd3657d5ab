package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

func durable(t testing.TB, url string) *postgres.Store {
	t.Helper()
	dir := t.TempDir()
	s, err := postgres.Open(context.Background(), postgres.Options{URL: url, Dir: dir, Keyring: keys(t, dir, dir), Clock: clock.System{}, Connections: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// load is writers that commit until they are stopped, each change under a key of its own and
// again until it is acknowledged.
type load struct {
	stores []*postgres.Store
	stop   chan struct{}
	wait   sync.WaitGroup

	acknowledged sync.Map // id -> store.T
	twice        sync.Map // what was told to be there already by the try that stored it
	count        atomic.Int64
	errors       atomic.Int64
	longest      atomic.Int64 // of one call, in milliseconds
	lastAck      atomic.Int64 // Unix milliseconds
}

func start8(stores ...*postgres.Store) *load {
	l := &load{stores: stores, stop: make(chan struct{})}
	for w := range 8 {
		l.wait.Add(1)
		go l.writer(w)
	}
	return l
}

func (l *load) writer(w int) {
	defer l.wait.Done()
	s := l.stores[w%len(l.stores)]
	for i := 0; ; i++ {
		id := fmt.Sprintf("w%d-%d", w, i)
		set := store.Changeset{Writes: []store.Write{observation(id, fmt.Sprint("p", w%3), "c1")}, Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Create}}
		if w%2 == 0 {
			set.Key = id
		}
		for {
			began := time.Now()
			r, err := s.Commit(context.Background(), set)
			if took := time.Since(began).Milliseconds(); took > l.longest.Load() {
				l.longest.Store(took)
			}
			if err == nil {
				l.acknowledged.Store(id, r.T)
				l.count.Add(1)
				l.lastAck.Store(time.Now().UnixMilli())
				break
			}
			l.errors.Add(1)
			if fault.Is(err, fault.Stale) {
				l.twice.Store(id, err)
			}
			if set.Key == "" { // whoever has no key must look
				if v, found := l.look(s, id); found {
					r.T = v.T
					l.acknowledged.Store(id, r.T)
					l.count.Add(1)
					break
				}
			}
			time.Sleep(20 * time.Millisecond) // what is not acknowledged is tried until it is, also at the end
		}
		select {
		case <-l.stop:
			return
		default:
		}
	}
}

// look waits for an answer whether a change is stored.
func (l *load) look(s *postgres.Store, id string) (store.Version, bool) {
	for {
		v, err := s.Read(context.Background(), "Observation", id, 0)
		if err == nil || fault.Is(err, fault.NotFound) {
			return v, err == nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// more waits until writers have been acknowledged again.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	want := l.count.Load() + n
	for began := time.Now(); l.count.Load() < want; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("no service within 30 s: %d of %d acknowledged, %d errors", l.count.Load(), want, l.errors.Load())
		}
	}
}

func observation(id, patient, code string) store.Write {
	return store.Write{Type: "Observation", ID: id, Version: 1, Updated: start, Patient: patient,
		Body: fmt.Appendf(nil, `{"resourceType":"Observation","id":%q}`, id),
		Index: []search.Entry{
			{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: code},
			{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: patient},
			{Param: "date", Kind: search.KindDate, Low: start.UnixMilli(), High: start.UnixMilli() + 1000},
		}}
}

// check ends the load and holds the record to what was acknowledged: nothing is lost, and
// nothing is there twice, since the number of commits is that of the changes.
func (l *load) check(t *testing.T, s *postgres.Store) {
	t.Helper()
	close(l.stop)
	l.wait.Wait()
	ctx := context.Background()
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if int64(now) != l.count.Load() {
		t.Errorf("%d commits are stored, %d changes were acknowledged", now, l.count.Load())
	}
	l.twice.Range(func(id, err any) bool {
		t.Errorf("%s was tried again after it was stored: %v", id, err)
		return true
	})
	lost := 0
	l.acknowledged.Range(func(id, at any) bool {
		v, err := s.Read(ctx, "Observation", id.(string), 0)
		if err != nil || v.T != at.(store.T) {
			lost++
			t.Logf("%s: at %d, acknowledged at %d: %v", id, v.T, at, err)
		}
		return lost < 10
	})
	if lost > 0 {
		t.Errorf("%d acknowledged changes are lost", lost)
	}
	everything := func(string) search.Expr { return search.All{} }
	n, err := s.Count(ctx, store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: "c1"}}, everything))
	if err != nil || n != l.count.Load() {
		t.Errorf("the index finds %d of %d (%v)", n, l.count.Load(), err)
	}
	if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	if l.longest.Load() > 10_000 {
		t.Errorf("a commit took %d ms to be answered", l.longest.Load())
	}
	t.Logf("%d changes, %d failures told, the longest answer took %d ms", l.count.Load(), l.errors.Load(), l.longest.Load())
}

func rounds(short int) int {
	if os.Getenv("OSLER_DRILL") != "" {
		return 50 * short
	}
	return short
}

// TestTheServerMayDieAndStandStill: a database that is killed, stopped, and paused while
// eight writers commit loses nothing that was acknowledged, and service comes back by itself.
func TestTheServerMayDieAndStandStill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	c := pgtest.Start(t)
	s := durable(t, c.URL())
	l := start8(s)
	l.more(t, 50)
	for range rounds(1) {
		for name, disturb := range map[string]func() error{
			"killed": c.Kill, "stopped": c.Stop,
		} {
			if err := disturb(); err != nil {
				t.Logf("%s: %v", name, err)
			}
			if err := c.Run(); err != nil {
				t.Fatal(err)
			}
			l.more(t, 30)
		}
		c.Pause()
		time.Sleep(5 * time.Second)
		if _, err := s.Read(context.Background(), "Observation", "w0-0", 0); err == nil {
			t.Error("a database that stands still has answered")
		}
		c.Continue()
		l.more(t, 30)
	}
	l.check(t, s)
}

// TestAReplicaTakesOver: the primary dies for good while eight writers commit; its replica is
// promoted, and has everything that was acknowledged.
func TestAReplicaTakesOver(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 15 s")
	}
	for range rounds(1) {
		primary := pgtest.Start(t)
		standby := primary.Standby(t)
		s := durable(t, pgtest.Both(primary, standby))
		l := start8(s)
		l.more(t, 50)
		_ = primary.Kill()
		standby.Promote(t)
		l.more(t, 50)
		l.check(t, s)
		s.Close()
		_ = standby.Stop()
	}
}

// TestTwoProcessesRace: two stores on one database commit at the same time; T has no gap, no
// change is lost, and each hears of the other's commits.
func TestTwoProcessesRace(t *testing.T) {
	url, dir := pgtest.URL(t), t.TempDir()
	a := open(t, postgres.Options{URL: url, Dir: dir})
	b := open(t, postgres.Options{URL: url, Dir: dir})
	var heard atomic.Int64
	b.Watch(func() { heard.Add(1) })
	l := start8(a, b)
	l.more(t, 200)
	l.check(t, a)
	before := heard.Load()
	if _, err := a.Commit(context.Background(), store.Changeset{Writes: []store.Write{observation("last", "p9", "new")}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
	everything := func(string) search.Expr { return search.All{} }
	plan := store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: "new"}}, everything)
	if n, err := b.Count(context.Background(), plan); err != nil || n != 1 {
		t.Errorf("what one process wrote, the other finds %d times: %v", n, err)
	}
	for began := time.Now(); heard.Load() == before; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the commit of the other process was not told of")
		}
	}
	// A parameter that one process sees for the first time, and values in another table.
	w := observation("other", "p9", "x")
	w.Index = append(w.Index, search.Entry{Param: "code", Kind: search.KindToken, System: "http://a.example", Code: "apart", Identifier: true}, search.Entry{Param: "note", Kind: search.KindString, Norm: "hello", Exact: "Hello"})
	if _, err := b.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []search.Expr{search.Token{Param: "code", Code: "apart"}, search.Text{Param: "note", Value: "hel"}} {
		if n, err := a.Count(context.Background(), store.NewPlan(search.Query{Type: "Observation", Where: x}, everything)); err != nil || n != 1 {
			t.Errorf("%#v: %d, %v", x, n, err)
		}
	}
}

// TestAReplicaIsNotARecord: a store that is led to a replica says that the database cannot be
// reached, instead of answering from the past.
func TestAReplicaIsNotARecord(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 s")
	}
	primary := pgtest.Start(t)
	standby := primary.Standby(t)
	s := durable(t, primary.URL())
	if _, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{observation("a", "p", "c1")}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := postgres.Open(context.Background(), postgres.Options{URL: standby.URL(), Dir: dir, Keyring: keys(t, dir, dir), Connections: 4})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a replica is opened: %v", err)
	}
}

// TestAServerThatForgetsIsRefused: without fsync a record is not kept, unless a test says so.
func TestAServerThatForgetsIsRefused(t *testing.T) {
	c := pgtest.Start(t, "fsync = off")
	dir := t.TempDir()
	o := postgres.Options{URL: c.URL(), Dir: dir, Keyring: keys(t, dir, dir)}
	if _, err := postgres.Open(context.Background(), o); !fault.Is(err, fault.Invalid) {
		t.Errorf("a server without fsync is taken: %v", err)
	}
	o.Careless = true
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := t.TempDir()
	o.Dir, o.Keyring = other, keys(t, other, other)
	if _, err := postgres.Open(context.Background(), o); !fault.Is(err, fault.Forbidden) {
		t.Errorf("another key opens the record: %v", err)
	}
}
