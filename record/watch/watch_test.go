package watch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var (
	physician = trust.Principal{ID: "acc-amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara", Scopes: []string{"user/*.cruds"}, Session: "t1"}
	desk      = trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}
	importer  = trust.System("import")
)

// accounts says who principals are today.
type accounts struct {
	mu    sync.Mutex
	roles map[string]trust.Role // another role than then; "" the account is disabled
}

func (a *accounts) Acting(_ context.Context, was trust.Principal, _ time.Time) (trust.Principal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	role, changed := a.roles[was.ID]
	if !changed {
		return was, nil
	}
	if role == "" {
		return trust.Principal{}, fault.New(fault.Unauthorized, "over")
	}
	was.Role = role
	return was, nil
}

func (a *accounts) TokenUntil(context.Context, trust.Principal) (time.Time, error) {
	return time.Time{}, nil
}

func (a *accounts) set(id string, role trust.Role) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.roles[id] = role
}

// house is a record with a running watcher.
type house struct {
	t        testing.TB
	dir      string
	store    store.Store
	gate     *record.Gate
	w        *Watcher
	accounts *accounts
	options  Options
	stop     func()
	ended    bool
}

func open(t testing.TB, change ...func(*Options)) *house {
	t.Helper()
	h := openIn(t, t.TempDir(), change...)
	h.put(importer, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz"}]}`, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`)
	return h
}

func openIn(t testing.TB, dir string, change ...func(*Options)) *house {
	t.Helper()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: clock.System{}, Readers: 2, CacheKiB: 2048})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := outbound.New("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: dir, store: s, gate: record.Open(s, clock.System{}), accounts: &accounts{roles: map[string]trust.Role{}}}
	if err := h.gate.Found(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.options = Options{Gate: h.gate, Store: s, Accounts: h.accounts, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(output(t), nil)), Guard: guard,
		Base: "https://osler.example/fhir", Poll: 100 * time.Millisecond, Retry: Retry{First: 2 * time.Millisecond, Most: 10 * time.Millisecond, Attempts: 50}}
	for _, f := range change {
		f(&h.options)
	}
	h.run()
	t.Cleanup(func() {
		if h.ended {
			return
		}
		h.stop()
		if !t.Failed() {
			storetest.Concerning(t, s)
			if n, err := s.Verify(context.Background(), func(problem string) { t.Error(problem) }); err != nil || n == 0 {
				t.Errorf("%d audit entries verified: %v", n, err)
			}
		}
		s.Close()
	})
	return h
}

// end stops the watcher and closes the record, as the end of the program does.
func (h *house) end() {
	h.stop()
	h.store.Close()
	h.ended = true
}

// run starts a watcher, as a start of the program does.
func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	h.w = Open(h.options)
	done := make(chan struct{})
	go func() { defer close(done); h.w.Run(ctx) }()
	h.stop = func() { cancel(); <-done }
}

func parse(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %.300s", err, body)
	}
	return n
}

// put stores resources in one commit and returns their ids.
func (h *house) put(p trust.Principal, bodies ...string) []string {
	h.t.Helper()
	ids, err := h.try(p, bodies...)
	if err != nil {
		h.t.Fatal(err)
	}
	return ids
}

func (h *house) try(p trust.Principal, bodies ...string) (ids []string, err error) {
	h.t.Helper()
	c := record.Change{Dangling: true}
	for _, b := range bodies {
		c.Put = append(c.Put, record.Put{Resource: parse(h.t, b)})
	}
	r, err := h.gate.As(p, "test").Commit(context.Background(), c)
	for _, v := range r.Versions {
		ids = append(ids, v.ID)
	}
	return ids, err
}

