package medication

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/record"
)

// errStopped is the cause of the fault about findings that need a reason and have none.
var errStopped = errors.New("a finding stops the prescription")

// Stopped reports whether err says that a finding needs a reason first. The Outcome that
// came with it holds the findings.
func Stopped(err error) bool { return errors.Is(err, errStopped) }

// NeedsReason reports whether a finding is signed only with a reason: every stop, and a warning
// about death or about what a label rules out. A warning about what the person may not see is
// one of them, because it does not tell how grave it is.
func NeedsReason(x rx.Finding) bool {
	switch {
	case x.Tier == rx.Stop:
		return true
	case x.Tier != rx.Warning || !keepable(x):
		return false
	case x.Rule == rx.RuleUnseen || x.Evidence == "boxed warning" || x.Evidence == "label contraindication":
		return true
	}
	said := strings.ToLower(x.Title + " " + x.Sentence)
	return slices.ContainsFunc([]string{"death", "mortality", "fatal", "ruled out", "rules out", "contraindicat"}, func(w string) bool { return strings.Contains(said, w) })
}

// Asks reports whether a finding is signed only with a reason: one that NeedsReason, and in a renewal
// also a warning that is new since prior was signed (see IsNew). Nobody renews from habit what has
// become unsafe meanwhile. prior is nil for a new prescription.
func Asks(x rx.Finding, prior *Medicine) bool {
	return NeedsReason(x) || prior != nil && !prior.Stated && x.Tier == rx.Warning && prior.IsNew(x) && keepable(x)
}

// keepable reports whether a finding can be kept, with a reason or a test.
func keepable(x rx.Finding) bool {
	return slices.ContainsFunc(x.Actions, func(a rx.Action) bool { return a.Deed == rx.Keep || a.Deed == rx.Monitor })
}

// Unchecked is the finding, in Overrides, that the checks could not read the medicine or only a
// part of it. The prescriber says that they checked it themselves, every time it is signed: no
// check would tell what has changed in the chart since.
const Unchecked = "UNCHECKED"

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
	f, err := ChartFacts(ctx, actor, d.Patient, d.Zone)
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
// moment, and stores only if nobody wrote in the chart meanwhile; findings of which it
// Asks a reason have one in Overrides, and so has Unchecked when the medicine could not be read;
// otherwise the fault is Stopped and nothing is stored. So it is with a warning that was not Shown.
// The medicines in Stops end in the same commit.
func Prescribe(ctx context.Context, actor *record.Actor, d Draft) (Outcome, error) {
	prior, err := d.renewed(ctx, actor)
	if err != nil {
		return Outcome{}, err
	}
	outs, result, err := signAll(ctx, actor, []act{{draft: d, prior: prior}}, "prescribe", d.Key)
	if len(outs) == 0 {
		return Outcome{}, err
	}
	outs[0].Result = result
	return outs[0], err
}

// act is one prescription to sign, with the one that it renews; quick, when nobody has looked at
// what the checks find now.
type act struct {
	draft Draft
	prior *Medicine
	quick bool
}

// signAll signs prescriptions of one patient in one commit: all or none.
func signAll(ctx context.Context, actor *record.Actor, acts []act, what, key string) ([]Outcome, record.Result, error) {
	for _, a := range acts {
		if err := a.draft.Validate(); err != nil {
			return nil, record.Result{}, err
		}
	}
	var outs []Outcome
	var result record.Result
	var err error
	for range attempts {
		outs, result, err = signOnce(ctx, actor, acts, what, key)
		if !fault.Is(err, fault.Conflict) {
			break
		}
	}
	return outs, result, err
}

func signOnce(ctx context.Context, actor *record.Actor, acts []act, what, key string) ([]Outcome, record.Result, error) {
	patient := acts[0].draft.Patient
	seen, err := actor.Snapshot(ctx)
	if err != nil {
		return nil, record.Result{}, err
	}
	facts, err := ChartFacts(ctx, actor, patient, acts[0].draft.Zone)
	if err != nil {
		return nil, record.Result{}, err
	}
	if err := hear(ctx, actor, acts); err != nil {
		return nil, record.Result{}, err
	}
	change := record.Change{What: what, Key: key, Unchanged: patient, SeenAt: seen}
	var outs []Outcome
	var first []int // where each prescription stands in the change
	for _, a := range acts {
		out, puts, err := a.prepare(ctx, actor, facts)
		outs = append(outs, out)
		if err != nil {
			return outs, record.Result{}, err
		}
		first = append(first, len(change.Put))
		change.Put = append(change.Put, puts...)
	}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return outs, result, err
	}
	for i := range outs {
		outs[i].Medicine = stored(change.Put[first[i]].Resource, result, first[i])
	}
	return outs, result, nil
}

