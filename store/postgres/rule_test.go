package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestARuleMeetsTheLabelsOfAnotherProcess: a process remembers what a rule of visibility comes to,
// but no longer than no word was added: a label that nobody had ever used hides the first resource
// that bears it, also when another process stores it.
func TestARuleMeetsTheLabelsOfAnotherProcess(t *testing.T) {
	url, dir := pgtest.URL(t), t.TempDir()
	here := open(t, postgres.Options{URL: url, Dir: dir})
	there := open(t, postgres.Options{URL: url, Dir: dir})
	rule := search.And{search.Not{X: search.Coded{Param: "_security", Codes: []search.Coding{{System: "urn:act", Code: "HIV"}, {System: "urn:act", Code: "PSY"}}}}}
	put := func(id, label string) {
		t.Helper()
		w := observation(id, "p1", "c1")
		if label != "" {
			w.Index = append(w.Index, search.Entry{Param: "_security", Kind: search.KindToken, System: "urn:act", Code: label})
		}
		if _, err := there.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(when string, want ...string) {
		t.Helper()
		for range 2 { // the second finds what the first has remembered
			plan := store.NewPlan(search.Query{Type: "Observation", Where: search.All{}, Sort: []search.SortKey{{Param: "_id"}}, Count: 20}, func(string) search.Expr { return rule })
			page, err := here.Search(context.Background(), plan)
			var got []string
			for _, m := range page.Matches {
				got = append(got, m.ID)
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v instead of %v, %v", when, got, want, err)
			}
		}
	}
	put("a", "")
	seen("without any label", "a")
	put("b", "OTHER")
	seen("with a label of no concern", "a", "b")
	put("c", "HIV")
	seen("with the first label of concern", "a", "b")
	put("d", "PSY")
	seen("with the second", "a", "b")
}
