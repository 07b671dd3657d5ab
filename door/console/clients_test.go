package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWellKnownClients runs unmodified FHIR clients of others (tools/clients) against the
// program. `make needs` fetches them where npm is; elsewhere this is not tested.
func TestWellKnownClients(t *testing.T) {
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.FromSlash("../../tools/clients/node_modules/fhirclient")); err != nil || missing != nil {
		t.Skip("NOT TESTED: the clients of tools/clients are not installed")
	}
	dir, token := prepared(t)
	s := start(t, dir)
	defer s.kill()
	cmd := exec.Command(node, "run.mjs")
	cmd.Dir = "../../tools/clients"
	cmd.Env = append(os.Environ(), "OSLER_URL="+s.base, "OSLER_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, client := range []string{"fhirclient", "fhir-kit-client", "@medplum/core"} {
		if !strings.Contains(string(out), "ok "+client) {
			t.Errorf("%s did not run:\n%s", client, out)
		}
	}
}
