package clinic

import (
	"context"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// accessView is how the clinic is set up, and the answer to why somebody sees a chart or not.
type accessView struct {
	House     record.House
	Labels    record.Labelling
	MayChange bool
	People    []ui.Option
	Person    string
	Patient   string
	Entry     string
	Name      string // of the person of the answer
	Answer    *policy.Explanation
	Whose     []record.Known // whose chart was asked about
	Faults    ui.Faults
}

// part reports whether who sees whose chart it is does not see all that is in it.
func (v accessView) part() bool {
	return v.Answer.Allowed && len(v.Answer.Kinds) > 0 && len(v.Answer.Sees(policy.Everything)) < len(v.Answer.Kinds)
}

func kindWords(ctx context.Context, names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ui.T(ctx, n)
	}
	return strings.Join(out, ", ")
}

func (v accessView) mode() string { return string(v.House.Mode) }

func accessTitle(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Access"), Active: "/access", Sheets: []string{"office.css"}}
}

func accessOf(r *web.Request) (v accessView, accounts []identity.Account, err error) {
	if v.House, err = r.Actor.House(r.Context()); err != nil {
		return v, nil, err
	}
	if v.Labels, err = r.Actor.Labelling(r.Context()); err != nil {
		return v, nil, err
	}
	v.MayChange = r.Principal().Role == trust.Administrator
	if accounts, err = r.Site.Accounts.List(r.Context(), r.Principal()); err != nil {
		return v, nil, err
	}
	sortAccounts(accounts)
	v.People = append(v.People, ui.Option{Label: r.Lang.T("Choose")})
	for _, a := range accounts {
		v.People = append(v.People, ui.Option{Value: a.ID, Label: a.Name + " · " + r.Lang.T("%s", roleWord(a.Role))})
	}
	return v, accounts, nil
}

func accessShow(w http.ResponseWriter, r *web.Request) error {
	v, _, err := accessOf(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, accessTitle(r), accessPage(v))
}

// accessChange chooses which charts the people of the clinic see.
func accessChange(w http.ResponseWriter, r *web.Request) error {
	h := record.House{Mode: policy.Mode(r.FormValue("mode")), OptIn: r.FormValue("opt-in") != ""}
	if err := r.Actor.SetHouse(r.Context(), h, strings.TrimSpace(r.FormValue("reason"))); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return err
		}
		v, _, failed := accessOf(r)
		if failed != nil {
			return failed
		}
		v.Faults.Add("mode", sentence(r, err))
		return web.Invalid(w, r, accessTitle(r), accessPage(v))
	}
	r.Say(r.Lang.T("Changed. It is in force now, for everybody who is signed in as well."), "")
	return web.Redirect(w, r, "/access")
}

// accessWhy answers why a person can or cannot see a chart. The question comes by POST: the
// patient's id does not belong into an address.
func accessWhy(w http.ResponseWriter, r *web.Request) error {
	v, accounts, err := accessOf(r)
	if err != nil {
		return err
	}
	v.Person, v.Patient, v.Entry = r.FormValue("person"), strings.TrimSpace(r.FormValue("patient")), strings.TrimSpace(r.FormValue("entry"))
	var who trust.Principal
	for _, a := range accounts {
		if a.ID == v.Person {
			who, v.Name = identity.Principal(a, identity.Session{}), a.Name
		}
	}
	if who.Glass, err = r.Site.Accounts.Glass(r.Context(), who.ID); err != nil {
		return err
	}
	if v.Name == "" {
		v.Faults.Add("person", r.Lang.T("Choose a person."))
	}
	if v.Patient == "" {
		v.Faults.Add("patient", r.Lang.T("Say whose chart: type the record number or the name."))
	} else if v.Whose, err = whose(r, "patient", v.Patient, &v.Faults); err != nil {
		return err
	}
	if len(v.Faults) == 0 {
		e, err := r.Actor.Explain(r.Context(), who, v.Whose[0].ID, v.Entry)
		switch {
		case fault.Is(err, fault.NotFound):
			field := "patient"
			if v.Entry != "" {
				field = "entry"
			}
			v.Faults.Add(field, sentence(r, err))
		case fault.Is(err, fault.Invalid):
			v.Faults.Add("entry", sentence(r, err))
		case err != nil:
			return err
		default:
			v.Answer = &e
		}
	}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, accessTitle(r), accessPage(v))
	}
	return web.Page(w, r, accessTitle(r), accessPage(v))
}

// stepTag is how one step of an explanation speaks.
func stepTag(s policy.Step) (tone ui.Tone, icon, word string) {
	switch {
	case s.Shut:
		return ui.Critical, "stop", "against"
	case s.Open:
		return ui.Good, "ok", "for"
	}
	return ui.Plain, "", "does not apply"
}
