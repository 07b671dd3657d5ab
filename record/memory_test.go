package record

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

type memory struct {
	store.Store
	clock    clock.Clock
	versions []store.Version
	items    map[string]store.Item
	leaves   []store.LeafEntry
}

func (m *memory) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if c.Leaf == nil {
		return store.Receipt{}, fault.New(fault.Internal, "no leaf")
	}
	for _, w := range c.Writes {
		v, _ := m.Read(ctx, w.Type, w.ID, 0)
		if v.Version != w.Version-1 {
			return store.Receipt{}, fault.New(fault.Stale, "stale")
		}
	}
	for _, u := range c.Unchanged {
		for _, v := range m.versions {
			if v.Patient == u.Patient && v.T > u.Since {
				return store.Receipt{}, fault.New(fault.Conflict, "changed")
			}
		}
	}
	for _, p := range c.Absent {
		if page, _ := m.Search(ctx, p); len(page.Matches) > 0 {
			return store.Receipt{}, fault.New(fault.Conflict, "not absent")
		}
	}
	for _, w := range c.Items {
		if have := m.items[w.Space+"/"+w.Key].Version; w.IfVersion != -1 && w.IfVersion != have {
			return store.Receipt{}, fault.New(fault.Conflict, "version %d, not %d", have, w.IfVersion)
		}
	}
	t := store.T(len(m.leaves) + 1)
	for _, w := range c.Writes {
		m.versions = append(m.versions, store.Version{Type: w.Type, ID: w.ID, Version: w.Version, Updated: w.Updated, T: t, Patient: w.Patient, Deleted: w.Deleted, Body: w.Body})
	}
	for _, w := range c.Items {
		key := w.Space + "/" + w.Key
		it := w.Item
		it.Version = m.items[key].Version + 1
		if m.items[key] = it; w.Delete {
			delete(m.items, key)
		}
	}
	m.leaves = append(m.leaves, store.LeafEntry{Index: int64(t), Leaf: *c.Leaf})
	return store.Receipt{T: t, Leaf: int64(t)}, nil
}

func (m *memory) Now(context.Context) (store.T, error) { return store.T(len(m.leaves)), nil }
func (m *memory) At(_ context.Context, wall time.Time) (t store.T, err error) {
	for _, l := range m.leaves {
		if !l.Leaf.Time.After(wall) {
			t = store.T(l.Index)
		}
	}
	return t, nil
}

func (m *memory) Read(_ context.Context, t, id string, at store.T) (store.Version, error) {
	for _, v := range slices.Backward(m.versions) {
		if v.Type == t && v.ID == id && (at == 0 || v.T <= at) {
			return v, nil
		}
	}
	return store.Version{}, fault.New(fault.NotFound, "none")
}

func (m *memory) ReadVersion(_ context.Context, t, id string, n int64) (store.Version, error) {
	for _, v := range m.versions {
		if v.Type == t && v.ID == id && v.Version == n {
			return v, nil
		}
	}
	return store.Version{}, fault.New(fault.NotFound, "none")
}

func (m *memory) current(at store.T) []store.Version {
	seen := map[string]store.Version{}
	for _, v := range m.versions {
		if at == 0 || v.T <= at {
			seen[v.Type+"/"+v.ID] = v
		}
	}
	var out []store.Version
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		if !seen[k].Deleted {
			out = append(out, seen[k])
		}
	}
	return out
}

func (m *memory) Search(_ context.Context, p store.Plan) (page store.Page, err error) {
	for _, v := range m.current(p.At) {
		visible, ok := p.Visible(v.Type)
		if !ok {
			return page, fault.New(fault.Internal, "no predicate")
		}
		r, _ := fhir.Parse(v.Body)
		entries, _ := search.Extract(r)
		s := search.Subject{Type: v.Type, ID: v.ID, Patient: v.Patient}
		if v.Type == p.Query.Type && search.Match(search.And{p.Query.Where, visible}, s, entries) {
			page.Matches = append(page.Matches, v)
		}
	}
	if n := p.Query.Count; len(page.Matches) > n {
		page.Matches, page.Next = page.Matches[:n], []byte("x")
	}
	return page, nil
}

func (m *memory) Count(ctx context.Context, p store.Plan) (int64, error) {
	p.Query.Count = 1 << 30
	page, err := m.Search(ctx, p)
	return int64(len(page.Matches)), err
}

func (m *memory) Compartment(_ context.Context, patient string, types []string, at store.T) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for _, v := range m.current(at) {
			if v.Patient == patient && (len(types) == 0 || slices.Contains(types, v.Type)) && !yield(v, nil) {
				return
			}
		}
	}
}

func (m *memory) All(_ context.Context, types []string, at store.T) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for _, v := range m.current(at) {
			if (len(types) == 0 || slices.Contains(types, v.Type)) && !yield(v, nil) {
				return
			}
		}
	}
}

func (m *memory) History(_ context.Context, f store.HistoryFilter) (out []store.Version, err error) {
	for _, v := range slices.Backward(m.versions) {
		if (f.Type == "" || f.Type == v.Type) && (f.ID == "" || f.ID == v.ID) && (f.Patient == "" || f.Patient == v.Patient) &&
			(f.Before == 0 || v.T < f.Before) && (f.At == 0 || v.T <= f.At) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (m *memory) Item(_ context.Context, space, key string) (store.Item, error) {
	it := m.items[space+"/"+key]
	if it.Version == 0 || !it.Expires.IsZero() && !m.clock.Now().Before(it.Expires) {
		return store.Item{}, fault.New(fault.NotFound, "no item")
	}
	return it, nil
}

func (m *memory) Items(_ context.Context, space, owner string) (out []store.Item, err error) {
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		if it := m.items[key]; it.Space == space && it.Owner == owner {
			out = append(out, it)
		}
	}
	return out, nil
}

func (m *memory) Leaves(_ context.Context, f store.LeafFilter) (out []store.LeafEntry, err error) {
	for _, l := range slices.Backward(m.leaves) {
		if f.Patient == "" || slices.Contains(l.Leaf.Patients, f.Patient) {
			out = append(out, l)
		}
	}
	return out, nil
}

func openStore(t interface{ Fatal(...any) }, c clock.Clock) store.Store {
	return &memory{clock: c, items: map[string]store.Item{}}
}
