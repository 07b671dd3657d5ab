package fhirapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
)

// watching adds a running watcher to a house; its guard lets the tests' own servers pass.
func watching(t testing.TB) func(*house, *Options) {
	return func(h *house, o *Options) {
		guard, err := outbound.New("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		o.Watch = watch.Open(watch.Options{Gate: h.gate, Store: h.store, Accounts: h.accounts, Clock: h.clock, Guard: guard, Poll: 50 * time.Millisecond, CheckEvery: 300 * time.Millisecond,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Retry: watch.Retry{First: time.Millisecond, Most: 5 * time.Millisecond, Attempts: 5}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); o.Watch.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
	}
}

// inbox is a receiver of notifications.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	list []string // "POST /path body"
}

func receive(t testing.TB) *inbox {
	i := &inbox{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.list = append(i.list, r.Method+" "+r.URL.Path+" "+string(b))
	}))
	t.Cleanup(i.Close)
	return i
}

// wait returns what came, once it is n.
func (i *inbox) wait(t testing.TB, n int) []string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		i.mu.Lock()
		got := append([]string(nil), i.list...)
		i.mu.Unlock()
		if len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d notifications came", len(got), n)
		}
	}
}

func (h *house) becomes(id, status string) *fhir.Node {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := h.as(trust.Administrator).get("/fhir/Subscription/" + id).is(200).node
		if r.Get("status").Text() == status {
			return r
		}
		if time.Now().After(end) {
			h.t.Fatalf("the subscription never is %s: %s", status, r.JSON())
		}
	}
}

const heartRates = `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Observation?code=http://loinc.org|8867-4","channel":{"type":"rest-hook","endpoint":"URL","payload":"application/fhir+json","header":["Authorization: Bearer very-secret"]}}`

func visits(channel, endpoint string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"urn:osler:topic:encounter-start","channel":{"type":%q,%s"payload":"application/fhir+json","_payload":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content","valueCode":"id-only"}]}}}`,
		channel, endpoint)
}

const visit = `{"resourceType":"Encounter","status":"in-progress","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/rosa"}}`

func TestSubscriptionsThroughTheDoor(t *testing.T) {
	h := open(t, watching(t))
	in := receive(t)
	id := h.ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).is(201).node.ID()
	h.becomes(id, "active")
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	if got := in.wait(t, 1); !strings.HasPrefix(got[0], "PUT /Observation/") || !strings.Contains(got[0], "72.50") {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"/fhir/Subscription/" + id, "/fhir/Subscription?status=active", "/fhir/Subscription/" + id + "/_history", "/fhir/Subscription/" + id + "/_history/1"} {
		if body := string(h.get(path).is(200).body); strings.Contains(body, "secret") || !strings.Contains(body, "Authorization: ***") {
			t.Errorf("GET %s shows the header: %.500s", path, body)
		}
	}
	h.ask("POST", "/fhir/Subscription", with(with(heartRates, "URL", in.URL), "Observation?code", "Observation?nonsense")).refused(422, "nonsense")
	h.ask("POST", "/fhir/Subscription", with(heartRates, "URL", "https://169.254.169.254/")).refused(403, "not public")
	h.as(trust.FrontDesk).ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).refused(403)
	h.as(trust.Patient).ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).refused(403)
	h.ask("PATCH", "/fhir/Subscription/"+id, `[{"op":"replace","path":"/channel/endpoint","value":"`+in.URL+`/other"}]`, "Content-Type: application/json-patch+json").refused(422, "anew")
	h.ask("PATCH", "/fhir/Subscription/"+id, `[{"op":"replace","path":"/status","value":"off"}]`, "Content-Type: application/json-patch+json").is(200)
	h.becomes(id, "off")
	h.ask("DELETE", "/fhir/Subscription/"+id, "").is(204)

	in.mu.Lock()
	in.list = nil
	in.mu.Unlock()
	topic := h.ask("POST", "/fhir/Subscription", visits("rest-hook", `"endpoint":"`+in.URL+`",`)).is(201).node.ID()
	h.becomes(topic, "active")
	h.ask("POST", "/fhir/Encounter", visit).is(201)
	if got := in.wait(t, 2); !strings.Contains(got[0], `"handshake"`) || !strings.Contains(got[1], `"event-notification"`) {
		t.Errorf("%q", got)
	}
	for _, ask := range []answer{
		h.get("/fhir/Subscription/" + topic + "/$status"),
		h.get("/fhir/Subscription/$status?id=" + topic),
		h.ask("POST", "/fhir/Subscription/$status", `{"resourceType":"Parameters","parameter":[{"name":"status","valueCode":"active"}]}`),
	} {
		if !strings.Contains(string(ask.is(200).body), `"query-status"`) || !strings.Contains(string(ask.body), topic) {
			t.Errorf("%s: %s", ask.what, ask.body)
		}
	}
	events := "/fhir/Subscription/" + topic + "/$events"
	for end := time.Now().Add(10 * time.Second); !strings.Contains(string(h.get(events+"?eventsSinceNumber=1&content=full-resource").is(200).body), `"resourceType":"Encounter"`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("$events does not give the visit")
		}
	}
	h.get(events+"?eventsSinceNumber=x").refused(400, "number")
	h.get(events+"?content=all").refused(400, "content")
	h.get(events+"?nonsense=1").refused(400, "nonsense")
	h.as(trust.Patient).get(events).refused(403)
	h.get("/fhir/Subscription/nothing/$status").refused(404)
	meta := string(h.get("/fhir/metadata").is(200).body)
	for _, want := range []string{"capabilitystatement-websocket", "urn:osler:topic:encounter-start", "backport-subscription-events"} {
		if !strings.Contains(meta, want) {
			t.Errorf("the CapabilityStatement does not have %s", want)
		}
	}
}

