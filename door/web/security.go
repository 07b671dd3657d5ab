package web

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// securityView is how a person signs in, and where.
type securityView struct {
	Account   identity.Account
	Sessions  []identity.Session
	Own       string // id of this session
	Passkey   string // what a device is asked for a new passkey; "" where passkeys do not work
	Named     string // name typed for it
	Where     string // the address of this page, when passkeys do not work there
	Enrolment *enrolmentView
	Codes     []string // new recovery codes, shown this once
	Single    string   // name of the hospital's sign-in
	First     bool     // a second factor has to be set up before anything else
	Next      string
	Faults    ui.Faults
}

type enrolmentView struct {
	Secret string
	QR     string // path data of the QR code
	Size   int    // modules a side, quiet zone included
	Faults ui.Faults
}

// self names the person in front of the page also while nothing else is open to them.
func (r *Request) self() trust.Principal { return identity.Self(r.Account, r.Session) }

// relying is the site as passkeys know it; ok is false where they do not work.
func (r *Request) relying() (identity.Relying, bool) {
	if r.Site.Address != "" {
		return identity.RelyingFor(r.Site.Address)
	}
	at, ok := identity.RelyingFor(r.Absolute(""))
	return at, ok && at.Host == "localhost" // what a request calls the host is believed for this machine only
}

// enrolling is for setting second factors up: at the first sign-in at once, later with a proof.
func enrolling(h Handler) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		if !r.weak {
			if err := r.Fresh(Granting); err != nil {
				return err
			}
		}
		return h(w, r)
	}
}

func securityPage(w http.ResponseWriter, r *Request) error { return r.showSecurity(w, securityView{}) }

// securePage is where a first sign-in leads: nothing opens without a second factor.
func securePage(w http.ResponseWriter, r *Request) error {
	if !r.weak {
		return Redirect(w, r, orRoot(r.FormValue("next")))
	}
	return r.showSecurity(w, securityView{Next: r.FormValue("next")})
}

func (r *Request) showSecurity(w http.ResponseWriter, v securityView) error {
	var err error
	if v.Account, err = r.Site.Accounts.FindByID(r.Context(), r.Account.ID); err != nil {
		return err
	}
	v.First, v.Own = r.weak, r.Session.ID
	hospital, err := r.Provider()
	if err != nil {
		return err
	}
	if v.Account.Role != trust.Patient {
		v.Single = hospital.Name
	}
	if at, ok := r.relying(); ok && len(v.Codes) == 0 {
		if v.Passkey, err = r.Site.Accounts.EnrolPasskey(r.Context(), r.self(), r.Account.ID, at); err != nil {
			return err
		}
	} else if !ok {
		v.Where = r.Absolute("")
	}
	p, body := ui.Page{Title: r.Lang.T("Security"), Narrow: true}, securityBody(v)
	switch {
	case len(v.Codes) > 0:
		body = codesPage(v)
	case v.First:
		body = secureBody(v)
	default:
		if v.Sessions, err = r.Site.Accounts.Sessions(r.Context(), r.Principal(), r.Account.ID); err != nil {
			return err
		}
	}
	if len(v.Sessions) > 0 {
		body = securityBody(v)
	}
	if len(v.Faults) > 0 || v.Enrolment != nil && len(v.Enrolment.Faults) > 0 {
		return Invalid(w, r, p, body)
	}
	return Page(w, r, p, body)
}

func passkeyAdd(w http.ResponseWriter, r *Request) error {
	v := securityView{Named: r.FormValue("name"), Next: r.FormValue("next")}
	at, ok := r.relying()
	if !ok {
		return fault.New(fault.Invalid, "Passkeys do not work at this address. Open Osler under its name.")
	}
	p, err := r.Site.Accounts.AddPasskey(r.Context(), r.self(), r.Account.ID, r.FormValue("name"), at, r.FormValue("passkey"))
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Unauthorized) {
		v.Faults.Add("name", FaultText(r, err))
		return r.showSecurity(w, v)
	}
	if err != nil {
		return err
	}
	return r.factorSet(w, v, r.Lang.T("The passkey “%s” is set up: sign in with it from now on.", p.Name))
}

