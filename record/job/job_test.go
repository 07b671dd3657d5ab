package job

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// ending is a store that calls ended when the end of a job is in it, before it has said so.
type ending struct {
	store.Store
	ended func()
}

func (s *ending) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	r, err := s.Store.Commit(ctx, c)
	if c.Leaf != nil && strings.HasPrefix(c.Leaf.Query, "end ") {
		s.ended()
	}
	return r, err
}

type office struct {
	t     testing.TB
	desk  *Desk
	store store.Store
	gate  *record.Gate
	clock *clock.Manual
	ada   *record.Actor
	log   bytes.Buffer
}

func open(t testing.TB) *office {
	t.Helper()
	dir := t.TempDir()
	o := &office{t: t, clock: clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	if o.store, err = sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: o.clock, Readers: 2, CacheKiB: 2048}); err != nil {
		t.Fatal(err)
	}
	o.gate = record.Open(o.store, o.clock)
	o.desk = Open(o.store, o.gate, o.clock, slog.New(slog.NewTextHandler(&o.log, nil)))
	o.ada = o.gate.As(trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator}, "test")
	t.Cleanup(func() { o.desk.Close(); o.store.Close() })
	return o
}

func (o *office) start(work Work) Job {
	o.t.Helper()
	j, err := o.desk.Start(context.Background(), o.ada, "sweep", work)
	if err != nil || j.State != Running {
		o.t.Fatalf("%+v %v", j, err)
	}
	return j
}

// ends waits until a job does not run any more.
func (o *office) ends(id string) Job {
	o.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		j, err := o.desk.Find(context.Background(), o.ada, "sweep", id)
		if err != nil {
			o.t.Fatal(err)
		}
		if j.State != Running {
			return j
		}
	}
	o.t.Fatal("the job does not end")
	return Job{}
}

func TestJobsEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		work   Work
		state  State
		reason string
		result string
	}{
		{"done", func(context.Context, func(string, any)) (any, error) { return 7, nil }, Done, "", "7"},
		{"fault", func(context.Context, func(string, any)) (any, error) {
			return 3, fault.New(fault.Unavailable, "The disk is full.")
		}, Failed, "The disk is full.", "3"},
		{"error", func(_ context.Context, tell func(string, any)) (any, error) {
			tell("half", 2)
			return nil, errors.New("secret detail")
		}, Failed, "the server's log", "2"},
		{"panic", func(context.Context, func(string, any)) (any, error) { panic("oh") }, Failed, "the server's log", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			started := o.start(c.work)
			j := o.ends(started.ID)
			if j.State != c.state || !strings.Contains(j.Reason, c.reason) || string(j.Result) != c.result || strings.Contains(j.Reason, "secret") || j.Owner != "acc-ada" || j.Ended.IsZero() {
				t.Errorf("%+v %s", j, j.Result)
			}
			if _, err := o.desk.Find(context.Background(), o.ada, "other", j.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("another kind: %v", err)
			}
			for _, who := range []trust.Principal{{ID: "acc-bob", Role: trust.Administrator}, {}} {
				if _, err := o.desk.Find(context.Background(), o.gate.As(who, "test"), "sweep", j.ID); !fault.Is(err, fault.NotFound) {
					t.Errorf("%q finds another's job: %v", who.ID, err)
				}
			}
			o.clock.Advance(keptFor + time.Hour)
			if _, err := o.desk.Find(context.Background(), o.ada, "sweep", j.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("after a week: %v", err)
			}
		})
	}
}

func TestOneAtATimeAndCancel(t *testing.T) {
	o := open(t)
	under := make(chan struct{})
	wait := func(ctx context.Context, tell func(string, any)) (any, error) {
		tell("waiting", 1)
		close(under)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	j := o.start(wait)
	<-under
	if _, err := o.desk.Start(context.Background(), o.ada, "sweep", wait); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second one: %v", err)
	}
	if now, err := o.desk.Find(context.Background(), o.ada, "sweep", j.ID); err != nil || now.Progress != "waiting" || string(now.Result) != "1" {
		t.Errorf("%+v %v", now, err)
	}
	if err := o.desk.Cancel(context.Background(), o.gate.As(trust.Principal{ID: "acc-bob", Role: trust.Administrator}, "test"), "sweep", j.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another cancels: %v", err)
	}
	if err := o.desk.Cancel(context.Background(), o.ada, "sweep", j.ID); err != nil {
		t.Fatal(err)
	}
	if j = o.ends(j.ID); j.State != Cancelled || string(j.Result) != "1" {
		t.Errorf("%+v", j)
	}
	under = make(chan struct{})
	j = o.start(wait)
	<-under
	o.desk.Close()
	if j = o.ends(j.ID); j.State != Interrupted {
		t.Errorf("%+v", j)
	}
	if _, err := o.desk.Start(context.Background(), o.ada, "sweep", wait); !fault.Is(err, fault.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAJobHasEndedWhenTheNextMayStart: who is told of the end may start another at once, and forget this one.
func TestAJobHasEndedWhenTheNextMayStart(t *testing.T) {
	o := open(t)
	at, ids := &ending{Store: o.store}, make(chan string, 1)
	o.gate = record.Open(at, o.clock)
	o.ada = o.gate.As(o.ada.Principal(), "test")
	at.ended = func() {
		if j, err := o.desk.Find(context.Background(), o.ada, "sweep", <-ids); err != nil || j.State != Running || !j.Ended.IsZero() {
			t.Errorf("while the desk is not free: %+v %v", j, err)
		}
	}
	work := func(context.Context, func(string, any)) (any, error) { return nil, nil }
	for range 2 {
		j := o.start(work)
		ids <- j.ID
		if j = o.ends(j.ID); j.State != Done {
			t.Errorf("%+v", j)
		}
		if err := o.desk.Cancel(context.Background(), o.ada, "sweep", j.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := o.desk.Find(context.Background(), o.ada, "sweep", j.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("forgotten: %v", err)
		}
	}
}
