package record

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Chart ranges over all current resources in a patient's compartment that the principal
// may see, of the given types (none: all), the Patient included: one range scan, one audit
// leaf. A patient who is hidden or missing is fault.NotFound.
//
// Large data (a scanned letter) is left out, but for the Patient's photo; OpenBinary and Read
// give it. A page that names twenty letters must not have them in memory.
func (a *Actor) Chart(ctx context.Context, patient string, types ...string) iter.Seq2[*fhir.Node, error] {
	return func(yield func(*fhir.Node, error) bool) {
		for v, err := range a.chart(ctx, patient, types, a.shown(a.gate.sized)) {
			var r *fhir.Node
			if err == nil {
				r, err = fhir.Parse(v.Body)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// ChartStreamed is Chart with the stored bytes, and with all data as streams: for export.
func (a *Actor) ChartStreamed(ctx context.Context, patient string, types ...string) iter.Seq2[Streamed, error] {
	return a.gate.streaming(ctx, a.chart(ctx, patient, types, func(_ context.Context, v store.Version, err error) (store.Version, error) {
		return a.masked(v, err)
	}))
}

// ChartVersions is Chart with the stored bytes and all data that a resource in memory can have, for $everything.
func (a *Actor) ChartVersions(ctx context.Context, patient string, types ...string) iter.Seq2[store.Version, error] {
	return a.chart(ctx, patient, types, a.shown(a.gate.filled))
}

// chart ranges over a chart; fill puts large data into what may be seen, or says how large it is.
func (a *Actor) chart(ctx context.Context, patient string, types []string, fill func(context.Context, store.Version, error) (store.Version, error)) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		if err := a.openChart(ctx, patient, types); err != nil {
			yield(store.Version{}, err)
			return
		}
		some := a.visibleTypes(types)
		if len(types) > 0 && len(some) == 0 { // to the store, no type would mean all
			return
		}
		versions := a.gate.lean.Compartment(ctx, patient, some, a.at)
		if a.at != 0 {
			versions = a.still(ctx, versions)
		}
		a.filtered(ctx, versions, "Patient/"+patient, func(v store.Version, err error) bool {
			return yield(fill(ctx, v, err))
		})
	}
}

// openChart checks and audits that a chart is opened.
func (a *Actor) openChart(ctx context.Context, patient string, types []string) error {
	if err := a.may(ctx, policy.Read, "Patient", patient); err != nil {
		return err
	}
	p, err := a.current(ctx, "Patient", patient)
	if fault.Is(err, fault.NotFound) {
		return a.refused(ctx, notFound("Patient"), policy.Read, "Patient", patient, "")
	}
	if err != nil {
		return err
	}
	if p.Deleted {
		return a.refused(ctx, gone("Patient"), policy.Read, "Patient", patient, patient)
	}
	l := a.leaf(ledger.Read, "Patient", patient)
	l.Query = "chart"
	if len(types) > 0 {
		l.Query = "chart: " + strings.Join(types, ", ")
	}
	return a.write(ctx, l)
}

// visibleTypes returns those of the types of which the actor may see some.
func (a *Actor) visibleTypes(types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool {
		_, none := policy.Visible(a.principal, t).(search.None)
		return none
	})
}

// filtered yields the versions that the actor may see and list; what is named it may read alone. Where it
// may see all of a type, nothing is decoded.
func (a *Actor) filtered(ctx context.Context, versions iter.Seq2[store.Version, error], named string, yield func(store.Version, error) bool) {
	j, err := a.judge(ctx)
	if err != nil {
		yield(store.Version{}, err)
		return
	}
	namedType, namedID, _ := strings.Cut(named, "/")
	for v, err := range versions {
		if err == nil {
			j.listing = v.ID != namedID || v.Type != namedType
			err = j.sees(ctx, v)
			if fault.Is(err, fault.NotFound) {
				continue
			}
		}
		if err != nil {
			yield(store.Version{}, err)
			return
		}
		if !yield(v, nil) {
			return
		}
	}
}

// still is Still for versions that come one by one, which are asked about together.
func (a *Actor) still(ctx context.Context, versions iter.Seq2[store.Version, error]) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		var list []store.Version
		flush := func() bool {
			kept, err := a.Still(ctx, list)
			list = nil
			if err != nil {
				yield(store.Version{}, err)
				return false
			}
			for _, v := range kept {
				if !yield(v, nil) {
					return false
				}
			}
			return true
		}
		for v, err := range versions {
			if err != nil {
				yield(v, err)
				return
			}
			if list = append(list, v); len(list) == stillAtOnce && !flush() {
				return
			}
		}
		flush()
	}
}

// stillAtOnce is how many versions still asks about together.
const stillAtOnce = 500

// All ranges over every current resource that the principal may see; for export. One
// audit leaf says that it was begun. Large data comes as streams.
func (a *Actor) All(ctx context.Context, types ...string) iter.Seq2[Streamed, error] {
	return a.AllFor(ctx, "", types...)
}

// AllFor is All for an export of which the caller gives out what is of a group's patients alone;
// the audit leaf names the group as it was.
func (a *Actor) AllFor(ctx context.Context, group string, types ...string) iter.Seq2[Streamed, error] {
	return a.all(ctx, types, func() (*ledger.Leaf, error) { return a.exportLeaf(ctx, group, types) })
}

// Scan is All for an answer that gives out nothing of a chart, such as which tags there are; what
// says in the audit log what it is.
func (a *Actor) Scan(ctx context.Context, what string, types ...string) iter.Seq2[Streamed, error] {
	return a.all(ctx, types, func() (*ledger.Leaf, error) {
		l := a.leaf(ledger.Search, "")
		l.Query = strings.TrimSuffix(what+": "+strings.Join(types, ", "), ": ")
		return l, nil
	})
}

func (a *Actor) all(ctx context.Context, types []string, leaf func() (*ledger.Leaf, error)) iter.Seq2[Streamed, error] {
	return a.gate.streaming(ctx, func(yield func(store.Version, error) bool) {
		some := a.visibleTypes(types)
		l, err := leaf()
		if err == nil {
			err = a.write(ctx, l)
		}
		if err != nil {
			yield(store.Version{}, err)
			return
		}
		if len(types) > 0 && len(some) == 0 {
			return
		}
		versions := a.gate.lean.All(ctx, some, a.at)
		if a.at != 0 {
			versions = a.still(ctx, versions)
		}
		a.filtered(ctx, versions, "", func(v store.Version, err error) bool { return yield(a.masked(v, err)) })
	})
}
