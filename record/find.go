package record

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
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
	if err := a.addAsked(ctx, l, q, page.Total); err != nil {
		return store.Page{}, err
	}
	if err := a.maskedAll(page.Matches, page.Included); err != nil {
		return store.Page{}, err
	}
	return page, a.write(ctx, l)
}

// addAsked names in a leaf the patients in whose charts a search has looked and of whom it shows nothing,
// where the actor may see them: that there is nothing, or how much there is, is told of somebody too.
func (a *Actor) addAsked(ctx context.Context, l *ledger.Leaf, q search.Query, total int64) error {
	known, err := a.gate.Registry(ctx)
	if err != nil {
		return err
	}
	found := asked{shown: len(l.Patients) > 0, known: known, refs: map[string]search.ID{}}
	found.of(q.Type, q.Where, "", false)
	name := func(v store.Version) {
		id := v.Patient
		if v.Type == "Patient" {
			id = v.ID
		}
		if !v.Deleted && id != "" && a.tellsOf(id) {
			addPatient(l, id)
		}
	}
	if err := a.eachNamed(ctx, found.refs, q.Types, l.Patients, name); err != nil {
		return err
	}
	if err := a.eachAsked(ctx, found.people(), name); err != nil {
		return err
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

// eachNamed tells of the resources that a search names by id, but for patients that are known already. types
// are those of a search of all types.
func (a *Actor) eachNamed(ctx context.Context, refs map[string]search.ID, types, known []string, name func(store.Version)) error {
	var list []store.Version
	for _, t := range slices.Sorted(maps.Keys(refs)) {
		of := []string{t}
		if t == "" {
			of = append(slices.Clone(types[:min(len(types), maxAbout)]), "Patient")
		}
		for _, id := range refs[t] {
			for _, t := range of {
				if t != "Patient" || !slices.Contains(known, id) {
					list = append(list, store.Version{Type: t, ID: id})
				}
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return a.eachNow(ctx, list, name)
}

// eachAsked tells of the people whom conditions describe, each of them: not more than a few.
func (a *Actor) eachAsked(ctx context.Context, people []search.Expr, name func(store.Version)) error {
	if len(people) > maxAbout { // the others together, whoever they are
		people = append(people[:maxAbout:maxAbout], search.Or(people[maxAbout:]))
	}
	for i, x := range people {
		few := maxAbout
		if i == maxAbout {
			few = search.MaxCount
		}
		list, err := a.few(ctx, "Patient", x, few)
		if err != nil {
			return err
		}
		for _, v := range list {
			name(v)
		}
	}
	return nil
}

// onlyOne returns the resource that alone fulfils a condition, among those that the actor may see; the zero
// Version when none does, or several do.
func (a *Actor) onlyOne(ctx context.Context, resourceType string, where search.Expr) (store.Version, error) {
	list, err := a.few(ctx, resourceType, where, 1)
	if err != nil || len(list) == 0 {
		return store.Version{}, err
	}
	return list[0], nil
}

// few returns the resources that fulfil a condition, among those that the actor may see, when they are no
// more than most.
func (a *Actor) few(ctx context.Context, resourceType string, where search.Expr, most int) ([]store.Version, error) {
	plan, err := a.plan(ctx, search.Query{Type: resourceType, Where: where, Count: min(most+1, search.MaxCount), Total: search.TotalNone}, 0, nil)
	if err != nil {
		return nil, err
	}
	page, err := a.gate.lean.Search(ctx, plan)
	if err != nil || len(page.Matches) > most {
		return nil, err
	}
	return page.Matches, nil
}

// maxAbout is how many people may fit what a search says of one, to be named as those whom it asks about.
const maxAbout = 8

// asked is whom a condition asks about. What it shows is named already: when it shows somebody, only what is
// loose counts, that is, what a match need not be about: alternatives, and what refers to it.
type asked struct {
	shown   bool
	known   *search.Registry
	refs    map[string]search.ID // by type: patients, or of a patient
	persons []person
	loose   int // number of parts, to tell them apart
}

// person is what is said of one patient: a number, or name and birth date, at one end of a chain.
type person struct {
	at    string
	says  search.And
	loose bool
}

// people are conditions on Patient, one for each person who may have to be named.
func (f *asked) people() (out []search.Expr) {
	for _, p := range f.persons {
		if p.loose || !f.shown {
			out = append(out, p.says)
		}
	}
	return out
}

func (f *asked) ids(resourceType string, ids []string, loose bool) {
	for _, id := range ids {
		if (loose || len(ids) > 1 || !f.shown || resourceType == "Patient") && !slices.Contains(f.refs[resourceType], id) {
			f.refs[resourceType] = append(f.refs[resourceType], id)
		}
	}
}

// says adds to what is said of the person at a place; an own place is nobody else's.
func (f *asked) says(at string, x search.Expr, own, loose bool) {
	i := slices.IndexFunc(f.persons, func(p person) bool { return p.at == at && !own })
	if i < 0 {
		i = len(f.persons)
		if own {
			at = f.apart()
		}
		f.persons = append(f.persons, person{at: at})
	}
	f.persons[i].says = append(f.persons[i].says, x)
	f.persons[i].loose = f.persons[i].loose || loose
}

func (f *asked) apart() string {
	f.loose++
	return "#" + strconv.Itoa(f.loose)
}

// of collects what a condition on a resource type names; at is the way that has led to the type.
func (f *asked) of(resourceType string, where search.Expr, at string, loose bool) {
	switch x := where.(type) {
	case search.And:
		for _, part := range x {
			f.of(resourceType, part, at, loose)
		}
	case search.Composite:
		f.of(resourceType, search.And(x.Parts), at, loose)
	case search.Or: // several values of one parameter
		f.either(resourceType, x, at, loose)
	case search.Not:
		f.of(resourceType, x.X, f.apart(), true)
	case search.InPatient:
		f.ids("Patient", x, loose)
	case search.ID:
		f.ids(resourceType, x, loose)
	case search.Lineage:
		f.ids(x.Type, []string{x.ID}, loose)
	case search.Reference:
		switch {
		case x.Identifier != nil:
			t := *x.Identifier
			t.Param = "identifier"
			f.says("", t, true, loose)
		case x.ID != "":
			for _, t := range f.targets(resourceType, x) {
				f.ids(t, []string{x.ID}, loose)
			}
		}
	case search.Chain: // a match may share with others what it leads to, but for its patient
		f.of(x.Target, x.X, at+"."+x.Param, loose || x.Target != "Patient")
	case search.Has:
		f.of(x.Source, x.X, f.apart(), true)
	case search.Token:
		if resourceType == "Patient" && slices.Contains(ownTokens, x.Param) {
			f.says("", x, true, loose)
		}
	case search.Text, search.Date:
		if resourceType == "Patient" {
			f.says(at, where, false, loose)
		}
	}
}

// targets are the types that a reference may lead to: Patient, where these are many.
func (f *asked) targets(resourceType string, x search.Reference) []string {
	if x.Type != "" {
		return []string{x.Type}
	}
	if p, ok := f.known.Parameter(resourceType, x.Param); ok && len(p.Targets) > 0 && len(p.Targets) <= maxAbout {
		return p.Targets
	}
	return []string{"Patient"}
}

// either collects what alternatives name: those of what is said of a person stay together.
func (f *asked) either(resourceType string, x search.Or, at string, loose bool) {
	said := func(x search.Expr) bool {
		switch x.(type) {
		case search.Text, search.Date:
			return true
		}
		return false
	}
	loose = loose || len(x) > 1
	if resourceType == "Patient" && !slices.ContainsFunc(x, func(x search.Expr) bool { return !said(x) }) {
		f.says(at, x, false, loose)
		return
	}
	for _, part := range x {
		f.of(resourceType, part, at, loose)
	}
}

// ownTokens are the parameters of Patient that are codes and belong to one person, or to a household.
var ownTokens = []string{"identifier", "email", "phone", "telecom"}

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
	seen := map[string]bool{}
	return seen, a.eachNow(ctx, list, func(v store.Version) { seen[v.Type+"/"+v.ID] = true })
}

// eachNow tells of those of the resources that are there and visible now.
func (a *Actor) eachNow(ctx context.Context, list []store.Version, tell func(store.Version)) error {
	ids := map[string]search.ID{}
	for _, v := range list {
		ids[v.Type] = append(ids[v.Type], v.ID)
	}
	now := *a
	now.at = 0
	for resourceType, some := range ids {
		for part := range slices.Chunk(some, search.MaxCount) {
			plan, err := now.plan(ctx, search.Query{Type: resourceType, Where: part, Count: search.MaxCount}, 0, nil)
			if err != nil {
				return err
			}
			page, err := a.gate.lean.Search(ctx, plan)
			if err != nil {
				return err
			}
			for _, v := range page.Matches {
				tell(v)
			}
		}
	}
	return nil
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
// has _count, which then is the limit. A query with _count is for lists that say that there
// is more; what decides something reads with FindEach.
func (a *Actor) Find(ctx context.Context, resourceType, query string) ([]*fhir.Node, error) {
	q, limited, err := a.parsed(ctx, resourceType, query)
	if err != nil {
		return nil, err
	}
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

// FindEach ranges over the matches of a search URL, however many, as they are at one moment: _count is how many
// of them are read together. What a search includes is left out.
func (a *Actor) FindEach(ctx context.Context, resourceType, query string) iter.Seq2[*fhir.Node, error] {
	return func(yield func(*fhir.Node, error) bool) {
		q, _, err := a.parsed(ctx, resourceType, query)
		page := store.Page{}
		for next := true; next; next = page.Next != nil {
			if err == nil {
				page, err = a.Search(ctx, q, page.At, page.Next)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, v := range page.Matches {
				r, err := fhir.Parse(v.Body)
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// parsed reads a search URL for Find: a page of it is as large as can be unless it says how large.
func (a *Actor) parsed(ctx context.Context, resourceType, query string) (q search.Query, limited bool, err error) {
	params, err := search.ParseQuery(query)
	if err != nil {
		return q, false, err
	}
	if q, err = a.parse(ctx, resourceType, params); err != nil {
		return q, false, err
	}
	if limited = slices.ContainsFunc(params, func(p search.Param) bool { return p.Name == "_count" }); !limited {
		q.Count = search.MaxCount
	}
	q.Total = search.TotalNone
	return q, limited, nil
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
