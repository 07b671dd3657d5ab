package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/policy"
)

// masked hides in a version what the actor does not see of people (policy.Mask). Whatever
// leaves the gate has gone through it; inside, versions are whole.
func (a *Actor) masked(v store.Version, err error) (store.Version, error) {
	return a.maskedBy(a.mask(), v, err)
}

// mask is what the actor does not see at the time at which it reads.
func (a *Actor) mask() policy.Mask {
	m := policy.MaskOf(a.principal)
	if a.at != 0 {
		return m.Past()
	}
	return m
}

func (a *Actor) maskedBy(m policy.Mask, v store.Version, err error) (store.Version, error) {
	if err == nil && len(v.Body) > 0 {
		v.Body, err = a.gate.seen.of(m, v.Type, v.Body)
	}
	if err != nil {
		return store.Version{}, err
	}
	return v, nil
}

// maskedAll is masked for lists.
func (a *Actor) maskedAll(lists ...[]store.Version) error { return a.maskedListsBy(a.mask(), lists...) }

func (a *Actor) maskedListsBy(m policy.Mask, lists ...[]store.Version) error {
	if m == (policy.Mask{}) {
		return nil
	}
	for _, list := range lists {
		for i := range list {
			var err error
			if list[i].Body, err = a.gate.seen.of(m, list[i].Type, list[i].Body); err != nil {
				return err
			}
		}
	}
	return nil
}

// maskedResult is masked for the answer of a change.
func (a *Actor) maskedResult(r Result, err error) (Result, error) {
	if err == nil {
		err = a.maskedAll(r.Versions)
	}
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

// Hides tells which particulars of people are hidden from the actor, so that a page says so
// and does not ask for them.
func (a *Actor) Hides() policy.Mask { return policy.MaskOf(a.principal) }

// allowed holds a search to what the actor may search by.
func (a *Actor) allowed(ctx context.Context, q search.Query) (search.Query, error) {
	m := policy.MaskOf(a.principal)
	if m == (policy.Mask{}) {
		return q, nil
	}
	known, err := a.gate.Registry(ctx)
	if err != nil {
		return q, err
	}
	return m.Query(q, known)
}

// MayAsk refuses a condition that depends on what is hidden from the actor. It is for who
// follows changes and holds conditions to whole versions.
func (a *Actor) MayAsk(ctx context.Context, resourceType string, x search.Expr) error {
	known, err := a.gate.Registry(ctx)
	if err != nil || policy.MaskOf(a.principal).Indifferent(resourceType, x, known) {
		return err
	}
	return fault.New(fault.NotSupported, "Your role or program does not see all of a person's particulars, and cannot wait for changes by them.")
}

// shown is what filled and sized are followed by where a chart is read.
func (a *Actor) shown(fill func(context.Context, store.Version, error) (store.Version, error)) func(context.Context, store.Version, error) (store.Version, error) {
	return func(ctx context.Context, v store.Version, err error) (store.Version, error) {
		return a.masked(fill(ctx, v, err))
	}
}
