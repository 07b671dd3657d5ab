package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

type benchCommand struct {
	Patients int           `default:"300" help:"Patients in the record."`
	For      time.Duration `default:"3s" help:"How long each read measurement runs."`
	JSON     bool          `help:"Print the figures as JSON."`
}

// figure is one measured row.
type figure struct {
	Name    string  `json:"name"`
	Clients int     `json:"clients"`
	Rate    float64 `json:"perSecond"`
	P50     float64 `json:"p50ms"`
	P99     float64 `json:"p99ms"`
	Errors  int     `json:"errors"`
	// Value and Unit are for what is not a rate: a size, a duration.
	Value float64 `json:"value,omitempty"`
	Unit  string  `json:"unit,omitempty"`
}

// Run measures on a fresh record in a temporary folder, over HTTP on loopback, with
// encryption, validation, audit and durable commits on.
func (c *benchCommand) Run(ctx context.Context, p *Program) error {
	dir, err := os.MkdirTemp("", "osler-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{program: p, command: c}
	opening := time.Now()
	if b.house, err = p.open(ctx, dataFlags{Data: dir}, true); err != nil {
		return err
	}
	b.add(figure{Name: "create an empty record", Value: ms(time.Since(opening)), Unit: "ms"})
	stored, err := b.fill(ctx)
	if err != nil {
		return err
	}
	if err := b.house.store.Close(); err != nil { // which empties the write-ahead log
		return err
	}
	if err := b.disk(dir, stored); err != nil {
		return err
	}
	opening = time.Now()
	if b.house, err = p.open(ctx, dataFlags{Data: dir}, false); err != nil {
		return err
	}
	defer func() { b.house.store.Close() }()
	b.add(figure{Name: "open the record again", Value: ms(time.Since(opening)), Unit: "ms"})
	if err := b.measure(ctx); err != nil {
		return err
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.add(figure{Name: "memory, client included", Value: float64(mem.Sys) / 1e6, Unit: "MB"})
	return b.print(p.Out)
}

type bench struct {
	program    *Program
	command    *benchCommand
	house      *house
	figures    []figure
	patients   []string
	token      string
	base       string
	session    *http.Cookie
	httpClient *http.Client
}

func (b *bench) add(f figure) { b.figures = append(b.figures, f) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// fill imports the population with four writers, as transactions of one patient each.
func (b *bench) fill(ctx context.Context) (int64, error) {
	actor := b.house.gate.As(trust.System("bench"), "console")
	var stored atomic.Int64
	start := time.Now()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	first := true
	for resources := range synthetic.Population(7, b.command.Patients, b.program.Clock.Now()) {
		for _, r := range resources {
			if r.ResourceType() == "Patient" {
				b.patients = append(b.patients, r.ID())
			}
		}
		write := func() error { n, err := put(gctx, actor, resources); stored.Add(int64(n)); return err }
		if first { // the clinic itself, which all refer to
			first = false
			if err := write(); err != nil {
				return 0, err
			}
			continue
		}
		group.Go(write)
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	b.add(figure{Name: "import, resources", Clients: 4, Rate: float64(stored.Load()) / time.Since(start).Seconds()})
	return stored.Load(), nil
}

// disk adds what the closed record takes on disk.
func (b *bench) disk(dir string, stored int64) error {
	size := int64(0)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		size += info.Size()
	}
	b.add(figure{Name: "disk for each resource", Value: float64(size) / float64(stored) / 1000, Unit: "kB"})
	return nil
}

func put(ctx context.Context, actor *record.Actor, resources []*fhir.Node) (int, error) {
	change := record.Change{What: "benchmark"}
	for _, r := range resources {
		change.Put = append(change.Put, record.Put{Resource: r, Create: true})
	}
	_, err := actor.Commit(ctx, change)
	return len(change.Put), err
}

// measure serves the record and asks it.
func (b *bench) measure(ctx context.Context) error {
	doctor, err := b.house.accounts.Create(ctx, trust.System("bench"), identity.Draft{User: "bench.doctor", Name: "Bench Doctor",
		Role: trust.Physician, Password: "correct horse battery staple 7"})
	if err != nil {
		return err
	}
	if b.token, err = b.house.accounts.IssueToken(ctx, trust.System("bench"), doctor.ID, []string{"user/*.cruds"}, time.Hour); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	quiet := &Program{Clock: b.program.Clock, Out: io.Discard, Err: io.Discard}
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- quiet.serve(serving, b.house, quiet.site(b.house, "bench"), listenFlags{Listen: "127.0.0.1:0"}, outwardFlags{},
			func(address string) error { ready <- address; return nil })
	}()
	select {
	case b.base = <-ready:
	case err := <-done:
		return err
	}
	b.httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := b.signIn(ctx); err != nil {
		return err
	}
	patient := func(i int) string { return b.patients[(i*7919)%len(b.patients)] }
	for _, m := range []struct {
		name    string
		clients []int
		path    func(i int) string
	}{
		{"read Patient", []int{1, 8, 32}, func(i int) string { return "/fhir/Patient/" + patient(i) }},
		{"Patient by name", []int{1, 8}, func(i int) string { return fmt.Sprintf("/fhir/Patient?family=%c&_count=10", 'a'+i%20) }},
		{"Observation by patient, code, sorted", []int{1, 8}, func(i int) string {
			return "/fhir/Observation?patient=" + patient(i) + "&code=http://loinc.org|85354-9&_sort=-date&_count=20"
		}},
		{"Patient $everything", []int{1, 8}, func(i int) string { return "/fhir/Patient/" + patient(i) + "/$everything" }},
		{"chart page", []int{1, 8}, func(i int) string { return "/p/" + patient(i) }},
	} {
		for _, clients := range m.clients {
			b.add(b.load(ctx, m.name, clients, m.path))
		}
	}
	b.add(b.writes(ctx, 1))
	b.add(b.writes(ctx, 32))
	stop()
	return <-done
}

// signIn makes a session for the chart page.
func (b *bench) signIn(ctx context.Context) error {
	_, secret, err := b.house.accounts.SignIn(ctx, "bench.doctor", "correct horse battery staple 7", "", "127.0.0.1")
	if err != nil {
		return err
	}
	b.session = &http.Cookie{Name: "osler-session", Value: secret}
	return nil
}

func (b *bench) get(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	r.AddCookie(b.session)
	return b.do(r, http.StatusOK)
}

func (b *bench) do(r *http.Request, want int) error {
	res, err := b.httpClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != want || n == 0) {
		err = fault.New(fault.Internal, "status %d with %d bytes", res.StatusCode, n)
	}
	return err
}

func (b *bench) load(ctx context.Context, name string, clients int, path func(int) string) figure {
	return b.run(name, clients, func(i int) error { return b.get(ctx, path(i)) })
}

// writes creates blood pressures.
func (b *bench) writes(ctx context.Context, clients int) figure {
	return b.run("create Observation", clients, func(i int) error {
		body := fhir.Obj("resourceType", "Observation", "status", "final",
			"code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://loinc.org", "code", "8867-4"))),
			"subject", fhir.Obj("reference", "Patient/"+b.patients[i%len(b.patients)]),
			"effectiveDateTime", b.program.Clock.Now().Format(time.RFC3339),
			"valueQuantity", fhir.Obj("value", 60+i%40, "unit", "/min", "system", "http://unitsofmeasure.org", "code", "/min"))
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/fhir/Observation", newBody(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+b.token)
		r.Header.Set("Content-Type", "application/fhir+json")
		return b.do(r, http.StatusCreated)
	})
}

