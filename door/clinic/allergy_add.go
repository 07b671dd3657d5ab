package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
)

// allergyAdd adds an allergy. The button that sent the form names the reaction; "not known"
// leaves it open.
func allergyAdd(w http.ResponseWriter, r *web.Request) error {
	f := allergyForm{Patient: r.PathValue("patient"), Back: r.FormValue("back"), Key: r.FormValue("key"), Agent: strings.TrimSpace(r.FormValue("agent")),
		Type: r.FormValue("type"), Severity: r.FormValue("severity"), Other: strings.TrimSpace(r.FormValue("other"))}
	d := chart.AllergyDraft{Patient: f.Patient, Agent: f.Agent, Type: f.Type, Severity: f.Severity, Reaction: r.FormValue("reaction")}
	if pick := r.FormValue("pick"); pick != "" {
		d.Agent = pick
	}
	if d.Reaction == "" {
		d.Reaction = f.Other
	}
	a, result, err := chart.AddAllergy(r.Context(), r.Actor, d)
	if err == nil {
		r.Say(r.Lang.T("Allergy added: %s.", a.Agent), result.Undo)
		return web.Redirect(w, r, backTo(r, "/p/"+f.Patient+"/allergies"))
	}
	if !refused(err) {
		return err
	}
	f.Faults = faultsOf(r, err)
	if r.HX() {
		return web.RenderInvalid(w, r, allergyFields(f))
	}
	c, readErr := chart.Read(r.Context(), r.Actor, f.Patient)
	if readErr != nil {
		return readErr
	}
	return showAllergies(w, r, c, f)
}

// allergyNone records that the patient was asked and has none.
func allergyNone(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	result, err := chart.StateNoAllergies(r.Context(), r.Actor, patient)
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Recorded: no known allergies, asked today."), result.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/allergies"))
}

// allergyRefute records that an allergy was looked into and does not exist.
func allergyRefute(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	a, result, err := chart.RefuteAllergy(r.Context(), r.Actor, patient, r.PathValue("allergy"), r.FormValue("why"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Refuted: %s.", a.Agent), result.Undo)
	return web.Redirect(w, r, "/p/"+patient+"/allergies")
}
