package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
)

// row is one kind of operation, measured at several numbers of clients.
type row struct {
	name    string
	clients []int
	// ask does the i-th operation, as the worker with a number below clients.
	ask func(ctx context.Context, worker, i int) error
}

// rows measures everything that a server is asked.
func (b *bench) rows(ctx context.Context) {
	if b.command.wants("import, transactions over HTTP") {
		b.imported(ctx)
	}
	for _, r := range append(b.reading(), b.writing()...) {
		for _, clients := range r.clients {
			if b.command.wants(r.name) {
				b.report.add(b.run(ctx, r, clients))
			}
		}
	}
	b.neighbour(ctx)
}

func (c *benchCommand) wants(name string) bool {
	return slices.ContainsFunc(strings.Split(c.Only, "|"), func(part string) bool { return strings.Contains(name, part) })
}

func (b *bench) patient(i int) string { return b.patients[(i*7919)%len(b.patients)] }

// reading are the rows that change nothing but the audit log.
func (b *bench) reading() []row {
	gets := func(path func(i int) string) func(context.Context, int, int) error {
		return func(ctx context.Context, _, i int) error { return b.get(ctx, path(i)) }
	}
	trend := func(i int) string {
		return "/fhir/Observation?patient=" + b.patient(i) + "&code=http://loinc.org|85354-9&_sort=-date&_count=20"
	}
	return []row{
		{"read Patient", []int{1, 8, 32}, gets(func(i int) string { return "/fhir/Patient/" + b.patient(i) })},
		{"Patient by name", []int{1, 8, 32}, gets(func(i int) string { return fmt.Sprintf("/fhir/Patient?family=%c&_count=10", 'a'+i%20) })},
		{"Observation by patient, code, sorted", []int{1, 8, 32}, gets(trend)},
		{"count of one code in the population", []int{1}, gets(func(int) string { return "/fhir/Observation?code=http://loinc.org|85354-9&_summary=count" })},
		{"Patient $everything", []int{1, 8}, gets(func(i int) string { return "/fhir/Patient/" + b.patient(i) + "/$everything" })},
		{"open a chart, 8 requests", []int{1, 32}, b.chart},
		{"chart page", []int{1, 8}, gets(func(i int) string { return "/p/" + b.patient(i) })},
		{"chart page, 700 encounters", []int{1}, gets(func(int) string { return "/p/" + b.full })},
		{"read, search, create, update (6:2:1:1)", []int{1, 8, 32, 128}, b.mixed()},
	}
}

// chart asks what a program shows first of a patient: eight requests at once.
func (b *bench) chart(ctx context.Context, _, i int) error {
	id := b.patient(i)
	group, gctx := errgroup.WithContext(ctx)
	for _, path := range []string{
		"/fhir/Patient/" + id,
		"/fhir/Condition?patient=" + id + "&_count=50",
		"/fhir/AllergyIntolerance?patient=" + id,
		"/fhir/MedicationRequest?patient=" + id + "&_sort=-authoredon&_count=50",
		"/fhir/Encounter?patient=" + id + "&_sort=-date&_count=20",
		"/fhir/Immunization?patient=" + id + "&_count=50",
		"/fhir/Observation?patient=" + id + "&category=vital-signs&_sort=-date&_count=50",
		"/fhir/Observation?patient=" + id + "&category=laboratory&_sort=-date&_count=50",
	} {
		group.Go(func() error { return b.get(gctx, path) })
	}
	return group.Wait()
}

// writing are the rows that create and update.
func (b *bench) writing() []row {
	own := b.owned()
	return []row{
		{"create Observation", []int{1, 32}, func(ctx context.Context, _, i int) error { _, err := b.create(ctx, i); return err }},
		{"C-CDA document, imported", []int{1}, b.letter},
		{"update Observation", []int{1, 32}, func(ctx context.Context, worker, i int) error { return b.update(ctx, own, worker, i) }},
	}
}

// letter sends a document of another clinic, of about 100 KB, that is read, held to the chart and filed, and
// of which everything new is written. Each patient gets one; another round is of other days.
func (b *bench) letter(ctx context.Context, _, i int) error {
	id := b.patients[i%len(b.patients)]
	l := b.letters[id]
	l.Number, l.Visits = i, 4
	l.Written = b.program.Clock.Now().AddDate(0, 0, -1-i/len(b.patients)).Truncate(time.Hour)
	var answer bytes.Buffer
	_, err := b.ask(ctx, http.MethodPost, "/fhir/Patient/"+id+"/$import-document?accept=new", l.Document(), http.StatusOK, &answer)
	if err == nil && bytes.Contains(answer.Bytes(), []byte(`"name":"added","valueInteger":0}`)) {
		err = fault.New(fault.Internal, "nothing of the document was written")
	}
	return err
}

