package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// line is one subscription at work.
type line struct {
	w      *Watcher
	order  *order // its version is the one that this line knows
	cancel context.CancelFunc
	done   chan struct{}

	state   state
	version int64 // of the state's item
	scanned int   // changes since the position was last stored
	saved   time.Time
	heard   time.Time    // when everybody who listens was last told something
	rests   atomic.Int64 // the T up to which there was nothing more to do when it last came to its end
}

// How often a position is stored that moved without a notification.
const (
	saveAfter = 1000
	saveEvery = time.Minute
)

func (w *Watcher) start(ctx context.Context, o *order) *line {
	ctx, cancel := context.WithCancel(ctx)
	l := &line{w: w, order: o, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer func() {
			if p := recover(); p != nil { // one subscription must not end the server
				w.Log.Error("a subscription stopped", "subscription", o.id, "panic", fmt.Sprint(p))
			}
		}()
		l.run(ctx)
		if l.scanned > 0 { // what was looked at is not looked at again, perhaps by another rule
			if err := l.save(context.WithoutCancel(ctx), true); err != nil && !fault.Is(err, fault.Conflict) {
				w.Log.Warn("the position of a subscription is not stored", "subscription", o.id, "error", err)
			}
		}
	}()
	return l
}

// stop ends the line and waits for it.
func (l *line) stop() {
	l.cancel()
	<-l.done
}

func (l *line) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// pause is how long a line waits when the store fails. Tests shorten it.
var pause = 5 * time.Second

// run works until the line is stopped or has nothing more to do. What the store cannot do
// now is tried again.
func (l *line) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.work(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errOver):
			return
		case fault.Is(err, fault.Conflict): // somebody else wrote the state: look at it again
			err = sleep(ctx, 50*time.Millisecond)
		case err != nil:
			l.w.Log.Error("a subscription is held up", "subscription", l.order.id, "error", err)
			err = sleep(ctx, pause)
		}
		if err != nil {
			return
		}
	}
}

// errOver says that the line has ended for good.
var errOver = errors.New("watch: over")

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work loads the state and follows the feed.
func (l *line) work(ctx context.Context) (err error) {
	if l.state, l.version, err = l.w.load(ctx, l.order.id); err != nil {
		if fault.Is(err, fault.NotFound) {
			return errOver
		}
		return err
	}
	// Who writes the Subscription writes the state with it: by the new state this line, which has read the former
	// Subscription, sends nothing more.
	if v, err := l.w.Store.Read(ctx, "Subscription", l.order.id, 0); err != nil {
		return err
	} else if v.Version != l.order.version {
		return errOver
	}
	now, err := l.w.Store.Now(ctx)
	if err != nil {
		return err
	}
	if l.state.At.T > now { // the record was restored to a moment before: what comes now is new
		l.state.At = position{T: now}
	}
	l.saved, l.scanned = time.Now(), 0
	if l.order.status == statusRequested {
		if err := l.activate(ctx); err != nil {
			return err
		}
	}
	l.heard = time.Now()
	for {
		if l.late() {
			return l.set(ctx, statusOff, "")
		}
		changed := l.w.Gate.Changed()
		bound := l.w.hub.changed()
		batch, next, err := l.next(ctx)
		if err != nil {
			return err
		}
		if len(batch) > 0 {
			if err := l.deliver(ctx, batch, next); err != nil {
				return err
			}
			continue
		}
		l.state.At = next
		if err := l.save(ctx, false); err != nil {
			return err
		}
		l.rests.Store(int64(next.T))
		if err := l.idle(ctx, changed, bound); err != nil {
			return err
		}
	}
}

func (l *line) late() bool { return !l.order.end.IsZero() && !l.w.Clock.Now().Before(l.order.end) }

