package sqlite_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/storetest"
)

// TestAuditSpeed asks a log of OSLER_LEAVES entries each question of the audit page; see
// storetest.AuditSpeed. OSLER_LEAVES_FOLDER keeps the record for the next time.
func TestAuditSpeed(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("OSLER_LEAVES"))
	if err != nil || n < 1 {
		t.Skip("set OSLER_LEAVES, for example to 10000000")
	}
	dir := os.Getenv("OSLER_LEAVES_FOLDER")
	if dir == "" {
		dir = t.TempDir()
	}
	s := open(t, dir)
	began := time.Now()
	storetest.FillLog(t, t.Context(), s, n, storetest.BusyLeaf)
	t.Logf("the log has %d entries after %v", n, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	storetest.Summarize(t, t.Context(), s)
	t.Logf("its blocks after %v", time.Since(began).Round(time.Millisecond))
	storetest.AuditSpeed(t, t.Context(), s)
}

// TestBlocksAreVerified: who hides an entry from the filters of the audit page, by changing, removing
// or adding a block, is found by the verification; and where a block is missing nothing is answered.
func TestBlocksAreVerified(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	storetest.FillLog(t, t.Context(), s, 13_000, storetest.BusyLeaf)
	storetest.Summarize(t, t.Context(), s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, sql, want string }{
		{"blocks swapped", "UPDATE leaf_block SET no = -no WHERE no > 0;;UPDATE leaf_block SET no = 3 + no WHERE no < 0", "The summary of the entries from 4096 to 8191"},
		{"a block replaced", "UPDATE leaf_block SET body = (SELECT body FROM leaf_block WHERE no = 2) WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block damaged", "UPDATE leaf_block SET body = x'00' WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block removed", "DELETE FROM leaf_block WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block before its time", "INSERT INTO leaf_block SELECT 3, body FROM leaf_block WHERE no = 2", "a summary of its entries counts 16384"},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			tampering(t, copied, strings.Split(c.sql, ";;")...)
			s := open(t, copied)
			var problems []string
			if _, err := s.Verify(t.Context(), func(p string) { problems = append(problems, p) }); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(problems, "\n"), c.want) {
				t.Errorf("the verification reports %q, want %q", problems, c.want)
			}
			_, err := s.Leaves(t.Context(), store.LeafFilter{Door: "console"})
			if broken := strings.Contains(c.name, "removed") || strings.Contains(c.name, "damaged"); broken != (err != nil) {
				t.Errorf("the log is asked for what is rare: %v", err)
			}
		})
	}
}
