package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/trust"
)

// printed is what a program has said so far.
type printed struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// runs starts a program in process and returns the address at which it answers.
func runs(t *testing.T, said *printed, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan int, 1)
	p := &Program{Clock: clock.System{}, Out: said, Err: said, Ready: func(a string) { ready <- a }}
	go func() { ended <- p.Run(ctx, append(args, "--listen", "127.0.0.1:0")) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	select {
	case a := <-ready:
		return a
	case code := <-ended:
		ended <- code
		t.Fatalf("%v ended with %d: %s", args, code, said)
	case <-time.After(2 * time.Minute):
		t.Fatalf("%v is not ready: %s", args, said)
	}
	return ""
}

// TestTheClinicOnPostgreSQL: the demonstration runs on a database; a second program on the
// same database answers with what the first has written; nothing that is said holds the
// password.
func TestTheClinicOnPostgreSQL(t *testing.T) {
	url := strings.Replace(pgtest.Start(t).URL(), "postgres://", "postgres://osler:hush-hush@", 1)
	url = strings.Replace(url, "&user=osler", "", 1)
	dir := filepath.Join(t.TempDir(), "keys")
	var said printed
	first := runs(t, &said, "demo", "--data", dir, "--database", url)
	second := runs(t, &said, "serve", "--data", dir, "--database", url)
	bookTheFirstFreePlace(t, first)

	p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
	h, err := p.open(t.Context(), dataFlags{Data: dir, databaseFlag: databaseFlag{Database: url}}, false)
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.accounts.FindByUser(t.Context(), "anna.lindqvist")
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.accounts.IssueToken(t.Context(), trust.System("test"), a.ID, []string{"user/*.cruds"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	call := func(want int, method, at, body string, header ...string) string {
		t.Helper()
		r, err := http.NewRequest(method, at, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/fhir+json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != want {
			t.Fatalf("%s %s: %s, want %d (%v)\n%s", method, at, res.Status, want, err, text)
		}
		return string(text)
	}
	idOf := func(body string) string {
		_, behind, _ := strings.Cut(body, `"id":"`)
		id, _, _ := strings.Cut(behind, `"`)
		return id
	}
	who := idOf(call(201, "POST", first+"/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"Zwei"}]}`))
	person := func(family string) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":%q}]}`, who, family)
	}
	if got := call(200, "GET", second+"/fhir/Patient/"+who, ""); !strings.Contains(got, "Zwei") {
		t.Errorf("the second program reads %s", got)
	}
	call(200, "PUT", second+"/fhir/Patient/"+who, person("Deux"), "If-Match", `W/"1"`)
	call(412, "PUT", first+"/fhir/Patient/"+who, person("Due"), "If-Match", `W/"1"`)
	if got := call(200, "GET", first+"/fhir/Patient?family=deux", ""); !strings.Contains(got, `"`+who+`"`) {
		t.Errorf("the first program does not find what the second wrote: %s", got)
	}
	if got := call(200, "GET", first+"/fhir/Patient/"+who+"/_history", ""); strings.Count(got, `"versionId"`) != 2 {
		t.Errorf("the history has not both versions: %s", got)
	}
	// What a laboratory sends is looked at by both, and asked about once.
	sent := idOf(call(201, "POST", second+"/fhir/DiagnosticReport", `{"resourceType":"DiagnosticReport","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"code":{"text":"Culture"},"subject":{"reference":"Patient/`+who+`"}}`))
	reviews := func() int {
		return strings.Count(call(200, "GET", first+"/fhir/Task?focus=DiagnosticReport/"+sent, ""), `"resourceType":"Task"`)
	}
	for end := time.Now().Add(time.Minute); reviews() == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody is asked to review a result")
		}
	}
	time.Sleep(3 * time.Second) // longer than a program waits before it looks by itself
	if n := reviews(); n != 1 {
		t.Errorf("%d reviews of one result", n)
	}
	if code := p.Run(t.Context(), []string{"audit", "verify", "--data", dir, "--database", url}); code != 0 {
		t.Errorf("the audit log does not verify: %s", &said)
	}
	if strings.Contains(said.String(), "hush-hush") {
		t.Errorf("the password of the database is printed: %s", &said)
	}
}

// TestARecordInPostgreSQLMoves: into a folder, from there into another database, and as a
// backup into a folder.
func TestARecordInPostgreSQLMoves(t *testing.T) {
	c, tmp := pgtest.Start(t), t.TempDir()
	one, two := pgtest.Schema(t, c.URL()), pgtest.Schema(t, c.URL())
	in := func(name string) string { return filepath.Join(tmp, name) }
	for name, content := range map[string]string{"patient.json": `{"resourceType":"Patient","id":"p","name":[{"family":"Ang"}]}`, "passphrase": "a passphrase for backups 12"} {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"import", "--data", in("one"), "--database", one, in("patient.json")},
		{"store", "copy", "--from", one, "--from-keys", in("one"), "--to", in("folder")},
		{"store", "copy", "--from", in("folder"), "--to", two, "--to-keys", in("two")},
		{"audit", "verify", "--data", in("two"), "--database", two},
		{"backup", "--data", in("two"), "--database", two, "--to", in("backups"), "--passphrase-file", in("passphrase")},
		{"restore", "--from", in("backups"), "--to", in("restored"), "--passphrase-file", in("passphrase")},
		{"export", "--data", in("restored"), "--patient", "p", "--to", in("out.json")},
	} {
		var said printed
		p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
		if code := p.Run(t.Context(), args); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, &said)
		}
	}
	if out, err := os.ReadFile(in("out.json")); err != nil || !strings.Contains(string(out), "Ang") {
		t.Errorf("what comes out in the end: %s, %v", out, err)
	}
	var said printed
	p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
	if code := p.Run(t.Context(), []string{"token", "--data", in("one"), "--database", pgtest.Schema(t, c.URL()), "--user", "nobody", "--scope", "user/*.rs"}); code != 1 || !strings.Contains(said.String(), "no record in this database") {
		t.Errorf("a token for a database without a record: exit %d, %s", code, &said)
	}
}

