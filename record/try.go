package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// Try judges a change as Commit would and stores nothing: the error is what Commit would
// refuse it with now. The findings are warnings. A refusal is in the audit log, as one of a
// real change.
func (a *Actor) Try(ctx context.Context, c Change) (findings []fault.Issue, err error) {
	if a.at != 0 {
		return nil, fault.New(fault.Forbidden, "You look at the record as it was; return to the present to change it.")
	}
	b := &builder{actor: a, change: c, now: a.Now(), seen: map[string]bool{}}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	return b.advice, nil
}

// Supported returns the profiles that are stored, by the type they are for, the one stored
// last first. They are read once for each state of the definitions: the same map comes back
// until one of them changes. Definitions are open to everyone.
func (g *Gate) Supported(ctx context.Context) (map[string][]string, error) {
	g.Validation(ctx) // makes the shelf
	s := g.shelf.Load()
	if s == nil {
		return nil, nil
	}
	s.once.Do(func() { s.profiles, s.failed = g.listProfiles(context.WithoutCancel(ctx)) })
	if s.failed != nil {
		g.shelf.CompareAndSwap(s, nil)
	}
	return s.profiles, s.failed
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
