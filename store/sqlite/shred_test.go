package sqlite_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/store/storetest"
)

// TestShredLeavesNoCanaryInDecryptedPages looks below SQLite: whoever has the key of the database
// finds nothing of a shredded patient in any page, free ones included, nor in the write-ahead
// log. Before the shred the same look finds them.
func TestShredLeavesNoCanaryInDecryptedPages(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	o := optionsOf(t, dir)
	s := open(t, dir)
	if err := storetest.Bystander(ctx, s); err != nil {
		t.Fatal(err)
	}
	words, err := storetest.Canaries(ctx, s, "p", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "upgrades", "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		text, n := decrypted(t, dir, o.Keyring.Key("database")), 0
		for _, w := range words {
			if bytes.Contains(text, []byte(w)) {
				n++
			}
		}
		return n
	}
	s.Close()
	if found := count(); found < 300 { // index, dictionary and item keys; bodies are sealed anyway
		t.Fatalf("%d canaries are seen before: the look is blind", found)
	}
	s = open(t, dir)
	if _, err := s.Shred(ctx, "p", storetest.ShredLeaf("p")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "record.db-wal")); err == nil && info.Size() > 0 {
		t.Errorf("the write-ahead log has %d bytes after a shred", info.Size())
	}
	if found := count(); found > 0 {
		t.Errorf("%d canaries are left while the record is open", found)
	}
	s.Close()
	if found := count(); found > 0 {
		t.Errorf("%d canaries are left after the record is closed", found)
	}
	if _, err := os.Stat(filepath.Join(dir, "upgrades")); err == nil {
		t.Error("the copies from before upgrades are still there")
	}
}

// decrypted returns record.db as SQLite sees it, and all other files as they are.
func decrypted(t *testing.T, dir string, key []byte) []byte {
	t.Helper()
	files := sealed.New(vfs.Find(""), key)
	file, err := os.ReadFile(filepath.Join(dir, "record.db"))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for no := int64(0); (no+1)*sealed.PageSize <= int64(len(file)); no++ {
		if plain, ok := files.Plain(file[no*sealed.PageSize:(no+1)*sealed.PageSize], no); ok {
			out = append(out, plain...)
		}
	}
	if len(out) < sealed.PageSize {
		t.Fatal("no page opens")
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if content, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			out = append(out, content...)
		}
	}
	return out
}
