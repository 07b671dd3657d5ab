package postgres_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
)

// smallDisk gives the servers of a test a disk of their own, which it can fill.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=160m,mode=1777", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("skipped: no disk of its own to be had here: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	return dir
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so: %s", what)
		}
	}
}

// A database that is full, or away, says so when it is asked, and that it takes changes again as soon as it does.
func TestProbe(t *testing.T) {
	disk := smallDisk(t)
	tmp := os.Getenv("TMPDIR")
	t.Setenv("TMPDIR", disk)
	c := pgtest.Start(t)
	t.Setenv("TMPDIR", tmp)
	execute(t, c.URL(), "CREATE ROLE narrow LOGIN; GRANT CREATE ON SCHEMA public TO narrow; REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
	s := durable(t, strings.Replace(c.URL(), "user=osler", "user=narrow", 1))
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("without the right to make a temporary table: %v", err)
	}
	execute(t, c.URL(), "GRANT TEMPORARY ON DATABASE postgres TO narrow")
	for range 3 {
		if err := s.Probe(t.Context()); err != nil {
			t.Fatalf("nothing is wrong: %v", err)
		}
	}
	filler, err := os.Create(filepath.Join(disk, "filler"))
	for err == nil {
		_, err = filler.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := s.Probe(t.Context()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a full disk: %v", err)
	}
	if err := errors.Join(filler.Close(), os.Remove(filler.Name())); err != nil {
		t.Fatal(err)
	}
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("room again: %v", err)
	}
	_ = c.Kill()
	if err := s.Probe(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the database is away: %v", err)
	}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the database is back", func() bool { return s.Probe(t.Context()) == nil })
}

// A turn is one process's, and ends with the process or with the database.
func TestTurn(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	dir := t.TempDir()
	ring := keys(t, dir, dir)
	var stores []*postgres.Store
	for range 2 {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: c.URL(), Dir: dir, Keyring: ring, Clock: clock.System{}, Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		stores = append(stores, s)
	}
	turn := func(i int, name string) (end func(), mine bool) {
		t.Helper()
		end, mine, err := stores[i].Turn(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return end, mine
	}
	end, mine := turn(0, "backup")
	if !mine {
		t.Fatal("nobody has the turn, and it is not given")
	}
	if _, mine := turn(1, "backup"); mine {
		t.Error("two have the turn")
	}
	other, mine := turn(1, "another thing")
	if !mine {
		t.Error("a turn at another thing is not given")
	}
	other()
	end()
	eventually(t, "the turn was given back", func() bool { _, mine := turn(1, "backup"); return mine })
	_ = c.Kill()
	if _, _, err := stores[0].Turn(t.Context(), "backup"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the database is away: %v", err)
	}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if _, mine := turn(0, "backup"); !mine {
		t.Error("the turn of a session that died is kept")
	}
}
