package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// database opens a database in a folder under a key made of one byte.
func database(t *testing.T, dir string, key byte) (*sqlite3.Conn, *sealed.VFS, error) {
	t.Helper()
	files := sealed.New(vfs.Find(""), bytes.Repeat([]byte{key}, 32))
	name := fmt.Sprint("sealed-", t.Name(), "-", rand.Int64())
	vfs.Register(name, files)
	t.Cleanup(func() { vfs.Unregister(name) })
	db, err := sqlite3.Open("file:" + filepath.Join(dir, "x.db") + "?vfs=" + name)
	if err != nil {
		return nil, files, err
	}
	if _, err := db.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, sealed.Reserve); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("PRAGMA temp_store=MEMORY; PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0"); err != nil {
		db.Close()
		return nil, files, err
	}
	return db, files, nil
}

func exec(t *testing.T, db *sqlite3.Conn, sql string) {
	t.Helper()
	if err := db.Exec(sql); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, db *sqlite3.Conn, sql string) int {
	t.Helper()
	s, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Step()
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return s.ColumnInt(0)
}

const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 300)
INSERT INTO t (x) SELECT hex(randomblob(i*20)) || 'Zanzibar' FROM n`

// TestDatabaseLivesOn works with transactions that are rolled back in part, that outgrow the
// cache, so that pages are written to the log twice, and with a log that starts again.
func TestDatabaseLivesOn(t *testing.T) {
	dir := t.TempDir()
	db, _, err := database(t, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "PRAGMA cache_size=10; CREATE TABLE t (i INTEGER PRIMARY KEY, x TEXT)")
	for round := range 4 {
		exec(t, db, "BEGIN; "+fill+"; SAVEPOINT a; UPDATE t SET x = x || 'more'; ROLLBACK TO a; UPDATE t SET x = x || '!' WHERE i % 7 = 0; COMMIT")
		exec(t, db, "BEGIN; DELETE FROM t; ROLLBACK")
		if n := number(t, db, "SELECT count(*) FROM t WHERE x LIKE '%Zanzibar%'"); n != 300*(round+1) {
			t.Errorf("round %d: %d rows", round, n)
		}
		if round%2 == 1 {
			exec(t, db, "PRAGMA wal_checkpoint(RESTART)")
		}
	}
	exec(t, db, "DELETE FROM t WHERE i % 3 = 0; PRAGMA incremental_vacuum; VACUUM")
	if s := number(t, db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"); s != 0 {
		t.Error("the database is damaged")
	}
	for _, name := range []string{"x.db", "x.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(content) < 100_000 {
			t.Fatalf("%s: %d bytes, %v", name, len(content), err)
		}
		for _, word := range []string{"Zanzibar", "CREATE TABLE", "SQLite format"} {
			if bytes.Contains(content, []byte(word)) {
				t.Errorf("%s holds %q in clear", name, word)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, _, err = database(t, dir, 1); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 800 {
		t.Errorf("after opening again %d rows", n)
	}
	db.Close()
	if _, _, err := database(t, dir, 2); err == nil {
		t.Error("another key opens the database")
	}
}

// TestMovedPagesAreNoticed swaps pages and puts a page of another database in.
func TestMovedPagesAreNoticed(t *testing.T) {
	make := func(key byte) []byte {
		dir := t.TempDir()
		db, _, err := database(t, dir, key)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "CREATE TABLE t (i INTEGER PRIMARY KEY, x TEXT); "+fill)
		db.Close()
		content, err := os.ReadFile(filepath.Join(dir, "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	whole, other := make(1), make(3)
	page := func(b []byte, i int) []byte { return b[i*4096 : (i+1)*4096] }
	for name, change := range map[string]func(b []byte){
		"swapped":        func(b []byte) { copy(page(b, 5), page(whole, 6)); copy(page(b, 6), page(whole, 5)) },
		"of another key": func(b []byte) { copy(page(b, 5), page(other, 5)) },
		"zeros":          func(b []byte) { clear(page(b, 5)) },
	} {
		dir := t.TempDir()
		b := bytes.Clone(whole)
		change(b)
		if err := os.WriteFile(filepath.Join(dir, "x.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, _, err := database(t, dir, 1)
		if err == nil {
			err = db.Exec("SELECT sum(length(x)) FROM t")
			db.Close()
		}
		if !errors.Is(err, sqlite3.IOERR_DATA) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLogIsLookedAt damages a log that a crash has left: what is known to have been synced is
// missed, what may have been torn is not.
func TestLogIsLookedAt(t *testing.T) {
	dir := t.TempDir()
	db, files, err := database(t, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "CREATE TABLE t (i INTEGER PRIMARY KEY, x TEXT)")
	for range 5 {
		exec(t, db, "INSERT INTO t (x) VALUES (hex(randomblob(4000)))") // three frames or so
	}
	whole, err := os.ReadFile(filepath.Join(dir, "x.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	frames := (len(whole) - 32) / 4120
	if frames < 12 {
		t.Fatalf("only %d frames", frames)
	}
	look := func(b []byte) sealed.Log {
		l, err := files.CheckLog(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := look(whole); l.Damaged != 0 || !l.Ours {
		t.Errorf("a whole log: %+v", l)
	}
	for i := range frames + 1 {
		b := bytes.Clone(whole)
		at, want := 20, int64(1) // the header
		if i < frames {
			at, want = 32+i*4120+500, int64(i+1)
		}
		b[at] ^= 4
		l := look(b)
		if i < frames-6 || i == frames {
			if l.Damaged != want {
				t.Errorf("frame %d of %d: %+v", i+1, frames, l)
			}
		}
		if i >= frames-2 && i < frames && l.Damaged != 0 {
			t.Errorf("the last transaction may have been torn, but: %+v", l)
		}
	}
	if l := look(whole[:32+3*4120+9]); l.Damaged != 0 {
		t.Errorf("a log cut off: %+v", l)
	}
}
