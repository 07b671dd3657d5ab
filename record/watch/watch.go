// Package watch notifies others of changes in the record: FHIR R4 Subscriptions with a
// search as criteria, and subscriptions to topics (HL7 Subscriptions R5 Backport).
//
//	w := watch.Open(watch.Options{Gate: gate, Store: s, Accounts: accounts, …})
//	go w.Run(ctx)
//
// A subscription is a resource. What a person may not see of it, and how far it has come,
// is an item beside it (state.go). Each active one has a line of its own: a goroutine that
// follows the store's feed of changes from its own position, so that a slow receiver holds
// up neither writes nor other receivers. A line sends one notification at a time, in the
// order of the commits, and moves its position after it was accepted: nothing is lost when
// the process is killed, and what was under way then is sent once more, under the same
// number.
//
// What a subscription sees is what its owner may see at the moment of each attempt: the
// account's role of today, within the scopes of the token that wrote the subscription. Who is
// bound to it by websocket hears of that what its own token may read and list at that moment.
// Every notification has a leaf in the audit log before it leaves.
//
// Work of the house itself that follows from what is written, such as the review of a result that
// a laboratory has sent, follows the same feed as a Consumer (consumer.go).
//
// How a notification is refused, repeated and given up is in line.go; the channels are in
// hook.go, socket.go and mail.go; who is told what in addressee.go; what may be asked about a subscription in ask.go.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// Accounts tells whether those who subscribed may still use the record.
type Accounts interface {
	// Acting returns what a principal is today; fault.Unauthorized when it is nobody any more.
	Acting(ctx context.Context, was trust.Principal, until time.Time) (trust.Principal, error)
	// TokenUntil returns when the token of a principal ends; zero without a token.
	TokenUntil(ctx context.Context, p trust.Principal) (time.Time, error)
}

// Options of a Watcher.
type Options struct {
	Gate     *record.Gate
	Store    store.Store
	Accounts Accounts
	Clock    clock.Clock
	Log      *slog.Logger
	// Guard decides which endpoints may be reached.
	Guard outbound.Guard
	// Mail sends email; without a Server there is none.
	Mail Mail
	// Base is the public address of FHIR without a slash at its end; it may be empty.
	Base string
	// Retry says how often a notification is tried.
	Retry Retry
	// Poll is how often changes are looked for that other processes made; 0: every 2 seconds.
	Poll time.Duration
	// CheckEvery is how often a websocket asks whether its client may still be here, beside each
	// time that it is sent something; 0: every 20 seconds.
	CheckEvery time.Duration
}

// Retry says how often and how fast a notification is repeated. Between attempts the delay
// doubles from First to Most, and a random part of it is left out, so that receivers that
// come back are not met by all at once.
type Retry struct {
	First, Most time.Duration // 0: a second, 10 minutes
	Attempts    int           // 0: 30, which is about three hours and a half
}

// Counts is what a Watcher has done since it was opened.
type Counts struct {
	Active                        int // lines at work
	Sent, Events, Failed, GivenUp int64
}

// Watcher looks after the subscriptions of a record. One serves a process; when several
// processes share a store, one of them runs it.
type Watcher struct {
	Options
	feed   *feed
	house  *feed // that of the Consumers
	hub    *hub
	poke   chan struct{}
	client guarded

	mu    sync.Mutex
	lines map[string]*line

	topicsMu    sync.Mutex
	topics      map[string]*Topic // of the record, by address
	topicsStale atomic.Bool

	sent, events, failed, givenUp atomic.Int64
}

// Open returns a Watcher, which looks after the Subscriptions that are written from now on;
// Run starts to deliver. It is for wiring, before the gate is in use.
func Open(o Options) *Watcher {
	if o.Poll <= 0 {
		o.Poll = 2 * time.Second
	}
	if o.CheckEvery <= 0 {
		o.CheckEvery = 20 * time.Second
	}
	if o.Retry.First <= 0 {
		o.Retry.First = time.Second
	}
	if o.Retry.Most <= 0 {
		o.Retry.Most = 10 * time.Minute
	}
	if o.Retry.Attempts <= 0 {
		o.Retry.Attempts = 30
	}
	feedOf := func() *feed { return &feed{store: o.Store, extract: o.extract} }
	w := &Watcher{Options: o, feed: feedOf(), house: feedOf(), hub: newHub(o.Clock), poke: make(chan struct{}, 1), client: newGuarded(o.Guard), lines: map[string]*line{}}
	w.house.lacks = func(v store.Version) {
		w.Log.Warn("background work goes on without data that is lost", "resource", v.Type+"/"+v.ID, "version", v.Version)
	}
	w.topicsStale.Store(true)
	o.Gate.Keeps("Subscription", w)
	o.Gate.Keeps("Basic", topicKeeper{w})
	return w
}

