package fhirapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/trust"
)

// importing adds a desk of jobs, a guard that lets the tests' own servers pass, and an
// administrator whose program may import.
func importing(t testing.TB, desk **job.Desk) func(*house, *Options) {
	return func(h *house, o *Options) {
		var err error
		if o.Guard, err = outbound.New("127.0.0.1"); err != nil {
			t.Fatal(err)
		}
		o.Jobs = job.Open(h.store, h.gate, h.clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
		*desk = o.Jobs
		t.Cleanup(o.Jobs.Close)
		a, err := h.accounts.Create(t.Context(), trust.System("test"), identity.Draft{User: "imre", Name: "Imre", Role: trust.Administrator, Password: "lanterns over quarry 41 sparrows"})
		if err != nil {
			t.Fatal(err)
		}
		for scope, tokens := range map[string]map[trust.Role]string{"user/*.cruds": h.tokens, "system/*.cruds": h.programs} {
			if tokens[trust.Administrator], err = h.accounts.IssueToken(t.Context(), trust.System("test"), a.ID, []string{scope}, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	}
}

const ndjson = "Content-Type: application/fhir+ndjson"

// finish waits for the end of an import.
func (h *house) finish(a answer) answer {
	h.t.Helper()
	status := strings.TrimPrefix(a.is(202).header.Get("Content-Location"), h.url)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := h.get(status)
		if got.status != http.StatusAccepted {
			return got
		}
		if got.header.Get("Retry-After") == "" || time.Now().After(end) {
			h.t.Fatalf("the import does not end: %v", got.header)
		}
	}
}

// outcomes returns the texts in the files of a result.
func (h *house) outcomes(result answer, list string) string {
	h.t.Helper()
	var all strings.Builder
	for f := range result.node.Get(list).Items() {
		status, body := h.lines(strings.TrimPrefix(f.Get("url").Text(), h.url))
		n := 0
		for line := range strings.Lines(body) {
			n++
			if read(h.t, line).ResourceType() != "OperationOutcome" {
				h.t.Errorf("%s", line)
			}
		}
		if status != 200 || fmt.Sprint(n) != f.Get("count").Text() {
			h.t.Errorf("status %d with %d lines, want %s", status, n, f.Get("count").Text())
		}
		all.WriteString(f.Get("inputUrl").Text() + "\n" + body)
	}
	return all.String()
}

func people(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"n%d","name":[{"family":"New%d"}]}`+"\n", n, n)
	}
	return b.String()
}

func TestImport(t *testing.T) {
	var desk *job.Desk
	h := open(t, importing(t, &desk))
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/patients":
			fmt.Fprint(w, people(0, 30))
		case "/broken":
			fmt.Fprint(w, people(30, 32)+"{not json}\n"+`{"resourceType":"Patient","id":"bad","gender":"nonsense"}`+"\n")
		case "/cut":
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, people(32, 34))
		case "/redirect":
			http.Redirect(w, r, "/patients", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer files.Close()
	manifest := fmt.Sprintf(`{"inputFormat":"application/fhir+ndjson","inputSource":"https://source.example","storageDetail":{"type":"https"},"input":[`+
		`{"type":"Patient","url":"%[1]s/patients"},{"type":"Patient","url":"%[1]s/broken"},{"type":"Patient","url":"%[1]s/cut"},{"type":"Patient","url":"%[1]s/redirect"},{"type":"Patient","url":"%[1]s/none"}]}`, files.URL)
	// Who may.
	for _, who := range []*house{h, h.as(trust.FrontDesk), h.as(trust.Patient), h.as(trust.Administrator), h.program(trust.Physician)} {
		who.ask("POST", "/fhir/$import", manifest, async).refused(403, "administrator")
		who.get("/fhir/$import-status?job=x").refused(403)
	}
	admin := h.program(trust.Administrator)
	admin.ask("POST", "/fhir/$import", manifest).refused(400, "respond-async")
	for body, want := range map[string]string{
		with(manifest, files.URL+"/none", "https://10.0.0.1/x"): "not public",
		with(manifest, files.URL+"/none", "file:///etc/passwd"): "not a URL",
		with(manifest, `"type":"Patient"`, `"type":"Nothing"`):  "resource type",
		`{"inputFormat":"application/fhir+ndjson"}`:             "input",
		with(manifest, "application/fhir+ndjson", "text/csv"):   "format",
		`{"resourceType":"Parameters","parameter":[]}`:          "input",
	} {
		if a := admin.ask("POST", "/fhir/$import", body, async); a.status < 400 || a.status >= 500 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	// The manifest, then the same as Parameters: everything is there.
	result := admin.finish(admin.ask("POST", "/fhir/$import", manifest, async)).is(200)
	stored, problems := admin.outcomes(result, "output"), admin.outcomes(result, "error")
	for _, want := range []string{"30 Patient stored", "2 Patient stored"} {
		if !strings.Contains(stored, want) {
			t.Errorf("the result does not say %q: %s", want, stored)
		}
	}
	for _, want := range []string{"line 3", "line 4", "Patient.gender", "cannot be read to its end", "status 302", "status 404", files.URL + "/none"} {
		if !strings.Contains(problems, want) {
			t.Errorf("the errors do not say %q: %s", want, problems)
		}
	}
	if n := h.get("/fhir/Patient?family=New&_summary=count").is(200).node.Get("total").Text(); n != "34" {
		t.Errorf("%s people", n)
	}
	again := fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"inputFormat","valueCode":"application/fhir+ndjson"},{"name":"input","part":[{"name":"type","valueCode":"Patient"},{"name":"url","valueUri":"%s/patients"}]}]}`, files.URL)
	if text := admin.outcomes(admin.finish(admin.ask("POST", "/fhir/$import", again, async)).is(200), "output"); !strings.Contains(text, "30 were in the record already") {
		t.Errorf("again: %s", text)
	}
	// Sent in the body.
	changed := with(people(0, 3), "New1", "Other1")
	result = admin.finish(admin.ask("POST", "/fhir/$import", changed, async, ndjson)).is(200)
	if text := admin.outcomes(result, "error"); !strings.Contains(text, "other content under this id") {
		t.Errorf("other content: %s", text)
	}
	result = admin.finish(admin.ask("POST", "/fhir/$import?update=true", changed, async, ndjson)).is(200)
	if text := admin.outcomes(result, "output"); !strings.Contains(text, "1 Patient stored") || !strings.Contains(text, "2 were in the record") {
		t.Errorf("update: %s", text)
	}
	if name := h.get("/fhir/Patient/n1").is(200).node.Path("name.0.family").Text(); name != "Other1" {
		t.Errorf("the name is %s", name)
	}
	admin.get("/fhir/$import-status?job=unknown").refused(404)
}

