package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
)

// keys gives a folder the keys of another one.
func keys(t testing.TB, dir, from string) seal.Keyring {
	t.Helper()
	for _, name := range []string{seal.File, "master.key"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if from == dir || os.IsNotExist(err) {
			break
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func embedded(t testing.TB, dir, from, origin string) store.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: keys(t, dir, from), Clock: clock.NewManual(start), Readers: 2, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMove: a record moves from SQLite to PostgreSQL and back.
func TestMove(t *testing.T) {
	fromSQLite := func(t testing.TB, dir string) store.Store { return embedded(t, dir, dir, "") }
	toSQLite := func(t testing.TB, dir string, of store.Store, ofDir string) store.Store {
		return embedded(t, dir, ofDir, of.Origin())
	}
	toPostgres := func(t testing.TB, dir string, of store.Store, ofDir string) store.Store {
		keys(t, dir, ofDir)
		return open(t, postgres.Options{URL: pgtest.URL(t), Dir: dir, Origin: of.Origin()})
	}
	t.Run("SQLiteToPostgreSQL", func(t *testing.T) { storetest.Move(t, fromSQLite, toPostgres) })
	t.Run("PostgreSQLToSQLite", func(t *testing.T) { storetest.Move(t, opener(t, postgres.Options{}), toSQLite) })
	if os.Getenv("OSLER_DRILL") != "" { // what both ways show already
		t.Run("PostgreSQLToPostgreSQL", func(t *testing.T) { storetest.Move(t, opener(t, postgres.Options{}), toPostgres) })
	}
}
