package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// vitalsRecord files one row of vital signs. A refused row comes back with what was typed.
func vitalsRecord(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	f := vitalForm{Patient: patient, Encounter: r.FormValue("encounter"), Back: r.FormValue("back"), Key: r.FormValue("key"), Typed: map[vital.Measure]string{}, Sure: map[vital.Measure]string{}}
	for _, m := range vitalFields(true) {
		f.Typed[m], f.Sure[m] = strings.TrimSpace(r.FormValue(string(m))), r.FormValue("sure-"+string(m))
	}
	_, result, err := chart.RecordVitals(r.Context(), r.Actor, chart.VitalDraft{
		Patient: patient, Encounter: f.Encounter, Typed: f.Typed, Sure: f.Sure, Key: f.Key,
	})
	if err == nil {
		r.Say(r.Lang.T("Vitals saved."), result.Undo)
		return web.Redirect(w, r, backTo(r, "/p/"+patient))
	}
	if !refused(err) {
		return err
	}
	f.Faults, f.Doubtful = faultsOf(r, err), chart.Doubtful(err)
	c, readErr := chart.Read(r.Context(), r.Actor, patient)
	if readErr != nil {
		return readErr
	}
	if r.HX() {
		return web.RenderInvalid(w, r, vitalRow(f, isSmall(c)))
	}
	return showVitals(w, r, c, f)
}