// TestImportIsInterruptedOrCancelled: an import that hangs can be cancelled; one that was
// running when the server stopped says so, and can be started again.
func TestImportIsInterruptedOrCancelled(t *testing.T) {
	var desk *job.Desk
	h := open(t, importing(t, &desk))
	hang := make(chan struct{})
	reached := make(chan struct{}, 10)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, people(0, 600)) // more than is stored at a time
		w.(http.Flusher).Flush()
		reached <- struct{}{}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer files.Close()
	manifest := `{"input":[{"type":"Patient","url":"` + files.URL + `"}]}`
	admin := h.program(trust.Administrator)
	status := strings.TrimPrefix(admin.ask("POST", "/fhir/$import", manifest, async).is(202).header.Get("Content-Location"), h.url)
	<-reached
	admin.ask("POST", "/fhir/$import", manifest, async).refused(409, "running")
	admin.get(status).is(202)
	admin.ask("DELETE", status, "").is(202)
	for end := time.Now().Add(10 * time.Second); admin.get(status).status == 202; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it cannot be cancelled")
		}
	}
	admin.get(status).refused(410, "cancelled")
	admin.ask("DELETE", status, "").is(202)
	admin.get(status).refused(404)

	status = strings.TrimPrefix(admin.ask("POST", "/fhir/$import", manifest, async).is(202).header.Get("Content-Location"), h.url)
	<-reached
	for end := time.Now().Add(20 * time.Second); h.get("/fhir/Patient?family=New&_summary=count").node.Get("total").Text() != "500"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is stored while the file goes on")
		}
	}
	desk.Close()
	admin.get(status).refused(503, "stopped")
	// A process that was killed says nothing: another one finds the job without its process.
	next := job.Open(h.store, h.gate, h.clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
	actor := h.gate.As(trust.Principal{ID: "acc-x", Role: trust.Administrator}, "test")
	block := make(chan struct{})
	j, err := next.Start(context.Background(), actor, "import", func(context.Context, func(string, any)) (any, error) { <-block; return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	third := job.Open(h.store, h.gate, h.clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if found, err := third.Find(context.Background(), actor, "import", j.ID); err != nil || found.State != job.Interrupted {
		t.Errorf("%+v %v", found, err)
	}
	close(block)
	next.Close()
	if found, err := third.Find(context.Background(), actor, "import", j.ID); err != nil || found.State != job.Done {
		t.Errorf("%+v %v", found, err)
	}
}
