package fhirapi

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
)

// Limits of what is held in memory for requests: bodies, of which reading makes several times as much, from
// when they arrive until they are answered, and answers while their clients take them. What is brief takes no
// room, so that nobody's everyday work waits for those who hold much.
const (
	roomFree = 256 << 10    // bytes of each that do not count
	roomStep = 4 << 20      // what a body takes at once of the room of all, as it arrives
	roomEach = 2 * MaxBody  // of one account
	roomAll  = 10 * MaxBody // of all
	roomCome = 8 * MaxBody  // of all, for bodies that are not there to their end: the rest is for answers and for work

	roomPace = time.Second // a body that takes longer for a step may have to make way

	openEach  = 128             // exchanges of one account that wait for their clients: one more ends that which has stood still longest,
	openStill = 5 * time.Second // if it has for so long: who opens many charts at once is no attacker
	openMost  = 512             // of one account, whether they stand still or not
	openAll   = 2048            // of all: one more ends one of who has the most

	sendQuick  = 16 << 10         // bytes of an answer that the network takes without its client
	sendPiece  = 1 << 20          // bytes of an answer that a client takes within sendWithin; otherwise it loses the answer
	sendWithin = 20 * time.Second // a slow line carries 52 KiB in a second
)

// room is where large bodies and answers are held. A nil room is without bounds.
//
// What an account holds counts as announced, so that its own requests wait for each other in good time; what
// all hold counts as it has come, so that nobody keeps others out by announcing. When there is no room left
// for what arrives, the body that comes slowest makes way; of several that wait for each other, the one of which
// least is there.
type room struct {
	mu    sync.Mutex
	held  map[string]int64 // by account
	all   int64
	come  int64                  // of all, for bodies that are not there to their end
	open  map[string][]*exchange // by account
	opens int
	made  time.Time     // when somebody last had to make way for what arrives
	given chan struct{} // closed when somebody gives room back; nil when nobody waits
}

// exchange is a body that is not there to its end, or an answer that is not taken to its end.
type exchange struct {
	who   string
	come  int64        // what it has of the room of all, as a body
	step  time.Time    // when it began, or last got room
	waits bool         // for room: it is not its client that is slow
	last  atomic.Int64 // when the client last sent or took something, in nanoseconds

	mu     sync.Mutex
	breaks func()        // breaks off what waits for the client; nil when it is over
	broken chan struct{} // closed when it was
}

// enter notes an exchange; breaks breaks it off. What is too much ends another.
func (r *room) enter(who string, breaks func()) *exchange {
	x := &exchange{who: who, breaks: breaks, broken: make(chan struct{}), step: time.Now()}
	x.moves()
	r.mu.Lock()
	if r.open == nil {
		r.open = map[string][]*exchange{}
	}
	r.open[who] = append(r.open[who], x)
	r.opens++
	most := who
	if len(r.open[who]) <= openEach && r.opens > openAll {
		for other, list := range r.open {
			if len(list) > len(r.open[most]) {
				most = other
			}
		}
	}
	var still *exchange
	if len(r.open[most]) > openEach || r.opens > openAll {
		still = slices.MinFunc(r.open[most], func(a, b *exchange) int { return cmp.Compare(a.last.Load(), b.last.Load()) })
		if len(r.open[most]) <= openMost && r.opens <= openAll && time.Since(time.Unix(0, still.last.Load())) < openStill {
			still = nil
		} else {
			r.remove(still)
		}
	}
	r.mu.Unlock()
	still.breakOff()
	return x
}

// moves notes that the client sent or took something.
func (x *exchange) moves() { x.last.Store(time.Now().UnixNano()) }

// leave is for an exchange that has come to its end.
func (r *room) leave(x *exchange) {
	x.over()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(x)
	r.come -= x.come
	x.come = 0
}

func (r *room) remove(x *exchange) {
	list := r.open[x.who]
	i := slices.Index(list, x)
	if i < 0 {
		return
	}
	r.opens--
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(r.open, x.who)
		return
	}
	r.open[x.who] = list
}

// over says that an exchange waits for its client no more.
func (x *exchange) over() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.breaks = nil
}

// breakOff ends an exchange that waits for its client. A nil exchange has none.
func (x *exchange) breakOff() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.breaks != nil {
		close(x.broken)
		x.breaks()
		x.breaks = nil
	}
}

// isBroken reports whether an exchange was broken off.
func (x *exchange) isBroken() bool {
	select {
	case <-x.broken:
		return true
	default:
		return false
	}
}

