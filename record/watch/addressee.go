package watch

import (
	"context"
	"reflect"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// addressee is somebody whom a notification goes to, and what it may see of it.
type addressee struct {
	actor  *record.Actor
	events []event
	bound  []bound // by websocket: all with the same rights; otherwise the endpoint
}

// deaf reports whether an addressee may see nothing of a notification.
func (r addressee) deaf() bool { return len(r.events) == 0 }

// addressees returns whom events that the owner may see go to: the owner's endpoint, or who is bound
// now, each with what it may see itself.
func (l *line) addressees(ctx context.Context, owner trust.Principal, events []event) ([]addressee, error) {
	if l.order.channel == channelSocket {
		return l.w.listeners(ctx, l.order, owner, events)
	}
	return []addressee{{actor: l.w.Gate.As(owner, door), events: events}}, nil
}

// visible returns the events that an actor may be told of now, as it may see them.
func visible(ctx context.Context, a *record.Actor, o *order, events []event) (shown []event, err error) {
	for _, e := range events {
		if a.MayAsk(ctx, e.Type, o.where[e.Type]) != nil { // it does not see by what they were chosen
			continue
		}
		v, ok, err := a.Shows(ctx, e.stored)
		if err != nil {
			return nil, err
		}
		if ok {
			e.stored = v
			shown = append(shown, e)
		}
	}
	return shown, nil
}

// heardBy reports whether a client may be bound to a subscription: it is of the owner's account,
// and its token reads and lists something of all types that the owner's does. An account has
// programs with narrow tokens; what of these types they are told is judged event by event.
func (o *order) heardBy(who, owner trust.Principal) bool {
	if who.ID == "" || who.ID != owner.ID {
		return false
	}
	owner.Role = who.Role // today's
	tells := func(p trust.Principal, t string) bool {
		return policy.May(p, policy.Read, t) == nil && policy.May(p, policy.Search, t) == nil
	}
	return !slices.ContainsFunc(o.types, func(t string) bool { return tells(owner, t) && !tells(who, t) })
}

// listeners returns who is bound to a subscription, as they are now, each with what it may see
// itself of events that the owner may see. It is asked each time something is sent: since a socket
// was bound, the subscription may have got another owner, and the socket's token may have ended;
// then it is closed.
func (w *Watcher) listeners(ctx context.Context, o *order, owner trust.Principal, events []event) (list []addressee, err error) {
	for _, b := range w.hub.of(o.id) {
		p, err := b.by(ctx)
		if fault.Is(err, fault.Unauthorized) {
			w.hub.end(b.socket)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !o.heardBy(p, owner) {
			continue
		}
		if i := slices.IndexFunc(list, func(r addressee) bool { return reflect.DeepEqual(r.actor.Principal(), p) }); i >= 0 {
			list[i].bound = append(list[i].bound, b)
			continue
		}
		r := addressee{actor: w.Gate.As(p, door), bound: []bound{b}}
		if r.events, err = visible(ctx, r.actor, o, events); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}