// extract returns the index entries of a resource, those of the record's own parameters
// among them.
func (o Options) extract(r *fhir.Node) ([]search.Entry, error) {
	registry, err := o.Gate.Registry(context.Background())
	if err != nil {
		return nil, err
	}
	return registry.Extract(r)
}

// Counts returns what has been done.
func (w *Watcher) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Counts{Active: len(w.lines), Sent: w.sent.Load(), Events: w.events.Load(), Failed: w.failed.Load(), GivenUp: w.givenUp.Load()}
}

// lookAround is how often subscriptions are looked for that others wrote.
const lookAround = 30 * time.Second

// Run works until ctx ends, and returns when every line has stopped.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		if err := w.reconcile(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("subscriptions cannot be read", "error", err)
		}
		select {
		case <-w.poke:
		case <-tick.C:
		case <-ctx.Done():
			w.hub.close()
			w.mu.Lock()
			lines := w.lines
			w.lines = map[string]*line{}
			w.mu.Unlock()
			for _, l := range lines {
				l.stop()
			}
			return
		}
	}
}

// reconcile starts a line for each subscription that needs one and stops the others.
func (w *Watcher) reconcile(ctx context.Context) error {
	items, err := w.Store.Items(ctx, spaceState, "")
	if err != nil {
		return err
	}
	w.mu.Lock() // also held while a line writes its status, so that it is not taken for somebody else's
	defer w.mu.Unlock()
	wanted := map[string]bool{}
	for _, item := range items {
		o, err := w.current(ctx, item.Key)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			if err := w.forget(ctx, item); err != nil {
				return err
			}
			continue
		}
		if fault.Is(err, fault.NotSupported) || fault.Is(err, fault.Invalid) { // such as one on a topic that is gone
			if err := w.unreadable(ctx, item.Key, err); err != nil {
				return err
			}
			continue
		}
		if ctx.Err() != nil { // the program ends
			return ctx.Err()
		}
		if err != nil {
			w.Log.Error("a subscription cannot be read", "subscription", item.Key, "error", err)
			wanted[item.Key] = true
			continue
		}
		if o.status != statusRequested && o.status != statusActive {
			continue
		}
		wanted[o.id] = true
		if l := w.lines[o.id]; l != nil {
			if l.order.version == o.version && l.order.topic == o.topic && !l.ended() {
				continue
			}
			l.stop()
		}
		w.lines[o.id] = w.start(ctx, o)
	}
	for id, l := range w.lines {
		if !wanted[id] {
			l.stop()
			delete(w.lines, id)
		}
	}
	return nil
}

// current reads a subscription as it is now; fault.Gone when it was deleted.
func (w *Watcher) current(ctx context.Context, id string) (*order, error) {
	v, err := w.Store.Read(ctx, "Subscription", id, 0)
	if err != nil {
		return nil, err
	}
	if v.Deleted {
		return nil, fault.New(fault.Gone, "The subscription was deleted.")
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	return w.read(ctx, r)
}

// unreadable gives up a subscription that cannot be followed any more.
func (w *Watcher) unreadable(ctx context.Context, id string, why error) error {
	v, err := w.Store.Read(ctx, "Subscription", id, 0)
	if err != nil {
		return err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil || r.Get("status").Text() != statusActive && r.Get("status").Text() != statusRequested {
		return err
	}
	if l := w.lines[id]; l != nil {
		l.stop()
		delete(w.lines, id)
	}
	_, err = w.mark(ctx, v.Version, r, statusError, reason(why))
	if fault.Is(err, fault.Stale) {
		return nil
	}
	return err
}

// mark writes a status into a Subscription and returns its version.
func (w *Watcher) mark(ctx context.Context, version int64, r *fhir.Node, status, text string) (int64, error) {
	r.Set("status", fhir.Str(status))
	r.Remove("error")
	if text != "" {
		r.Set("error", fhir.Str(text))
		w.Log.Warn("a subscription has stopped", "subscription", r.ID(), "reason", text)
	}
	result, err := w.Gate.As(self, door).Commit(ctx, record.Change{What: "subscription is " + status, Dangling: true,
		Put: []record.Put{{Resource: r, IfMatch: version}}})
	if err != nil {
		return 0, err
	}
	return result.Versions[0].Version, nil
}

// forget removes what is remembered of a subscription that is not there any more. A commit
// that creates one may be under way: its item comes with the resource, never before it.
func (w *Watcher) forget(ctx context.Context, item store.Item) error {
	err := w.Gate.As(self, door).Disclose(ctx, "subscription "+item.Key+" is gone", nil,
		store.ItemWrite{Item: store.Item{Space: spaceState, Key: item.Key}, Delete: true, IfVersion: item.Version})
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// door is what the audit log calls the way out.
const door = "subscription"
