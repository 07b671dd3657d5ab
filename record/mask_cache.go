package record

import (
	"runtime"
	"sync"
	"weak"

	"github.com/osler-emr/osler/trust/policy"
)

// maskedBodies remembers what bodies look like under a mask. A store gives the same bytes for the
// same version as long as it remembers them; an entry holds for those bytes only, not for equal
// ones, and goes when they go: when the store forgets a shredded patient, so does this.
type maskedBodies struct {
	mu     sync.Mutex
	bodies map[maskedBody][]byte
}

type maskedBody struct {
	body weak.Pointer[byte]
	size int
	mask policy.Mask
}

// maxMasked is how many are remembered at most.
const maxMasked = 10_000

// of returns what is seen of a body; nobody may change it.
func (b *maskedBodies) of(m policy.Mask, resourceType string, body []byte) ([]byte, error) {
	if !m.Touches(resourceType, body) {
		return body, nil
	}
	key := maskedBody{weak.Make(&body[0]), len(body), m}
	b.mu.Lock()
	seen, ok := b.bodies[key]
	b.mu.Unlock()
	if ok {
		return seen, nil
	}
	seen, err := m.Body(resourceType, body)
	if err != nil {
		return nil, err
	}
	seen = seen[:len(seen):len(seen)]
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.bodies) >= maxMasked {
		return seen, nil
	}
	if b.bodies == nil {
		b.bodies = map[maskedBody][]byte{}
	}
	b.bodies[key] = seen
	runtime.AddCleanup(&body[0], b.forget, key)
	return seen, nil
}

func (b *maskedBodies) forget(key maskedBody) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.bodies, key)
}
