package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/encounter"
)

// visitSign signs the visit: the note, its diagnoses and charges, in one commit. When it is
// refused the page comes back with everything that was typed.
func visitSign(w http.ResponseWriter, r *web.Request) error {
	v, err := loadVisit(r)
	if err != nil {
		return err
	}
	if err := v.typed(r); err != nil {
		return err
	}
	signed, result, err := encounter.Sign(r.Context(), r.Actor, encounter.SignDraft{
		Patient: v.Chart.Patient.ID, Encounter: v.ID, Text: v.Text, Seen: r.FormValue("seen"),
		Fees: v.Fees, Zone: r.Now().Location(), Key: r.FormValue("key"),
	})
	if err == nil {
		r.Say(signedWords(r, signed), result.Undo)
		return web.Redirect(w, r, v.Frame.Href(""))
	}
	if !refused(err) || !v.InProgress() {
		return err
	}
	v.Faults = faultsOf(r, err)
	return showVisit(w, r, v)
}

func signedWords(r *web.Request, s encounter.Signed) string {
	switch s.Charges {
	case 0:
		return r.Lang.T("Visit signed, no charges.")
	case 1:
		return r.Lang.T("Visit signed with 1 charge.")
	}
	return r.Lang.T("Visit signed with %d charges.", s.Charges)
}
