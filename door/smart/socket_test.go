package smart

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

	"github.com/coder/websocket"

	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// How often sockets look whether their clients may still be here, beside each time that they are sent
// something.
const (
	soon  = 100 * time.Millisecond
	never = time.Hour
)

// watching adds a running watcher to a house.
func watching(t *testing.T, checkEvery time.Duration) func(*house, *fhirapi.Options) {
	return func(h *house, o *fhirapi.Options) {
		guard, err := outbound.New("127.0.0.1")
		must(t, err)
		h.users.Join(h.server)
		o.While = h.users.While
		o.Watch = watch.Open(watch.Options{Gate: h.gate, Store: h.store, Accounts: h.server, Clock: h.clock, Guard: guard, Poll: 50 * time.Millisecond,
			CheckEvery: checkEvery, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); o.Watch.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
	}
}

// own is a token that a member of staff has made without a program, with all that the role may.
func (h *house) own(user string) (token, account string) {
	h.t.Helper()
	a, err := h.users.FindByUser(h.t.Context(), user)
	must(h.t, err)
	token, err = h.users.IssueToken(h.t.Context(), trust.System("test"), a.ID, []string{"user/*.cruds"}, 24*time.Hour)
	must(h.t, err)
	return token, a.ID
}

// listening is a Subscription of amara's by websocket.
func (h *house) listening(token, filter, content string) string {
	h.t.Helper()
	const guide = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	a := h.fhir(token, "POST", "Subscription", fmt.Sprintf(`{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"urn:osler:topic:chart-changed",
		"_criteria":{"extension":[{"url":"%sbackport-filter-criteria","valueString":%q}]},
		"channel":{"type":"websocket","payload":"application/fhir+json","_payload":{"extension":[{"url":"%sbackport-payload-content","valueCode":%q}]}}}`, guide, filter, guide, content))
	if a.status != 201 {
		h.t.Fatalf("subscribing: %d %s", a.status, a.body)
	}
	id := a.text("id")
	for end := time.Now().Add(20 * time.Second); h.fhir(token, "GET", "Subscription/"+id).text("status") != "active"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("the subscription is not active")
		}
	}
	return id
}

// binding asks for a token that binds a socket.
func (h *house) binding(token, subscription string) string {
	h.t.Helper()
	a := h.fhir(token, "POST", "Subscription/"+subscription+"/$get-ws-binding-token")
	if a.status != 200 {
		h.t.Fatalf("the binding token: %d %s", a.status, a.body)
	}
	return a.json["parameter"].([]any)[0].(map[string]any)["valueString"].(string)
}

// ear is a client of a websocket, with all that came.
type ear struct {
	t    *testing.T
	conn *websocket.Conn
	came chan string // closed with the socket
}

// listen connects, with a bearer token in the request or without, and says something.
func (h *house) listen(bearer, text string) *ear {
	h.t.Helper()
	o := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if bearer != "" {
		o.HTTPHeader.Set("Authorization", "Bearer "+bearer)
	}
	c, _, err := websocket.Dial(h.t.Context(), strings.Replace(h.url, "http", "ws", 1)+"/fhir/$websocket", o)
	must(h.t, err)
	c.SetReadLimit(1 << 20)
	h.t.Cleanup(func() { c.CloseNow() })
	e := &ear{h.t, c, make(chan string, 1000)}
	go func() {
		defer close(e.came)
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			e.came <- string(b)
		}
	}()
	must(h.t, c.Write(h.t.Context(), websocket.MessageText, []byte(text)))
	return e
}

// next returns what comes next; "" when the socket is closed.
func (e *ear) next() string {
	e.t.Helper()
	select {
	case text := <-e.came:
		return text
	case <-time.After(20 * time.Second):
		e.t.Fatal("nothing came")
		return ""
	}
}

