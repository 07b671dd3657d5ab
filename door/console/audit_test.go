package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheLogIsVerifiedElsewhere: the log, and the part of one patient, leave as files; another
// machine verifies them with the key alone, sees what was changed, and that the log goes on from
// a checkpoint that was kept.
func TestTheLogIsVerifiedElsewhere(t *testing.T) {
	data, out := filepath.Join(t.TempDir(), "record"), t.TempDir()
	must(t, "import", "--data", data, patients(t, out, 0, 3))
	kept := filepath.Join(out, "kept")
	notes, err := os.ReadFile(filepath.Join(data, "checkpoints.log"))
	if err != nil || os.WriteFile(kept, notes, 0o600) != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, patients(t, out, 10, 3))
	key := strings.TrimSpace(must(t, "audit", "key", "--data", data))
	whole, part := filepath.Join(out, "whole.ndjson"), filepath.Join(out, "part.ndjson")
	must(t, "audit", "export", "--data", data, "-o", whole)
	must(t, "audit", "export", "--data", data, "-o", part, "--patient", "p11", "--since", kept)
	if err := os.RemoveAll(data); err != nil { // the record is elsewhere
		t.Fatal(err)
	}
	for _, file := range []string{whole, part} {
		if said := must(t, "audit", "verify", file, "--vkey", key, "--from", kept); !strings.Contains(said, "The file verifies") {
			t.Errorf("%s: %s", file, said)
		}
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(out, "forged.ndjson")
	if err := os.WriteFile(forged, []byte(strings.Replace(string(content), `"actor":"system:import"`, `"actor":"system:impost"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := run(t, "audit", "verify", forged, "--vkey", key); code != 1 || !strings.Contains(said, "are not those of the checkpoint") {
		t.Errorf("a forged file: %d, %s", code, said)
	}
	if code, said := run(t, "audit", "verify", whole); code != 1 || !strings.Contains(said, "give --vkey") {
		t.Errorf("without a key: %d, %s", code, said)
	}
	if code, said := run(t, "audit", "verify"); code != 1 || !strings.Contains(said, "--data") {
		t.Errorf("without anything: %d, %s", code, said)
	}
}
