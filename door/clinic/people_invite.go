package clinic

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// inviteView is the form of an invitation as it was typed.
type inviteView struct {
	Person staff.Person
	User   string
	Roles  []trust.Role // that the reader may give
	Faults ui.Faults
}

func staffInviteForm(w http.ResponseWriter, r *web.Request) error {
	v := inviteView{}
	if err := v.offer(r); err != nil {
		return err
	}
	return web.Page(w, r, peopleTitle(r), staffInvitePage(v))
}

// staffInvite writes the person and makes the account with its one-time link, shown once.
func staffInvite(w http.ResponseWriter, r *web.Request) error {
	v := readInvite(r)
	if err := v.offer(r); err != nil {
		return err
	}
	v.check(r)
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, peopleTitle(r), staffInvitePage(v))
	}
	id := ident.New(r.Now())
	by := hiring(r)
	hired, err := staff.Hire(r.Context(), by, v.Person, id)
	if err != nil {
		return err
	}
	a, secret, err := r.Site.Accounts.Invite(r.Context(), r.Principal(),
		identity.Draft{User: v.User, Name: v.Person.Name(), Role: v.Person.Role, Practitioner: id})
	if err != nil {
		// The name was taken in between: nobody is hired without an account.
		if undo := by.Undo(r.Context(), hired.Undo); undo != nil {
			return errors.Join(err, undo)
		}
		v.Faults.Add("user", sentence(r, err))
		return web.Invalid(w, r, peopleTitle(r), staffInvitePage(v))
	}
	return showAccount(w, r, a, secret)
}

func readInvite(r *web.Request) inviteView {
	v := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	return inviteView{User: v("user"), Person: staff.Person{Prefix: v("prefix"), Given: v("given"), Family: v("family"),
		Qualification: v("qualification"), Email: v("email"), Role: trust.Role(v("role"))}}
}

func (v *inviteView) check(r *web.Request) {
	if !slices.Contains(v.Roles, v.Person.Role) { // before anybody is hired
		v.Person.Role = ""
	}
	for _, i := range v.Person.Check() {
		v.Faults.Add(i.Expression, r.Lang.T("%s", i.Text))
	}
	user, err := identity.UserName(v.User)
	if err != nil {
		v.Faults.Add("user", sentence(r, err))
		return
	}
	if _, err := r.Site.Accounts.FindByUser(r.Context(), user); !fault.Is(err, fault.NotFound) {
		v.Faults.Add("user", r.Lang.T("The user name “%s” is in use; choose another one.", user))
	}
}

// offer says which roles the reader may give.
func (v *inviteView) offer(r *web.Request) (err error) {
	v.Roles, err = hires(r)
	if err == nil && len(v.Roles) == 0 {
		err = fault.New(fault.Forbidden, "You make no accounts of colleagues. Ask an administrator.")
	}
	return err
}

// offered are the roles of the form.
func (v inviteView) offered() []ui.Option {
	return slices.DeleteFunc(roleOptions(v.Person.Role), func(o ui.Option) bool {
		return o.Value != "" && !slices.Contains(v.Roles, trust.Role(o.Value))
	})
}

func roleOptions(r trust.Role) []ui.Option {
	out := []ui.Option{}
	if r == "" {
		out = append(out, ui.Option{Value: "", Label: "Choose"})
	}
	for _, role := range staff.Roles() {
		out = append(out, ui.Option{Value: string(role), Label: roleWord(role)})
	}
	return out
}

// roleMeans says what a role opens, for whoever gives it.
var roleMeans = []struct {
	Role trust.Role
	Text string
}{
	{trust.Physician, "opens charts, prescribes, orders, signs notes"},
	{trust.Nurse, "opens charts, records vital signs, prepares prescriptions and orders for signature"},
	{trust.MedicalAssistant, "opens charts, records vital signs and histories, prepares prescriptions and orders for signature; reads notes and writes none"},
	{trust.Pharmacist, "medicines, allergies, results and problems; dispenses, holds and releases prescriptions; no notes and no documents"},
	{trust.Laboratory, "laboratory orders, specimens and results; nothing else of a chart"},
	{trust.FrontDesk, "schedule, registration, administrative messages; no clinical content"},
	{trust.Biller, "charges, statements, diagnosis codes; no notes and no results"},
	{trust.Records, "reads charts to release and correct them, files documents and consents; writes nothing clinical"},
	{trust.Administrator, "people and fees, audit log; no patient data"},
	{trust.Auditor, "audit log only"},
}
