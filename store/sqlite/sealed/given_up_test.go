package sealed_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/store/sqlite/lossy"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// TestWhatWasGivenUpStaysAway writes transactions, small ones and ones that outgrow the cache, on a
// disk that is full now and then. Each is there whole or not at all: for another connection at once,
// and after the power has gone.
func TestWhatWasGivenUpStaysAway(t *testing.T) {
	for seed := range uint64(3) {
		dice := rand.New(rand.NewPCG(seed, 7))
		disk := lossy.New(seed, t.TempDir())
		full := false
		failures := 0
		disk.Fault = func(op lossy.Op) lossy.Outcome {
			if full && op.Kind == lossy.Write && dice.IntN(6) == 0 {
				failures++
				return lossy.Outcome{Err: syscall.ENOSPC, Half: dice.IntN(2) == 0}
			}
			return lossy.Outcome{}
		}
		connect := func() *sqlite3.Conn {
			name := fmt.Sprint("given-up-", seed, "-", rand.Int64())
			vfs.Register(name, sealed.New(disk, bytes.Repeat([]byte{1}, 32)))
			t.Cleanup(func() { vfs.Unregister(name) })
			db, err := sqlite3.Open("file:x.db?vfs=" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, sealed.Reserve); err != nil {
				t.Fatal(err)
			}
			exec(t, db, "PRAGMA temp_store=MEMORY; PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=10")
			return db
		}
		writer, reader := connect(), connect()
		exec(t, writer, "CREATE TABLE t (i INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (0, '')")
		there := 0 // transactions that are there
		look := func(db *sqlite3.Conn, when string) {
			t.Helper()
			// Row 0 counts the transactions; each has left a whole hundred of rows.
			if n, rows := number(t, db, "SELECT CAST(x AS INT) FROM t WHERE i=0"), number(t, db, "SELECT count(*) FROM t WHERE i>0"); n != there || rows != 100*there {
				t.Fatalf("seed %d, %s: %d transactions and %d rows, not %d", seed, when, n, rows, there)
			}
		}
		for round := range 50 {
			size := []int{2, 40, 900}[dice.IntN(3)]
			full = dice.IntN(2) == 0
			err := writer.Exec(fmt.Sprintf(`BEGIN; UPDATE t SET x=%d WHERE i=0;
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100) INSERT INTO t SELECT i+%d, hex(randomblob(%d)) FROM n;
				SAVEPOINT a; UPDATE t SET x=x||'more' WHERE i%%5=1; ROLLBACK TO a; SELECT sum(length(x)) FROM t`, there+1, 100*there, size))
			if err == nil { // one that finds the disk full is taken back, and the transaction may go on
				_ = writer.Exec("UPDATE t SET x=x||'!' WHERE i%7=1")
				full = full && dice.IntN(2) == 0
				err = writer.Exec("COMMIT")
			}
			full = false
			if err == nil {
				there++
			} else if !writer.GetAutocommit() {
				exec(t, writer, "ROLLBACK")
			}
			look(reader, fmt.Sprint("round ", round))
			if dice.IntN(10) == 0 {
				exec(t, writer, "PRAGMA wal_checkpoint(PASSIVE)")
			}
		}
		if failures < 5 || there < 10 {
			t.Errorf("seed %d: %d failures, %d transactions", seed, failures, there)
		}
		disk.CrashAt(1)
		writer.Close()
		reader.Close()
		disk.Boot()
		after := connect()
		look(after, "after the power has gone")
		if s := number(t, after, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"); s != 0 {
			t.Errorf("seed %d: the database is damaged", seed)
		}
		after.Close()
	}
}
