package ledger

import (
	"context"
	"sync/atomic"
)

// Tally counts the leaves that one request left. A door asks it at the end: what was answered
// without any leaf gets one of its own.
type Tally struct {
	count   atomic.Int64
	network string
}

type tallyKey struct{}

// WithTally returns a context whose commits are counted; network is from where the request came.
func WithTally(ctx context.Context, network string) (context.Context, *Tally) {
	t := &Tally{network: network}
	return context.WithValue(ctx, tallyKey{}, t), t
}

// Placed returns the leaf with the network that the request came from, when it says none.
func Placed(ctx context.Context, l *Leaf) *Leaf {
	t, ok := ctx.Value(tallyKey{}).(*Tally)
	if !ok || l == nil || l.Network != "" || t.network == "" {
		return l
	}
	placed := *l
	placed.Network = t.network
	return &placed
}

// Committed is called by a store for each leaf that it took.
func Committed(ctx context.Context) {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		t.count.Add(1)
	}
}

// Count returns how many leaves there are.
func (t *Tally) Count() int64 { return t.count.Load() }
