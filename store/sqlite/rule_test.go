package sqlite_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// labelled is an observation with a label of confidentiality.
func labelled(id, code string) store.Write {
	w := observation(id, "p1", 1, "c1", start)
	w.Index = append(w.Index, search.Entry{Param: "_security", Kind: search.KindToken, System: "urn:act", Code: code})
	return w
}

// TestARuleThatIsRememberedMeetsNewLabels: what a rule of visibility comes to is remembered, but not
// longer than no word was added: a label that nobody had ever used hides the first resource that
// bears it, in the present, and a state of before still answers as it did.
func TestARuleThatIsRememberedMeetsNewLabels(t *testing.T) {
	s := open(t, t.TempDir())
	rule := search.And{
		search.Not{X: search.Coded{Param: "_security", Codes: []search.Coding{{System: "urn:act", Code: "HIV"}, {System: "urn:act", Code: "PSY"}}}},
		search.Or{search.Shared{}, search.Not{X: search.Beside{Type: "Observation", X: search.Coded{Param: "_security", Codes: []search.Coding{{System: "urn:act", Code: "CLOSED"}}}}}},
	}
	seen := func(when string, at store.T, want ...string) {
		t.Helper()
		for _, where := range []search.Expr{
			search.All{},
			search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c1"},
			search.And{search.Reference{Param: "patient", Type: "Patient", ID: "p1"}, search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c1"}},
			search.InPatient{"p1"},
		} {
			for range 2 {
				plan := store.NewPlan(search.Query{Type: "Observation", Where: where, Sort: []search.SortKey{{Param: "date", Descending: true}, {Param: "_id"}}, Count: 20}, func(string) search.Expr { return rule })
				plan.At = at
				page, err := s.Search(context.Background(), plan)
				var got []string
				for _, m := range page.Matches {
					got = append(got, m.ID)
				}
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %#v: %v instead of %v, %v", when, where, got, want, err)
				}
			}
		}
	}
	commit(t, s, observation("a", "p1", 1, "c1", start))
	seen("without any label", 0, "a")
	commit(t, s, labelled("b", "OTHER"))
	seen("with a label of no concern", 0, "a", "b")
	before := commit(t, s, observation("c", "p1", 1, "c1", start)).T
	commit(t, s, labelled("d", "HIV"))
	seen("with the first label of concern", 0, "a", "b", "c")
	commit(t, s, labelled("e", "PSY"))
	seen("with the second", 0, "a", "b", "c")
	seen("before them", before, "a", "b", "c")
	commit(t, s, labelled("f", "CLOSED"))
	seen("with a closed chart", 0)
}

// TestARuleHoldsWhileLabelsCome: searches that run while new labels are stored never show what
// bears one of them.
func TestARuleHoldsWhileLabelsCome(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("a", "p1", 1, "c1", start), labelled("b", "OTHER"))
	var codes []search.Coding
	for i := range 8 {
		codes = append(codes, search.Coding{System: "urn:act", Code: fmt.Sprint("L", i)})
	}
	rule := search.And{search.Not{X: search.Coded{Param: "_security", Codes: codes}}}
	plan := store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c1"}, Count: 20}, func(string) search.Expr { return rule })
	var done atomic.Bool
	failed := make(chan error, 3)
	for range cap(failed) {
		go func() {
			for !done.Load() {
				page, err := s.Search(context.Background(), plan)
				if err == nil && len(page.Matches) != 2 {
					err = fmt.Errorf("%d matches", len(page.Matches))
				}
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for i := range codes {
		commit(t, s, labelled(fmt.Sprint("l", i), codes[i].Code))
	}
	done.Store(true)
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
