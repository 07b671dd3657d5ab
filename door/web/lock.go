package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// held is a form that arrived while the session was locked. It waits in the lock page and
// is offered again behind it, so that nothing typed is lost.
type held struct {
	Path   string
	Values []heldValue
}

type heldValue struct{ Name, Value string }

type lockView struct {
	Name, Next string
	Fault      string
	Idle       int // minutes without anybody, by which the session was locked; 0 when somebody locked it
	Held       held
	Passkey    string // what the person's passkey is asked
	Single     string // name of the hospital's sign-in, when the account is connected
	Password   bool   // there is a password that can be asked for
	Demo       bool   // the demonstration's accounts unlock by a button
}

const heldPrefix = "held."

// stopLocked answers a request that needs an unlocked session.
func stopLocked(w http.ResponseWriter, r *Request) error {
	if r.HX() || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return fault.New(fault.Unauthorized, "The session is locked. Unlock it in another tab, then try again: this page keeps what you typed.")
	}
	if r.Method != http.MethodPost {
		return Redirect(w, r, "/locked?next="+nextOf(r))
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") { // a file does not fit into the lock page
		_, _ = io.CopyN(io.Discard, r.Body, maxDropped) // a browser shows the answer when it has sent everything
		return fault.New(fault.Unauthorized, "The session is locked, and the file was not saved. Unlock it in another tab, then go back and send the file again.")
	}
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	return showLocked(w, r, http.StatusUnauthorized, lockView{Held: heldOf(r.URL.Path, r.PostForm, "")})
}

func heldOf(path string, values url.Values, prefix string) held {
	h := held{Path: path}
	for name, list := range values {
		name, ok := strings.CutPrefix(name, prefix)
		for _, v := range list {
			if ok {
				h.Values = append(h.Values, heldValue{name, v})
			}
		}
	}
	sort.Slice(h.Values, func(i, j int) bool { return h.Values[i].Name < h.Values[j].Name })
	return h
}

func showLocked(w http.ResponseWriter, r *Request, status int, v lockView) error {
	v.Name, v.Demo, v.Passkey, v.Single = r.Account.Name, r.Site.demoAccount(r.Account.User), r.askPasskey(), r.singleName(false)
	if r.idled() {
		v.Idle = int(r.Account.Idle().Minutes())
	}
	var err error
	if v.Password, err = r.Site.Accounts.ByPassword(r.Context(), r.Account.ID); err != nil {
		return err
	}
	return pageStatus(w, r, status, ui.Page{Title: r.Lang.T("Locked"), Narrow: true}, lockForm(r.Site.Clinic, v))
}

func lock(w http.ResponseWriter, r *Request) error {
	c, err := r.Cookie(r.Site.cookieName(sessionCookie))
	if err != nil {
		return Redirect(w, r, "/")
	}
	if err := r.Site.Accounts.Lock(r.Context(), c.Value); err != nil {
		return err
	}
	return Redirect(w, r, "/locked?next="+url.QueryEscape(orRoot(r.FormValue("next"))))
}

func lockedPage(w http.ResponseWriter, r *Request) error {
	if r.Account.ID == "" || r.Actor != nil {
		return Redirect(w, r, orRoot(r.FormValue("next")))
	}
	return showLocked(w, r, http.StatusOK, lockView{Next: r.FormValue("next")})
}

func unlock(w http.ResponseWriter, r *Request) error {
	c, err := r.Cookie(r.Site.cookieName(sessionCookie))
	if err != nil {
		return Redirect(w, r, "/sign-in")
	}
	v := lockView{Next: r.FormValue("next"), Held: heldOf(r.FormValue("held-path"), r.PostForm, heldPrefix)}
	proof := identity.Proof{Password: r.FormValue("password"), Passkey: r.FormValue("passkey")}
	proof.Relying, _ = r.relying()
	var secret string
	if r.Actor != nil { // it was unlocked meanwhile, at the provider in another tab
		secret = c.Value
	} else if r.FormValue("demo") != "" && r.Site.demoAccount(r.Account.User) {
		_, secret, err = r.Site.Accounts.ProveAs(r.Context(), trust.System("demo"), c.Value, place(r))
	} else {
		_, secret, err = r.Site.Accounts.Unlock(r.Context(), c.Value, proof, place(r))
	}
	var refused *identity.Refusal
	if err == nil {
		r.Site.begin(w, secret)
	}
	switch {
	case err == nil && v.Held.Path != "" && local(v.Held.Path):
		p := ui.Page{Title: r.Lang.T("Unlocked"), Narrow: true}
		return Page(w, r, p, sendAgain(p.Title, r.Lang.T("The session was locked when you sent the form. It was not saved yet. Send it now?"), v.Held))
	case err == nil:
		return Redirect(w, r, orRoot(v.Next))
	case errors.As(err, &refused) && refused.State == identity.Over:
		return Redirect(w, r, "/sign-in?next="+url.QueryEscape(orRoot(v.Next)))
	case errors.As(err, &refused):
		v.Fault = refusalText(r, refused)
		return showLocked(w, r, http.StatusUnprocessableEntity, v)
	}
	return err
}
