package storetest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// model is the same record in plain Go, with every version.
type model struct{ versions []modelled }

type modelled struct {
	store.Write
	from, to store.T // to 0: current
}

// at returns the live versions of a type at a time.
func (m *model) at(resourceType string, t store.T) []modelled {
	var out []modelled
	for _, v := range m.versions {
		if v.Type == resourceType && !v.Deleted && v.from <= t && (v.to == 0 || v.to > t) {
			out = append(out, v)
		}
	}
	return out
}

func (m *model) current(resourceType, id string) (modelled, int) {
	for i := len(m.versions) - 1; i >= 0; i-- {
		if v := m.versions[i]; v.Type == resourceType && v.ID == id {
			return v, i
		}
	}
	return modelled{}, -1
}

func (m *model) put(w store.Write, t store.T) {
	if _, i := m.current(w.Type, w.ID); i >= 0 {
		m.versions[i].to = t
	}
	m.versions = append(m.versions, modelled{Write: w, from: t})
}

// subject prepares a version for search.Match, with the visible resources around it.
func (m *model) subject(v modelled, t store.T, visible store.Visibility) search.Subject {
	s := search.Subject{Type: v.Type, ID: v.ID, Patient: v.Patient, Updated: v.Updated}
	s.Words = func(narrative bool) string {
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return err.Error()
		}
		return search.WordsOf(r, narrative)
	}
	s.Beside = func(patient string, x search.Beside) bool {
		return slices.ContainsFunc(m.versions, func(w modelled) bool {
			return w.to == 0 && !w.Deleted && w.Type == x.Type && w.Patient == patient && search.Match(x.X, search.Subject{Type: w.Type, ID: w.ID, Patient: w.Patient, Updated: w.Updated}, w.Index)
		})
	}
	s.Target = func(resourceType, id string) (search.Subject, []search.Entry, bool) {
		for _, w := range m.at(resourceType, t) {
			if w.ID == id && m.matches(visible(resourceType), w, t, visible) {
				return m.subject(w, t, visible), w.Index, true
			}
		}
		return search.Subject{}, nil, false
	}
	s.Referrers = func(source, param string) iter.Seq2[search.Subject, []search.Entry] {
		return func(yield func(search.Subject, []search.Entry) bool) {
			for _, w := range m.at(source, t) {
				refers := slices.ContainsFunc(w.Index, func(e search.Entry) bool {
					return e.Kind == search.KindReference && e.Param == param && e.RefType == v.Type && e.RefID == v.ID
				})
				if refers && m.matches(visible(source), w, t, visible) && !yield(m.subject(w, t, visible), w.Index) {
					return
				}
			}
		}
	}
	return s
}

func (m *model) matches(x search.Expr, v modelled, t store.T, visible store.Visibility) bool {
	return search.Match(x, m.subject(v, t, visible), v.Index)
}

func (m *model) search(q search.Query, t store.T, visible store.Visibility) []modelled {
	var out []modelled
	for _, v := range m.at(q.Type, t) {
		if m.matches(search.And{q.Where, visible(q.Type)}, v, t, visible) {
			out = append(out, v)
		}
	}
	return out
}

