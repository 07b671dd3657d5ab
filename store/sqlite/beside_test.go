package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

func beside(dir string) (*sqlite.Beside, error) {
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		return nil, err
	}
	return sqlite.OpenBeside(dir, sqlite.Options{Keyring: ring})
}

// TestReadBesideAnotherProcess reads the commits of a record from another process, while this
// one serves and writes it, with words that are new each time.
func TestReadBesideAnotherProcess(t *testing.T) {
	if dir := os.Getenv("OSLER_TEST_BESIDE"); dir != "" {
		readAll(t, dir)
		return
	}
	dir := t.TempDir()
	s := open(t, dir)
	write := func(i int) error {
		w := observation(fmt.Sprint("o", i), fmt.Sprint("p", i%9), 1, fmt.Sprint("c", i), start)
		w.Type = fmt.Sprint("Observation", i%50)
		_, err := s.Commit(context.Background(), store.Changeset{Writes: []store.Write{w}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}})
		return err
	}
	if err := write(0); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestReadBesideAnotherProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "OSLER_TEST_BESIDE="+dir)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		i := round*100_000 + 1
		for running := true; running; i++ {
			select {
			case err := <-done:
				if err != nil || !strings.Contains(out.String(), "--- PASS: TestReadBeside") {
					t.Fatalf("round %d: %v\n%s", round, err, out.String())
				}
				running = false
			default:
				if err := write(i); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil || n < 4 {
		t.Errorf("%d entries: %v", n, err)
	}
}

// readAll reads until 200 commits have been seen, or all of several hundred readings.
func readAll(t *testing.T, dir string) {
	b, err := beside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx := context.Background()
	at := store.T(0)
	for tries := 0; at < 200 && tries < 100_000; tries++ {
		list, err := b.Commits(ctx, at, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if _, err := c.Check(); err != nil || c.T != at+1 {
				t.Fatalf("commit %d after %d: %v", c.T, at, err)
			}
			at = c.T
		}
	}
	if at == 0 {
		t.Fatal("nothing was read")
	}
	if note, err := b.Head(ctx, at); err != nil || len(note) == 0 {
		t.Errorf("head at %d: %v", at, err)
	}
	if to, err := b.AllItems(ctx, func(store.Item) error { return nil }); err != nil || to < at {
		t.Errorf("items at %d: %v", to, err)
	}
}

func TestReadBesideIsRefused(t *testing.T) {
	if _, err := sqlite.OpenBeside(t.TempDir(), sqlite.Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a key: %v", err)
	}
	empty := t.TempDir()
	if _, err := beside(empty); !fault.Is(err, fault.NotFound) {
		t.Errorf("without a record: %v", err)
	}
	if _, err := os.Stat(filepath.Join(empty, "record.db")); err == nil {
		t.Error("a record was made")
	}
	dir := t.TempDir()
	s := open(t, dir)
	commit(t, s, observation("o", "p", 1, "c", start))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := beside(dir) // nobody serves it
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if list, err := b.Commits(t.Context(), 0, 9); err != nil || len(list) != 1 {
		t.Errorf("%d commits: %v", len(list), err)
	}
	if err := b.Append(t.Context(), nil, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("append: %v", err)
	}
	s = open(t, dir) // and it can be served meanwhile
	commit(t, s, observation("o2", "p", 1, "c", start))
	if list, err := b.Commits(t.Context(), 0, 9); err != nil || len(list) != 2 {
		t.Errorf("%d commits: %v", len(list), err)
	}
	other := t.TempDir()
	if _, err := seal.OpenKeyring(other, seal.KeyFile(filepath.Join(other, "master.key"))); err != nil {
		t.Fatal(err)
	}
	ring, _ := seal.OpenKeyring(other, seal.KeyFile(filepath.Join(other, "master.key")))
	if _, err := sqlite.OpenBeside(dir, sqlite.Options{Keyring: ring}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("with another key: %v, want forbidden", err)
	}
}
