package console

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store/postgres/pgtest"
)

// TestUpgradeAndBack upgrades a record of an older program and puts it back.
func TestUpgradeAndBack(t *testing.T) {
	dir := t.TempDir()
	old := os.DirFS("../../store/sqlite/testdata/upgrade/first-adiantum")
	if err := os.CopyFS(dir, old); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "record.db"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		p := &Program{Clock: clock.System{}, Out: &out, Err: &out}
		if code := p.Run(context.Background(), append(args, "--data", dir)); code != want {
			t.Fatalf("%v ended with %d: %s", args, code, out.String())
		}
		return out.String()
	}
	if said := run(1, "upgrade", "--rollback"); !strings.Contains(said, "No upgrade has made a copy") {
		t.Errorf("before any upgrade: %s", said)
	}
	if said := run(0, "upgrade"); !strings.Contains(said, "18 commits, made before the step sealed-pages") || !strings.Contains(said, "as it was before, it lies in "+firstOf(t, dir, "upgrades/*-before-*")) {
		t.Errorf("upgraded: %s", said)
	}
	run(0, "audit", "verify")
	if after, err := os.ReadFile(filepath.Join(dir, "record.db")); err != nil || bytes.Equal(after, before) {
		t.Fatalf("the record was not upgraded: %v", err)
	}
	if said := run(0, "upgrade", "--rollback"); !strings.Contains(said, "is the record again") {
		t.Errorf("rolled back: %s", said)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "record.db")); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the record is not what it was: %v", err)
	}
	aside := firstOf(t, dir, "upgrades/*-rolled-back") // what was stored since is read there
	must(t, "export", "--data", aside, "--key-file", filepath.Join(dir, "master.key"), "--contents", filepath.Join(dir, "contents"), "--all", "--to", filepath.Join(t.TempDir(), "all"))
	if said := run(1, "upgrade", "--rollback", "--copy", "nowhere"); !strings.Contains(said, "There is no copy of this name") {
		t.Errorf("an unknown copy: %s", said)
	}
}

// TestUpgradeAndBackInPostgreSQL does it with a record in a database.
func TestUpgradeAndBackInPostgreSQL(t *testing.T) {
	c, dir := pgtest.Start(t), t.TempDir()
	url, old := pgtest.Schema(t, c.URL()), "../../store/postgres/testdata/upgrade/first"
	if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	dump, err := os.ReadFile(filepath.Join(old, "record.sql"))
	if err == nil {
		_, err = db.PgConn().Exec(t.Context(), string(dump)).ReadAll()
	}
	if err != nil {
		t.Fatal(err)
	}
	steps := func() (n int) {
		t.Helper()
		// The tables are exchanged beneath the connection: no statement of before is used again.
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM migration", pgx.QueryExecModeExec).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		p := &Program{Clock: clock.System{}, Out: &out, Err: &out}
		if code := p.Run(t.Context(), append(args, "--data", dir, "--database", url)); code != want {
			t.Fatalf("%v ended with %d: %s", args, code, out.String())
		}
		return out.String()
	}
	if said := run(1, "upgrade", "--rollback"); !strings.Contains(said, "No upgrade has made a copy") || !strings.Contains(said, "osler restore") {
		t.Errorf("before any upgrade: %s", said)
	}
	before := steps()
	if said := run(0, "upgrade"); !strings.Contains(said, "commits, made before the step patient keys") {
		t.Errorf("upgraded: %s", said)
	}
	if steps() == before {
		t.Error("the record was not upgraded")
	}
	run(0, "audit", "verify")
	if said := run(0, "upgrade", "--rollback"); !strings.Contains(said, "is the record again") || !strings.Contains(said, "rolled_back") {
		t.Errorf("rolled back: %s", said)
	}
	if steps() != before {
		t.Error("the record does not have the form of before")
	}
	if said := run(1, "upgrade", "--rollback", "--copy", "nowhere"); !strings.Contains(said, "No upgrade has made a copy") {
		t.Errorf("an unknown copy: %s", said)
	}
}