// socket connects to the door.
func (h *house) socket(token string) *websocket.Conn {
	h.t.Helper()
	o := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if token != "" {
		o.HTTPHeader.Set("Authorization", "Bearer "+token)
	}
	c, _, err := websocket.Dial(h.t.Context(), strings.Replace(h.url, "http", "ws", 1)+"/fhir/$websocket", o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.CloseNow() })
	return c
}

func say(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t testing.TB, c *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		t.Fatalf("nothing came: %v", err)
	}
	return string(b)
}

func TestWebsockets(t *testing.T) {
	h := open(t, watching(t))
	body := with(with(with(heartRates, `"rest-hook"`, `"websocket"`), `"endpoint":"URL",`, ""), `,"header":["Authorization: Bearer very-secret"]`, "")
	id := h.ask("POST", "/fhir/Subscription", body).is(201).node.ID()
	h.becomes(id, "active")
	h.ask("POST", "/fhir/Observation", pulse).is(201) // before anybody is bound
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	c := h.socket(h.tokens[trust.Physician])
	say(t, c, "bind "+id)
	if got := hear(t, c); got != "bound "+id {
		t.Errorf("%q", got)
	}
	if got := hear(t, c); got != "ping "+id { // one for what waited
		t.Errorf("%q", got)
	}
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	if got := hear(t, c); got != "ping "+id {
		t.Errorf("%q", got)
	}
	say(t, c, "bind nothing")
	got := hear(t, c)
	for got == "ping "+id { // what waited may have been told in two pings
		got = hear(t, c)
	}
	if !strings.HasPrefix(got, "error") {
		t.Errorf("%q", got)
	}
	for _, token := range []string{"", h.tokens[trust.FrontDesk]} { // nobody, and another who may read it
		other := h.socket(token)
		say(t, other, "bind "+id)
		if got := hear(t, other); !strings.HasPrefix(got, "error") {
			t.Errorf("%q binds: %q", token, got)
		}
	}
	if _, res, err := websocket.Dial(t.Context(), strings.Replace(h.url, "http", "ws", 1)+"/fhir/$websocket", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer nonsense"}}}); err == nil || res.StatusCode != 401 {
		t.Errorf("a wrong token: %v %v", res, err)
	}
	h.get("/fhir/$websocket").refused(400, "websocket")

	topic := h.ask("POST", "/fhir/Subscription", visits("websocket", "")).is(201).node.ID()
	h.becomes(topic, "active")
	h.as(trust.FrontDesk).ask("POST", "/fhir/Subscription/"+topic+"/$get-ws-binding-token", "").refused(404)
	given := map[string]string{}
	for p := range h.ask("POST", "/fhir/Subscription/"+topic+"/$get-ws-binding-token", "").is(200).node.Get("parameter").Items() {
		for name, v := range p.Members() {
			if strings.HasPrefix(name, "value") {
				given[p.Get("name").Text()] = v.Text()
			}
		}
	}
	if !strings.HasSuffix(given["websocket-url"], "/fhir/$websocket") || !strings.HasPrefix(given["websocket-url"], "ws://") || given["subscription"] != topic || given["expiration"] == "" {
		t.Errorf("%v", given)
	}
	browser := h.socket("")
	say(t, browser, "bind-with-token "+given["token"])
	if got := hear(t, browser); !json.Valid([]byte(got)) || !strings.Contains(got, `"handshake"`) {
		t.Errorf("%q", got)
	}
	h.ask("POST", "/fhir/Encounter", visit).is(201)
	if got := hear(t, browser); !strings.Contains(got, `"event-notification"`) || !strings.Contains(got, "Encounter/") {
		t.Errorf("%q", got)
	}
	again := h.socket("")
	say(t, again, "bind-with-token "+given["token"])
	if got := hear(t, again); !strings.HasPrefix(got, "error") {
		t.Errorf("a token that was used: %q", got)
	}
}

