package rights

import (
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
)

// openStore opens an empty store of a kind, "sqlite" or "postgres".
func openStore(t *testing.T, kind string, c clock.Clock) store.Store {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	var s store.Store
	if kind == "postgres" {
		s, err = postgres.Open(ctx, postgres.Options{URL: pgtest.URL(t), Dir: dir, Keyring: ring, Clock: c, Careless: true})
	} else {
		s, err = sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 4, CacheKiB: 4096})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestOnPostgreSQL goes through what the store decides once more on the other store.
func TestOnPostgreSQL(t *testing.T) {
	kind = "postgres"
	defer func() { kind = "sqlite" }()
	for name, test := range map[string]func(*testing.T){"thread": TestAmendmentThread, "others": TestAnotherPatientsRequest, "stay": TestThreadsStay,
		"labels": TestLabelsGoWithTheDispute, "many consents": TestManyConsents, "at once": TestTwoAnswersAtOnce, "restrictions": TestRestrictions, "reach": TestReachedInConfidence} {
		t.Run(name, test)
	}
	t.Run("holds", func(t *testing.T) { holds(t, 200) })
}

// kind is the store that the tests of this package open.
var kind = "sqlite"
