package postgres_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// coordinator returns the URL of the Citus cluster that OSLER_TEST_CITUS names; "local" asks
// for one on this machine.
func coordinator(t testing.TB) string {
	switch url := os.Getenv("OSLER_TEST_CITUS"); url {
	case "":
		t.Skip("skipped: OSLER_TEST_CITUS names no coordinator of a Citus cluster")
		return ""
	case "local":
		c, _ := pgtest.Citus(t, 2, "fsync = off")
		return c.URL()
	default:
		return url
	}
}

// clustered opens records that are spread over a Citus cluster.
func clustered(t testing.TB, options func(url string) postgres.Options) storetest.Opener {
	url := coordinator(t)
	inner := openerAt(t, func(t testing.TB) string { return pgtest.Schema(t, url) }, options)
	var spread sync.Map
	return func(t testing.TB, dir string) store.Store {
		s := inner(t, dir).(*postgres.Store)
		if _, again := spread.LoadOrStore(dir, true); again {
			return s
		}
		if err := s.Distribute(context.Background(), 4, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return inner(t, dir)
	}
}

// TestTheSuiteOnACluster runs the whole suite on a record that is spread over a Citus cluster.
func TestTheSuiteOnACluster(t *testing.T) {
	storetest.Run(t, clustered(t, func(url string) postgres.Options { return postgres.Options{URL: url} }))
}

// TestWithoutCitus: a plain database says what is missing.
func TestWithoutCitus(t *testing.T) {
	s := open(t, postgres.Options{URL: pgtest.URL(t), Dir: t.TempDir()})
	if err := s.Distribute(context.Background(), 0, nil); !fault.Is(err, fault.NotSupported) {
		t.Errorf("a database without Citus: %v", err)
	}
}

// TestAWorkerDies: a server of a cluster is killed while eight writers commit, again and again.
// What is acknowledged is there, once, and service comes back with the server.
func TestAWorkerDies(t *testing.T) {
	if os.Getenv("OSLER_TEST_CITUS") == "" {
		t.Skip("skipped: OSLER_TEST_CITUS asks for no Citus cluster")
	}
	c, workers := pgtest.Citus(t, 2)
	dir := t.TempDir()
	o := postgres.Options{URL: c.URL(), Dir: dir, Keyring: keys(t, dir, dir), Connections: 12}
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Distribute(context.Background(), 8, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = postgres.Open(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := start8(s)
	l.more(t, 50)
	for i := range rounds(2) {
		w := workers[i%2]
		if err := w.Kill(); err != nil {
			t.Logf("killed: %v", err)
		}
		time.Sleep(time.Second)
		if err := w.Run(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		l.more(t, 30)
		t.Logf("30 more changes after %v", time.Since(began).Round(time.Millisecond))
	}
	l.check(t, s)
}
