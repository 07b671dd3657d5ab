// Package fhirapi is the FHIR R4 REST door: it turns HTTP requests into calls of a
// record.Actor and stored bytes into responses.
//
// There is one file for each interaction, named by the specification's word. routes.go is
// the table that serves the routes and makes the CapabilityStatement, so that it cannot
// promise what is not there. Rules about who may see what, validation and storage are not
// here but behind the Actor; OAuth is not here but in identity.
package fhirapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/xml"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// MaxBody is the largest request body in bytes: a transaction of a whole life.
const MaxBody = fhir.MaxBytes

// Options of the door.
type Options struct {
	Gate *record.Gate
	// Authenticate returns the principal of a bearer token; fault.Unauthorized otherwise.
	Authenticate func(ctx context.Context, token string) (trust.Principal, error)
	// Programs says that programs get tokens by SMART App Launch at the same server; the
	// CapabilityStatement then says where.
	Programs bool
	// Visitor returns who is signed in in the browser that a request comes from;
	// fault.Unauthorized when nobody is. It may be nil. It is asked for pages only.
	Visitor func(r *http.Request) (trust.Principal, error)
	// While returns a context that ends when a principal may not be here any more, for answers that
	// take long. It may be nil.
	While func(ctx context.Context, p trust.Principal) (context.Context, context.CancelFunc)
	Clock clock.Clock
	Log   *slog.Logger
	// Base is the public URL of the door without a slash at its end, for example
	// "https://clinic.example/fhir"; empty takes it from each request.
	Base string
	// Watch delivers subscriptions; without it they are kept and do nothing.
	Watch *watch.Watcher
	// Jobs does bulk imports, from addresses that Guard lets pass; without it there are none.
	Jobs  *job.Desk
	Guard outbound.Guard
	// MaxContent is the largest content of a Binary in bytes; 0 is DefaultMaxContent.
	MaxContent int64
	// PageKey seals the addresses of pages; without one they live as long as the process.
	PageKey []byte
	// Even is how long an answer that there is nothing takes at least, so that its time does not
	// tell whether something is hidden. 0: as long as it takes.
	Even time.Duration
	// Fair shares out costly requests between accounts; nil lets all of them pass at once.
	Fair *fair.Queue
	// Version is the program's, for the CapabilityStatement.
	Version string
}

type server struct {
	Options
	started time.Time
	// outer serves requests, inner the entries of bundles.
	outer, inner *http.ServeMux
	// abilities is the part of the CapabilityStatement that is the same for many requests.
	abilities atomic.Pointer[abilities]
	waiting   later
	room      room
	grown     room // for what is read of bodies
	// described is that part of the OpenAPI document.
	described func() []byte
}

// Handler serves the paths below /fhir.
type Handler struct {
	http.Handler
	server *server
}

// Close gives up what is answered later and waits for it, so that nothing reads a store that
// is closed after it. Requests under way are the HTTP server's.
func (h *Handler) Close() { h.server.waiting.close() }

// New returns the handler for the paths below /fhir; close it before the store.
func New(o Options) *Handler {
	s := &server{Options: o, started: o.Clock.Now(), outer: http.NewServeMux()}
	if s.PageKey == nil {
		s.PageKey = pageKey()
	}
	if reason := undeclared(routes()); reason != "" {
		panic("fhirapi: " + reason)
	}
	s.described = sync.OnceValue(openAPIDocument)
	for _, rt := range routes() {
		s.outer.HandleFunc(rt.method+" "+rt.pattern, s.wrap(rt))
	}
	s.inner = s.entries()
	unknown := s.wrap(route{public: true, handle: (*server).unknown})
	s.outer.HandleFunc("/fhir/", unknown)
	s.outer.HandleFunc("/fhir", unknown)
	return &Handler{server: s, Handler: compress(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(w)
			return
		}
		if !tidy(r.URL.Path) { // the mux would redirect, which no FHIR client expects
			unknown(w, r)
			return
		}
		s.outer.ServeHTTP(w, r)
	})}
}

// tidy reports whether a path is one that a mux serves as it is.
func tidy(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/"
}

// call is one request on its way through the door.
type call struct {
	*http.Request
	actor   *record.Actor
	base    string
	w       http.ResponseWriter
	given   *fhir.Node    // the resource, when it came as an entry of a bundle
	sent    [32]byte      // SHA-256 of the body
	xml     bool          // the answer is wanted in XML
	content *blob.Content // the content of a Binary that was streamed in
	raw     bool          // the answer is wanted as the content of a Binary
	html    bool          // the answer is wanted as a page for people

	findings []fault.Issue // warnings about what was written

	within *place // the compartment that a search is limited to

	job *laterJob // keeps what a request that is answered later shows; nil otherwise

	room    *room      // for a large answer; nil: without a bound
	trees   *trees     // for what is read of the body; nil: without a bound
	kept    *allowance // of a Bundle, with the room that its answer has already
	changes bool       // the request may change something

	here  context.Context // ends when the person may not be here any more; nil: not watched
	turn  *fair.Turn      // of a costly request
	ahead *ahead          // the body of a costly request
}

