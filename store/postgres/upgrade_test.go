package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
)

// later are steps that a later program might have.
var later = append(postgres.Steps(),
	postgres.Step{Name: "flags", SQL: "CREATE TABLE flag (no int8 PRIMARY KEY, id bytea NOT NULL);\nINSERT INTO flag SELECT row_number() OVER (), id FROM resource;\n"},
	postgres.Step{Name: "widen", SQL: "ALTER TABLE history ADD COLUMN note text NOT NULL DEFAULT 'x';\nUPDATE history SET until = until;\nDROP INDEX history_no;\nCREATE INDEX history_no ON history (no, t);\n"})

// fixture brings a record that an older program has made into an empty schema.
func fixture(t testing.TB, name string) (o postgres.Options, want string) {
	t.Helper()
	from, dir := filepath.Join("testdata", "upgrade", name), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	o = postgres.Options{URL: pgtest.URL(t), Dir: dir, Keyring: keys(t, dir, dir), Careless: true, Connections: 4, Clock: clock.NewManual(start)}
	execute(t, o.URL, read(t, filepath.Join(from, "record.sql")))
	return o, read(t, filepath.Join(from, "want.txt"))
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

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

// execute runs statements and returns the text of the first column of the last result.
func execute(t testing.TB, url, sql string) (out []string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	results, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(results) > 0 {
		for _, row := range results[len(results)-1].Rows {
			out = append(out, string(row[0]))
		}
	}
	return out
}

// form is the form of a database: tables, columns, indexes and constraints, and the steps taken.
func form(t testing.TB, url string) string {
	t.Helper()
	return strings.Join(execute(t, url, `SELECT line FROM (
		SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line FROM information_schema.columns WHERE table_schema = current_schema()
		UNION ALL SELECT tablename || ': ' || replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema()
		UNION ALL SELECT conrelid::regclass || ': ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
		UNION ALL SELECT 'step ' || no || ' ' || name FROM migration) x ORDER BY line COLLATE "C"`), "\n")
}

// reopened opens a record as a program does, and sees that all is as it was.
func reopened(t testing.TB, o postgres.Options, want string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if got := told(t, s); got != want {
		t.Fatalf("the record is not what it was:\n%s\nwant\n%s", got, want)
	}
	if _, err := s.Verify(context.Background(), func(p string) { t.Errorf("verification: %s", p) }); err != nil {
		t.Fatal(err)
	}
	return s
}

// since stores something that is not in a copy, with a signed head.
func since(t testing.TB, s store.Store) {
	t.Helper()
	set := store.Changeset{Writes: []store.Write{observation("since", "p0", "c1")}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}
	if _, err := s.Commit(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestEveryStepHasAFixture: a record of every older form is kept. When a step is added, make one of the
// form before it (docs/operations/upgrade.md).
func TestEveryStepHasAFixture(t *testing.T) {
	kept := map[string]bool{}
	for _, name := range fixtures(t) {
		o, _ := fixture(t, name)
		taken := execute(t, o.URL, "SELECT name FROM migration ORDER BY no")
		kept[taken[len(taken)-1]] = true
	}
	all := postgres.Steps()
	for _, step := range all[:len(all)-1] {
		if !kept[step.Name] {
			t.Errorf("there is no fixture of the form after the step %q", step.Name)
		}
	}
}

// TestEveryOlderRecordReachesTheNewest: an upgraded record has the form of a new one, and all that it had.
func TestEveryOlderRecordReachesTheNewest(t *testing.T) {
	newest := pgtest.URL(t)
	open(t, postgres.Options{URL: newest, Dir: t.TempDir()}).Close()
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			o, want := fixture(t, name)
			notes := read(t, filepath.Join(o.Dir, "checkpoints.log"))
			for range 2 { // the second time there is nothing to do
				reopened(t, o, want).Close()
			}
			if got, want := form(t, o.URL), form(t, newest); got != want {
				t.Errorf("the form is\n%s\nthat of a new record\n%s", got, want)
			}
			s := reopened(t, o.WithSteps(later), want)
			since(t, s)
			if _, err := s.Verify(context.Background(), func(p string) { t.Errorf("verification: %s", p) }); err != nil {
				t.Fatal(err)
			}
			if after := read(t, filepath.Join(o.Dir, "checkpoints.log")); !strings.HasPrefix(after, notes) || len(after) == len(notes) {
				t.Error("checkpoints.log does not go on behind what was signed before")
			}
			if copies, err := postgres.Copies(context.Background(), o); err != nil || len(copies) != 2 || copies[1].Step != "flags" {
				t.Errorf("copies %+v, %v", copies, err)
			}
		})
	}
}

