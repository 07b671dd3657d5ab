package watch

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Limits of how many subscriptions there are.
const (
	maxOwned = 100  // of one account
	maxAll   = 1000 // of the house
)

// self is who changes the status of subscriptions.
var self = trust.System("subscriptions")

// Keep implements record.Keeper for Subscription. It refuses what cannot work, makes the
// writer the owner, hides the values of headers, and turns what the writer says about the
// status into a request: active is only what the server has tried.
func (w *Watcher) Keep(ctx context.Context, a *record.Actor, before, after *fhir.Node) ([]store.ItemWrite, error) {
	p := a.Principal()
	if p.ID == self.ID {
		return nil, nil
	}
	if after == nil {
		return []store.ItemWrite{{Item: store.Item{Space: spaceState, Key: before.ID()}, Delete: true, IfVersion: -1}}, nil
	}
	o, err := w.read(ctx, after)
	if err != nil {
		return nil, err
	}
	after.Remove("error")
	switch o.status {
	case statusRequested, statusActive:
		after.Set("status", fhir.Str(statusRequested))
	default:
		after.Set("status", fhir.Str(statusOff))
	}
	if p.Role == trust.SystemRole { // an import has no rights to notify under
		after.Set("status", fhir.Str(statusOff))
		after.Set("error", fhir.Str("It was imported. Who wants it writes it again with the status requested."))
	}
	if err := w.possible(ctx, p, o); err != nil {
		return nil, err
	}
	for t, where := range o.where {
		if err := a.MayAsk(ctx, t, where); err != nil {
			return nil, err
		}
	}
	s, version, err := w.load(ctx, o.id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if version == 0 || s.Owner.ID != p.ID {
		if err := w.room(ctx, p); err != nil {
			return nil, err
		}
	}
	next, err := w.renew(ctx, p, o, s, before)
	if err != nil {
		return nil, err
	}
	hide(after, o)
	own(after, p.ID)
	item, err := next.item(o.id, -1)
	return []store.ItemWrite{item}, err
}

// Kept implements record.Keeper.
func (w *Watcher) Kept() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// possible refuses what could never be delivered.
func (w *Watcher) possible(ctx context.Context, p trust.Principal, o *order) error {
	mayAny := slices.ContainsFunc(o.types, func(t string) bool {
		return policy.May(p, policy.Read, t) == nil && policy.May(p, policy.Search, t) == nil
	})
	if !mayAny {
		return fault.New(fault.Forbidden, "You may not read and search what this subscription is about.").At("Subscription.criteria")
	}
	switch {
	case o.channel == channelHook:
		if _, err := w.Guard.URL(o.endpoint); err != nil {
			f := err.(*fault.Error) // URL returns faults only
			return fault.New(f.Code, "%s", f.Message).At("Subscription.channel.endpoint")
		}
	case o.channel == channelMail && w.Mail.Server == "":
		return fault.New(fault.NotSupported, "This server sends no email: an operator has to name a mail server first.").At("Subscription.channel.type")
	}
	return nil
}

// room refuses more subscriptions than one account, or the house, may have.
func (w *Watcher) room(ctx context.Context, p trust.Principal) error {
	all, err := w.Store.Items(ctx, spaceState, "")
	if err != nil {
		return err
	}
	own := 0
	for _, item := range all {
		if item.Owner == p.ID {
			own++
		}
	}
	if own >= maxOwned || len(all) >= maxAll {
		return fault.New(fault.TooCostly, "There are %d subscriptions, %d of them yours; the limits are %d and %d. Delete some first.", len(all), own, maxAll, maxOwned)
	}
	return nil
}

// renew returns the state of a subscription that is written. One that stopped with an error
// goes on where it stopped, when the same owner asks for the same; any other starts now.
func (w *Watcher) renew(ctx context.Context, p trust.Principal, o *order, old state, before *fhir.Node) (state, error) {
	now, err := w.Store.Now(ctx)
	if err != nil {
		return state{}, err
	}
	next := state{Owner: p, Endpoint: o.endpoint, Criteria: o.asked, At: position{T: now}}
	if next.Until, err = w.Accounts.TokenUntil(ctx, p); err != nil {
		return state{}, err
	}
	same := old.Owner.ID == p.ID && old.Endpoint == o.endpoint
	was := before.Get("status").Text()
	if old.Owner.ID == p.ID && old.Criteria == next.Criteria && (was == statusError || was == statusActive || was == statusRequested) {
		next.At, next.Events = old.At, old.Events
	}
	for _, line := range o.headers {
		name, value, err := header(line)
		if err != nil {
			return state{}, err
		}
		if value == masked {
			i := slices.IndexFunc(old.Headers, func(h string) bool { n, _, _ := header(h); return n == name })
			if !same && o.status == statusOff { // whoever turns off another's subscription need not know its secrets
				continue
			}
			if !same || i < 0 { // whoever writes another endpoint must not have the secret sent there
				return state{}, invalid("Subscription.channel.header", "Give the value of the header %s anew: it is kept only for the same writer and endpoint.", name)
			}
			line = old.Headers[i]
		}
		next.Headers = append(next.Headers, line)
	}
	return next, nil
}

// own names the account for which a subscription works. Nobody else reads it, except
// administrators.
func own(r *fhir.Node, account string) {
	tags := fhir.Arr()
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() != policy.OwnerSystem {
			tags.Append(t)
		}
	}
	tags.Append(fhir.Obj("system", policy.OwnerSystem, "code", account))
	if r.Get("meta") == nil {
		r.Set("meta", fhir.Obj("tag", tags))
		return
	}
	r.Get("meta").Set("tag", tags)
}

// hide masks the values of the headers in what will be stored.
func hide(r *fhir.Node, o *order) {
	if len(o.headers) == 0 {
		return
	}
	list := fhir.Arr()
	for _, line := range o.headers {
		name, _, _ := header(line)
		list.Append(fhir.Str(mask(name)))
	}
	r.Get("channel").Set("header", list)
}
