package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
)

// acting lets a page show the record that its address names: the own one, or that of a person
// whom the reader acts for. The right to it is judged anew at every request.
func acting(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		person := r.PathValue("person")
		if person == "" {
			if r.Principal().Patient == "" {
				return web.Redirect(w, r, "/whose")
			}
			others, err := r.Site.Accounts.Proxies(r.Context(), r.Account.ID)
			if err != nil {
				return err
			}
			if len(others) > 0 {
				r.Acting = &ui.Acting{}
			}
			return h(w, r)
		}
		p, err := r.Site.Accounts.ActFor(r.Context(), r.Account, r.Session, person)
		if err != nil {
			return err
		}
		p.Network = r.Principal().Network
		actor := r.Site.Gate.As(p, "portal")
		name, err := nameFor(r, actor, person)
		if err != nil {
			return err
		}
		r.Actor, r.Base = actor, "/portal/for/"+person
		r.Acting = &ui.Acting{Name: name, Limited: limited(r)}
		return h(w, r)
	}
}

// actedFor is the name of the patient whom the reader acts for; "" on the own record.
func actedFor(r *web.Request) string {
	if r.Acting == nil {
		return ""
	}
	return r.Acting.Name
}

// limited reports whether the reader acts for somebody without seeing all of the record.
func limited(r *web.Request) bool {
	p := r.Principal().Proxy
	return p != nil && p.Level != string(minor.Full)
}

// reads reports whether what is opened counts as read. What the clinic wrote to somebody who uses the
// portal stays new until they open it themselves, whoever has read it for them.
func reads(r *web.Request) (bool, error) {
	p := r.Principal()
	if p.Proxy == nil {
		return true, nil
	}
	uses, err := r.Site.Accounts.UsesPortal(r.Context(), p.Patient)
	return !uses, err
}

func nameFor(r *web.Request, actor *record.Actor, id string) (string, error) {
	n, err := actor.Read(r.Context(), "Patient", id)
	if err != nil {
		return "", err
	}
	p := chart.PatientFrom(n)
	return strings.TrimSpace(called(p) + " " + p.Family), nil
}

// signed adds to a text who wrote it for the patient, for the clinic to read.
func signed(r *web.Request, text string) string {
	if r.Principal().Proxy == nil || strings.TrimSpace(text) == "" {
		return text
	}
	return text + "\n\n— " + r.Account.Name + ", for the patient"
}

// whoseView is which records the reader opens, and who else opens the reader's own.
type whoseView struct {
	Own    bool
	Others []whoseLine
	Carers []identity.ProxyStanding
	Adult  bool // old enough to let others see the record
	// Decides says that the reader is old enough to answer for what the clinic asks.
	Decides bool
	Form    carerForm
	Faults  ui.Faults
}

type whoseLine struct {
	identity.ProxyStanding
	Called string
	News   []identity.ProxyStanding // others who were let in, or wait for it
}

type carerForm struct{ Name, User, Level, Until string }

// readWhose always speaks about the reader's own account, never about a person acted for.
func readWhose(r *web.Request) (whoseView, error) {
	p := r.Principal()
	v := whoseView{Own: p.Patient != ""}
	others, err := r.Site.Accounts.Proxies(r.Context(), r.Account.ID)
	if err != nil {
		return v, err
	}
	for _, o := range others {
		as, err := r.Site.Accounts.ActFor(r.Context(), r.Account, r.Session, o.Patient)
		if err != nil {
			return v, err
		}
		name, err := nameFor(r, r.Site.Gate.As(as, "portal"), o.Patient)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			continue
		}
		if err != nil {
			return v, err
		}
		news, err := r.Site.Accounts.ProxyNews(r.Context(), as)
		if err != nil {
			return v, err
		}
		v.Others = append(v.Others, whoseLine{o, name, news})
	}
	if !v.Own {
		return v, nil
	}
	c, err := read(r, "Patient")
	if err != nil {
		return v, err
	}
	rule, err := r.Site.Accounts.Ages(r.Context())
	if err != nil {
		return v, err
	}
	v.Adult, v.Decides = minor.Reached(c.Patient.Born, rule.End, r.Now()), minor.Reached(c.Patient.Born, rule.Account, r.Now())
	v.Carers, err = r.Site.Accounts.ProxiesFor(r.Context(), p, p.Patient)
	return v, err
}

