package clinic

import (
	"context"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
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
	Asked     *accessQuestion // before the setting changes
	Reason    string
	Without   int64 // patients of whom no consent is recorded,
	Patients  int64 // and all; where the clinic asks for it
}

// accessQuestion says what a change of the setting does to many charts at once, before it is made.
type accessQuestion struct {
	Does  []string
	Close bool // some are closed
	List  bool // the patients without consent are of interest
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
	if v.House.OptIn {
		if _, v.Without, v.Patients, err = r.Actor.Unconsented(r.Context(), 0); err != nil {
			return v, nil, err
		}
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

// accessChange chooses which charts the people of the clinic see. What opens or closes many charts is said,
// and asked, before it is done.
func accessChange(w http.ResponseWriter, r *web.Request) error {
	h := record.House{Mode: policy.Mode(r.FormValue("mode")), OptIn: r.FormValue("opt-in") != ""}
	reason := strings.TrimSpace(r.FormValue("reason"))
	if r.FormValue("sure") == "" || r.FormValue("asked") != settingWord(h) { // the tick is for the change that was asked about
		v, _, err := accessOf(r)
		if err != nil {
			return err
		}
		if v.Asked, err = questionOf(r, &v, h); err != nil {
			return err
		}
		if v.Asked != nil {
			if r.FormValue("asked") == settingWord(h) {
				v.Faults.Add("sure", r.Lang.T("Tick that you have read what the change does, or leave the page as it is."))
			}
			v.House.Mode, v.House.OptIn, v.Reason = h.Mode, h.OptIn, reason
			return web.Invalid(w, r, accessTitle(r), accessPage(v))
		}
	}
	if err := r.Actor.SetHouse(r.Context(), h, reason); err != nil {
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

// settingWord names a setting in the form that asks about it.
func settingWord(h record.House) string {
	if h.OptIn {
		return string(h.Mode) + "-consent"
	}
	return string(h.Mode)
}

// questionOf says what a change from the present setting does; nil when it does nothing, or cannot be made.
func questionOf(r *web.Request, v *accessView, to record.House) (*accessQuestion, error) {
	if to.Mode != policy.PracticeWide && to.Mode != policy.Restricted {
		return nil, nil
	}
	q := &accessQuestion{}
	if to.Mode != v.House.Mode {
		if to.Mode == policy.Restricted {
			q.Close = true
			q.Does = append(q.Does, r.Lang.T("Everybody who treats keeps only the charts of patients with whom they have to do. All others are closed to them at once, except in an emergency (break-glass)."))
		} else {
			q.Does = append(q.Does, r.Lang.T("All charts are opened at once to everybody who treats patients here, also to those who have nothing to do with the patient."))
		}
	}
	if to.OptIn != v.House.OptIn {
		_, without, all, err := r.Actor.Unconsented(r.Context(), 0)
		if err != nil {
			return nil, err
		}
		if q.List = without > 0; to.OptIn {
			q.Close = q.Close || without > 0
			q.Does = append(q.Does, r.Lang.T("%d of %d patients have no consent recorded. Their charts will be closed at once to everybody who treats, except in an emergency (break-glass), until the front desk or health records record one.", without, all))
		} else {
			q.Does = append(q.Does, r.Lang.T("%d of %d patients have no consent recorded. Their charts will be opened at once to those who treat, as the rest of the setting has it.", without, all))
		}
	}
	if len(q.Does) == 0 {
		return nil, nil
	}
	return q, nil
}

// unconsentedMost is how many patients without a consent the list names.
const unconsentedMost = 200

// unconsentedView are the patients of whom no consent is recorded.
type unconsentedView struct {
	First        []record.Known
	Without, All int64
	MayRecord    bool // the reader records consents
	Asks         bool // the clinic asks for them
}

// unconsentedShow lists the patients of whom no consent is recorded, for those who work them off.
func unconsentedShow(w http.ResponseWriter, r *web.Request) error {
	v := unconsentedView{MayRecord: rights.MayConsent(r.Principal())}
	var err error
	if v.First, v.Without, v.All, err = r.Actor.Unconsented(r.Context(), unconsentedMost); err != nil {
		return err
	}
	if v.Asks, err = r.Actor.ConsentFirst(r.Context()); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Patients without consent"), Active: "/charts", Sheets: []string{"office.css"}}, unconsentedPage(v))
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