// idle waits for a change, the time of a heartbeat, or the poll.
func (l *line) idle(ctx context.Context, changed, bound <-chan struct{}) error {
	wait := l.w.Poll
	if l.order.heartbeat > 0 {
		wait = min(wait, max(time.Until(l.heard.Add(l.order.heartbeat)), 0))
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-changed:
	case <-bound:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.order.heartbeat == 0 || time.Since(l.heard) < l.order.heartbeat || l.order.topic == nil {
		return nil
	}
	l.heard = time.Now()
	return l.beat(ctx)
}

// beat sends a heartbeat. It is not repeated: the next one comes by itself; too many that
// fail give the subscription up.
func (l *line) beat(ctx context.Context) error {
	p, err := l.owner(ctx)
	if err != nil {
		return err
	}
	to, err := l.addressees(ctx, p, nil)
	if err != nil {
		return err
	}
	if err := l.send(ctx, "heartbeat", l.state, to); err != nil {
		if errors.Is(err, errNobody) || ctx.Err() != nil {
			return ctx.Err()
		}
		return l.failure(ctx, err)
	}
	if l.state.Failures > 0 {
		l.state.Failures, l.state.Reason = 0, ""
		return l.save(ctx, true)
	}
	return nil
}

// next returns the next events, at most a batch of them, and the position behind them. It
// stops at the end of the feed.
func (l *line) next(ctx context.Context) (batch []store.Version, at position, err error) {
	at = l.state.At
	for {
		p, err := l.w.feed.page(ctx, at.base())
		if err != nil {
			return nil, at, err
		}
		for i, c := range p.changes {
			if at.past(c.Version) {
				continue
			}
			l.scanned++
			ok, err := l.w.wants(ctx, l.order, c)
			if err != nil {
				return nil, at, err
			}
			at = position{T: c.T, Type: c.Type, ID: c.ID}
			if i+1 == len(p.changes) || p.changes[i+1].T != c.T {
				at = position{T: c.T}
			}
			if ok {
				batch = append(batch, c.Version)
			}
			if len(batch) >= l.order.batch {
				return batch, at, nil
			}
		}
		end := p.upTo == p.after
		if at.T < p.upTo {
			at = position{T: p.upTo}
		}
		if end || len(batch) > 0 || ctx.Err() != nil {
			return batch, at, ctx.Err()
		}
	}
}

// save stores the position, at once or when it has moved far enough.
func (l *line) save(ctx context.Context, now bool) error {
	if !now && l.scanned < saveAfter && (l.scanned == 0 || time.Since(l.saved) < saveEvery) {
		return nil
	}
	item, err := l.state.item(l.order.id, l.version)
	if err != nil {
		return err
	}
	return l.disclose(ctx, l.w.Gate.As(self, door), "subscription "+l.order.id, nil, []store.ItemWrite{item})
}

// owner returns the subscriber as it is now. Whoever has lost the account, or whose token
// was ended, gets nothing more.
func (l *line) owner(ctx context.Context) (trust.Principal, error) {
	p, err := l.w.Accounts.Acting(ctx, l.state.Owner, l.state.Until)
	if fault.Is(err, fault.Unauthorized) {
		return p, l.set(ctx, statusError, "Who asked for this subscription may not use the record any more.")
	}
	return p, err
}

// deliver sends a batch until it is accepted, given up, or the line is stopped.
func (l *line) deliver(ctx context.Context, batch []store.Version, next position) error {
	for !l.late() { // at its end the line finds that out again, and says so
		p, err := l.owner(ctx)
		if err != nil {
			return err
		}
		shown, err := visible(ctx, l.w.Gate.As(p, door), l.order, eventsOf(batch))
		if err != nil {
			return err
		}
		if len(shown) == 0 {
			l.state.At = next
			return nil
		}
		for i := range shown {
			shown[i].Number = l.state.Events + int64(i) + 1
		}
		bound := l.w.hub.changed()
		to, err := l.addressees(ctx, p, shown)
		if err != nil {
			return err
		}
		if len(to) == 0 { // wait without writing leaves
			select {
			case <-bound:
			case <-time.After(l.w.Poll):
			case <-ctx.Done():
				return ctx.Err()
			}
			return nil // more may have come meanwhile: it goes together
		}
		err = l.attempt(ctx, shown, to)
		switch {
		case err == nil:
			l.state.At, l.state.Events = next, l.state.Events+int64(len(shown))
			l.state.Failures, l.state.Reason = 0, ""
			if !slices.ContainsFunc(to, addressee.deaf) {
				l.heard = time.Now()
			}
			return l.settle(ctx)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNobody): // the last client has gone
			continue
		case !isUndelivered(err):
			return err
		}
		if err := l.failure(ctx, err); err != nil {
			return err
		}
		if err := sleep(ctx, l.w.Retry.delay(l.state.Failures)); err != nil {
			return err
		}
	}
	return nil
}

// settle stores the position when there is nothing to send next: otherwise it is stored with
// the leaf of the next notification.
func (l *line) settle(ctx context.Context) error {
	batch, _, err := l.next(ctx)
	if err != nil || len(batch) > 0 {
		return err
	}
	return l.save(ctx, true)
}

