package record

import (
	"context"
	"errors"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// probeEvery is how often a store that takes no changes is asked whether it does again.
const probeEvery = 5 * time.Second

// trouble is why changes are refused; files says that the place of contents refuses, and not the store.
type trouble struct {
	why   error
	files bool
}

// TellTrouble makes the gate tell when it begins that the store takes no changes (the disk is full or failed,
// the database cannot be reached), and, with nil, when it takes them again: once each, however many requests
// are refused meanwhile. It is called before the gate is used; the error names no patient. The end is seen by
// FollowTrouble.
func (g *Gate) TellTrouble(tell func(trouble error)) {
	if s, ok := g.store.(*contents); ok {
		s.tell = tell
	}
}

// FollowTrouble looks until ctx ends whether what takes no changes takes them again.
func (g *Gate) FollowTrouble(ctx context.Context) {
	s, ok := g.store.(*contents)
	if !ok {
		return
	}
	for ticker := time.NewTicker(probeEvery); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
			s.probe(ctx)
		}
	}
}

// noted remembers that changes are refused. A request that was given up says nothing of that.
func (s *contents) noted(ctx context.Context, err error, files bool) {
	if fault.Is(err, fault.Unavailable) && ctx.Err() == nil && s.trouble.CompareAndSwap(nil, &trouble{err, files}) && s.tell != nil {
		s.tell(err)
	}
}

// probe ends a trouble that is over.
func (s *contents) probe(ctx context.Context) {
	t := s.trouble.Load()
	if t == nil {
		return
	}
	err := error(nil)
	if t.files {
		err = s.blobs.Probe(ctx)
	} else if p, ok := s.Store.(store.Probing); ok {
		err = p.Probe(ctx)
	}
	if err == nil && s.trouble.CompareAndSwap(t, nil) && s.tell != nil {
		s.tell(nil)
	}
}

// trouble says why the store takes no changes now; "" when it does.
func (g *Gate) trouble() string {
	if s, ok := g.store.(*contents); ok {
		if t := s.trouble.Load(); t != nil {
			var f *fault.Error
			errors.As(t.why, &f) // as noted has seen
			return f.Message
		}
	}
	return ""
}
