package record

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// plan returns the search under what the actor may see.
func (a *Actor) plan(ctx context.Context, q search.Query, at store.T, after []byte) (store.Plan, error) {
	rules, err := a.rules(ctx)
	if err != nil {
		return store.Plan{}, err
	}
	if q, err = a.allowed(ctx, q); err != nil {
		return store.Plan{}, err
	}
	q = policy.Asked(a.principal, q)
	sees := map[string]search.Expr{} // a store asks more than once, of one search at a time
	p := store.NewPlan(q, func(resourceType string) search.Expr {
		x, ok := sees[resourceType]
		if !ok {
			x = a.gate.sees(rules, a.principal, resourceType)
			if q.Type == "" { // as a search of this type alone
				x = listed(x, policy.Listed(a.principal, resourceType))
			}
			sees[resourceType] = x
		}
		return x
	})
	p.At, p.After = at, after
	if a.at != 0 && (at == 0 || at > a.at) {
		p.At = a.at
	}
	return p, nil
}

// listed narrows a condition to what may be listed.
func listed(x, listed search.Expr) search.Expr {
	switch listed.(type) {
	case search.All:
		return x
	case search.None:
		return listed
	}
	if x == nil {
		return listed
	}
	return search.And{x, listed}
}

// Search runs a parsed query and returns one page of stored bytes. after is the Next of
// the page before, at its At; both zero for the first page.
func (a *Actor) Search(ctx context.Context, q search.Query, at store.T, after []byte) (store.Page, error) {
	if q.Type != "" {
		if err := a.may(ctx, policy.Search, q.Type, ""); err != nil {
			return store.Page{}, err
		}
	}
	plan, err := a.plan(ctx, q, at, after)
	if err != nil {
		return store.Page{}, err
	}
	if q.Type != "" {
		plan.Query.Where = listed(plan.Query.Where, policy.Listed(a.principal, q.Type))
	}
	page, err := a.gate.store.Search(ctx, plan)
	if err == nil && (after != nil || plan.At != 0) {
		if a.at != 0 && a.principal.Role != trust.SystemRole { // it would count what is hidden since
			page.Total = -1
		}
		for _, list := range []*[]store.Version{&page.Matches, &page.Included} {
			if *list, err = a.Still(ctx, *list); err != nil {
				break
			}
		}
	}
	if err != nil {
		return store.Page{}, err
	}
	l := a.leaf(ledger.Search, q.Type)
	l.Query, l.Count = described(q), len(page.Matches)+len(page.Included)
	for _, list := range [][]store.Version{page.Matches, page.Included} {
		for _, v := range list {
			addPatient(l, v.Patient)
		}
	}
	if len(l.Patients) == 0 {
		if err := a.addAsked(ctx, l, q, page.Total); err != nil {
			return store.Page{}, err
		}
	}
	if err := a.maskedAll(page.Matches, page.Included); err != nil {
		return store.Page{}, err
	}
	return page, a.write(ctx, l)
}

// addAsked names in a leaf the patients in whose charts a search has looked that shows nothing, where the
// actor may see them: that there is nothing, or how much there is, is told of somebody too.
func (a *Actor) addAsked(ctx context.Context, l *ledger.Leaf, q search.Query, total int64) error {
	var found asked
	found.of(q.Type, q.Where)
	name := func(v store.Version) {
		id := v.Patient
		if v.Type == "Patient" {
			id = v.ID
		}
		if !v.Deleted && id != "" && a.tellsOf(id) {
			addPatient(l, id)
		}
	}
	for _, ref := range found.refs[:min(len(found.refs), maxAbout)] {
		v, err := a.current(ctx, ref.Type, ref.ID)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		name(v)
	}
	ask := found.patients[:min(len(found.patients), maxAbout)]
	if len(found.person) > 0 {
		ask = append(ask, found.person)
	}
	for _, x := range ask {
		v, err := a.onlyOne(ctx, "Patient", x)
		if err != nil {
			return err
		}
		name(v)
	}
	if total == 1 && len(l.Patients) == 0 { // the one that was counted
		v, err := a.onlyOne(ctx, q.Type, q.Where)
		if err != nil {
			return err
		}
		name(v)
	}
	return nil
}