// rest returns what has come and is not read, once nothing has come for a while.
func (e *ear) rest() (all []string, open bool) {
	for {
		select {
		case text, ok := <-e.came:
			if !ok {
				return all, false
			}
			all = append(all, text)
		case <-time.After(400 * time.Millisecond):
			return all, true
		}
	}
}

func weighed(id, patient, category, value string) string {
	return strings.Replace(observed(id, patient, category), `"value":72`, `"value":`+value, 1)
}

// TestSocketsTellWhatTheTokenReads: what a program is told through a websocket is what its own token
// may read and list, not what the person may who has made the subscription (and nothing of the rest is
// told: neither that it changed nor how often).
func TestSocketsTellWhatTheTokenReads(t *testing.T) {
	h := openHouse(t, watching(t, never))
	own, account := h.own("amara")
	sam, both := h.listening(own, "Observation?patient=Patient/sam", "full-resource"), h.listening(own, "Observation?status=final", "id-only")
	const lab = "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
	token := func(scopes ...string) string {
		out, err := h.users.IssueToken(t.Context(), trust.System("test"), account, scopes, time.Hour)
		must(t, err)
		return out
	}
	rosas := h.launched("launch/patient user/Subscription.rs patient/Observation.rs", "rosa")
	narrow := map[string]string{"the launch for Rosa": rosas, "laboratory results": token("user/Subscription.rs", lab)}
	ears, wide := map[string]*ear{}, h.listen(own, "bind-with-token "+h.binding(own, sam))
	wide.next()
	for name, access := range narrow {
		if a := h.fhir(access, "GET", "Observation/sam-pulse"); a.status != 404 {
			t.Fatalf("%s reads it: %d", name, a.status)
		}
		ears[name] = h.listen("", "bind-with-token "+h.binding(access, sam))
		if shake := ears[name].next(); !strings.Contains(shake, `"handshake"`) || strings.Contains(shake, "events-since") {
			t.Errorf("%s is greeted with %s", name, shake)
		}
	}
	for _, scopes := range [][]string{{"user/Subscription.rs", "user/Observation.r"}, {"user/Subscription.rs", "user/Observation.s"}, {"user/Subscription.rs"}} {
		access := token(scopes...)
		if a := h.fhir(access, "POST", "Subscription/"+sam+"/$get-ws-binding-token"); a.status != 404 {
			t.Errorf("%v: a binding token: %d", scopes, a.status)
		}
		if got := h.listen(access, "bind "+sam).next(); !strings.HasPrefix(got, "error") {
			t.Errorf("%v binds: %q", scopes, got)
		}
		if a := h.fhir(access, "GET", "Subscription/"+sam+"/$status"); scopes[len(scopes)-1] != "user/Observation.s" && strings.Contains(a.body, "events-since") {
			t.Errorf("%v: $status counts: %s", scopes, a.body)
		}
	}
	h.put(weighed("sam-pulse", "sam", "vital-signs", "31001"))
	if got := wide.next(); !strings.Contains(got, "31001") || !strings.Contains(got, "events-since") {
		t.Fatalf("the control: %s", got)
	}
	for name, e := range ears {
		if all, open := e.rest(); len(all) > 0 || !open {
			t.Errorf("%s hears %q", name, all)
		}
		for _, ask := range []string{"/$events?content=full-resource", "/$events?content=id-only", "/$events?content=empty", "/$status"} {
			if a := h.fhir(narrow[name], "GET", "Subscription/"+sam+ask); a.status != 200 || strings.Contains(a.body, "sam-pulse") || strings.Contains(a.body, "notification-event") || strings.Contains(a.body, "events-since") {
				t.Errorf("%s asks %s: %d %s", name, ask, a.status, a.body)
			}
		}
	}

	// Of a subscription about more, it hears its part.
	part := h.listen(rosas, "bind "+both)
	if got := part.next(); got != "bound "+both {
		t.Fatal(got)
	}
	h.put(weighed("sam-pulse", "sam", "vital-signs", "31002"))
	h.put(weighed("rosa-pulse", "rosa", "vital-signs", "31003"))
	if got := part.next(); !strings.Contains(got, "Observation/rosa-pulse") || strings.Contains(got, "sam-pulse") || strings.Contains(got, "events-since") {
		t.Errorf("the launch for Rosa hears %s", got)
	}
	if all, _ := part.rest(); len(all) > 0 {
		t.Errorf("and %q", all)
	}
	if a := h.fhir(own, "GET", "Subscription/"+both+"/$events"); !strings.Contains(a.body, "Observation/sam-pulse") || !strings.Contains(a.body, "Observation/rosa-pulse") {
		t.Errorf("the owner finds what nobody was bound for: %s", a.body)
	}
	// The log names the program that was told.
	told := false
	leaves, err := h.store.Leaves(t.Context(), store.LeafFilter{Actor: account, Limit: 1000})
	must(t, err)
	for _, e := range leaves {
		if l := e.Leaf; l.Action == ledger.Export && l.Client == h.public.ID {
			told = true
			if len(l.Versions) != 1 || l.Versions[0].ID != "rosa-pulse" {
				t.Errorf("in the log: %+v", l)
			}
		}
	}
	if !told {
		t.Error("the log does not say what the program was told")
	}
}