// wrap authenticates, limits the body and turns errors into OperationOutcomes.
func (s *server) wrap(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := ident.New(s.Clock.Now())
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // nothing here is a page
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Add("Vary", "Accept, Prefer, Authorization")
		allowCORS(h)
		h.Set("Referrer-Policy", "no-referrer")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		began := time.Now()
		ctx, tally := ledger.WithTally(r.Context(), identity.Network(r.RemoteAddr))
		r = r.WithContext(ctx)
		c := &call{Request: r, base: s.base(r), w: w, room: &s.room}
		r.Body = http.MaxBytesReader(w, r.Body, s.bodyLimit(c))
		err := s.admit(rt, c)
		if err == nil {
			err = s.admitted(rt, c)
		}
		if tally.Count() == 0 { // shows nothing of the record: it goes out in any case
			if unwritten := s.noted(rt, c, err); unwritten != nil && err == nil {
				s.Log.Error("a request without an entry in the audit log", "request", id, "error", unwritten.Error())
			}
		}
		if err != nil {
			if s.Even > 0 && fault.Is(err, fault.NotFound) {
				time.Sleep(s.Even - time.Since(began))
			}
			s.fail(c, id, err)
		}
	}
}

// admitted does what an admitted call asks for, now or later.
func (s *server) admitted(rt route, c *call) error {
	defer s.while(c)()
	c.changes = rt.changes()
	defer s.roomy(c)()
	defer s.grows(c)()
	if rt.wantsLater(c) {
		return s.later(rt, c)
	}
	return s.answer(rt, c, workTime)
}

// while makes a call end when its person may not be here any more, together with its connection.
func (s *server) while(c *call) (done func()) {
	if s.While == nil || c.actor == nil {
		return func() {}
	}
	whole := c.Request
	ctx, stop := s.While(c.Context(), c.actor.Principal())
	c.Request, c.here = c.WithContext(ctx), ctx
	hungUp := identity.HangUp(ctx, c.w)
	return func() { // what is told and noted after this has a context that goes on
		hungUp()
		stop()
		c.Request, c.here = whole, nil
	}
}

// noted writes the audit leaf of a call that left none: one that was not valid, that asked for
// nothing of the record, or that came with a token that is not good.
func (s *server) noted(rt route, c *call, outcome error) error {
	what := strings.TrimSpace(rt.method + " " + rt.pattern)
	switch {
	case rt.public:
		return nil
	case c.actor != nil:
		return c.actor.Asked(c.Context(), what, "", outcome)
	case outcome != nil && c.Header.Get("Authorization") != "":
		return s.Gate.Stranger(c.Context(), "fhir", identity.Network(c.RemoteAddr), what, outcome)
	}
	return nil
}

// guard runs the handler and turns a panic into an internal error.
func (s *server) guard(rt route, c *call) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			panic(p) // a broken stream must look broken
		} else if p != nil {
			err = fmt.Errorf("panic in %s %s: %v", rt.method, rt.pattern, p)
		}
	}()
	return rt.handle(s, c)
}

func (s *server) admit(rt route, c *call) error {
	err := acceptable(c)
	if c.rawAnswer(rt) || rt.stream {
		err = nil
	}
	if err != nil {
		return err
	}
	if err := s.unpack(c); err != nil {
		return err
	}
	if rt.public {
		return nil
	}
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if scheme == "" && !rt.stream {
		if err := s.visitor(c); err != nil {
			return err
		}
		return knownType(c)
	}
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return errNoToken
	}
	p, err := s.Authenticate(c.Context(), strings.TrimSpace(token))
	if err != nil {
		return err
	}
	p.Network = identity.Network(c.RemoteAddr)
	c.actor = s.Gate.As(p, "fhir")
	return knownType(c)
}

func knownType(c *call) error {
	if t := c.PathValue("type"); t != "" && !definition.IsResource(t) {
		return fault.New(fault.NotFound, "%q is not a resource type of FHIR R4.", clip(t))
	}
	return nil
}

// unknown answers what no route serves: 405 when another method would be, 404 otherwise.
func (s *server) unknown(c *call) error {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		_, pattern := s.outer.Handler(&http.Request{Method: method, URL: c.URL, Host: c.Host})
		if tidy(c.URL.Path) && strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return fault.New(fault.NotFound, "There is no interaction %s %s; GET /fhir/metadata lists what there is.", clip(c.Method), clip(c.URL.Path))
	}
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &refusal{http.StatusMethodNotAllowed, fault.New(fault.NotSupported, "%s is not possible here; %s is.", clip(c.Method), strings.Join(allowed, ", "))}
}

// refusal is a fault about HTTP itself, with a status that no fault has.
type refusal struct {
	status int
	fault  *fault.Error
}

// Error implements error.
func (r *refusal) Error() string { return r.fault.Error() }

// Unwrap returns the fault.
func (r *refusal) Unwrap() error { return r.fault }

