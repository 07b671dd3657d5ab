package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// proxy stands between a store and its database, and cuts connections at the worst moment:
// while a commit is under way.
type proxy struct {
	to   string
	cut  atomic.Int32 // what happens to the next commit
	cuts atomic.Int64
}

const (
	never  = iota
	before // the server never gets the commit
	after  // the server commits, the answer is lost
	late   // the server gets the commit after it has given the client up
)

// through starts a proxy and returns the URL that leads through it.
func through(t *testing.T, base string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	q := u.Query()
	if q.Get("host") == "" {
		t.Skip("skipped: the server is not on a socket of this machine")
	}
	p := &proxy{to: filepath.Join(q.Get("host"), socket)}
	dir, err := os.MkdirTemp("", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return p, u.String()
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				client.Close()
				return
			}
			if !deaf.Load() {
				client.Write(buf[:n])
			}
		}
	}()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		// A group's last message binds the name of the channel, and no other does.
		if bytes.Contains(buf[:n], []byte("osler_")) && !bytes.Contains(buf[:n], []byte("LISTEN")) {
			switch p.cut.Swap(never) {
			case before:
				p.cuts.Add(1)
				return
			case late:
				p.cuts.Add(1)
				time.Sleep(6 * time.Second)
			case after:
				p.cuts.Add(1)
				deaf.Store(true)
				server.Write(buf[:n])
				time.Sleep(30 * time.Millisecond)
				return
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestACommitWhoseAnswerIsLost: the connection is cut right before or right after the server
// commits. No changeset has a key of its own here: the store finds out by the group's.
func TestACommitWhoseAnswerIsLost(t *testing.T) {
	p, through := through(t, pgtest.URL(t))
	s := open(t, postgres.Options{URL: through, Dir: t.TempDir()})
	everything := func(string) search.Expr { return search.All{} }
	n := 20 * rounds(1)
	for i := range n {
		p.cut.Store(int32(before + i%2))
		w := observation(fmt.Sprint("o", i), "p", "c1")
		r, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}})
		if err != nil || int64(r.T) != int64(i+1) {
			t.Fatalf("change %d: %+v, %v", i, r, err)
		}
	}
	if p.cuts.Load() != int64(n) {
		t.Errorf("%d of %d commits were cut", p.cuts.Load(), n)
	}
	total, err := s.Count(context.Background(), store.NewPlan(search.Query{Type: "Observation", Where: search.All{}}, everything))
	if err != nil || total != int64(n) {
		t.Errorf("%d of %d are stored: %v", total, n, err)
	}
	if _, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

// TestAProcessStandsStillWhileItCommits: it holds the lock for longer than the server allows.
// The others go on, and what it had in hand is stored once, with a T of its own.
func TestAProcessStandsStillWhileItCommits(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 8 s")
	}
	base := pgtest.URL(t)
	p, through := through(t, base)
	dir := t.TempDir()
	slow, other := open(t, postgres.Options{URL: through, Dir: dir}), open(t, postgres.Options{URL: base, Dir: dir})
	commit := func(s *postgres.Store, id string) (store.Receipt, error) {
		return s.Commit(context.Background(), store.Changeset{Writes: []store.Write{observation(id, "p", "c1")}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}})
	}
	if _, err := commit(other, "first"); err != nil {
		t.Fatal(err)
	}
	p.cut.Store(late)
	done := make(chan error, 1)
	go func() {
		_, err := commit(slow, "slow")
		done <- err
	}()
	for p.cuts.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	acknowledged := int64(1)
	for i := range 4 { // the first one or two may fail while the lock is held
		if _, err := commit(other, fmt.Sprint("other", i)); err == nil {
			acknowledged++
		} else if !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
	}
	if acknowledged < 3 {
		t.Errorf("the other process stored %d changes while the first stood still", acknowledged)
	}
	if err := <-done; err == nil {
		acknowledged++
	} else if _, missing := slow.Read(context.Background(), "Observation", "slow", 0); missing == nil {
		t.Errorf("what was refused is stored: %v", err)
	}
	if now, err := other.Now(context.Background()); err != nil || int64(now) != acknowledged {
		t.Errorf("%d commits, %d were acknowledged: %v", now, acknowledged, err)
	}
	for _, s := range []*postgres.Store{slow, other} {
		if _, err := s.Checkpoint(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil {
			t.Error(err)
		}
	}
}
