package postgres_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// urls gives each folder its schema.
func opener(t testing.TB, o postgres.Options) storetest.Opener {
	return openerAt(t, pgtest.URL, func(url string) postgres.Options {
		o.URL = url
		return o
	})
}

// openerAt is opener for a server of one's own.
func openerAt(t testing.TB, schema func(testing.TB) string, options func(url string) postgres.Options) storetest.Opener {
	urls := map[string]string{}
	mu := make(chan struct{}, 1)
	mu <- struct{}{}
	return func(t testing.TB, dir string) store.Store {
		t.Helper()
		<-mu
		url := urls[dir]
		if url == "" {
			url = schema(t)
			urls[dir] = url
		}
		mu <- struct{}{}
		o := options(url)
		o.Dir = dir
		return open(t, o)
	}
}

func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	ring, err := seal.OpenKeyring(o.Dir, seal.KeyFile(filepath.Join(o.Dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	o.Keyring, o.Careless, o.Connections = ring, true, 4
	if o.Clock == nil {
		o.Clock = clock.NewManual(start)
	}
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, opener(t, postgres.Options{})) }
