package clinic

import (
	"net/http"
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// mayPrepare is who writes prescriptions for a physician to sign, as the routes have it.
func mayPrepare(role trust.Role) bool {
	return role == trust.Nurse || role == trust.MedicalAssistant || role == trust.Pharmacist
}

// prescribePrepare stores the prescription in the form for a physician to sign, in whose inbox
// it then waits.
func prescribePrepare(w http.ResponseWriter, r *web.Request) error {
	v, err := newPrescribeView(r)
	if err != nil {
		return err
	}
	physicians, err := staff.With(r.Context(), r.Actor, trust.Physician)
	if err != nil {
		return err
	}
	d := v.Draft
	d.Key, d.Zone = formKey(r, v.Form.Key), r.Now().Location()
	at := slices.IndexFunc(physicians, func(p staff.Person) bool { return p.ID == v.Form.Signer })
	if at < 0 && len(v.Faults) == 0 {
		v.Faults = ui.Faults{{Field: "physician", Text: r.Lang.T("Choose who signs the prescription.")}}
	}
	if v.Followed {
		v.Faults.Add("quantity", followedWords(r.Context(), v))
	}
	if v.Reworded {
		v.Faults.Add("dose", rewordedWords(r.Context(), v))
	}
	if len(v.Faults) > 0 {
		return prescribeAgain(w, r, v)
	}
	out, err := medication.Prepare(r.Context(), r.Actor, d, physicians[at].ID, physicians[at].Name())
	if isInvalid(err) {
		v.Faults = faultsOf(r, err)
		return prescribeAgain(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Prepared: %s. %s is asked to sign it.", out.Medicine.Text, physicians[at].Name()), out.Result.Undo)
	return web.Redirect(w, r, v.Back())
}
