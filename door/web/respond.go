package web

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/trust/policy"
)

// write draws a component into memory first, so that a fault while drawing still becomes a
// fault page and not half a page.
func write(w http.ResponseWriter, r *Request, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(r.reader(), &b); err != nil {
		return err
	}
	r.turn.End()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(shown(b.Bytes()))
	if err != nil { // the reader went away; nothing can be said any more
		r.Site.Log.Debug("answer not written", "request", r.id)
	}
	return nil
}

func pageStatus(w http.ResponseWriter, r *Request, status int, p ui.Page, body templ.Component) error {
	r.fill(w, &p)
	shell := r.area.Shell
	if shell == nil {
		shell = ui.PlainPage
	}
	r.Request = r.WithContext(withBody(r.reader(), r.paperTold(body)))
	return write(w, r, status, shell(p))
}

func renderStatus(w http.ResponseWriter, r *Request, status int, c templ.Component) error {
	if r.said != nil {
		said := *r.said
		said.Next = currentPath(r)
		c = templ.Join(c, ui.ToastSwap(said))
	}
	return write(w, r, status, c)
}

// Redirect sends the browser to another page of this site, also from an htmx request. A
// message said before goes along.
func Redirect(w http.ResponseWriter, r *Request, path string) error {
	if !local(path) {
		path = "/"
	}
	path = r.At(path)
	if r.said != nil {
		setFlash(w, r)
	}
	if r.HX() {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	http.Redirect(w, r.Request, path, http.StatusSeeOther)
	return nil
}

// local reports whether a path stays on this site. Browsers drop tabs and line ends from
// addresses, so that "/<tab>/evil.example" would leave it; no control character is let through.
func local(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") &&
		!strings.ContainsFunc(path, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f })
}

// nextOf is the page to come back to after signing in: a page, never the target of a form.
func nextOf(r *Request) string { return url.QueryEscape(currentPath(r)) }

// currentPath is the path of the page that the person sees.
func currentPath(r *Request) string {
	if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && r.HX() && local(u.Path) {
		return tidy(u.RequestURI())
	}
	if r.Method == http.MethodGet && !r.HX() {
		return r.URL.RequestURI()
	}
	return "/"
}

// fail answers with a fault: a page, or for htmx a message in the toast's place, always
// with the right status. Only deliberate faults show their text; everything else becomes
// "internal" with the request id, and the chain goes to the log.
func fail(w http.ResponseWriter, r *Request, err error) error {
	code := fault.CodeOf(err)
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		code = fault.TooLarge
		err = fault.New(code, "What was sent is larger than %d bytes.", tooBig.Limit)
	}
	var f *fault.Error
	text := r.Lang.T("Something went wrong in Osler. Nothing was lost that was saved before. The administrator finds it in the log as request %s.", r.id)
	if errors.As(err, &f) && code != fault.Internal {
		text = r.sentences(f)
	}
	level := r.Site.Log.Info
	if fault.Status(code) >= 500 {
		level = r.Site.Log.Error
	}
	level("fault", "request", r.id, "pattern", r.Pattern, "code", string(code), "error", err.Error())
	if r.HX() {
		w.Header().Set("HX-Retarget", "#toast")
		w.Header().Set("HX-Reswap", "outerHTML")
		return write(w, r, fault.Status(code), ui.ToastArea(&ui.Toast{Text: text, Bad: true}))
	}
	p := ui.Page{Title: r.Lang.T(faultTitle(code)), Narrow: true}
	closed := code == fault.NotFound && r.PathValue("patient") != "" && r.Actor != nil && policy.MayBreakGlass(r.Actor.Principal()) == nil
	unconsented := false // may be, of a chart that is not found: it is said whether there is one or not
	if code == fault.NotFound && r.PathValue("patient") != "" && r.Actor != nil && r.Principal().Clinical() {
		unconsented, _ = r.Actor.ConsentFirst(r.Context())
	}
	return pageStatus(w, r, fault.Status(code), p, faultPage(p.Title, text, closed, unconsented))
}

// sentences is all that a fault says: its message, then its findings, nothing twice. The
// message of a refused resource is one of its findings and is not repeated.
func (r *Request) sentences(f *fault.Error) string {
	var text []string
	if f.Path == "" || len(f.Issues) == 0 {
		text = append(text, f.In(r.Lang.T))
	}
	for _, i := range f.Told() {
		text = append(text, IssueText(r, i))
	}
	if len(text) == 0 {
		return f.In(r.Lang.T)
	}
	return strings.Join(text, " ")
}

// IssueText is one finding of a fault in the person's language.
func IssueText(r *Request, i fault.Issue) string {
	if t, ok := i.Said.(lang.Text); ok {
		return r.Lang.Say(t)
	}
	return r.Lang.T(i.Text)
}

func faultTitle(code fault.Code) string {
	switch code {
	case fault.NotFound:
		return "Not found"
	case fault.Gone:
		return "Deleted"
	case fault.Forbidden:
		return "Not allowed"
	case fault.Unauthorized:
		return "Sign in first"
	case fault.Stale:
		return "Someone else changed this"
	case fault.Conflict: // the message says with what
		return "This was not done"
	case fault.Invalid, fault.Malformed:
		return "This cannot be used"
	case fault.TooLarge:
		return "Too large"
	case fault.TooCostly:
		return "Too much at once"
	case fault.Unavailable:
		return "Try again in a moment"
	}
	return "Something went wrong"
}

// HostBelieved reports whether the host that a request names is this server without anybody having said
// so: this machine, or the network address that the request was sent to, with the port that it was sent to.
// Any other name is what the sender says.
func HostBelieved(r *http.Request) bool {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		if host, port = strings.Trim(r.Host, "[]"), "80"; r.TLS != nil {
			port = "443"
		}
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok { // it did not come by the network
		ip, err := netip.ParseAddr(host)
		return host == "localhost" || err == nil && ip.IsLoopback()
	}
	own, err := netip.ParseAddrPort(local.String())
	if err != nil || strconv.Itoa(int(own.Port())) != port {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost" && own.Addr().Unmap().IsLoopback()
	}
	return own.Addr().Unmap().WithZone("") == ip.Unmap()
}

// Absolute is the whole address of a path of this site, for a link that a person hands on.
// Where the site's address is known (--public-url), nobody's Host header is believed.
func (r *Request) Absolute(path string) string {
	if r.Site.Address != "" {
		return strings.TrimRight(r.Site.Address, "/") + path
	}
	scheme := "http"
	if r.Site.Secure {
		scheme = "https"
	}
	return scheme + "://" + r.Host + path
}
