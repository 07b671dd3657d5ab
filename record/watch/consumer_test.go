package watch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// heard keeps what a consumer was told.
type heard struct {
	mu   sync.Mutex
	list []string
	fail func(n int) error // n counts from 1
	n    int
}

func (t *heard) do(_ context.Context, c Commit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.fail != nil {
		if err := t.fail(t.n); err != nil {
			return err
		}
	}
	leaf, err := c.Leaf()
	if err != nil {
		return err
	}
	for _, v := range c.Versions {
		t.list = append(t.list, fmt.Sprintf("%s/%s/%d by %s", v.Type, v.ID, v.Version, leaf.Actor))
	}
	return nil
}

func (t *heard) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// consumes runs a consumer until the function that is returned is called.
func (h *house) consumes(c Consumer) (stop func()) {
	h.t.Helper()
	if err := h.w.Begin(context.Background(), c); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.w.Consume(ctx, c) }()
	return func() { cancel(); <-done }
}

// TestConsumer: work of the house is told of whole commits with one of its types, from its beginning
// on, with who wrote them; it goes on after a stop where it was.
func TestConsumer(t *testing.T) {
	h := open(t)
	h.put(physician, pulse(1, "8867-4", "rosa"))
	var got heard
	c := Consumer{Name: "work", Types: []string{"Observation"}, Do: got.do}
	stop := h.consumes(c)
	want := []string{}
	add := func(p trust.Principal, id string) {
		want = append(want, fmt.Sprintf("Observation/%s/1 by %s", id, p.ID))
	}
	for i := range 3 {
		add(physician, h.put(physician, pulse(10+i, "8867-4", "rosa"))[0])
		h.put(physician, `{"resourceType":"Condition","subject":{"reference":"Patient/rosa"}}`)
	}
	h.until("it is told", func() bool { return len(got.all()) >= len(want) })
	stop()
	add(importer, h.put(importer, pulse(20, "8867-4", "rosa"))[0])
	stop = h.consumes(c)
	defer func() { stop() }()
	h.until("it goes on", func() bool { return len(got.all()) >= len(want) })
	both := h.put(physician, pulse(30, "8867-4", "rosa"), `{"resourceType":"Condition","subject":{"reference":"Patient/rosa"}}`)
	want = append(want, fmt.Sprintf("Condition/%s/1 by %s", both[1], physician.ID))
	add(physician, both[0])
	add(physician, h.put(physician, pulse(31, "8867-4", "rosa"))[0]) // what comes twice comes before this
	h.until("it is told of the whole commit", func() bool { return len(got.all()) >= len(want) })
	if list := got.all(); !slices.Equal(list, want) {
		t.Errorf("told\n%q\nwant\n%q", list, want)
	}
}

// TestAConsumerThatFails is told again, in order, also when it panics; one that runs twice loses nothing.
func TestAConsumerThatFails(t *testing.T) {
	h := open(t, func(o *Options) { o.Log = slog.New(slog.DiscardHandler) })
	got := heard{fail: func(n int) error {
		switch n {
		case 2:
			return fault.New(fault.Conflict, "somebody else")
		case 4:
			panic("no")
		}
		return nil
	}}
	old := pause
	pause = 0
	defer func() { pause = old }()
	var twin heard
	one := h.consumes(Consumer{Name: "work", Types: []string{"Observation"}, Do: got.do})
	defer one()
	two := h.consumes(Consumer{Name: "work", Types: []string{"Observation"}, Do: twin.do})
	defer two()
	seen := map[string]bool{}
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("Observation/%s/1 by %s", h.put(physician, pulse(i, "8867-4", "rosa"))[0], physician.ID))
	}
	h.until("both have seen all that the other has not", func() bool {
		for _, id := range append(got.all(), twin.all()...) {
			seen[id] = true
		}
		return len(seen) == len(ids)
	})
}

// TestAConsumerOfARecordThatWasRestored goes on from what there is.
func TestAConsumerOfARecordThatWasRestored(t *testing.T) {
	h := open(t)
	ctx := context.Background()
	var got heard
	c := Consumer{Name: "work", Types: []string{"Observation"}, Do: got.do}
	_, err := h.store.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Actor: "test", Action: ledger.Keep},
		Items: []store.ItemWrite{{Item: store.Item{Space: spaceConsumer, Key: c.Name, Value: []byte("1000000")}}}})
	if err != nil {
		t.Fatal(err)
	}
	stop := h.consumes(c)
	defer stop()
	h.put(physician, pulse(1, "8867-4", "rosa"))
	h.until("it is told", func() bool { return len(got.all()) == 1 })
	if _, err := (Commit{store: h.store}).First(ctx, "Patient", "nobody"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if l, err := (Commit{store: h.store}).First(ctx, "Patient", "rosa"); err != nil || l.Action != ledger.Import {
		t.Errorf("%+v %v", l, err)
	}
}

// A lost scan holds up nothing that was written after it.
func TestALostContentHoldsNothingUp(t *testing.T) {
	h := open(t)
	place, err := bucket.Open(h.dir + "/contents")
	if err != nil {
		t.Fatal(err)
	}
	whole := record.WithContents(h.store, blob.New(place, make([]byte, 32)))
	gate := record.Open(whole, clock.System{})
	var log bytes.Buffer
	o := h.options
	o.Gate, o.Store, o.Log = gate, whole, slog.New(slog.NewTextHandler(&log, nil))
	h.w, h.gate = Open(o), gate
	var told heard
	c := Consumer{Name: "test", Types: []string{"Observation"}, Do: told.do}
	h.consumes(c)() // it begins here
	id := h.put(importer, `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+strings.Repeat("AAAA", 50_000)+`"}}]}`)[0]
	if err := os.RemoveAll(h.dir + "/contents"); err != nil {
		t.Fatal(err)
	}
	h.put(importer, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`)
	stop := h.consumes(c)
	h.until("the result behind the lost scan is heard of", func() bool { return len(told.all()) == 1 })
	stop()
	if !strings.Contains(log.String(), "DocumentReference/"+id) {
		t.Errorf("the log does not name the document: %s", log.String())
	}
}
