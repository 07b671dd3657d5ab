package clinic

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// clearanceView is what sensitive information a member of staff sees: by the role, and by what
// an administrator has cleared beyond it.
type clearanceView struct {
	Account identity.Account
	Own     bool
	ByRole  []string // words of the labels that the role sees
	Can     []policy.Label
	Faults  ui.Faults
	Reason  string
}

func clearanceOf(a identity.Account, own bool) clearanceView {
	v := clearanceView{Account: a, Own: own}
	for _, l := range policy.Labels {
		switch {
		case identity.Clearable(a.Role, l):
			v.Can = append(v.Can, l)
		case !l.Chart && policy.Cleared(trust.Principal{Role: a.Role}, l):
			v.ByRole = append(v.ByRole, l.Text)
		}
	}
	return v
}

// byRole is what the role sees, in the reader's language.
func (v clearanceView) byRole(ctx context.Context) string {
	out := make([]string, len(v.ByRole))
	for i, w := range v.ByRole {
		out[i] = ui.T(ctx, w)
	}
	return strings.Join(out, ", ")
}

func (v clearanceView) cleared(l policy.Label) bool {
	return slices.Contains(v.Account.Clearance, l.Code)
}

// accountClearance says which labels a person sees beyond those of the role.
func accountClearance(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("account")
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	err := r.Site.Accounts.SetClearance(r.Context(), r.Principal(), id, r.PostForm["label"], r.FormValue("reason"))
	if fault.Is(err, fault.Invalid) {
		a, failed := r.Site.Accounts.FindByID(r.Context(), id)
		if failed != nil {
			return failed
		}
		v, failed := accountOf(r, a, "")
		if failed != nil {
			return failed
		}
		v.Clearance.Account.Clearance, v.Clearance.Reason = r.PostForm["label"], r.FormValue("reason")
		v.Clearance.Faults.Add("reason", sentence(r, err))
		return web.Invalid(w, r, peopleTitle(r), accountPage(v))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Changed. It is in force now, for everybody who is signed in as well."), "")
	return web.Redirect(w, r, "/people/"+id)
}
