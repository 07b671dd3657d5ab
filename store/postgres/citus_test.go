package postgres_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// coordinator returns the URL of the Citus cluster that OSLER_TEST_CITUS names.
func coordinator(t testing.TB) string {
	url := os.Getenv("OSLER_TEST_CITUS")
	if url == "" {
		t.Skip("skipped: OSLER_TEST_CITUS names no coordinator of a Citus cluster")
	}
	return url
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
