package record

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// opened returns the break-glass grant under which the actor touches a patient's chart.
func (a *Actor) opened(patient string) trust.Glass {
	if len(a.principal.Glass) == 0 {
		return trust.Glass{}
	}
	return policy.Rules{Now: a.Now()}.Opened(a.principal, patient)
}

// glassed says in a leaf under which break-glass grant it was. A leaf that touches such a
// chart among others is taken apart: each such chart gets its own, which says nothing about
// the others.
func (a *Actor) glassed(l *ledger.Leaf) []*ledger.Leaf {
	out := []*ledger.Leaf{l}
	for _, patient := range slices.Clone(l.Patients) {
		g := a.opened(patient)
		switch {
		case g.ID == "":
		case len(l.Patients) == 1 && len(out) == 1:
			l.Purpose, l.Glass = string(trust.BreakGlass), g.ID
		default:
			one := *l
			one.Purpose, one.Glass, one.Patients = string(trust.BreakGlass), g.ID, []string{patient}
			one.Versions, one.Query, one.Count = nil, "", 0
			out = append(out, &one)
			l.Patients = slices.DeleteFunc(slices.Clone(l.Patients), func(p string) bool { return p == patient })
		}
	}
	return out
}

// underGlass is glassed for a leaf that belongs to a commit and cannot be taken apart.
func (a *Actor) underGlass(l *ledger.Leaf) *ledger.Leaf {
	for _, patient := range l.Patients {
		if g := a.opened(patient); g.ID != "" {
			l.Purpose, l.Glass = string(trust.BreakGlass), g.ID
			break
		}
	}
	return l
}

// inEmergency judges a write into charts: what only break-glass has opened takes what an
// emergency asks for. It returns whether such a chart is among them.
func (b *builder) inEmergency(ctx context.Context, what policy.Interaction, resourceType, id string, charts ...string) (only bool, err error) {
	for _, patient := range charts {
		if b.actor.opened(patient).ID == "" {
			continue
		}
		j, err := b.actor.judge(ctx)
		if err != nil {
			return false, err
		}
		open, err := j.chart(ctx, patient)
		if err != nil {
			return false, err
		}
		if open {
			continue
		}
		only = true
		if err := policy.Emergency(what, resourceType); err != nil {
			return true, b.actor.refused(ctx, err, what, resourceType, id, patient)
		}
	}
	return only, nil
}

// glassMarks puts on what is written under break-glass alone that it makes no relation.
func (b *builder) glassMarks(before, r *fhir.Node) {
	marks := append(policy.GlassMarks(b.actor.principal, before, r), codesIn(r, "tag", policy.GlassSystem)...)
	setLabels(r, codesIn(r, "security", policy.LabelSystem), codesIn(r, "tag", withoutSystem), marks, codesIn(r, "tag", policy.CarerSystem))
}
