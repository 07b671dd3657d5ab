package watch

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// Limits of sockets.
const (
	maxSockets   = 500
	maxUnbound   = 100 // of these, sockets that are bound to nothing yet
	maxBound     = 50  // subscriptions of one socket
	maxMessage   = 1024
	bindWithin   = 30 * time.Second // a socket that is bound to nothing is closed at the next check
	socketWrite  = 10 * time.Second
	stillFor     = time.Second // what has waited longer to be written asks again whether its client is still here
	bindingFor   = 10 * time.Minute
	maxBindings  = 10000
	socketBuffer = maxBound + 16 // a token binds that many at once, and each is greeted
)

// errNobody says that no client is bound to a subscription.
var errNobody = errors.New("watch: no client is bound")

// Client says who a client of a websocket is now, by the token that it came with:
// fault.Unauthorized when the token, the grant behind it or the account has ended.
type Client func(ctx context.Context) (trust.Principal, error)

// hub knows which sockets are bound to which subscriptions, and the tokens for binding.
type hub struct {
	clock   clock.Clock
	mu      sync.Mutex
	closed  bool
	sockets map[*socket]bool
	tokens  map[string]binding
	wake    chan struct{}
}

// binding is what a token allows, once, and whom.
type binding struct {
	client  Client
	ids     []string
	expires time.Time
}

// socket is one connected client.
type socket struct {
	conn   *websocket.Conn
	cancel func() // closes the connection
	out    chan outgoing
	done   chan struct{}
	client Client            // of the request; nil without a bearer token
	bound  map[string]Client // who has bound it to what; guarded by hub.mu
}

// bound is a socket that is bound to a subscription, and by whom.
type bound struct {
	*socket
	by Client
}

// outgoing is a message and where to say that it has been written.
type outgoing struct {
	text    []byte
	by      Client     // for whom it is; nil: it says nothing of the record
	made    time.Time  // when by was asked
	written chan error // buffered; nil: nobody waits
}

func newHub(c clock.Clock) *hub {
	return &hub{clock: c, sockets: map[*socket]bool{}, tokens: map[string]binding{}, wake: make(chan struct{})}
}

// changed returns a channel that is closed when a client binds.
func (h *hub) changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wake
}

// of returns the sockets that are bound to a subscription.
func (h *hub) of(id string) (list []bound) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		if by, ok := s.bound[id]; ok {
			list = append(list, bound{s, by})
		}
	}
	return list
}

func (h *hub) add(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	unbound := 0
	for other := range h.sockets {
		if len(other.bound) == 0 {
			unbound++
		}
	}
	if h.closed || len(h.sockets) >= maxSockets || unbound >= maxUnbound {
		return false
	}
	h.sockets[s] = true
	return true
}

func (h *hub) remove(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sockets, s)
}

// end closes a socket at once; what waits to be written is not.
func (h *hub) end(s *socket) {
	h.remove(s)
	s.cancel()
}

// room reports whether a socket can be bound to one more subscription. Its client's commands come
// one at a time.
func (h *hub) room(s *socket, id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, again := s.bound[id]
	return len(s.bound) < maxBound || again
}

// bind binds a socket once what says so goes out in front of all that it is told then, and wakes the lines that wait
// for somebody. It does not for a client that asks for more without taking what it was answered.
func (h *hub) bind(s *socket, id string, by Client, greeting []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case s.out <- outgoing{text: greeting}: // who has read it misses nothing: a line that looks who is bound waits for the lock
	default:
		return false
	}
	s.bound[id] = by
	close(h.wake)
	h.wake = make(chan struct{})
	return true
}

// clients returns by whom a socket is bound.
func (h *hub) clients(s *socket) []Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(s.bound))
}

// close ends all sockets and takes no more.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	list := h.sockets
	h.sockets = map[*socket]bool{}
	h.mu.Unlock()
	for s := range list {
		go s.conn.Close(websocket.StatusGoingAway, "the server stops") // waits for the other side
	}
}