func (s *server) base(r *http.Request) string {
	if s.Base != "" {
		return s.Base
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + "/fhir"
}

// body reads and parses the request's resource.
func (c *call) body() (*fhir.Node, error) {
	if c.given != nil {
		return c.given, nil
	}
	ct := c.Header.Get("Content-Type")
	if c.rawBody(ct) {
		return c.readBinary(ct)
	}
	if ct != "" && !jsonType(ct) && !xmlType(ct) {
		return nil, unsupported(ct, "application/fhir+json or application/fhir+xml")
	}
	b, err := c.all()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.TooLarge, "The body is larger than the limit of %d bytes.", tooLarge.Limit)
	case err != nil:
		return nil, unread(err, fault.Wrap(err, fault.Malformed, "The body could not be read to its end."))
	}
	if err := c.readable(b); err != nil {
		return nil, err
	}
	c.sent = sha256.Sum256(b)
	parse := fhir.Parse
	if xmlType(ct) {
		parse = xml.Decode
	}
	r, err := parse(b)
	if err != nil {
		return nil, err
	}
	if r.Kind() != fhir.Object {
		return nil, fault.New(fault.Malformed, "The body must be one JSON object, a resource.")
	}
	relative(r, c.base+"/")
	return r, nil
}

// relative makes references to this server relative. An observation about
// "https://clinic.example/fhir/Patient/7" belongs into the chart of Patient/7.
func relative(n *fhir.Node, base string) {
	switch n.Kind() {
	case fhir.Array:
		for v := range n.Items() {
			relative(v, base)
		}
	case fhir.Object:
		for name, v := range n.Members() {
			if rest, ok := strings.CutPrefix(v.Text(), base); ok && name == "reference" && v.Kind() == fhir.String {
				n.Set(name, fhir.Str(rest))
				continue
			}
			relative(v, base)
		}
	}
}

func unsupported(contentType, want string) error {
	return &refusal{http.StatusUnsupportedMediaType, fault.New(fault.NotSupported, "The content %q is not supported; send %s.", clip(contentType), want)}
}

// resource is body for the type in the path.
func (c *call) resource() (*fhir.Node, error) {
	r, err := c.body()
	if err != nil {
		return nil, err
	}
	want := c.PathValue("type")
	if got := r.ResourceType(); got != want {
		return nil, fault.New(fault.Malformed, "The body is a resource of type %q, the address asks for %s.", clip(got), want).At("resourceType")
	}
	return r, nil
}

func clip(s string) string { return fault.Clip(s, 80) }

// version reads an ETag such as W/"3" from a header; 0 when absent.
func (c *call) version(header string) (int64, error) {
	h := c.Header.Get(header)
	if h == "" || h == "*" {
		return 0, nil
	}
	return etag(h)
}

func etag(h string) (int64, error) {
	v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(h, "W/"), `"`), 10, 64)
	if err != nil || v < 1 {
		return 0, fault.New(fault.Malformed, `The version %q cannot be read; it looks like W/"3".`, clip(h))
	}
	return v, nil
}

// send writes a stored version with its headers.
func (c *call) send(status int, v store.Version, location bool) error {
	h := c.w.Header()
	h.Set("ETag", fmt.Sprintf(`W/"%d"`, v.Version))
	h.Set("Last-Modified", v.Updated.UTC().Format(http.TimeFormat))
	if location {
		h.Set("Location", fmt.Sprintf("%s/%s/%s/_history/%d", c.base, v.Type, v.ID, v.Version))
	}
	return c.write(status, v.Body)
}

// write answers with a resource, given as JSON, in the form that was asked for.
func (c *call) write(status int, body []byte) error {
	h := c.w.Header()
	if len(body) == 0 {
		body = nil
	}
	switch {
	case c.html && body != nil:
		return c.writePage(status, body)
	case c.xml && body != nil:
		r, err := fhir.Parse(body)
		if err == nil {
			body, err = xml.Encode(r)
		}
		if err != nil {
			c.xml = false // the answer that says so is JSON
			return &refusal{http.StatusNotAcceptable, fault.Wrap(err, fault.NotSupported, "This answer has parts that XML cannot carry; ask for application/fhir+json.")}
		}
		h.Set("Content-Type", xmlContent)
	default:
		if strings.Contains(c.URL.RawQuery, "_pretty") && c.URL.Query().Get("_pretty") == "true" {
			body = pretty(body)
		}
		h.Set("Content-Type", jsonContent)
	}
	sent, err := c.sending(len(body))
	if err != nil && c.changes && c.turn == nil && status < 300 { // it is done: told as with Prefer: return=minimal
		body, sent, err = nil, func() {}, nil
		h.Del("Content-Type")
	}
	if err != nil {
		return err
	}
	defer sent()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if err := c.worked(); err != nil {
		return err
	}
	c.w.WriteHeader(status)
	if c.Method == http.MethodHead || len(body) == 0 {
		return nil
	}
	c.hand(body)
	return nil
}
