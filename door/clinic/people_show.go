package clinic

import (
	"net/http"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// accountsView is the list of accounts.
type accountsView struct {
	Staff, Patients []identity.Account
	Full            bool // the reader is an administrator
	Hires, Portal   bool // the reader keeps accounts of staff, of patients
	Waiting         int  // invited, no password chosen yet
	NoSecond        int  // active staff without a second factor
}

// accountView is one account; Link is set for one answer only, right after it was made.
type accountView struct {
	Account identity.Account
	Own     bool
	Link    string
	Back    string // page to return to: "/people"
	// Full says that the reader is an administrator; others keep some accounts only.
	Full      bool
	Reader    string // id of the reader
	Now       time.Time
	Until     string // as typed
	Reason    string
	Faults    ui.Faults
	Clearance clearanceView
	Sessions  []identity.Session // where the person is signed in, for administrators
}

// accountList is the page People.
func accountList(w http.ResponseWriter, r *web.Request) error {
	roles, err := keeps(r)
	if err != nil {
		return err
	}
	list, err := r.Site.Accounts.List(r.Context(), r.Principal())
	if err != nil {
		return err
	}
	sortAccounts(list)
	v := accountsView{Full: r.Principal().Role == trust.Administrator}
	v.Portal = v.Full || slices.Contains(roles, trust.Patient)
	v.Hires = v.Full || len(roles) > 1 || !v.Portal
	if !v.Full {
		list = slices.DeleteFunc(list, func(a identity.Account) bool { return !slices.Contains(roles, a.Role) })
	}
	for _, a := range list {
		if a.Role == trust.Patient {
			v.Patients = append(v.Patients, a)
			continue
		}
		v.Staff = append(v.Staff, a)
		if a.Invited && !a.Disabled {
			v.Waiting++
		}
		if !a.Invited && !a.Disabled && !a.Strong() && (a.Linked == nil || !a.Linked.Full) {
			v.NoSecond++
		}
	}
	return web.Page(w, r, peopleTitle(r), accountListPage(v))
}

func peopleTitle(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("People"), Active: "/people", Sheets: []string{"office.css"}}
}

// accountShow is the page of one account.
func accountShow(w http.ResponseWriter, r *web.Request) error {
	a, err := kept(r)
	if err != nil {
		return err
	}
	return showAccount(w, r, a, "")
}

// showAccount shows one account, with the one-time link that was just made for it.
func showAccount(w http.ResponseWriter, r *web.Request, a identity.Account, secret string) error {
	v, err := accountOf(r, a, secret)
	if err != nil {
		return err
	}
	return web.Page(w, r, peopleTitle(r), accountPage(v))
}

// accountOf is the view of an account as it is now.
func accountOf(r *web.Request, a identity.Account, secret string) (accountView, error) {
	a, err := r.Site.Accounts.FindByID(r.Context(), a.ID)
	if err != nil {
		return accountView{}, err
	}
	v := accountView{Account: a, Own: a.ID == r.Principal().ID, Back: "/people", Full: r.Principal().Role == trust.Administrator,
		Reader: r.Principal().ID, Now: r.Now(), Until: r.Now().AddDate(0, 0, 14).Format(time.DateOnly)}
	v.Clearance = clearanceOf(a, v.Own)
	if v.Full {
		if v.Sessions, err = r.Site.Accounts.Sessions(r.Context(), r.Principal(), a.ID); err != nil {
			return v, err
		}
	}
	if secret != "" {
		v.Link = r.Absolute(web.InvitePath(secret))
	}
	return v, nil
}

// accountLink makes a new one-time link and shows it once.
func accountLink(w http.ResponseWriter, r *web.Request) error {
	a, err := kept(r)
	if err != nil {
		return err
	}
	secret, err := r.Site.Accounts.ResetLink(r.Context(), r.Principal(), a.ID)
	if err != nil {
		return err
	}
	return showAccount(w, r, a, secret)
}

// accountDisable ends an account and its sessions; nobody can be booked with the person.
func accountDisable(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	if err := r.Site.Accounts.Deactivate(r.Context(), r.Principal(), a.ID); err != nil {
		return err
	}
	if err := staff.SetActive(r.Context(), r.Actor, a.Practitioner, false); err != nil {
		return err
	}
	r.Say(r.Lang.T("%s cannot sign in any more; all sessions have ended.", a.Name), "")
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountEnable takes that back.
func accountEnable(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	if err := r.Site.Accounts.Enable(r.Context(), r.Principal(), a.ID); err != nil {
		return err
	}
	if err := staff.SetActive(r.Context(), r.Actor, a.Practitioner, true); err != nil {
		return err
	}
	r.Say(r.Lang.T("%s can sign in again.", a.Name), "")
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountDisconnect ends the connection of an account with the hospital's sign-in, and what is open.
func accountDisconnect(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	if err := r.Site.Accounts.Disconnect(r.Context(), r.Principal(), a.ID); err != nil {
		return err
	}
	if err := r.Site.Accounts.EndAll(r.Context(), r.Principal(), a.ID); err != nil {
		return err
	}
	r.Say(r.Lang.T("%s is not connected with the sign-in of the hospital any more.", a.Name), "")
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountEnd signs a person out everywhere.
func accountEnd(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	if err := r.Site.Accounts.EndAll(r.Context(), r.Principal(), a.ID); err != nil {
		return err
	}
	r.Say(r.Lang.T("All sessions and tokens of %s have ended.", a.Name), "")
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountFactor is for a lost phone or key: everything that opens the account is taken away, and
// a one-time link, shown once, lets the person set it up anew.
func accountFactor(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("account")
	if r.FormValue("confirm") != id { // it cannot be taken back: once more, with the name
		a, err := r.Site.Accounts.FindByID(r.Context(), id)
		if err != nil {
			return err
		}
		p := peopleTitle(r)
		p.Narrow = true
		return web.Page(w, r, p, factorAskPage(a))
	}
	secret, err := r.Site.Accounts.ResetFactors(r.Context(), r.Principal(), id)
	if err != nil {
		return err
	}
	a, err := r.Site.Accounts.FindByID(r.Context(), id)
	if err != nil {
		return err
	}
	return showAccount(w, r, a, secret)
}