// A program with a narrow token of the same account must not hear what the account's
// subscription tells.
func TestNarrowTokensDoNotListen(t *testing.T) {
	h := open(t, watching(t))
	id := h.ask("POST", "/fhir/Subscription", visits("websocket", "")).is(201).node.ID()
	h.becomes(id, "active")
	owner, err := h.accounts.FindByUser(t.Context(), "amara")
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := h.accounts.IssueToken(t.Context(), trust.System("test"), owner.ID, []string{"user/Subscription.rs", "user/Observation.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	h.tokens["narrow"] = narrow
	h.as("narrow").ask("POST", "/fhir/Subscription/"+id+"/$get-ws-binding-token", "").refused(404)
	c := h.socket(narrow)
	say(t, c, "bind "+id)
	if got := hear(t, c); !strings.HasPrefix(got, "error") {
		t.Errorf("bound: %q", got)
	}
}

// How many events there were says what stands in charts: $status tells it to those who may
// read what the subscription is about.
func TestStatusCountsForReadersOnly(t *testing.T) {
	h := open(t, watching(t))
	in := receive(t)
	id := h.ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).is(201).node.ID()
	h.becomes(id, "active")
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	in.wait(t, 1)
	const count = "events-since-subscription-start"
	for _, path := range []string{"/fhir/Subscription/$status", "/fhir/Subscription/" + id + "/$status"} {
		if a := h.get(path).is(200); !strings.Contains(string(a.body), count) {
			t.Errorf("the owner is not told: %s", a.body)
		}
		if a := h.as(trust.FrontDesk).get(path); strings.Contains(string(a.body), count) || strings.Contains(string(a.body), "Subscription/"+id) {
			t.Errorf("the desk is told: %s", a.body)
		}
	}
}

// Nobody else reads, changes or ends a subscription, except administrators: its criteria say
// what its owner looks for. To others it is missing.
func TestOthersSubscriptionsAreLeftAlone(t *testing.T) {
	h := open(t, watching(t))
	in := receive(t)
	made := h.ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).is(201).node
	path := "/fhir/Subscription/" + made.ID()
	h.becomes(made.ID(), "active")
	off := with(with(with(heartRates, "URL", in.URL), `"requested"`, `"off"`), `"resourceType":"Subscription"`, `"resourceType":"Subscription","id":"`+made.ID()+`"`)
	desk := h.as(trust.FrontDesk)
	desk.ask("GET", path, "").refused(404)
	desk.ask("GET", path+"/_history/1", "").refused(404)
	desk.ask("PUT", path, off).refused(403) // as of what is not there: the desk watches no Observation
	none := ident.New(time.Now())
	desk.ask("PUT", "/fhir/Subscription/"+none, with(off, made.ID(), none)).refused(403)
	desk.ask("PATCH", path, `[{"op":"replace","path":"/status","value":"off"}]`, isPatch).refused(404)
	desk.ask("DELETE", path, "").is(204) // as of what is not there
	if a := desk.ask("GET", "/fhir/Subscription?criteria:contains=Observation&_total=accurate", "").is(200); strings.Contains(string(a.body), made.ID()) || strings.Contains(string(a.body), "8867-4\"") {
		t.Errorf("the desk finds it: %s", a.body)
	}
	spoofed := with(with(heartRates, "URL", in.URL), `"status"`, `"meta":{"tag":[{"system":"urn:osler:owner","code":"somebody-else"}]},"status"`)
	if tags := h.ask("POST", "/fhir/Subscription", spoofed).is(201).node.Path("meta.tag"); tags.Len() != 1 || tags.At(0).Get("code").Text() == "somebody-else" {
		t.Errorf("a writer names the owner: %s", tags.JSON())
	}
	h.as(trust.Administrator).ask("GET", path, "").is(200)
	if got := h.get(path).is(200).node.Get("status").Text(); got != "active" {
		t.Errorf("status %s", got)
	}
	h.ask("DELETE", path, "").is(204)
}

