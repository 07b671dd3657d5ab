package ledger

import (
	"context"
	"sync/atomic"
)

// Tally counts the leaves that one request left. A door asks it at the end: what was answered
// without any leaf gets one of its own.
type Tally struct{ count atomic.Int64 }

type tallyKey struct{}

// WithTally returns a context whose commits are counted.
func WithTally(ctx context.Context) (context.Context, *Tally) {
	t := &Tally{}
	return context.WithValue(ctx, tallyKey{}, t), t
}

// Committed is called by a store for each leaf that it took.
func Committed(ctx context.Context) {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		t.count.Add(1)
	}
}

// Count returns how many leaves there are.
func (t *Tally) Count() int64 { return t.count.Load() }