// factorSet ends the set-up of a second factor. The first one comes with recovery codes, and
// opens the session that waited for it.
func (r *Request) factorSet(w http.ResponseWriter, v securityView, said string) error {
	if r.weak {
		c, err := r.Cookie(r.Site.cookieName(sessionCookie))
		if err != nil {
			return err
		}
		session, secret, err := r.Site.Accounts.Strengthen(r.Context(), c.Value)
		if err != nil {
			return err
		}
		r.Site.begin(w, secret)
		r.Session, r.weak = session, false
		if err := r.Site.bind(r); err != nil {
			return err
		}
	}
	a, err := r.Site.Accounts.FindByID(r.Context(), r.Account.ID)
	if err != nil {
		return err
	}
	if a.RecoveryLeft > 0 {
		r.Say(said, "")
		return Redirect(w, r, "/settings/security")
	}
	if v.Codes, err = r.Site.Accounts.NewRecoveryCodes(r.Context(), r.Principal(), r.Account.ID); err != nil {
		return err
	}
	r.said = &ui.Toast{Text: said}
	return r.showSecurity(w, v)
}

func passkeyRemove(w http.ResponseWriter, r *Request) error {
	err := r.Site.Accounts.RemovePasskey(r.Context(), r.Principal(), r.Account.ID, r.PathValue("passkey"))
	return r.factorGone(w, err, r.Lang.T("The passkey is removed: it opens nothing any more."))
}

func factorRemove(w http.ResponseWriter, r *Request) error {
	err := r.Site.Accounts.RemoveTOTP(r.Context(), r.Principal(), r.Account.ID)
	return r.factorGone(w, err, r.Lang.T("The authenticator app is removed: its codes open nothing any more."))
}

func (r *Request) factorGone(w http.ResponseWriter, err error, said string) error {
	if fault.Is(err, fault.Conflict) {
		return r.showSecurity(w, securityView{Faults: ui.Faults{{Text: FaultText(r, err)}}})
	}
	if err != nil {
		return err
	}
	r.Say(said, "")
	return Redirect(w, r, "/settings/security")
}

func recovery(w http.ResponseWriter, r *Request) error {
	codes, err := r.Site.Accounts.NewRecoveryCodes(r.Context(), r.Principal(), r.Account.ID)
	if fault.Is(err, fault.Conflict) {
		return r.showSecurity(w, securityView{Faults: ui.Faults{{Text: FaultText(r, err)}}})
	}
	if err != nil {
		return err
	}
	return r.showSecurity(w, securityView{Codes: codes})
}

// sessionEnd signs the person out on another device, or, for "others", on all of them.
func sessionEnd(w http.ResponseWriter, r *Request) error {
	n, err := r.Site.Accounts.EndSessions(r.Context(), r.Principal(), r.Account.ID, r.PathValue("session"))
	if err != nil {
		return err
	}
	if n == 0 {
		r.Say(r.Lang.T("There was nothing to end."), "")
	} else {
		r.Say(r.Lang.T("Signed out there."), "")
	}
	return Redirect(w, r, "/settings/security")
}

func changePassword(w http.ResponseWriter, r *Request) error {
	var v securityView
	next := r.FormValue("password")
	if err := r.Site.Accounts.CheckPassword(next, r.Account.User); err != nil {
		v.Faults.Add("password", FaultText(r, err))
	} else if next != r.FormValue("again") {
		v.Faults.Add("again", r.Lang.T("The two passwords are not the same."))
	}
	if len(v.Faults) > 0 {
		return r.showSecurity(w, v)
	}
	err := r.Site.Accounts.ChangePassword(r.Context(), r.Account.ID, r.FormValue("present"), next, place(r))
	if fault.Is(err, fault.Unauthorized) || fault.Is(err, fault.TooCostly) {
		v.Faults.Add("present", r.Lang.T("The present password is not right."))
		return r.showSecurity(w, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The password is changed. Sign in with the new one."), "")
	return Redirect(w, r, "/sign-in")
}

func enrol(w http.ResponseWriter, r *Request) error {
	e, err := r.Site.Accounts.EnrolTOTP(r.Context(), r.self(), r.Account.ID)
	if err != nil {
		return err
	}
	path, size, err := qrPath(e.URL)
	if err != nil {
		return err
	}
	return r.showSecurity(w, securityView{Next: r.FormValue("next"), Enrolment: &enrolmentView{Secret: e.Secret, QR: path, Size: size}})
}

func confirmEnrolment(w http.ResponseWriter, r *Request) error {
	v := securityView{Next: r.FormValue("next")}
	err := r.Site.Accounts.ConfirmTOTP(r.Context(), r.self(), r.Account.ID, r.FormValue("code"))
	if fault.Is(err, fault.Invalid) {
		// A new secret would make the person scan again: only the code is asked again.
		v.Enrolment = &enrolmentView{Faults: ui.Faults{{Field: "code", Text: FaultText(r, err)}}}
		return r.showSecurity(w, v)
	}
	if err != nil {
		return err
	}
	return r.factorSet(w, v, r.Lang.T("The second step is on: from now on, signing in asks for a code."))
}
