package sqlite_test

import (
	"context"
	"testing"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/storetest"
)

// canonical writes everything that a store holds, so that two stores can be compared.
func canonical(t testing.TB, s store.Store) string {
	t.Helper()
	text, err := storetest.Canonical(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
