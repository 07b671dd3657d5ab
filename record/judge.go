package record

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// judge decides for one operation what the actor may see. It evaluates on single versions the
// predicate that a search joins (policy.Rules.Sees): the part about charts by asking the store
// once for each patient, the part about labels on the version.
type judge struct {
	a     *Actor
	rules policy.Rules
	// open remembers which charts are open, and, by class, to what of them no patient objects.
	open map[question]openChart
	// listing asks for what may be listed too; without it, for what may be read.
	listing bool
}

// question is about the chart of a patient, or, with the name of a class, about what it has of that class.
type question struct{ patient, class string }

// openChart says whether a chart is open, and since when that is known.
type openChart struct {
	open bool
	at   time.Time
}

func (a *Actor) judge(ctx context.Context) (*judge, error) {
	rules, err := a.rules(ctx)
	return &judge{a: a, rules: rules, open: map[question]openChart{}}, err
}

// sees returns fault.NotFound unless the actor may see a version. A deleted one is judged by
// what was deleted.
func (j *judge) sees(ctx context.Context, v store.Version) error {
	return j.judged(ctx, v, func(v store.Version) ([]string, error) { return j.about(ctx, v) })
}

// judged is sees; in says whose charts must be open.
func (j *judge) judged(ctx context.Context, v store.Version, in func(store.Version) ([]string, error)) error {
	a := j.a
	base := policy.Visible(a.principal, v.Type)
	if _, none := base.(search.None); none {
		return notFound(v.Type)
	}
	_, all := base.(search.All)
	if all && a.principal.Role == trust.SystemRole {
		return nil
	}
	for v.Deleted && v.Version > 1 {
		before, err := a.gate.lean.ReadVersion(ctx, v.Type, v.ID, v.Version-1)
		if err != nil {
			return err
		}
		v = before
	}
	ok, err := true, error(nil)
	if !all {
		ok, err = matches(base, v)
	}
	if ok && err == nil && j.listing {
		listed := policy.Listed(a.principal, v.Type)
		if _, all := listed.(search.All); !all {
			ok, err = matches(listed, v)
		}
	}
	if ok && err == nil && j.rules.Opened(a.principal, v.Patient).ID == "" {
		var patients []string
		if patients, err = in(v); err == nil {
			ok, err = j.unopened(ctx, v, patients)
		}
	}
	if err == nil && !ok {
		return notFound(v.Type)
	}
	return err
}

// opened reports whether a chart is open to the actor, by break-glass or otherwise.
func (j *judge) opened(ctx context.Context, patient string) (bool, error) {
	if j.rules.Opened(j.a.principal, patient).ID != "" {
		return true, nil
	}
	return j.chart(ctx, patient)
}

