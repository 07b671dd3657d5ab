package postgres_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
)

// TestAuditSpeed asks a log of OSLER_LEAVES entries each question of the audit page; see
// storetest.AuditSpeed.
func TestAuditSpeed(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("OSLER_LEAVES"))
	if err != nil || n < 1 {
		t.Skip("set OSLER_LEAVES, for example to 1000000")
	}
	s := open(t, postgres.Options{URL: pgtest.URL(t), Dir: t.TempDir(), Careless: true})
	began := time.Now()
	storetest.FillLog(t, t.Context(), s, n, storetest.BusyLeaf)
	t.Logf("a log of %d entries after %v", n, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	storetest.Summarize(t, t.Context(), s)
	t.Logf("its blocks after %v", time.Since(began).Round(time.Millisecond))
	storetest.AuditSpeed(t, t.Context(), s)
}
