package record

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Colleague is unsigned work of somebody else on the same thing.
type Colleague struct {
	Name  string // "" when the work was saved before names were kept
	Saved time.Time
	Value []byte // nil when the reader may not see it
}

// Colleagues returns the drafts that others of the clinic have under the same key, about a
// patient whose chart the actor opens, so that nobody signs past them. A draft carries no
// labels: what it says is given only to those who may read notes and from whom nothing of the
// chart is hidden; others learn who and when. Reading is recorded.
func (a *Actor) Colleagues(ctx context.Context, patient, key string) ([]Colleague, error) {
	if !a.principal.Clinical() || a.at != 0 || policy.May(a.principal, policy.Read, "Composition") != nil {
		return nil, nil
	}
	if parts := strings.Split(key, "/"); len(parts) < 2 || parts[1] != patient {
		return nil, fault.New(fault.NotFound, "There is no draft.")
	}
	j, err := a.judge(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := j.current(ctx, "Patient", patient); err != nil {
		return nil, err
	}
	items, err := a.gate.lean.Items(ctx, spaceDraft, "")
	if err != nil {
		return nil, err
	}
	var out []Colleague
	for _, item := range items {
		if item.Owner == a.principal.ID || item.Key != item.Owner+"/"+key {
			continue
		}
		var d draftItem
		if err := json.Unmarshal(item.Value, &d); err != nil {
			return nil, err
		}
		out = append(out, Colleague{Name: d.By, Saved: d.Saved, Value: d.Value})
	}
	if len(out) == 0 {
		return nil, nil
	}
	whole, err := a.wholeChart(ctx, j, patient)
	if err != nil {
		return nil, err
	}
	if !whole {
		for i := range out {
			out[i].Value = nil
		}
	}
	l := a.leaf(ledger.Read, "", patient)
	l.Query = "unsigned work of a colleague"
	return out, a.write(ctx, l)
}

// wholeChart reports whether nothing of what the actor's role reads of a chart is hidden from
// the actor.
func (a *Actor) wholeChart(ctx context.Context, j *judge, patient string) (bool, error) {
	var types []string
	for _, t := range []string{"AllergyIntolerance", "Appointment", "Composition", "Condition", "DiagnosticReport", "DocumentReference", "Encounter",
		"MedicationRequest", "MedicationStatement", "Observation", "Procedure", "ServiceRequest"} {
		if policy.May(a.principal, policy.Read, t) == nil {
			types = append(types, t)
		}
	}
	for v, err := range a.gate.lean.Compartment(ctx, patient, types, a.at) {
		if err != nil {
			return false, err
		}
		if err := j.sees(ctx, v); fault.Is(err, fault.NotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}
