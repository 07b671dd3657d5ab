package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// TestPostgreSQLsOwnTools: a record comes back from pg_basebackup with the archived log, as of a moment, and from
// pg_dump, with all that was in it, and its audit log verifies.
func TestPostgreSQLsOwnTools(t *testing.T) {
	ctx := context.Background()
	c := pgtest.Start(t, "wal_level = replica", "archive_mode = on", "archive_command = 'mkdir -p ../archive && cp %p ../archive/%f'")
	dir := t.TempDir()
	ring := keys(t, dir, dir)
	openAt := func(url, dir string) *postgres.Store {
		t.Helper()
		s, err := postgres.Open(ctx, postgres.Options{URL: url, Dir: dir, Keyring: ring, Clock: clock.NewManual(start), Connections: 4, Existing: url != c.URL()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	problems := func(s *postgres.Store) (out []string) {
		t.Helper()
		if _, err := s.Verify(ctx, func(p string) { out = append(out, p) }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	s := openAt(c.URL(), dir)
	if err := storetest.Fill(ctx, s); err != nil {
		t.Fatal(err)
	}
	base := c.Base(t)
	since(t, s)
	then, notes := told(t, s), read(t, filepath.Join(dir, "checkpoints.log"))
	c.Tool(t, "psql", c.URL(), "-q", "-c", "SELECT pg_create_restore_point('then')")
	if _, err := s.Shred(ctx, "p1", storetest.ShredLeaf("p1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	now := told(t, s)

	t.Run("ADump", func(t *testing.T) {
		dump := filepath.Join(c.Dir(), "record.dump")
		c.Tool(t, "pg_dump", "-Fc", "-f", dump, c.URL())
		c.Tool(t, "psql", c.URL(), "-q", "-c", "CREATE DATABASE restored")
		url := strings.Replace(c.URL(), "/postgres?", "/restored?", 1)
		c.Tool(t, "pg_restore", "--exit-on-error", "-d", url, dump)
		back := openAt(url, dir)
		if got := told(t, back); got != now {
			t.Errorf("from the dump comes\n%s\nwant\n%s", got, now)
		}
		if p := problems(back); len(p) > 0 {
			t.Errorf("verification: %q", p)
		}
	})
	t.Run("APointInTime", func(t *testing.T) {
		last := strings.TrimSpace(c.Tool(t, "psql", c.URL(), "-At", "-c", "SELECT pg_walfile_name(pg_switch_wal())"))
		for range 600 {
			if _, err := os.Stat(filepath.Join(c.Dir(), "archive", last)); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		base.Recover(t, "archive_mode = off", fmt.Sprintf("restore_command = 'cp %s/archive/%%f %%p'", c.Dir()), "recovery_target_name = 'then'", "recovery_target_action = 'promote'")
		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, "checkpoints.log"), []byte(notes), 0o600); err != nil {
			t.Fatal(err)
		}
		back := openAt(base.URL(), own)
		if got := told(t, back); got != then {
			t.Errorf("at that moment the record was\n%s\nand comes back as\n%s", then, got)
		}
		if p := problems(back); len(p) > 0 {
			t.Errorf("verification: %q", p)
		}
		// Who has seen what came later sees that it is gone.
		if p := problems(openAt(base.URL(), dir)); len(p) == 0 {
			t.Error("with the checkpoints of the present, an older state verifies")
		}
	})
}
