package record

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/store"
)

// shared is a store of several processes: it tells of their commits.
type shared struct {
	store.Store
	mu    sync.Mutex
	tells []func()
}

func (s *shared) Watch(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tells = append(s.tells, f)
}

func (s *shared) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.tells {
		f()
	}
}

// TestFollow: what another process commits wakes those who wait for changes, tells Keepers,
// and its search parameters are searched by.
func TestFollow(t *testing.T) {
	c := open(t)
	s := &shared{Store: c.store}
	c.found()
	here := clinic{t: t, gate: Open(s, c.clock), store: s, clock: c.clock}
	keeper := &stamper{}
	here.gate.Keeps("Basic", keeper)
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); here.gate.Follow(ctx) }()
	defer func() { stop(); <-done }()
	for began := time.Now(); ; time.Sleep(time.Millisecond) { // it follows from now on
		s.mu.Lock()
		n := len(s.tells)
		s.mu.Unlock()
		if n > 0 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("it does not follow")
		}
	}
	c.commit(physician, walker("before", 37)) // may be in front of the T from which it follows
	here.as(physician).Count(ctx, "Patient", url.Values{"family": {"Walker"}})
	time.Sleep(20 * time.Millisecond)
	changed := here.gate.Changed()
	c.commit(physician, `{"resourceType":"Basic","code":{"text":"x"}}`)
	c.commit(admin, shoe("s1", "shoe"))
	s.tell()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("who waits for a change of another process is not told")
	}
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		n, err := here.as(physician).Count(ctx, "Patient", url.Values{"shoe": {"37"}})
		if err == nil && n == 1 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("a search parameter of another process: %d, %v", n, err)
		}
	}
	if keeper.kept == 0 {
		t.Error("the Keeper was not told")
	}
}
