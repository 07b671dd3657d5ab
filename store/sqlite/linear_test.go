package sqlite_test

import (
	"os"
	"testing"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/storetest"
)

func TestLinear(t *testing.T) {
	clients, each, keys := 16, 150, 12
	if os.Getenv("OSLER_DRILL") != "" {
		clients, each, keys = 64, 3000, 400
	}
	storetest.Linear(t, func(t testing.TB, dir string) store.Store { return open(t, dir) }, t.TempDir(), clients, each, keys)
}
