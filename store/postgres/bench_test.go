package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

func filled(b *testing.B, patients, each int) *postgres.Store {
	b.Helper()
	s := durable(b, pgtest.Start(b, "shared_buffers = 512MB").URL())
	for p := range patients {
		var writes []store.Write
		for i := range each {
			writes = append(writes, observation(fmt.Sprintf("o%d-%d", p, i), fmt.Sprint("p", p), fmt.Sprint("c", i%20)))
		}
		if _, err := s.Commit(context.Background(), store.Changeset{Writes: writes, Leaf: &ledger.Leaf{Actor: "bench", Action: ledger.Create}}); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkImport(b *testing.B) {
	for range b.N {
		filled(b, 50, 200)
	}
	b.ReportMetric(float64(b.N*50*200)/b.Elapsed().Seconds(), "resources/s")
}

func BenchmarkCommit(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			s := filled(b, 10, 50)
			var n atomic.Int64
			b.SetParallelism(clients)
			b.ResetTimer()
			work := func() {
				i := n.Add(1)
				w := observation(fmt.Sprint("new", i), fmt.Sprint("p", i%10), "c1")
				if _, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "bench", Action: ledger.Create}}); err != nil {
					b.Error(err)
				}
			}
			if clients == 1 {
				for range b.N {
					work()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					work()
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := filled(b, 50, 100)
	ctx := context.Background()
	all := func(string) search.Expr { return search.All{} }
	for name, f := range map[string]func(i int) error{
		"id": func(i int) error {
			_, err := s.Read(ctx, "Observation", fmt.Sprintf("o%d-%d", i%50, i%100), 0)
			return err
		},
		"chart+code": func(i int) error {
			where := search.And{search.InPatient{fmt.Sprint("p", i%50)}, search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c3"}}
			_, err := s.Search(ctx, store.NewPlan(search.Query{Type: "Observation", Where: where, Count: 20, Sort: []search.SortKey{{Param: "date", Descending: true}}}, all))
			return err
		},
		"chart": func(i int) error {
			for _, err := range s.Compartment(ctx, fmt.Sprint("p", i%50), nil, 0) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				if err := f(i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/clients=8", func(b *testing.B) {
			var n atomic.Int64
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := f(int(n.Add(1))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