// token makes a token that binds a socket once.
func (h *hub) token(by Client, ids []string) (string, time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.Now()
	for t, b := range h.tokens {
		if !now.Before(b.expires) {
			delete(h.tokens, t)
		}
	}
	if len(h.tokens) >= maxBindings {
		return "", time.Time{}, fault.New(fault.TooCostly, "Too many binding tokens are waiting to be used; try again later.")
	}
	secret, expires := ident.Secret(), now.Add(bindingFor)
	h.tokens[secret] = binding{by, ids, expires}
	return secret, expires, nil
}

// redeem uses a token.
func (h *hub) redeem(secret string) (binding, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.tokens[secret]
	delete(h.tokens, secret)
	return b, ok && h.clock.Now().Before(b.expires)
}

// socket sends to every client that is bound; one that takes it is enough.
func (w *Watcher) socket(ctx context.Context, o *order, s state, kind string, to []addressee) error {
	now := time.Now()
	answers, waiting := make(chan error, maxSockets), 0
	for _, r := range to {
		text := []byte("ping " + o.id)
		if n := w.bundle(o, s.toldTo(ctx, r.actor, o), kind, r.events); n != nil {
			var err error
			if text, err = encode(n, o.mime); err != nil {
				return &undelivered{cause: fault.Wrap(err, fault.NotSupported, "the notification cannot be written as %s.", o.mime)}
			}
		}
		for _, c := range r.bound {
			select {
			case c.out <- outgoing{text, c.by, now, answers}:
				waiting++
			case <-c.done:
			case <-time.After(socketWrite):
				c.cancel()
			}
		}
	}
	taken := false
	end := time.After(2 * socketWrite)
	for ; waiting > 0; waiting-- {
		select {
		case err := <-answers:
			taken = taken || err == nil
		case <-end:
			waiting = 1
		}
	}
	if !taken {
		return errNobody
	}
	return nil
}

// ServeSocket speaks R4's protocol ("bind <id>" is answered by "bound <id>", and "ping <id>"
// follows) and that of the backport guide ("bind-with-token <token>" is answered by a
// handshake, and notifications follow). client is nil when the request had no bearer token:
// then only a binding token helps. When somebody whom the socket is bound by may not be here any
// more, it is closed: before the next notification, and within CheckEvery.
func (w *Watcher) ServeSocket(rw http.ResponseWriter, r *http.Request, client Client) {
	conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{
		// A socket does nothing by a cookie: any page may open one, and must know a token.
		InsecureSkipVerify: true,
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &socket{conn: conn, cancel: cancel, out: make(chan outgoing, socketBuffer), done: make(chan struct{}), client: client, bound: map[string]Client{}}
	if !w.hub.add(s) {
		conn.Close(websocket.StatusTryAgainLater, "too many sockets")
		return
	}
	defer conn.CloseNow()
	defer w.hub.remove(s)
	defer close(s.done)
	go s.write(ctx)
	go w.alive(ctx, s)
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			conn.Close(websocket.StatusUnsupportedData, "messages are text")
			return
		}
		if answer := w.command(ctx, s, string(text)); answer != "" {
			s.say(ctx, answer)
		}
	}
}

