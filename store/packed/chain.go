package packed

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

const (
	// maxChain is how many resources a link of a chain may come to.
	maxChain = 10_000
	// maxLinks is how many links a chain may have.
	maxLinks = 4
)

// resolve replaces chains by what they come to at the snapshot: a Chain by references to
// the targets that satisfy its condition and may be seen, a Has by the ids of what visible
// referrers refer to. So a chain is exact at any time, with the visibility of each type.
func (f *finder) resolve(resourceType string, x search.Expr, depth int) (search.Expr, error) {
	if x != nil && !chained(x) {
		return x, nil
	}
	switch x := x.(type) {
	case nil:
		return search.All{}, nil
	case search.And:
		list, err := f.resolveAll(resourceType, x, depth)
		return search.And(list), err
	case search.Or:
		list, err := f.resolveAll(resourceType, x, depth)
		return search.Or(list), err
	case search.Not:
		r, err := f.resolve(resourceType, x.X, depth)
		return search.Not{X: r}, err
	case search.Chain:
		return f.chain(x, depth)
	case search.Has:
		return f.has(resourceType, x, depth)
	case search.Lineage:
		return f.lineage(x, depth)
	}
	return x, nil
}

// chained reports whether a condition has chains. The predicates of access have none, and are
// the larger part of most searches.
func chained(x search.Expr) bool {
	switch x := x.(type) {
	case nil, search.Chain, search.Has, search.Lineage:
		return true
	case search.And:
		return slices.ContainsFunc(x, chained)
	case search.Or:
		return slices.ContainsFunc(x, chained)
	case search.Not:
		return chained(x.X)
	}
	return false
}

func (f *finder) resolveAll(resourceType string, list []search.Expr, depth int) ([]search.Expr, error) {
	out := make([]search.Expr, 0, len(list))
	for _, part := range list {
		r, err := f.resolve(resourceType, part, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (f *finder) chain(x search.Chain, depth int) (search.Expr, error) {
	found, err := f.link(x.Target, x.X, depth)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(found))
	for i, m := range found {
		ids[i] = m.Stored.ID
	}
	return refersTo(x.Param, x.Target, ids), nil
}

// refersTo returns the condition that a parameter refers to one of the ids.
func refersTo(param, target string, ids []string) search.Expr {
	out := make(search.Or, len(ids))
	for i, id := range ids {
		out[i] = search.Reference{Param: param, Type: target, ID: id}
	}
	return out
}

func (f *finder) has(resourceType string, x search.Has, depth int) (search.Expr, error) {
	found, err := f.link(x.Source, x.X, depth)
	if err != nil {
		return nil, err
	}
	var ids search.ID
	seen := map[string]bool{}
	for _, m := range found {
		entries, err := f.reader.pack.Entries(m.Stored)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			e := &entries[i]
			if e.Kind == search.KindReference && e.Param == x.Param && e.RefType == resourceType && e.RefID != "" && !seen[e.RefID] {
				seen[e.RefID] = true
				ids = append(ids, e.RefID)
			}
		}
	}
	if len(ids) == 0 {
		return search.None{}, nil
	}
	return ids, nil
}

// maxLineage is how many steps a hierarchy may have.
const maxLineage = 64

// lineage replaces a Lineage by references to the resources of the hierarchy.
func (f *finder) lineage(x search.Lineage, depth int) (search.Expr, error) {
	seen := map[string]bool{x.ID: true}
	all, next := []string{x.ID}, []string{x.ID}
	for step := 0; len(next) > 0; step++ {
		if step == maxLineage || len(all) > maxChain {
			return nil, fault.New(fault.TooCostly, "The hierarchy of type %s has more than %d steps or %d resources.", x.Type, maxLineage, maxChain)
		}
		var where search.Expr = refersTo(x.By, x.Type, next)
		if x.Above {
			where = search.ID(next)
		}
		found, err := f.link(x.Type, where, depth)
		if err != nil {
			return nil, err
		}
		next = nil
		add := func(id string) {
			if !seen[id] {
				seen[id] = true
				all, next = append(all, id), append(next, id)
			}
		}
		for _, m := range found {
			if !x.Above {
				add(m.Stored.ID)
				continue
			}
			entries, err := f.reader.pack.Entries(m.Stored)
			if err != nil {
				return nil, err
			}
			for i := range entries {
				if e := &entries[i]; e.Kind == search.KindReference && e.Param == x.By && e.RefType == x.Type && e.RefID != "" {
					add(e.RefID)
				}
			}
		}
	}
	return refersTo(x.Param, x.Type, all), nil
}

// link runs the search of one link of a chain.
func (f *finder) link(resourceType string, x search.Expr, depth int) ([]match, error) {
	if depth >= maxLinks {
		return nil, fault.New(fault.TooCostly, "The chain of parameters has more than %d links.", maxLinks)
	}
	visible, _ := f.plan.Visible(resourceType)
	where, err := f.resolve(resourceType, search.And{x, visible}, depth+1)
	if err != nil {
		return nil, err
	}
	inner := *f
	inner.plan, inner.after = store.Plan{}, nil
	found, err := inner.present(inner.request(resourceType, where, nil, maxChain+1))
	if err != nil {
		return nil, err
	}
	if f.past {
		former, err := inner.superseded(resourceType, where)
		if err != nil {
			return nil, err
		}
		found = append(found, former...)
	}
	if len(found) > maxChain {
		return nil, fault.New(fault.TooCostly, "A link of the chain comes to more than %d resources of type %s. Add a condition.", maxChain, resourceType)
	}
	return found, inner.fill(found)
}
