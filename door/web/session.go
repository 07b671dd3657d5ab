package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
)

// identify finds out who makes the request from the session cookie. locked is true when
// the session is there but waits for its password.
func (s *Site) identify(_ http.ResponseWriter, r *Request) (locked bool, err error) {
	r.Lang = lang.For(r.Header.Get("Accept-Language"))
	return false, nil
}

func (s *Site) ownArea([]Area) Area {
	return Area{Door: "web", Shell: ui.PlainPage, Routes: func(*Mux) {}}
}

// reader returns the context in which components are drawn.
func (r *Request) reader() context.Context {
	return ui.With(r.Context(), ui.Reader{Lang: r.Lang, Zone: r.Site.zone(), Now: r.Site.Clock.Now(), Patient: r.area.Patients})
}

// fill completes a page with what the request and the site know.
func (r *Request) fill(w http.ResponseWriter, p *ui.Page) {
	p.Clinic, p.Demo = r.Site.Clinic, r.Site.Demo != nil
	p.Path = currentPath(r)
	if r.Actor != nil {
		p.User = r.Principal().Name
		if r.area.Nav != nil {
			p.Nav = r.area.Nav(r)
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

const flashCookie = "osler-said"

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
