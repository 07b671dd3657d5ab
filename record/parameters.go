package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// A SearchParameter that is stored and active is searched by. What was stored before it is
// indexed in the background (store.Index), piece by piece and across restarts; until then a
// search by it is refused, never answered in part.
//
// The order of things: a commit that writes SearchParameters waits for all others, and all
// others wait until the new rules are in force. So whatever is committed later comes with
// entries of the new rules, and whatever came earlier is met by the indexing, which begins
// afterwards.

const typeParameter = "SearchParameter"

// builtIn is work on the index that a version of the program asks for: parameters of R4
// that former versions did not index.
var builtIn = []indexing{
	{name: "R4/near/1", pending: "Location.near", types: []string{"Location"}},
	{name: "several patients/1"},
	{name: "patients who are named, types of identifiers in references/1"},
}

// indexing is a parameter whose values in older resources are not indexed yet.
type indexing struct {
	name    string // of the work in the store
	pending string // in the registry
	types   []string
}

// parameters is what a gate knows of the record's search parameters.
type parameters struct {
	rules    sync.RWMutex // see above
	registry atomic.Pointer[search.Registry]

	mu      sync.Mutex // while they are read from the store
	jobs    []indexing
	working bool
}

// Registry returns the search parameters of the record. It starts the indexing of those
// that wait for it.
func (g *Gate) Registry(ctx context.Context) (*search.Registry, error) {
	if r := g.parameters.registry.Load(); r != nil {
		return r, nil
	}
	return g.learn(ctx)
}

// learn reads the search parameters anew.
func (g *Gate) learn(ctx context.Context) (*search.Registry, error) {
	p := &g.parameters
	p.mu.Lock()
	defer p.mu.Unlock()
	stored, err := g.storedParameters(ctx, nil)
	if err != nil {
		return nil, err
	}
	jobs := slices.Clone(builtIn)
	var list []*definition.SearchParameter
	for _, s := range stored {
		list = append(list, s.parameter)
		types := s.parameter.Base
		if slices.Contains(types, "Resource") || slices.Contains(types, "DomainResource") {
			types = nil
		}
		jobs = append(jobs, indexing{name: fmt.Sprintf("%s/%s/%d", typeParameter, s.version.ID, s.version.Version), pending: s.parameter.URL, types: types})
	}
	if p.jobs, err = g.waiting(ctx, jobs); err != nil {
		return nil, err
	}
	p.registry.Store(registry(list, p.jobs))
	if len(p.jobs) > 0 { // a small record is done at once
		if err := g.indexSome(ctx, p.jobs); err != nil {
			return nil, err
		}
		if p.jobs, err = g.waiting(ctx, jobs); err != nil {
			return nil, err
		}
		p.registry.Store(registry(list, p.jobs))
	}
	if len(p.jobs) > 0 && !p.working {
		p.working = true
		go g.index(context.WithoutCancel(ctx)) // of the first who needed it; it ends with the work, or with the store
	}
	return p.registry.Load(), nil
}

func registry(list []*definition.SearchParameter, jobs []indexing) *search.Registry {
	pending := make([]string, len(jobs))
	for i, j := range jobs {
		pending[i] = j.pending
	}
	return search.NewRegistry(list, pending...)
}

// waiting returns the jobs that are not done.
func (g *Gate) waiting(ctx context.Context, jobs []indexing) (out []indexing, err error) {
	for _, j := range jobs {
		done, err := g.store.Indexed(ctx, j.name)
		if err != nil {
			return nil, err
		}
		if !done {
			out = append(out, j)
		}
	}
	return out, nil
}

type storedParameter struct {
	parameter *definition.SearchParameter
	version   store.Version
}

// storedParameters reads the active SearchParameters, without those of some ids. One that
// clashes with another, or with the parameters of this program, is left out.
func (g *Gate) storedParameters(ctx context.Context, without map[string]bool) ([]storedParameter, error) {
	var versions []store.Version
	for v, err := range g.store.All(ctx, []string{typeParameter}, 0) {
		if err != nil {
			return nil, err
		}
		if !without[v.ID] {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b store.Version) int { return cmp.Compare(a.ID, b.ID) })
	var out []storedParameter
	var list []*definition.SearchParameter
	for _, composites := range [...]bool{false, true} { // these rest on others
		for _, v := range versions {
			r, err := fhir.Parse(v.Body)
			if err != nil {
				return nil, err
			}
			if (r.Get("type").Text() == "composite") != composites {
				continue
			}
			if p, ok, err := search.NewRegistry(list).ReadParameter(r); err == nil && ok && len(list) < search.MaxCustom {
				list = append(list, p)
				out = append(out, storedParameter{p, v})
			}
		}
	}
	return out, nil
}