// onlyOne returns the resource that alone fulfils a condition, among those that the actor may see; the zero
// Version when none does, or several do.
func (a *Actor) onlyOne(ctx context.Context, resourceType string, where search.Expr) (store.Version, error) {
	plan, err := a.plan(ctx, search.Query{Type: resourceType, Where: where, Count: 2, Total: search.TotalNone}, 0, nil)
	if err != nil {
		return store.Version{}, err
	}
	page, err := a.gate.lean.Search(ctx, plan)
	if err != nil || len(page.Matches) != 1 {
		return store.Version{}, err
	}
	return page.Matches[0], nil
}

// maxAbout is how many of the things that a search names are looked up.
const maxAbout = 8

// asked is whom a condition asks about.
type asked struct {
	refs     []search.Reference // resources by type and id: patients, or of a patient
	patients []search.Expr      // identifiers of patients
	person   search.And         // what else is said of one patient: name, birth date
}

// of collects what a condition on a resource type names.
func (f *asked) of(resourceType string, where search.Expr) {
	ids := func(t string, list []string) {
		for _, id := range list {
			f.refs = append(f.refs, search.Reference{Type: t, ID: id})
		}
	}
	switch x := where.(type) {
	case search.And:
		for _, part := range x {
			f.of(resourceType, part)
		}
	case search.Or: // several values of one parameter
		for _, part := range x {
			if t, ok := part.(search.Token); !ok || t.Param == "identifier" {
				f.of(resourceType, part)
			}
		}
	case search.InPatient:
		ids("Patient", x)
	case search.ID:
		ids(resourceType, x)
	case search.Reference:
		switch {
		case x.Identifier != nil && (x.Param == "patient" || x.Param == "subject"):
			t := *x.Identifier
			t.Param = "identifier"
			f.patients = append(f.patients, t)
		case x.ID != "" && x.Type != "":
			f.refs = append(f.refs, search.Reference{Type: x.Type, ID: x.ID})
		case x.ID != "" && (x.Param == "patient" || x.Param == "subject"):
			ids("Patient", []string{x.ID})
		}
	case search.Chain:
		f.of(x.Target, x.X)
	case search.Token:
		if resourceType == "Patient" && x.Param == "identifier" {
			f.patients = append(f.patients, x)
		}
	case search.Text, search.Date:
		if resourceType == "Patient" {
			f.person = append(f.person, where)
		}
	}
}