func (h *house) remove(resourceType, id string) {
	h.t.Helper()
	by := physician
	if resourceType != "Subscription" { // facts of a chart are deleted by no role
		by = importer
	}
	if _, err := h.gate.As(by, "test").Commit(context.Background(), record.Change{Delete: []record.Delete{{Type: resourceType, ID: id}}}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) subscription(id string) *fhir.Node {
	h.t.Helper()
	r, err := h.gate.As(trust.System("test"), "test").Read(context.Background(), "Subscription", id)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// becomes waits for a status.
func (h *house) becomes(id, status string) *fhir.Node {
	h.t.Helper()
	var r *fhir.Node
	h.until(fmt.Sprintf("the subscription is %s", status), func() bool {
		r = h.subscription(id)
		return r.Get("status").Text() == status
	})
	return r
}

func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("never: %s", what)
		}
	}
}

// quiet waits until every line has worked off what there is.
func (h *house) quiet() { h.t.Helper(); h.until("every line has worked off what there is", h.rests) }

func (h *house) rests() bool {
	ctx := context.Background()
	items, err := h.store.Items(ctx, spaceState, "")
	if err != nil {
		h.t.Fatal(err)
	}
	all, _, err := h.store.Changes(ctx, 0, 1<<20)
	if err != nil {
		h.t.Fatal(err)
	}
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	for _, item := range items {
		l := h.w.lines[item.Key]
		o, err := h.w.current(ctx, item.Key)
		switch {
		case err != nil: // Run has not seen it yet
			return false
		case o.status != statusRequested && o.status != statusActive:
			if l != nil && !l.ended() {
				return false
			}
		case l == nil || l.ended() || l.order.version != o.version || l.order.topic != o.topic || l.rests.Load() < int64(all[len(all)-1].T):
			return false
		}
	}
	return true
}

// request is what a receiver got.
type request struct {
	method, path string
	header       http.Header
	body         string
}

func (r request) node(t testing.TB) *fhir.Node { t.Helper(); return parse(t, r.body) }

// receiver is somebody else's server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(n int, r request) int // nil: 200
}

func receive(t testing.TB, answer func(n int, r request) int) *receiver {
	c := &receiver{answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		in := request{r.Method, r.URL.Path, r.Header, string(b)}
		c.mu.Lock()
		n := len(c.got)
		c.got = append(c.got, in)
		answer := c.answer
		c.mu.Unlock()
		if answer != nil {
			w.WriteHeader(answer(n, in))
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *receiver) all() []request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]request(nil), c.got...)
}

func (c *receiver) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = nil
}

// hook is a Subscription of R4.
func hook(criteria, endpoint, more string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","status":"requested","reason":"test","criteria":%q,"channel":{"type":"rest-hook","endpoint":%q%s}}`, criteria, endpoint, more)
}

func pulse(n int, code, patient string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/%s"},"valueInteger":%d}`, n, code, patient, n)
}

