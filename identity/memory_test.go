package identity

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// memory keeps items and leaves the way the contract of store says; the rest of the
// contract is absent, so that a test that needs it fails loudly.
type memory struct {
	store.Store
	mu     sync.Mutex
	clock  clock.Clock
	items  map[string]store.Item
	leaves []ledger.Leaf
}

func newMemory(c clock.Clock) *memory { return &memory{clock: c, items: map[string]store.Item{}} }

func (m *memory) Commit(_ context.Context, c store.Changeset) (store.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Leaf == nil {
		return store.Receipt{}, fault.New(fault.Internal, "no leaf")
	}
	for _, w := range c.Items {
		have := m.live(w.Space, w.Key).Version
		if w.IfVersion != -1 && w.IfVersion != have {
			return store.Receipt{}, fault.New(fault.Conflict, "version %d, not %d", have, w.IfVersion)
		}
	}
	for _, w := range c.Items {
		key := w.Space + "/" + w.Key
		if w.Delete {
			delete(m.items, key)
			continue
		}
		it := w.Item
		it.Version = m.live(w.Space, w.Key).Version + 1
		m.items[key] = it
	}
	m.leaves = append(m.leaves, *c.Leaf)
	return store.Receipt{T: store.T(len(m.leaves)), Leaf: int64(len(m.leaves) - 1)}, nil
}

func (m *memory) live(space, key string) store.Item {
	it := m.items[space+"/"+key]
	if !it.Expires.IsZero() && !m.clock.Now().Before(it.Expires) {
		return store.Item{}
	}
	return it
}

func (m *memory) Item(_ context.Context, space, key string) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if it := m.live(space, key); it.Version != 0 {
		return it, nil
	}
	return store.Item{}, fault.New(fault.NotFound, "no item")
}

func (m *memory) Items(_ context.Context, space, owner string) ([]store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Item
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		it := m.items[key]
		if it.Space == space && (owner == "" || it.Owner == owner) && m.live(space, it.Key).Version != 0 {
			out = append(out, it)
		}
	}
	return out, nil
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