// take takes room for somebody, and waits for it as long as for a turn when it may. What is larger than all
// that one account can have is counted as that.
func (r *room) take(ctx context.Context, who string, n int64, waits bool) (give func(), err error) {
	n = min(n, roomEach)
	return r.wait(ctx, nil, waits, func() (func(), *exchange) {
		if r.held[who]+n > roomEach || r.all+n > roomAll {
			return nil, nil
		}
		r.add(who, n, n)
		return func() { r.give(who, n, n) }, nil
	})
}

// announce takes room of an account's own for a body that is to come.
func (r *room) announce(ctx context.Context, who string, n int64) (give func(), err error) {
	n = min(n, roomEach)
	return r.wait(ctx, nil, true, func() (func(), *exchange) {
		if r.held[who]+n > roomEach {
			return nil, nil
		}
		r.add(who, n, 0)
		return func() { r.give(who, n, 0) }, nil
	})
}

// arrive takes of the room of all for what comes next of a body.
func (r *room) arrive(ctx context.Context, x *exchange, n int64) (give func(), err error) {
	now := time.Now()
	took := now.Sub(x.step)
	return r.wait(ctx, x.broken, true, func() (func(), *exchange) {
		if r.all+n > roomAll || r.come+n > roomCome {
			way := r.slowest(x, max(took, roomPace))
			if way == nil && time.Since(now) >= 2*roomPace && time.Since(r.made) >= roomPace {
				way = r.least(x)
			}
			if way != nil {
				r.made = time.Now()
			}
			x.waits = true
			return nil, way
		}
		x.waits = false
		r.add(x.who, 0, n)
		r.come += n
		x.come += n
		x.step = time.Now()
		return func() { r.give(x.who, 0, n) }, nil
	})
}

// slowest returns the body that has waited longest for its next step, and longer than another has taken for one.
func (r *room) slowest(but *exchange, than time.Duration) (slow *exchange) {
	now := time.Now()
	for _, list := range r.open {
		for _, x := range list {
			if waits := now.Sub(x.step); x != but && x.come > 0 && !x.waits && waits > than {
				slow, than = x, waits
			}
		}
	}
	if slow != nil {
		r.remove(slow)
	}
	return slow
}

// least returns the body of which least has come, less than of another or later.
func (r *room) least(than *exchange) (least *exchange) {
	for _, list := range r.open {
		for _, x := range list {
			if x.come > 0 && cmp.Or(cmp.Compare(x.come, than.come), than.step.Compare(x.step)) < 0 {
				least, than = x, x
			}
		}
	}
	if least != nil {
		r.remove(least)
	}
	return least
}

