package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust"
)

// run runs a command and returns what it printed.
func run(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = (&Program{Clock: clock.System{}, Out: &b, Err: &b}).Run(context.Background(), args)
	return code, b.String()
}

// must runs a command that has to end well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out := run(t, args...)
	if code != 0 {
		t.Fatalf("osler %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// patients writes an import file of n patients.
func patients(t *testing.T, dir string, from, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d","name":[{"family":"Family%d"}]}`+"\n", from+i, from+i)
	}
	// A scanned letter, whose content lies outside of the record.
	fmt.Fprintf(&b, `{"resourceType":"Binary","id":"letter%d","contentType":"application/pdf","data":"%s"}`+"\n", from, strings.Repeat(fmt.Sprintf("L%03d", from), 30_000))
	name := filepath.Join(dir, fmt.Sprintf("patients-%d.ndjson", from))
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// exported is the record as NDJSON files.
func exported(t *testing.T, data string, more ...string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "all")
	must(t, append([]string{"export", "--data", data, "--all", "--to", to}, more...)...)
	files, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s", filepath.Base(f), b)
	}
	return all.String()
}

func TestBackupAndRestoreFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, place, identity := filepath.Join(dir, "record"), filepath.Join(dir, "backups"), filepath.Join(dir, "identity.txt")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(identity, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backup := func() string {
		return must(t, "backup", "--data", data, "--to", place, "--recipient", id.Recipient().String())
	}
	must(t, "import", "--data", data, patients(t, dir, 0, 30))
	if out := backup(); !strings.Contains(out, "Backed up: commits 1 to") || !strings.Contains(out, " 1 contents") {
		t.Errorf("%s", out)
	}
	if out := backup(); !strings.Contains(out, "Nothing was committed since") {
		t.Errorf("%s", out)
	}
	early := exported(t, data) // it is in the log, too
	must(t, "import", "--data", data, patients(t, dir, 30, 10))
	backup()
	late := exported(t, data)

	restored := filepath.Join(dir, "restored")
	if out := must(t, "restore", "--from", place, "--identity", identity, "--to", restored, "--verify"); !strings.Contains(out, "Proven:") || !strings.Contains(out, "Verified:") {
		t.Errorf("%s", out)
	}
	if got := exported(t, restored); got != late {
		t.Errorf("the restored record is not the one that was backed up")
	}
	must(t, "audit", "verify", "--data", restored)
	for _, c := range [][2]string{{"--set", "nope"}, {"--at", "1999-12-31T00:00:00Z"}} {
		if code, out := run(t, "restore", "--from", place, "--identity", identity, "--to", filepath.Join(dir, "none"), c[0], c[1]); code != 1 || !strings.Contains(out, "There is no set nope in this place. There is: 2") && !strings.Contains(out, "no commit by then; the first that the set has is of 2") {
			t.Errorf("%v: exit %d, %s", c, code, out)
		}
	}
	past := filepath.Join(dir, "past")
	out := must(t, "restore", "--from", place, "--identity", identity, "--to", past, "--at", "4") // the founding, its labels and the place of contents, then the first import
	if !strings.Contains(out, "Left out: "+beyond(t, place, 4)) {
		t.Errorf("what was left out: %s", out)
	}
	if got := exported(t, past); got != early || got == late {
		t.Errorf("as of commit 2 the record is\n%s", got)
	}
	if out := must(t, "restore", "--from", place, "--identity", identity, "--drill"); !strings.Contains(out, "It was a drill") {
		t.Errorf("%s", out)
	}

	// What is in the place of a record stays: it is refused, or put aside.
	code := 0
	code, out = run(t, "restore", "--from", place, "--identity", identity, "--to", data)
	if code != 1 || !strings.Contains(out, "--replace") {
		t.Errorf("over a record: exit %d, %s", code, out)
	}
	if err := os.Truncate(firstOf(t, place, "*/000002-*.age"), 100); err != nil {
		t.Fatal(err)
	}
	code, out = run(t, "restore", "--from", place, "--identity", identity, "--to", data, "--replace")
	if got := exported(t, data); code != 1 || !strings.Contains(out, "nothing was changed") || !strings.Contains(out, "000002-") || got != late {
		t.Errorf("a damaged backup over a record: exit %d, %s", code, out)
	}
	if out := must(t, "restore", "--from", place, "--identity", identity, "--to", data, "--replace", "--at", "1"); !strings.Contains(out, "is in "+data+".replaced-") {
		t.Errorf("%s", out)
	}
	old := firstOf(t, dir, "record.replaced-*")
	if got := exported(t, old); got != late {
		t.Errorf("the record that was put aside is not what it was")
	}
	// An older state is seen by who kept a checkpoint of the later one, however long it goes on.
	notes := filepath.Join(old, "checkpoints.log")
	if out := must(t, "audit", "verify", "--data", old, "--checkpoints", notes); !strings.Contains(out, "It goes on from all of") {
		t.Errorf("%s", out)
	}
	for range 2 {
		must(t, "audit", "verify", "--data", data) // by itself it is whole
		if code, out := run(t, "audit", "verify", "--data", data, "--checkpoints", notes); code != 1 || !strings.Contains(out, "an older state of the record was put back") && !strings.Contains(out, "entries are others") {
			t.Errorf("the record was put back, and the checkpoints fit: exit %d, %s", code, out)
		}
		must(t, "import", "--data", data, patients(t, dir, 100, 20))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.restoring-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestABackupThatLacksContentsIsMadeAndSaysSo: it is better than none, but no success.
func TestABackupThatLacksContentsIsMadeAndSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, place, passphrase := filepath.Join(dir, "record"), filepath.Join(dir, "backups"), filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	letters := filepath.Join(dir, "letters.ndjson")
	if err := os.WriteFile(letters, []byte(`{"resourceType":"Patient","id":"p0"}
{"resourceType":"DocumentReference","id":"d0","status":"current","subject":{"reference":"Patient/p0"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+strings.Repeat("L000", 30_000)+`"}}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, letters)
	files, err := filepath.Glob(filepath.Join(data, "contents", "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("contents: %v %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is new
		code, out := run(t, "backup", "--data", data, "--to", place, "--passphrase-file", passphrase)
		if code != 3 || !strings.Contains(out, "contents of 1 attachment. ") || !strings.Contains(out, filepath.Base(files[0])) {
			t.Errorf("exit %d, %s", code, out)
		}
	}
	restored := filepath.Join(dir, "restored")
	for _, to := range [][]string{{"--to", restored}, {"--drill"}, {"--verify", "--to", filepath.Join(dir, "verified")}} {
		code, out := run(t, append([]string{"restore", "--from", place, "--passphrase-file", passphrase}, to...)...)
		if to[0] == "--verify" && (!strings.Contains(out, "every content that the backup holds") || !strings.Contains(out, "lost before the backup was made: The file ") || !strings.Contains(out, "DocumentReference/")) {
			t.Errorf("what was lost before is not told as such: %s", out)
		}
		if code != 3 || !strings.Contains(out, "Proven:") || !strings.Contains(out, "contents of 1 attachment. ") {
			t.Errorf("restore %q: exit %d, %s", to, code, out)
		}
	}
	if _, err := os.Stat(filepath.Join(restored, "record.db")); err != nil {
		t.Errorf("all else was not restored: %v", err)
	}
	ends := func(want int, args ...string) string {
		t.Helper()
		code, out := run(t, args...)
		if code != want {
			t.Errorf("%q: exit %d, %s", args, code, out)
		}
		return out
	}
	// An export ends where data is missing and says which file; on request it goes on and names it.
	to := filepath.Join(dir, "all")
	name := filepath.Base(files[0])
	if out := ends(1, "export", "--data", data, "--all", "--to", to); !strings.Contains(out, name) || !strings.Contains(out, "--without-lost") {
		t.Errorf("an export of a record that lacks data: %s", out)
	}
	to += "-but"
	if out := ends(3, "export", "--data", data, "--all", "--without-lost", "--to", to); !strings.Contains(out, name) {
		t.Errorf("an export without what is lost: %s", out)
	}
	if told, err := os.ReadFile(filepath.Join(to, "OperationOutcome.ndjson")); err != nil || !strings.Contains(string(told), name) || !strings.Contains(string(told), "DocumentReference/") {
		t.Errorf("what is missing in it: %s %v", told, err)
	}
	// A move brings all else, too, and what it has brought can be used.
	copied := filepath.Join(dir, "copied")
	if out := ends(3, "store", "copy", "--from", data, "--to", copied); !strings.Contains(out, name) || !strings.Contains(out, "All else was copied") {
		t.Errorf("a move without what is lost: %s", out)
	}
	ends(3, "export", "--data", copied, "--all", "--without-lost", "--to", to+"-copied")
	one := filepath.Join(dir, "one.json")
	ends(1, "export", "--data", data, "--patient", "p0", "--to", one)
	if _, err := os.Stat(one); err == nil {
		t.Error("half of a patient's record is left")
	}
	ends(3, "export", "--data", data, "--patient", "p0", "--without-lost", "--to", one)
	if whole, err := os.ReadFile(one); err != nil || !strings.Contains(string(whole), `"resourceType":"OperationOutcome"`) {
		t.Errorf("a patient's record does not say what it lacks: %v", err)
	}
}

// TestABackupSaysWhatTheRecordHasLostSince: the backup is whole, and the record is not.
func TestABackupSaysWhatTheRecordHasLostSince(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, place, passphrase := filepath.Join(dir, "record"), filepath.Join(dir, "backups"), filepath.Join(dir, "passphrase")
	letter := func(id, data string) string {
		return `{"resourceType":"DocumentReference","id":"` + id + `","status":"current","content":[{"attachment":{"contentType":"application/pdf","data":"` + strings.Repeat(data, 30_000) + `"}}]}`
	}
	letters := [2]string{filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json")}
	if err := errors.Join(os.WriteFile(passphrase, []byte("correct horse\n"), 0o600), os.WriteFile(letters[0], []byte(letter("d0", "L000")), 0o600),
		os.WriteFile(letters[1], []byte(letter("d1", "M000")), 0o600)); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, letters[0])
	backup := []string{"backup", "--data", data, "--to", place, "--passphrase-file", passphrase}
	must(t, backup...)
	files, err := filepath.Glob(filepath.Join(data, "contents", "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("contents: %v %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	name := "contents/" + filepath.Base(filepath.Dir(files[0])) + "/" + filepath.Base(files[0])
	says := func(way string, more ...string) {
		t.Helper()
		if code, out := run(t, append(backup, more...)...); code != 3 || !strings.Contains(out, "the place of the backup has it: the file "+name) || !strings.Contains(out, "The backup is whole") {
			t.Errorf("%s: exit %d, %s", way, code, out)
		}
	}
	says("nothing new")
	must(t, "import", "--data", data, letters[1])
	says("added to")
	says("anew", "--full")
	if out := must(t, "restore", "--from", place, "--passphrase-file", passphrase, "--to", filepath.Join(dir, "restored"), "--verify"); !strings.Contains(out, "Proven:") {
		t.Errorf("the backup is not whole: %s", out)
	}
	// As it says, it comes back.
	back, err := os.ReadFile(filepath.Join(place, name))
	if err == nil {
		err = os.WriteFile(files[0], back, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	must(t, backup...)
}

// TestAPlaceInTheRecordIsRefused: what takes the record would take its backups.
func TestAPlaceInTheRecordIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, link := filepath.Join(dir, "record"), filepath.Join(dir, "link")
	out := must(t, "import", "--data", data, patients(t, dir, 0, 1))
	if !strings.Contains(out, "a new one was made") {
		t.Errorf("a record is made without a word: %s", out)
	}
	if out := must(t, "import", "--data", data, patients(t, dir, 0, 1)); strings.Contains(out, "a new one was made") || !strings.Contains(out, "skipped, as an earlier import finished it") {
		t.Errorf("the second import: %s", out)
	}
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{data, filepath.Join(data, "contents"), filepath.Join(data, "new", "place"), filepath.Join(link, "place")} {
		for _, args := range [][]string{{"backup", "--to", to, "--recipient"}, {"serve", "--listen", "127.0.0.1:0", "--backup-to", to, "--backup-recipient"}} {
			code, out := run(t, append(args, "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "--data", data)...)
			if code != 1 || !strings.Contains(out, "lies in the folder of the record") {
				t.Errorf("%s to %s: exit %d, %s", args[0], to, code, out)
			}
		}
	}
	if err := apart(data+"-backups", data); err != nil {
		t.Errorf("beside the record: %v", err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"store", "copy", "--from", data, "--to", link}, "the same store"},
		{[]string{"restore", "--from", filepath.Join(dir, "nowhere"), "--drill", "--identity"}, "There is no folder " + filepath.Join(dir, "nowhere")},
		{[]string{"restore", "--from", t.TempDir(), "--drill", "--identity"}, "Nothing was restored from "},
		{[]string{"export", "--all", "--data", data, "--to", "/proc/nowhere/x"}, "The folder /proc/nowhere/x cannot be made"},
	} {
		if c.args[0] == "restore" {
			identity := filepath.Join(dir, "identity.txt")
			if _, err := os.Stat(identity); err != nil {
				must(t, "backup", "key", identity)
			}
			c.args = append(c.args, identity)
		}
		if code, out := run(t, c.args...); code != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%q: exit %d, %s", c.args, code, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a restore makes the place that it does not find")
	}
}

// beyond says how many commits a place has behind one, in all of its newest set.
func beyond(t *testing.T, place string, at int) string {
	t.Helper()
	last := 0
	list, _ := filepath.Glob(filepath.Join(place, "*", "*.json"))
	for _, name := range list {
		var m struct{ To int }
		if b, err := os.ReadFile(name); err != nil || json.Unmarshal(b, &m) != nil {
			t.Fatal(name, err)
		}
		last = max(last, m.To)
	}
	return fmt.Sprintf("%d commits behind it", last-at)
}

func firstOf(t *testing.T, dir, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("there is no %s: %v", pattern, err)
	}
	return list[0]
}

func TestARecordIsCopiedToAnotherFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, copied := filepath.Join(dir, "record"), filepath.Join(dir, "copy")
	must(t, "import", "--data", data, patients(t, dir, 0, 20))
	for range 2 {
		if out := must(t, "store", "copy", "--from", data, "--to", copied); !strings.Contains(out, "Copied and compared") || !strings.Contains(out, " contents") {
			t.Errorf("%s", out)
		}
		if got, want := exported(t, copied), exported(t, data); got != want {
			t.Errorf("the copy is another record")
		}
		must(t, "import", "--data", data, patients(t, dir, 20, 5))
		os.RemoveAll(copied) // exporting has written into its log, so that it went its own way
	}
	must(t, "import", "--data", copied, patients(t, dir, 0, 1))
	if code, out := run(t, "store", "copy", "--from", data, "--to", copied); code != 1 || !strings.Contains(out, "another record") {
		t.Errorf("onto another record: exit %d, %s", code, out)
	}
}

// TestAnotherPlaceOfContentsIsRefused: it would show charts without their scans.
func TestAnotherPlaceOfContentsIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, contents := filepath.Join(dir, "record"), filepath.Join(dir, "contents")
	must(t, "import", "--data", data, "--contents", contents, patients(t, dir, 0, 2))
	for _, more := range [][]string{{"import", patients(t, dir, 2, 1)}, {"audit", "verify"}} {
		if code, out := run(t, append(more, "--data", data)...); code != 1 || !strings.Contains(out, "not the place of this record's contents") {
			t.Errorf("%v: exit %d, %s", more, code, out)
		}
	}
	must(t, "audit", "verify", "--data", data, "--contents", contents)
}

// TestAServerBacksItselfUp: a server makes a backup and a drill when it starts; the owner's
// identity opens what it made.
func TestAServerBacksItselfUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, place, identity := filepath.Join(dir, "record"), filepath.Join(dir, "backups"), filepath.Join(dir, "identity.txt")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(identity, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--backup-to", place}, "needs a recipient"},
		{[]string{"--backup-recipient", id.Recipient().String()}, "--backup-to"},
		{[]string{"--backup-to", place, "--backup-recipient", id.String()}, "AGE-SECRET-KEY-…"},
		{[]string{"--backup-to", place, "--backup-recipient", id.Recipient().String(), "--backup-every", "1s"}, "too often"},
	} {
		code, out := run(t, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, c.args...)...)
		if code != 1 || !strings.Contains(out, c.want) || strings.Contains(out, id.String()) {
			t.Errorf("%q: exit %d, %s", c.args, code, out)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a record was made for a server that does not start")
	}
	must(t, "import", "--data", data, patients(t, dir, 0, 10))
	if err := os.Mkdir(filepath.Join(data, "drill-left"), 0o700); err != nil { // by one that was killed
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan string)
	var said bytes.Buffer
	go func() {
		p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
		code := p.Run(ctx, []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--backup-to", place, "--backup-recipient", id.Recipient().String()})
		done <- fmt.Sprint(code)
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left, _ := filepath.Glob(filepath.Join(data, "drill-*"))
		made, _ := filepath.Glob(filepath.Join(place, "*", "*.json"))
		if len(made) > 0 && len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("made %v, left %v", made, left)
		}
	}
	// From outside, while it serves: by another process, as from a shell.
	byHand := filepath.Join(dir, "by-hand")
	out, err := exec.Command(binary(t), "backup", "--data", data, "--to", byHand, "--recipient", id.Recipient().String()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Backed up: commits 1 to") {
		t.Errorf("a backup beside the server: %v: %s", err, out)
	}
	// The page Safety shows it.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(data, noteFile)); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server does not hear of a backup by hand")
		}
	}
	if out := must(t, "restore", "--from", byHand, "--identity", identity, "--drill"); !strings.Contains(out, "Verified:") {
		t.Errorf("%s", out)
	}
	stop()
	if code := <-done; code != "0" {
		t.Fatalf("exit %s: %s", code, said.String())
	}
	if hand := backedUpByHand(t, "--data", data); hand.Place != byHand || hand.T == 0 {
		t.Errorf("the record knows of the backup by hand: %+v", hand)
	}
	restored := filepath.Join(dir, "restored")
	must(t, "restore", "--from", place, "--identity", identity, "--to", restored, "--verify")
	if got, want := exported(t, restored), exported(t, data); got != want {
		t.Error("what the server has backed up is another record")
	}
}

// backedUpByHand is what a record that nobody serves knows of the last backup by hand.
func backedUpByHand(t *testing.T, flags ...string) record.ByHand {
	t.Helper()
	d := dataFlags{Data: flags[1]}
	if len(flags) > 2 {
		d.Database = flags[3]
	}
	h, err := (&Program{Clock: clock.System{}}).open(t.Context(), d, false)
	if err != nil {
		t.Fatal(err)
	}
	defer h.store.Close()
	s, err := h.gate.As(trust.Principal{ID: "a", Name: "Admin", Role: trust.Administrator}, "test").Safety(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.ByHand
}

// TestAnIdentityIsMade: osler backup key makes what locks and opens backups, for its owner alone, and
// never in the place of another one.
func TestAnIdentityIsMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, place, identity := filepath.Join(dir, "record"), filepath.Join(dir, "backups"), filepath.Join(dir, "identity.txt")
	var out, said bytes.Buffer
	if code := (&Program{Clock: clock.System{}, Out: &out, Err: &said}).Run(t.Context(), []string{"backup", "key", identity}); code != 0 {
		t.Fatalf("exit %d: %s", code, said.String())
	}
	recipient := strings.TrimSpace(out.String())
	made, err := os.ReadFile(identity)
	info, _ := os.Stat(identity)
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(made), "AGE-SECRET-KEY-1") || !strings.Contains(said.String(), "without it nobody can") || strings.Contains(said.String(), "SECRET") {
		t.Errorf("%v %v %s", err, info.Mode(), said.String())
	}
	must(t, "import", "--data", data, patients(t, dir, 0, 3))
	must(t, "backup", "--data", data, "--to", place, "--recipient", recipient)
	must(t, "restore", "--from", place, "--identity", identity, "--drill")
	code, text := run(t, "backup", "key", identity)
	if again, _ := os.ReadFile(identity); code != 1 || !strings.Contains(text, "is there already") || !bytes.Equal(made, again) {
		t.Errorf("over another one: exit %d, %s", code, text)
	}
	if code, text := run(t, "backup", "--help"); code != 0 || !strings.Contains(text, "backup key") || !strings.Contains(text, "--recipient") {
		t.Errorf("exit %d, %s", code, text)
	}
}