// TestProcessesOfOneDatabaseShareOnePlaceOfContents: a process that would write scans where no other looks ends
// before it writes any, whether it comes later or at the same moment.
func TestProcessesOfOneDatabaseShareOnePlaceOfContents(t *testing.T) {
	c, tmp := pgtest.Start(t), t.TempDir()
	url := pgtest.Schema(t, c.URL())
	in := func(name string) string { return filepath.Join(tmp, name) }
	process := func(url, data string, more ...string) *exec.Cmd {
		cmd := exec.Command(binary(t), append([]string{"serve", "--data", data, "--database", url, "--listen", "127.0.0.1:0"}, more...)...)
		cmd.Stdout, cmd.Stderr = new(printed), new(printed)
		return cmd
	}
	var said printed
	runs(t, &said, "serve", "--data", in("one"), "--database", url, "--contents", in("scans"))
	if err := os.Mkdir(in("two"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keyring.json", "master.key"} { // as the documentation says
		b, err := os.ReadFile(filepath.Join(in("one"), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(in("two"), name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, more := range [][]string{{"--contents", in("elsewhere")}, nil} { // the second: a folder beside its own keys
		cmd := process(url, in("two"), more...)
		err := cmd.Run()
		if text := cmd.Stderr.(*printed).String(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(text, "not the place of this record's contents") || !strings.Contains(text, "--contents") {
			t.Errorf("with another place %v: %v: %s", more, err, text)
		}
	}
	runs(t, &said, "serve", "--data", in("two"), "--database", url, "--contents", in("scans"))
	for _, other := range []string{in("elsewhere"), filepath.Join(in("two"), "contents")} {
		if list, _ := filepath.Glob(filepath.Join(other, "*")); len(list) > 0 {
			t.Errorf("left in another place: %v", list)
		}
	}

	url = pgtest.Schema(t, c.URL()) // a new record, begun by two at once
	both := []*exec.Cmd{process(url, in("one"), "--contents", in("left")), process(url, in("one"), "--contents", in("right"))}
	ended := make(chan int, 2)
	for i, cmd := range both {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait(); ended <- i }()
	}
	loser := <-ended
	winner := both[1-loser]
	if text := both[loser].Stderr.(*printed).String(); both[loser].ProcessState.ExitCode() != 1 || !strings.Contains(text, "not the place of this record's contents") {
		t.Errorf("the second at the same moment: %s", text)
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(winner.Stdout.(*printed).String(), "is ready"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the first is not ready: %s", winner.Stderr)
		}
	}
	if err := winner.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// TestADatabaseThatIsNotThereIsSaid: in a sentence, without the password.
func TestADatabaseThatIsNotThereIsSaid(t *testing.T) {
	for args, want := range map[string]string{
		"postgres://osler:hush-hush@/osler?host=/nowhere": "The database osler on /nowhere, port 5432, cannot be reached",
		"mysql://osler:hush-hush@nowhere/osler":           "postgres://",
		"postgres://osler:hush-hush@nowhere:x/osler":      "cannot be read",
	} {
		var said printed
		p := &Program{Clock: clock.System{}, Out: &said, Err: &said}
		if code := p.Run(t.Context(), []string{"serve", "--data", t.TempDir(), "--database", args, "--listen", "127.0.0.1:0"}); code != 1 {
			t.Errorf("%s: exit %d", args, code)
		}
		if got := said.String(); !strings.Contains(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%s: %s", args, got)
		}
	}
}
