package smart

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/trust"
)

// consentView is the page on which a person lets a program in, or not.
type consentView struct {
	Query   string // the authorization request, examined again when the form comes back
	Client  oauth.Client
	Back    string // where the browser goes afterwards: a host or a scheme
	Staff   bool
	Asked   []asked
	Ticked  []string // of the scopes
	Knows   bool     // it learns who the person is
	Offline bool     // it asks to go on while the person is away
	Away    bool     // and that is ticked
	Patient *patient.Person
	Visit   bool
	// Pick asks staff whom the program is about; Typed is what they looked for.
	Pick   bool
	Typed  string
	Found  []patient.Person
	Chosen string
	Faults ui.Faults
}

// authorizePost takes an authorization request that came as a form (SMART's authorize-post)
// to the page: browsers send the session's cookie along with a page only.
func (d *Door) authorizePost(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p, err := form(r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, "/oauth/authorize?"+p.Encode(), http.StatusSeeOther)
}

// authorize shows what a program asks for.
func (d *Door) authorize(w http.ResponseWriter, r *web.Request) error {
	request, err := d.Server.Examine(r.Context(), d.place(r.Request), r.URL.Query())
	if err != nil {
		return refuse(w, r, request, err)
	}
	switch {
	case r.Account.ID != "" && r.Actor == nil:
		return web.Redirect(w, r, "/locked?next="+url.QueryEscape(r.URL.RequestURI()))
	case r.Actor == nil:
		return web.Redirect(w, r, "/sign-in?next="+url.QueryEscape(r.URL.RequestURI()))
	}
	if err := request.Client.MayUse(r.Principal()); err != nil {
		return err
	}
	v := consentView{Query: r.URL.RawQuery, Ticked: request.Scopes, Away: true}
	return d.showConsent(w, r, request, v)
}

// refuse tells the program when its address is its own, and the person otherwise.
func refuse(w http.ResponseWriter, r *web.Request, request oauth.Request, err error) error {
	var refused *oauth.Error
	if !errors.As(err, &refused) || !refused.Tell {
		return err
	}
	leave(w, r, request.Answer(url.Values{"error": {refused.Code}, "error_description": {refused.Text}}))
	return nil
}

// leave sends the browser back to the program.
func leave(w http.ResponseWriter, r *web.Request, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

func (d *Door) showConsent(w http.ResponseWriter, r *web.Request, request oauth.Request, v consentView) error {
	v.Client, v.Staff = request.Client, r.Principal().Role != trust.Patient
	v.Back = request.Redirect
	if u, err := url.Parse(request.Redirect); err == nil && u.Host != "" {
		v.Back = u.Host
	}
	for _, s := range request.Scopes {
		if a, ok := say(r.Lang, s, v.Staff); ok {
			v.Asked = append(v.Asked, a)
		}
	}
	v.Knows, v.Offline = slices.Contains(request.Scopes, oauth.OpenID), slices.Contains(request.Scopes, oauth.Offline)
	if request.Patient != "" && v.Staff {
		p, err := patient.Get(r.Context(), r.Actor, request.Patient)
		if err != nil {
			return err
		}
		v.Patient, v.Visit = &p, request.Visit != ""
	}
	v.Pick = v.Staff && request.NeedsPatient()
	web.FormsLeadTo(w, request.Redirect)
	p := ui.Page{Title: r.Lang.T("Let a program in"), Narrow: true}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, consentPage(v))
	}
	return web.Page(w, r, p, consentPage(v))
}

// consent takes the person's answer. The request is examined again: the form only carries it.
func (d *Door) consent(w http.ResponseWriter, r *web.Request) error {
	query := r.FormValue("request")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return fault.New(fault.Malformed, "The request of the program cannot be read; start again in the program.")
	}
	request, err := d.Server.Examine(r.Context(), d.place(r.Request), parameters)
	if err != nil {
		return refuse(w, r, request, err)
	}
	if r.FormValue("do") == "refuse" {
		leave(w, r, request.Answer(url.Values{"error": {"access_denied"}, "error_description": {"The person did not agree."}}))
		return nil
	}
	v := consentView{Query: query, Ticked: r.Form["scope"], Away: r.FormValue("away") == "yes", Typed: strings.TrimSpace(r.FormValue("find")), Chosen: r.FormValue("patient")}
	if r.FormValue("do") == "find" {
		if v.Found, err = patient.Find(r.Context(), r.Actor, v.Typed); err != nil {
			return err
		}
		return d.showConsent(w, r, request, v)
	}
	c := oauth.Consent{Patient: v.Chosen}
	for _, s := range request.Scopes {
		ticked := slices.Contains(v.Ticked, s) || !oauth.IsResource(s)
		if s == oauth.Offline {
			ticked = v.Away
		}
		if ticked {
			c.Scopes = append(c.Scopes, s)
		}
	}
	if r.Principal().Role != trust.Patient && request.NeedsPatient() {
		if v.Chosen == "" {
			v.Faults.Add("find", r.Lang.T("Choose the patient whom the program is about."))
			return d.showConsent(w, r, request, v)
		}
		if _, err := patient.Get(r.Context(), r.Actor, v.Chosen); err != nil { // whom the person may see
			return err
		}
	}
	web.FormsLeadTo(w, request.Redirect) // the question, too, leads to the program in the end
	if err := r.Fresh(web.Opening); err != nil {
		return err
	}
	code, err := d.Server.Issue(r.Context(), r.Principal(), request, c)
	if fault.Is(err, fault.Invalid) {
		v.Faults.Add("", web.FaultText(r, err))
		return d.showConsent(w, r, request, v)
	}
	if err != nil {
		return err
	}
	leave(w, r, request.Answer(url.Values{"code": {code}}))
	return nil
}
