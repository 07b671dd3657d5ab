package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
)

// later are steps that a later program might have: a table, an index over what is there, and
// a rewriting of all bodies.
var later = []sqlite.Step{
	{Name: "flags", SQL: `CREATE TABLE flag (no INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; INSERT INTO flag (text) SELECT id || hex(zeroblob(300)) FROM resource`},
	{Name: "by-version", SQL: `CREATE INDEX resource_version ON resource (version, id)`},
	{Name: "widen", SQL: `ALTER TABLE resource ADD COLUMN note TEXT NOT NULL DEFAULT ''; UPDATE resource SET note = id; UPDATE history SET until = until`},
}

// fixture copies a record that an older program has made.
func fixture(t testing.TB, name string) (dir string, options sqlite.Options) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "upgrade", name))); err != nil {
		t.Fatal(err)
	}
	return dir, optionsOf(t, dir)
}

func optionsOf(t testing.TB, dir string) sqlite.Options {
	t.Helper()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	return sqlite.Options{Keyring: ring, Clock: ticking, Readers: 1, CacheKiB: 256}
}

// ticking is a clock that goes on by a second each time that it is asked.
var ticking = &tickingClock{}

type tickingClock struct{ n atomic.Int64 }

func (c *tickingClock) Now() time.Time { return start.Add(time.Duration(c.n.Add(1)) * time.Second) }

