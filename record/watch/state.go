package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// The spaces of items: what a subscription remembers, and the events of those on topics.
const (
	spaceState = "subscription"
	spaceEvent = "subscription-event"
)

// eventsFor is how long $events can answer about an event, and eventsKept about how many.
const (
	eventsFor  = 24 * time.Hour
	eventsKept = 10000
)

// state is what is remembered of a subscription beside the resource: what nobody may read,
// and how far it has come. It is one item, written in the commit of the leaf that it goes with.
type state struct {
	// Owner is who wrote the subscription last; notifications are under its rights. Until is
	// when its token ends by itself.
	Owner trust.Principal `json:"owner"`
	Until time.Time       `json:"until,omitzero"`
	// Endpoint is where Headers may be sent.
	Endpoint string   `json:"endpoint,omitempty"`
	Headers  []string `json:"headers,omitempty"`
	// Criteria tell whether a renewed subscription goes on where it stopped.
	Criteria string `json:"criteria"`
	// At is how far the feed has been worked off; Events how many events have been sent.
	At       position `json:"at"`
	Events   int64    `json:"events"`
	Failures int      `json:"failures,omitempty"` // of the present notification
	Reason   string   `json:"reason,omitempty"`   // of the last failure
}

// position is a place in the feed: all commits before T are done, and of T the versions up
// to Type and ID; all of T when they are empty.
type position struct {
	T    store.T `json:"t"`
	Type string  `json:"type,omitempty"`
	ID   string  `json:"id,omitempty"`
}

// base is the T after which the feed has to be read.
func (p position) base() store.T {
	if p.Type != "" {
		return p.T - 1
	}
	return p.T
}

// past reports whether a version has been worked off.
func (p position) past(v store.Version) bool {
	switch {
	case v.T != p.T:
		return v.T < p.T
	case p.Type == "":
		return true
	}
	return cmp.Or(cmp.Compare(v.Type, p.Type), cmp.Compare(v.ID, p.ID)) <= 0
}

// event is one event that was sent, as $events remembers it.
type event struct {
	Number  int64     `json:"number"`
	Type    string    `json:"type"`
	ID      string    `json:"id"`
	Version int64     `json:"version"`
	Deleted bool      `json:"deleted,omitempty"`
	When    time.Time `json:"when"`

	stored store.Version // the version itself, while it is being sent
}

// eventsOf returns versions as events that have no number yet.
func eventsOf(versions []store.Version) []event {
	list := make([]event, len(versions))
	for i, v := range versions {
		list[i] = event{Type: v.Type, ID: v.ID, Version: v.Version, Deleted: v.Deleted, When: v.Updated, stored: v}
	}
	return list
}

// items remembers the event, and forgets the one that is too many.
func (e event) items(subscription string, now time.Time) ([]store.ItemWrite, error) {
	value, err := json.Marshal(e)
	key := func(n int64) string { return fmt.Sprintf("%s/%012d", subscription, n) }
	list := []store.ItemWrite{{IfVersion: -1, Item: store.Item{Space: spaceEvent, Key: key(e.Number), Owner: subscription, Patient: e.stored.Patient, Value: value, Expires: now.Add(eventsFor)}}}
	if e.Number > eventsKept {
		list = append(list, store.ItemWrite{Delete: true, IfVersion: -1, Item: store.Item{Space: spaceEvent, Key: key(e.Number - eventsKept)}})
	}
	return list, err
}

// load reads the state of a subscription; the version guards against a second writer.
func (w *Watcher) load(ctx context.Context, id string) (s state, version int64, err error) {
	item, err := w.Store.Item(ctx, spaceState, id)
	if err != nil {
		return state{}, 0, err
	}
	return s, item.Version, json.Unmarshal(item.Value, &s)
}

func (s state) item(id string, ifVersion int64) (store.ItemWrite, error) {
	value, err := json.Marshal(s)
	return store.ItemWrite{IfVersion: ifVersion, Item: store.Item{Space: spaceState, Key: id, Owner: s.Owner.ID, Patient: s.Owner.Patient, Value: value}}, err
}

// remembered returns the events of a subscription between two numbers, both included.
func (w *Watcher) remembered(ctx context.Context, id string, from, to int64) ([]event, error) {
	items, err := w.Store.Items(ctx, spaceEvent, id)
	if err != nil {
		return nil, err
	}
	var out []event
	for _, item := range items {
		if !strings.HasPrefix(item.Key, id+"/") {
			continue
		}
		var e event
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return nil, err
		}
		if e.Number >= from && (to == 0 || e.Number <= to) {
			out = append(out, e)
		}
	}
	if len(out) > maxEvents {
		return nil, fault.New(fault.TooCostly, "These are more than %d events; ask for fewer with eventsSinceNumber and eventsUntilNumber.", maxEvents)
	}
	return out, nil
}

// maxEvents is the largest number of events in one answer.
const maxEvents = 1000

// toldTo returns the state as a reader may know it. How many events there were, and that
// sending them failed, says what stands in the record: only who is shown all that was sent
// learns it.
func (s state) toldTo(ctx context.Context, a *record.Actor, o *order) state {
	p, owner := a.Principal(), s.Owner
	owner.Role = p.Role // today's, where it is the same account
	for _, t := range o.types {
		all := reaches(p, t)
		whole := all == [2]search.Expr{search.All{}, search.All{}} || p.ID != "" && p.ID == s.Owner.ID && reflect.DeepEqual(all, reaches(owner, t))
		if !whole || a.MayAsk(ctx, t, o.where[t]) != nil {
			s.Events, s.Failures, s.Reason = hidden, 0, ""
			break
		}
	}
	return s
}

// reaches returns what of a type role and token let a principal see, and list.
func reaches(p trust.Principal, t string) [2]search.Expr {
	return [2]search.Expr{policy.Visible(p, t), policy.Listed(p, t)}
}

// hidden is a number of events that is not told.
const hidden = -1

func versionsOf(events []event) []store.Version {
	list := make([]store.Version, len(events))
	for i, e := range events {
		list[i] = e.stored
	}
	return list
}
