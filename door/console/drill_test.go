package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
)

// rounds is how often a drill kills the program: a few in every test run, a hundred in
// `make drill`.
func rounds() int {
	if os.Getenv("OSLER_DRILL") != "" {
		return 100
	}
	return 6
}

// built is the program under test, built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "osler-drill-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	name := filepath.Join(dir, "osler")
	out, err := exec.Command("go", "build", "-o", name, "../../cmd/osler").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

var builtIn string // its folder; "" before somebody needed it

func TestMain(m *testing.M) {
	code := webtest.Main(m)
	stopDemonstration()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

func binary(t *testing.T) string {
	t.Helper()
	name, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// prepared makes a record with one physician and returns the folder and a bearer token.
func prepared(t *testing.T) (dir, token string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "record")
	return dir, preparedIn(t, dir)
}

// preparedIn makes the record in a folder.
func preparedIn(t *testing.T, dir string) (token string) {
	t.Helper()
	return preparedAt(t, dataFlags{Data: dir})
}

// preparedAt makes the record in a place.
func preparedAt(t *testing.T, place dataFlags) (token string) {
	t.Helper()
	p := &Program{Clock: clock.System{}, Out: io.Discard, Err: io.Discard}
	ctx := context.Background()
	h, err := p.open(ctx, place, true)
	if err != nil {
		t.Fatal(err)
	}
	defer h.store.Close()
	by := trust.System("drill")
	a, err := h.accounts.Create(ctx, by, identity.Draft{User: "drill", Name: "Drill", Role: trust.Physician, Password: "a long enough password 9", TOTPSecret: drillFactor})
	if err != nil {
		t.Fatal(err)
	}
	token, err = h.accounts.IssueToken(ctx, by, a.ID, []string{"user/*.cruds"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begin(ctx, h, watch.Open(watch.Options{Gate: h.gate, Store: h.store, Clock: clock.System{}}), slog.New(slog.DiscardHandler)); err != nil { // as a start before this one did
		t.Fatal(err)
	}
	return token
}

// server is a running program.
type server struct {
	cmd  *exec.Cmd
	base string
	said *log
}

func start(t *testing.T, dir string) *server {
	t.Helper()
	return launch(t, exec.Command(binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0"))
}

// launch starts a command that serves.
func launch(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &log{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	n, err := out.Read(line)
	_, address, ok := strings.Cut(string(line[:n]), "ready at ")
	if err != nil || !ok {
		cmd.Wait()
		t.Fatalf("the server did not start: %v %q %s", err, line[:n], said.String())
	}
	go io.Copy(io.Discard, out)
	return &server{cmd, strings.TrimSpace(strings.SplitN(address, "\n", 2)[0]), said}
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// end stops the program as the end of a shift does, and waits for it: what it had to write is written.
func (s *server) end() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// acknowledged is what the server said it stored.
type acknowledged struct {
	mu     sync.Mutex
	values map[string]string // "Observation/1" -> note text
	marks  map[string]int    // mark of a transaction -> resources it must have, all or none
}

func (a *acknowledged) add(ref, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.values[ref] = text
}

// more waits until something more is stored than n.
func (a *acknowledged) more(t *testing.T, n int) {
	t.Helper()
	eventually(t, time.Minute, func() string { return "nothing is stored" }, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.values) > n
	})
}

func send(base, token, method, path string, body *fhir.Node) (*fhir.Node, int, error) {
	r, err := http.NewRequest(method, base+path, bytes.NewReader(body.JSON()))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/fhir+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, 0, err // the answer was torn: not acknowledged
	}
	n, err := fhir.Parse(b)
	return n, res.StatusCode, err
}

func observation(patient, text string) *fhir.Node {
	return fhir.Obj("resourceType", "Observation", "status", "final", "code", fhir.Obj("text", "drill"),
		"subject", fhir.Obj("reference", patient), "note", fhir.Arr(fhir.Obj("text", text)))
}

// writer creates, updates and sends transactions until the server is gone.
func writer(base, token, patient string, n int, seen *acknowledged) {
	for i := 0; ; i++ {
		text := fmt.Sprintf("w%d-%d-%d", n, i, rand.Int64())
		if i%3 == 2 {
			b := fhir.Obj("resourceType", "Bundle", "type", "transaction")
			list := fhir.Arr()
			for range 5 {
				list.Append(fhir.Obj("resource", observation(patient, text), "request", fhir.Obj("method", "POST", "url", "Observation")))
			}
			b.Set("entry", list)
			seen.mu.Lock()
			seen.marks[text] = 0
			seen.mu.Unlock()
			answer, status, err := send(base, token, "POST", "/fhir", b)
			if err != nil || status != http.StatusOK {
				return
			}
			for e := range answer.Get("entry").Items() {
				seen.add(strings.SplitN(e.Path("response.location").Text(), "/_history", 2)[0], text)
			}
			continue
		}
		made, status, err := send(base, token, "POST", "/fhir/Observation", observation(patient, text))
		if err != nil || status != http.StatusCreated {
			return
		}
		seen.add(made.Reference(), text)
		if i%3 == 1 {
			made.Set("note", fhir.Arr(fhir.Obj("text", text+" changed")))
			made.Remove("meta")
			if _, status, err := send(base, token, "PUT", "/fhir/"+made.Reference(), made); err == nil && status == http.StatusOK {
				seen.add(made.Reference(), text+" changed")
			} else {
				seen.mu.Lock()
				delete(seen.values, made.Reference()) // either version may stand
				seen.mu.Unlock()
				return
			}
		}
	}
}

// TestDrillKillDuringWrites kills the server again and again while clients write: every
// acknowledged write is there afterwards, every transaction is whole or absent, and the
// audit log verifies.
func TestDrillKillDuringWrites(t *testing.T) {
	dir, token := prepared(t)
	s := start(t, dir)
	made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("no patient: %d %v", status, err)
	}
	patient := made.Reference()
	seen := &acknowledged{values: map[string]string{}, marks: map[string]int{}}
	for round := range rounds() {
		var group sync.WaitGroup
		before := len(seen.values)
		for n := range 4 {
			group.Go(func() { writer(s.base, token, patient, n, seen) })
		}
		seen.more(t, before)
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		s.kill()
		group.Wait()
		s = start(t, dir)
		if lost := missing(t, s.base, token, patient, seen); len(lost) > 0 {
			t.Fatalf("round %d: lost or wrong: %v", round, lost)
		}
	}
	s.kill()
	verified(t, dir)
	if len(seen.values) < rounds() {
		t.Fatalf("only %d writes were acknowledged: the drill proves nothing", len(seen.values))
	}
	t.Logf("%d rounds, %d acknowledged writes, 0 lost", rounds(), len(seen.values))
}

// missing compares the record with what was acknowledged.
func missing(t *testing.T, base, token, patient string, seen *acknowledged) []string {
	t.Helper()
	got, parts := map[string]string{}, map[string]int{}
	answer, status, err := send(base, token, "GET", "/fhir/"+patient+"/$everything", fhir.Obj())
	if err != nil || status != http.StatusOK {
		t.Fatalf("$everything: %d %v", status, err)
	}
	for e := range answer.Get("entry").Items() {
		r := e.Get("resource")
		text := r.Path("note.0.text").Text()
		got[r.Reference()] = text
		parts[text]++
	}
	var lost []string
	for ref, text := range seen.values {
		if got[ref] != text {
			lost = append(lost, fmt.Sprintf("%s is %q, want %q", ref, got[ref], text))
		}
	}
	for mark := range seen.marks {
		if n := parts[mark]; n != 0 && n != 5 {
			lost = append(lost, fmt.Sprintf("a transaction stands with %d of 5 parts", n))
		}
	}
	return lost
}

func verified(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command(binary(t), "audit", "verify", "--data", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("audit verify: %v: %s", err, out)
	}
}

// TestDrillKillDuringImport kills an import again and again, then lets it finish: the
// record has every resource once.
func TestDrillKillDuringImport(t *testing.T) {
	source := t.TempDir()
	want := map[string]int{}
	i := 0
	for resources := range synthetic.Population(11, 24, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)) {
		b := fhir.Arr()
		for _, r := range resources {
			b.Append(fhir.Obj("resource", r))
			want[r.ResourceType()]++
		}
		body := fhir.Obj("resourceType", "Bundle", "type", "collection", "entry", b)
		if err := os.WriteFile(filepath.Join(source, fmt.Sprintf("%03d.json", i)), body.JSON(), 0o600); err != nil {
			t.Fatal(err)
		}
		i++
	}
	dir, token := prepared(t)
	for range rounds() {
		cmd := exec.Command(binary(t), "import", "--data", dir, source)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+rand.IntN(300)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
	}
	if out, err := exec.Command(binary(t), "import", "--data", dir, "--verify", source).CombinedOutput(); err != nil {
		t.Fatalf("the last import: %v: %s", err, out)
	}
	verified(t, dir)
	s := start(t, dir)
	defer s.kill()
	for resourceType, n := range want {
		answer, _, err := send(s.base, token, "GET", "/fhir/"+resourceType+"?_summary=count", fhir.Obj())
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Get("total").Text(); got != fmt.Sprint(n) {
			t.Errorf("%s: %s in the record, %d in the files", resourceType, got, n)
		}
	}
}

// TestNoPlaintextInTheDataFolder looks for the names of the demonstration's people in every
// byte of its folder.
func TestNoPlaintextInTheDataFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	accounts := filepath.Join(t.TempDir(), "accounts.json")
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan int, 1)
	p := &Program{Clock: clock.System{}, Out: io.Discard, Err: io.Discard, Ready: func(a string) { ready <- a }}
	go func() {
		done <- p.Run(ctx, []string{"demo", "--data", dir, "--accounts", accounts, "--listen", "127.0.0.1:0"})
	}()
	select {
	case <-ready:
	case code := <-done:
		t.Fatalf("the demonstration ended with %d", code)
	case <-time.After(time.Minute):
		t.Fatal("the demonstration did not start")
	}
	var list []demoAccount
	b, err := os.ReadFile(accounts)
	if err != nil || json.Unmarshal(b, &list) != nil || len(list) < 10 {
		t.Fatalf("accounts: %v, %d", err, len(list))
	}
	look := func(when string) {
		files := 0
		filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			body, err := os.ReadFile(name)
			if err != nil {
				return nil // removed meanwhile
			}
			for _, a := range list {
				words := strings.Fields(a.Name)
				for _, canary := range append(words, a.User, a.Password, a.Token) {
					if len(canary) > 5 && bytes.Contains(body, []byte(canary)) {
						t.Errorf("%s: %q stands in clear in %s", when, canary, filepath.Base(name))
					}
				}
			}
			return nil
		})
		if files < 2 {
			t.Errorf("%s: only %d files to look at", when, files)
		}
	}
	look("while it runs")
	stop()
	<-done
	look("after it stopped")
}

// drillFactor is the second factor of the accounts of drills.
const drillFactor = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
