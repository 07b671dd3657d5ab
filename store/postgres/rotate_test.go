package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestAnotherProcessLearnsOfNewKeys: one process changes all keys, and another, which has the former
// ones in memory, goes on: what it writes then is read by a third, which knows the new ones only.
func TestAnotherProcessLearnsOfNewKeys(t *testing.T) {
	ctx, url, dir := context.Background(), pgtest.URL(t), t.TempDir()
	a, b := open(t, postgres.Options{URL: url, Dir: dir}), open(t, postgres.Options{URL: url, Dir: dir})
	write := func(s *postgres.Store, id, patient string, version int64) {
		t.Helper()
		w := observation(id, patient, "c")
		w.Version = version
		item := store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: id, Patient: patient, Value: []byte(id)}}
		if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Items: []store.ItemWrite{item}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create, Patients: []string{patient}, Query: "q"}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		write(b, fmt.Sprint("o", i), fmt.Sprint("p", i), 1)
	}
	for range 2 {
		if err := a.NewWrap(ctx); err != nil {
			t.Fatal(err)
		}
		if err := a.NewDataKeys(ctx); err != nil {
			t.Fatal(err)
		}
		for _, step := range []func(context.Context) (bool, error){a.Rewrap, a.Renew} {
			for done := false; !done; {
				var err error
				if done, err = step(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write(b, "o0", "p0", 2)
	write(b, "new", "fresh", 1)
	c := open(t, postgres.Options{URL: url, Dir: dir})
	for _, s := range []*postgres.Store{a, b, c} {
		for id, version := range map[string]int64{"o0": 2, "o1": 1, "new": 1} {
			if v, err := s.Read(ctx, "Observation", id, 0); err != nil || v.Version != version {
				t.Errorf("%s: %+v, %v", id, v, err)
			}
			if it, err := s.Item(ctx, "draft", id); err != nil || string(it.Value) != id {
				t.Errorf("the draft %s: %q, %v", id, it.Value, err)
			}
		}
		if _, err := s.Verify(ctx, func(p string) { t.Error(p) }); err != nil {
			t.Error(err)
		}
	}
	if k, err := c.KeyState(ctx); err != nil || k.Wrap != 3 || k.Waiting != 0 || k.Keys != 4 {
		t.Errorf("%+v, %v", k, err)
	}
}

// BenchmarkRewrap changes the key-encryption key of 100,000 patients.
func BenchmarkRewrap(b *testing.B) {
	ctx := context.Background()
	s := open(b, postgres.Options{URL: pgtest.URL(b), Dir: b.TempDir()})
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