// TestARecordInPostgreSQLIsBackedUpAndRestored: into a folder, and into an empty database.
func TestARecordInPostgreSQLIsBackedUpAndRestored(t *testing.T) {
	url := pgtest.Start(t).URL()
	dir := t.TempDir()
	keys, place, passphrase := filepath.Join(dir, "keys"), filepath.Join(dir, "backups"), filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", keys, "--database", url, patients(t, dir, 0, 30))
	must(t, "backup", "--data", keys, "--database", url, "--to", place, "--passphrase-file", passphrase)
	must(t, "import", "--data", keys, "--database", url, patients(t, dir, 30, 30))
	if out := must(t, "backup", "--data", keys, "--database", url, "--to", place, "--passphrase-file", passphrase); !strings.Contains(out, "/000002-") {
		t.Errorf("%s", out)
	}
	if hand := backedUpByHand(t, "--data", keys, "--database", url); hand.Place != place || hand.T == 0 {
		t.Errorf("the record knows of the backup: %+v", hand)
	}
	want := exported(t, keys, "--database", url)
	folder, other := filepath.Join(dir, "folder"), filepath.Join(dir, "other")
	must(t, "restore", "--from", place, "--passphrase-file", passphrase, "--to", folder, "--verify")
	if got := exported(t, folder); got != want {
		t.Error("the record in the folder is another one")
	}
	elsewhere := pgtest.Schema(t, url)
	must(t, "restore", "--from", place, "--passphrase-file", passphrase, "--to", other, "--database", elsewhere, "--verify")
	if got := exported(t, other, "--database", elsewhere); got != want {
		t.Error("the record in the other database is another one")
	}
	must(t, "audit", "verify", "--data", other, "--database", elsewhere)
	code, out := run(t, "restore", "--from", place, "--passphrase-file", passphrase, "--to", filepath.Join(dir, "third"), "--database", elsewhere)
	if code != 1 || !strings.Contains(out, "another record") && !strings.Contains(out, "holds a record already") {
		t.Errorf("into a database that is not empty: exit %d, %s", code, out)
	}
	// An empty folder gets no keys that open nothing.
	empty := filepath.Join(dir, "empty")
	code, out = run(t, "serve", "--listen", "127.0.0.1:0", "--data", empty, "--database", url)
	if left, _ := filepath.Glob(filepath.Join(dir, "empty*")); code != 1 || !strings.Contains(out, "does not open the record in this database") || len(left) > 0 {
		t.Errorf("another folder for a database: exit %d, left %v, %s", code, left, out)
	}
}

