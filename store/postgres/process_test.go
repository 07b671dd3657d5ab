package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// TestKilledProcessesLoseNothing kills a process that works on a database that lives on; a
// thousand times in `make drill`.
func TestKilledProcessesLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	n := 6
	if os.Getenv("OSLER_DRILL") != "" {
		n = 1000
	}
	place := t.TempDir()
	if os.Getenv("OSLER_TEST_KILL_PLACE") == "" { // else this is the process that is killed
		if err := os.WriteFile(filepath.Join(place, "url"), []byte(pgtest.Start(t).URL()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Kill(t, func(t testing.TB, dir string) store.Store {
		url, err := os.ReadFile(filepath.Join(dir, "url"))
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("OSLER_TEST_KILL_PLACE") == "" {
			ended(t, string(url))
		}
		s, err := postgres.Open(context.Background(), postgres.Options{URL: string(url), Dir: dir, Keyring: keys(t, dir, dir), Connections: 6})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}, place, n)
}

// ended waits until the server has done with the sessions of a process that was killed: a commit that
// it had received in full is stored soon after, and is neither there nor lost until then.
func ended(t testing.TB, url string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		n := 0
		if err := c.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions of a killed process go on after a minute", n)
		}
	}
}

// pair is two processes behind a load balancer.
type pair struct {
	*postgres.Store
	other *postgres.Store
	n     atomic.Int64
}

func (p *pair) next() *postgres.Store {
	if p.n.Add(1)%2 == 0 {
		return p.other
	}
	return p.Store
}

func (p *pair) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	return p.next().Commit(ctx, c)
}

func (p *pair) Read(ctx context.Context, resourceType, id string, at store.T) (store.Version, error) {
	return p.next().Read(ctx, resourceType, id, at)
}

func (p *pair) Item(ctx context.Context, space, key string) (store.Item, error) {
	return p.next().Item(ctx, space, key)
}

// TestLinear: what two processes answer could have been answered by one that does one thing
// after the other.
func TestLinear(t *testing.T) {
	clients, each, n := 16, 60, 12
	if os.Getenv("OSLER_DRILL") != "" {
		clients, each, n = 64, 3000, 400
	}
	storetest.Linear(t, func(t testing.TB, dir string) store.Store {
		url := pgtest.URL(t)
		return &pair{Store: open(t, postgres.Options{URL: url, Dir: dir}), other: open(t, postgres.Options{URL: url, Dir: dir})}
	}, t.TempDir(), clients, each, n)
}
