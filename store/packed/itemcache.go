package packed

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// ItemCache keeps items as they were last read: every request asks for the same token or
// session and the same account. What a commit of this process wrote is forgotten before the commit
// is answered, and what was read meanwhile is not kept. So it is exact where nobody else writes to
// the database; where others do, For says how old an item may be.
type ItemCache struct {
	// For is how long an item is used after it was read; 0 for ever.
	For time.Duration
	// Only are the spaces that are kept; nil for all.
	Only map[string]bool

	mu    sync.RWMutex
	items map[itemKey]keptItem
	round int64 // of writing
}

type itemKey struct{ space, key string }

type keptItem struct {
	store.Item
	read time.Time
}

// maxItems and maxItemSize bound the memory.
const (
	maxItems    = 4096
	maxItemSize = 8 << 10
)

// Item returns an item that is kept, or reads it.
func (c *ItemCache) Item(ctx context.Context, s *Reader, space, key string) (store.Item, error) {
	if c.Only != nil && !c.Only[space] {
		return s.Item(ctx, space, key)
	}
	k := itemKey{space, key}
	it, ok, round := c.get(k)
	if !ok {
		began := time.Now()
		read, err := s.Item(ctx, space, key)
		if err == nil {
			c.keep(k, keptItem{read, began}, round)
		}
		return read, err
	}
	if !it.Expires.IsZero() && it.Expires.UnixMilli() <= s.clock.Now().UnixMilli() {
		return store.Item{}, fault.New(fault.NotFound, "There is no such item.")
	}
	it.Value = bytes.Clone(it.Value) // which is the caller's
	return it.Item, nil
}

// get returns an item and the round; keep takes the round back.
func (c *ItemCache) get(k itemKey) (it keptItem, ok bool, round int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	it, ok = c.items[k]
	return it, ok && (c.For == 0 || time.Since(it.read) < c.For), c.round
}

// keep remembers an item that was read from a transaction that began in a round, unless
// something was written since.
func (c *ItemCache) keep(k itemKey, it keptItem, round int64) {
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
		c.items = map[itemKey]keptItem{}
	}
	c.items[k] = it
}

// Forget drops what was written.
func (c *ItemCache) Forget(written ...store.ItemWrite) {
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

// ForgetAll drops everything.
func (c *ItemCache) ForgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	c.items = nil
}
