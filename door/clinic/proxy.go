package clinic

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
)

// proxyView is who acts for a patient, and the form for another person.
type proxyView struct {
	Patient  string
	Rule     minor.Rule
	Adult    bool
	Standing []identity.ProxyStanding
	Limited  bool // the reader gives no access to the whole record
	Form     proxyForm
	Faults   ui.Faults
}

type proxyForm struct{ Name, User, Kind, Level, Until, New string }

func readProxies(r *web.Request, p patient.Person, rule minor.Rule) (proxyView, error) {
	v := proxyView{Patient: p.ID, Rule: rule, Adult: minor.Reached(p.BirthDate, rule.End, r.Now()), Form: proxyForm{Kind: string(identity.Parent), Level: string(minor.Full)}}
	if v.Limited = r.Principal().Role == trust.FrontDesk; v.Limited {
		v.Form.Level = string(minor.Limited)
	}
	if v.Adult {
		v.Form.Kind, v.Form.Level = string(identity.Carer), string(minor.Limited)
	}
	if !identity.MayGrantProxy(r.Principal(), p.ID) {
		return v, nil
	}
	var err error
	v.Standing, err = r.Site.Accounts.ProxiesFor(r.Context(), r.Principal(), p.ID)
	return v, err
}

// proxyAdd lets a parent, guardian or carer act for the patient, through an account that they
// have or through a new one.
func proxyAdd(w http.ResponseWriter, r *web.Request) error {
	v, err := loadPortal(r)
	if err != nil {
		return err
	}
	f := proxyForm{r.FormValue("name"), strings.TrimSpace(r.FormValue("proxy-user")), r.FormValue("kind"), r.FormValue("level"), r.FormValue("until"), r.FormValue("new")}
	v.Proxy.Form = f
	account, secret, err := f.grant(r, v.Person.ID)
	if refused(err) || fault.Is(err, fault.NotFound) {
		field := "proxy-user"
		if e := (*fault.Error)(nil); errors.As(err, &e) && e.Path != "" && e.Path != "user" {
			field = e.Path
		}
		v.Proxy.Faults.Add(field, sentence(r, err))
		p := detailsTitle(r, v.Person)
		p.Title, p.Sheets = r.Lang.T("Portal access"), []string{"office.css"}
		return web.Invalid(w, r, p, portalAccessPage(v))
	}
	if err != nil {
		return err
	}
	if v, err = loadPortal(r); err != nil {
		return err
	}
	if secret == "" {
		r.Say(r.Lang.T("Asked for. %s sees nothing before the patient or a colleague confirms it.", account.Name), "")
		return web.Redirect(w, r, "/p/"+v.Person.ID+"/portal")
	}
	v.For, v.Link = account, r.Absolute(web.InvitePath(secret))
	return v.show(w, r)
}

// grant writes who it is into the record, makes the account where there is none, and grants.
func (f proxyForm) grant(r *web.Request, id string) (account identity.Account, secret string, err error) {
	accounts, ctx := r.Site.Accounts, r.Context()
	d := identity.ProxyDraft{Patient: id, Kind: identity.ProxyKind(f.Kind), Level: minor.Level(f.Level)}
	if day := strings.TrimSpace(f.Until); day != "" {
		t, err := time.ParseInLocation(time.DateOnly, day, r.Now().Location())
		if err != nil {
			return account, "", fault.New(fault.Invalid, "This is no date.").At("until")
		}
		d.Until = t.AddDate(0, 0, 1)
	}
	if f.New == "" {
		if account, err = accounts.PortalAccount(ctx, f.User, f.Name); err != nil {
			return account, "", err
		}
		d.Account = account.ID
	}
	if err := accounts.CheckProxy(ctx, r.Principal(), d); err != nil {
		return account, "", err
	}
	related, added, err := patient.Relate(ctx, r.Actor, patient.Related{Patient: id, Name: f.Name, Kind: f.Kind, Until: d.Until, Waits: true})
	if err != nil {
		return account, "", err
	}
	if f.New != "" {
		account, secret, err = accounts.Invite(ctx, r.Principal(), identity.Draft{User: f.User, Name: f.Name, Role: trust.Patient, Proxy: true})
		d.Account = account.ID
	}
	if err == nil {
		d.Related = related
		_, err = accounts.GrantProxy(ctx, r.Principal(), d)
	}
	if err != nil { // nobody stands in the record as acting who cannot
		if undo := r.Actor.Undo(ctx, added.Undo); undo != nil {
			return account, "", errors.Join(err, undo)
		}
	}
	return account, secret, err
}

// proxyEnd takes the access back at once.
func proxyEnd(w http.ResponseWriter, r *web.Request) error {
	list, err := r.Site.Accounts.ProxiesFor(r.Context(), r.Principal(), r.PathValue("patient"))
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.ID != r.PathValue("grant") {
			continue
		}
		if _, err := r.Site.Accounts.EndProxy(r.Context(), r.Principal(), s.ID); err != nil {
			return err
		}
		if err := patient.Unrelate(r.Context(), r.Actor, s.Related); err != nil {
			return err
		}
		r.Say(r.Lang.T("Ended. Nothing of the record can be opened any more."), "")
		return web.Redirect(w, r, "/p/"+s.Patient+"/portal")
	}
	return fault.New(fault.NotFound, "There is no such access to this record.")
}

// agesSet chooses the ages that count for parents and children.
func agesSet(w http.ResponseWriter, r *web.Request) error {
	if err := r.Site.Accounts.SetAges(r.Context(), r.Principal(), r.FormValue("jurisdiction")); err != nil {
		return err
	}
	r.Say(r.Lang.T("The ages are in force."), "")
	return web.Redirect(w, r, "/privacy")
}
