package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Unseen returns what labels hide from the actor in a chart that is open to it, for the safety
// checks of medicines and for nothing else: a check must know it, and what it says must not
// name it. Only who treats patients gets it, and a program of types that its scopes cover whole: what
// scopes leave out is not hidden but not asked for, and the check says that it did not look there
// (rx.Facts.Unread). A leaf says that the whole chart was checked, whether something is hidden or not.
func (a *Actor) Unseen(ctx context.Context, patient string, types ...string) ([]*fhir.Node, error) {
	if !a.principal.Clinical() {
		return nil, nil
	}
	j, err := a.judge(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := j.current(ctx, "Patient", patient); err != nil {
		return nil, err
	}
	var some []string
	for _, t := range types {
		if policy.May(a.principal, policy.Read, t) == nil && policy.ReadsAll(a.principal, t, patient) {
			some = append(some, t)
		}
	}
	if len(some) == 0 {
		return nil, nil
	}
	var out []*fhir.Node
	for v, err := range a.gate.lean.Compartment(ctx, patient, some, a.at) {
		if err != nil {
			return nil, err
		}
		if err := j.sees(ctx, v); err == nil || !fault.Is(err, fault.NotFound) {
			if err != nil {
				return nil, err
			}
			continue
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	l := a.leaf(ledger.Read, "", patient)
	l.Query = "medicines checked on the whole chart"
	return out, a.write(ctx, l)
}
