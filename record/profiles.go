package record

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/profile"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/fhir/terminology"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/store"
)

// Profiles is what a gate does with resources that break a profile which they claim in
// meta.profile, or the definition of an extension. Only definitions that are known (R4's
// own, and those that are stored) are followed; faults against the base definitions of
// FHIR are always refused.
type Profiles int

// The policies.
const (
	// ProfilesReject refuses the change: a claim in the record is true. This is the default.
	ProfilesReject Profiles = iota
	// ProfilesWarn stores it and says so in Result.Findings: for data that comes from
	// elsewhere and must not be lost.
	ProfilesWarn
	// ProfilesIgnore does not look.
	ProfilesIgnore
)

// FollowProfiles sets the policy; it is called before the gate is used.
func (g *Gate) FollowProfiles(p Profiles) { g.profiles = p }

// shelf holds the definitions as they are stored, ready for use. It is put away when one of
// them changes.
type shelf struct {
	library *profile.Library
	member  func(valueSet, system, code string) (in, known bool)
	// subsumes compares codes of the code systems that are stored or defined.
	subsumes func(system, a, b string) (outcome string, err error)

	asked sync.Map // the urls of definitions that were looked for, found or not
}

// shelved are the types that a shelf is made of.
var shelved = []string{"StructureDefinition", "ValueSet", "CodeSystem"}

// Validation returns the options with which resources are checked against profiles: the
// definitions of the record, which are open to everyone.
func (g *Gate) Validation(ctx context.Context) validate.Options {
	s := g.shelf.Load()
	if s == nil {
		ctx = context.WithoutCancel(ctx) // the shelf outlives the request that fills it
		s = &shelf{}
		find := func(kind, canonical string) (*fhir.Node, error) {
			url, _, _ := strings.Cut(canonical, "|")
			s.asked.Store(url, true) // before the look, so that a write in between is noticed
			r, err := g.canonical(ctx, kind, canonical)
			if err != nil { // what could not be read must not be kept as missing
				g.shelf.CompareAndSwap(s, nil)
			}
			return r, err
		}
		s.library = profile.NewLibrary(func(canonical string) *fhir.Node {
			r, _ := find("StructureDefinition", canonical)
			return r
		})
		s.member = validate.Terminology(find)
		s.subsumes = func(system, a, b string) (string, error) { return terminology.Subsumes(system, a, b, find) }
		g.shelf.Store(s)
	}
	return validate.Options{Library: s.library, Member: s.member, Subsumes: s.subsumes}
}

// canonical reads a stored definition by its canonical: the version that is asked for, else
// the one stored last; nil when there is none.
func (g *Gate) canonical(ctx context.Context, kind, canonical string) (*fhir.Node, error) {
	query, version := []search.Param{{Name: "_sort", Value: "-_lastUpdated"}, {Name: "_count", Value: "20"}}, ""
	for i := range canonical {
		if canonical[i] == '|' {
			canonical, version = canonical[:i], canonical[i+1:]
			query = append(query, search.Param{Name: "version", Value: search.Escape(version)})
			break
		}
	}
	q, err := search.Parse(kind, append(query, search.Param{Name: "url", Value: search.Escape(canonical)}), search.Strict)
	if err != nil {
		return nil, nil // no url that a definition could have
	}
	q.Total = search.TotalNone
	page, err := g.store.Search(ctx, openPlan(q, 0, nil))
	if err != nil {
		return nil, err
	}
	for _, v := range page.Matches {
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		if version == "" || r.Get("version").Text() == version {
			return r, nil
		}
	}
	return nil, nil
}

// openPlan is a search of definitions, which are open to everyone.
func openPlan(q search.Query, at store.T, after []byte) store.Plan {
	p := store.NewPlan(q, func(string) search.Expr { return search.All{} })
	p.At, p.After = at, after
	return p
}

// profileQuery finds the stored profiles of resources.
func profileQuery() (search.Query, error) {
	q, err := search.Parse("StructureDefinition", []search.Param{{Name: "derivation", Value: "constraint"}, {Name: "kind", Value: "resource"},
		{Name: "_sort", Value: "-_lastUpdated"}, {Name: "_count", Value: "200"}}, search.Strict)
	q.Total = search.TotalNone
	return q, err
}

func addProfile(out map[string][]string, body []byte) {
	r, err := fhir.Parse(body)
	if err != nil {
		return
	}
	kind, url := r.Get("type").Text(), r.Get("url").Text()
	if url != "" && definition.IsResource(kind) && !slices.Contains(out[kind], url) {
		out[kind] = append(out[kind], url)
	}
}

// validation returns the options for a write.
func (a *Actor) validation(ctx context.Context) validate.Options {
	if a.gate.profiles == ProfilesIgnore {
		return validate.Options{}
	}
	o := a.gate.Validation(ctx)
	o.Advise = a.gate.profiles == ProfilesWarn
	return o
}

// reshelve puts the shelf away when a definition was written that something on it was made
// of, or would have been. A guide that is read in does not disturb it.
func (g *Gate) reshelve(writes []store.Write) {
	for _, w := range writes {
		if !slices.Contains(shelved, w.Type) {
			continue
		}
		if w.Type == "StructureDefinition" {
			g.listed.forget()
		}
		if s := g.shelf.Load(); s != nil && (w.Version > 1 || s.made(w.Body)) {
			g.shelf.CompareAndSwap(s, nil)
		}
	}
}

// made reports whether a definition was looked for.
func (s *shelf) made(body []byte) bool {
	r, err := fhir.Parse(body)
	if err != nil {
		return true
	}
	_, asked := s.asked.Load(r.Get("url").Text())
	return asked
}

// advice keeps the warnings about a resource for the one who writes it.
func advice(at string, issues []fault.Issue) (out []fault.Issue) {
	for _, i := range issues {
		if i.Severity == "warning" {
			i.Expression = at + i.Expression
			out = append(out, i)
		}
	}
	return out
}
