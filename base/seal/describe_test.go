package seal_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// TestAnEnvelopeTellsWhatOpensTheRecord: what it tells changes with the key, and not with anything else.
func TestAnEnvelopeTellsWhatOpensTheRecord(t *testing.T) {
	dir := t.TempDir()
	if _, err := seal.Describe(dir); !fault.Is(err, fault.Unavailable) {
		t.Errorf("an empty folder: %v", err)
	}
	keys, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	first, err := seal.Describe(dir)
	if err != nil || first.Kind != seal.ByKeyFile || first.Mark == "" || !first.Sheets.IsZero() {
		t.Fatalf("%+v, %v", first, err)
	}
	made := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	if _, err := seal.MakeSheets(dir, keys, made); err != nil {
		t.Fatal(err)
	}
	if e, err := seal.Describe(dir); err != nil || e.Mark != first.Mark || !e.Sheets.Equal(made) {
		t.Errorf("with sheets: %+v, %v", e, err)
	}
	if err := seal.Reenclose(dir, seal.Passphrase("seven quiet rivers run"), keys); err != nil {
		t.Fatal(err)
	}
	if e, err := seal.Describe(dir); err != nil || e.Kind != seal.ByPassphrase || e.Mark == first.Mark || !e.Sheets.Equal(made) {
		t.Errorf("with a passphrase: %+v, %v", e, err)
	}
	if err := os.WriteFile(filepath.Join(dir, seal.File), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Describe(dir); !fault.Is(err, fault.Invalid) {
		t.Errorf("a damaged one: %v", err)
	}
}
