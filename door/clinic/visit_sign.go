package clinic

import (
	"encoding/json"
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
	stored := v.Draft
	if err := v.typed(r); err != nil {
		return err
	}
	theirs, newer, err := web.Newer(r, stored, v.Text)
	if err != nil {
		return err
	}
	if newer { // another window has saved since: nobody signs past its words
		v.Saved.Theirs = &theirs
		v.Faults.Add("", r.Lang.T("This note was changed in another window, and what is saved there is not what you see here. Nothing is signed: choose what stays, then sign."))
		return showVisit(w, r, v)
	}
	signed, result, err := encounter.Sign(r.Context(), r.Actor, encounter.SignDraft{
		Patient: v.Chart.Patient.ID, Encounter: v.ID, Text: v.Text, Seen: r.FormValue("seen"),
		Addendum: r.FormValue("addendum") != "",
		Fees:     v.Fees, Zone: r.Now().Location(), Key: r.FormValue("key"),
	})
	if err == nil {
		r.Say(signedWords(r, signed), result.Undo)
		return web.Redirect(w, r, v.Frame.Href(""))
	}
	if !refused(err) || !v.InProgress() && !v.adds() {
		return err
	}
	if v.adds() {
		v.keep(r)
	}
	v.Faults = faultsOf(r, err)
	return showVisit(w, r, v)
}

// keep saves what was typed in a visit that a colleague has signed meanwhile, so that it is
// found again from Today. Where it cannot be saved the page still shows it.
func (v *visitView) keep(r *web.Request) {
	text, err := json.Marshal(v.Text)
	if err == nil {
		v.Draft, err = r.Actor.SaveDraft(r.Context(), encounter.NoteKey(v.Chart.Patient.ID, v.ID), text, v.Draft.Version)
	}
	if err != nil {
		r.Site.Log.Warn("text of a signed visit not saved", "error", err.Error())
		return
	}
	v.Saved.Version, v.Saved.At = v.Draft.Version, r.SavedAt(v.Draft)
}

func signedWords(r *web.Request, s encounter.Signed) string {
	if s.Open {
		return r.Lang.T("Note signed. The visit stays open for its own clinician.")
	}
	switch s.Charges {
	case 0:
		return r.Lang.T("Visit signed, no charges.")
	case 1:
		return r.Lang.T("Visit signed with 1 charge.")
	}
	return r.Lang.T("Visit signed with %d charges.", s.Charges)
}
