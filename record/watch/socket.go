package watch

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Limits of sockets.
const (
	maxSockets   = 500
	maxUnbound   = 100 // of these, sockets that are bound to nothing yet
	maxBound     = 50  // subscriptions of one socket
	maxMessage   = 1024
	bindWithin   = 30 * time.Second // a socket that is bound to nothing is closed
	socketWrite  = 10 * time.Second
	socketPing   = 30 * time.Second
	bindingFor   = 10 * time.Minute
	maxBindings  = 10000
	socketBuffer = 16
)

// errNobody says that no client is bound to a subscription.
var errNobody = errors.New("watch: no client is bound")

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
	who     trust.Principal
	ids     []string
	expires time.Time
}

// socket is one connected client.
type socket struct {
	conn  *websocket.Conn
	out   chan outgoing
	done  chan struct{}
	bound map[string]trust.Principal // who has bound it to what; guarded by hub.mu
}

// outgoing is a message and where to say that it has been written.
type outgoing struct {
	text    []byte
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

// has reports whether somebody is bound to a subscription who may hear what its owner may.
func (h *hub) has(o *order, owner trust.Principal) bool { return len(h.of(o, owner)) > 0 }

// of returns the sockets that are bound to a subscription. It is asked each time something is
// sent: a subscription may have got another owner since a socket was bound to it.
func (h *hub) of(o *order, owner trust.Principal) (list []*socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		if who, ok := s.bound[o.id]; ok && o.heardBy(who, owner) {
			list = append(list, s)
		}
	}
	return list
}

// heardBy reports whether a client may hear what a subscription tells its owner: it is of
// the same account, and its token allows to read what the owner's does. An account has
// programs with narrow tokens, which must not hear more through a wider subscription.
func (o *order) heardBy(who, owner trust.Principal) bool {
	if who.ID == "" || who.ID != owner.ID {
		return false
	}
	who.Role = owner.Role // today's
	return !slices.ContainsFunc(o.types, func(t string) bool {
		return policy.May(owner, policy.Read, t) == nil && policy.May(who, policy.Read, t) != nil
	})
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

// bind binds a socket, and wakes the lines that wait for somebody.
func (h *hub) bind(s *socket, id string, who trust.Principal) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, again := s.bound[id]; len(s.bound) >= maxBound && !again {
		return false
	}
	s.bound[id] = who
	close(h.wake)
	h.wake = make(chan struct{})
	return true
}

func (h *hub) boundTo(s *socket) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(s.bound)
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
func (h *hub) token(who trust.Principal, ids []string) (string, time.Time, error) {
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
	h.tokens[secret] = binding{who, ids, expires}
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
func (w *Watcher) socket(o *order, owner trust.Principal, n *fhir.Node) error {
	text := []byte("ping " + o.id)
	if n != nil {
		var err error
		if text, err = encode(n, o.mime); err != nil {
			return &undelivered{cause: fault.Wrap(err, fault.NotSupported, "the notification cannot be written as %s.", o.mime)}
		}
	}
	clients := w.hub.of(o, owner)
	answers := make(chan error, len(clients))
	waiting := 0
	for _, c := range clients {
		select {
		case c.out <- outgoing{text, answers}:
			waiting++
		case <-c.done:
		case <-time.After(socketWrite):
			c.conn.CloseNow()
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
// handshake, and notifications follow). actor is nil when the request had no bearer token:
// then only a binding token helps.
func (w *Watcher) ServeSocket(rw http.ResponseWriter, r *http.Request, actor *record.Actor) {
	conn, err := websocket.Accept(rw, r, &websocket.AcceptOptions{
		// A socket does nothing by a cookie: any page may open one, and must know a token.
		InsecureSkipVerify: true,
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	s := &socket{conn: conn, out: make(chan outgoing, socketBuffer), done: make(chan struct{}), bound: map[string]trust.Principal{}}
	if !w.hub.add(s) {
		conn.Close(websocket.StatusTryAgainLater, "too many sockets")
		return
	}
	defer conn.CloseNow()
	defer w.hub.remove(s)
	defer close(s.done)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go s.write(ctx, cancel)
	go s.alive(ctx, cancel, w.hub)
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			conn.Close(websocket.StatusUnsupportedData, "messages are text")
			return
		}
		if answer := w.command(ctx, s, actor, string(text)); answer != "" {
			s.say(ctx, answer)
		}
	}
}

// write sends what is to be sent, in order.
func (s *socket) write(ctx context.Context, cancel func()) {
	defer cancel()
	for {
		select {
		case m := <-s.out:
			limit, stop := context.WithTimeout(ctx, socketWrite)
			err := s.conn.Write(limit, websocket.MessageText, m.text)
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

// alive closes a socket that nobody answers on, or that binds to nothing.
func (s *socket) alive(ctx context.Context, cancel func(), h *hub) {
	defer cancel()
	if sleep(ctx, bindWithin) != nil || h.boundTo(s) == 0 {
		return
	}
	for sleep(ctx, socketPing) == nil {
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
func (w *Watcher) command(ctx context.Context, s *socket, actor *record.Actor, text string) string {
	verb, argument, ok := parseCommand(text)
	if !ok {
		return "error: say bind and the id of a subscription, or bind-with-token and a token"
	}
	if verb == "bind" {
		if actor == nil {
			return "error: bind needs a bearer token in the request; use bind-with-token"
		}
		if err := w.bindable(ctx, actor, argument); err != nil {
			return "error: there is no such subscription by websocket of yours"
		}
		if !w.hub.bind(s, argument, actor.Principal()) {
			return "error: too many subscriptions on one socket"
		}
		s.say(ctx, "bound "+argument)
		return ""
	}
	b, ok := w.hub.redeem(argument)
	if !ok {
		return "error: the token is unknown, used or over; ask for another with $get-ws-binding-token"
	}
	for _, id := range b.ids {
		if err := w.greet(ctx, s, id, b.who); err != nil {
			s.say(ctx, "error: a subscription of this token is not there any more")
		}
	}
	return ""
}

// greet binds a socket by a token and sends the handshake before anything else.
func (w *Watcher) greet(ctx context.Context, s *socket, id string, who trust.Principal) error {
	o, err := w.current(ctx, id)
	if err != nil {
		return err
	}
	state, _, err := w.load(ctx, id)
	if err != nil {
		return err
	}
	if !o.heardBy(who, state.Owner) { // it has another owner by now
		return fault.New(fault.NotFound, "there is no such subscription of this client")
	}
	text := []byte("bound " + id)
	if o.topic != nil {
		if text, err = encode(w.bundle(o, state, "handshake", nil), o.mime); err != nil {
			return err
		}
	}
	s.say(ctx, string(text))
	if !w.hub.bind(s, id, who) {
		return fault.New(fault.TooCostly, "too many subscriptions on one socket")
	}
	return nil
}

// bindable returns a fault unless an actor may bind to a subscription: its own, by websocket.
func (w *Watcher) bindable(ctx context.Context, actor *record.Actor, id string) error {
	no := fault.New(fault.NotFound, "There is no subscription by websocket of yours with this id.")
	if _, err := actor.Read(ctx, "Subscription", id); err != nil {
		return no
	}
	o, err := w.current(ctx, id)
	if err != nil || o.channel != channelSocket || !slices.Contains([]string{statusActive, statusRequested}, o.status) {
		return no
	}
	s, _, err := w.load(ctx, id)
	if err != nil || !o.heardBy(actor.Principal(), s.Owner) {
		return no
	}
	return nil
}
