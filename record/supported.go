package record

import (
	"context"
	"sync"

	"github.com/osler-emr/osler/store"
)

// listing is the stored profiles by type, read once for each state of the definitions.
type listing struct {
	mu      sync.Mutex
	state   int // counts the writes of definitions
	read    bool
	content map[string][]string
}

func (l *listing) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state++
	l.read, l.content = false, nil
}

// Supported returns the profiles that are stored, by the type they are for, the one stored
// last first. The same map comes back until a definition changes. Definitions are open to
// everyone.
func (g *Gate) Supported(ctx context.Context) (map[string][]string, error) {
	l := &g.listed
	l.mu.Lock()
	read, content, state := l.read, l.content, l.state
	l.mu.Unlock()
	if read {
		return content, nil
	}
	content, err := g.listProfiles(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == state { // nothing was written meanwhile
		l.read, l.content = true, content
	}
	return content, nil
}

// maxListed is the number of profiles that are listed.
const maxListed = 5000

func (g *Gate) listProfiles(ctx context.Context) (map[string][]string, error) {
	q, err := profileQuery()
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for after, at, n := []byte(nil), store.T(0), 0; n < maxListed; {
		page, err := g.store.Search(ctx, openPlan(q, at, after))
		if err != nil {
			return nil, err
		}
		for _, v := range page.Matches {
			addProfile(out, v.Body)
		}
		if n += len(page.Matches); page.Next == nil {
			break
		}
		after, at = page.Next, page.At
	}
	return out, nil
}