func TestRestHookOfR4(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	empty := h.put(physician, hook("Observation?code=8867-4", c.URL+"/empty", ""))[0]
	full := h.put(physician, hook("Observation?code=8867-4", c.URL+"/full", `,"payload":"application/fhir+json","header":["Authorization: Bearer very-secret","X-Site: 7"]`))[0]
	xml := h.put(physician, hook("Patient?active=true", c.URL+"/xml/", `,"payload":"application/fhir+xml"`))[0]
	for _, id := range []string{empty, full, xml} {
		h.becomes(id, "active")
	}
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.put(physician, pulse(2, "1234-5", "rosa"))
	h.put(physician, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"active":true}`)
	h.put(physician, pulse(1, "9999-9", "rosa")) // stops matching: no event
	h.remove("Observation", "o1")                // nor is this
	h.put(physician, pulse(2, "8867-4", "rosa")) // begins to match
	h.until("five requests", func() bool { return len(c.all()) >= 5 })
	h.quiet()
	by := map[string][]request{}
	for _, r := range c.all() {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
		by[first] = append(by[first], r)
	}
	if len(by["empty"]) != 2 || len(by["full"]) != 2 || len(by["xml"]) != 1 {
		t.Fatalf("%+v", c.all())
	}
	for _, r := range by["empty"] {
		if r.method != "POST" || r.body != "" || r.path != "/empty" {
			t.Errorf("an empty notification: %+v", r)
		}
	}
	first, second := by["full"][0], by["full"][1]
	if first.method != "PUT" || first.path != "/full/Observation/o1" || first.header.Get("Authorization") != "Bearer very-secret" || first.header.Get("X-Site") != "7" ||
		!strings.HasPrefix(first.header.Get("Content-Type"), "application/fhir+json") || first.node(t).Get("valueInteger").Text() != "1" {
		t.Errorf("a notification with a payload: %+v", first)
	}
	if second.path != "/full/Observation/o2" || second.node(t).Path("meta.versionId").Text() != "2" {
		t.Errorf("the version that matched: %+v", second)
	}
	if x := by["xml"][0]; x.path != "/xml/Patient/sam" || !strings.Contains(x.body, `<Patient xmlns="http://hl7.org/fhir">`) || !strings.HasPrefix(x.header.Get("Content-Type"), "application/fhir+xml") {
		t.Errorf("XML: %+v", x)
	}
	for body := range h.versions(full) {
		if strings.Contains(body, "secret") || !strings.Contains(body, `"Authorization: ***"`) {
			t.Errorf("a stored version shows the header: %s", body)
		}
	}
}

// versions ranges over the stored bodies of a subscription.
func (h *house) versions(id string) func(func(string) bool) {
	return func(yield func(string) bool) {
		list, err := h.store.History(context.Background(), store.HistoryFilter{Type: "Subscription", ID: id})
		if err != nil || len(list) < 2 {
			h.t.Fatalf("%d versions: %v", len(list), err)
		}
		for _, v := range list {
			if !yield(string(v.Body)) {
				return
			}
		}
	}
}

// TestThousandInOrder: a receiver that fails now and then gets everything that four writers
// commit, each once and in the order of the commits.
func TestThousandInOrder(t *testing.T) {
	h := open(t)
	c := receive(t, func(n int, _ request) int {
		if n%13 == 5 {
			return 503
		}
		return 204
	})
	id := h.put(physician, hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(id, "active")
	const writers, each = 4, 250
	start := time.Now()
	var wait sync.WaitGroup
	for w := range writers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range each {
				if _, err := h.try(physician, pulse(w*each+i, "8867-4", "rosa")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
	wrote := time.Since(start)
	accepted := func() (list []request) {
		for n, r := range c.all() {
			if n%13 != 5 {
				list = append(list, r)
			}
		}
		return list
	}
	h.until("1,000 notifications", func() bool { return len(accepted()) >= writers*each })
	t.Logf("1,000 changes written in %v, delivered after %v, %d requests", wrote.Round(time.Millisecond), time.Since(start).Round(time.Millisecond), len(c.all()))
	h.quiet()
	changes, _, err := h.store.Changes(context.Background(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range changes {
		if v.Type == "Observation" {
			want = append(want, "/Observation/"+v.ID)
		}
	}
	got := accepted()
	if len(got) != len(want) {
		t.Fatalf("%d notifications of %d changes", len(got), len(want))
	}
	for i := range got {
		if got[i].path != want[i] {
			t.Fatalf("notification %d is about %s, want %s", i, got[i].path, want[i])
		}
	}
	if n := h.w.Counts(); n.Events != writers*each || n.Failed == 0 || n.Active != 1 {
		t.Errorf("%+v", n)
	}
}

// TestStopAndGoOn: what is committed while nobody watches is delivered afterwards, once.
func TestStopAndGoOn(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(id, "active")
	n := 0
	for range 5 {
		for range 7 {
			n++
			h.put(physician, pulse(n, "8867-4", "rosa"))
		}
		h.stop()
		for range 3 {
			n++
			h.put(physician, pulse(n, "8867-4", "rosa"))
		}
		h.run()
	}
	h.until("all notifications", func() bool { return len(c.all()) >= n })
	h.quiet()
	got, seen := c.all(), map[string]bool{}
	at := 0
	for _, r := range got {
		if !seen[r.path] {
			at++
			if r.path != fmt.Sprintf("/Observation/o%d", at) {
				t.Fatalf("%s comes as number %d", r.path, at)
			}
		}
		seen[r.path] = true
	}
	if at != n || len(got) > n+5 { // at each stop one may have been under way
		t.Errorf("%d of %d, in %d requests", at, n, len(got))
	}
}

func TestGivesUpAndGoesOn(t *testing.T) {
	h := open(t, func(o *Options) { o.Retry.Attempts = 4 })
	c := receive(t, func(int, request) int { return 500 })
	body := hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json","header":["X-Key: k1"]`)
	id := h.put(physician, body)[0]
	h.becomes(id, "active")
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.put(physician, pulse(2, "8867-4", "rosa"))
	r := h.becomes(id, "error")
	if text := r.Get("error").Text(); !strings.Contains(text, "4 failures") || !strings.Contains(text, "500") || strings.Contains(text, "rosa") || strings.Contains(text, c.URL) {
		t.Errorf("the error says %q", text)
	}
	h.quiet()
	if n := len(c.all()); n != 4 {
		t.Errorf("%d attempts", n)
	}
	// The same, asked for again with what a reader sees, goes on where it stopped.
	c.mu.Lock()
	c.answer = nil
	c.mu.Unlock()
	c.clear()
	r.Set("status", fhir.Str("requested"))
	h.put(physician, string(r.JSON()))
	h.becomes(id, "active")
	h.until("both notifications", func() bool { return len(c.all()) == 2 })
	if got := c.all(); got[0].path != "/Observation/o1" || got[1].path != "/Observation/o2" || got[1].header.Get("X-Key") != "k1" {
		t.Errorf("%+v", got)
	}
	// Gone means gone.
	c.mu.Lock()
	c.answer = func(int, request) int { return 410 }
	c.mu.Unlock()
	c.clear()
	h.put(physician, pulse(3, "8867-4", "rosa"))
	h.becomes(id, "error")
	if n := len(c.all()); n != 1 {
		t.Errorf("%d attempts at what is gone", n)
	}
}