// write sends what is to be sent, in order.
func (s *socket) write(ctx context.Context) {
	defer s.cancel()
	for {
		select {
		case m := <-s.out:
			limit, stop := context.WithTimeout(ctx, socketWrite)
			err := m.still(limit)
			if err == nil {
				err = s.conn.Write(limit, websocket.MessageText, m.text)
			}
			stop()
			if m.written != nil {
				m.written <- err
			}
			if err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// still returns a fault when a message has waited behind others until its client was gone.
func (m outgoing) still(ctx context.Context) error {
	if m.by == nil || time.Since(m.made) < stillFor {
		return ctx.Err()
	}
	_, err := m.by(ctx)
	return err
}

// alive closes a socket that nobody answers on, that binds to nothing, or of which somebody has
// to go.
func (w *Watcher) alive(ctx context.Context, s *socket) {
	defer s.cancel()
	for began := time.Now(); sleep(ctx, w.CheckEvery) == nil; {
		clients := w.hub.clients(s)
		if len(clients) == 0 && time.Since(began) >= bindWithin {
			return
		}
		if s.client != nil {
			clients = append(clients, s.client)
		}
		for _, c := range clients {
			if _, err := c(ctx); fault.Is(err, fault.Unauthorized) {
				w.hub.end(s)
				return
			}
		}
		limit, stop := context.WithTimeout(ctx, socketWrite)
		err := s.conn.Ping(limit)
		stop()
		if err != nil {
			return
		}
	}
}

func (s *socket) say(ctx context.Context, text string) {
	select {
	case s.out <- outgoing{text: []byte(text)}:
	case <-ctx.Done():
	}
}

// parseCommand reads "bind 7" or "bind-with-token x".
func parseCommand(text string) (verb, argument string, ok bool) {
	verb, argument, ok = strings.Cut(strings.TrimSpace(text), " ")
	argument = strings.TrimSpace(argument)
	known := verb == "bind" || verb == "bind-with-token"
	bad := argument == "" || len(argument) > 128 || strings.IndexFunc(argument, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_')
	}) >= 0
	if !ok || !known || bad {
		return "", "", false
	}
	return verb, argument, true
}

// command does what a client says and returns the answer.
func (w *Watcher) command(ctx context.Context, s *socket, text string) string {
	verb, argument, ok := parseCommand(text)
	if !ok {
		return "error: say bind and the id of a subscription, or bind-with-token and a token"
	}
	if verb == "bind" {
		if s.client == nil {
			return "error: bind needs a bearer token in the request; use bind-with-token"
		}
		if err := w.greet(ctx, s, s.client, argument, false); err != nil {
			if fault.Is(err, fault.TooCostly) {
				return "error: too many subscriptions on one socket"
			}
			return "error: there is no such subscription by websocket of yours"
		}
		return ""
	}
	b, ok := w.hub.redeem(argument)
	if ok {
		_, err := b.client(ctx)
		ok = err == nil
	}
	if !ok {
		return "error: the token is unknown, used or over; ask for another with $get-ws-binding-token"
	}
	for _, id := range b.ids {
		if err := w.greet(ctx, s, b.client, id, true); err != nil {
			s.say(ctx, "error: a subscription of this token is not there any more")
		}
	}
	return ""
}

// greet binds a socket, after the answer that says so: for a topic and by a token a handshake.
func (w *Watcher) greet(ctx context.Context, s *socket, by Client, id string, shake bool) error {
	p, err := by(ctx)
	if err != nil {
		return err
	}
	actor := w.Gate.As(p, door)
	o, state, err := w.bindable(ctx, actor, id)
	if err != nil {
		return err
	}
	text := []byte("bound " + id)
	if shake && o.topic != nil {
		if text, err = encode(w.bundle(o, state.toldTo(ctx, actor, o), "handshake", nil), o.mime); err != nil {
			return err
		}
	}
	if !w.hub.room(s, id) {
		return fault.New(fault.TooCostly, "too many subscriptions on one socket")
	}
	if !w.hub.bind(s, id, by, text) {
		s.cancel()
		return ctx.Err()
	}
	return nil
}

// bindable returns what an actor may bind to: a subscription of its own, by websocket. Otherwise
// it is fault.NotFound.
func (w *Watcher) bindable(ctx context.Context, actor *record.Actor, id string) (*order, state, error) {
	no := fault.New(fault.NotFound, "There is no subscription by websocket of yours with this id.")
	if _, err := actor.Read(ctx, "Subscription", id); err != nil {
		return nil, state{}, no
	}
	o, err := w.current(ctx, id)
	if err != nil || o.channel != channelSocket || !slices.Contains([]string{statusActive, statusRequested}, o.status) {
		return nil, state{}, no
	}
	s, _, err := w.load(ctx, id)
	if err != nil || !o.heardBy(actor.Principal(), s.Owner) {
		return nil, state{}, no
	}
	return o, s, nil
}
