package postgres_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestShreddedCanariesInTheFilesOfPostgreSQL stores 1,000 words of a patient in every place that a store has, and
// shreds the patient. No dump, no statistics and no backup of ours has one then. After the VACUUM FULL that
// docs/security/keys.md names and a checkpoint, no file of the server has one either, but for the write-ahead log
// (pg_wal), which only ends when PostgreSQL reuses it.
func TestShreddedCanariesInTheFilesOfPostgreSQL(t *testing.T) {
	ctx, dir, backups := context.Background(), t.TempDir(), t.TempDir()
	c := pgtest.Start(t, "autovacuum = off")
	ring := keys(t, dir, dir)
	s, err := postgres.Open(ctx, postgres.Options{URL: c.URL(), Dir: dir, Keyring: ring, Clock: clock.NewManual(start), Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := archive.Recipients(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	place, err := bucket.Open(backups)
	if err != nil {
		t.Fatal(err)
	}
	backup := func() {
		t.Helper()
		if _, err := (archive.Backup{Store: s, Keys: ring, To: place, Lock: lock, Clock: clock.NewManual(start)}).Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	psql := func(text string) { t.Helper(); c.Tool(t, "psql", c.URL(), "-q", "-c", text) }

	if err := storetest.Bystander(ctx, s); err != nil {
		t.Fatal(err)
	}
	// A table that becomes empty keeps its statistics: others have rows in each.
	other := observation("other", "q", "c1")
	other.Index = append(other.Index, search.Entry{Param: "url", Kind: search.KindURI, URL: "urn:other"}, search.Entry{Param: "family", Kind: search.KindString, Norm: "other", Exact: "other"},
		search.Entry{Param: "both", Kind: search.KindComposite, Group: []search.Entry{{Param: "0", Kind: search.KindToken, Code: "c"}, {Param: "1", Kind: search.KindString, Norm: "other", Exact: "other"}}})
	if _, err := s.Commit(ctx, store.Changeset{Writes: []store.Write{other}, Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Create}}); err != nil {
		t.Fatal(err)
	}
	words, err := storetest.Canaries(ctx, s, "p", 1000)
	if err != nil {
		t.Fatal(err)
	}
	backup()
	psql("ANALYZE")
	psql("CHECKPOINT")
	dumped := func() int { return counted([]byte(c.Tool(t, "pg_dump", "--inserts", c.URL())), words) }
	stored := func() int { return counted(inFolder(t, filepath.Join(c.Dir(), "data"), "pg_wal"), words) }
	sampled := func() int {
		return counted([]byte(c.Tool(t, "psql", c.URL(), "-At", "-c", "SELECT stavalues1, stavalues2, stavalues3, stavalues4, stavalues5 FROM pg_statistic")), words)
	}
	// The look is not blind: the index is in clear, and statistics hold samples of it.
	if d, f, n := dumped(), stored(), sampled(); f < 300 || n < 20 {
		t.Fatalf("before the shred %d canaries are seen in a dump, %d in files, %d in statistics", d, f, n)
	}
	if n := counted(inFolder(t, backups, ""), words) + counted(inFolder(t, dir, ""), words); n > 0 {
		t.Errorf("%d canaries in clear in backups or the data folder", n)
	}
	if _, err := s.Shred(ctx, "p", storetest.ShredLeaf("p")); err != nil {
		t.Fatal(err)
	}
	backup()
	if n := dumped(); n > 0 {
		t.Errorf("%d canaries in a dump", n)
	}
	if n := sampled(); n > 0 {
		t.Errorf("%d canaries in the statistics", n)
	}
	if n := counted(inFolder(t, backups, ""), words) + counted(inFolder(t, dir, ""), words); n > 0 {
		t.Errorf("%d canaries in backups or the data folder", n)
	}
	psql("VACUUM FULL str, ident, dict, uri, comp, tok, item, pg_statistic")
	psql("CHECKPOINT")
	if n := stored(); n > 0 {
		t.Errorf("%d canaries in the files of the server: %s", n, where(t, filepath.Join(c.Dir(), "data"), words))
	}
}

// counted counts the words in a text, as they are or in the hexadecimal digits of a dump.
func counted(text []byte, words []string) (n int) {
	for _, w := range words {
		if bytes.Contains(text, []byte(w)) || bytes.Contains(text, []byte(hex.EncodeToString([]byte(w)))) {
			n++
		}
	}
	return n
}

// inFolder returns the content of all files, but for those of one folder.
func inFolder(t *testing.T, folder, but string) (out []byte) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == but {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, b...)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	return out
}

// where names the files that hold words, and how many.
func where(t *testing.T, folder string, words []string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "pg_wal" {
			return filepath.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if n := counted(b, words); n > 0 {
			fmt.Fprintf(&out, "%s %d; ", path, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
