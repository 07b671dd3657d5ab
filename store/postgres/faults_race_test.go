package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestFaultHalfAMessage: a session holds the head and waits for the rest of a message that
// never comes, which PostgreSQL's own limits do not end. Whoever waits for the head ends it.
func TestFaultHalfAMessage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.URL(t)
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	c, err := pgx.Connect(ctx, url+"&application_name=osler")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, text := range []string{"BEGIN", "SELECT 1 FROM head FOR UPDATE"} {
		if _, err := c.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.PgConn().Conn().Write([]byte{'Q', 0, 0, 1, 0, 'C', 'O', 'M'}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err = s.Commit(ctx, single("first"))
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("behind a session that holds the head: %v", err)
	}
	first := time.Since(began)
	if r, err := s.Commit(ctx, single("first")); err != nil || r.T != 1 {
		t.Errorf("the session was not ended: %+v %v", r, err)
	}
	t.Logf("refused after %v, stored after %v", first.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// TestFaultFourProcessesRace: four stores on one database create the same things on condition
// that they are not there, use the same idempotency keys, and count up the same resources and
// items. Everything happens once, T has no gap, and one head of the log is signed.
func TestFaultFourProcessesRace(t *testing.T) {
	ctx := context.Background()
	url, dir := pgtest.URL(t), t.TempDir()
	stores := make([]*postgres.Store, 4)
	for i := range stores {
		stores[i] = open(t, postgres.Options{URL: url, Dir: dir})
	}
	n := 6
	if os.Getenv("OSLER_DRILL") != "" {
		n = 600
	}
	var commits, refused atomic.Int64
	var mu sync.Mutex
	under := map[string]store.T{} // what a key was answered with
	made := map[string]int{}      // conditional creates that took place
	var group sync.WaitGroup
	for who, s := range stores {
		leaf := &ledger.Leaf{Actor: fmt.Sprint("process ", who), Action: ledger.Create}
		group.Go(func() { // idempotency keys
			for i := range n {
				key := fmt.Sprint("key", i)
				r, err := s.Commit(ctx, store.Changeset{Key: key, Writes: []store.Write{observation(fmt.Sprintf("k%d-%d", i, who), "p1", "keyed")}, Leaf: leaf})
				if err != nil {
					t.Error(err)
					return
				}
				if !r.Repeated {
					commits.Add(1)
				}
				mu.Lock()
				if before, ok := under[key]; ok && before != r.T {
					t.Errorf("%s was answered with %d and %d", key, before, r.T)
				}
				under[key] = r.T
				mu.Unlock()
			}
		})
		group.Go(func() { // conditional creates
			for i := range n {
				code := fmt.Sprint("once", i)
				absent := store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: code}}, anything)
				_, err := s.Commit(ctx, store.Changeset{Absent: []store.Plan{absent}, Writes: []store.Write{observation(fmt.Sprintf("c%d-%d", i, who), "p2", code)}, Leaf: leaf})
				switch {
				case err == nil:
					commits.Add(1)
					mu.Lock()
					made[code]++
					mu.Unlock()
				case fault.Is(err, fault.Conflict):
					refused.Add(1)
				default:
					t.Error(err)
					return
				}
			}
		})
		group.Go(func() { // versions of a resource and of an item, together
			for range n {
				for {
					it, err := s.Item(ctx, "race", "counter")
					if err != nil && !fault.Is(err, fault.NotFound) {
						t.Error(err)
						return
					}
					w := observation("counter", "p3", "counted")
					w.Version = it.Version + 1
					_, err = s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Leaf: leaf,
						Items: []store.ItemWrite{{Item: store.Item{Space: "race", Key: "counter", Value: []byte("x")}, IfVersion: it.Version}}})
					if err == nil {
						commits.Add(1)
						break
					}
					if refused.Add(1); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
						t.Error(err)
						return
					}
				}
			}
		})
		group.Go(func() {
			for range 3 {
				if _, err := s.Checkpoint(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for code, times := range made {
		if times != 1 {
			t.Errorf("%s was created %d times", code, times)
		}
	}
	last := stores[3]
	v, err := last.Read(ctx, "Observation", "counter", 0)
	if it, err2 := last.Item(ctx, "race", "counter"); err != nil || err2 != nil || v.Version != int64(4*n) || it.Version != int64(4*n) {
		t.Errorf("%d changes counted to %d and %d: %v %v", 4*n, v.Version, it.Version, err, err2)
	}
	if now, err := last.Now(ctx); err != nil || int64(now) != commits.Load() || len(made) != n || len(under) != n {
		t.Errorf("%d commits took place, T is %d: %v", commits.Load(), now, err)
	}
	var notes [4]string
	for i, s := range stores {
		note, err := s.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if notes[i] = string(note); notes[i] != notes[0] {
			t.Errorf("two heads of the log are signed:\n%s\n%s", notes[0], notes[i])
		}
	}
	if _, err := last.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	t.Logf("%d commits of four stores, %d refused", commits.Load(), refused.Load())
}

// TestFaultTheFeedMissesNothing: a follower that reads Changes when it is told of commits, over
// connections that are reset and go silent, gets every change once and in order.
func TestFaultTheFeedMissesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	base, dir := pgtest.URL(t), t.TempDir()
	w, url := wired(t, base)
	writer := open(t, postgres.Options{URL: base, Dir: dir})
	follower := open(t, postgres.Options{URL: url, Dir: dir})
	wake := make(chan struct{}, 1)
	follower.Watch(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	n := 100 * rounds(1)
	go func() {
		for i := range n {
			if _, err := writer.Commit(ctx, single(fmt.Sprint("o", i))); err != nil {
				t.Error(err)
				return
			}
			if i%30 == 15 {
				w.each((*line).reset)
			} else if i%200 == 50 {
				w.each((*line).drop)
			}
		}
	}()
	at, failed := store.T(0), 0
	for began := time.Now(); at < store.T(n); {
		select {
		case <-wake:
		case <-time.After(time.Minute):
			t.Fatalf("nobody told of a commit for a minute; %d of %d were read", at, n)
		}
		for {
			changes, upTo, err := follower.Changes(ctx, at, 7)
			if err != nil {
				failed++
				time.Sleep(20 * time.Millisecond)
				continue
			}
			for i, v := range changes {
				if v.T != at+store.T(i)+1 {
					t.Fatalf("after %d the feed has %d", at, v.T)
				}
			}
			if upTo == at {
				break
			}
			at = upTo
		}
		if time.Since(began) > 10*time.Minute {
			t.Fatal("the feed does not get to its end")
		}
	}
	t.Logf("%d changes were read once and in order; %d reads failed meanwhile", at, failed)
}

// clocks is the file that the server's clock follows.
func clocks(t *testing.T) (set func(offset string)) {
	t.Helper()
	libraries, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if len(libraries) == 0 {
		t.Skip("skipped: libfaketime is not installed")
	}
	file := filepath.Join(t.TempDir(), "time")
	set = func(offset string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(offset+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir := filepath.Dir(file); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { // the server is another user
			t.Fatal(err)
		}
	}
	variables := []string{"LD_PRELOAD=" + libraries[0], "FAKETIME_TIMESTAMP_FILE=" + file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"}
	if os.Getuid() != 0 {
		for _, v := range variables {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		return set
	}
	// The library shares memory between processes, which must be of one user: it is loaded
	// once the server's programs have become theirs.
	real, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("skipped: setpriv is not installed")
	}
	bin := filepath.Dir(file)
	script := "#!/bin/sh\nset -e\nuser=\"$1 $2 $3 $4 $5\"\nshift 5\nexec " + real + " $user env " + strings.Join(variables, " ") + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "setpriv"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return set
}

// TestFaultTheServersClockJumps: the clock of the server is years off and jumps while two
// processes commit. Order, dates, what expires and what an idempotency key finds come from
// the processes' clock.
func TestFaultTheServersClockJumps(t *testing.T) {
	set := clocks(t)
	set("+0")
	c := pgtest.Start(t)
	ctx := context.Background()
	dir := t.TempDir()
	now := clock.NewManual(start)
	open := func() *postgres.Store {
		s, err := postgres.Open(ctx, postgres.Options{URL: c.URL(), Dir: dir, Keyring: keys(t, dir, dir), Clock: now, Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	a, b := open(), open()
	admin := connected(t, c.URL())
	defer admin.Close(ctx)
	leaf := &ledger.Leaf{Actor: "drill", Action: ledger.Create}
	keyed := store.Changeset{Key: "key", Leaf: leaf, Writes: []store.Write{observation("keyed", "p", "c1")},
		Items: []store.ItemWrite{{Item: store.Item{Space: "s", Key: "expires", Value: []byte("v"), Expires: start.Add(time.Hour)}, IfVersion: -1}}}
	if _, err := a.Commit(ctx, keyed); err != nil {
		t.Fatal(err)
	}
	stored := store.T(1)
	for i, offset := range []string{"+1000d", "-1000d", "+1d", "-2h", "+0"} {
		set(offset)
		var server time.Time
		if err := admin.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&server); err != nil {
			t.Fatal(err)
		}
		off := time.Until(server).Abs()
		if offset != "+0" && off < time.Hour {
			t.Fatalf("the server's clock is only %v off", off)
		}
		for j, s := range []*postgres.Store{a, b} {
			r, err := s.Commit(ctx, single(fmt.Sprintf("o%d-%d", i, j)))
			if stored++; err != nil || r.T != stored {
				t.Fatalf("%s: %+v %v", offset, r, err)
			}
			if r, err := s.Commit(ctx, keyed); err != nil || !r.Repeated || r.T != 1 {
				t.Errorf("%s: the key finds %+v %v", offset, r, err)
			}
			if _, err := s.Item(ctx, "s", "expires"); err != nil {
				t.Errorf("%s: the item is gone: %v", offset, err)
			}
		}
		if _, err := a.Checkpoint(ctx); err != nil {
			t.Error(err)
		}
	}
	now.Advance(2 * time.Hour)
	if _, err := b.Item(ctx, "s", "expires"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the item has not expired: %v", err)
	}
	commits, err := a.Commits(ctx, 0, 100)
	if err != nil || len(commits) != int(stored) {
		t.Fatalf("%d commits: %v", len(commits), err)
	}
	for _, k := range commits {
		if !k.At.Equal(start) {
			t.Errorf("commit %d is dated %v by a clock that stood at %v", k.T, k.At, start)
		}
	}
	if _, err := b.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}
