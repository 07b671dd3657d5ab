package sqlite_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/store"
)

// canonical writes everything that a store holds, so that two stores can be compared.
func canonical(t testing.TB, s store.Store) string {
	t.Helper()
	ctx := context.Background()
	var b strings.Builder
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for after := store.T(0); after < now; {
		versions, upTo, err := s.Changes(ctx, after, 1000)
		if err != nil || upTo == after {
			t.Fatalf("after %d: %d %v", after, upTo, err)
		}
		for _, v := range versions {
			fmt.Fprintf(&b, "%d %s/%s %d %s %q deleted=%v %x\n", v.T, v.Type, v.ID, v.Version, v.Updated.Format("2006-01-02T15:04:05.000Z"), v.Patient, v.Deleted, sha256.Sum256(v.Body))
		}
		after = upTo
	}
	for v, err := range s.All(ctx, nil, 0) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "current %s/%s %d\n", v.Type, v.ID, v.Version)
	}
	items, err := s.Items(ctx, "draft", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		fmt.Fprintf(&b, "item %s %s %d %x\n", it.Key, it.Owner, it.Version, sha256.Sum256(it.Value))
	}
	leaves, err := s.Leaves(ctx, store.LeafFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves {
		fmt.Fprintf(&b, "leaf %d %x\n", l.Index, sha256.Sum256(l.Leaf.Encode()))
	}
	return b.String()
}