// TestSlowReceiver: a receiver that answers nothing delays neither writes nor others.
func TestSlowReceiver(t *testing.T) {
	h := open(t)
	hold := make(chan struct{})
	slow := receive(t, func(int, request) int { <-hold; return 200 })
	defer close(hold)
	quick := receive(t, nil)
	a := h.put(physician, hook("Observation?code=8867-4", slow.URL, `,"payload":"application/fhir+json","extension":[{"url":"`+extTimeout+`","valueUnsignedInt":60}]`))[0]
	b := h.put(physician, hook("Observation?code=8867-4", quick.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(a, "active")
	h.becomes(b, "active")
	for n := range 50 {
		h.put(physician, pulse(n, "8867-4", "rosa"))
	}
	h.until("the quick one has all", func() bool { return len(quick.all()) == 50 })
	h.until("the slow one has begun", func() bool { return len(slow.all()) > 0 })
	if n := len(slow.all()); n != 1 { // and it waits for that one still
		t.Errorf("the slow one was sent %d", n)
	}
}

func TestRightsAtDelivery(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	if _, err := h.try(desk, hook("Observation?code=8867-4", c.URL, "")); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the front desk subscribes to observations: %v", err)
	}
	narrow := physician
	narrow.ID, narrow.Scopes = "acc-narrow", []string{"user/Subscription.cruds", "user/Patient.rs"}
	if _, err := h.try(narrow, hook("Observation?code=8867-4", c.URL, "")); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a token without the scope subscribes to observations: %v", err)
	}
	id := h.put(physician, hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(id, "active")
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.until("the first", func() bool { return len(c.all()) == 1 })
	h.accounts.set(physician.ID, trust.FrontDesk) // another job: may not see observations any more
	h.put(physician, pulse(2, "8867-4", "rosa"))
	h.quiet()
	if n := len(c.all()); n != 1 {
		t.Fatalf("%d notifications after the role was taken", n)
	}
	h.accounts.set(physician.ID, trust.Physician)
	h.put(physician, pulse(3, "8867-4", "rosa"))
	h.until("the third", func() bool { return len(c.all()) == 2 })
	if got := c.all()[1].path; got != "/Observation/o3" {
		t.Errorf("what happened in between is sent afterwards: %s", got)
	}
	// While a notification is being repeated, the account is disabled.
	c.mu.Lock()
	c.answer = func(int, request) int { h.accounts.set(physician.ID, ""); return 503 }
	c.mu.Unlock()
	h.put(physician, pulse(4, "8867-4", "rosa"))
	r := h.becomes(id, "error")
	if n := len(c.all()); n != 3 || !strings.Contains(r.Get("error").Text(), "may not use the record") {
		t.Errorf("%d requests, %s", n, r.Get("error").Text())
	}
	leaves, err := h.store.Leaves(context.Background(), store.LeafFilter{Patient: "rosa", Actor: physician.ID, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, l := range leaves {
		if l.Leaf.Door == "subscription" && strings.Contains(l.Leaf.Query, id) && len(l.Leaf.Versions) == 1 {
			told++
		}
	}
	if told != 3 {
		t.Errorf("%d of 3 notifications are in the audit log of the patient", told)
	}
}

// TestRefusedWhenWritten: what could never work is refused at once, with the element.
func TestRefusedWhenWritten(t *testing.T) {
	h := open(t)
	ok := hook("Observation?code=8867-4", "https://receiver.example/hook", "")
	for _, c := range []struct{ body, at string }{
		{strings.Replace(ok, "Observation?code=8867-4", "Observation?nonsense=1", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Nothing?code=1", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Subscription?status=active", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Observation?subject:Patient.name=x", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Patient?_has:Observation:patient:code=1", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Procedure?location:below=Location/1", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Observation?code:in=http://x.example/vs", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "Observation?code=8867-4&_include=Observation:subject", 1), "Subscription.criteria"},
		{strings.Replace(ok, "Observation?code=8867-4", "http://topics.example/unknown", 1), "Subscription.criteria"},
		{strings.Replace(ok, "rest-hook", "sms", 1), "Subscription.channel.type"},
		{strings.Replace(ok, "rest-hook", "email", 1), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "https://10.0.0.1/", ""), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "https://[::1]/", ""), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "https://169.254.169.254/latest", ""), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "ftp://receiver.example/", ""), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "https://a:b@receiver.example/", ""), "Subscription.channel.endpoint"},
		{hook("Observation?code=1", "", ""), "Subscription.channel"},
		{hook("Observation?code=1", "https://receiver.example/", `,"header":["X-A: b\r\nX-B: c"]`), "Subscription.channel.header"},
		{hook("Observation?code=1", "https://receiver.example/", `,"header":["Host: intern"]`), "Subscription.channel.header"},
		{hook("Observation?code=1", "https://receiver.example/", `,"header":["content-length: 1"]`), "Subscription.channel.header"},
		{hook("Observation?code=1", "https://receiver.example/", `,"header":["no colon"]`), "Subscription.channel.header"},
		{hook("Observation?code=1", "https://receiver.example/", `,"header":["Authorization: ***"]`), "Subscription.channel.header"},
		{hook("Observation?code=1", "https://receiver.example/", `,"payload":"text/plain"`), "Subscription.channel.payload"},
	} {
		_, err := h.try(physician, c.body)
		f, is := err.(*fault.Error)
		if !is || !strings.HasPrefix(f.Path, c.at) && (len(f.Issues) == 0 || !strings.HasPrefix(f.Issues[0].Expression, c.at)) {
			t.Errorf("%.200s\n%v, want a fault at %s", c.body, err, c.at)
		}
	}
	id := h.put(importer, ok)[0]
	if r := h.subscription(id); r.Get("status").Text() != "off" || r.Get("error").Text() == "" {
		t.Errorf("an imported subscription: %s", r.JSON())
	}
}

