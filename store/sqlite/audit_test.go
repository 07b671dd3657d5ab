package sqlite_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
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
	began := time.Now()
	if _, err := os.Stat(filepath.Join(dir, "record.db")); err != nil {
		bulkLog(t, dir, n)
		t.Logf("a log of %d entries after %v", n, time.Since(began).Round(time.Millisecond))
	}
	s := open(t, dir)
	began = time.Now()
	storetest.Summarize(t, t.Context(), s)
	t.Logf("its blocks after %v", time.Since(began).Round(time.Millisecond))
	storetest.AuditSpeed(t, t.Context(), s)
}

// bulkLog makes a record with a log of n entries faster than any store writes them: without waiting
// for the disk, the lists sorted, and of the tree what a program needs to go on. It does not verify.
func bulkLog(t *testing.T, dir string, n int) {
	t.Helper()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	vfs.Register("bulk", sealed.New(vfs.Find(""), ring.Key("database")))
	defer vfs.Unregister("bulk")
	db, err := sqlite3.Open("file:" + filepath.Join(dir, "record.db") + "?vfs=bulk")
	if err != nil {
		t.Fatal(err)
	}
	run := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if err := db.Exec(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
	var made []*sqlite3.Stmt
	insert := func(text string) func(bind func(*sqlite3.Stmt) error) {
		stmt, _, err := db.Prepare(text)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, stmt)
		return func(bind func(*sqlite3.Stmt) error) {
			if err := errors.Join(bind(stmt), stmt.Exec()); err != nil {
				t.Fatal(err)
			}
		}
	}
	run("PRAGMA synchronous=OFF", "PRAGMA journal_mode=DELETE", "PRAGMA cache_size=-100000", "BEGIN")
	leaf := insert("INSERT INTO leaf (t, at, actor, body) VALUES (?, ?, ?, ?)")
	hash := insert("INSERT INTO hash (no, hash) VALUES (?, ?)")
	var tree ledger.Tree
	lists := map[string][]int64{}
	for i := range n {
		l := storetest.BusyLeaf(i)
		body, t := l.Encode(), int64(i+1)
		leaf(func(s *sqlite3.Stmt) error {
			return errors.Join(s.BindInt64(1, t), s.BindInt64(2, l.At), s.BindText(3, l.Actor), s.BindBlob(4, body))
		})
		first, hashes := tree.Append(body)
		for level, h := range hashes {
			if level >= 10 || i > n-4096 {
				hash(func(s *sqlite3.Stmt) error {
					return errors.Join(s.BindInt64(1, first+int64(level)), s.BindBlob(2, h[:]))
				})
			}
		}
		for _, word := range append(l.Marks(), l.Patients...) {
			lists[word] = append(lists[word], t)
		}
	}
	listed := insert("INSERT INTO leaf_patient (patient, t) VALUES (?, ?)")
	for _, word := range slices.Sorted(maps.Keys(lists)) {
		for _, t := range lists[word] {
			listed(func(s *sqlite3.Stmt) error { return errors.Join(s.BindText(1, word), s.BindInt64(2, t)) })
		}
	}
	for _, stmt := range made {
		if err := stmt.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run("COMMIT", "PRAGMA journal_mode=WAL")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
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
		{"kinds replaced", "UPDATE leaf_block SET kinds = x'0a00' WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block damaged", "UPDATE leaf_block SET body = x'00' WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block removed", "DELETE FROM leaf_block WHERE no = 1", "The summary of the entries from 4096 to 8191"},
		{"a block before its time", "INSERT INTO leaf_block SELECT 3, kinds, body FROM leaf_block WHERE no = 2", "a summary of its entries counts 16384"},
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
			_, err := s.Leaves(t.Context(), store.LeafFilter{Door: "fhir"})
			if broken := strings.Contains(c.name, "removed") || strings.Contains(c.name, "damaged") || strings.Contains(c.name, "kinds"); broken != (err != nil) {
				t.Errorf("the log is asked: %v", err)
			}
		})
	}
}

// TestWhatIsSignedDuringAVerificationIsNoFault: a record in use signs a checkpoint each minute, and the verification of
// a large one takes longer.
func TestWhatIsSignedDuringAVerificationIsNoFault(t *testing.T) {
	s := open(t, t.TempDir())
	sign := func(id string) {
		commit(t, s, observation(id, "p1", 1, "c", start))
		if _, err := s.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"one", "two"} {
		meanwhile := func() { sign(id + "a"); sign(id + "b") }
		if n, err := s.VerifyWhile(t.Context(), meanwhile, func(problem string) { t.Error(problem) }); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
		if n, err := s.Verify(t.Context(), func(problem string) { t.Error(problem) }); err != nil || n == 0 {
			t.Errorf("afterwards %d entries: %v", n, err)
		}
	}
}
