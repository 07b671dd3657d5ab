package clinic

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// keeping wraps the pages of people for whoever keeps accounts: administrators, and colleagues to
// whom the right for some roles is lent. What is lent decides inside.
func keeping(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		roles, err := keeps(r)
		if err != nil {
			return err
		}
		if len(roles) == 0 {
			return fault.New(fault.Forbidden, "Your role does not open this page. Ask an administrator if you need it.")
		}
		return h(w, r)
	}
}

// keeps returns the roles whose accounts the reader keeps: those of staff that they may make, and
// patients when that right is lent to them. (Who has it by the own role does it on the page of each
// patient.)
func keeps(r *web.Request) ([]trust.Role, error) {
	roles, err := hires(r)
	if r.Account.KeepsPatients(r.Now()) {
		roles = append(roles, trust.Patient)
	}
	return roles, err
}

// hires returns the roles of staff whose accounts the reader may make.
func hires(r *web.Request) ([]trust.Role, error) {
	return r.Site.Accounts.Invites(r.Context(), r.Principal(), staff.Roles())
}

// kept returns the account of a page, for whoever keeps it.
func kept(r *web.Request) (identity.Account, error) {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil || r.Principal().Role == trust.Administrator {
		return a, err
	}
	roles, err := keeps(r)
	if err == nil && !slices.Contains(roles, a.Role) {
		err = fault.New(fault.NotFound, "There is no such account.")
	}
	return a, err
}

// hiring is who writes a new colleague into the record: the administrator, or, for somebody to
// whom the right is lent and whose role writes no staff, Osler. The invitation itself is audited
// under their name.
func hiring(r *web.Request) *record.Actor {
	if r.Principal().Role == trust.Administrator {
		return r.Actor
	}
	return r.Site.Gate.As(trust.System("invitation by "+r.Account.User), "clinic")
}

// accountRole gives a colleague another role, from the next request on.
func accountRole(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	role := trust.Role(r.FormValue("role"))
	if role == a.Role {
		r.Say(r.Lang.T("%s has this role already; nothing was changed.", a.Name), "")
		return web.Redirect(w, r, "/people/"+a.ID)
	}
	if err := r.Site.Accounts.SetRole(r.Context(), r.Principal(), a.ID, role); err != nil {
		return accountFault(w, r, a, "role", err)
	}
	if err := staff.SetRole(r.Context(), r.Actor, a.Practitioner, role); err != nil {
		return err
	}
	r.Say(r.Lang.T("%s is %s now, from the next click on.", a.Name, r.Lang.T(roleWord(role))), "")
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountLend lends the right to make accounts of some roles until the end of a day; no role
// takes it back.
func accountLend(w http.ResponseWriter, r *web.Request) error {
	a, err := r.Site.Accounts.FindByID(r.Context(), r.PathValue("account"))
	if err != nil {
		return err
	}
	var roles []trust.Role
	for _, role := range r.PostForm["lend"] {
		roles = append(roles, trust.Role(role))
	}
	if r.FormValue("back") != "" {
		roles = nil
	} else if len(roles) == 0 {
		return accountFault(w, r, a, "lend", fault.New(fault.Invalid, "Choose for whom the right counts."))
	}
	day, _ := time.ParseInLocation(time.DateOnly, r.FormValue("until"), r.Now().Location())
	if !day.IsZero() {
		day = day.AddDate(0, 0, 1) // the last day counts
	}
	if err := r.Site.Accounts.Grant(r.Context(), r.Principal(), a.ID, day, roles...); err != nil {
		return accountFault(w, r, a, "until", err)
	}
	if len(roles) == 0 {
		r.Say(r.Lang.T("%s makes no accounts any more.", a.Name), "")
	} else {
		r.Say(r.Lang.T("%s may make these accounts, and finds them under People.", a.Name), "")
	}
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountPaper is a step of an emergency paper access: ask, confirm or take back.
func accountPaper(w http.ResponseWriter, r *web.Request) error {
	a, err := kept(r)
	if err != nil {
		return err
	}
	accounts, by := r.Site.Accounts, r.Principal()
	switch r.FormValue("step") {
	case "ask":
		err = accounts.AskPaper(r.Context(), by, a.ID, r.FormValue("reason"))
		r.Say(r.Lang.T("Now a second person confirms it on this page, within an hour."), "")
	case "drop":
		err = accounts.DropPaper(r.Context(), by, a.ID)
		r.Say(r.Lang.T("The emergency paper access is taken back."), "")
	case "confirm":
		var code string
		if code, err = accounts.ConfirmPaper(r.Context(), by, a.ID); err == nil {
			p := peopleTitle(r)
			p.Narrow = true
			return web.Page(w, r, p, paperPage(a, code, r.Now().Add(identity.PaperFor)))
		}
	default:
		err = fault.New(fault.Invalid, "Choose what to do.")
	}
	if err != nil {
		r.Say("", "")
		return accountFault(w, r, a, "reason", err)
	}
	return web.Redirect(w, r, "/people/"+a.ID)
}

// accountFault shows the page of an account again, with what cannot be done and what was typed.
func accountFault(w http.ResponseWriter, r *web.Request, a identity.Account, field string, err error) error {
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Conflict, fault.Forbidden:
	default:
		return err
	}
	v, loadErr := accountOf(r, a, "")
	if loadErr != nil {
		return loadErr
	}
	v.Faults = ui.Faults{{Field: field, Text: web.FaultText(r, err)}}
	v.Until, v.Reason = r.FormValue("until"), strings.TrimSpace(r.FormValue("reason"))
	return web.Invalid(w, r, peopleTitle(r), accountPage(v))
}

// lends reports whether the right for a role is lent at this moment.
func (v accountView) lends(role trust.Role) bool {
	return slices.ContainsFunc(v.Account.Grants, func(l identity.Lent) bool { return l.Role == role && l.Holds(v.Now) })
}

// held are the rights that count at this moment.
func (v accountView) held() []identity.Lent {
	return slices.DeleteFunc(slices.Clone(v.Account.Grants), func(l identity.Lent) bool { return !l.Holds(v.Now) })
}
