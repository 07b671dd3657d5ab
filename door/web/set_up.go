package web

import (
	"errors"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// SetUpPath is the path of the one-time link with which the first account is made.
func SetUpPath(secret string) string { return "/set-up/" + secret }

// InvitePath is the path of the one-time link with which a person chooses a password.
func InvitePath(secret string) string { return "/invite/" + secret }

// linkView is what the two pages of one-time links show.
type linkView struct {
	Path, Name, User string
	Invited          bool
	Asks             bool // a check code is asked for, and Check was typed
	Check            string
	Mode             string // which charts the people of the clinic see, at the first set-up
	Single           string // name of the hospital's sign-in, for staff
	Faults           ui.Faults
}

func setUpPage(w http.ResponseWriter, r *Request) error {
	l, err := r.Site.Accounts.FindLink(r.Context(), r.PathValue("secret"))
	if err != nil {
		return err
	}
	if l.Account != "" {
		return Redirect(w, r, InvitePath(r.PathValue("secret")))
	}
	return r.showLink(w, linkView{Path: SetUpPath(r.PathValue("secret"))})
}

func setUp(w http.ResponseWriter, r *Request) error {
	l, err := r.Site.Accounts.FindLink(r.Context(), r.PathValue("secret"))
	if err != nil {
		return err
	}
	if l.Account != "" {
		return fault.New(fault.Gone, "This link is an invitation, not the first set-up.")
	}
	v := linkView{Path: SetUpPath(r.PathValue("secret")), Name: r.FormValue("name"), User: r.FormValue("user")}
	v.Mode = r.FormValue("mode")
	r.checkPassword(&v)
	if v.Mode != string(policy.PracticeWide) && v.Mode != string(policy.Restricted) {
		v.Faults.Add("mode", r.Lang.T("Choose which charts the people of the clinic see."))
	}
	if len(v.Faults) > 0 {
		return r.showLink(w, v)
	}
	if err := r.found(v); err != nil { // first: were it lost afterwards, all charts would be open to all
		return err
	}
	_, err = r.Site.Accounts.CompleteSetUp(r.Context(), r.PathValue("secret"),
		identity.Draft{User: v.User, Name: v.Name, Password: r.FormValue("password")})
	return r.linkDone(w, v, v.User, err)
}

// found writes how the clinic is set up, in the name of who makes the first account.
func (r *Request) found(v linkView) error {
	founder := trust.System("set-up")
	founder.Name = v.Name
	return r.Site.Gate.As(founder, "clinic").SetHouse(r.Context(), record.House{Mode: policy.Mode(v.Mode)}, "chosen at the first set-up")
}

func invitePage(w http.ResponseWriter, r *Request) error {
	v, err := r.invitation()
	if err != nil {
		return err
	}
	return r.showLink(w, v)
}

func invite(w http.ResponseWriter, r *Request) error {
	v, err := r.invitation()
	if err != nil {
		return err
	}
	r.checkPassword(&v)
	if len(v.Faults) > 0 {
		return r.showLink(w, v)
	}
	_, err = r.Site.Accounts.CompleteInvite(r.Context(), r.PathValue("secret"), r.FormValue("check"), r.FormValue("password"))
	return r.linkDone(w, v, v.User, err)
}

func (r *Request) invitation() (linkView, error) {
	l, err := r.Site.Accounts.FindLink(r.Context(), r.PathValue("secret"))
	if err != nil {
		return linkView{}, err
	}
	if l.Account == "" {
		return linkView{}, fault.New(fault.Gone, "This link is for the first set-up, not an invitation.")
	}
	a, err := r.Site.Accounts.FindByID(r.Context(), l.Account)
	if err != nil {
		return linkView{}, err
	}
	v := linkView{Path: InvitePath(r.PathValue("secret")), Name: a.Name, User: a.User, Invited: true, Asks: l.Asks, Check: r.FormValue("check")}
	if a.Role != trust.Patient && a.Linked == nil {
		var hospital identity.Provider
		hospital, err = r.Provider()
		v.Single = hospital.Name
	}
	return v, err
}

func (r *Request) checkPassword(v *linkView) {
	if !v.Invited && v.Name == "" {
		v.Faults.Add("name", r.Lang.T("Type your name."))
	}
	if _, err := identity.UserName(v.User); err != nil {
		v.Faults.Add("user", FaultText(r, err))
	}
	if err := r.Site.Accounts.CheckPassword(r.FormValue("password"), v.User); err != nil {
		v.Faults.Add("password", FaultText(r, err))
	} else if r.FormValue("password") != r.FormValue("again") {
		v.Faults.Add("again", r.Lang.T("The two passwords are not the same."))
	}
}

// linkDone signs the person in with the new password.
func (r *Request) linkDone(w http.ResponseWriter, v linkView, user string, err error) error {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		field := ""
		if f := (*fault.Error)(nil); errors.As(err, &f) {
			field = f.Path
		}
		v.Faults.Add(field, FaultText(r, err))
		return r.showLink(w, v)
	}
	if err != nil {
		return err
	}
	session, secret, err := r.Site.Accounts.SignIn(r.Context(), user, r.FormValue("password"), "", place(r))
	return r.signedIn(w, signInView{User: user}, session, secret, err)
}

func (r *Request) showLink(w http.ResponseWriter, v linkView) error {
	p := ui.Page{Title: r.Lang.T("Welcome"), Narrow: true}
	if len(v.Faults) > 0 {
		return Invalid(w, r, p, linkForm(r.Site.Clinic, v))
	}
	return Page(w, r, p, linkForm(r.Site.Clinic, v))
}

// FaultText is the sentence of a fault for a form.
func FaultText(r *Request, err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		if told := f.Told(); f.Path != "" && len(told) > 0 { // the message is one of them, as the record says it
			return r.Lang.T(told[0].Text)
		}
		return f.In(r.Lang.T)
	}
	return r.Lang.T("This cannot be used.")
}
