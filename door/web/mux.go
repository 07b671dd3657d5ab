package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Limits of one request.
const (
	maxBody     = 2 << 20          // bytes of a form
	maxDuration = 30 * time.Second // of a handler
	maxStream   = 2 * time.Hour    // of a handler that takes in or gives out a file
)

// Route is one declared route, for the site map and tests.
type Route struct {
	Pattern string // "GET /p/{patient}/meds"
	Policy  Policy
	Door    string
	Finds   bool // POST that only looks: what is looked for is in the form
}

// Mux collects the routes of an area.
type Mux struct {
	site   *Site
	area   *Area
	mux    *http.ServeMux
	routes *[]Route
	faults []string
	wrap   func(Handler) Handler // around every handler of a shared area; nil for none
}

// Page declares a route with its policy. A pattern is "METHOD /path/{name}".
func (m *Mux) Page(pattern string, p Policy, h Handler) { m.add(pattern, p, h, 0) }

// Find declares a page or fragment that looks for what somebody types. The words come as a form
// (POST), since addresses are kept and logged (address.go); nothing is changed. path is
// "/p/{patient}/problems/find".
func (m *Mux) Find(path string, p Policy, h Handler) {
	m.add("POST "+path, p, h, 0)
	if n := len(*m.routes) - 1; n >= 0 && (*m.routes)[n].Pattern == "POST "+path {
		(*m.routes)[n].Finds = true
	}
}

// Stream declares a route that takes in or gives out a file, as a stream: what comes may have
// up to limit bytes, and there is time for it. Its handler reads the form with Request.Upload.
func (m *Mux) Stream(pattern string, p Policy, limit int64, h Handler) { m.add(pattern, p, h, limit) }

func (m *Mux) add(pattern string, p Policy, h Handler, limit int64) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || p == 0 || h == nil || !strings.HasPrefix(path, "/") || method == "" {
		m.faults = append(m.faults, fmt.Sprintf("the route %q needs a method, a path, a policy and a handler", pattern))
		return
	}
	if m.wrap != nil {
		h = m.wrap(h)
	}
	*m.routes = append(*m.routes, Route{Pattern: pattern, Policy: p, Door: m.area.Door})
	m.mux.Handle(pattern, m.site.serve(m.area, p, h, limit))
}

// Handler returns the site's handler, or an error when a route is not declared well. It
// serves the areas, sign-in and the assets.
func (s *Site) Handler(areas ...Area) (http.Handler, error) {
	h, _, err := s.build(areas)
	return h, err
}

// Routes returns all routes of the site, for tests and the site map.
func (s *Site) Routes(areas ...Area) ([]Route, error) {
	_, routes, err := s.build(areas)
	return routes, err
}

func (s *Site) build(areas []Area) (h http.Handler, routes []Route, err error) {
	defer func() { // ServeMux panics on conflicting patterns
		if p := recover(); p != nil {
			err = fmt.Errorf("web: routes: %v", p)
		}
	}()
	mux := http.NewServeMux()
	s.log()
	own := s.ownArea(areas)
	for _, a := range append([]Area{own}, areas...) {
		m := &Mux{site: s, area: &a, mux: mux, routes: &routes}
		if a.Shared {
			m.wrap = s.inOwn(areas)
		}
		a.Routes(m)
		if len(m.faults) > 0 {
			return nil, nil, fmt.Errorf("web: %s", strings.Join(m.faults, "; "))
		}
	}
	mux.Handle("GET "+ui.AssetPrefix, ui.Assets())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /beat", s.beat)
	mux.Handle("/", s.serve(&own, Public, func(http.ResponseWriter, *Request) error {
		return fault.New(fault.NotFound, "There is no page at this address.")
	}, 0))
	cross := http.NewCrossOriginProtection()
	return s.headers(cross.Handler(mux)), routes, nil
}

// serve wraps a handler: who is it, may it come, time and body limits, faults and panics. A
// stream of up to limit bytes is not held back until it is whole, as a page is.
func (s *Site) serve(area *Area, p Policy, h Handler, limit int64) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := &Request{Request: req, Site: s, area: area, id: ident.New(s.Clock.Now())}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				s.Log.Error("panic", "request", r.id, "pattern", req.Pattern, "value", fmt.Sprint(v), "stack", string(debug.Stack()))
				_ = fail(w, r, fmt.Errorf("panic"))
			}
		}()
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			req.Body = http.MaxBytesReader(w, req.Body, max(limit, maxBody))
		}
		w.Header().Set("Cache-Control", "no-store")
		ctx, tally := ledger.WithTally(req.Context(), identity.Network(req.RemoteAddr))
		r.Request = req.WithContext(ctx)
		if path := req.URL.Path; path != foreign {
			u := *req.URL
			u.RawQuery = bare(u.RawQuery)
			r.URL, r.Reduced = &u, u.RawQuery != req.URL.RawQuery
		}
		err := s.enter(w, r, p, h)
		if tally.Count() == 0 && r.Actor != nil { // shows nothing of the record: it goes out in any case
			if unwritten := r.Actor.Asked(ctx, req.Pattern, req.PathValue("patient"), err); unwritten != nil && err == nil {
				s.Log.Error("a request without an entry in the audit log", "request", r.id, "error", unwritten.Error())
			}
		}
		if err != nil {
			_ = fail(w, r, err)
		}
	})
	if limit > 0 {
		return unhurried(inner)
	}
	return http.TimeoutHandler(inner, maxDuration, "The answer took too long. Go back and try again.\n")
}

