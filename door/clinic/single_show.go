package clinic

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// singleView is the page on which an administrator connects the hospital's own sign-in.
type singleView struct {
	Provider identity.Provider
	Given    bool // named by the operator: nothing can be changed here
	On       bool
	Kept     bool   // a secret is stored for what is in the form
	Back     string // the addresses that the provider has to know
	Logout   string
	Home     string
	NoName   bool                     // nobody named Osler's own address
	Troubles []identity.SingleTrouble // what went wrong lately, the newest first
	Faults   ui.Faults
}

// singleRoles is how many lines of roles stand free.
const singleRoles = 3

func singleTitle(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Single sign-on"), Active: "/people", Sheets: []string{"office.css"}}
}

func singleShow(w http.ResponseWriter, r *web.Request) error {
	p, err := r.Site.Accounts.Provider(r.Context())
	if err != nil {
		return err
	}
	return showSingle(w, r, singleView{Provider: p, On: p.Issuer != "", Kept: p.Secret != ""})
}

func showSingle(w http.ResponseWriter, r *web.Request, v singleView) error {
	v.Given = r.Site.Accounts.ProviderIsGiven()
	var err error
	if v.Troubles, err = r.Site.Accounts.SingleTroubles(r.Context(), r.Principal()); err != nil {
		return err
	}
	if v.Back, err = r.SingleAddress(web.SingleBack); err != nil {
		v.NoName = true
	} else {
		v.Logout, _ = r.SingleAddress(web.SingleLogout)
		v.Home, _ = r.SingleAddress("/")
	}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, singleTitle(r), singlePage(v))
	}
	return web.Page(w, r, singleTitle(r), singlePage(v))
}

// singleSave tries what was typed before it is kept: a provider that does not answer is said at
// once, not to the first colleague.
func singleSave(w http.ResponseWriter, r *web.Request) error {
	present, err := r.Site.Accounts.Provider(r.Context())
	if err != nil {
		return err
	}
	v := singleView{Provider: readProvider(r), On: present.Issuer != ""}
	v.Kept = present.Secret != "" && present.Issuer == v.Provider.Issuer && present.Client == v.Provider.Client
	if v.Provider.Secret == "" && present.Issuer == v.Provider.Issuer && present.Client == v.Provider.Client && r.FormValue("public") == "" {
		v.Provider.Secret = present.Secret
	}
	if err := v.Provider.Check(); err != nil {
		f, _ := err.(*fault.Error)
		for _, i := range f.Issues {
			v.Faults.Add(i.Expression, r.Lang.T("%s", i.Text))
		}
		return showSingle(w, r, v)
	}
	if r.Site.Single == nil {
		return fault.New(fault.Conflict, "This server was started without single sign-on.")
	}
	if err := r.Site.Single.Try(r.Context(), v.Provider); err != nil {
		if fault.CodeOf(err) == fault.Internal {
			return err
		}
		v.Faults.Add("issuer", web.FaultText(r, err))
		return showSingle(w, r, v)
	}
	if err := r.Site.Accounts.SetProvider(r.Context(), r.Principal(), v.Provider); err != nil {
		return err
	}
	r.Say(r.Lang.T("%s answers, and stands on the sign-in page now.", v.Provider.Name), "")
	return web.Redirect(w, r, "/people/single-sign-on")
}

func singleEnd(w http.ResponseWriter, r *web.Request) error {
	if err := r.Site.Accounts.SetProvider(r.Context(), r.Principal(), identity.Provider{}); err != nil {
		return err
	}
	r.Say(r.Lang.T("Single sign-on is off. Who has no password or passkey here needs a new link."), "")
	return web.Redirect(w, r, "/people/single-sign-on")
}

func readProvider(r *web.Request) identity.Provider {
	v := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	p := identity.Provider{Name: v("name"), Issuer: v("issuer"), Client: v("client"), Secret: r.FormValue("secret"), House: v("house") != "",
		ACR: strings.Fields(v("acr")), AMR: strings.Fields(v("amr")), Only: v("only") != "", Create: v("create") != "", Claim: v("claim")}
	for i := range 50 {
		n := strconv.Itoa(i)
		if value, role := v("value-"+n), v("role-"+n); value != "" || role != "" {
			p.Roles = append(p.Roles, identity.RoleOf{Value: value, Role: trust.Role(role)})
		}
	}
	return p
}

// roleLines are the lines of the table, with some free ones.
func (v singleView) roleLines() []identity.RoleOf {
	return append(append([]identity.RoleOf{}, v.Provider.Roles...), make([]identity.RoleOf, singleRoles)...)
}

func mappedOptions() []ui.Option {
	out := []ui.Option{{Value: "", Label: "nobody"}}
	for _, role := range staff.Roles() {
		if identity.Mapped(role) {
			out = append(out, ui.Option{Value: string(role), Label: roleWord(role)})
		}
	}
	return out
}
