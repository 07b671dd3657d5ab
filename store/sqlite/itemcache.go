package sqlite

import (
	"bytes"
	"context"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// itemCache keeps items as they were last read: every request asks for the same token or
// session and the same account. It is exact, because nobody else writes to the database: what a
// commit wrote is forgotten before the commit is answered, and what was read meanwhile is not
// kept.
type itemCache struct {
	mu    sync.RWMutex
	items map[itemKey]store.Item
	round int64 // of writing
}

type itemKey struct{ space, key string }

// maxItems and maxItemSize bound the memory.
const (
	maxItems    = 4096
	maxItemSize = 8 << 10
)

// get returns an item and the round; keep takes the round back.
func (c *itemCache) get(k itemKey) (it store.Item, ok bool, round int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	it, ok = c.items[k]
	return it, ok, c.round
}

// keep remembers an item that was read from a transaction that began in a round, unless
// something was written since.
func (c *itemCache) keep(k itemKey, it store.Item, round int64) {
	if len(it.Value) > maxItemSize {
		return
	}
	it.Value = bytes.Clone(it.Value)
	c.mu.Lock()
	defer c.mu.Unlock()
	if round != c.round {
		return
	}
	if c.items == nil || len(c.items) >= maxItems {
		c.items = map[itemKey]store.Item{}
	}
	c.items[k] = it
}

// forget drops what was written.
func (c *itemCache) forget(written ...store.ItemWrite) {
	if len(written) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	for i := range written {
		delete(c.items, itemKey{written[i].Space, written[i].Key})
	}
}

// forgetAll drops everything.
func (c *itemCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	c.items = nil
}

// Item implements store.Store.
func (s *Store) Item(ctx context.Context, space, key string) (store.Item, error) {
	if s.closed.Load() {
		return store.Item{}, errClosed
	}
	k := itemKey{space, key}
	it, ok, round := s.items.get(k)
	if !ok {
		var err error
		if it, err = s.Reader.Item(ctx, space, key); err == nil {
			s.items.keep(k, it, round)
		}
		return it, err
	}
	if !it.Expires.IsZero() && it.Expires.UnixMilli() <= s.clock.Now().UnixMilli() {
		return store.Item{}, fault.New(fault.NotFound, "There is no such item.")
	}
	it.Value = bytes.Clone(it.Value) // which is the caller's
	return it, nil
}