// unopened judges a version of some patients that is not open by break-glass alone.
func (j *judge) unopened(ctx context.Context, v store.Version, patients []string) (bool, error) {
	for _, id := range patients {
		if open, err := j.opened(ctx, id); !open || err != nil {
			return false, err
		}
	}
	labels := labelsOf(v.Body)
	if len(labels) == 0 {
		return true, nil
	}
	hidden := policy.Hidden(j.a.principal)
	if slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(hidden, l) }) {
		return false, nil
	}
	if !j.a.principal.Staff() {
		return true, nil
	}
	for _, class := range policy.Classes() {
		if !slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(class.Codes, l) }) {
			continue
		}
		for _, id := range patients {
			if j.rules.Opened(j.a.principal, id).ID != "" {
				continue
			}
			if refused, err := j.refused(ctx, id, class); refused || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// refused reports whether a patient refuses the actor what is labelled as of a class.
func (j *judge) refused(ctx context.Context, patient string, class policy.Class) (bool, error) {
	open, err := j.remembered(question{patient, class.Name}, func() (bool, error) {
		refused, err := j.a.gate.holds(ctx, patient, j.rules.Objects(class))
		return !refused, err
	})
	return !open && err == nil, err
}

// about returns the patients in whose charts a version is: the one where it lives, or several
// whom it is about on equal terms, as an Appointment of two is, or those whom it names when it lives in
// no chart, as a Bundle does.
func (j *judge) about(ctx context.Context, v store.Version) ([]string, error) {
	switch {
	case !policy.InCharts(v.Type):
		return nil, nil
	case v.Patient != "":
		return []string{v.Patient}, nil
	case !bytes.Contains(v.Body, []byte("Patient")):
		return nil, nil
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	known, err := j.a.gate.Registry(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := known.Extract(r)
	if err != nil {
		return nil, err
	}
	var patients []string
	for _, e := range entries {
		if e.Param == search.PartyParam {
			patients = append(patients, e.Exact)
		}
	}
	return patients, nil
}

// chart reports whether a chart is open to the actor, break-glass left aside.
func (j *judge) chart(ctx context.Context, patient string) (bool, error) {
	return j.remembered(question{patient: patient}, func() (bool, error) {
		return j.a.gate.verdict(ctx, j.a.principal, j.rules, patient)
	})
}

// remembered asks what was not asked a moment ago.
func (j *judge) remembered(q question, ask func() (bool, error)) (bool, error) {
	at := time.Now()
	if known, ok := j.open[q]; ok && at.Sub(known.at) < houseFresh {
		return known.open, nil
	}
	open, err := ask()
	if err != nil {
		return false, err
	}
	if len(j.open) > 100 { // an export passes patient by patient
		clear(j.open)
	}
	j.open[q] = openChart{open, at}
	return open, nil
}

// holds reports whether a predicate about charts is true of a patient.
func (g *Gate) holds(ctx context.Context, patient string, x search.Expr) (bool, error) {
	if _, all := x.(search.All); all {
		return true, nil
	}
	count := func(resourceType string, where search.Expr) (int64, error) {
		q := search.Query{Type: resourceType, Where: where}
		return g.lean.Count(ctx, store.NewPlan(q, func(string) search.Expr { return search.All{} }))
	}
	n, err := count("Patient", search.And{search.InPatient{patient}, x}) // no other Patient lives there
	if n > 0 || err != nil {
		return n > 0, err
	}
	v, err := g.lean.Read(ctx, "Patient", patient, 0)
	if err == nil && !v.Deleted {
		return false, nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	// A chart without its Patient: deleted, or of a partial import. Each part is asked for.
	err = nil
	ok := search.Match(x, search.Subject{Type: "Patient", ID: patient, Patient: patient, Beside: func(_ string, b search.Beside) bool {
		n, failed := count(b.Type, search.And{search.InPatient{patient}, b.X})
		if failed != nil {
			err = failed
		}
		return n > 0
	}}, nil)
	return ok && err == nil, err
}

// verdicts remembers for which charts a person was let in, while nothing is written that
// could change it. What other processes write is told within milliseconds; in case that it is
// not, a verdict of a store that others write to is asked for anew as the setting is.
type verdicts struct {
	mu    sync.Mutex
	epoch int64
	known map[verdictKey]openChart
}

type verdictKey struct{ who, patient string } // who is a policy.Rules.Key

const maxVerdicts = 10_000

func (v *verdicts) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.epoch++
	clear(v.known)
}

// decisive are the types on which access depends.
var decisive = []string{"Patient", "Consent", "CareTeam", "Appointment", "Encounter", "Task", "MedicationRequest", "ServiceRequest", "Composition"}

// verdict decides whether a chart is open to a principal.
func (g *Gate) verdict(ctx context.Context, p trust.Principal, rules policy.Rules, patient string) (bool, error) {
	who, keyed := rules.Key(p)
	if !keyed {
		return g.holds(ctx, patient, rules.Chart(p).Expr(nil))
	}
	_, shared := g.lean.(watched)
	key, at := verdictKey{who, patient}, time.Now()
	g.verdicts.mu.Lock()
	known, ok := g.verdicts.known[key]
	epoch := g.verdicts.epoch
	g.verdicts.mu.Unlock()
	if ok && (!shared || at.Sub(known.at) < houseFresh) {
		return known.open, nil
	}
	open, err := g.holds(ctx, patient, rules.Chart(p).Expr(nil))
	if err != nil {
		return false, err
	}
	g.verdicts.mu.Lock()
	defer g.verdicts.mu.Unlock()
	if g.verdicts.epoch == epoch {
		if g.verdicts.known == nil || len(g.verdicts.known) >= maxVerdicts {
			g.verdicts.known = map[verdictKey]openChart{}
		}
		g.verdicts.known[key] = openChart{open, at}
	}
	return open, nil
}

// labelsOf returns the sensitivity labels of a stored body. Most have none, which a look at
// the bytes tells. One that cannot be read counts as bearing all that there are: nobody knows
// which it bears.
func labelsOf(body []byte) (codes []string) {
	if !bytes.Contains(body, []byte(`"security"`)) {
		return nil
	}
	var r struct {
		Meta struct {
			Security []struct{ System, Code string }
		}
	}
	if json.Unmarshal(body, &r) != nil {
		for _, l := range policy.Labels {
			codes = append(codes, l.Code)
		}
		return codes
	}
	for _, s := range r.Meta.Security {
		if s.System == policy.LabelSystem {
			codes = append(codes, s.Code)
		}
	}
	return codes
}

// Closed tells whether a chart exists and is closed to the actor, so that break-glass can be
// offered. Who may not break glass gets the answer for missing charts, in any case, and both
// leave the same leaf: there is nothing to learn.
func (a *Actor) Closed(ctx context.Context, patient string) (bool, error) {
	if policy.MayBreakGlass(a.principal) != nil || a.at != 0 {
		return false, a.refused(ctx, notFound("Patient"), policy.Read, "Patient", patient, "")
	}
	v, err := a.gate.lean.Read(ctx, "Patient", patient, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return false, a.refused(ctx, notFound("Patient"), policy.Read, "Patient", patient, "")
	}
	if err != nil {
		return false, err
	}
	closed := fault.Is(a.visible(ctx, v), fault.NotFound)
	l := a.leaf(ledger.Read, "Patient", patient)
	l.Query = "asked whether the chart is closed"
	return closed, a.write(ctx, l)
}
