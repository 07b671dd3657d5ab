package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// quotes are texts that end a literal, a comment or a statement where values are written into it:
// standard and escape strings, dollar quotes with and without a tag, placeholders, numbers that
// make a comment of a minus before them, and bytes that other encodings end a text with.
var quotes = []string{
	`'`, `''`, `\'`, `\\'; DROP TABLE resource; --`, `'; DROP TABLE resource; --`, `x' OR '1'='1`, `$$; DROP TABLE resource; $$`, `$1`, `$2`, `$x$ ' $x$`,
	`$x$; DELETE FROM leaf; $x$`, `E'\''`, `U&'\0027'`, `/* ' */`, `*/ '`, `--`, `-1`, `- -1--`, "line\nDROP TABLE resource;--", `"resource"`, `{}`, `(1,2)`, `%s`, `?`, `:name`, "\u02bc", "\uff07", "\u2019", "¿'", "縗'", "\ufeff'",
	strings.Repeat(`'`, 65_537), strings.Repeat("x", 65_535) + `'; DROP TABLE resource; --`, strings.Repeat(`\`, 32_769),
}

// TestAbuseC02QuotingAndLengths: whatever a text holds, it goes into the database and comes back
// as a value, in every place where texts go, and finds itself alone.
func TestAbuseC02QuotingAndLengths(t *testing.T) {
	ctx := context.Background()
	url := pgtest.URL(t)
	s := open(t, postgres.Options{URL: url, Dir: t.TempDir()})
	commit := func(set store.Changeset) error { _, err := s.Commit(ctx, set); return err }
	for i, text := range quotes {
		id := fmt.Sprint("o", i)
		body := fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"note":[{"text":%q}]}`, id, text)
		w := observation(id, fmt.Sprint("p", i), text)
		w.Body = body
		leaf := &ledger.Leaf{Actor: "a" + text, Name: text, Action: ledger.Create, Query: text, Reason: text}
		item := store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: text, Owner: text, Value: []byte(text)}}
		if err := commit(store.Changeset{Writes: []store.Write{w}, Items: []store.ItemWrite{item}, Leaf: leaf}); err != nil {
			t.Fatalf("%.40q: %v", text, err)
		}
	}
	for i, text := range quotes {
		v, err := s.Read(ctx, "Observation", fmt.Sprint("o", i), 0)
		if err != nil || !strings.Contains(string(v.Body), fmt.Sprintf("%q", text)) {
			t.Errorf("%.40q: %v, %.100s", text, err, v.Body)
		}
		if it, err := s.Item(ctx, "draft", text); err != nil || string(it.Value) != text || it.Owner != text {
			t.Errorf("item %.40q: %v", text, err)
		}
		if list, err := s.Items(ctx, "draft", text); err != nil || len(list) != 1 {
			t.Errorf("items of %.40q: %d, %v", text, len(list), err)
		}
		q := search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: text}}
		page, err := s.Search(ctx, store.NewPlan(q, func(string) search.Expr { return search.All{} }))
		if err != nil || len(page.Matches) != 1 || page.Matches[0].ID != fmt.Sprint("o", i) {
			t.Errorf("search for %.40q: %d, %v", text, len(page.Matches), err)
		}
		if _, err := s.Read(ctx, text, text, 0); err == nil || !fault.Is(err, fault.NotFound) {
			t.Errorf("a type and an id %.40q: %v", text, err)
		}
	}
	if n, err := s.Verify(ctx, func(p string) { t.Error(p) }); err != nil || n != int64(len(quotes)) {
		t.Errorf("%d leaves: %v", n, err)
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if mode := c.Config().DefaultQueryExecMode; mode == pgx.QueryExecModeSimpleProtocol {
		t.Error("the driver writes values into statements")
	}
	if os.Getenv("OSLER_DRILL") == "" {
		return
	}
	// CVE-2024-27304: lengths that wrapped around made a part of a value the next statement. Both
	// sides of the length that a message can have; none may be cut or read as another.
	for _, size := range []int{1<<30 - 1, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 + 16} {
		value := make([]byte, size)
		copy(value[max(0, size-64):], "Q\x00\x00\x00\x1fDROP TABLE resource;\x00")
		var n int64
		own, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		err = own.QueryRow(ctx, "SELECT length($1::bytea)", value).Scan(&n)
		if err == nil && n != int64(size) {
			t.Errorf("a value of %d bytes arrives with %d", size, n)
		}
		t.Logf("%d bytes: %v", size, err)
		own.Close(ctx)
		value = nil
		if err := c.QueryRow(ctx, "SELECT count(*) FROM resource").Scan(&n); err != nil || n != int64(len(quotes)) {
			t.Fatalf("after a value of %d bytes: %d resources, %v", size, n, err)
		}
	}
}
