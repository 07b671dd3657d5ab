package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

// BenchmarkRewrap changes the key-encryption key of 100,000 patients.
func BenchmarkRewrap(b *testing.B) {
	ctx := context.Background()
	s := open(b, b.TempDir())
	const patients = 100_000
	for i := 0; i < patients; i += 1000 {
		set := store.Changeset{Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}
		for k := range 1000 {
			id := fmt.Sprint("p", i+k)
			set.Items = append(set.Items, store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: id, Patient: id}})
		}
		if _, err := s.Commit(ctx, set); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := s.NewWrap(ctx); err != nil {
			b.Fatal(err)
		}
		for done := false; !done; {
			var err error
			if done, err = s.Rewrap(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if k, err := s.KeyState(ctx); err != nil || k.Keys != patients || k.Waiting != 0 {
		b.Errorf("%+v %v", k, err)
	}
}

// BenchmarkPatientKeys compares a record whose patients have keys with one whose have none, by turns,
// so that what else the machine does is the same for both. It reports the medians of a search for
// 50 resources of a chart, and of a commit of one resource by one writer.
func BenchmarkPatientKeys(b *testing.B) {
	ctx := context.Background()
	const patients, each = 100, 100
	stores := map[bool]*sqlite.Store{}
	for _, keyed := range []bool{true, false} {
		s := open(b, b.TempDir())
		for p := range patients { // so that there is the patient
			id := fmt.Sprint("p", p)
			if _, err := s.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "bench"}, Items: []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: "x", Key: id, Patient: id}}}}); err != nil {
				b.Fatal(err)
			}
		}
		if !keyed {
			if err := s.Unkeyed(); err != nil {
				b.Fatal(err)
			}
		}
		for p := range patients {
			var writes []store.Write
			for i := range each {
				writes = append(writes, observation(fmt.Sprintf("o-%d-%d", p, i), fmt.Sprint("p", p), 1, fmt.Sprint("c", i%40), start.AddDate(0, 0, i)))
			}
			commit(b, s, writes...)
		}
		stores[keyed] = s
	}
	q := search.Query{Type: "Observation", Count: 50}
	took := map[string][]time.Duration{}
	timed := func(what string, f func() error) {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took[what] = append(took[what], time.Since(began))
	}
	n := 0
	for b.Loop() {
		for _, keyed := range []bool{n%2 == 0, n%2 != 0} {
			s, p := stores[keyed], fmt.Sprint("p", n%patients)
			q.Where = search.InPatient{p}
			timed(fmt.Sprint("search ", keyed), func() error {
				page, err := s.Search(ctx, store.NewPlan(q, everything))
				if err == nil && len(page.Matches) != 50 {
					b.Fatalf("%d found", len(page.Matches))
				}
				return err
			})
			timed(fmt.Sprint("write ", keyed), func() error {
				w := observation(fmt.Sprint("n", n), p, 1, "c1", start)
				_, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "bench", Action: ledger.Create}})
				return err
			})
		}
		n++
	}
	for _, what := range []string{"search", "write"} {
		median := func(keyed bool) float64 {
			list := took[fmt.Sprint(what, " ", keyed)]
			slices.Sort(list)
			return float64(list[len(list)/2].Microseconds())
		}
		b.ReportMetric(median(true), what+"-µs")
		b.ReportMetric(median(false), what+"-plain-µs")
		b.ReportMetric(100*(median(true)/median(false)-1), what+"-overhead-%")
	}
}

// BenchmarkRenew gives 1,000 patients with 20 versions each new data keys.
func BenchmarkRenew(b *testing.B) {
	ctx := context.Background()
	s := open(b, b.TempDir())
	for p := range 1000 {
		var writes []store.Write
		for i := range 20 {
			writes = append(writes, observation(fmt.Sprintf("o-%d-%d", p, i), fmt.Sprint("p", p), 1, "c", start))
		}
		commit(b, s, writes...)
	}
	for b.Loop() {
		if err := s.NewDataKeys(ctx); err != nil {
			b.Fatal(err)
		}
		for done := false; !done; {
			var err error
			if done, err = s.Renew(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "patients/s")
}