// TestAnUpgradeIsKilledAtEachStatement ends the connection behind each statement of each step, in the
// database: the form of before is whole, nothing is left of the copy, and the next start finishes it.
func TestAnUpgradeIsKilledAtEachStatement(t *testing.T) {
	ctx, kills := context.Background(), 0
	for _, name := range fixtures(t) {
		o, want := fixture(t, name)
		before := form(t, o.URL)
		first := strings.Count(before, "\nstep ")
		for i := first; i < len(later); i++ {
			statements := strings.SplitAfter(later[i].SQL, ";\n")
			for n := range statements {
				dying := slices.Clone(later)
				dying[i].SQL = strings.Join(slices.Insert(slices.Clone(statements), n, "\nSELECT pg_terminate_backend(pg_backend_pid());\n"), "")
				s, err := postgres.Open(ctx, o.WithSteps(dying))
				if err == nil {
					s.Close()
					t.Fatalf("%s: killed in step %s at statement %d, and it opens", name, later[i].Name, n)
				}
				if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "("+later[i].Name+") did not come to its end") {
					t.Errorf("%s: killed in step %s: %v", name, later[i].Name, err)
				}
				kills++
			}
		}
		if after := form(t, o.URL); after != before {
			t.Fatalf("%s: the form is\n%s\nand was\n%s", name, after, before)
		}
		if copies, err := postgres.Copies(ctx, o); err != nil || len(copies) > 0 {
			t.Errorf("%s: copies are left: %+v %v", name, copies, err)
		}
		reopened(t, o.WithSteps(later), want)
	}
	t.Logf("%d kills", kills)
	if kills < 15 {
		t.Error("hardly anything was killed: the test proves nothing")
	}
}

// TestAFailedUpgradeNamesTheStep: in words, without what the database says, in which there are values; the
// program that does not know the broken step opens the record afterwards.
func TestAFailedUpgradeNamesTheStep(t *testing.T) {
	o, want := fixture(t, "patient-keys")
	newest := o.WithSteps(postgres.Steps())
	for range 2 {
		_, err := postgres.Open(context.Background(), o.WithSteps(append(slices.Clone(later), postgres.Step{Name: "broken", SQL: "INSERT INTO head VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 'Zanzibar')"})))
		if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), fmt.Sprintf("step %d (broken) failed", len(later)+1)) || !strings.Contains(err.Error(), "Use the program of before") {
			t.Errorf("a failed step: %v", err)
		}
		for cause := err; cause != nil; {
			if strings.Contains(cause.Error(), "Zanzibar") || strings.Contains(cause.Error(), "INSERT") {
				t.Errorf("the error tells values: %v", cause)
			}
			wrapped, ok := cause.(interface{ Unwrap() error })
			if !ok {
				break
			}
			cause = wrapped.Unwrap()
		}
	}
	reopened(t, newest, want)
}

// TestRollbackPutsTheRecordBack: the copy has the form and the content of before, what was stored since is set
// aside, and the record can be upgraded again.
func TestRollbackPutsTheRecordBack(t *testing.T) {
	ctx := context.Background()
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			o, want := fixture(t, name)
			if _, _, err := postgres.Rollback(ctx, o, "", start); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "osler restore") {
				t.Errorf("without a copy: %v", err)
			}
			before, notes := form(t, o.URL), read(t, filepath.Join(o.Dir, "checkpoints.log"))
			s := reopened(t, o.WithSteps(later), want)
			since(t, s)
			if _, err := postgres.Open(ctx, o); err == nil || !strings.Contains(err.Error(), "newer program") || !strings.Contains(err.Error(), `"flags"`) || !strings.Contains(err.Error(), "osler upgrade --rollback") {
				t.Errorf("the program of before: %v", err)
			}
			if _, _, err := postgres.Rollback(ctx, o, "nowhere", start); !fault.Is(err, fault.NotFound) {
				t.Errorf("an unknown copy: %v", err)
			}
			waitForUse(t, o.URL)
			if _, _, err := postgres.Rollback(ctx, o, "", start); !fault.Is(err, fault.Conflict) {
				t.Errorf("while it is served: %v", err)
			}
			s.Close()
			put, aside, err := postgres.Rollback(ctx, o, "", start)
			if err != nil || put.Of == "" {
				t.Fatalf("%+v %v", put, err)
			}
			t.Cleanup(func() { execute(t, o.URL, "DROP SCHEMA "+aside+" CASCADE") })
			if after := form(t, o.URL); after != before {
				t.Errorf("the form is\n%s\nand was\n%s", after, before)
			}
			if after := read(t, filepath.Join(o.Dir, "checkpoints.log")); after != notes {
				t.Errorf("checkpoints.log is\n%s\nwant\n%s", after, notes)
			}
			if kept := execute(t, o.URL, "SELECT count(*) FROM "+aside+".resource WHERE id = 'since'"); kept[0] != "1" {
				t.Error("what was stored since is gone")
			}
			reopened(t, o, want).Close()
			reopened(t, o.WithSteps(later), want)
		})
	}
}

