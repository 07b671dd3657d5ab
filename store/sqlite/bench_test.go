package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

// filled returns a store of patients with 200 observations each.
func filled(b *testing.B, patients int) *sqlite.Store {
	b.Helper()
	s := open(b, b.TempDir())
	for p := range patients {
		var writes []store.Write
		for i := range 200 {
			writes = append(writes, observation(fmt.Sprintf("o-%d-%d", p, i), fmt.Sprint("p", p), 1, fmt.Sprint("c", i%40), start.AddDate(0, 0, i)))
		}
		commit(b, s, writes...)
	}
	return s
}

func BenchmarkCommitOneWriter(b *testing.B) {
	s := open(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		commit(b, s, observation(fmt.Sprint("o", i), fmt.Sprint("p", i%50), 1, fmt.Sprint("c", i%40), start))
	}
}

func BenchmarkCommit32Writers(b *testing.B) {
	s := open(b, b.TempDir())
	jobs := make(chan int)
	done := make(chan error, 32)
	for range 32 {
		go func() {
			for i := range jobs {
				w := observation(fmt.Sprint("o", i), fmt.Sprint("p", i%50), 1, fmt.Sprint("c", i%40), start)
				if _, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "bench", Action: ledger.Create}}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for i := 0; b.Loop(); i++ {
		jobs <- i
	}
	close(jobs)
	for range 32 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkImportBundleOf200(b *testing.B) {
	s := open(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		var writes []store.Write
		for k := range 200 {
			writes = append(writes, observation(fmt.Sprintf("o-%d-%d", i, k), fmt.Sprint("p", i), 1, fmt.Sprint("c", k%40), start))
		}
		commit(b, s, writes...)
	}
	b.ReportMetric(float64(200*b.N)/b.Elapsed().Seconds(), "resources/s")
}

func BenchmarkRead(b *testing.B) {
	s := filled(b, 50)
	for i := 0; b.Loop(); i++ {
		if _, err := s.Read(context.Background(), "Observation", fmt.Sprintf("o-%d-%d", i%50, i%200), 0); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkSearch(b *testing.B, where func(i int) search.Expr, want int, sort ...search.SortKey) {
	s := filled(b, 50)
	for i := 0; b.Loop(); i++ {
		page, err := s.Search(context.Background(), store.NewPlan(search.Query{Type: "Observation", Where: where(i), Sort: sort, Count: 20}, everything))
		if err != nil || len(page.Matches) != want {
			b.Fatalf("%d matches, %v", len(page.Matches), err)
		}
	}
}

func BenchmarkSearchPatientCodeDate(b *testing.B) {
	low := start.AddDate(0, 0, 100).UnixMilli()
	benchmarkSearch(b, func(i int) search.Expr {
		return search.And{
			search.Reference{Param: "patient", Type: "Patient", ID: fmt.Sprint("p", i%50)},
			search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c3"},
			search.Date{Param: "date", Prefix: search.Ge, Low: low, High: low + 1},
		}
	}, 2, search.SortKey{Param: "date", Descending: true})
}

func BenchmarkSearchCodeNewest20(b *testing.B) {
	benchmarkSearch(b, func(i int) search.Expr { return search.Token{Param: "code", Code: fmt.Sprint("c", i%40)} }, 20, search.SortKey{Param: "date", Descending: true})
}

func BenchmarkChartOf200(b *testing.B) {
	s := filled(b, 50)
	for i := 0; b.Loop(); i++ {
		n := 0
		for _, err := range s.Compartment(context.Background(), fmt.Sprint("p", i%50), nil, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 200 {
			b.Fatal(n)
		}
	}
}

func BenchmarkSearchQuantityAnyUnit(b *testing.B) {
	benchmarkSearch(b, func(int) search.Expr {
		return search.And{search.Token{Param: "code", Code: "c3"}, search.Quantity{Param: "value-quantity", Prefix: search.Gt, Value: 5}}
	}, 20, search.SortKey{Param: "date", Descending: true})
}

func BenchmarkSearchQuantityAcrossUnits(b *testing.B) {
	benchmarkSearch(b, func(int) search.Expr {
		return search.And{search.Token{Param: "code", Code: "c3"}, search.Quantity{Param: "value-quantity", Prefix: search.Gt, Value: 5000, HasUnit: true, System: "http://unitsofmeasure.org", Code: "umol/L"}}
	}, 20, search.SortKey{Param: "date", Descending: true})
}

func BenchmarkSearchWordsInChart(b *testing.B) {
	benchmarkSearch(b, func(i int) search.Expr {
		return search.And{search.Reference{Param: "patient", Type: "Patient", ID: fmt.Sprint("p", i%50)}, search.Words{Phrase: "c3"}}
	}, 20)
}