// TestSecretsStayWhereTheyBelong: who changes the endpoint, or another's subscription, does
// not get the secret sent there.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, hook("Patient?active=true", c.URL+"/a", `,"header":["Authorization: Bearer very-secret"]`))[0]
	r := h.becomes(id, "active")
	moved := strings.Replace(string(r.JSON()), c.URL+"/a", c.URL+"/b", 1)
	if _, err := h.try(physician, moved); !fault.Is(err, fault.Invalid) {
		t.Errorf("the secret moves to another endpoint: %v", err)
	}
	off := strings.Replace(string(r.JSON()), `"active"`, `"off"`, 1)
	for _, body := range []string{moved, string(r.JSON()), off} { // as if it were not there
		_, err := h.try(desk, body)
		_, none := h.try(desk, strings.Replace(body, id, ident.New(time.Now()), 1))
		if err == nil || !fault.Is(err, fault.NotFound) && (none == nil || err.Error() != none.Error()) {
			t.Errorf("another writes the subscription: %v, and one that is not there: %v", err, none)
		}
	}
	if now := h.subscription(id); now.Get("meta").Get("versionId").Text() != r.Get("meta").Get("versionId").Text() {
		t.Error("another has changed the subscription")
	}
	h.put(physician, off)
	h.put(physician, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"active":true}`)
	h.quiet()
	if n := len(c.all()); n != 0 {
		t.Errorf("%d notifications after it was turned off", n)
	}
	if s, _, err := h.w.load(context.Background(), id); err != nil || s.Owner.ID != physician.ID {
		t.Errorf("what is left: %+v %v", s, err)
	}
	h.remove("Subscription", id)
	if _, _, err := h.w.load(context.Background(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("the state of a deleted subscription: %v", err)
	}
}

// TestAbuseD12NoRedirects: an answer that leads elsewhere is a failure; nothing is sent there.
func TestAbuseD12NoRedirects(t *testing.T) {
	h := open(t, func(o *Options) { o.Retry.Attempts = 2 })
	var inner *receiver
	other := receive(t, nil)
	inner = receive(t, nil)
	inner.Config.Handler = http.RedirectHandler(other.URL, http.StatusTemporaryRedirect)
	id := h.put(physician, hook("Patient?active=true", inner.URL, ""))[0]
	h.becomes(id, "active")
	h.put(physician, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"active":true}`)
	if r := h.becomes(id, "error"); !strings.Contains(r.Get("error").Text(), "307") {
		t.Errorf("%s", r.Get("error").Text())
	}
	if len(other.all()) != 0 {
		t.Error("the redirect was followed")
	}
}

