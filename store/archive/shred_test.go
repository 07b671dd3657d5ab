package archive

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
)

// TestShreddedPatientIsInNoFileAndNoBackup writes 1,000 canaries in every place that a store has
// for a patient's words, backs up, shreds, and backs up again. Before the shred no canary stands in
// clear in any file (H4). After it, whoever has the data folder, all backups that were ever made,
// the key file and the identity that opens the backups finds none of them: not in a file, not in
// what the identity decrypts, not in a record that is restored, of before the shred or after it.
func TestShreddedPatientIsInNoFileAndNoBackup(t *testing.T) {
	ctx, dir, backups := context.Background(), t.TempDir(), t.TempDir()
	place, err := bucket.Open(backups)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := Recipients(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Identities(strings.NewReader(id.String()))
	if err != nil {
		t.Fatal(err)
	}
	now := clock.NewManual(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Bystander(ctx, s); err != nil {
		t.Fatal(err)
	}
	backup := func() {
		t.Helper()
		now.Advance(time.Hour)
		if _, err := (Backup{Store: s, Keys: ring, To: place, Lock: lock, Clock: now}).Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	words, err := storetest.Canaries(ctx, s, "p", 500)
	if err != nil {
		t.Fatal(err)
	}
	backup()
	more, err := storetest.Canaries(ctx, s, "r", 500)
	if err != nil {
		t.Fatal(err)
	}
	words = append(words, more...)
	backup()
	before, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	clear := func(when string) {
		t.Helper()
		for _, folder := range []string{dir, backups} {
			for path, content := range files(t, folder) {
				if n := count(content, words); n > 0 {
					t.Errorf("%s: %d canaries in clear in %s", when, n, path)
				}
			}
		}
	}
	clear("before the shred")
	// The look is not blind: with the keys of the patients, the backups can be read.
	if n := restored(t, place, keys, 0, words); n < 200 { // those in bodies, items and leaves; a backup has no index
		t.Fatalf("%d canaries come back before the shred", n)
	}
	for _, patient := range []string{"p", "r"} {
		if _, err := s.Shred(ctx, patient, storetest.ShredLeaf(patient)); err != nil {
			t.Fatal(err)
		}
	}
	backup()
	clear("after the shred")
	opened := 0
	for path, content := range files(t, backups) {
		if !strings.HasSuffix(path, segmentEnd) {
			continue
		}
		opened++
		if n := count(unlocked(t, content, id, !strings.Contains(path, keysAt)), words); n > 0 {
			t.Errorf("%d canaries in %s, decrypted with the identity", n, path)
		}
	}
	if opened != 4 { // three segments and the keys
		t.Errorf("%d objects were decrypted", opened)
	}
	for _, at := range []store.T{0, before} {
		if n := restored(t, place, keys, at, words); n > 0 {
			t.Errorf("%d canaries come back in a record restored as of %d", n, at)
		}
	}
	problems := 0
	if _, err := s.Verify(ctx, func(p string) { problems++; t.Error(p) }); err != nil || problems > 0 {
		t.Errorf("the record does not verify: %v", err)
	}
	s.Close()
	clear("after the record is closed")
}

func files(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

func count(text []byte, words []string) (n int) {
	for _, w := range words {
		if bytes.Contains(text, []byte(w)) {
			n++
		}
	}
	return n
}

// unlocked returns what the identity opens, and decompresses.
func unlocked(t *testing.T, content []byte, id age.Identity, packed bool) []byte {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(content), id)
	if err != nil {
		t.Fatal(err)
	}
	if packed {
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// restored restores the newest set, as of a commit, and counts the words that the record tells.
func restored(t *testing.T, place bucket.Bucket, keys Keys, at store.T, words []string) int {
	t.Helper()
	ctx := context.Background()
	var s *sqlite.Store
	_, err := Restore{From: place, Keys: keys, At: at, Extract: func(string, []byte) ([]search.Entry, error) { return nil, nil },
		Open: func(ctx context.Context, origin string, ring seal.Keyring) (store.Moving, error) {
			var err error
			s, err = sqlite.Open(ctx, t.TempDir(), sqlite.Options{Keyring: ring, Clock: clock.System{}, Origin: origin})
			return s, err
		}}.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Verify(ctx, func(p string) { t.Errorf("restored as of %d: %s", at, p) }); err != nil {
		t.Error(err)
	}
	var all bytes.Buffer
	list, err := s.History(ctx, store.HistoryFilter{Count: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		all.Write(v.Body)
	}
	if _, err := s.AllItems(ctx, func(it store.Item) error {
		all.WriteString(it.Key + it.Owner)
		all.Write(it.Value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	leaves, err := s.Leaves(ctx, store.LeafFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves {
		all.WriteString(l.Leaf.Query + l.Leaf.Reason + l.Leaf.Name)
	}
	return count(all.Bytes(), words)
}