func whosePageOf(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Whose record"), Active: "/portal/more"}
}

// whose lists the records to choose from.
func whose(w http.ResponseWriter, r *web.Request) error {
	v, err := readWhose(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, whosePageOf(r), whosePage(v))
}

// carerAdd lets another person see the reader's own record.
func carerAdd(w http.ResponseWriter, r *web.Request) error {
	v, err := readWhose(r)
	if err != nil {
		return err
	}
	v.Form = carerForm{r.FormValue("name"), r.FormValue("user"), r.FormValue("level"), r.FormValue("until")}
	err = v.Form.grant(r)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
		field := "name"
		if f := (*fault.Error)(nil); errors.As(err, &f) && f.Path != "" {
			field = f.Path
		}
		v.Faults.Add(field, sentence(r, err))
		return web.Invalid(w, r, whosePageOf(r), whosePage(v))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("This person can open your record now."), "")
	return web.Redirect(w, r, "/whose")
}

func (f carerForm) grant(r *web.Request) error {
	until, err := lastDay(r, f.Until)
	if err != nil {
		return err
	}
	other, err := r.Site.Accounts.PortalAccount(r.Context(), f.User, f.Name)
	if err != nil {
		return err
	}
	d := identity.ProxyDraft{Account: other.ID, Patient: r.Principal().Patient, Kind: identity.Carer, Level: minor.Level(f.Level), Until: until}
	if err := r.Site.Accounts.CheckProxy(r.Context(), r.Principal(), d); err != nil {
		return err
	}
	// A patient writes no RelatedPerson: the portal does, when the patient has decided.
	scribe := r.Site.Gate.As(trust.System("portal"), "portal")
	related, _, err := patient.Relate(r.Context(), scribe, patient.Related{Patient: d.Patient, Name: other.Name, Kind: "carer", Until: until})
	if err != nil {
		return err
	}
	d.Related = related
	_, err = r.Site.Accounts.GrantProxy(r.Context(), r.Principal(), d)
	return err
}

// lastDay is the end of the day that was typed.
func lastDay(r *web.Request, day string) (time.Time, error) {
	if strings.TrimSpace(day) == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, strings.TrimSpace(day), r.Now().Location())
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "This is no date.").At("until")
	}
	return t.AddDate(0, 0, 1), nil
}

// carerConfirm lets somebody in whom the clinic has proposed.
func carerConfirm(w http.ResponseWriter, r *web.Request) error {
	g, err := r.Site.Accounts.ConfirmProxy(r.Context(), r.Principal(), r.PathValue("grant"), "")
	if err != nil {
		return err
	}
	// A patient writes no RelatedPerson: the portal does, when the patient has decided.
	if err := patient.Act(r.Context(), r.Site.Gate.As(trust.System("portal"), "portal"), g.Related); err != nil {
		return err
	}
	r.Say(r.Lang.T("This person can open your record now."), "")
	return web.Redirect(w, r, "/whose")
}

// carerEnd takes access back, or gives it up.
func carerEnd(w http.ResponseWriter, r *web.Request) error {
	g, err := r.Site.Accounts.EndProxy(r.Context(), r.Principal(), r.PathValue("grant"))
	if err != nil {
		return err
	}
	if err := patient.Unrelate(r.Context(), r.Site.Gate.As(trust.System("portal"), "portal"), g.Related); err != nil {
		return err
	}
	r.Say(r.Lang.T("Ended. Nothing of the record can be opened any more."), "")
	return web.Redirect(w, r, "/whose")
}
