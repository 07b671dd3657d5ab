package record

import (
	"context"
	"errors"

	"github.com/osler-emr/osler/base/fault"
)

// TellTrouble makes the gate tell when it begins that the store takes no changes (the disk is full or failed,
// the database cannot be reached), and, with nil, when it takes them again: once each, however many requests
// are refused meanwhile. It is called before the gate is used; the error names no patient.
func (g *Gate) TellTrouble(tell func(trouble error)) {
	if s, ok := g.store.(*contents); ok {
		s.tell = tell
	}
}

// noted remembers whether the store takes changes. A request that was given up says nothing of that.
func (s *contents) noted(ctx context.Context, err error) {
	switch {
	case err == nil:
		if s.trouble.Load() != nil && s.trouble.Swap(nil) != nil && s.tell != nil {
			s.tell(nil)
		}
	case fault.Is(err, fault.Unavailable) && ctx.Err() == nil:
		if s.trouble.CompareAndSwap(nil, &err) && s.tell != nil {
			s.tell(err)
		}
	}
}

// trouble says why the store takes no changes now; "" when it does.
func (g *Gate) trouble() string {
	if s, ok := g.store.(*contents); ok {
		if err := s.trouble.Load(); err != nil {
			var f *fault.Error
			errors.As(*err, &f) // as noted has seen
			return f.Message
		}
	}
	return ""
}
