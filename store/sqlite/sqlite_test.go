package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Clock: clock.NewManual(start), Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func everything(string) search.Expr { return search.All{} }

func observation(id, patient string, version int64, code string, at time.Time) store.Write {
	return store.Write{
		Type: "Observation", ID: id, Version: version, Updated: start, Patient: patient,
		Body: fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"code":{"coding":[{"system":"http://loinc.org","code":%q}]}}`, id, code),
		Index: []search.Entry{
			{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: code, Display: "glucose"},
			{Param: "status", Kind: search.KindToken, System: "http://hl7.org/fhir/observation-status", Code: "final"},
			{Param: "patient", Kind: search.KindReference, RefType: "Patient", RefID: patient},
			{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: patient},
			{Param: "date", Kind: search.KindDate, Low: at.UnixMilli(), High: at.UnixMilli() + 1000},
			{Param: "value-quantity", Kind: search.KindQuantity, Value: 5.4, ValueLow: 5.4, ValueHigh: 5.4, System: "http://unitsofmeasure.org", Code: "mmol/L"},
		},
	}
}

func commit(t testing.TB, s store.Store, writes ...store.Write) store.Receipt {
	t.Helper()
	r, err := s.Commit(context.Background(), store.Changeset{Writes: writes, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommitReadSearch(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := context.Background()
	for i := range 20 {
		commit(t, s, observation(fmt.Sprintf("o%02d", i), fmt.Sprintf("p%d", i%2), 1, fmt.Sprintf("c%d", i%4), start.AddDate(0, 0, i)))
	}
	v, err := s.Read(ctx, "Observation", "o03", 0)
	if err != nil || v.Patient != "p1" || v.Version != 1 {
		t.Fatalf("%+v %v", v, err)
	}
	for _, c := range []struct {
		name  string
		where search.Expr
		want  int64
	}{
		{"all", search.All{}, 20},
		{"code", search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c1"}, 5},
		{"code of any system", search.Token{Param: "code", Code: "c1"}, 5},
		{"patient and code", search.And{search.Reference{Param: "patient", Type: "Patient", ID: "p1"}, search.Token{Param: "code", Code: "c1"}}, 5},
		{"other patient", search.And{search.InPatient{"p0"}, search.Token{Param: "code", Code: "c1"}}, 0},
		{"in patient", search.InPatient{"p0"}, 10},
		{"id", search.ID{"o01", "o02", "zz"}, 2},
		{"date", search.Date{Param: "date", Prefix: search.Ge, Low: start.AddDate(0, 0, 15).UnixMilli(), High: start.AddDate(0, 0, 15).UnixMilli() + 1}, 5},
		{"text", search.Token{Param: "code", Text: true, Code: "glu"}, 20},
		{"quantity", search.Quantity{Param: "value-quantity", Prefix: search.Eq, Value: 5.4, Low: 5.35, High: 5.45}, 20},
		{"missing", search.Missing{Param: "encounter", Missing: true}, 20},
		{"not missing", search.Missing{Param: "date"}, 20},
		{"not", search.Not{X: search.Token{Param: "code", Code: "c1"}}, 15},
	} {
		plan := store.NewPlan(search.Query{Type: "Observation", Where: c.where, Count: 100, Sort: []search.SortKey{{Param: "date", Descending: true}}}, everything)
		n, err := s.Count(ctx, plan)
		if err != nil || n != c.want {
			t.Errorf("%s: count %d, want %d (%v)", c.name, n, c.want, err)
		}
		page, err := s.Search(ctx, plan)
		if err != nil || int64(len(page.Matches)) != c.want {
			t.Errorf("%s: %d matches, want %d (%v)", c.name, len(page.Matches), c.want, err)
		}
	}
	n := 0
	for v, err := range s.Compartment(ctx, "p1", nil, 0) {
		if err != nil || v.Body == nil {
			t.Fatal(v, err)
		}
		n++
	}
	if n != 10 {
		t.Errorf("compartment %d", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if v, err := s.Read(ctx, "Observation", "o03", 0); err != nil || v.Patient != "p1" {
		t.Fatalf("%+v %v", v, err)
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) store.Store { return open(t, dir) })
}

// TestWordsAreReadWithinLimits: a search for words reads no more resources than the limit,
// and those only that satisfy the rest.
func TestWordsAreReadWithinLimits(t *testing.T) {
	s := open(t, t.TempDir())
	const limit = 20_000
	for done := 0; done <= limit; {
		var writes []store.Write
		for range 4000 {
			id := fmt.Sprint("b", done)
			writes = append(writes, store.Write{Type: "Basic", ID: id, Version: 1, Updated: start, Patient: fmt.Sprint("p", done%7), Body: fmt.Appendf(nil, `{"resourceType":"Basic","id":%q,"note":"word%d"}`, id, done)})
			done++
		}
		commit(t, s, writes...)
	}
	ask := func(where ...search.Expr) ([]store.Version, error) {
		page, err := s.Search(context.Background(), store.NewPlan(search.Query{Type: "Basic", Where: search.And(where), Count: 20}, everything))
		return page.Matches, err
	}
	if _, err := ask(search.Words{Phrase: "nowhere"}); !fault.Is(err, fault.TooCostly) {
		t.Errorf("more than %d resources were read: %v", limit, err)
	}
	got, err := ask(search.Words{Phrase: "word7001"}, search.InPatient{"p1"})
	if err != nil || len(got) != 1 || got[0].ID != "b7001" {
		t.Errorf("words in a chart: %v, %v", got, err)
	}
	if got, err := ask(search.InPatient{"p2"}, search.Or{search.ID{"b2"}, search.Words{Phrase: "word9"}}); err != nil || len(got) != 20 {
		t.Errorf("an id or words: %d, %v", len(got), err)
	}
}