// addressed is a letter about a patient.
func addressed(r *fhir.Node) synthetic.Letter {
	sex := "F"
	if r.Get("gender").Text() == "male" {
		sex = "M"
	}
	return synthetic.Letter{Family: r.Path("name.0.family").Text(), Given: r.Path("name.0.given.0").Text(), Born: strings.ReplaceAll(r.Get("birthDate").Text(), "-", ""), Sex: sex}
}

// owned keeps the Observation that each worker updates.
type owned struct {
	mu  sync.Mutex
	ids map[int]string
}

func (b *bench) owned() *owned { return &owned{ids: map[int]string{}} }

func (b *bench) update(ctx context.Context, own *owned, worker, i int) error {
	own.mu.Lock()
	id := own.ids[worker]
	own.mu.Unlock()
	if id == "" {
		made, err := b.create(ctx, worker)
		if err != nil {
			return err
		}
		own.mu.Lock()
		own.ids[worker] = made
		own.mu.Unlock()
		return nil
	}
	o := b.pulse(worker, i)
	o.SetID(id)
	_, err := b.send(ctx, http.MethodPut, "/fhir/Observation/"+id, o.JSON(), http.StatusOK)
	return err
}

func (b *bench) mixed() func(context.Context, int, int) error {
	own := b.owned()
	return func(ctx context.Context, worker, i int) error {
		switch i % 10 {
		case 6, 7:
			return b.get(ctx, "/fhir/Observation?patient="+b.patient(i)+"&code=http://loinc.org|85354-9&_sort=-date&_count=20")
		case 8:
			_, err := b.create(ctx, i)
			return err
		case 9:
			return b.update(ctx, own, worker, i)
		}
		return b.get(ctx, "/fhir/Patient/"+b.patient(i))
	}
}

// pulse is the Observation that is written.
func (b *bench) pulse(patient, i int) *fhir.Node {
	return fhir.Obj("resourceType", "Observation", "status", "final",
		"category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/observation-category", "code", "vital-signs")))),
		"code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://loinc.org", "code", "8867-4"))),
		"subject", fhir.Obj("reference", "Patient/"+b.patients[patient%len(b.patients)]),
		"effectiveDateTime", b.program.Clock.Now().Format(time.RFC3339),
		"valueQuantity", fhir.Obj("value", 60+i%40, "unit", "/min", "system", "http://unitsofmeasure.org", "code", "/min"))
}

func (b *bench) create(ctx context.Context, i int) (id string, err error) {
	h, err := b.send(ctx, http.MethodPost, "/fhir/Observation", b.pulse(i, i).JSON(), http.StatusCreated)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(h.Get("Location"), "/Observation/")
	id, _, ok := strings.Cut(rest, "/")
	if !ok {
		return "", fault.New(fault.Internal, "A created resource has no Location.")
	}
	return id, nil
}

