package watch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// chosen is a token of the physician's with other scopes, of a program that was started for a patient.
func chosen(patient string, scopes ...string) trust.Principal {
	p := physician
	p.Session, p.Scopes, p.Client, p.Launch = "t-"+patient, scopes, "app", patient
	return p
}

// bind connects somebody and binds a subscription; what comes goes into the channel.
func (h *house) bind(client Client, id string) <-chan string {
	h.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.w.ServeSocket(w, r, client) }))
	h.t.Cleanup(server.Close)
	c, _, err := websocket.Dial(h.t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	h.t.Cleanup(func() { c.CloseNow() })
	if err := c.Write(h.t.Context(), websocket.MessageText, []byte("bind "+id)); err != nil {
		h.t.Fatal(err)
	}
	came := make(chan string, 1000)
	go func() {
		defer close(came)
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			came <- string(b)
		}
	}()
	if got := <-came; got != "bound "+id {
		h.t.Fatalf("bind answers %q", got)
	}
	return came
}

func is(p trust.Principal) Client {
	return func(context.Context) (trust.Principal, error) { return p, nil }
}

// TestHeartbeatsDoNotTellWhatIsLeftOut: who may not see what happens hears the heartbeats of a quiet
// subscription, without a count; who may sees the events.
func TestHeartbeatsDoNotTellWhatIsLeftOut(t *testing.T) {
	h := open(t)
	id := h.put(physician, strings.NewReplacer(`"rest-hook","endpoint":""`, `"websocket"`).Replace(
		topical("chart-changed", "", "Observation?status=final", "id-only", `,"extension":[{"url":"`+extHeartbeat+`","valueUnsignedInt":1}]`)))[0]
	h.becomes(id, "active")
	sams := h.bind(is(chosen("sam", "user/Subscription.rs", "patient/Observation.rs")), id)
	owners := h.bind(is(physician), id)
	beats, events, puts := 0, 0, 0
	heard := func() {
		for len(sams) > 0 {
			got := <-sams
			if beats++; !strings.Contains(got, `"heartbeat"`) || strings.Contains(got, "Observation") || strings.Contains(got, "events-since") {
				t.Errorf("told of what it may not see: %s", got)
			}
		}
		for len(owners) > 0 {
			if got := <-owners; strings.Contains(got, "Observation/o") && strings.Contains(got, "events-since") {
				events++
			}
		}
	}
	h.until("two heartbeats beside ten events", func() bool {
		h.put(physician, pulse(puts, "8867-4", "rosa"))
		puts++
		time.Sleep(250 * time.Millisecond)
		heard()
		return beats >= 2 && puts >= 10
	})
	h.until("the owner hears of all", func() bool { heard(); return events >= puts })
}

// TestPingsAreForThoseWhoMayLook: R4's ping says that something is there, and so only to who finds it.
func TestPingsAreForThoseWhoMayLook(t *testing.T) {
	h := open(t)
	id := h.put(physician, `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Observation?status=final","channel":{"type":"websocket"}}`)[0]
	h.becomes(id, "active")
	sams := h.bind(is(chosen("sam", "user/Subscription.rs", "patient/Observation.rs")), id)
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.quiet()
	time.Sleep(300 * time.Millisecond) // what should not come would come now
	if len(sams) > 0 {
		t.Errorf("told of another patient: %q", <-sams)
	}
	h.put(physician, pulse(2, "8867-4", "sam"))
	if got := <-sams; got != "ping "+id {
		t.Errorf("%q", got)
	}
}

// TestAMessageThatWaitedIsNotWritten: what stands behind a slow receiver is not written when its client
// has gone meanwhile.
func TestAMessageThatWaitedIsNotWritten(t *testing.T) {
	var gone atomic.Bool
	client := func(context.Context) (trust.Principal, error) {
		if gone.Load() {
			return trust.Principal{}, fault.New(fault.Unauthorized, "over")
		}
		return physician, nil
	}
	m := outgoing{text: []byte("x"), by: client, made: time.Now().Add(-2 * stillFor)}
	if err := m.still(t.Context()); err != nil {
		t.Error(err)
	}
	gone.Store(true)
	if err := m.still(t.Context()); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("%v", err)
	}
}