// included returns the ids that a page should include, sorted.
func (m *model) included(q search.Query, matches []modelled, t store.T, visible store.Visibility) []string {
	keys := map[string]bool{}
	var fresh []modelled // of this round
	add := func(w modelled) {
		isMatch := slices.ContainsFunc(matches, func(v modelled) bool { return v.Type == w.Type && v.ID == w.ID })
		if key := w.Type + "/" + w.ID; !isMatch && !keys[key] && m.matches(visible(w.Type), w, t, visible) {
			keys[key] = true
			fresh = append(fresh, w)
		}
	}
	refers := func(from modelled, inc search.Include, to modelled) bool {
		return slices.ContainsFunc(from.Index, func(e search.Entry) bool {
			return e.Kind == search.KindReference && (inc.Param == "*" || inc.Param == e.Param) && e.RefType == to.Type && e.RefID == to.ID
		})
	}
	from := matches
	for round := 0; len(from) > 0; round++ {
		fresh = nil
		for _, v := range from {
			for _, other := range [...]string{"Patient", "Observation", "Encounter"} {
				for _, w := range m.at(other, t) {
					for _, inc := range q.Include {
						if (round == 0 || inc.Iterate) && (inc.Source == "" || inc.Source == v.Type) && (inc.Target == "" || inc.Target == other) && refers(v, inc, w) {
							add(w)
						}
					}
					for _, inc := range q.RevInclude {
						if (round == 0 || inc.Iterate) && (inc.Source == "" || inc.Source == other) && (inc.Target == "" || inc.Target == v.Type) && refers(w, inc, v) {
							add(w)
						}
					}
				}
			}
		}
		from = fresh
	}
	out := []string{}
	for k := range keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// searchAgrees grows records at random and asks the store and the model the same: 2,000
// questions of two records, 50,000 with OSLER_DRILL.
func searchAgrees(h *harness) {
	records, rounds, questions := 2, 10, 100
	switch {
	case os.Getenv("OSLER_DRILL") != "":
		records = 50
	case testing.Short():
		records = 1
	}
	searchesAgree(h, records, rounds, questions)
}

// searchAgreesInBrief asks 300 questions.
func searchAgreesInBrief(h *harness) { searchesAgree(h, 1, 3, 100) }

func searchesAgree(h *harness, records, rounds, questions int) {
	for record := range records {
		h.fresh(func(h *harness) {
			g := &generator{rand.New(rand.NewPCG(20260301, uint64(record)))}
			m := &model{}
			for range rounds {
				for range 25 {
					h.mutate(g, m)
				}
				for range questions {
					if h.ask(g, m); h.Failed() {
						return
					}
				}
			}
		})
		if h.Failed() {
			h.Logf("this was record %d", record)
			return
		}
	}
}

// fresh runs a test on a store of its own.
func (h *harness) fresh(test func(h *harness)) {
	dir := h.TempDir()
	own := &harness{T: h.T, open: h.open, dir: dir, Store: h.open(h.T, dir), ctx: h.ctx}
	defer own.Store.Close()
	test(own)
}

// mutate commits one to three random writes.
func (h *harness) mutate(g *generator, m *model) {
	var writes []store.Write
	used := map[string]bool{}
	for range 1 + g.IntN(3) {
		w := store.Write{Type: g.typ(), ID: g.id(), Patient: g.patientID(), Updated: epoch.AddDate(0, 0, g.IntN(60))}
		if w.Type == "Patient" {
			w.ID = pick(g, "p0", "p1", "p2", "p3")
			w.Patient = w.ID
		}
		if used[w.Type+w.ID] {
			continue
		}
		used[w.Type+w.ID] = true
		old, i := m.current(w.Type, w.ID)
		w.Version = old.Version + 1
		if i >= 0 && g.IntN(2) == 0 {
			w.Patient = old.Patient
		}
		if i >= 0 && !old.Deleted && g.IntN(5) == 0 {
			w.Deleted = true
		} else {
			w.Index = g.entries()
			if w.Patient == "" && g.IntN(3) == 0 {
				w.Index = append(w.Index, g.parties()...)
			}
			w.Body = g.body(w)
		}
		writes = append(writes, w)
	}
	t := h.commit(writes...)
	for _, w := range writes {
		m.put(w, t)
	}
}

// ask runs one random search, now or at a moment of the past, in small pages.
func (h *harness) ask(g *generator, m *model) {
	h.Helper()
	now, err := h.Now(h.ctx)
	if err != nil {
		h.Fatal(err)
	}
	at, moment := store.T(0), now
	if g.IntN(2) == 0 {
		at = 1 + store.T(g.Int64N(int64(now)))
		moment = at
	}
	rules := map[string]search.Expr{"Patient": search.All{}, "Observation": search.All{}, "Encounter": search.All{}}
	if g.IntN(2) == 0 {
		for _, typ := range [...]string{"Patient", "Observation", "Encounter"} {
			rules[typ] = pick[search.Expr](g, search.InPatient{"p1"}, search.Not{X: g.leaf()}, search.Or{g.leaf(), g.leaf()}, search.All{})
		}
	}
	visible := func(typ string) search.Expr { return rules[typ] }
	q := search.Query{Type: g.typ(), Where: g.expr(3), Sort: g.sort(), Count: 1 + g.IntN(12), Total: search.TotalAccurate}
	for range g.IntN(3) {
		q.Include = append(q.Include, search.Include{Source: q.Type, Param: pick(g, "subject", "encounter", "*"), Target: pick(g, "", "Patient")})
		if g.IntN(2) == 0 {
			i := &q.Include[len(q.Include)-1]
			i.Iterate, i.Source = true, pick(g, "", q.Type, g.typ())
		}
	}
	for range g.IntN(2) {
		q.RevInclude = append(q.RevInclude, search.Include{Source: g.typ(), Param: pick(g, "subject", "encounter", "*"), Target: pick(g, "", "", "Patient"), Iterate: g.IntN(3) == 0})
		if g.IntN(5) == 0 {
			q.RevInclude[0].Source, q.RevInclude[0].Param = "", "*"
		}
	}
	h.compare(m, q, at, moment, visible)
}

func (h *harness) compare(m *model, q search.Query, at, moment store.T, visible store.Visibility) {
	h.Helper()
	want := m.search(q, moment, visible)
	fail := func(format string, args ...any) {
		h.Helper()
		rules := fmt.Sprintf("Patient %#v, Observation %#v, Encounter %#v", visible("Patient"), visible("Observation"), visible("Encounter"))
		h.Errorf("%s where %#v and visible %s, sort %v, at %d (0 is now): %s", q.Type, q.Where, rules, q.Sort, at, fmt.Sprintf(format, args...))
	}
	p := store.NewPlan(q, visible)
	p.At = at
	var got []modelled
	for {
		page, err := h.Search(h.ctx, p)
		if err != nil {
			fail("%v", err)
			return
		}
		if page.Total != int64(len(want)) {
			fail("total %d, want %d", page.Total, len(want))
		}
		var matches []modelled
		for _, v := range page.Matches {
			i := slices.IndexFunc(want, func(w modelled) bool { return w.ID == v.ID && w.Version == v.Version })
			if i < 0 {
				fail("%s version %d is no match", v.ID, v.Version)
				return
			}
			matches = append(matches, want[i])
		}
		included := []string{}
		for _, v := range page.Included {
			included = append(included, v.Type+"/"+v.ID)
		}
		slices.Sort(included)
		if wanted := m.included(q, matches, moment, visible); !slices.Equal(included, wanted) {
			fail("include %v %v: %v, want %v", q.Include, q.RevInclude, included, wanted)
		}
		got = append(got, matches...)
		if page.Next == nil {
			break
		}
		p.After = page.Next
	}
	if len(got) != len(want) {
		fail("%d matches, want %d", len(got), len(want))
	}
	for i := 1; i < len(got); i++ {
		a := search.SortKeys(q.Sort, m.subject(got[i-1], moment, visible), got[i-1].Index)
		b := search.SortKeys(q.Sort, m.subject(got[i], moment, visible), got[i].Index)
		if search.Compare(q.Sort, a, b) > 0 {
			fail("%s comes before %s: %v, %v", got[i-1].ID, got[i].ID, a, b)
		}
	}
	if n, err := h.Count(h.ctx, p); err != nil || p.At == 0 && n != int64(len(want)) {
		fail("count %d (%v), want %d", n, err, len(want))
	}
}
