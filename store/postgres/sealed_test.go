package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestWhatIsSealedStaysInItsPlace: bodies, items and leaves are not readable in the database;
// one that was changed, or put in the place of another, is refused, and the verification
// finds it.
func TestWhatIsSealedStaysInItsPlace(t *testing.T) {
	ctx := context.Background()
	url := pgtest.URL(t)
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	for i := range 2 {
		w := observation(fmt.Sprint("o", i), "p", "c1")
		w.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":"o%d","note":[{"text":"canary"}]}`, i)
		item := store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: fmt.Sprint("k", i), Value: []byte("canary")}}
		if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Items: []store.ItemWrite{item}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create, Query: "canary"}}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, text := range []string{"SELECT body FROM resource", "SELECT value FROM item", "SELECT body FROM leaf"} {
		rows, err := c.Query(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		values, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil || len(values) != 2 {
			t.Fatalf("%s: %d, %v", text, len(values), err)
		}
		for _, v := range values {
			if bytes.Contains(v, []byte("canary")) {
				t.Errorf("%s: it is in clear", text)
			}
		}
	}
	problems := func() string {
		var out []string
		if _, err := s.Verify(ctx, func(p string) { out = append(out, p) }); err != nil {
			t.Fatal(err)
		}
		return strings.Join(out, "\n")
	}
	if got := problems(); got != "" {
		t.Fatal(got)
	}
	swap := func(table, column, a, b string) string {
		return fmt.Sprintf("UPDATE %[1]s x SET %[2]s = y.%[2]s FROM %[1]s y WHERE (%[3]s AND %[4]s) OR (%[5]s AND %[6]s)", table, column,
			strings.ReplaceAll(a, "@", "x"), strings.ReplaceAll(b, "@", "y"), strings.ReplaceAll(b, "@", "x"), strings.ReplaceAll(a, "@", "y"))
	}
	for _, text := range []string{swap("resource", "body", "@.id = 'o0'", "@.id = 'o1'"), swap("item", "value", "@.key = 'k0'", "@.key = 'k1'"), swap("leaf", "body", "@.t = 1", "@.t = 2")} {
		tag, err := c.Exec(ctx, text)
		if err != nil || tag.RowsAffected() != 2 {
			t.Fatalf("%s: %v %v", text, tag, err)
		}
	}
	if _, err := s.Read(ctx, "Observation", "o0", 0); !fault.Is(err, fault.Internal) {
		t.Errorf("a body of another resource: %v", err)
	}
	if _, err := s.Item(ctx, "draft", "k0"); !fault.Is(err, fault.Internal) {
		t.Errorf("a value of another item: %v", err)
	}
	if _, err := s.Leaves(ctx, store.LeafFilter{}); err == nil {
		t.Error("a leaf of another commit is read")
	}
	if got := problems(); !strings.Contains(got, "cannot be decrypted") {
		t.Errorf("the verification says %q", got)
	}
	if _, err := c.Exec(ctx, swap("leaf", "body", "@.t = 1", "@.t = 2")); err != nil {
		t.Fatal(err)
	}
	if got := problems(); strings.Count(got, "cannot be decoded") != 2 {
		t.Errorf("of swapped bodies the verification says %q", got)
	}
}
