package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
)

// portalView is a patient's own way into the record.
type portalView struct {
	Person   patient.Person
	Accounts []identity.Account
	User     string // proposed or typed
	Link     string // shown once
	For      identity.Account
	Faults   ui.Faults
	Proxy    proxyView // who acts for the patient
	TooYoung int       // the age from which the patient may have an account, when younger
	Invites  bool      // the reader may make accounts of patients and links to them
}

// portalAccess shows whether a patient can sign in to the portal.
func portalAccess(w http.ResponseWriter, r *web.Request) error {
	v, err := loadPortal(r)
	if err != nil {
		return err
	}
	return v.show(w, r)
}

func loadPortal(r *web.Request) (portalView, error) {
	p, err := patient.Get(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return portalView{}, err
	}
	v := portalView{Person: p, User: proposedUser(p)}
	invites, err := r.Site.Accounts.Invites(r.Context(), r.Principal(), []trust.Role{trust.Patient})
	if err != nil {
		return v, err
	}
	v.Invites = len(invites) > 0
	if v.Accounts, err = r.Site.Accounts.OfPatient(r.Context(), r.Principal(), p.ID); err != nil {
		return v, err
	}
	rule, err := r.Site.Accounts.Ages(r.Context())
	if err != nil {
		return v, err
	}
	if _, known := minor.Birthday(p.BirthDate, 0); known && !minor.Reached(p.BirthDate, rule.Account, r.Now()) {
		v.TooYoung = rule.Account
	}
	v.Proxy, err = readProxies(r, p, rule)
	return v, err
}

// proposedUser is the e-mail address, which people remember; else nothing is guessed.
func proposedUser(p patient.Person) string {
	user, err := identity.UserName(p.Email)
	if err != nil {
		return ""
	}
	return user
}

func (v portalView) show(w http.ResponseWriter, r *web.Request) error {
	p := detailsTitle(r, v.Person)
	p.Title, p.Sheets = r.Lang.T("Portal access"), []string{"office.css"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, portalAccessPage(v))
	}
	return web.Page(w, r, p, portalAccessPage(v))
}

// portalInvite makes the patient's account and shows its one-time link.
func portalInvite(w http.ResponseWriter, r *web.Request) error {
	v, err := loadPortal(r)
	if err != nil {
		return err
	}
	v.User = strings.TrimSpace(r.FormValue("user"))
	if len(v.Accounts) > 0 {
		v.Faults.Add("", r.Lang.T("This patient has an account already; make a new link for it instead."))
		return v.show(w, r)
	}
	if v.TooYoung > 0 {
		v.Faults.Add("user", r.Lang.T("The patient may have an own account from the age of %d. Until then a parent or guardian acts: give them access below.", v.TooYoung))
		return v.show(w, r)
	}
	name := strings.TrimSpace(v.Person.Given + " " + v.Person.Family)
	a, secret, err := r.Site.Accounts.Invite(r.Context(), r.Principal(),
		identity.Draft{User: v.User, Name: name, Role: trust.Patient, Patient: v.Person.ID, Language: v.Person.Language})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) {
		v.Faults.Add("user", sentence(r, err))
		return v.show(w, r)
	}
	if err != nil {
		return err
	}
	v.Accounts, v.For, v.Link = []identity.Account{a}, a, r.Absolute(web.InvitePath(secret))
	return v.show(w, r)
}

// portalLink makes a new link for an account of this patient.
func portalLink(w http.ResponseWriter, r *web.Request) error {
	v, err := loadPortal(r)
	if err != nil {
		return err
	}
	for _, a := range v.Accounts {
		if a.ID != r.PathValue("account") {
			continue
		}
		secret, err := r.Site.Accounts.ResetLink(r.Context(), r.Principal(), a.ID)
		if err != nil {
			return err
		}
		v.For, v.Link = a, r.Absolute(web.InvitePath(secret))
		return v.show(w, r)
	}
	return fault.New(fault.NotFound, "This patient has no such account.")
}