func (b *bench) run(name string, clients int, ask func(i int) error) figure {
	var mu sync.Mutex
	var times []time.Duration
	var next atomic.Int64
	f := figure{Name: name, Clients: clients}
	end := time.Now().Add(b.command.For)
	start := time.Now()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			var own []time.Duration
			failed := 0
			for time.Now().Before(end) {
				at := time.Now()
				if ask(int(next.Add(1))) != nil {
					failed++
					continue
				}
				own = append(own, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
			f.Errors += failed
		})
	}
	group.Wait()
	slices.Sort(times)
	if n := len(times); n > 0 {
		f.Rate = float64(n) / time.Since(start).Seconds()
		f.P50, f.P99 = ms(times[n/2]), ms(times[min(n-1, n*99/100)])
	}
	return f
}

func (b *bench) print(w io.Writer) error {
	if b.command.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(b.figures)
	}
	fmt.Fprintf(w, "%d patients; encryption, validation, audit and fsync on; %d cores, client included\n", len(b.patients), runtime.NumCPU())
	fmt.Fprintf(w, "%-40s %8s %10s %9s %9s %7s\n", "", "clients", "per s", "p50 ms", "p99 ms", "errors")
	failed := 0
	for _, f := range b.figures {
		switch {
		case f.Unit != "":
			fmt.Fprintf(w, "%-40s %19.1f %s\n", f.Name, f.Value, f.Unit)
		case f.P50 == 0:
			fmt.Fprintf(w, "%-40s %8d %10.0f %9s %9s %7d\n", f.Name, f.Clients, f.Rate, "", "", f.Errors)
		default:
			fmt.Fprintf(w, "%-40s %8d %10.0f %9.2f %9.2f %7d\n", f.Name, f.Clients, f.Rate, f.P50, f.P99, f.Errors)
		}
		failed += f.Errors
	}
	if failed > 0 {
		return fault.New(fault.Internal, "%d requests failed: the figures do not count.", failed)
	}
	return nil
}

func newBody(n *fhir.Node) io.Reader { return bytes.NewReader(n.JSON()) }