// TestACopyThatWasNotFinishedIsNotOpened: it would be worked in without what came last.
func TestACopyThatWasNotFinishedIsNotOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, copied, other := filepath.Join(dir, "record"), filepath.Join(dir, "copy"), filepath.Join(dir, "other")
	must(t, "import", "--data", data, patients(t, dir, 0, 20))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var said bytes.Buffer
	code := (&Program{Clock: clock.System{}, Out: &said, Err: &said}).Run(ctx, []string{"export", "--data", data, "--all", "--to", filepath.Join(dir, "all")})
	if text := said.String(); code != 1 || !strings.Contains(text, "osler: Interrupted before it was done.") || strings.Contains(text, "context") {
		t.Errorf("exit %d, %s", code, text)
	}
	must(t, "store", "copy", "--from", data, "--to", copied)
	if err := os.WriteFile(filepath.Join(copied, copyMark), nil, 0o600); err != nil { // as one that was stopped leaves it
		t.Fatal(err)
	}
	for _, args := range [][]string{{"audit", "verify"}, {"serve", "--listen", "127.0.0.1:0"}, {"backup", "--to", filepath.Join(dir, "backups"), "--recipient", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}} {
		if code, out := run(t, append(args, "--data", copied)...); code != 1 || !strings.Contains(out, "store copy` again") {
			t.Errorf("%v: exit %d, %s", args, code, out)
		}
	}
	must(t, "store", "copy", "--from", data, "--to", copied)
	must(t, "audit", "verify", "--data", copied)
	must(t, "import", "--data", other, patients(t, dir, 0, 1))
	if code, out := run(t, "store", "copy", "--from", data, "--to", other); code != 1 {
		t.Errorf("onto another record: exit %d, %s", code, out)
	}
	must(t, "audit", "verify", "--data", other)
}
