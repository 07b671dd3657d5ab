package medication

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/record"
)

// errStopped is the cause of the fault about findings of the tier "stop" that nobody gave a
// reason for.
var errStopped = errors.New("a finding stops the prescription")

// Stopped reports whether err says that a finding needs a reason first. The Outcome that
// came with it holds the findings.
func Stopped(err error) bool { return errors.Is(err, errStopped) }

// Outcome is what became of a prescription.
type Outcome struct {
	Medicine Medicine
	Findings rx.Findings
	Result   record.Result
}

// attempts is how often a prescription is checked again because the chart changed between
// check and commit.
const attempts = 4

// Preview checks a draft on the chart as it is, without storing anything.
func Preview(ctx context.Context, actor *record.Actor, d Draft) (rx.Findings, error) {
	f, err := ChartFacts(ctx, actor, d.Patient)
	if err != nil {
		return rx.Findings{}, err
	}
	return d.CheckOn(f, actor), nil
}

// CheckOn checks a draft on facts that were read before; what the draft stops is left out.
func (d Draft) CheckOn(f rx.Facts, actor *record.Actor) rx.Findings {
	f.Candidate = d.Candidate(actor.Now())
	f.Current = slices.DeleteFunc(slices.Clone(f.Current), func(m rx.Medicine) bool { return slices.Contains(d.Stops, m.ID) })
	return rx.Check(f)
}

// Prescribe signs a prescription. It checks the medicine on the chart as it is at this
// moment, and stores only if nobody wrote in the chart meanwhile; findings of the tier
// "stop" need a reason in Overrides, otherwise the fault is Stopped and nothing is stored.
// The medicines in Stops end in the same commit.
func Prescribe(ctx context.Context, actor *record.Actor, d Draft) (Outcome, error) {
	return sign(ctx, actor, d, nil, "prescribe")
}

// sign is Prescribe with resources that the discipline itself changes along.
func sign(ctx context.Context, actor *record.Actor, d Draft, prior *Medicine, what string) (Outcome, error) {
	if err := d.Validate(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	var err error
	for range attempts {
		out, err = signOnce(ctx, actor, d, prior, what)
		if !fault.Is(err, fault.Conflict) {
			return out, err
		}
	}
	return out, err
}

func signOnce(ctx context.Context, actor *record.Actor, d Draft, prior *Medicine, what string) (Outcome, error) {
	seen, err := actor.Snapshot(ctx)
	if err != nil {
		return Outcome{}, err
	}
	facts, err := ChartFacts(ctx, actor, d.Patient)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Findings: d.CheckOn(facts, actor)}
	overrides, err := d.answer(out.Findings, prior)
	if err != nil {
		return out, err
	}
	n := d.Resource(actor, overrides)
	change := record.Change{Put: []record.Put{{Resource: n, Create: true}}, What: what, Key: d.Key, Unchanged: d.Patient, SeenAt: seen}
	if prior != nil {
		n.Set("priorPrescription", reference(prior.Reference()))
	}
	for _, ref := range d.Stops {
		reason := "Replaced by " + d.Text
		status := "stopped"
		if prior != nil && ref == prior.Reference() {
			reason, status = "Renewed", "completed"
		}
		put, err := end(ctx, actor, d.Patient, ref, status, reason)
		if err != nil {
			return out, err
		}
		change.Put = append(change.Put, put)
	}
	change.Put = append(change.Put, d.Also...)
	out.Result, err = actor.Commit(ctx, change)
	if err != nil {
		return out, err
	}
	out.Medicine = stored(n, out.Result)
	return out, nil
}

// answer collects the reasons for kept findings, and asks for those that are missing. A
// renewal keeps the reasons of the prescription that it renews.
func (d Draft) answer(f rx.Findings, prior *Medicine) ([]Override, error) {
	var kept []Override
	var missing []fault.Issue
	for _, x := range f.Findings {
		reason := strings.TrimSpace(d.Overrides[x.ID])
		if reason == "" && prior != nil {
			reason = prior.tolerated(x)
		}
		switch {
		case reason != "":
			kept = append(kept, Override{x.ID, reason})
		case x.Tier == rx.Stop:
			missing = append(missing, fault.Issue{Severity: "error", Type: "business-rule", Expression: "override." + x.ID, Text: x.Title + ". " + x.Sentence})
		}
	}
	if len(missing) > 0 {
		return nil, fault.Wrap(errStopped, fault.Invalid, "A check stops this prescription. Change it, or give a reason to keep it.").With(missing...)
	}
	return kept, nil
}

// tolerated returns the reason that was given for the same rule when the medicine was
// prescribed before.
func (m Medicine) tolerated(x rx.Finding) string {
	for _, o := range m.Overrides {
		if rule, _, _ := strings.Cut(o.Finding, "|"); rule == x.Rule {
			return o.Reason
		}
	}
	return ""
}

// stored reads the medicine as it was stored.
func stored(n *fhir.Node, r record.Result) Medicine {
	if len(r.Versions) > 0 {
		if kept, err := fhir.Parse(r.Versions[0].Body); err == nil {
			n = kept
		}
	}
	return FromResource(n, nil)
}
