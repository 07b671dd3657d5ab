package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
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
