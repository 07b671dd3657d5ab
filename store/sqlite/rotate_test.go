package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/osler-emr/osler/store"
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
