package watch

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Status answers $status of one subscription: its status, how many events it has sent, and
// what went wrong last, as a searchset of Parameters.
func (w *Watcher) Status(ctx context.Context, a *record.Actor, ids, statuses []string) (*fhir.Node, error) {
	found := len(ids) == 0
	if found {
		list, err := a.Find(ctx, "Subscription", "")
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			ids = append(ids, r.ID())
		}
	}
	entries := fhir.Arr()
	for _, id := range ids {
		if !found {
			if _, err := a.Read(ctx, "Subscription", id); err != nil {
				return nil, err
			}
		}
		o, err := w.current(ctx, id)
		if found && (fault.Is(err, fault.Gone) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotSupported)) {
			continue // deleted meanwhile, or stored by a program that knew more
		}
		if err != nil {
			return nil, err
		}
		if len(statuses) > 0 && !slices.Contains(statuses, o.status) {
			continue
		}
		s, _, err := w.load(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		s = s.toldTo(ctx, a, o)
		entries.Append(fhir.Obj("resource", w.statusOf(ident.New(w.Clock.Now()), o, s, "query-status", contentEmpty, nil), "search", fhir.Obj("mode", "match")))
	}
	return fhir.Obj("resourceType", "Bundle", "type", "searchset", "total", fhir.Int(int64(entries.Len())), "entry", entries), nil
}

// Events answers $events: the events of a day, between two numbers (0: open), as far as the
// caller may see them now. content is empty, id-only or full-resource; "" is as subscribed.
func (w *Watcher) Events(ctx context.Context, a *record.Actor, id string, from, to int64, content string) (*fhir.Node, error) {
	if _, err := a.Read(ctx, "Subscription", id); err != nil {
		return nil, err
	}
	o, err := w.current(ctx, id)
	if err != nil {
		return nil, err
	}
	if o.topic == nil {
		return nil, fault.New(fault.NotSupported, "Only subscriptions to a topic remember their events; history tells what changed.")
	}
	if content == "" {
		content = o.content
	}
	if !slices.Contains([]string{contentEmpty, contentID, contentFull}, content) {
		return nil, fault.New(fault.Malformed, "content must be empty, id-only or full-resource.")
	}
	s, _, err := w.load(ctx, id)
	if err != nil {
		return nil, err
	}
	s = s.toldTo(ctx, a, o)
	list, err := w.remembered(ctx, id, from, to)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		if list[i].stored, err = w.Store.ReadVersion(ctx, e.Type, e.ID, e.Version); err != nil {
			return nil, err
		}
	}
	shown, err := visible(ctx, a, o, list)
	if err != nil {
		return nil, err
	}
	if content != contentEmpty {
		if err := a.Disclose(ctx, "subscription "+id+": $events", versionsOf(shown)); err != nil {
			return nil, err
		}
	}
	return w.bundleOf(o, s, "query-event", content, shown), nil
}

// Binding is a token that binds a websocket to subscriptions, once.
type Binding struct {
	Token   string
	Expires time.Time
	IDs     []string
}

// BindingToken answers $get-ws-binding-token for own subscriptions by websocket; none named
// means all of them. What is bound by it hears what the client may, as long as it may.
func (w *Watcher) BindingToken(ctx context.Context, a *record.Actor, client Client, ids []string) (Binding, error) {
	if len(ids) == 0 {
		items, err := w.Store.Items(ctx, spaceState, a.Principal().ID)
		if err != nil || a.Principal().ID == "" {
			return Binding{}, err
		}
		for _, item := range items {
			if _, _, err := w.bindable(ctx, a, item.Key); err == nil {
				ids = append(ids, item.Key)
			}
		}
	}
	if len(ids) == 0 || len(ids) > maxBound {
		return Binding{}, fault.New(fault.NotFound, "A token is for 1 to %d subscriptions by websocket of yours; these are %s.", maxBound, strconv.Itoa(len(ids)))
	}
	for _, id := range ids {
		if _, _, err := w.bindable(ctx, a, id); err != nil {
			return Binding{}, err
		}
	}
	token, expires, err := w.hub.token(client, ids)
	return Binding{token, expires, ids}, err
}