func fixtures(t testing.TB) (names []string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Join("testdata", "upgrade"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

// equals compares a store with what the program that made the fixture said was in it, and
// verifies it, its old checkpoints included.
func equals(t testing.TB, s *sqlite.Store, want string) {
	t.Helper()
	if got := canonical(t, s); got != want {
		t.Fatalf("the record is not what it was:\n%s", difference(got, want))
	}
	if _, err := s.Verify(context.Background(), func(p string) { t.Errorf("verification: %s", p) }); err != nil {
		t.Fatal(err)
	}
}

// finds compares what searches find with what they found for the program that made the fixture, where it said so.
func finds(t testing.TB, s *sqlite.Store, name string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "upgrade", name, "searches.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	got, errFound := storetest.Searches(context.Background(), s)
	if err = errors.Join(err, errFound); err != nil || got != string(want) {
		t.Errorf("searches find\n%s\nwant\n%s %v", got, want, err)
	}
}

// TestEveryStepHasAFixture: a record of every older form is kept, so that each step is taken by one that
// has none of it. When a step is added, make a fixture of the form before it (docs/operations/upgrade.md).
func TestEveryStepHasAFixture(t *testing.T) {
	begun := map[string]bool{}
	for _, name := range fixtures(t) {
		dir, o := fixture(t, name)
		s, err := sqlite.OpenUpgraded(context.Background(), dir, o, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		copies, err := sqlite.Copies(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range copies {
			begun[c.Step] = true
		}
	}
	for _, step := range sqlite.StepNames()[1:] {
		if !begun[step] {
			t.Errorf("there is no fixture of the form before the step %q", step)
		}
	}
}

func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %q, want %q", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}

func wanted(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "upgrade", name, "canonical.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryOlderRecordReachesTheNewest(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			dir, o := fixture(t, name)
			before, err := os.ReadFile(filepath.Join(dir, "checkpoints.log"))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing to do
				s, err := sqlite.Open(context.Background(), dir, o)
				if err != nil {
					t.Fatal(err)
				}
				equals(t, s, wanted(t, name))
				finds(t, s, name)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s, err := sqlite.OpenUpgraded(context.Background(), dir, o, nil, nil, later...)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			equals(t, s, wanted(t, name))
			commit(t, s, observation("afterwards", "p0", 1, "c", start))
			if _, err := s.Checkpoint(context.Background()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Verify(context.Background(), func(p string) { t.Errorf("verification: %s", p) }); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(filepath.Join(dir, "checkpoints.log"))
			if err != nil || !bytes.HasPrefix(after, before) || len(after) == len(before) {
				t.Errorf("checkpoints.log does not go on behind what was signed before: %v", err)
			}
			copies, err := sqlite.Copies(dir)
			if err != nil || len(copies) == 0 || copies[len(copies)-1].Step != "flags" {
				t.Errorf("copies %+v, %v", copies, err)
			}
		})
	}
}

// TestUpgradeKilledAnywhere kills the process at each point of an upgrade and at random
// times: the next start finishes it, or begins it anew, and nothing is different.
func TestUpgradeKilledAnywhere(t *testing.T) {
	if dir := os.Getenv("OSLER_TEST_UPGRADE_DIR"); dir != "" {
		point := os.Getenv("OSLER_TEST_UPGRADE_POINT")
		_, err := sqlite.OpenUpgraded(context.Background(), dir, optionsOf(t, dir), nil, func(p string) {
			if p == point {
				self, err := os.FindProcess(os.Getpid())
				if err == nil {
					err = self.Kill()
				}
				t.Log(err)
				select {}
			}
		}, later...)
		if err != nil {
			t.Fatal(err)
		}
		os.Exit(7) // came to the end: without closing, as if killed
	}
	points := []string{"copied", "written", "checked", "replaced", "flags", "by-version", "widen", "at random", "at random", "at random"}
	each := 1
	if os.Getenv("OSLER_DRILL") != "" {
		each = 20
	}
	kills := 0
	for _, name := range fixtures(t) {
		for _, point := range points {
			for range each {
				dir, o := fixture(t, name)
				for range 2 { // also the second attempt
					kills += upgradeChild(t, dir, point)
				}
				s, err := sqlite.OpenUpgraded(context.Background(), dir, o, nil, nil, later...)
				if err != nil {
					t.Fatalf("%s killed when %s: %v", name, point, err)
				}
				equals(t, s, wanted(t, name))
				commit(t, s, observation("afterwards", "p0", 1, "c", start))
				s.Close()
			}
		}
	}
	t.Logf("%d kills", kills)
	if kills < 5 {
		t.Error("hardly a process was killed: the test proves nothing")
	}
}

// upgradeChild runs an upgrade in a process that dies; 1 when it was killed.
func upgradeChild(t *testing.T, dir, point string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestUpgradeKilledAnywhere$")
	cmd.Env = append(os.Environ(), "OSLER_TEST_UPGRADE_DIR="+dir, "OSLER_TEST_UPGRADE_POINT="+point)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if point == "at random" {
		timer := time.AfterFunc(time.Duration(20+rand.IntN(60))*time.Millisecond, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 7:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() == -1:
		return 1
	}
	t.Fatalf("the child ended with %v: %s", err, out.String())
	return 0
}

// TestPowerLossDuringUpgrade cuts the power at every operation of an upgrade of a record of
// the present form.
func TestPowerLossDuringUpgrade(t *testing.T) {
	b := newBench(t, 1)
	ctx := context.Background()
	o := newOracle(rand.New(rand.NewPCG(1, 1)))
	s, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	for range 25 {
		if err := o.work(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	stride := int64(7)
	if os.Getenv("OSLER_DRILL") != "" {
		stride = 1
	}
	original := b.disk
	options := sqlite.Options{Keyring: b.ring, Clock: clock.NewManual(start), Readers: 1, CacheKiB: 64}
	old, finished := 0, false
	for n := int64(1); !finished; n += stride {
		b.disk = original.Copy(uint64(n), filepath.Join(b.dir, fmt.Sprint("up-", n)))
		b.disk.CrashAt(n)
		s, err := sqlite.OpenUpgraded(ctx, b.dir, options, b.disk, nil, later...)
		finished = err == nil && !b.disk.Off()
		if s != nil {
			s.Close()
		}
		b.disk.Boot()
		// The program of before either finds its record untouched or refuses.
		if s, err = b.open(); err == nil {
			old++
			err = o.check(ctx, s)
			s.Close()
		} else if fault.Is(err, fault.Unavailable) && strings.Contains(err.Error(), "newer program") {
			err = nil
		}
		if err != nil {
			t.Fatalf("power lost at operation %d, the program of before: %v", n, err)
		}
		if s, err = sqlite.OpenUpgraded(ctx, b.dir, options, b.disk, nil, later...); err == nil {
			err = o.check(ctx, s)
			s.Close()
		}
		if err != nil {
			t.Fatalf("power lost at operation %d: %v", n, err)
		}
	}
	if old == 0 {
		t.Error("the upgrade was never undone: the test proves nothing")
	}
}

func TestAbuseD25FailedUpgradeRefusesAndNamesTheStep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	commit(t, s, observation("a", "p", 1, "c", start))
	want := canonical(t, s)
	s.Close()
	o := optionsOf(t, dir)
	bad := sqlite.Step{Name: "broken", SQL: "UPDATE resource SET id = 'mangled'; INSERT INTO nowhere VALUES ('Zanzibar')"}
	for range 3 {
		_, err := sqlite.OpenUpgraded(context.Background(), dir, o, nil, nil, later[0], bad)
		if err == nil || !strings.Contains(err.Error(), "(broken) failed") || strings.Contains(err.Error(), "Zanzibar") {
			t.Fatalf("a failed step: %v", err)
		}
	}
	// The step before it was taken, so that the program of before refuses, until the copy is
	// put back.
	if _, err := sqlite.Open(context.Background(), dir, o); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("the program of before: %v", err)
	}
	copies, err := sqlite.Copies(dir)
	if err != nil || len(copies) != 2 { // before the first step, and, later, before the broken one
		t.Fatalf("copies %+v %v", copies, err)
	}
	if _, err := sqlite.Rollback(dir, copies[0].Name, start); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	equals(t, s, want)
}

func TestUnknownSchemaIsNotWritten(t *testing.T) {
	for name, sql := range map[string]string{
		"newer":   "INSERT INTO migration VALUES (99, 'future', 'x', 0)",
		"foreign": "UPDATE migration SET checksum = 'x' WHERE no = 1",
	} {
		dir := t.TempDir()
		s := open(t, dir)
		commit(t, s, observation("a", "p", 1, "c", start))
		s.Close()
		tampering(t, dir, sql)
		before := everyFile(t, dir)
		for range 2 {
			if _, err := sqlite.Open(context.Background(), dir, optionsOf(t, dir)); err == nil {
				t.Errorf("%s: it opens", name)
			}
		}
		if after := everyFile(t, dir); after != before {
			t.Errorf("%s: the refused program has written:\n%s\nbefore\n%s", name, after, before)
		}
	}
}

// everyFile lists the files of a folder that hold a record, with their content.
func everyFile(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range list {
		content, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err == nil && len(content) > 0 && !strings.HasSuffix(d.Name(), "-shm") {
			fmt.Fprintf(&b, "%s %d %x\n", d.Name(), len(content), hashOf(content))
		}
	}
	return b.String()
}

func TestRollbackPutsTheRecordBack(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			dir, o := fixture(t, name)
			original, err := os.ReadFile(filepath.Join(dir, "record.db"))
			if err != nil {
				t.Fatal(err)
			}
			s, err := sqlite.OpenUpgraded(context.Background(), dir, o, nil, nil, later...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Commit(context.Background(), store.Changeset{Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}, Writes: []store.Write{observation("later", "p0", 1, "c", start)}})
			if err != nil {
				t.Fatal(err)
			}
			copies, err := sqlite.Copies(dir)
			if err != nil || len(copies) == 0 {
				t.Fatalf("no copies: %v", err)
			}
			if _, err := sqlite.Rollback(dir, copies[0].Name, start); !fault.Is(err, fault.Unavailable) {
				t.Errorf("while it is served: %v", err)
			}
			s.Close()
			if _, err := sqlite.Rollback(dir, "../"+copies[0].Name, start); !fault.Is(err, fault.NotFound) {
				t.Errorf("a foreign folder: %v", err)
			}
			// Interrupted: the mark stands, the record is half away.
			mark := filepath.Join(dir, "upgrades", "rolling-back")
			if err := os.WriteFile(mark, []byte("aside"), 0o600); err != nil {
				t.Fatal(err)
			}
			os.MkdirAll(filepath.Join(dir, "upgrades", "aside"), 0o700)
			if err := os.Rename(filepath.Join(dir, "record.db"), filepath.Join(dir, "upgrades", "aside", "record.db")); err != nil {
				t.Fatal(err)
			}
			if _, err := sqlite.Open(context.Background(), dir, o); err == nil || !strings.Contains(err.Error(), "rollback of this record was interrupted") {
				t.Errorf("half rolled back it opens: %v", err)
			}
			aside, err := sqlite.Rollback(dir, copies[0].Name, start)
			if err != nil || filepath.Base(aside) != "aside" {
				t.Fatalf("%q %v", aside, err)
			}
			if _, err := os.Stat(filepath.Join(aside, "record.db")); err != nil {
				t.Errorf("what was written since is gone: %v", err)
			}
			if name == "first-adiantum" {
				if b, err := os.ReadFile(filepath.Join(dir, "record.db")); err != nil || !bytes.Equal(b, original) {
					t.Errorf("record.db is not the old one: %v", err)
				}
			}
			s, err = sqlite.Open(context.Background(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			equals(t, s, wanted(t, name))
		})
	}
}

// hashOf is a short name for a content.
func hashOf(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// TestMakeFixture makes the record of a new fixture when OSLER_MAKE_FIXTURE names its folder:
// run it with the program whose form is to be kept, before the form changes.
func TestMakeFixture(t *testing.T) {
	to := os.Getenv("OSLER_MAKE_FIXTURE")
	if to == "" {
		t.Skip("skipped: OSLER_MAKE_FIXTURE names no folder")
	}
	dir := t.TempDir()
	s := open(t, dir)
	ctx := context.Background()
	if err := storetest.Fill(ctx, s); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	commit(t, s, observation("since", "p0", 1, "c", start))
	found, err := storetest.Searches(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	// Copied while it is open: the last commits stand in the log, as after a crash.
	for _, name := range []string{"record.db", "record.db-wal", "keyring.json", "master.key", "checkpoints.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"canonical.txt": canonical(t, s), "searches.txt": found} {
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