// launched lets the public program in for a patient whom amara chooses.
func (h *house) launched(scope, patient string) string {
	h.t.Helper()
	a := h.token(h.redeeming(h.public, h.code("amara", h.request(h.public, scope), "patient", patient)))
	if a.status != 200 {
		h.t.Fatalf("token answers %d %s", a.status, a.body)
	}
	return a.text("access_token")
}

// TestSocketsEndWithTheirAccess: whatever ends a program's access, or its person's, ends the sockets that
// were bound by it and the binding tokens that were not used yet: at once for what is told, and a moment
// later the connection.
func TestSocketsEndWithTheirAccess(t *testing.T) {
	program := func(h *house) string { return h.launched("user/*.rs offline_access", "") }
	person := func(h *house) string { token, _ := h.own("amara"); return token }
	amara := func(h *house) string {
		a, err := h.users.FindByUser(t.Context(), "amara")
		must(t, err)
		return a.ID
	}
	for name, c := range map[string]struct {
		access func(h *house) string
		check  time.Duration // soon: nothing is sent, since the subscription ends too
		ending func(h *house, access string)
	}{
		"the person ends the access": {program, never, func(h *house, _ string) {
			who := trust.Principal{ID: amara(h), Role: trust.Physician}
			list, err := h.server.Grants(t.Context(), who)
			must(t, err)
			for _, g := range list {
				must(t, h.server.End(t.Context(), who, g.ID))
			}
		}},
		"the program is blocked": {program, never, func(h *house, _ string) {
			h.send("POST", "/programs/"+h.public.ID, "do=block", "Cookie: "+h.cookies["root"])
		}},
		"the program gives its token up": {program, never, func(h *house, access string) { must(t, h.server.Revoke(t.Context(), h.public, access)) }},
		"the token is over":              {program, never, func(h *house, _ string) { h.clock.Advance(oauth.AccessFor + time.Second) }},
		"the session is locked": {func(h *house) string { return h.launched("user/*.rs online_access", "") }, never, func(h *house, _ string) {
			h.send("POST", "/lock", "", "Cookie: "+h.cookies["amara"])
		}},
		"all of the person's ends": {person, soon, func(h *house, _ string) { must(t, h.users.EndAll(t.Context(), trust.System("test"), amara(h))) }},
		"the account is disabled":  {person, soon, func(h *house, _ string) { must(t, h.users.Deactivate(t.Context(), trust.System("test"), amara(h))) }},
	} {
		t.Run(name, func(t *testing.T) {
			h := openHouse(t, watching(t, c.check))
			owner, _ := h.own("amara")
			sub := h.listening(owner, "Observation?status=final", "full-resource")
			access := c.access(h)
			ears := map[string]*ear{"by a binding token": h.listen("", "bind-with-token "+h.binding(access, sub)), "by the bearer token": h.listen(access, "bind "+sub)}
			unused := h.binding(access, sub)
			for how, e := range ears {
				if got := e.next(); !strings.Contains(got, sub) {
					t.Fatalf("%s: %q", how, got)
				}
			}
			h.put(weighed("rosa-pulse", "rosa", "vital-signs", "41000"))
			for how, e := range ears {
				if got := e.next(); !strings.Contains(got, "41000") {
					t.Fatalf("%s: the control: %q", how, got)
				}
			}
			c.ending(h, access)
			h.put(weighed("rosa-pulse", "rosa", "vital-signs", "41001"))
			if got := h.listen("", "bind-with-token "+unused).next(); !strings.HasPrefix(got, "error: the token is unknown, used or over") {
				t.Errorf("a binding token of before: %q", got)
			}
			for how, e := range ears {
				if all, open := e.rest(); len(all) > 0 || open {
					t.Errorf("%s: open %v, and hears %q", how, open, all)
				}
			}
		})
	}
}

