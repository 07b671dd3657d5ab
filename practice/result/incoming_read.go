package result

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// gathered is a result as it stands in the record now, with what its review needs.
type gathered struct {
	focus   *fhir.Node   // nil: it was deleted
	results []*fhir.Node // the observations of a report, in its order; or the single one
	orders  []*fhir.Node // the ServiceRequests that it answers
	patient *fhir.Node   // nil: it is about nobody here
	// shows reports whether somebody sees all of it.
	shows func(ctx context.Context, a *record.Actor) (bool, error)
}

// gather reads a result.
func gather(ctx context.Context, actor *record.Actor, ref string) (gathered, error) {
	var f gathered
	some, err := actor.ReadSome(ctx, []string{ref})
	if err != nil || len(some) == 0 {
		return f, err
	}
	seen := some
	if f.focus, err = fhir.Parse(some[0].Body); err != nil {
		return f, err
	}
	var refs []string
	if f.report() {
		refs = referred(f.focus.Get("result"), "Observation/")
	}
	values := len(refs)
	refs = append(append(refs, f.focus.Path("subject.reference").Text()), referred(f.focus.Get("basedOn"), "ServiceRequest/")...)
	if some, err = actor.ReadSome(ctx, refs); err != nil {
		return f, err
	}
	if !f.report() {
		f.results = []*fhir.Node{f.focus}
	}
	for _, v := range some {
		n, err := fhir.Parse(v.Body)
		if err != nil {
			return f, err
		}
		switch n.ResourceType() {
		case "Patient":
			f.patient = n
			continue
		case "Observation":
			f.results = append(f.results, n)
		case "ServiceRequest":
			f.orders = append(f.orders, n)
		}
		seen = append(seen, v)
	}
	if values > 0 && len(f.orders) == 0 { // a report that leaves the order to its values
		var more []string
		for _, n := range f.results {
			more = append(more, referred(n.Get("basedOn"), "ServiceRequest/")...)
		}
		if some, err = actor.ReadSome(ctx, more); err != nil {
			return f, err
		}
		for _, v := range some {
			n, err := fhir.Parse(v.Body)
			if err != nil {
				return f, err
			}
			f.orders, seen = append(f.orders, n), append(seen, v)
		}
	}
	f.shows = func(ctx context.Context, a *record.Actor) (bool, error) {
		for _, v := range seen {
			if _, ok, err := a.Shows(ctx, v); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	return f, nil
}

// referred returns the references of a list that lead to a type ("Observation/"), each once.
func referred(list *fhir.Node, kind string) (refs []string) {
	for r := range list.Items() {
		if ref := r.Get("reference").Text(); strings.HasPrefix(ref, kind) && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

func (f gathered) report() bool { return f.focus.ResourceType() == "DiagnosticReport" }

// refs are the references of the result and of what it carries.
func (f gathered) refs(ref string) []string {
	refs := []string{ref}
	for _, n := range f.results {
		if n != f.focus {
			refs = append(refs, n.Reference())
		}
	}
	return refs
}

// chart is the id of the patient whom the result is about; "" for nobody, or when it was deleted.
func (f gathered) chart() string { return subjectOf(f.focus) }

// over says why nobody has to look at a result any more; "" when somebody has.
func (f gathered) over() string {
	switch {
	case f.focus == nil:
		return "The result was deleted."
	case f.focus.Get("status").Text() == wrong:
		return "Entered in error: the result was taken back."
	case f.focus.Get("status").Text() == "cancelled":
		return "The result was cancelled."
	}
	return ""
}

// touched is when the result, or a value of it, was last written.
func (f gathered) touched() (last time.Time) {
	for _, n := range append([]*fhir.Node{f.focus}, f.results...) {
		if at := moment(n.Path("meta.lastUpdated").Text()); at.After(last) {
			last = at
		}
	}
	return last
}

// sections are the codes of HL7 table 0074 for the sections of a laboratory.
var sections = []string{"LAB", "BG", "BLB", "CG", "CH", "CP", "GE", "HM", "IMM", "MB", "MCB", "MYC", "PAR", "SP", "SR", "TX", "VR"}

// categories reads the categories of a report: whether it has any, and whether one is a laboratory's.
func categories(n *fhir.Node) (some, lab bool) {
	for category := range n.Get("category").Items() {
		for c := range category.Get("coding").Items() {
			some = true
			code := c.Get("code").Text()
			lab = lab || code == "laboratory" || c.Get("system").Text() == sectionSystem && slices.Contains(sections, code)
		}
	}
	return some, lab
}

// otherReport reports whether a report is of something else than a laboratory, such as radiology. One
// that does not say is what its values are.
func otherReport(n *fhir.Node) bool {
	some, lab := categories(n)
	return some && !lab
}

// laboratory reports whether the result is of a laboratory.
func (f gathered) laboratory() bool {
	if f.report() {
		if some, lab := categories(f.focus); some {
			return lab
		}
	}
	return slices.ContainsFunc(f.results, ofLaboratory)
}

// named reports whether everybody who sees the tasks of a chart may know what the result says: who
// works in the laboratory sees its own categories only.
func (f gathered) named() bool {
	if f.report() && !has(f.focus, sectionSystem, "LAB") {
		return false
	}
	return !slices.ContainsFunc(f.results, func(n *fhir.Node) bool { return !has(n, categorySystem, "laboratory") })
}

// has reports whether a resource is of a category.
func has(n *fhir.Node, system, code string) bool {
	for category := range n.Get("category").Items() {
		for c := range category.Get("coding").Items() {
			if c.Get("system").Text() == system && c.Get("code").Text() == code {
				return true
			}
		}
	}
	return false
}
