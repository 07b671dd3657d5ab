package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
)

// following opens a store on a primary whose replica answers.
func following(t *testing.T, primary *pgtest.Cluster, replicas ...string) *postgres.Store {
	t.Helper()
	dir := t.TempDir()
	s, err := postgres.Open(context.Background(), postgres.Options{URL: primary.URL(), Replicas: replicas, Dir: dir, Keyring: keys(t, dir, dir), Connections: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *postgres.Store, id, code string) {
	t.Helper()
	if _, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{observation(id, "p", code)}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
}

func found(t *testing.T, s *postgres.Store, code string) int64 {
	t.Helper()
	n, err := s.Count(context.Background(), store.NewPlan(search.Query{Type: "Observation", Where: search.Token{Param: "code", Code: code}}, func(string) search.Expr { return search.All{} }))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAReplicaAnswersSearches: searches go to the replica while it has everything, and to the
// primary when it lags, does not follow any more, or is gone. Nobody misses what was stored.
func TestAReplicaAnswersSearches(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	primary := pgtest.Start(t)
	standby := primary.Standby(t)
	s := following(t, primary, standby.URL())
	other := second(t, primary, s)
	reads := func() int64 { return s.ReplicaReads()[0] }
	put(t, s, "first", "c")
	for began := time.Now(); reads() == 0; time.Sleep(10 * time.Millisecond) { // until LISTEN is up
		found(t, s, "c")
		if time.Since(began) > 10*time.Second {
			t.Fatal("the replica was never asked")
		}
	}
	before := reads()
	for i := 0; i < 50 || reads() < before+25; i++ {
		put(t, s, fmt.Sprint("own", i), "own")
		if n := found(t, s, "own"); n != int64(i+1) {
			t.Fatalf("after %d changes a search finds %d", i+1, n)
		}
		if i == 500 {
			t.Fatalf("of %d searches the replica has answered %d", i, reads()-before)
		}
	}

	primary.Async(t) // from now on nobody waits for the replica
	standby.Replay(t, false)
	before = reads()
	for i := range 20 {
		put(t, s, fmt.Sprint("lag", i), "lag")
		if n := found(t, s, "lag"); n != int64(i+1) {
			t.Fatalf("after %d changes a search finds %d while the replica lags", i+1, n)
		}
	}
	put(t, other, "theirs", "theirs")
	for began := time.Now(); found(t, s, "theirs") != 1; time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("what another process has stored is not found")
		}
	}
	if reads() != before {
		t.Errorf("the replica that lags has answered %d times", reads()-before)
	}
	standby.Replay(t, true)
	for began := time.Now(); reads() == before; time.Sleep(10 * time.Millisecond) {
		found(t, s, "lag")
		if time.Since(began) > 10*time.Second {
			t.Fatal("the replica is not asked any more")
		}
	}

	_ = standby.Kill()
	for range 20 {
		put(t, s, fmt.Sprint("gone", time.Now().UnixNano()), "gone")
	}
	if n := found(t, s, "gone"); n != 20 {
		t.Errorf("without the replica a search finds %d of 20", n)
	}
}

// second opens another process of the same record.
func second(t *testing.T, primary *pgtest.Cluster, s *postgres.Store) *postgres.Store {
	t.Helper()
	other, err := postgres.Open(context.Background(), postgres.Options{URL: primary.URL(), Dir: s.Dir(), Keyring: keys(t, s.Dir(), s.Dir()), Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

// TestTheSuiteOnAReplica runs searches of the suite on a store whose searches a replica answers.
func TestTheSuiteOnAReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	primary := pgtest.Start(t)
	standby := primary.Standby(t)
	schema := func(t testing.TB) string { return pgtest.Schema(t, primary.URL()) }
	storetest.Run(t, openerAt(t, schema, func(url string) postgres.Options {
		return postgres.Options{URL: url, Replicas: []string{standby.At(t, url)}}
	}), storetest.InBrief, "VisibilityHoldsEverywhere")
}
