package result

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// here says that everybody works in the clinic, as a physician.
type here struct{}

func (here) Practising(_ context.Context, id string) ([]trust.Principal, error) {
	return []trust.Principal{{ID: "acc-" + id, Role: trust.Physician, Practitioner: id}}, nil
}

// process is a program that serves a record.
type process struct {
	store store.Store
	gate  *record.Gate
	end   func()
}

// starts opens a record, in a database when url is not "", and asks for reviews.
func starts(t testing.TB, dir, url string) *process {
	t.Helper()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{}
	if url == "" {
		p.store, err = sqlite.Open(context.Background(), dir, sqlite.Options{Keyring: ring, Clock: clock.System{}, Readers: 2, CacheKiB: 512})
	} else {
		p.store, err = postgres.Open(context.Background(), postgres.Options{URL: url, Dir: dir, Keyring: ring, Clock: clock.System{}, Connections: 3, Careless: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	p.gate = record.Open(p.store, clock.System{})
	if err := p.gate.Found(context.Background()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w := watch.Open(watch.Options{Gate: p.gate, Store: p.store, Clock: clock.System{}, Log: log, Poll: 20 * time.Millisecond})
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { p.gate.Follow(ctx) })
	for _, c := range (Incoming{Gate: p.gate, Staff: here{}, Log: log, Wait: time.Millisecond}).Consumers() {
		if err := w.Begin(ctx, c); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() { w.Consume(ctx, c) })
	}
	p.end = func() {
		stop()
		wait.Wait()
		p.store.Close()
	}
	return p
}

// sends stores resources as an interface does, each in a commit of its own.
func (p *process) sends(t testing.TB, bodies ...string) {
	t.Helper()
	interfaceOf := trust.Principal{ID: "acc-lab", Name: "Laboratory interface", Role: trust.Physician, Practitioner: "lab"}
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err == nil {
			_, err = p.gate.As(interfaceOf, "fhir").Commit(context.Background(), record.Change{Dangling: true, Put: []record.Put{{Resource: n}}})
		}
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
}

// reviews counts the review tasks of each result.
func (p *process) reviews(t testing.TB) map[string]int {
	t.Helper()
	count := map[string]int{}
	for v, err := range p.store.Compartment(context.Background(), "maria", []string{"Task"}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		n, err := fhir.Parse(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		count[task.FromResource(n).Focus]++
	}
	return count
}

const maria = `{"resourceType":"Patient","id":"maria","birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`

func sent(kind, id string) string {
	more := `"category":[{"coding":[{"system":"` + sectionSystem + `","code":"LAB"}]}]`
	if kind == "Observation" {
		more = `"category":[{"coding":[{"system":"` + categorySystem + `","code":"laboratory"}]}],"valueQuantity":{"value":6.9,"unit":"mmol/L"}`
	}
	return `{"resourceType":"` + kind + `","id":"` + id + `","status":"final",` + more + `,"code":{"text":"Potassium","coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"Patient/maria"}}`
}

// once waits until each of some results has a task, and fails when one has two.
func once(t *testing.T, p *process, want []string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got := p.reviews(t)
		if len(got) == len(want) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d results have tasks, want %d", len(got), len(want))
		}
	}
	time.Sleep(200 * time.Millisecond)
	for _, ref := range want {
		if n := p.reviews(t)[ref]; n != 1 {
			t.Errorf("%s has %d tasks", ref, n)
		}
	}
}

// TestSeveralProcessesMakeOneTask: two programs on one database, or two who ask for reviews in one
// program, make one task of each result.
func TestSeveralProcessesMakeOneTask(t *testing.T) {
	dir, url := t.TempDir(), pgtest.URL(t)
	one := starts(t, dir, url)
	defer one.end()
	two := starts(t, dir, url)
	defer two.end()
	one.sends(t, maria)
	var want []string
	for i := range 25 {
		id := fmt.Sprint("r", i)
		[]*process{one, two}[i%2].sends(t, sent("DiagnosticReport", id), sent("Observation", id))
		want = append(want, "DiagnosticReport/"+id, "Observation/"+id)
	}
	once(t, two, want)
}

// victim names the folder of the record, in the environment of a process that is to be killed.
const victim = "OSLER_RESULT_VICTIM"

// TestVictim is that process: results come in until it is killed.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victim)
	if dir == "" {
		t.Skip("only for TestKilledWhileResultsComeIn")
	}
	p := starts(t, dir, "")
	for first := true; ; first = false {
		p.sends(t, sent("DiagnosticReport", ident.New(time.Now())), sent("Observation", ident.New(time.Now())))
		if first {
			fmt.Println("ready")
		}
	}
}

