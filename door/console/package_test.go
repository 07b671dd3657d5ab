package console

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/sample"
)

func TestPackageImportFromTheConsole(t *testing.T) {
	guide := filepath.Join(sample.Dir(t, "packages", 3), "hl7.fhir.uv.ips-1.1.0.tgz")
	dir := filepath.Join(t.TempDir(), "record")
	run := func(want int, args ...string) string {
		t.Helper()
		var out, err bytes.Buffer
		p := &Program{Clock: clock.System{}, Out: &out, Err: &err}
		if code := p.Run(t.Context(), append([]string{"package", "import", "--data", dir}, args...)); code != want {
			t.Fatalf("status %d, want %d: %s %s", code, want, out.String(), err.String())
		}
		return out.String() + err.String()
	}
	bad := filepath.Join(t.TempDir(), "bad.tgz")
	if err := os.WriteFile(bad, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := run(1, bad); !strings.Contains(said, "not a FHIR package") {
		t.Error(said)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a record was made for a file that is no package")
	}
	if said := run(0, guide); !strings.Contains(said, "StructureDefinition             36") || !strings.Contains(said, "103 stored") {
		t.Error(said)
	}
	if said := run(0, guide); !strings.Contains(said, "0 stored, 0 updated, 103 there already, 0 problems") {
		t.Error(said)
	}
}