// A socket stays with the account that bound it: when somebody else takes a subscription over,
// it is delivered under their rights, and the former owner hears no more of it.
func TestSocketsDoNotOutliveOwnership(t *testing.T) {
	h := open(t, watching(t))
	places := with(with(with(with(heartRates, `"rest-hook"`, `"websocket"`), `"endpoint":"URL",`, ""), `,"header":["Authorization: Bearer very-secret"]`, ""), "Observation?code=http://loinc.org|8867-4", "Organization?active=true")
	desk := h.as(trust.FrontDesk)
	made := desk.ask("POST", "/fhir/Subscription", places).is(201).node
	h.becomes(made.ID(), "active")
	former := h.socket(h.tokens[trust.FrontDesk])
	say(t, former, "bind "+made.ID())
	if got := hear(t, former); got != "bound "+made.ID() {
		t.Fatalf("%q", got)
	}
	h.as(trust.Administrator).ask("PUT", "/fhir/Subscription/"+made.ID(), with(places, `"resourceType":"Subscription"`, `"resourceType":"Subscription","id":"`+made.ID()+`"`)).is(200)
	h.becomes(made.ID(), "active")
	h.ask("POST", "/fhir/Organization", `{"resourceType":"Organization","active":true,"name":"Laboratory"}`).is(201)
	owner := h.socket(h.tokens[trust.Administrator])
	say(t, owner, "bind "+made.ID())
	for _, want := range []string{"bound ", "ping "} {
		if got := hear(t, owner); got != want+made.ID() {
			t.Errorf("the owner hears %q", got)
		}
	}
	say(t, former, "nothing")
	if got := hear(t, former); !strings.HasPrefix(got, "error") {
		t.Errorf("the former owner hears %q", got)
	}
}

// TestDisabledAccountGetsNothing goes through the real accounts.
func TestDisabledAccountGetsNothing(t *testing.T) {
	h := open(t, watching(t))
	in := receive(t)
	id := h.ask("POST", "/fhir/Subscription", with(heartRates, "URL", in.URL)).is(201).node.ID()
	h.becomes(id, "active")
	a, err := h.accounts.FindByUser(t.Context(), "amara")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.accounts.Deactivate(t.Context(), trust.System("test"), a.ID); err != nil {
		t.Fatal(err)
	}
	h.seed(pulse)
	if r := h.as(trust.FrontDesk).becomes(id, "error"); !strings.Contains(r.Get("error").Text(), "may not use the record") || len(in.wait(t, 0)) != 0 {
		t.Errorf("%s, %q", r.Get("error").Text(), in.wait(t, 0))
	}
}