// attempt writes the leaves of a notification, one for each addressee and with the position before
// it, and sends it. Events that none of those who are bound may see are numbered like all, so that
// $events has them.
func (l *line) attempt(ctx context.Context, shown []event, to []addressee) error {
	item, err := l.state.item(l.order.id, l.version)
	if err != nil {
		return err
	}
	items := []store.ItemWrite{item}
	for _, e := range shown {
		if l.order.topic == nil {
			continue
		}
		more, err := e.items(l.order.id, l.w.Clock.Now())
		if err != nil {
			return err
		}
		items = append(items, more...)
	}
	last := shown[len(shown)-1].Number
	to = slices.DeleteFunc(slices.Clone(to), addressee.deaf)
	if len(to) == 0 {
		return l.disclose(ctx, l.w.Gate.As(self, door), fmt.Sprintf("subscription %s: event %d passed over", l.order.id, last), nil, items)
	}
	for i, r := range to {
		told := versionsOf(r.events)
		if l.order.content == contentEmpty { // who is told that something changed is not told what
			told = nil
		}
		what := fmt.Sprintf("subscription %s: event %d by %s", l.order.id, r.events[len(r.events)-1].Number, l.order.channel)
		if i > 0 {
			items = nil
		}
		if err := l.disclose(ctx, r.actor, what, told, items); err != nil {
			return err
		}
	}
	after := l.state
	after.Events = last
	if err := l.send(ctx, "event-notification", after, to); err != nil {
		return err
	}
	l.w.sent.Add(1)
	l.w.events.Add(int64(len(shown)))
	return nil
}

// disclose writes a leaf, with the state when items hold it.
func (l *line) disclose(ctx context.Context, a *record.Actor, what string, told []store.Version, items []store.ItemWrite) error {
	if err := a.Disclose(ctx, what, told, items...); err != nil {
		return err
	}
	if len(items) > 0 {
		l.version++
		l.saved, l.scanned = time.Now(), 0
	}
	return nil
}

// failure counts a failed attempt and gives up after the last.
func (l *line) failure(ctx context.Context, err error) error {
	l.w.failed.Add(1)
	l.state.Failures++
	l.state.Reason = reason(err)
	l.w.Log.Warn("a notification failed", "subscription", l.order.id, "channel", l.order.channel, "failures", l.state.Failures, "reason", l.state.Reason)
	if l.state.Failures >= l.w.Retry.Attempts || permanent(err) {
		l.w.givenUp.Add(1)
		return l.set(ctx, statusError, fmt.Sprintf("Given up after %d failures; the last: %s", l.state.Failures, l.state.Reason))
	}
	return l.save(ctx, true)
}

// delay is the wait after so many failures: between half and all of the doubled delay.
func (r Retry) delay(failures int) time.Duration {
	d := r.First
	for range min(failures-1, 40) {
		if d *= 2; d >= r.Most {
			break
		}
	}
	d = min(d, r.Most)
	return d/2 + rand.N(d/2+1)
}

// activate tries the endpoint and makes the subscription active. One on a topic is sent a
// handshake, which must be accepted. One of R4 has none, and an empty POST would say that
// something has changed: its host is asked for when there is something to send.
func (l *line) activate(ctx context.Context) error {
	p, err := l.owner(ctx)
	if err != nil {
		return err
	}
	switch {
	case l.order.channel != channelHook: // a socket's handshake comes when somebody binds
	case l.order.topic != nil:
		err = l.send(ctx, "handshake", l.state, []addressee{{actor: l.w.Gate.As(p, door)}})
	default:
		_, err = l.w.Guard.URL(l.order.endpoint) // the operator's exceptions may have changed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.w.failed.Add(1)
		return l.set(ctx, statusError, "The endpoint could not be activated: "+reason(err))
	}
	l.w.Log.Info("a subscription is active", "subscription", l.order.id, "channel", l.order.channel)
	return l.set(ctx, statusActive, "")
}

// set writes the status into the resource. Every status but active ends the line.
func (l *line) set(ctx context.Context, status, text string) error {
	for !l.w.mu.TryLock() { // reconcile holds it, and may be waiting for this line to stop
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	defer l.w.mu.Unlock() // until this line knows the new version, reconcile must not see it
	v, err := l.w.Store.Read(ctx, "Subscription", l.order.id, 0)
	if err != nil {
		return err
	}
	if v.Deleted || v.Version != l.order.version { // somebody wrote; another line is on its way
		return errOver
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return err
	}
	version, err := l.w.mark(ctx, v.Version, r, status, text)
	if fault.Is(err, fault.Stale) {
		return errOver
	}
	if err != nil {
		return err
	}
	l.order.version, l.order.status = version, status
	if status != statusActive {
		return errOver
	}
	return nil
}
