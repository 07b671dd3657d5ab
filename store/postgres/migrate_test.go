package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
)

// TestSchemasOfOthersAreRefused: a newer one, a changed one, and a database without a record
// where one is asked for; several processes may make the tables at once.
func TestSchemasOfOthersAreRefused(t *testing.T) {
	ctx := context.Background()
	url, dir := pgtest.URL(t), t.TempDir()
	o := postgres.Options{URL: url, Dir: dir, Keyring: keys(t, dir, dir), Careless: true, Connections: 4, Existing: true}
	if _, err := postgres.Open(ctx, o); !fault.Is(err, fault.NotFound) {
		t.Errorf("a record that is not there: %v", err)
	}
	o.Existing = false
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			s, err := postgres.Open(ctx, o)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wait.Wait()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for text, want := range map[string]string{
		"INSERT INTO migration SELECT max(no) + 1, 'next', 'x', 0 FROM migration": "newer program",
		"UPDATE migration SET checksum = 'x' WHERE no = 1":                        "is not the one that this program knows",
	} {
		tx := strings.Split(text, " ")[0]
		if _, err := c.Exec(ctx, "CREATE TABLE kept AS TABLE migration"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Open(ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", tx, err, want)
		}
		if _, err := c.Exec(ctx, "TRUNCATE migration; INSERT INTO migration SELECT * FROM kept; DROP TABLE kept"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := postgres.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