// waitForUse waits until a process has told that it has the record open.
func waitForUse(t testing.TB, url string) {
	t.Helper()
	for range 100 {
		if n := execute(t, url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted AND objid = hashtext('osler is open ' || current_schema())::oid"); n[0] != "0" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nobody has the record open")
}

// TestAnUpgradeWaitsForTheOthers: it is refused while another program has the record open.
func TestAnUpgradeWaitsForTheOthers(t *testing.T) {
	o, want := fixture(t, "patient-keys")
	old := reopened(t, o, want)
	waitForUse(t, o.URL)
	_, err := postgres.Open(context.Background(), o.WithSteps(later))
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "Stop every process") {
		t.Errorf("while another serves: %v", err)
	}
	since(t, old) // which goes on
}

// TestUpgradeWithoutACopy: where somebody has said so, and where no schema can be made the error says it.
func TestUpgradeWithoutACopy(t *testing.T) {
	o, want := fixture(t, "first")
	execute(t, o.URL, "DROP ROLE IF EXISTS narrow; CREATE ROLE narrow LOGIN")
	schema := execute(t, o.URL, "SELECT current_schema()")[0]
	for _, table := range execute(t, o.URL, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()") {
		execute(t, o.URL, "ALTER TABLE "+table+" OWNER TO narrow")
	}
	execute(t, o.URL, "ALTER SCHEMA "+schema+" OWNER TO narrow")
	o.URL = strings.Replace(o.URL, "user=osler", "user=narrow", 1)
	if _, err := postgres.Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "GRANT CREATE") || !strings.Contains(err.Error(), "--without-copy") {
		t.Errorf("a role that may make no schema: %v", err)
	}
	o.WithoutCopy = true
	reopened(t, o, want)
	if copies, err := postgres.Copies(context.Background(), o); err != nil || len(copies) > 0 {
		t.Errorf("copies %+v %v", copies, err)
	}
}

// TestAShredRemovesTheCopies: a copy from before an upgrade has the patient's keys.
func TestAShredRemovesTheCopies(t *testing.T) {
	ctx := context.Background()
	o, want := fixture(t, "patient-keys")
	s := reopened(t, o, want)
	if copies, err := postgres.Copies(ctx, o); err != nil || len(copies) != 1 {
		t.Fatalf("copies %+v %v", copies, err)
	}
	if _, err := s.Shred(ctx, "p1", storetest.ShredLeaf("p1")); err != nil {
		t.Fatal(err)
	}
	if copies, err := postgres.Copies(ctx, o); err != nil || len(copies) > 0 {
		t.Errorf("copies are left: %+v %v", copies, err)
	}
}

// TestAPartitionedRecordIsCopied, parts and all.
func TestAPartitionedRecordIsCopied(t *testing.T) {
	ctx := context.Background()
	o := postgres.Options{URL: pgtest.URL(t), Dir: t.TempDir(), Partitions: 3}
	s := open(t, o)
	if err := storetest.Fill(ctx, s); err != nil {
		t.Fatal(err)
	}
	want := told(t, s)
	s.Close()
	o.Keyring, o.Careless, o.Clock, o.Connections = keys(t, o.Dir, o.Dir), true, clock.NewManual(start), 4
	before := form(t, o.URL)
	reopened(t, o.WithSteps(later), want).Close()
	_, aside, err := postgres.Rollback(ctx, o, "", start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { execute(t, o.URL, "DROP SCHEMA "+aside+" CASCADE") })
	if after := form(t, o.URL); after != before {
		t.Errorf("the form is\n%s\nand was\n%s", after, before)
	}
	reopened(t, o, want)
	if !bytes.Contains([]byte(before), []byte("resource_2")) {
		t.Error("it has no parts: the test proves nothing")
	}
}