// TestAbuseD11BlockedWhenDialled: a name that leads to this machine is found out when it is used.
func TestAbuseD11BlockedWhenDialled(t *testing.T) {
	h := open(t, func(o *Options) { o.Guard, o.Retry.Attempts = outbound.Guard{}, 2 })
	c := receive(t, nil)
	at := strings.Replace(c.URL, "http://127.0.0.1", "https://localhost", 1)
	for _, body := range []string{hook("Patient?active=true", at, ""), topical("encounter-start", at, "", "id-only", "")} {
		id := h.put(physician, body)[0]
		if strings.Contains(body, "Patient?") { // nothing is asked for before there is something to send
			h.becomes(id, "active")
			h.put(physician, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"active":true}`)
		}
		if r := h.becomes(id, "error"); !strings.Contains(r.Get("error").Text(), "not public") {
			t.Errorf("%s", r.Get("error").Text())
		}
	}
	if len(c.all()) != 0 {
		t.Error("this machine was reached")
	}
}

// TestNobodyLearnsWhichHostsThereAre: a name of the house and one that nobody has fail alike.
func TestNobodyLearnsWhichHostsThereAre(t *testing.T) {
	inside := fault.New(fault.Forbidden, "The address lies on this machine or in a network that is not public.")
	none := &net.DNSError{Err: "no such host", IsNotFound: true}
	if a, b := reason(inside), reason(none); a != b {
		t.Errorf("told apart: %q and %q", a, b)
	}
	if !permanent(inside) || !permanent(none) {
		t.Error("told apart by how often they are tried")
	}
	if busy := (&net.DNSError{Err: "server misbehaving", IsTemporary: true}); permanent(busy) {
		t.Error("given up though the name server was only busy")
	}
}

// TestWhatIsTurnedOffSendsNothingMore: not even while its line is not stopped yet.
func TestWhatIsTurnedOffSendsNothingMore(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, hook("Patient?active=true", c.URL, ""))[0]
	r := h.becomes(id, "active")
	h.quiet()
	h.w.mu.Lock() // nobody is stopped
	l := h.w.lines[id]
	h.put(physician, strings.Replace(string(r.JSON()), `"active"`, `"off"`, 1))
	h.put(physician, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"active":true}`)
	h.until("the line sees that it has no order any more", func() bool { return l.ended() || len(c.all()) > 0 })
	h.w.mu.Unlock()
	h.quiet()
	if n := len(c.all()); n != 0 {
		t.Errorf("%d notifications after it was turned off", n)
	}
}

func TestEnds(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	soon := time.Now().Add(400 * time.Millisecond).UTC().Format(instant)
	id := h.put(physician, strings.Replace(hook("Patient?active=true", c.URL, ""), `"reason"`, `"end":"`+soon+`","reason"`, 1))[0]
	h.becomes(id, "off")
}

// TestLogsSayNothing: logs and errors hold no content, no address and no secret.
func TestLogsSayNothing(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	h := open(t, func(o *Options) {
		o.Retry.Attempts = 3
		o.Log = slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(b) }), nil))
	})
	c := receive(t, func(int, request) int { return 500 })
	id := h.put(physician, hook("Observation?subject=Patient/rosa", c.URL+"/p-a-t-h", `,"payload":"application/fhir+json","header":["Authorization: Bearer very-secret"]`))[0]
	h.becomes(id, "active")
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.becomes(id, "error")
	h.stop()
	h.run()
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), id) || !strings.Contains(log.String(), "500") {
		t.Errorf("the log does not name the failing subscription:\n%s", log.String())
	}
	for _, secret := range []string{"rosa", "very-secret", "p-a-t-h", "8867", "/o1"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// valid holds what is sent to the definitions.
func valid(t testing.TB, n *fhir.Node) {
	t.Helper()
	for _, i := range validate.Resource(n) {
		if i.Severity == "error" || i.Severity == "fatal" {
			t.Errorf("%s: %s: %s", n.ResourceType(), i.Expression, i.Text)
		}
	}
}

// output is where a test's log goes: shown when it fails.
func output(t testing.TB) io.Writer {
	var mu sync.Mutex
	var log bytes.Buffer
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if t.Failed() {
			t.Log(log.String())
		} else if strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("the log holds errors:\n%s", log.String())
		}
	})
	return writer(func(b []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(b) })
}

// TestGoesOnInARestoredRecord: a record that was restored to a moment before a subscription's
// position tells what comes from then on; it does not wait until the numbers are reached again.
func TestGoesOnInARestoredRecord(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(id, "active")
	h.stop()
	ctx := context.Background()
	s, version, err := h.w.load(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s.At = position{T: s.At.T + 10_000}
	item, err := s.item(id, version)
	if err == nil {
		_, err = h.store.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Keep}, Items: []store.ItemWrite{item}})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.run()
	h.quiet()
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.until("the notification", func() bool { return len(c.all()) > 0 })
}
