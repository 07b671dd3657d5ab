package postgres_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// TestMakeFixture makes a new fixture when OSLER_MAKE_FIXTURE names its folder: run it with the
// program whose form is to be kept, before the form changes. It needs pg_dump.
func TestMakeFixture(t *testing.T) {
	to := os.Getenv("OSLER_MAKE_FIXTURE")
	if to == "" {
		t.Skip("skipped: OSLER_MAKE_FIXTURE names no folder")
	}
	ctx := context.Background()
	dir, address := t.TempDir(), pgtest.URL(t)
	s := open(t, postgres.Options{URL: address, Dir: dir})
	if err := storetest.Fill(ctx, s); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	want := told(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	schema := q.Get("search_path")
	q.Del("search_path")
	u.RawQuery = q.Encode()
	dump, err := exec.Command("pg_dump", "--no-owner", "--rows-per-insert=100", "--schema="+schema, u.String()).Output()
	if err != nil {
		t.Fatal(err)
	}
	// The tables are made where the search path leads to.
	for _, cut := range []string{`(?m)^(--.*|\\.*|SET .*|SELECT pg_catalog.set_config.*|CREATE SCHEMA .*)\n`, schema + `\.`, `(?m)^\n`} {
		dump = regexp.MustCompile(cut).ReplaceAll(dump, nil)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keyring.json", "master.key", "checkpoints.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"record.sql": string(dump), "want.txt": want} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// told is all that a record tells, what searches find in it included.
func told(t testing.TB, s store.Store) string {
	t.Helper()
	content, err := storetest.Canonical(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	found, err := storetest.Searches(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return content + found
}
