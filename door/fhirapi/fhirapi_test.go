package fhirapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// house is a served record on a real store, with accounts and tokens of several roles.
type house struct {
	t      testing.TB
	clock  *clock.Manual
	gate   *record.Gate
	url    string // of the server, without /fhir
	tokens map[trust.Role]string
	role   trust.Role // who asks
	// programs are tokens with the scope system/*.rs.
	programs map[trust.Role]string
	log      *bytes.Buffer
	store    store.Store
	accounts *identity.Accounts
	dir      string
}

// open makes a house; change may add to the options of its door.
func open(t testing.TB, change ...func(*house, *Options)) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewManual(noon), tokens: map[trust.Role]string{}, programs: map[trust.Role]string{}, role: trust.Physician, log: &bytes.Buffer{}}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: h.clock, Readers: 2, CacheKiB: 2048})
	if err != nil {
		t.Fatal(err)
	}
	contents, err := bucket.Open(filepath.Join(dir, "contents"))
	if err != nil {
		t.Fatal(err)
	}
	h.gate = record.Open(record.WithContents(s, blob.New(contents, ring.Key("content"))), h.clock)
	accounts := identity.Open(s, h.clock, identity.Options{PasswordAlone: true, CheckEvery: 300 * time.Millisecond})
	h.seed(`{"resourceType":"Patient","id":"rosa","active":true,"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:mrn","value":"R1"}],"name":[{"family":"Díaz","given":["Rosa"]}],"gender":"female","birthDate":"1970-05-06"}`,
		`{"resourceType":"Patient","id":"sam","identifier":[{"system":"urn:mrn","value":"S1"}],"name":[{"family":"Hill","given":["Sam"]}],"gender":"male","birthDate":"1999-12-31"}`,
		`{"resourceType":"Practitioner","id":"amara","identifier":[{"system":"urn:npi","value":"7"}],"name":[{"family":"Osei"}]}`)
	for _, d := range []identity.Draft{
		{User: "amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara"},
		{User: "dana", Name: "Dana", Role: trust.FrontDesk},
		{User: "ada", Name: "Ada Quist", Role: trust.Administrator},
		{User: "rosa", Name: "Rosa Díaz", Role: trust.Patient, Patient: "rosa"},
	} {
		d.Password = "lanterns over quarry 41 sparrows"
		a, err := accounts.Create(t.Context(), trust.System("test"), d)
		if err != nil {
			t.Fatal(err)
		}
		scope := "user/*.cruds"
		if d.Role == trust.Patient {
			scope = "patient/*.cruds"
		}
		if h.tokens[d.Role], err = accounts.IssueToken(t.Context(), trust.System("test"), a.ID, []string{scope}, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if h.programs[d.Role], err = accounts.IssueToken(t.Context(), trust.System("test"), a.ID, []string{"system/*.rs"}, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	h.store, h.accounts, h.dir = s, accounts, dir
	o := Options{Gate: h.gate, Authenticate: accounts.Token, While: accounts.While, Clock: h.clock, Log: slog.New(slog.NewTextHandler(h.log, nil)), Version: "test"}
	for _, f := range change {
		f(h, &o)
	}
	server := httptest.NewServer(New(o))
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if n, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil || n == 0 {
			t.Errorf("%d audit entries verified: %v", n, err)
		}
		s.Close()
		if h.log.Len() > 0 && !t.Failed() {
			t.Errorf("the server logged errors:\n%s", h.log)
		}
	})
	return h
}

func (h *house) as(r trust.Role) *house { other := *h; other.role = r; return &other }

// seed stores resources as an import does.
func (h *house) seed(bodies ...string) {
	h.t.Helper()
	change := record.Change{Dangling: true}
	for _, b := range bodies {
		change.Put = append(change.Put, record.Put{Resource: read(h.t, b)})
	}
	if _, err := h.gate.As(trust.System("test"), "test").Commit(h.t.Context(), change); err != nil {
		h.t.Fatal(err)
	}
}

// drop deletes what no role may.
func (h *house) drop(resourceType, id string) {
	h.t.Helper()
	if _, err := h.gate.As(trust.System("test"), "test").Commit(h.t.Context(), record.Change{Delete: []record.Delete{{Type: resourceType, ID: id}}}); err != nil {
		h.t.Error(err)
	}
}

func read(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
	return n
}

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
	node   *fhir.Node
}

// ask sends a request; headers are "Name: value".
func (h *house) ask(method, path, body string, headers ...string) answer {
	h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, in)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r) // never follows redirects
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{t: h.t, what: fmt.Sprintf("%s %.200s", method, path), status: res.StatusCode, header: res.Header, body: b}
	if len(b) > 0 {
		if a.node, err = fhir.Parse(b); err != nil {
			h.t.Errorf("%s answers %d with something that is not JSON: %.200s", a.what, a.status, b)
		}
	}
	return a
}

func (h *house) get(path string, headers ...string) answer {
	h.t.Helper()
	return h.ask("GET", path, "", headers...)
}

// is expects a status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %.600s", a.what, a.status, status, a.body)
	}
	return a
}

// refused expects a status with an OperationOutcome that has a code and a sentence; the
// texts must stand in it.
func (a answer) refused(status int, texts ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: status %d, want %d: %.600s", a.what, a.status, status, a.body)
		return a
	}
	issue := a.node.Path("issue.0")
	if a.node.ResourceType() != "OperationOutcome" || issue.Get("code").Text() == "" || issue.Get("severity").Text() != "error" || len(issue.Path("details.text").Text()) < 15 {
		a.t.Errorf("%s: not an OperationOutcome with a code and a sentence: %.600s", a.what, a.body)
	}
	for _, text := range texts {
		if !bytes.Contains(a.body, []byte(text)) {
			a.t.Errorf("%s: the outcome does not say %q: %.600s", a.what, text, a.body)
		}
	}
	return a
}

// ids returns the ids of a searchset's matches and, behind "+", of what it includes.
func (a answer) ids() []string {
	out := []string{}
	for e := range a.node.Get("entry").Items() {
		switch e.Path("search.mode").Text() {
		case "match":
			out = append(out, e.Path("resource.id").Text())
		case "include":
			out = append(out, "+"+e.Path("resource.id").Text())
		}
	}
	return out
}

func (a answer) link(relation string) string {
	for l := range a.node.Get("link").Items() {
		if l.Get("relation").Text() == relation {
			return l.Get("url").Text()
		}
	}
	return ""
}

// follow asks for an address that the server gave.
func (h *house) follow(address string) answer {
	h.t.Helper()
	path, ok := strings.CutPrefix(address, h.url)
	if !ok {
		h.t.Fatalf("the link %q does not lead to this server", address)
	}
	return h.get(path)
}

const pulse = `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Pulse"},"subject":{"reference":"Patient/rosa"},"effectiveDateTime":"2026-11-20T10:00:00Z","performer":[{"reference":"Practitioner/amara"}],"valueQuantity":{"value":72.50,"unit":"beats/min","system":"http://unitsofmeasure.org","code":"/min"}}`

// draft is a measurement that its writer has not finished, and may delete.
var draft = with(pulse, `"final"`, `"preliminary"`)

// with returns a resource with one text replaced.
func with(body, old, new string) string { return strings.Replace(body, old, new, 1) }