// hear reads what the patient has said of the prescriptions that are renewed unseen.
func hear(ctx context.Context, actor *record.Actor, acts []act) error {
	if !slices.ContainsFunc(acts, func(a act) bool { return a.quick }) {
		return nil
	}
	list, err := List(ctx, actor, acts[0].draft.Patient)
	if err != nil {
		return err
	}
	for _, a := range acts {
		if a.quick {
			m, _ := list.Find(a.prior.Reference())
			a.prior.Says = m.Says
		}
	}
	return nil
}

// prepare checks one prescription and makes its part of the change: the prescription
// first, then what it ends, then what comes along.
func (a act) prepare(ctx context.Context, actor *record.Actor, facts rx.Facts) (Outcome, []record.Put, error) {
	d := a.draft
	out := Outcome{Findings: d.CheckOn(facts, actor)}
	if a.quick && a.prior.SaidNotTaken() {
		return out, nil, fault.Wrap(errStopped, fault.Invalid, "The patient says that this medicine is not taken any more. Look at it, then sign.")
	}
	if a.quick && !d.needs(out.Findings) {
		if err := a.prior.unseenSince(out.Findings); err != nil {
			return out, nil, err
		}
	}
	if err := d.look(out.Findings); err != nil {
		return out, nil, err
	}
	overrides, err := d.answer(out.Findings, a.prior)
	if err != nil {
		return out, nil, err
	}
	n := d.Resource(actor, overrides)
	remember(n, out.Findings)
	renews := a.prior != nil && !a.prior.Stated && slices.Contains(d.Stops, a.prior.Reference())
	if renews {
		n.Set("priorPrescription", reference(a.prior.Reference()))
	}
	puts := []record.Put{{Resource: n, Create: true}}
	if d.Prepared != "" {
		if puts, err = d.signPrepared(ctx, actor, n); err != nil {
			return out, nil, err
		}
	}
	for _, ref := range d.Stops {
		reason, status := "Replaced by "+d.Text, "stopped"
		if renews && ref == a.prior.Reference() && d.Text == a.prior.Text {
			reason, status = "Renewed", "completed"
		}
		put, err := end(ctx, actor, d.Patient, ref, status, reason)
		if err != nil {
			return out, nil, err
		}
		puts = append(puts, put)
	}
	if renews {
		answered, err := answerRefills(ctx, actor, *a.prior)
		if err != nil {
			return out, nil, err
		}
		puts = append(puts, answered...)
	}
	return out, append(puts, d.Also...), nil
}

// needs reports whether a finding needs a reason that is not given, whatever was signed before.
func (d Draft) needs(f rx.Findings) bool {
	return slices.ContainsFunc(f.Findings, func(x rx.Finding) bool {
		return NeedsReason(x) && strings.TrimSpace(d.Overrides[x.ID]) == ""
	})
}

// look stops at warnings that came up after the signer looked.
func (d Draft) look(f rx.Findings) error {
	var news []fault.Issue
	for _, x := range f.Of(rx.Warning) {
		if d.Shown != nil && !d.Shown(x) && strings.TrimSpace(d.Overrides[x.ID]) == "" {
			news = append(news, told(x))
		}
	}
	if len(news) == 0 {
		return nil
	}
	return fault.Wrap(errStopped, fault.Invalid, "The checks found something new since the page was shown. Look at it, then sign.").With(news...)
}

// answer collects the reasons for kept findings, and asks for those that are missing. A reason is
// of this signature: that of a prescription before is no answer for this one.
func (d Draft) answer(f rx.Findings, prior *Medicine) ([]Override, error) {
	var kept []Override
	var missing []fault.Issue
	for _, x := range f.Findings {
		reason := strings.TrimSpace(d.Overrides[x.ID])
		switch {
		case reason != "":
			kept = append(kept, Override{x.ID, reason})
		case Asks(x, prior):
			missing = append(missing, told(x))
		}
	}
	if f.Unread() {
		reason := strings.TrimSpace(d.Overrides[Unchecked])
		if reason == "" && len(missing) == 0 {
			return nil, fault.Wrap(errStopped, fault.Invalid, "Osler could not check this medicine. Say that you have checked it yourself, or choose one that the catalogue knows.").At("unchecked")
		}
		kept = append(kept, Override{Unchecked, reason})
	}
	if len(missing) > 0 {
		return nil, fault.Wrap(errStopped, fault.Invalid, "A check stops this prescription. Change it, or give a reason to keep it.").With(missing...)
	}
	return kept, nil
}

// told is a finding as an issue.
func told(x rx.Finding) fault.Issue {
	return fault.Issue{Severity: "error", Type: "business-rule", Expression: "override." + x.ID, Text: x.Title + ". " + x.Sentence, Said: lang.Say("%s. %s", x.Heading, x.Said)}
}

// stored reads the medicine as it was stored, at a place of the change.
func stored(n *fhir.Node, r record.Result, at int) Medicine {
	if at < len(r.Versions) {
		if kept, err := fhir.Parse(r.Versions[at].Body); err == nil {
			n = kept
		}
	}
	return FromResource(n, nil)
}
