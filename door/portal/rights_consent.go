package portal

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/rights"
)

// consentView is whether the patient consents to the use of the record, in a clinic that asks for it.
type consentView struct {
	Asked  bool
	Now    []rights.Objection // in force, or from a later day on
	Said   string             // typed into the form
	Faults ui.Faults
}

func (v *consentView) read(r *web.Request, list []rights.Objection) (err error) {
	if v.Asked, err = r.Actor.ConsentFirst(r.Context()); err != nil || !v.Asked {
		return err
	}
	for _, o := range list {
		if o.Consents() && (o.InForce(r.Now()) || o.Begins(r.Now())) {
			v.Now = append(v.Now, o)
		}
	}
	return nil
}

// consentGive records that the patient consents.
func consentGive(w http.ResponseWriter, r *web.Request) error {
	id, err := whole(r)
	if err != nil {
		return err
	}
	said := strings.TrimSpace(r.FormValue("said"))
	err = rights.GiveConsent(r.Context(), r.Actor, id, rights.ConsentDraft{How: rights.InPortal, Words: signed(r, said), Key: formKey(r)})
	return consentAnswered(w, r, err, said, "Thank you. Who treats you here can open your record now.")
}

// consentEnd records that the patient withdraws it.
func consentEnd(w http.ResponseWriter, r *web.Request) error {
	id, err := whole(r)
	if err != nil {
		return err
	}
	said := strings.TrimSpace(r.FormValue("said"))
	err = rights.WithdrawConsent(r.Context(), r.Actor, id, signed(r, cmp.Or(said, r.Lang.T("Withdrawn in the portal."))))
	return consentAnswered(w, r, err, said, "Your consent is withdrawn. Nobody who treats you here opens your record, except in an emergency.")
}

func consentAnswered(w http.ResponseWriter, r *web.Request, err error, said, done string) error {
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) || fault.Is(err, fault.Conflict) {
		v := rightsView{}
		v.Consent.Said = said
		v.Consent.Faults.Add("said", sentence(r, err))
		return showRights(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T(done), "")
	return web.Redirect(w, r, "/portal/rights")
}
