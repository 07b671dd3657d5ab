package console

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestKeysAreLookedAfter: a record gets new keys, another way to be opened, sheets, and is opened by
// two of these when everything else is lost.
func TestKeysAreLookedAfter(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "record")
	must(t, "import", "--data", data, patients(t, dir, 0, 20))
	before := exported(t, data)
	if out := must(t, "key", "state", "--data", data); !strings.Contains(out, "Key-encryption key 1,") || !strings.Contains(out, "never been changed") {
		t.Errorf("%s", out)
	}
	if out := must(t, "key", "rotate", "--data", data); !strings.Contains(out, "Key-encryption key 2,") || !strings.Contains(out, "wraps 20 of 20") || !strings.Contains(out, "last changed") {
		t.Errorf("%s", out)
	}
	if got := exported(t, data); got != before {
		t.Error("after new keys the record is another one")
	}

	sheets := must(t, "key", "sheets", "--data", data)
	var read []string // the two lines of each
	for line := range strings.Lines(sheets) {
		if text, ok := strings.CutPrefix(line, "    "); ok {
			read = append(read, text)
		}
	}
	if len(read) != 6 {
		t.Fatalf("%d lines of sheets:\n%s", len(read), sheets)
	}
	recover := func(want int, lines []string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		p := &Program{Clock: clock.System{}, Out: &out, Err: &out, In: strings.NewReader(lines[0] + lines[1] + "\n" + lines[2] + lines[3] + "\n")}
		if code := p.Run(t.Context(), append([]string{"key", "recover", "--data", data}, args...)); code != want {
			t.Fatalf("%v: exit %d, %s", args, code, &out)
		}
		return out.String()
	}
	if out := recover(0, read[:4], "--try"); !strings.Contains(out, "open the record") {
		t.Errorf("%s", out)
	}

	elsewhere := filepath.Join(dir, "safe", "key")
	if out := must(t, "key", "change", "--data", data, "--new-key-file", elsewhere); !strings.Contains(out, elsewhere) {
		t.Errorf("%s", out)
	}
	if code, out := run(t, "key", "state", "--data", data); code != 1 || !strings.Contains(out, "does not open this record") {
		t.Errorf("with the old key: exit %d, %s", code, out)
	}
	must(t, "key", "state", "--data", data, "--key-file", elsewhere)

	if err := os.Remove(elsewhere); err != nil { // the fire
		t.Fatal(err)
	}
	if out := recover(1, []string{read[0], read[1], read[0], read[1]}, "--new-key-file", filepath.Join(dir, "third")); !strings.Contains(out, "same sheet twice") {
		t.Errorf("%s", out)
	}
	recover(0, read[2:], "--new-key-file", filepath.Join(dir, "third"))
	must(t, "audit", "verify", "--data", data, "--key-file", filepath.Join(dir, "third"))
	if code, out := run(t, "key", "change", "--data", data, "--key-file", filepath.Join(dir, "third")); code != 1 || !strings.Contains(out, "--new-key-file") {
		t.Errorf("without a new key: exit %d, %s", code, out)
	}
	if code, out := run(t, "key", "state", "--data", data, "--key-command", "/bin/false", "--key-service", "https://x/v1/transit/keys/y"); code != 1 || !strings.Contains(out, "Give one of") {
		t.Errorf("two keys: exit %d, %s", code, out)
	}
}

// TestAServerIsAskedForNewKeys: the keys of a folder that a server has open are changed by the server,
// for who can open the record, and for nobody else.
func TestAServerIsAskedForNewKeys(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "record")
	must(t, "import", "--data", data, patients(t, dir, 0, 20))
	var said printed
	_, stop := serves(t, &said, "serve", "--data", data, "--listen", "127.0.0.1:0")
	if err := os.WriteFile(filepath.Join(data, askFile), []byte("from somebody who can write here"), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(data, askFile)); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server does not look")
		}
	}
	if out := must(t, "key", "state", "--data", data); !strings.Contains(out, "Key-encryption key 1,") {
		t.Errorf("somebody without the key has the keys changed: %s", out)
	}
	if out := must(t, "key", "rotate", "--data", data); !strings.Contains(out, "is asked") {
		t.Errorf("%s", out)
	}
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if out := must(t, "key", "state", "--data", data); strings.Contains(out, "Key-encryption key 2,") && strings.Contains(out, "wraps 20 of 20") && strings.Contains(out, "last changed") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the keys are not changed: %s\n%s", out, &said)
		}
	}
	stop()
	must(t, "audit", "verify", "--data", data)

	// The server has noted what opens the record: once, however often it starts.
	_, stop = serves(t, &said, "serve", "--data", data, "--listen", "127.0.0.1:0")
	stop()
	keys, err := seal.OpenKeyring(data, seal.KeyFile(filepath.Join(data, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), data, sqlite.Options{Keyring: keys, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	noted, err := s.Leaves(t.Context(), store.LeafFilter{Where: func(l ledger.Leaf) bool { return strings.HasSuffix(l.Query, "did not know before: key-file") }})
	if err != nil || len(noted) != 1 {
		t.Errorf("what opens the record is noted %d times, %v", len(noted), err)
	}
}
