package record

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// A closure table is its principal's, and only the reader of the last version may store the next.
func TestClosureTables(t *testing.T) {
	c := open(t)
	a := c.as(nurse)
	if err := a.KeepClosure(ctx, "mine", []byte(`{"version":1}`), 0); err != nil {
		t.Fatal(err)
	}
	// Another gate to the same store: nothing of a table lives in the process.
	got, err := Open(c.store, c.clock).As(nurse, "test").Closure(ctx, "mine")
	if err != nil || string(got.Value) != `{"version":1}` || got.Version != 1 {
		t.Fatalf("%s at %d: %v", got.Value, got.Version, err)
	}
	if err := a.KeepClosure(ctx, "mine", []byte(`{"version":2}`), got.Version); err != nil {
		t.Error(err)
	}
	past, err := a.AsOf(ctx, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	for about, refusal := range map[string]struct {
		err  error
		want fault.Code
	}{
		"an older version":  {a.KeepClosure(ctx, "mine", []byte(`{}`), got.Version), fault.Conflict},
		"as if it were new": {a.KeepClosure(ctx, "mine", []byte(`{}`), 0), fault.Conflict},
		"without a name":    {a.KeepClosure(ctx, "", []byte(`{}`), 0), fault.Invalid},
		"too large":         {a.KeepClosure(ctx, "big", make([]byte, maxClosure+1), 0), fault.TooLarge},
		"in the past":       {past.KeepClosure(ctx, "mine", []byte(`{}`), 2), fault.Forbidden},
		"by nobody":         {c.as(trust.Principal{}).KeepClosure(ctx, "mine", []byte(`{}`), 0), fault.Forbidden},
	} {
		if !fault.Is(refusal.err, refusal.want) {
			t.Errorf("%s: %v, want %s", about, refusal.err, refusal.want)
		}
	}
	for about, other := range map[string]*Actor{"another person": c.as(physician), "nobody": c.as(trust.Principal{})} {
		if _, err := other.Closure(ctx, "mine"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s reads it: %v", about, err)
		}
	}
	for i := range MaxClosures - 1 {
		if err := a.KeepClosure(ctx, strings.Repeat("x", i+1), []byte(`{}`), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.KeepClosure(ctx, "one too many", []byte(`{}`), 0); !fault.Is(err, fault.TooCostly) {
		t.Errorf("one too many: %v", err)
	}
	if err := a.KeepClosure(ctx, "mine", []byte(`{}`), 2); err != nil {
		t.Errorf("a table that is there: %v", err)
	}
}
