package fhirapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
)

// Limits of what is held in memory for requests: bodies, of which reading makes several times as much, from
// when they arrive until they are answered, and answers while their clients take them. What is brief takes no
// room, so that nobody's everyday work waits for those who hold much.
const (
	roomFree = 256 << 10    // bytes of each that do not count
	roomStep = 4 << 20      // at first, of a body whose size is not known; then it takes all that it may have
	roomEach = 2 * MaxBody  // of one account
	roomAll  = 10 * MaxBody // of all

	sendPiece  = 1 << 20          // bytes of an answer that a client takes within sendWithin; otherwise it loses the answer
	sendWithin = 20 * time.Second // a slow line carries 52 KiB in a second
)

// room is where large bodies and answers are held. A nil room is without bounds.
type room struct {
	mu    sync.Mutex
	held  map[string]int64 // by account
	all   int64
	given chan struct{} // closed when somebody gives room back; nil when nobody waits
}

// take takes room for somebody, and waits for it as long as for a turn when it may. What is larger than all
// that one account can have is counted as that.
func (r *room) take(ctx context.Context, who string, n int64, waits bool) (give func(), err error) {
	n = min(n, roomEach)
	late := time.NewTimer(fair.MaxWait)
	defer late.Stop()
	for {
		given := r.tryTake(who, n)
		if given == nil {
			return sync.OnceFunc(func() { r.give(who, n) }), nil
		}
		if !waits {
			return nil, errRoom
		}
		select {
		case <-given:
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
	r.add(who, n)
	return sync.OnceFunc(func() { r.give(who, n) })
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

// tryTake takes room when there is some; otherwise it returns what is closed when others give some back.
func (r *room) tryTake(who string, n int64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[who]+n <= roomEach && r.all+n <= roomAll {
		r.add(who, n)
		return nil
	}
	if r.given == nil {
		r.given = make(chan struct{})
	}
	return r.given
}

func (r *room) add(who string, n int64) {
	if r.held == nil {
		r.held = map[string]int64{}
	}
	r.held[who] += n
	r.all += n
}

func (r *room) give(who string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all -= n
	if r.held[who] -= n; r.held[who] <= 0 {
		delete(r.held, who)
	}
	if r.given != nil {
		close(r.given)
		r.given = nil
	}
}

// roomy makes a call's body take room as it is read, until the function that comes back is called. A content
// that is streamed in is not held.
func (s *server) roomy(c *call) (done func()) {
	if c.actor == nil || c.Body == nil || c.Body == http.NoBody || c.rawBody(c.Header.Get("Content-Type")) {
		return func() {}
	}
	b := &roomyBody{ReadCloser: c.Body, ctx: c.Context(), room: &s.room, who: c.actor.Principal().ID, has: roomFree, size: c.ContentLength}
	c.Body = b
	return func() {
		for _, give := range b.taken {
			give()
		}
	}
}

// roomyBody is a body that takes room: once for a size that is known, in two steps otherwise.
type roomyBody struct {
	io.ReadCloser
	ctx   context.Context
	room  *room
	who   string
	size  int64 // -1: unknown
	read  int64
	has   int64 // bytes that there is room for
	taken []func()
}

// Read implements io.Reader.
func (b *roomyBody) Read(p []byte) (int, error) {
	if b.size >= 0 && b.has >= b.size { // there is room for all of it
		return b.ReadCloser.Read(p)
	}
	if b.read >= b.has {
		step := b.size - b.has
		switch {
		case b.size < 0 && b.has == roomFree:
			step = roomStep
		case b.size < 0: // not by and by: several that wait for each other would all be refused
			step = max(MaxBody-b.has, roomStep)
		}
		give, err := b.room.take(b.ctx, b.who, step, true)
		if err != nil {
			return 0, err
		}
		b.has += step
		b.taken = append(b.taken, give)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.has-b.read)])
	b.read += int64(n)
	return n, err
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

// hand gives an answer to its client. Whoever takes a large one too slowly loses it, and with it the room.
func (c *call) hand(body []byte) {
	if c.room == nil || c.actor == nil || len(body) <= roomFree {
		c.w.Write(body) // a client that went away is no error of ours
		return
	}
	w := http.NewResponseController(c.w)
	defer w.SetWriteDeadline(time.Time{})
	for piece := range slices.Chunk(body, sendPiece) {
		_ = w.SetWriteDeadline(time.Now().Add(sendWithin)) // what is no connection has none, and needs none
		if c.here != nil && c.here.Err() != nil {          // it was hung up, with a deadline before this one
			return
		}
		if _, err := c.w.Write(piece); err != nil {
			return
		}
	}
}
