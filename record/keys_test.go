package record

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// Administrators change the keys while the record is in use, and the calendar does; both are in the
// log, and what is stored is read as before.
func TestKeysChangeWhileTheRecordIsInUse(t *testing.T) {
	c := open(t)
	admin := c.as(trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator})
	if err := c.as(physician).ChangeKeys(ctx); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a physician changes the keys: %v", err)
	}
	if _, err := c.as(physician).KeyState(ctx); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a physician sees the state of the keys: %v", err)
	}
	first, err := admin.KeyState(ctx)
	if err != nil || first.Wrap != 1 || first.Keys == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	inner, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		c.gate.KeepKeys(inner, 30*24*time.Hour, slog.New(slog.DiscardHandler))
		close(ended)
	}()
	until := func(wrap int64) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			s, err := admin.KeyState(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if s.Wrap == wrap && s.Waiting == 0 && !s.Ended.IsZero() && s.Done == s.Patients {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the change does not end: %+v", s)
			}
		}
	}
	if err := admin.ChangeKeys(ctx); err != nil {
		t.Fatal(err)
	}
	until(2)
	c.clock.Advance(31 * 24 * time.Hour)
	select {
	case c.gate.changing <- struct{}{}: // it looks at the calendar each minute
	default:
	}
	until(3)
	stop()
	<-ended
	if _, err := c.as(physician).Read(ctx, "Patient", "rosa"); err != nil {
		t.Error(err)
	}
}

// One change of keys runs at a time, a former one goes on behind a restart, and what opens the record is noted once.
func TestOneChangeOfKeysAtATime(t *testing.T) {
	c := open(t)
	admin := c.as(trust.Principal{ID: "acc-ada", Name: "Ada", Role: trust.Administrator})
	if err := admin.ChangeKeys(ctx); err != nil {
		t.Fatal(err)
	}
	if err := admin.ChangeKeys(ctx); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second change: %v", err)
	}
	after := Open(c.gate.lean, c.clock) // another process, or this one started again
	for done := false; !done; {
		var err error
		if done, err = after.WorkOnKeys(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := admin.KeyState(ctx); err != nil || s.Wrap != 2 || s.Waiting != 0 || s.Done != s.Patients || s.Ended.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	if err := admin.ChangeKeys(ctx); err != nil {
		t.Errorf("behind the end of the first one: %v", err)
	}
	if _, err := c.as(physician).OpenedBy(ctx, "m", "key-file"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a physician asks what opens the record: %v", err)
	}
	first, err := admin.OpenedBy(ctx, "m", "key-file")
	if err != nil || !first.Equal(c.clock.Now()) {
		t.Fatalf("%v, %v", first, err)
	}
	c.clock.Advance(time.Hour)
	if again, err := admin.OpenedBy(ctx, "m", "key-file"); err != nil || !again.Equal(first) {
		t.Errorf("known since %v, and since %v an hour later, %v", first, again, err)
	}
}
