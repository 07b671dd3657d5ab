package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
)

// twin opens a store in dir that has the keys and the name of another one.
func twin(t testing.TB, dir string, of store.Store, ofDir string) store.Store {
	t.Helper()
	for _, name := range []string{seal.File, "master.key"} {
		content, err := os.ReadFile(filepath.Join(ofDir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Clock: clock.NewManual(start), Readers: 2, Origin: of.Origin()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMove(t *testing.T) {
	storetest.Move(t, func(t testing.TB, dir string) store.Store { return open(t, dir) }, twin)
}

// BenchmarkMove moves commits of 200 resources, as an import leaves them, from store to store.
func BenchmarkMove(b *testing.B) {
	dir := b.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		b.Fatal(err)
	}
	from, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring})
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	index := map[string][]search.Entry{}
	const patients, each = 100, 200
	for i := range patients {
		var writes []store.Write
		for k := range each {
			w := observation(fmt.Sprintf("o-%d-%d", i, k), fmt.Sprint("p", i), 1, fmt.Sprint("c", k%40), start.AddDate(0, 0, k))
			index[string(w.Body)] = w.Index
			writes = append(writes, w)
		}
		commit(b, from, writes...)
	}
	for b.Loop() {
		to := twin(b, b.TempDir(), from, dir)
		for at := store.T(0); at < patients; {
			list, err := from.Commits(context.Background(), at, 20)
			if err == nil {
				err = to.Append(context.Background(), list, func(_ string, body []byte) ([]search.Entry, error) { return index[string(body)], nil })
			}
			if err != nil {
				b.Fatal(err)
			}
			at = list[len(list)-1].T
		}
		to.Close()
	}
	b.ReportMetric(float64(patients*each*b.N)/b.Elapsed().Seconds(), "resources/s")
}

func TestAnotherRecordDoesNotMoveIn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	commit(t, s, observation("o", "p", 1, "c", start))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]fault.Code{"osler/another": fault.Conflict, "another": fault.Invalid, "osler/": fault.Invalid} {
		if _, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Origin: origin}); !fault.Is(err, want) {
			t.Errorf("origin %q over a record: %v, want %s", origin, err, want)
		}
	}
	if _, err := sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Origin: s.Origin()}); err != nil {
		t.Errorf("with its own origin: %v", err)
	}
}