// TestKilledWhileResultsComeIn: a program is killed without warning again and again; every result
// that it has stored has one task in the end.
func TestKilledWhileResultsComeIn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	p := starts(t, dir, "")
	p.sends(t, maria)
	p.end()
	for range 6 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
		cmd.Env = append(os.Environ(), victim+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && lines.Text() != "ready" {
		}
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
	}
	p = starts(t, dir, "")
	defer p.end()
	var want []string
	for v, err := range p.store.Compartment(context.Background(), "maria", []string{"DiagnosticReport", "Observation"}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, v.Type+"/"+v.ID)
	}
	if len(want) < 12 {
		t.Fatalf("only %d results were stored", len(want))
	}
	once(t, p, want)
	t.Logf("%d results, one task each", len(want))
}

func TestStateOfAResult(t *testing.T) {
	read := func(body string) *fhir.Node {
		n, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := read(sent("Observation", "a"))
	state := func(change ...string) string {
		n := read(strings.NewReplacer(change...).Replace(sent("Observation", "a")))
		return stateOf(n, []*fhir.Node{n})
	}
	same := stateOf(first, []*fhir.Node{first})
	for _, c := range [][]string{{`"text":"Potassium"`, `"text":"Kalium"`}, {"6.9", "6.90"}, {`"code":{`, `"issued":"2026-11-23T10:00:00Z","code":{`}} {
		if got := state(c...); got != same {
			t.Errorf("%v is another state", c)
		}
	}
	for _, c := range [][]string{{"6.9", "6.8"}, {"mmol/L", "mg/dL"}, {`"code":{`, `"interpretation":[{"coding":[{"code":"HH"}]}],"code":{`}, {"final", "corrected"}, {`"code":{`, `"note":[{"text":"haemolysed"}],"code":{`}} {
		if got := state(c...); got == same {
			t.Errorf("%v is the same state", c)
		}
	}
}

func TestFlagOf(t *testing.T) {
	for body, want := range map[string]string{
		``: "", `[{"coding":[{"code":"N"}]}]`: "N", `[{"coding":[{"code":"!"},{"code":"HH"}]}]`: "HH",
		`[{"coding":[{"code":"A"}]},{"coding":[{"code":"LL"}]}]`: "LL", `[{"coding":[{"code":"POS"},{"code":"N"}]}]`: "POS",
		`[{"text":"AA"}]`: "AA", `[{"text":"as expected"}]`: "", `[{"coding":[{"code":"R"}]}]`: "R",
	} {
		if body == "" {
			if got := flagOf(nil); got != "" {
				t.Errorf("none is %q", got)
			}
			continue
		}
		n, err := fhir.Parse([]byte(`{"i":` + body + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := flagOf(n.Get("i")); got != want {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
}

func TestOwnersAreOfTheRecord(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"PractitionerRole","id":"pr","practitioner":{"reference":"Practitioner/nina"}}`)
	got, err := practitioners(t.Context(), c.as(physician), []string{"Practitioner/anna", "PractitionerRole/pr", "Organization/o", "PractitionerRole/none", ""})
	var ids []string
	for _, id := range got {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if err != nil || !slices.Equal(ids, []string{"anna", "nina"}) {
		t.Errorf("%v, %v", got, err)
	}
}
