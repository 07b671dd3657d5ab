package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestAnOlderStateUnderARunningProcess: the database loses its last commits while two
// processes have it open, as when a replica takes over that did not have them. What the
// processes remember of what was lost, numbers of words among it, does not get into the record.
func TestAnOlderStateUnderARunningProcess(t *testing.T) {
	ctx := context.Background()
	url, dir := pgtest.URL(t), t.TempDir()
	a := open(t, postgres.Options{URL: url, Dir: dir})
	b := open(t, postgres.Options{URL: url, Dir: dir})
	commit := func(s *postgres.Store, id, code string) {
		t.Helper()
		w := observation(id, "p-"+code, code)
		if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(s *postgres.Store, code string) string {
		t.Helper()
		everything := func(string) search.Expr { return search.All{} }
		page, err := s.Search(ctx, store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: code}, Count: 10}, everything))
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, v := range page.Matches {
			out += v.ID + " of " + v.Patient + "; "
		}
		return out
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	all := func(text string) {
		t.Helper()
		rows, err := c.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'old\\_%'")
		if err != nil {
			t.Fatal(err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			for _, name := range names {
				if _, err := tx.Exec(ctx, fmt.Sprintf(text, name)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	commit(a, "first", "c1")
	all("CREATE TABLE old_%[1]s AS TABLE %[1]s")
	for i := range 3 { // they are lost; their codes and patients had numbers
		commit(a, fmt.Sprint("lost", i), fmt.Sprint("lost", i))
		if got := find(b, fmt.Sprint("lost", i)); got == "" {
			t.Fatal("nothing was found before it was lost")
		}
	}
	all("TRUNCATE %[1]s; INSERT INTO %[1]s SELECT * FROM old_%[1]s")
	if got := find(b, "lost1"); got != "" {
		t.Errorf("what was lost is still found: %s", got)
	}
	for i := range 3 { // the same T as before, with other words under the same numbers
		commit(b, fmt.Sprint("new", i), fmt.Sprint("new", i))
	}
	commit(a, "again", "lost1")
	commit(b, "last", "new2")
	for _, s := range []*postgres.Store{a, b} {
		for code, want := range map[string]string{"c1": "first of p-c1; ", "lost0": "", "lost1": "again of p-lost1; ", "new0": "new0 of p-new0; ", "new2": "new2 of p-new2; last of p-new2; "} {
			if got := find(s, code); got != want {
				t.Errorf("%s: %q, want %q", code, got, want)
			}
		}
		if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
			t.Error(err)
		}
	}
}
