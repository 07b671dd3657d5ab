package clinic

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust"
)

// consentView is whether the patient consents to the use of the chart, in a clinic that asks for it.
type consentView struct {
	Asked       bool // the clinic asks
	May, MayEnd bool // the reader records a consent, or that it ends
	Patient     string
	Now         []rights.Objection // in force
	Later       []rights.Objection // begin later
	Names       map[string]string
	Draft       rights.ConsentDraft
	Why         string // typed into the form that ends it
	Book        string // query of a booking that waits for it
	Faults      ui.Faults
	Ends        bool // the faults are of the form that ends it
}

// faultsAt are the faults of the form that records a consent, or of that which ends it.
func (v consentView) faultsAt(ends bool) ui.Faults {
	if v.Ends == ends {
		return v.Faults
	}
	return nil
}

// read fills in what the patient has said, when the clinic asks for it.
func (v *consentView) read(r *web.Request, id string) error {
	var err error
	if v.Asked, err = r.Actor.ConsentFirst(r.Context()); err != nil || !v.Asked {
		return err
	}
	list, err := rights.Objections(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	v.Patient, v.May, v.MayEnd = id, rights.MayConsent(r.Principal()), rights.MayWithdraw(r.Principal())
	var refs []string
	for _, o := range list {
		refs = append(refs, o.By)
		switch {
		case !o.Consents() || !o.Active:
		case o.InForce(r.Now()):
			v.Now = append(v.Now, o)
		case o.Begins(r.Now()):
			v.Later = append(v.Later, o)
		}
	}
	v.Names, err = staffNames(r.Context(), r.Actor, refs...)
	return err
}

// shows reports whether an entry stands in the card about the consent, and not among the objections.
func (v consentView) shows(o rights.Objection) bool {
	same := func(other rights.Objection) bool { return other.ID == o.ID }
	return v.Asked && !o.Denies() && (slices.ContainsFunc(v.Now, same) || slices.ContainsFunc(v.Later, same))
}

// showConsent is the page Rights of who opens no charts: the consent, and nothing else.
func showConsent(w http.ResponseWriter, r *web.Request, v consentView) error {
	p, err := patient.Get(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	if err := v.read(r, p.ID); err != nil {
		return err
	}
	page := detailsTitle(r, p)
	page.Title, page.Sheets = r.Lang.T("Consent of the patient"), append(page.Sheets, "office.css")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, page, consentPage(v))
	}
	v.Draft.Key = nonce(r)
	return web.Page(w, r, page, consentPage(v))
}

// consentGive records that the patient consents.
func consentGive(w http.ResponseWriter, r *web.Request) error {
	f := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	v := consentView{Book: f("book"), Draft: rights.ConsentDraft{How: f("how"), From: f("consent-from"), Until: f("consent-until"), Words: f("words"), Key: r.FormValue("key")}}
	err := rights.GiveConsent(r.Context(), r.Actor, r.PathValue("patient"), v.Draft)
	return v.answered(w, r, err, "The consent is recorded. Who treats this patient opens the chart from now on.")
}

// consentEnd records that the patient withdraws it.
func consentEnd(w http.ResponseWriter, r *web.Request) error {
	v := consentView{Ends: true, Why: r.FormValue("withdraw-why")}
	err := rights.WithdrawConsent(r.Context(), r.Actor, r.PathValue("patient"), v.Why)
	return v.answered(w, r, err, "The consent is withdrawn. The chart is closed to all who treat, except in an emergency.")
}

// answered goes on after a form about the consent: back with what was wrong, to the booking that waits for
// it, to the page, or away from a chart that is closed to the reader now.
func (v consentView) answered(w http.ResponseWriter, r *web.Request, err error, said string) error {
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v.Faults = faultsOf(r, err)
		return showRights(w, r, rightsView{Consent: v})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T(said), "")
	id := r.PathValue("patient")
	if v.Book != "" {
		return web.Redirect(w, r, "/schedule?"+v.Book+"&patient="+id)
	}
	if _, err := r.Actor.Read(r.Context(), "Patient", id); fault.Is(err, fault.NotFound) {
		return web.Redirect(w, r, "/charts")
	} else if err != nil {
		return err
	}
	return web.Redirect(w, r, "/p/"+id+"/rights#consent")
}

// afterRegistering is the page after a new patient was registered: the booking or the details, by way
// of the consent when the clinic asks for it. "" when the new chart is closed to who has registered it.
func afterRegistering(r *web.Request, id, book string) (string, error) {
	asked, err := r.Actor.ConsentFirst(r.Context())
	if err != nil {
		return "", err
	}
	switch {
	case asked && rights.MayConsent(r.Principal()) && book != "":
		return "/p/" + id + "/rights?book=" + url.QueryEscape(book), nil
	case asked && rights.MayConsent(r.Principal()):
		return "/p/" + id + "/rights", nil
	case asked && r.Principal().Clinical():
		return "", nil
	case book != "":
		return "/schedule?" + book + "&patient=" + id, nil
	}
	return "/p/" + id + "/details", nil
}

// withoutConsent is what the page with a patient's details says of the consent: missing, on file, or "" in a
// clinic that does not ask.
func withoutConsent(r *web.Request, id string) (asked, missing bool, err error) {
	v := consentView{}
	if !mayRead(r, "Consent") || r.Principal().Role != trust.FrontDesk && r.Principal().Role != trust.Records {
		return false, false, nil
	}
	err = v.read(r, id)
	return v.Asked, v.Asked && len(v.Now) == 0, err
}

func howOptions(ctx context.Context) (out []ui.Option) {
	for _, h := range rights.HowGiven {
		out = append(out, ui.Option{Value: h.Code, Label: ui.T(ctx, h.Text)})
	}
	return out
}
