package identity

import (
	"encoding/json"
	"sync"
)

// decoded remembers what values of items say, so that the same token and the same account are
// not parsed again for each request. It is keyed by the whole value: one that was changed is
// another one, and nothing has to be forgotten. What it returns is shared; it is only read.
type decoded[T any] struct {
	mu    sync.RWMutex
	known map[string]T
}

// maxDecoded bounds the memory.
const maxDecoded = 4096

func (d *decoded[T]) of(value []byte) (T, error) {
	d.mu.RLock()
	v, ok := d.known[string(value)]
	d.mu.RUnlock()
	if ok {
		return v, nil
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return v, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDecoded {
		d.known = map[string]T{}
	}
	d.known[string(value)] = v
	return v, nil
}