// wait waits until something takes room, as long as for a turn when it may wait at all, or until who waits is
// broken off. What is asked, with the lock held, returns how to give the room back, or who may have to make way for it.
func (r *room) wait(ctx context.Context, broken <-chan struct{}, waits bool, tries func() (give func(), way *exchange)) (func(), error) {
	late, again := time.NewTimer(fair.MaxWait), time.NewTicker(roomPace)
	defer late.Stop()
	defer again.Stop()
	for {
		r.mu.Lock()
		give, way := tries()
		if give == nil && r.given == nil {
			r.given = make(chan struct{})
		}
		given := r.given
		r.mu.Unlock()
		way.breakOff()
		if give != nil {
			return sync.OnceFunc(give), nil
		}
		if !waits {
			return nil, errRoom
		}
		select {
		case <-given:
		case <-broken:
			return nil, errSlow
		case <-again.C: // somebody may have become slow
		case <-late.C:
			return nil, errRoom
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// force takes room also where there is none: for the answer to what is done already, which would be done again
// if it were refused.
func (r *room) force(who string, n int64) (give func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(who, n, n)
	return sync.OnceFunc(func() { r.give(who, n, n) })
}

// full is why somebody may not begin what could not be refused later: more was forced than one can have. What
// others hold keeps nobody from it. It is asked when the turn has come.
func (r *room) full(who string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[who] <= roomEach {
		return nil
	}
	return errRoom
}

var errRoom = fault.New(fault.TooCostly, "What you send and have not fetched yet takes too much memory together. Send and ask for less at once, and try again in a few seconds.")

var errSlow = fault.New(fault.TooCostly, "What you send did not come to its end, and others need the place: more is on its way than there is room for. Send less at once, and try again in a few seconds.")

// add takes room of an account's own, and of all.
func (r *room) add(who string, own, all int64) {
	if r.held == nil {
		r.held = map[string]int64{}
	}
	if own != 0 {
		r.held[who] += own
	}
	r.all += all
}

func (r *room) give(who string, own, all int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all -= all
	if own != 0 {
		if r.held[who] -= own; r.held[who] <= 0 {
			delete(r.held, who)
		}
	}
	if r.given != nil {
		close(r.given)
		r.given = nil
	}
}

// roomy makes a call's body take room as it is read, until the function that comes back is called. A content
// that is streamed in is not held.
func (s *server) roomy(c *call) (done func()) {
	if c.actor == nil || c.Body == nil || c.Body == http.NoBody {
		return func() {}
	}
	w := http.NewResponseController(c.w)
	b := s.room.body(c.Context(), c.actor.Principal().ID, c.Body, c.ContentLength, func() { _ = w.SetReadDeadline(time.Unix(1, 0)) })
	if c.rawBody(c.Header.Get("Content-Type")) {
		b.own, b.has = math.MaxInt64, math.MaxInt64
	}
	c.Body = b
	return b.done
}

// body makes a body take room; breaks breaks it off.
func (r *room) body(ctx context.Context, who string, from io.ReadCloser, size int64, breaks func()) *roomyBody {
	return &roomyBody{ReadCloser: from, exchange: r.enter(who, breaks), ctx: ctx, room: r, own: roomFree, has: roomFree, size: size}
}

// done gives all room back.
func (b *roomyBody) done() {
	b.room.leave(b.exchange)
	for _, give := range b.taken {
		give()
	}
}

// roomyBody is a body that takes room: of the account's own once for a size that is known, in two steps
// otherwise; of the room of all as it comes.
type roomyBody struct {
	io.ReadCloser
	*exchange
	ctx   context.Context
	room  *room
	size  int64 // -1: unknown
	read  int64
	own   int64 // bytes that there is room of one's own for
	has   int64 // bytes that there is room for
	taken []func()
}

// Read implements io.Reader.
func (b *roomyBody) Read(p []byte) (int, error) {
	if b.read >= b.has && b.has != b.size {
		if err := b.more(); err != nil {
			return 0, err
		}
	}
	if left := b.has - b.read; b.has != b.size && int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.moves()
	if err != nil {
		b.room.leave(b.exchange)
		if err != io.EOF && b.isBroken() {
			err = errSlow
		}
	}
	return n, err
}

// more takes room for what comes next.
func (b *roomyBody) more() error {
	if b.has >= b.own {
		step := b.size - b.own
		switch {
		case b.size < 0 && b.own == roomFree:
			step = roomStep
		case b.size < 0: // not by and by: several that wait for each other would all be refused
			step = max(MaxBody-b.own, roomStep)
		}
		give, err := b.room.announce(b.ctx, b.who, step)
		if err != nil {
			return err
		}
		b.own += step
		b.taken = append(b.taken, give)
	}
	step := min(roomStep, b.own-b.has)
	give, err := b.room.arrive(b.ctx, b.exchange, step)
	if err != nil {
		return err
	}
	b.has += step
	b.taken = append(b.taken, give)
	return nil
}

// unread is why a body was not read: a refusal of ours, or otherwise what the caller says.
func unread(err error, otherwise error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return otherwise
}

// sending takes room for an answer until its client has it, beside that which a Bundle's allowance has. What is
// told of changes by Bundles is never refused: without the resources for which there was no room it is brief.
func (c *call) sending(n int) (sent func(), err error) {
	if c.room == nil || c.actor == nil || n <= roomFree || c.Method == http.MethodHead {
		return func() {}, nil
	}
	who, more := c.actor.Principal().ID, int64(n)
	if c.kept != nil {
		more = max(more-c.kept.held-roomFree, 0)
	}
	if c.changes && (c.turn != nil || c.html) {
		return c.room.force(who, more), nil
	}
	return c.room.take(c.Context(), who, more, false)
}

// hand gives an answer to its client. Whoever takes one too slowly loses it, and with it the room.
func (c *call) hand(body []byte) {
	if c.room == nil || c.actor == nil || len(body) <= sendQuick {
		c.w.Write(body) // a client that went away is no error of ours
		return
	}
	w := http.NewResponseController(c.w)
	x := c.room.enter(c.actor.Principal().ID, func() { _ = w.SetWriteDeadline(time.Unix(1, 0)) })
	defer c.room.leave(x)
	defer w.SetWriteDeadline(time.Time{})
	for piece := range slices.Chunk(body, sendPiece) {
		_ = w.SetWriteDeadline(time.Now().Add(sendWithin))        // what is no connection has none, and needs none
		if c.here != nil && c.here.Err() != nil || x.isBroken() { // it was hung up, with a deadline before this one
			return
		}
		if _, err := c.w.Write(piece); err != nil {
			return
		}
		x.moves()
	}
}