// index works off what waits, then makes it searchable.
func (g *Gate) index(ctx context.Context) {
	p := &g.parameters
	for {
		p.mu.Lock()
		jobs := p.jobs
		if p.working = len(jobs) > 0; !p.working {
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		err := g.indexOne(ctx, jobs[0])
		if err == nil {
			_, err = g.learn(ctx)
		}
		if err != nil { // the store is closed or its disk fails; the next start goes on
			p.mu.Lock()
			p.working = false
			p.mu.Unlock()
			return
		}
	}
}

func (g *Gate) indexOne(ctx context.Context, j indexing) error {
	for {
		done, err := g.store.Index(ctx, g.work(j))
		if done || err != nil {
			return err
		}
	}
}

// firstPieces is how many pieces are indexed at once, and firstTime how long no further one
// is begun, before those who wait go on.
const (
	firstPieces = 8
	firstTime   = time.Second
)

func (g *Gate) indexSome(ctx context.Context, jobs []indexing) error {
	pieces, began := 0, time.Now()
	for _, j := range jobs {
		for done := false; !done; pieces++ {
			if pieces == firstPieces || time.Since(began) > firstTime {
				return nil
			}
			var err error
			if done, err = g.store.Index(ctx, g.work(j)); err != nil {
				return err
			}
		}
	}
	return nil
}

// work is what the store does for a job, under the rules in force.
func (g *Gate) work(j indexing) store.Indexing {
	return store.Indexing{Name: j.name, Types: j.types, Extract: func(body []byte) ([]search.Entry, error) {
		known := g.parameters.registry.Load()
		if known == nil {
			return nil, fault.New(fault.Unavailable, "The search parameters of the record are not known.")
		}
		r, err := fhir.Parse(body)
		if err != nil {
			return nil, err
		}
		return known.Extract(r)
	}}
}

// hold keeps the rules in force while a change is built and committed; a change of the
// rules has them alone. It returns the function that lets go.
func (g *Gate) hold(rules bool) (release func()) {
	if rules {
		g.parameters.rules.Lock()
		return g.parameters.rules.Unlock
	}
	g.parameters.rules.RLock()
	return g.parameters.rules.RUnlock
}

// ruling reports whether a change writes SearchParameters.
func (c Change) ruling() bool {
	return slices.ContainsFunc(c.Put, func(p Put) bool { return p.Resource.ResourceType() == typeParameter }) ||
		slices.ContainsFunc(c.Delete, func(d Delete) bool { return d.Type == typeParameter })
}

// ruled takes over what a commit has changed in the rules; the caller holds them. When that
// fails, the next who needs the rules reads them.
func (g *Gate) ruled(ctx context.Context, writes []store.Write) {
	if !slices.ContainsFunc(writes, func(w store.Write) bool { return w.Type == typeParameter }) {
		return
	}
	if _, err := g.learn(ctx); err != nil {
		g.parameters.registry.Store(nil)
	}
}

// parameter holds a SearchParameter of a change to those that will be there beside it.
func (b *builder) parameter(ctx context.Context, r *fhir.Node) error {
	if b.parameters == nil {
		replaced := map[string]bool{}
		for _, p := range b.pending {
			if p.resource.ResourceType() == typeParameter {
				replaced[p.resource.ID()] = true
			}
		}
		for _, d := range b.change.Delete {
			if d.Type == typeParameter {
				replaced[d.ID] = true
			}
		}
		stored, err := b.actor.gate.storedParameters(ctx, replaced)
		if err != nil {
			return err
		}
		b.parameters = []*definition.SearchParameter{}
		for _, s := range stored {
			b.parameters = append(b.parameters, s.parameter)
		}
	}
	p, ok, err := search.NewRegistry(b.parameters).ReadParameter(r)
	if err != nil || !ok {
		return err
	}
	if b.parameters = append(b.parameters, p); len(b.parameters) > search.MaxCustom {
		return fault.New(fault.TooCostly, "The record has %d search parameters of its own already.", search.MaxCustom)
	}
	return nil
}

// Parser returns the parser of searches of this record; the caller adds its terminology.
func (a *Actor) Parser(ctx context.Context) (search.Parser, error) {
	r, err := a.gate.Registry(ctx)
	return search.Parser{Registry: r}, err
}
