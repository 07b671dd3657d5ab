package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBreachedPasswordsOfTheOperator: a list that could find nothing stops the start before a record
// is made, and says which kind is needed.
func TestBreachedPasswordsOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	list, data := filepath.Join(dir, "list.txt"), filepath.Join(dir, "data")
	if err := os.WriteFile(list, []byte("password\n123456\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := run(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--breached-passwords", list)
	if code == 0 || !strings.Contains(out, "Have I Been Pwned") || strings.Contains(out, "123456") {
		t.Errorf("code %d: %s", code, out)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a record was made: %v", err)
	}
}
