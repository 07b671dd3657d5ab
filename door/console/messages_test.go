package console

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/clock"
)

// TestWhatGoesWrongIsSaid: each mistake ends with a status and a sentence that names the
// thing, and leaves no record behind where there was none.
func TestWhatGoesWrongIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "record")
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	words := regexp.MustCompile(`(invalid|not-found|conflict|unavailable|forbidden|internal|malformed|not-supported): `)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no command", nil, 2, "expected one of"},
		{"unknown command", []string{"bogus"}, 2, "bogus"},
		{"no folder", []string{"export", "--all"}, 2, "--data"},
		{"no record", []string{"audit", "verify", "--data", dir}, 1, "There is no record in " + dir},
		{"nothing to import", []string{"import", "--data", dir, filepath.Join(dir, "absent.json")}, 1, "There is nothing at"},
		{"half of TLS", []string{"serve", "--data", dir, "--cert", "x"}, 1, "--cert-key"},
		{"no certificate", []string{"serve", "--data", dir, "--cert", "x", "--cert-key", "y"}, 1, "certificate cannot be used"},
		{"no backup", []string{"restore", "--from", t.TempDir(), "--passphrase-file", passphrase, "--to", dir}, 1, ", and nothing was changed: There is no backup in this place."},
		{"a port that is taken", []string{"serve", "--data", dir, "--listen", taken.Addr().String()}, 1, "cannot be used (address already in use); choose another with --listen."},
		{"a port that is taken, for the demonstration", []string{"demo", "--data", dir, "--listen", taken.Addr().String()}, 1, "cannot be used (address already in use)"},
		{"no port", []string{"serve", "--data", dir, "--listen", "8080"}, 1, "host and a port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, said bytes.Buffer
			p := &Program{Clock: clock.System{}, Out: &out, Err: &said}
			if got := p.Run(t.Context(), c.args); got != c.status || !strings.Contains(said.String(), c.says) {
				t.Errorf("status %d: %s", got, said.String())
			}
			if word := words.FindString(said.String()); word != "" {
				t.Errorf("a word of programmers: %q in %s", word, said.String())
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("a record was made in %s", dir)
			}
		})
	}
}

// TestALostKeyringIsNotReplaced: a new one would open nothing.
func TestALostKeyringIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "record.db"), []byte("an encrypted database"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
	if got := p.Run(t.Context(), []string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}); got != 1 || !strings.Contains(said.String(), "Put that file back from a copy of the folder") {
		t.Errorf("status %d: %s", got, said.String())
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the folder was written to: %v", files)
	}
}
