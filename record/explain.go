package record

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Explain answers why a person can or cannot see a patient's chart, or one resource ("Type/id")
// of it. Auditors, administrators and the health records department ask; only the last is
// told which labels there are. The answer comes from the parts of the predicate by which
// the gate decides, and is held against the decision.
func (a *Actor) Explain(ctx context.Context, person trust.Principal, patient, resource string) (policy.Explanation, error) {
	if a.principal.Role != trust.Records {
		if err := policy.MayAudit(a.principal, ""); err != nil {
			return policy.Explanation{}, a.refused(ctx, err, policy.Read, "Patient", patient, "")
		}
	}
	t, id := "Patient", patient
	if resource != "" {
		var ok bool
		if t, id, ok = strings.Cut(resource, "/"); !ok {
			return policy.Explanation{}, fault.New(fault.Invalid, "Name what the question is about as Type/id.").At("resource")
		}
	}
	g := a.gate
	v, err := g.lean.Read(ctx, t, id, 0)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return policy.Explanation{}, err
	}
	if err != nil || v.Deleted || v.Patient != patient {
		return policy.Explanation{}, a.refused(ctx, fault.New(fault.NotFound, "There is no such entry in this patient's chart."), policy.Read, t, id, "")
	}
	j, err := g.As(person, a.door).judge(ctx)
	if err != nil {
		return policy.Explanation{}, err
	}
	c := policy.Case{Type: t, Patient: v.Patient, Labels: labelsOf(v.Body), Discreet: a.principal.Role != trust.Records,
		Holds: func(x search.Expr) (bool, error) { return g.holds(ctx, patient, x) }}
	if c.Selected, err = selected(person, v); err != nil {
		return policy.Explanation{}, err
	}
	e, err := j.rules.Explain(person, c)
	if err != nil {
		return policy.Explanation{}, err
	}
	decided := j.sees(ctx, v)
	if decided != nil && !fault.Is(decided, fault.NotFound) {
		return policy.Explanation{}, decided
	}
	if (decided == nil) != e.Allowed {
		return policy.Explanation{}, fault.New(fault.Internal, "The explanation does not fit the decision.")
	}
	l := a.leaf(ledger.Read, "AuditEvent", patient)
	l.Query = explained + person.Name + " sees the chart or not"
	return e, a.write(ctx, l)
}

// explained is what the leaf of such a question begins with.
const explained = "why "

// selected reports whether the rule of a role selects a version.
func selected(p trust.Principal, v store.Version) (bool, error) {
	base := policy.Visible(p, v.Type)
	switch base.(type) {
	case search.All:
		return true, nil
	case search.None:
		return false, nil
	}
	return matches(base, v)
}
