package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Names of the cookies.
const (
	sessionCookie = "osler-session" // the session's secret
	flashCookie   = "osler-said"    // a message for the next page
	viewCookie    = "osler-view"    // theme, density, keys, language: no personal data
	browserCookie = "osler-browser" // the secret by which the browser is known: it opens nothing
)

// identify finds out who makes the request from the session cookie. locked is true when
// the session is there but waits for its password.
func (s *Site) identify(w http.ResponseWriter, r *Request) (locked bool, err error) {
	r.choice = readView(r)
	chosen := lang.For(r.choice.Language)
	browsers := chosen // the language of the browser, where nobody has chosen one
	if r.choice.Language == "" {
		browsers = accepted(r.Header.Get("Accept-Language"))
	}
	r.Lang = chosen
	if r.area.Patients || r.area.Door == ownDoor { // whoever signs in, or follows an invitation, may be a patient
		r.Lang = browsers
	}
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return false, nil
	}
	session, account, err := s.Accounts.Session(r.Context(), c.Value)
	var refused *identity.Refusal
	switch {
	case errors.As(err, &refused) && refused.State == identity.Idle:
		locked = true
	case errors.As(err, &refused) && refused.State == identity.NeedsFactor:
		r.weak = true
	case fault.Is(err, fault.Unauthorized):
		s.over(w, r, s.notThere(r))
		return false, nil
	case err != nil:
		return false, err
	}
	r.Session, r.Account = session, account
	switch {
	case account.Language != "":
		r.Lang = lang.For(account.Language)
	case account.Role == trust.Patient:
		r.Lang = browsers
	case !r.area.Patients: // the pages of the staff are in English where nobody has chosen
		r.Lang = chosen
	}
	if !locked && !r.weak {
		if err := s.bind(r); err != nil {
			return false, err
		}
	}
	return locked, nil
}

// bind makes the request's actor out of its session and account.
func (s *Site) bind(r *Request) error {
	p, err := s.principal(r.Request, r.Account, r.Session)
	if err == nil {
		r.Actor = s.Gate.As(p, r.area.Door)
	}
	return err
}

// principal is who acts in a session, with the records that the person has opened by
// break-glass.
func (s *Site) principal(r *http.Request, a identity.Account, session identity.Session) (trust.Principal, error) {
	p := identity.Principal(a, session)
	p.Network = identity.Network(r.RemoteAddr)
	if policy.MayBreakGlass(p) != nil {
		return p, nil
	}
	var err error
	p.Glass, err = s.Accounts.Glass(r.Context(), p.ID)
	return p, err
}

// Visitor returns who is signed in in the browser that a request comes from, for doors that
// are no web; fault.Unauthorized when nobody is, or the session is locked.
func (s *Site) Visitor(r *http.Request) (trust.Principal, error) {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return trust.Principal{}, fault.New(fault.Unauthorized, "Nobody is signed in in this browser.")
	}
	session, account, err := s.Accounts.Session(r.Context(), c.Value)
	var refused *identity.Refusal
	if errors.As(err, &refused) {
		return trust.Principal{}, fault.New(fault.Unauthorized, "Your session is locked, has ended, or waits for its second factor; open Osler in this browser first.")
	}
	if err != nil {
		return trust.Principal{}, err
	}
	return s.principal(r, account, session)
}

// begin puts the secret of a session into the browser; a new session is started.
func (s *Site) begin(w http.ResponseWriter, secret string) {
	http.SetCookie(w, s.cookie(sessionCookie, secret, int(identity.SessionFor.Seconds())))
}

// accepted returns the first language of an Accept-Language header that has a catalogue.
func accepted(header string) lang.Language {
	if len(header) > 200 {
		header = header[:200]
	}
	for _, tag := range splitAccept(header) {
		if l := lang.For(tag); l.Tag() != "en" || tag == "en" {
			return l
		}
	}
	return lang.For("")
}

// Place is where a request comes from, for the lockout, the audit log and the list of sessions.
func (r *Request) Place() identity.Place { return place(r) }

// Address is the network address of Place.
func (r *Request) Address() string { return place(r).Address }

