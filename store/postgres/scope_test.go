package postgres_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/storetest"
)

// scoped watches the statements of searches inside of one chart.
type scoped struct {
	*postgres.Store
	t    testing.TB
	seen *statements
}

// statements are those that were checked already, by their text.
type statements struct {
	mu    sync.Mutex
	texts map[string]bool
	n     int // how many name a table of patients
}

func (s *statements) checked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
}

func (s *statements) first(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts[text] {
		return false
	}
	s.texts[text] = true
	return true
}

type scopeKey struct{}

// confined reports whether a plan asks one chart, and nothing else: no chain, no include.
func confined(p store.Plan) bool {
	visible, _ := p.Visible(p.Query.Type)
	one, other := false, false
	var walk func(x search.Expr, top bool)
	walk = func(x search.Expr, top bool) {
		switch x := x.(type) {
		case search.And:
			for _, part := range x {
				walk(part, top)
			}
		case search.Or:
			for _, part := range x {
				walk(part, false)
			}
		case search.Not:
			walk(x.X, false)
		case search.InPatient:
			one = one || top && len(x) == 1
		case search.Chain, search.Has, search.Lineage:
			other = true
		}
	}
	walk(search.And{p.Query.Where, visible}, true)
	return one && !other && len(p.Query.Include)+len(p.Query.RevInclude) == 0
}

// Search runs every search of the suite a second time inside of a chart.
func (s *scoped) Search(ctx context.Context, p store.Plan) (store.Page, error) {
	within := p
	within.After, within.Query.Include, within.Query.RevInclude = nil, nil, nil
	within.Query.Where = search.And{search.InPatient{"p1"}, p.Query.Where}
	if confined(within) {
		if _, err := s.Store.Search(context.WithValue(ctx, scopeKey{}, true), within); err != nil {
			s.t.Error(err)
		}
	}
	return s.Store.Search(ctx, p)
}

var (
	ofPatients = regexp.MustCompile(`(?:FROM|JOIN) (` + strings.Join(postgres.Distributed, "|") + `)\b`)
	predicate  = regexp.MustCompile(`\bpatient = (?:\?|ANY\(\?\))`)
	partition  = regexp.MustCompile(` on (?:` + strings.Join(postgres.Distributed, "|") + `)_(\d+)\b`)
)

func (s *scoped) check(ctx context.Context, text string, args []any) {
	if ctx.Value(scopeKey{}) == nil || !s.seen.first(text) {
		return
	}
	tables := ofPatients.FindAllString(text, -1)
	if len(tables) == 0 {
		return
	}
	s.seen.checked()
	if n := len(predicate.FindAllString(text, -1)); n < len(tables) {
		s.t.Errorf("%d tables, %d times the patient:\n%s", len(tables), n, text)
	}
	plan, err := s.Explain(context.Background(), text, args)
	if err != nil {
		s.t.Errorf("%v\n%s", err, text)
		return
	}
	var parts []string
	for _, m := range partition.FindAllStringSubmatch(plan, -1) {
		parts = append(parts, m[1])
	}
	slices.Sort(parts)
	if len(slices.Compact(parts)) > 1 {
		s.t.Errorf("more than one partition is read:\n%s\n%s", text, plan)
	}
}

// TestASearchInAChartNamesThePatient runs the searches of the suite on tables that are partitioned by patient:
// PostgreSQL refuses every key without the column; every statement of a search inside one
// chart names the patient at each table, and reads one partition of it.
func TestASearchInAChartNamesThePatient(t *testing.T) {
	seen := &statements{texts: map[string]bool{}}
	inner := opener(t, postgres.Options{Partitions: 3})
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t testing.TB, dir string) store.Store {
			s := inner(t, dir).(*postgres.Store)
			w := &scoped{s, t, seen}
			s.Trace(w.check)
			return w
		}, storetest.InBrief, "VisibilityHoldsEverywhere", "LongListsOfCodes", "EveryCharacterIsKept")
	})
	if seen.n < 200 {
		t.Errorf("only %d different statements were checked", seen.n)
	}
	t.Logf("%d different statements", seen.n)
}
