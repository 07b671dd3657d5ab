package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/sqlite/lossy"
	"github.com/osler-emr/osler/trust/ledger"
)

// diskFault is a way in which an operation fails.
type diskFault struct {
	name string
	out  lossy.Outcome
	last int64 // how many operations fail, from the n-th on
	only lossy.Kind
	// survives says that the store must go on by itself when the cause is gone.
	survives bool
}

var diskFaults = []diskFault{
	{name: "EIO", out: lossy.Outcome{Err: syscall.EIO}, last: 1},
	{name: "short write", out: lossy.Outcome{Err: syscall.EIO, Half: true}, last: 1, only: lossy.Write},
	{name: "full for one operation", out: lossy.Outcome{Err: syscall.ENOSPC}, last: 1, only: lossy.Write, survives: true},
	{name: "full, half written", out: lossy.Outcome{Err: syscall.ENOSPC, Half: true}, last: 1, only: lossy.Write, survives: true},
	{name: "full for a while", out: lossy.Outcome{Err: syscall.ENOSPC}, last: 60, only: lossy.Write, survives: true},
	{name: "read-only for a while", out: lossy.Outcome{Err: syscall.EROFS}, last: 60, only: lossy.Write, survives: true},
	{name: "sync fails and forgets", out: lossy.Outcome{Err: syscall.EIO, Forget: true}, last: 1, only: lossy.Sync},
	{name: "sync finds no space and forgets", out: lossy.Outcome{Err: syscall.ENOSPC, Forget: true}, last: 1, only: lossy.Sync},
}

// scenarioSteps is the length of the day's work in which each operation fails once.
const scenarioSteps = 40

// TestAbuseD19EveryOperationFailsOnce lets operation n of a day's work fail, for every n, in every
// way. Nothing is acknowledged that is not stored, what is refused is refused in a clear
// sentence, charts can be read meanwhile, and a full disk is forgotten when it is no longer
// full; after a failed sync nothing more is stored until a restart.
func TestAbuseD19EveryOperationFailsOnce(t *testing.T) {
	b := newBench(t, 0)
	kinds := map[int64]lossy.Kind{}
	b.seen = func(op lossy.Op) { kinds[op.N] = op.Kind }
	total, err := b.failing(1<<40, diskFault{})
	b.seen = nil
	if err != nil {
		t.Fatal(err)
	}
	stride := int64(41)
	if os.Getenv("OSLER_DRILL") != "" {
		stride = 1
	}
	began, n := time.Now(), 0
	for i, f := range diskFaults {
		for at := 1 + int64(i*7)%stride; at <= total; at += stride {
			if f.only != "" && kinds[at] != f.only {
				continue
			}
			if _, err := b.failing(at, f); err != nil {
				t.Fatalf("operation %d of %d, %s: %v", at, total, f.name, err)
			}
			n++
		}
	}
	t.Logf("%d failures in %d operations of %d steps, in %v", n, total, scenarioSteps, time.Since(began).Round(time.Millisecond))
}

// failing does the day's work on a disk of which operation n fails, and checks the record
// before and after a power loss. It returns the number of operations.
func (b *bench) failing(n int64, f diskFault) (ops int64, err error) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(3, 3)) // always the same work
	b.fresh(uint64(n))
	failed := false
	b.disk.Fault = func(op lossy.Op) lossy.Outcome {
		if b.seen != nil {
			b.seen(op)
		}
		if op.N < n || op.N >= n+f.last || f.only != "" && op.Kind != f.only {
			return lossy.Outcome{}
		}
		failed = true
		return f.out
	}
	o := newOracle(rng)
	s, err := b.open()
	if err != nil && !failed {
		return 0, err
	}
	if s != nil {
		for range scenarioSteps {
			if err := o.work(ctx, s); err != nil {
				s.Close()
				return 0, err
			}
		}
		b.disk.Fault = nil // the cause is gone
		err = o.afterFault(ctx, s, failed && f.survives)
		s.Close()
		if err != nil {
			return 0, err
		}
	} else if err := clear(err); err != nil {
		return 0, fmt.Errorf("while opening: %w", err)
	}
	ops = b.disk.Ops()
	b.disk.Fault = nil
	b.disk.Boot()
	if s, err = b.open(); err != nil {
		return 0, fmt.Errorf("after a power loss it does not open: %w", err)
	}
	defer s.Close()
	if err := o.check(ctx, s); err != nil {
		return 0, fmt.Errorf("after a power loss: %w", err)
	}
	return ops, nil
}

// afterFault looks at a store on whose disk something has failed.
func (o *oracle) afterFault(ctx context.Context, s *sqlite.Store, survives bool) error {
	for _, err := range o.refusals {
		if err := clear(err); err != nil {
			return err
		}
	}
	for _, id := range o.order { // reads go on
		versions := o.resources[id]
		last := versions[len(versions)-1]
		if v, err := s.ReadVersion(ctx, last.Type, id, last.Version); err != nil || !same(v, last) {
			return fmt.Errorf("%s cannot be read after the failure: %w", id, err)
		}
	}
	if !survives {
		return nil
	}
	set := store.Changeset{Writes: []store.Write{observation("afterwards", "p0", 1, "c", start)}, Leaf: &ledger.Leaf{Actor: "drill", Action: ledger.Create}}
	r, err := s.Commit(ctx, set)
	if err != nil {
		return fmt.Errorf("the cause is gone, but it is refused: %w", err)
	}
	if err := o.settle(ctx, s); err != nil {
		return err
	}
	return o.answered(set, r, nil)
}

// clear returns an error unless a refusal is a sentence for a person.
func clear(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Unavailable || !strings.Contains(f.Message, "disk") || strings.Contains(f.Message, "sqlite") {
		return fmt.Errorf("the refusal is not clear: %w", err)
	}
	return nil
}