// unhurried gives a handler the time that a file needs. The server's own limits, which are for
// pages, come back with the next request.
func unhurried(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		until := time.Now().Add(maxStream)
		_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until) // where there are none, none is needed
		h.ServeHTTP(w, r)
		_ = c.SetWriteDeadline(time.Time{}) // not after a panic: what was broken off has to end
	})
}

// enter finds out who it is and runs the handler when the policy admits it. Before that
// nothing of what was sent is read: a stranger's form costs nothing.
func (s *Site) enter(w http.ResponseWriter, r *Request, p Policy, h Handler) error {
	locked, err := s.identify(w, r)
	if err != nil {
		return err
	}
	switch {
	case p&Public != 0:
		if err := readForm(r.Request); err != nil {
			return err
		}
		return h(w, r)
	case locked:
		return stopLocked(w, r)
	case r.weak && p&Entering != 0 && p.admits(r.Account.Role):
		return h(w, r)
	case r.weak && (r.Method != http.MethodGet || r.HX()):
		return fault.New(fault.Unauthorized, "Your account needs a second factor before it opens anything: set one up first.")
	case r.weak:
		return Redirect(w, r, "/secure?next="+nextOf(r))
	case r.Actor == nil && (r.Method != http.MethodGet || r.HX()):
		return fault.New(fault.Unauthorized, "You are not signed in any more. Sign in again in another tab, then come back: this page keeps what you typed.")
	case r.Actor == nil:
		return Redirect(w, r, "/sign-in?next="+nextOf(r))
	case !p.admits(r.Principal().Role):
		if r.area.Patients != (r.Principal().Role == trust.Patient) { // the navigation of others is none of theirs
			r.area = &Area{Door: r.area.Door, Patients: !r.area.Patients}
		}
		return fault.New(fault.Forbidden, "Your role does not open this page. Ask an administrator if you need it.")
	}
	s.Fair.Seen(r.Principal().ID)
	if err := readForm(r.Request); err != nil {
		return err
	}
	if err := s.takeProof(w, r); err != nil {
		return err
	}
	whole := r.Request
	ctx, stop := s.Accounts.While(r.Context(), r.Principal())
	done := identity.HangUp(ctx, w)
	defer func() { // a fault is told after this: its page is not drawn with a context that has ended
		done()
		stop()
		r.Request = whole
	}()
	r.Request = r.WithContext(ctx)
	var missing *unproved
	err = h(w, r)
	if errors.As(err, &missing) {
		return ask(w, r, missing.demand)
	}
	return err
}

func (s *Site) log() {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
}

// permissions are what no page may ask the browser for. Passkeys are asked for by Osler's own pages.
const permissions = "accelerometer=(), bluetooth=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), serial=(), usb=()"

// Bounded sets what keeps a browser in bounds on every answer, for what stands before the
// doors themselves: the redirect of an untidy address. The doors set their own.
func Bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// contentPolicy is what a page may load, and where its forms may lead. Where the browser knows
// trusted types, no text becomes code: app.js makes the one policy, which lets markup through
// (answers of this site, to htmx) and no script.
func contentPolicy(forms string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action " + forms + "; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types default"
}

// FormsLeadTo lets the forms of a page lead to addresses outside of this site, by way of the
// redirect that answers them: back to a program that somebody lets in. Call it before Page.
func FormsLeadTo(w http.ResponseWriter, addresses ...string) {
	forms := "'self'"
	for _, a := range addresses {
		u, err := url.Parse(a)
		switch {
		case err != nil || strings.ContainsAny(a, " ;,'\""):
		case u.Host != "":
			forms += " " + u.Scheme + "://" + u.Host
		case u.Scheme != "":
			forms += " " + u.Scheme + ":"
		}
	}
	w.Header().Set("Content-Security-Policy", contentPolicy(forms))
}

// headers sets what every answer carries.
func (s *Site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy("'self'"))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}
