package proof

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is where notifications go.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	list []string
}

func receive(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list = append(r.list, q.Method+" "+q.URL.Path+" "+string(b))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after half a minute: %s", what)
		}
	}
}

const administrative = `{"resourceType":"Communication","id":"ID","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"CATEGORY"}]}],"subject":{"reference":"Patient/rosa"},"sender":{"reference":"Practitioner/amara"},"payload":[{"contentString":"x"}]}`

func message(id, category string) string {
	return strings.NewReplacer("ID", id, "CATEGORY", category).Replace(administrative)
}

// TestAbuseB13: a subscription of the front desk on messages tells of administrative ones
// only. What clinicians write to each other makes no notification, no event, no number, in a
// world where it is written and in one where it is not.
func TestAbuseB13(t *testing.T) {
	var told, events [2]string
	for world := range 2 {
		h := open(t, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz"}]}`, `{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.watch.Run(ctx) }()
		in := receive(t)
		made := h.ask("dana", "POST", "/fhir/Subscription", `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Communication?status=completed","channel":{"type":"rest-hook","endpoint":"`+in.URL+`","payload":"application/fhir+json"}}`)
		if made.status != 201 {
			t.Fatalf("%d %s", made.status, made.body)
		}
		id := parsed(t, made.body).ID()
		at := "/fhir/Subscription/" + id
		eventually(t, "the subscription is not active", func() bool { return strings.Contains(h.ask("dana", "GET", at, "").body, `"status":"active"`) })
		for i, category := range []string{"administrative", "staff-message", "administrative", "staff-message", "administrative"} {
			if category == "staff-message" && world == 0 {
				continue
			}
			h.seed(message("m"+string(rune('0'+i)), category))
		}
		eventually(t, "three notifications are not there", func() bool { return len(in.got()) >= 3 })
		time.Sleep(200 * time.Millisecond) // what should not come would come now
		told[world] = strings.Join(in.got(), "\n")
		a := h.ask("dana", "GET", at+"/$status", "")
		events[world] = strings.ReplaceAll(answer{a.status, a.header, a.body}.plain(), id, "ID")
		cancel()
		<-done
	}
	if told[0] != told[1] {
		t.Errorf("the stream of notifications differs:\n%s\n%s", told[0], told[1])
	}
	if events[0] != events[1] {
		t.Errorf("the status differs:\n%s\n%s", events[0], events[1])
	}
	if !strings.Contains(told[0], "m0") || strings.Contains(told[1], "staff-message") {
		t.Errorf("what was told differs from what may be: %s", told[1])
	}
}