func place(r *Request) identity.Place {
	p := identity.Place{Address: r.RemoteAddr, Device: deviceOf(r.UserAgent())}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		p.Address = host
	}
	if c, err := r.Cookie(r.Site.cookieName(browserCookie)); err == nil {
		p.Browser = c.Value
	}
	return p
}

// deviceOf says in few words what a browser calls itself, so that a person knows a session again.
func deviceOf(agent string) string {
	find := func(list ...string) string {
		for i := 0; i+1 < len(list); i += 2 {
			if strings.Contains(agent, list[i]) {
				return list[i+1]
			}
		}
		return ""
	}
	browser := find("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "FxiOS/", "Firefox", "Chrome/", "Chrome", "CriOS/", "Chrome", "Safari/", "Safari")
	system := find("iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Windows", "Windows", "Mac OS X", "Mac", "CrOS", "ChromeOS", "Linux", "Linux")
	switch {
	case browser == "" && system == "":
		return ""
	case browser == "" || system == "":
		return browser + system
	}
	return browser + " on " + system
}

// reader returns the context in which components are drawn.
func (r *Request) reader() context.Context {
	return ui.With(r.Context(), ui.Reader{Lang: r.Lang, Zone: r.Site.zone(), Now: r.Site.Clock.Now(), Patient: r.area.Patients, Home: r.area.Home, Base: r.Base})
}

// fill completes a page with what the request and the site know.
func (r *Request) fill(w http.ResponseWriter, p *ui.Page) {
	p.Clinic, p.Demo = r.Site.Clinic, r.Site.Demo != nil
	p.Path = currentPath(r)
	p.Theme, p.Density, p.NoKeys, p.Large = r.choice.Theme, r.choice.Density, r.choice.NoKeys, r.choice.Text == "large"
	if r.Actor != nil {
		p.User = r.Principal().Name
		p.Idle = int(r.Account.Idle().Seconds())
		p.Who = r.Account.ID
		if acting := r.Principal(); acting.Proxy != nil {
			p.Held = heldFor + "/" + acting.Patient
		}
		p.NoFind = policy.May(r.Principal(), policy.Search, "Patient") != nil
		if r.area.Nav != nil {
			p.Nav = r.area.Nav(r)
			for i := range p.Nav {
				p.Nav[i].Href = r.At(p.Nav[i].Href)
			}
		}
	}
	p.Active, p.Acting = r.At(p.Active), r.Acting
	if p.Patient != nil {
		if g := r.Principal().Opened(p.Patient.ID, r.Now()); g.ID != "" {
			p.Patient.Glass, p.Patient.GlassUntil = g.ID, g.Until
			p.Held = heldGlass + "/" + p.Patient.ID
		}
	}
	p.Toast = r.said
	if p.Toast == nil {
		p.Toast = takeFlash(w, r)
	}
	if p.Toast != nil {
		p.Toast.Next = p.Path
	}
}

// setFlash keeps a message for the next page, in a cookie that scripts cannot read and that
// lives for as long as an undo.
func setFlash(w http.ResponseWriter, r *Request) {
	body, err := json.Marshal(r.said)
	if err != nil {
		return
	}
	http.SetCookie(w, r.Site.cookie(flashCookie, base64.RawURLEncoding.EncodeToString(body), 10))
}

func takeFlash(w http.ResponseWriter, r *Request) *ui.Toast {
	c, err := r.Cookie(r.Site.cookieName(flashCookie))
	if err != nil {
		return nil
	}
	http.SetCookie(w, r.Site.cookie(flashCookie, "", -1))
	body, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var t ui.Toast
	if json.Unmarshal(body, &t) != nil {
		return nil
	}
	return &t
}

// cookieName gives cookies the __Host- prefix over TLS: no other host and no plain
// connection can then set them.
func (s *Site) cookieName(name string) string {
	if s.Secure {
		return "__Host-" + name
	}
	return name
}

// cookie returns a cookie of this site. seconds 0 lives with the browser, below 0 removes.
func (s *Site) cookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode}
}

// areaOf returns the web that a role lives in, nil when the site has none.
func areaOf(areas []Area, role trust.Role) *Area {
	for i := range areas {
		if !areas[i].Shared && areas[i].Patients == (role == trust.Patient) {
			return &areas[i]
		}
	}
	return nil
}