// imported posts transactions of whole lives with four clients.
func (b *bench) imported(ctx context.Context) {
	var bodies [][]byte
	resources := int64(0)
	for range max(b.command.Patients/4, 1) {
		life, ok := b.next()
		if !ok {
			break
		}
		entries := fhir.Arr()
		for _, r := range life {
			if r.ResourceType() == "Composition" {
				continue // signed notes are written by their author alone
			}
			resources++
			entries.Append(fhir.Obj("fullUrl", "https://other.example/fhir/"+r.Reference(), "resource", r, "request", fhir.Obj("method", "POST", "url", r.ResourceType())))
		}
		bodies = append(bodies, fhir.Obj("resourceType", "Bundle", "type", "transaction", "entry", entries).JSON())
	}
	f := figure{Name: "import, transactions over HTTP", Clients: importers}
	var failed atomic.Int64
	start, before := time.Now(), cpuOf(b.pid)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(importers)
	for _, body := range bodies {
		group.Go(func() error {
			if _, err := b.send(gctx, http.MethodPost, "/fhir", body, http.StatusOK); err != nil && failed.Add(1) == 1 {
				fmt.Fprintf(b.program.Err, "%s: %v\n", f.Name, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	f.Errors = int(failed.Load())
	f.Rate = float64(resources) / time.Since(start).Seconds()
	f.CPU = perOp(cpuOf(b.pid)-before, resources)
	b.report.add(f)
}

func (b *bench) get(ctx context.Context, path string) error {
	_, err := b.do(ctx, http.MethodGet, path, nil, http.StatusOK)
	return err
}

func (b *bench) send(ctx context.Context, method, path string, body []byte, want int) (http.Header, error) {
	return b.do(ctx, method, path, body, want)
}

// do asks once; another status than wanted, or an empty answer, is an error.
func (b *bench) do(ctx context.Context, method, path string, body []byte, want int) (http.Header, error) {
	return b.ask(ctx, method, path, body, want, io.Discard)
}

// ask is do, and writes down the answer.
func (b *bench) ask(ctx context.Context, method, path string, body []byte, want int, answer io.Writer) (http.Header, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", "identity") // the client's unpacking is not the server's
	if strings.HasPrefix(path, "/fhir") {
		r.Header.Set("Authorization", "Bearer "+b.token)
	} else {
		r.AddCookie(b.session)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/fhir+json")
		if bytes.HasPrefix(body, []byte("<")) {
			r.Header.Set("Content-Type", "application/cda+xml")
		}
	}
	res, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
		return nil, fault.New(fault.Internal, "status %d: %s", res.StatusCode, outcome(said))
	}
	n, err := io.Copy(answer, res.Body)
	if err == nil && n == 0 {
		err = fault.New(fault.Internal, "an empty answer")
	}
	return res.Header, err
}

// outcome returns what an OperationOutcome says.
func outcome(body []byte) string {
	var o struct {
		Issue []struct {
			Diagnostics string `json:"diagnostics"`
		} `json:"issue"`
	}
	if json.Unmarshal(body, &o) != nil || len(o.Issue) == 0 {
		return "no OperationOutcome"
	}
	return o.Issue[0].Diagnostics
}

// run measures a row at a number of clients. A fifth of the time before is not counted:
// connections open, statements are prepared. It ends when the server rests: what a row leaves to be done
// in the background is not the next row's.
func (b *bench) run(ctx context.Context, r row, clients int) figure {
	b.settle(settleFor)
	f, asked := b.measure(ctx, r, clients)
	f.After = perOp(b.settle(settleFor), asked)
	return f
}

// measure measures a row whatever else the server has to do, and tells how often it was asked.
func (b *bench) measure(ctx context.Context, r row, clients int) (f figure, asked int64) {
	var next atomic.Int64
	b.during(ctx, r, clients, b.command.For/5, &next, nil)
	f = figure{Name: r.name, Clients: clients}
	var h histogram
	before, start := cpuOf(b.pid), time.Now()
	f.Errors = b.during(ctx, r, clients, b.command.For, &next, &h)
	took, cpu := time.Since(start), cpuOf(b.pid)-before
	f.fill(&h, took, cpu)
	return f, next.Load()
}

// settleFor is how long the work that a row leaves behind is waited for.
const settleFor = 30 * time.Second

// settle waits until the server does nothing any more, for a time at most, and returns the processor time
// that it needed until then.
func (b *bench) settle(most time.Duration) time.Duration {
	const look, idle = 200 * time.Millisecond, 10 * time.Millisecond
	begin := cpuOf(b.pid)
	was := begin
	for end := time.Now().Add(most); time.Now().Before(end); {
		time.Sleep(look)
		now := cpuOf(b.pid)
		if now-was <= idle {
			was = now
			break
		}
		was = now
	}
	return was - begin
}

// during lets clients ask for a time, and returns how many failed.
func (b *bench) during(ctx context.Context, r row, clients int, long time.Duration, next *atomic.Int64, h *histogram) (failed int) {
	var mu sync.Mutex
	end := time.Now().Add(long)
	var group sync.WaitGroup
	for worker := range clients {
		group.Go(func() {
			var own histogram
			wrong := 0
			for asked := false; !asked || time.Now().Before(end); asked = true { // once at least
				at := time.Now()
				if err := r.ask(ctx, worker, int(next.Add(1))); err != nil {
					if wrong++; wrong == 1 {
						fmt.Fprintf(b.program.Err, "%s: %v\n", r.name, err)
					}
					continue
				}
				own.add(time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			failed += wrong
			if h != nil {
				h.merge(&own)
			}
		})
	}
	group.Wait()
	return failed
}
