package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

func TestSealedValueOpensOnlyUnchanged(t *testing.T) {
	key := bytes.Repeat([]byte{7}, seal.KeySize)
	sealed, err := seal.Seal(key, []byte("blood pressure"), []byte("here"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := seal.Open(key, sealed, []byte("here")); err != nil || string(plain) != "blood pressure" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if _, err := seal.Open(key, sealed, []byte("there")); !fault.Is(err, fault.Invalid) {
		t.Errorf("another context: %v", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := seal.Open(key, bad, []byte("here")); !fault.Is(err, fault.Invalid) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, err := seal.Open(key, nil, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("empty: %v", err)
	}
	if _, err := seal.Seal([]byte("short"), nil, nil); err == nil {
		t.Error("a short key was accepted")
	}
}

func TestKeyringOpensAgainWithTheSameKeyOnly(t *testing.T) {
	for _, c := range []struct {
		name         string
		right, wrong func(dir string) seal.Source
		code         fault.Code
	}{
		{"key file", inDir("master.key"), otherKey, fault.Forbidden},
		{"missing key file", inDir("master.key"), inDir("absent.key"), fault.NotFound},
		{"passphrase", phrase("correct horse"), phrase("wrong horse"), fault.Forbidden},
		{"passphrase for a key file", inDir("master.key"), phrase("x"), fault.Forbidden},
		{"key file for a passphrase", phrase("x"), inDir("master.key"), fault.Forbidden},
		{"nothing", phrase("x"), func(string) seal.Source { return seal.Source{} }, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			first, err := seal.OpenKeyring(dir, c.right(dir))
			if err != nil {
				t.Fatal(err)
			}
			again, err := seal.OpenKeyring(dir, c.right(dir))
			if err != nil || !bytes.Equal(first.Key("database"), again.Key("database")) {
				t.Fatalf("second opening: %v", err)
			}
			if bytes.Equal(first.Key("database"), first.Key("session")) {
				t.Error("two uses share a key")
			}
			if got, err := seal.OpenKeyring(dir, c.wrong(dir)); !fault.Is(err, c.code) || got.Valid() {
				t.Errorf("wrong source: %v, want %s", err, c.code)
			}
		})
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := seal.OpenKeyring(dir, inDir("master.key")(dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"master.key", seal.File} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDamagedEnvelopeIsNamed(t *testing.T) {
	dir := t.TempDir()
	source := inDir("master.key")(dir)
	if _, err := seal.OpenKeyring(dir, source); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, seal.File)
	good, _ := os.ReadFile(path)
	for name, text := range map[string]string{
		"truncated":     string(good[:len(good)/2]),
		"empty":         "",
		"other format":  strings.Replace(string(good), "osler-keyring", "something", 1),
		"newer version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"other wrap":    strings.Replace(string(good), `"key-file"`, `"argon2id"`, 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenKeyring(dir, source); err == nil || fault.CodeOf(err) == fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func inDir(name string) func(string) seal.Source {
	return func(dir string) seal.Source { return seal.KeyFile(filepath.Join(dir, name)) }
}

func phrase(p string) func(string) seal.Source {
	return func(string) seal.Source { return seal.Passphrase(p) }
}

func otherKey(dir string) seal.Source {
	path := filepath.Join(dir, "other.key")
	os.WriteFile(path, []byte(strings.Repeat("ab", seal.KeySize)), 0o600)
	return seal.KeyFile(path)
}

func TestADataKeyMovesIntoAnotherEnvelope(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	ring, err := seal.OpenKeyring(from, seal.KeyFile(filepath.Join(from, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := seal.NewKeyring(ring.Secret())
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Enclose(to, seal.Passphrase("over there"), moved); err != nil {
		t.Fatal(err)
	}
	again, err := seal.OpenKeyring(to, seal.Passphrase("over there"))
	if err != nil || !bytes.Equal(again.Key("database"), ring.Key("database")) {
		t.Errorf("the moved key opens something else: %v", err)
	}
	if err := seal.Enclose(to, seal.Passphrase("over there"), moved); !fault.Is(err, fault.Conflict) {
		t.Errorf("over an envelope: %v, want conflict", err)
	}
	if _, err := seal.NewKeyring([]byte("short")); !fault.Is(err, fault.Invalid) {
		t.Errorf("a short key: %v", err)
	}
	if err := seal.Enclose(t.TempDir(), seal.Source{}, moved); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a source: %v", err)
	}
}
