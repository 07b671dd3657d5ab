package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/trust/ledger"
)

// logIn returns a leaf log in a folder, as a process finds it.
func logIn(t *testing.T, dir string) *leafLog {
	t.Helper()
	l := &leafLog{path: filepath.Join(dir, leavesFile), place: system(), key: make([]byte, seal.KeySize), origin: "osler/test", synced: func() error { return nil }}
	t.Cleanup(func() { l.close(false) })
	return l
}

// leavesOf makes n leaves from a T on, of about 100 bytes and what more is asked for.
func leavesOf(t int64, n, more int) []leaf {
	var out []leaf
	for i := range int64(n) {
		l := ledger.Leaf{Actor: fmt.Sprint("a", t+i), Action: ledger.Read, Patients: []string{"p"}, Reason: strings.Repeat("r", more)}
		out = append(out, leaf{t: t + i, at: 1000 + t + i, Leaf: l, body: l.Encode()})
	}
	return out
}

func write(t *testing.T, l *leafLog, group []leaf, moved int64) (room bool) {
	t.Helper()
	if !l.ready() {
		t.Fatal("the log cannot be made")
	}
	room, err := l.append(group, moved)
	if err != nil {
		t.Fatal(err)
	}
	return room
}

// holds checks that a process that starts now finds the leaves from first to last.
func holds(t *testing.T, dir string, moved, first, last int64) {
	t.Helper()
	list, err := logIn(t, dir).read(moved)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(list)) != last-first+1 {
		t.Fatalf("%d leaves behind %d, want %d to %d", len(list), moved, first, last)
	}
	for i, v := range list {
		want := first + int64(i)
		if v.t != want || v.at != 1000+want || v.Actor != fmt.Sprint("a", want) || string(v.body) != string(v.Leaf.Encode()) {
			t.Fatalf("leaf %d: %+v", want, v)
		}
	}
}

func TestLeafLogGivesBackWhatWasDurable(t *testing.T) {
	dir := t.TempDir()
	holds(t, dir, 0, 1, 0)
	l := logIn(t, dir)
	write(t, l, leavesOf(5, 1, 0), 4)
	write(t, l, leavesOf(6, 3, 0), 4)
	write(t, l, leavesOf(9, 1, 0), 4)
	holds(t, dir, 4, 5, 9)
	holds(t, dir, 7, 8, 9) // a crash after a part was moved
	holds(t, dir, 9, 10, 9)
	write(t, l, leavesOf(12, 2, 0), 11) // 10 and 11 were changes
	holds(t, dir, 11, 12, 13)
}

func TestLeafLogIsFilledAgainWhenItsLeavesAreMoved(t *testing.T) {
	dir := t.TempDir()
	l := logIn(t, dir)
	last, moved, refused := int64(0), int64(0), 0
	for range 480 { // 480 times 20 leaves of 1 kB: more than two halves
		if !write(t, l, leavesOf(last+1, 20, 1000), moved) {
			refused++
			holds(t, dir, moved, moved+1, last)
			moved = last // as the store does before it tries again
			if !write(t, l, leavesOf(last+1, 20, 1000), moved) {
				t.Fatal("no room although all was moved")
			}
		}
		last += 20
		if last%200 == 0 {
			holds(t, dir, moved, moved+1, last)
		}
	}
	holds(t, dir, moved, moved+1, last)
	if info, err := os.Stat(l.path); err != nil || info.Size() != 2*halfSize || refused == 0 {
		t.Errorf("size %v, refused %d times: %v", info.Size(), refused, err)
	}
}

// spoil changes bytes of the log.
func spoil(t *testing.T, l *leafLog, at int64, b []byte) {
	t.Helper()
	if _, err := l.file.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func TestLeafLogEndsAtATornRecord(t *testing.T) {
	dir := t.TempDir()
	l := logIn(t, dir)
	write(t, l, leavesOf(1, 2, 0), 0)
	end := l.end
	write(t, l, leavesOf(3, 2, 0), 0)
	spoil(t, l, l.end-20, []byte{1, 2, 3})
	holds(t, dir, 0, 1, 2)
	l.end = end // it goes on in the place of the torn one
	write(t, l, leavesOf(3, 1, 0), 0)
	holds(t, dir, 0, 1, 3)
}

func TestLeafLogThatIsDamagedIsNotReadAsShorter(t *testing.T) {
	dir := t.TempDir()
	l := logIn(t, dir)
	write(t, l, leavesOf(1, 1, 0), 0)
	end := l.end
	write(t, l, leavesOf(2, 1, 0), 0)
	write(t, l, leavesOf(3, 1, 0), 0)
	spoil(t, l, end+30, []byte{0xff})
	if _, err := logIn(t, dir).read(0); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged record before others: %v", err)
	}
	spoil(t, l, 30, []byte{0xff})
	if _, err := logIn(t, dir).read(0); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("also the first record damaged: %v", err)
	}
	if _, err := logIn(t, dir).read(3); err != nil {
		t.Errorf("when all is in the tables, what is left in the log does not matter: %v", err)
	}
}

func TestLeafLogOfAnotherStateIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, logIn(t, dir), leavesOf(8, 2, 0), 7)
	if _, err := logIn(t, dir).read(5); err == nil || !strings.Contains(err.Error(), "does not go on") {
		t.Errorf("a gap of two: %v", err)
	}
	other := logIn(t, dir)
	other.origin = "osler/other"
	if list, err := other.read(7); err != nil || len(list) != 0 {
		t.Errorf("leaves of another record: %d, %v", len(list), err)
	}
}
