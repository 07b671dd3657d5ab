package medication

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// A renewal is a new prescription: the same checks run on the chart as it is now, and the same
// reasons are asked for. It is quick, one press of a button, only while the checks tell nothing
// that whoever signed it before has not been told: no finding needs a reason, and each was there
// then in the same words, with the same values and dates. A prescription of which this is not
// known, such as an imported one, is quick only when nothing is found. What is new is signed in the
// form, with a reason of its own (see Asks).

// foundURL is the extension of a prescription that keeps what the checks had told its signer,
// one each: not the finding, which would say of what is hidden from a later reader, but its mark.
const foundURL = "urn:osler:found"

// mark is by what a finding is known again: its rule, how loud it was, and what it said.
func mark(x rx.Finding) string {
	sum := sha256.Sum256([]byte(x.Rule + "\n" + string(x.Tier) + "\n" + x.Sentence))
	return hex.EncodeToString(sum[:8])
}

// remember keeps with a prescription what its signer was told. A finding about what is hidden
// always needs a reason, so it is never compared and leaves no mark.
func remember(n *fhir.Node, f rx.Findings) {
	list := n.Get("extension")
	if list == nil {
		list = fhir.Arr()
	}
	for _, x := range f.Findings {
		if x.Tier != rx.Quiet && x.Rule != rx.RuleUnseen {
			list.Append(fhir.Obj("url", foundURL, "valueString", mark(x)))
		}
	}
	if list.Len() > 0 {
		n.Set("extension", list)
	}
}

// IsNew reports whether a finding was not told, or told otherwise, when the prescription was
// signed. What is quiet is not news.
func (m Medicine) IsNew(x rx.Finding) bool {
	return x.Tier != rx.Quiet && !slices.Contains(m.Found, mark(x))
}

// KeptBefore returns the reason for which a finding of the same rule was kept when the
// prescription was signed; "" when it was not. It is no answer for this time.
func (m Medicine) KeptBefore(x rx.Finding) string {
	for _, o := range m.Overrides {
		if rule, _, _ := strings.Cut(o.Finding, "|"); rule == x.Rule {
			return o.Reason
		}
	}
	return ""
}

// unseenSince stops a quick renewal that has found something new.
func (m Medicine) unseenSince(f rx.Findings) error {
	var news []fault.Issue
	for _, x := range f.Findings {
		if m.IsNew(x) {
			news = append(news, told(x))
		}
	}
	if len(news) == 0 {
		return nil
	}
	return fault.Wrap(errStopped, fault.Invalid, "The checks found something new since this was signed last. Look at it, then sign.").With(news...)
}

// RenewAll signs several prescriptions of a patient again in one commit: all or none. The old ones are
// completed in it, and requests for their refill end. All checks run again; the fault is Stopped when
// one finds something that needs a reason or that is new (see IsNew). The last of the outcomes that came
// with it is the one that stopped.
func RenewAll(ctx context.Context, actor *record.Actor, patient, encounter, key string, refs ...string) ([]Outcome, record.Result, error) {
	if len(refs) == 0 {
		return nil, record.Result{}, fault.New(fault.Invalid, "Choose at least one medicine to renew.")
	}
	var acts []act
	for _, ref := range refs {
		d, m, err := again(ctx, actor, patient, ref)
		if err != nil {
			return nil, record.Result{}, err
		}
		d.Encounter = encounter
		acts = append(acts, act{draft: d, prior: &m, quick: true})
	}
	return signAll(ctx, actor, acts, "renew medicines", key)
}

// again reads a prescription that can be renewed and makes its draft.
func again(ctx context.Context, actor *record.Actor, patient, ref string) (Draft, Medicine, error) {
	_, m, err := own(ctx, actor, patient, ref)
	if err != nil {
		return Draft{}, m, err
	}
	switch m.Status {
	case "active", "on-hold", "unknown", "":
	default:
		return Draft{}, m, fault.New(fault.Conflict, "This medicine has ended. Prescribe it anew if it is needed again.")
	}
	d, err := Again(m)
	return d, m, err
}

// Again returns the draft that renews a prescription: the same medicine, directions and
// supply. A medicine that the patient states, or whose directions are not on record, cannot
// be renewed as it is; the fault says so, and the draft holds what is known.
func Again(m Medicine) (Draft, error) {
	d := Draft{
		Patient: m.Patient, Text: m.Text, Codings: m.Codings, Dose: m.Dose, Unit: m.Unit, Route: m.Route, Frequency: m.Frequency, Period: m.Period, PeriodUnit: m.PeriodUnit,
		AsNeeded: m.AsNeeded, Days: m.Days, Directions: m.Directions, Quantity: m.Quantity, QuantityOf: m.QuantityOf, Supply: m.Supply, Repeats: m.Repeats,
		Reason: m.Reason, ReasonRef: m.ReasonRef, Renews: m.Reference(), Stops: []string{m.Reference()},
	}
	if d.QuantityOf == "" {
		d.QuantityOf = d.Unit
	}
	d.inOwnWords(m)
	if m.Stated {
		return d, fault.New(fault.Invalid, "The patient says that they take this. Prescribe it with directions first.")
	}
	if err := d.Validate(); err != nil {
		return d, fault.Wrap(err, fault.Invalid, "This prescription cannot be renewed as it is: something is missing or beyond what is allowed. Open it to see what.")
	}
	return d, nil
}

// ApproveRefill renews what a patient asked for and ends the task, in one commit. The task
// must be a refill request of the same patient as its prescription.
func ApproveRefill(ctx context.Context, actor *record.Actor, taskID string) (Outcome, error) {
	t, err := task.Find(ctx, actor, taskID)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case t.Kind != task.RefillRequest || t.FocusID("MedicationRequest") == "":
		return Outcome{}, fault.New(fault.Invalid, "This task does not ask for a refill.")
	case !t.Open():
		return Outcome{}, fault.New(fault.Conflict, "Somebody has answered this request already. Look at the list again.")
	}
	outs, result, err := RenewAll(ctx, actor, t.Patient, "", "refill/"+taskID, t.Focus)
	if len(outs) == 0 {
		return Outcome{}, err
	}
	outs[0].Result = result
	return outs[0], err
}

// answerRefills ends the open requests for more of a prescription that is renewed.
func answerRefills(ctx context.Context, actor *record.Actor, prior Medicine) ([]record.Put, error) {
	asked, err := task.Focused(ctx, actor, prior.Reference())
	if err != nil {
		return nil, err
	}
	var puts []record.Put
	for _, t := range asked {
		if t.Kind != task.RefillRequest || t.Patient != prior.Patient {
			continue
		}
		done, err := task.Done(ctx, actor, t.ID, "Renewed.")
		if err != nil {
			return nil, err
		}
		puts = append(puts, done)
	}
	return puts, nil
}

// renewed reads the prescription that a draft renews; nil when it renews none.
func (d Draft) renewed(ctx context.Context, actor *record.Actor) (*Medicine, error) {
	if d.Renews == "" {
		return nil, nil
	}
	_, m, err := own(ctx, actor, d.Patient, d.Renews)
	if err != nil {
		return nil, err
	}
	return &m, nil
}