// Still takes out of a list, which is of an earlier moment, what the actor may not see any
// more: an old page address must not show what has moved to another chart.
func (a *Actor) Still(ctx context.Context, list []store.Version) ([]store.Version, error) {
	if a.principal.Role == trust.SystemRole || len(list) == 0 {
		return list, nil
	}
	seen, err := a.seenNow(ctx, list)
	if err != nil {
		return nil, err
	}
	j, err := a.judge(ctx)
	if err != nil {
		return nil, err
	}
	kept := list[:0]
	for _, v := range list {
		if !seen[v.Type+"/"+v.ID] { // hidden, or deleted since
			_, err := j.current(ctx, v.Type, v.ID)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		kept = append(kept, v)
	}
	return kept, nil
}

// Again writes the leaf of an answer that was made before and is given out now, with what it holds.
func (a *Actor) Again(ctx context.Context, what string, shown []store.Version) error {
	l := a.leaf(ledger.Read, "")
	l.Query, l.Count = what, len(shown)
	for _, v := range shown {
		addPatient(l, v.Patient)
	}
	return a.write(ctx, l)
}

// seenNow returns which of the resources are there and visible now, one question a type.
func (a *Actor) seenNow(ctx context.Context, list []store.Version) (map[string]bool, error) {
	ids := map[string]search.ID{}
	for _, v := range list {
		ids[v.Type] = append(ids[v.Type], v.ID)
	}
	seen := map[string]bool{}
	now := *a
	now.at = 0
	for resourceType, some := range ids {
		for part := range slices.Chunk(some, search.MaxCount) {
			plan, err := now.plan(ctx, search.Query{Type: resourceType, Where: part, Count: search.MaxCount}, 0, nil)
			if err != nil {
				return nil, err
			}
			page, err := a.gate.lean.Search(ctx, plan)
			if err != nil {
				return nil, err
			}
			for _, v := range page.Matches {
				seen[v.Type+"/"+v.ID] = true
			}
		}
	}
	return seen, nil
}

// described returns the parameters of a query for the audit log, where nothing can be taken
// out later: an address or a national number that was looked for is not written down.
func described(q search.Query) string {
	parts := make([]string, len(q.Applied))
	for i, p := range q.Applied {
		if policy.Particular(p.Name, p.Value) {
			p.Value = "(not kept)"
		}
		parts[i] = p.Name + "=" + p.Value
	}
	return strings.Join(parts, "&")
}

// Find is Search for Go callers: all matches of a search URL, parsed, then what it
// includes, up to a limit of 1,000.
//
//	actor.Find(ctx, "Appointment", "date=ge2026-11-24&date=lt2026-11-25&_sort=date")
//
// More matches than the limit are fault.TooCostly, never silently cut, unless the query
// has _count, which then is the limit.
func (a *Actor) Find(ctx context.Context, resourceType, query string) ([]*fhir.Node, error) {
	params, err := search.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	q, err := a.parse(ctx, resourceType, params)
	if err != nil {
		return nil, err
	}
	limited := slices.ContainsFunc(params, func(p search.Param) bool { return p.Name == "_count" })
	if !limited {
		q.Count = search.MaxCount
	}
	q.Total = search.TotalNone
	page, err := a.Search(ctx, q, 0, nil)
	if err != nil {
		return nil, err
	}
	if page.Next != nil && !limited {
		return nil, fault.New(fault.TooCostly, "More than %d %s match; narrow the search.", search.MaxCount, resourceType)
	}
	nodes := make([]*fhir.Node, 0, len(page.Matches)+len(page.Included))
	for _, list := range [][]store.Version{page.Matches, page.Included} {
		for _, v := range list {
			r, err := fhir.Parse(v.Body)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, r)
		}
	}
	return nodes, nil
}

func (a *Actor) parse(ctx context.Context, resourceType string, params []search.Param) (search.Query, error) {
	parser, err := a.Parser(ctx)
	if err != nil {
		return search.Query{}, err
	}
	return parser.Parse(resourceType, params, search.Strict)
}

// Count returns the number of matches of a search URL.
func (a *Actor) Count(ctx context.Context, resourceType string, query url.Values) (int64, error) {
	var params []search.Param
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range query[name] {
			params = append(params, search.Param{Name: name, Value: value})
		}
	}
	q, err := a.parse(ctx, resourceType, params)
	if err != nil {
		return 0, err
	}
	if err := a.may(ctx, policy.Search, resourceType, ""); err != nil {
		return 0, err
	}
	plan, err := a.plan(ctx, q, 0, nil)
	if err != nil {
		return 0, err
	}
	plan.Query.Where = listed(plan.Query.Where, policy.Listed(a.principal, resourceType))
	n, err := a.gate.store.Count(ctx, plan)
	if err != nil {
		return 0, err
	}
	l := a.leaf(ledger.Search, resourceType)
	l.Query = "count " + described(q)
	if err := a.addAsked(ctx, l, q, n); err != nil {
		return 0, err
	}
	return n, a.write(ctx, l)
}
