package archive_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/sqlite"
)

var update = flag.Bool("update", false, "make the fixture of the present format in testdata; those of older ones stay as they are")

// present is the folder of the present format: a new one comes beside it, and all are restored.
const present = "testdata/format-1"

// TestEveryFormatIsRestored restores a backup of each format that a program has ever written.
func TestEveryFormatIsRestored(t *testing.T) {
	if *update {
		makeFixture(t)
	}
	formats, err := filepath.Glob("testdata/format-*")
	if err != nil || len(formats) == 0 {
		t.Fatalf("there are no fixtures: %v", err)
	}
	for _, dir := range formats {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, "want.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want fixture
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(filepath.Join(dir, "identity.txt"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			keys, err := archive.Identities(f)
			if err != nil {
				t.Fatal(err)
			}
			copied := t.TempDir() // a bucket makes its folder
			if err := os.CopyFS(copied, os.DirFS(filepath.Join(dir, "place"))); err != nil {
				t.Fatal(err)
			}
			place, err := bucket.Open(copied)
			if err != nil {
				t.Fatal(err)
			}
			var s *sqlite.Store
			p, err := archive.Restore{From: place, Keys: keys, Extract: extract, Open: func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error) {
				var err error
				s, err = sqlite.Open(ctx, t.TempDir(), sqlite.Options{Keyring: keys, Clock: clock.NewManual(want.Proof.Made), Origin: origin})
				return s, err
			}}.Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if p.Last, p.Made = p.Last.UTC(), p.Made.UTC(); !reflect.DeepEqual(p, want.Proof) {
				t.Errorf("proof %+v, want %+v", p, want.Proof)
			}
			if got := canonical(t, s, 0); got != want.Record {
				t.Errorf("the record is\n%s\nwant\n%s", got, want.Record)
			}
			if got := strings.ReplaceAll(fmt.Sprintf("%+v", items(t, s)), " Patient: ", " "); got != want.Items {
				t.Errorf("the items are %s, want %s", got, want.Items)
			}
			if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// fixture is what has to come out of a backup.
type fixture struct {
	Proof         archive.Proof
	Record, Items string
}

func makeFixture(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if w.lock, err = archive.Recipients(id.Recipient().String()); err != nil {
		t.Fatal(err)
	}
	w.path = filepath.Join(present, "place")
	if err := os.RemoveAll(present); err != nil {
		t.Fatal(err)
	}
	if w.place, err = bucket.Open(w.path); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.write(8)
		w.backup()
	}
	if err := os.WriteFile(filepath.Join(present, "identity.txt"), []byte("# opens the invented record beside it\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(present, "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if w.keys, err = archive.Identities(f); err != nil {
		t.Fatal(err)
	}
	s, p, err := w.restore(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.equal(s, w.now())
	text, err := json.MarshalIndent(fixture{p, canonical(t, w.store, 0), fmt.Sprintf("%+v", items(t, w.store))}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(present, "want.json"), append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
