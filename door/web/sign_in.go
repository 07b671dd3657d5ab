package web

import (
	"errors"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// signInView is what the sign-in pages show.
type signInView struct {
	User, Next string
	Ticket     string        // the second step asks for a code
	Code       bool          // of an authenticator app
	Passkey    string        // what a passkey is asked; "" where there is none
	HasPasskey bool          // the account of the second step has a passkey
	Single     string        // name of the hospital's sign-in; "" where there is none
	Only       bool          // staff come in by it only
	Demo       []DemoAccount // of a demonstration: one click instead of a password
	Ended      string        // why the session of before is over
	Fault      string
}

func (v signInView) faults(field string) ui.Faults {
	if v.Fault == "" {
		return nil
	}
	return ui.Faults{{Field: field, Text: v.Fault}}
}

func signInPage(w http.ResponseWriter, r *Request) error {
	if r.Actor != nil {
		return Redirect(w, r, "/")
	}
	return showSignIn(w, r, signInView{Next: r.FormValue("next"), Ended: r.tellEnding(w)})
}

func showSignIn(w http.ResponseWriter, r *Request, v signInView) error {
	p := ui.Page{Title: r.Lang.T("Sign in"), Narrow: true}
	if at, ok := r.relying(); ok && (v.Ticket == "" || v.HasPasskey) {
		options, err := r.Site.Accounts.PasskeyChallenge(r.Context(), at, "")
		if err != nil {
			return err
		}
		v.Passkey = options
	}
	hospital, err := r.Provider()
	if err != nil {
		return err
	}
	v.Single, v.Only = hospital.Name, hospital.Only
	if r.Site.Demo != nil {
		v.Demo = r.Site.Demo.Accounts
	}
	body := signInForm(r.Site.Clinic, v)
	if v.Ticket != "" {
		body = codeForm(r.Site.Clinic, v)
	}
	if v.Fault != "" {
		return Invalid(w, r, p, body)
	}
	return Page(w, r, p, body)
}

func signIn(w http.ResponseWriter, r *Request) error {
	v := signInView{User: r.FormValue("user"), Next: r.FormValue("next")}
	if answer := r.FormValue("passkey"); answer != "" {
		at, _ := r.relying()
		if v.Ticket = r.FormValue("ticket"); v.Ticket != "" {
			session, secret, err := r.Site.Accounts.SecondStepPasskey(r.Context(), v.Ticket, at, answer, place(r))
			return r.secondStepDone(w, v, session, secret, err)
		}
		session, secret, err := r.Site.Accounts.SignInPasskey(r.Context(), at, answer, place(r))
		return r.signedIn(w, v, session, secret, err)
	}
	session, secret, err := r.Site.Accounts.SignIn(r.Context(), v.User, r.FormValue("password"), "", place(r))
	return r.signedIn(w, v, session, secret, err)
}

func signInCode(w http.ResponseWriter, r *Request) error {
	v := signInView{Ticket: r.FormValue("ticket"), Next: r.FormValue("next"), Code: true}
	session, secret, err := r.Site.Accounts.SecondStep(r.Context(), v.Ticket, r.FormValue("code"), place(r))
	return r.secondStepDone(w, v, session, secret, err)
}

// secondStepDone is signedIn after the second step, whose ticket may be over.
func (r *Request) secondStepDone(w http.ResponseWriter, v signInView, session identity.Session, secret string, err error) error {
	var refused *identity.Refusal
	if errors.As(err, &refused) && refused.State == identity.Over {
		v.Ticket = ""
	}
	return r.signedIn(w, v, session, secret, err)
}

// signedIn ends a step of the sign-in: the next page, the code, or the form again.
func (r *Request) signedIn(w http.ResponseWriter, v signInView, session identity.Session, secret string, err error) error {
	var refused *identity.Refusal
	switch {
	case err == nil:
		r.Site.started(w, session, secret)
		return Redirect(w, r, orRoot(v.Next))
	case !errors.As(err, &refused):
		return err
	case refused.State == identity.NeedsCode:
		v.Ticket, v.Code, v.HasPasskey = refused.Ticket, refused.Code, refused.Passkey
	default:
		v.Fault = refusalText(r, refused)
	}
	return showSignIn(w, r, v)
}

// refusalText is the refusal's message; a waiting one says until when.
func refusalText(r *Request, refused *identity.Refusal) string {
	var f *fault.Error
	text := ""
	if errors.As(refused, &f) {
		text = f.In(r.Lang.T)
	}
	if refused.State == identity.Waiting {
		return text + " " + r.Lang.T("You can try again at %s.", refused.Until.In(r.Site.zone()).Format("15:04:05"))
	}
	return text
}

func orRoot(next string) string {
	if next == "" || !local(next) {
		return "/"
	}
	return next
}

func signOut(w http.ResponseWriter, r *Request) error {
	elsewhere := r.Session.How
	if c, err := r.Cookie(r.Site.cookieName(sessionCookie)); err == nil {
		if err := r.Site.Accounts.SignOut(r.Context(), c.Value); err != nil {
			return err
		}
	}
	r.Site.over(w, r, endedByHand)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	p, err := r.Provider()
	if err == nil && p.Issuer != "" && identity.Federates(elsewhere) {
		return r.signedOut(w, p)
	}
	return errors.Join(err, Redirect(w, r, "/"))
}

// signInDemo signs in as one of the demonstration's accounts; without demonstration data
// there is no such page.
func signInDemo(w http.ResponseWriter, r *Request) error {
	d := r.Site.Demo
	if d == nil {
		return fault.New(fault.NotFound, "There is no page at this address.")
	}
	for _, a := range d.Accounts {
		if a.Login != r.FormValue("login") {
			continue
		}
		session, secret, err := r.Site.Accounts.SignInAs(r.Context(), trust.System("demo"), a.Login, place(r))
		if err != nil {
			return err
		}
		r.Site.started(w, session, secret)
		return Redirect(w, r, orRoot(r.FormValue("next")))
	}
	return fault.New(fault.NotFound, "The demonstration has no such account.")
}