// TestIdleSocketsEndWithTheirAccess: a socket that nothing is sent to is closed too.
func TestIdleSocketsEndWithTheirAccess(t *testing.T) {
	h := openHouse(t, watching(t, soon))
	owner, _ := h.own("amara")
	sub := h.listening(owner, "Observation?status=final", "full-resource")
	stays := h.listen("", "bind-with-token "+h.binding(owner, sub))
	goes := h.listen("", "bind-with-token "+h.binding(h.launched("user/*.rs offline_access", ""), sub))
	stays.next()
	goes.next()
	h.send("POST", "/programs/"+h.public.ID, "do=block", "Cookie: "+h.cookies["root"])
	if got := goes.next(); got != "" {
		t.Errorf("hears %q", got)
	}
	h.put(weighed("rosa-pulse", "rosa", "vital-signs", "41002"))
	if got := stays.next(); !strings.Contains(got, "41002") {
		t.Errorf("the other socket hears %q", got)
	}
}

// TestEndpointsEndWithTheirAccess: what a program has sent to an endpoint stops with its access.
func TestEndpointsEndWithTheirAccess(t *testing.T) {
	h := openHouse(t, watching(t, never))
	program, _, err := h.server.Register(t.Context(), h.admin, oauth.Client{Name: "Sender", Auth: oauth.AuthNone, Redirects: []string{callback}, Scopes: []string{"user/*.cruds", "offline_access"}, Staff: true})
	must(t, err)
	came := make(chan string, 100)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		came <- string(b)
	}))
	t.Cleanup(endpoint.Close)
	access := h.token(h.redeeming(program, h.code("amara", h.request(program, "user/*.cruds offline_access")))).text("access_token")
	a := h.fhir(access, "POST", "Subscription", `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Observation?status=final","channel":{"type":"rest-hook","endpoint":"`+endpoint.URL+`","payload":"application/fhir+json"}}`)
	if a.status != 201 {
		t.Fatalf("subscribing: %d %s", a.status, a.body)
	}
	h.put(weighed("rosa-pulse", "rosa", "vital-signs", "51000"))
	select {
	case got := <-came:
		if !strings.Contains(got, "51000") {
			t.Errorf("the control: %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	h.send("POST", "/programs/"+program.ID, "do=block", "Cookie: "+h.cookies["root"])
	h.put(weighed("rosa-pulse", "rosa", "vital-signs", "51001"))
	own, _ := h.own("amara")
	for end := time.Now().Add(20 * time.Second); h.fhir(own, "GET", "Subscription/"+a.text("id")).text("status") != "error"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the subscription goes on")
		}
	}
	if len(came) > 0 {
		t.Errorf("the endpoint is sent %s", <-came)
	}
}
