package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

func problemAdd(w http.ResponseWriter, r *web.Request) error {
	f := problemForm{Patient: r.PathValue("patient"), Back: r.FormValue("back"), Key: r.FormValue("key"),
		Text: r.FormValue("text"), ICD: strings.TrimSpace(r.FormValue("icd")), Onset: strings.TrimSpace(r.FormValue("onset"))}
	d := chart.ProblemDraft{Patient: f.Patient, Text: f.Text, ICD: f.ICD, Onset: f.Onset}
	if known, ok := problem.ByICD(f.ICD); ok { // the list's entry was chosen: its words, not the letters that found it
		d.Text = known.Text
	}
	p, result, err := chart.AddProblem(r.Context(), r.Actor, d)
	if err == nil {
		r.Say(r.Lang.T("Added to the problem list: %s.", p.Text), result.Undo)
		return web.Redirect(w, r, backTo(r, "/p/"+f.Patient+"/problems"))
	}
	if !refused(err) {
		return err
	}
	f.Faults = faultsOf(r, err)
	if r.HX() {
		return web.RenderInvalid(w, r, problemFields(f))
	}
	return showProblems(w, r, f)
}

// problemChange resolves, reopens or withdraws a problem.
func problemChange(w http.ResponseWriter, r *web.Request) error {
	patient, id := r.PathValue("patient"), r.PathValue("problem")
	var p chart.Problem
	var result record.Result
	var err error
	said := ""
	switch r.PathValue("change") {
	case "resolve":
		p, result, err = chart.ResolveProblem(r.Context(), r.Actor, patient, id, false)
		said = "Resolved: %s."
	case "reopen":
		p, result, err = chart.ResolveProblem(r.Context(), r.Actor, patient, id, true)
		said = "Active again: %s."
	case "mistaken":
		p, result, err = chart.MistakenProblem(r.Context(), r.Actor, patient, id)
		said = "Withdrawn as entered in error: %s."
	default:
		return fault.New(fault.NotFound, "There is no page at this address.")
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T(said, p.Text), result.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/problems"))
}
