package clinic

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// measurementView is one measurement, to be corrected or withdrawn.
type measurementView struct {
	Frame   chartFrame
	Measure vital.Measure
	Reading chart.Reading
	By      string
	Notes   []string
	May     bool
	Form    vitalForm
	Reason  string
	Key     string
}

func measurementShow(w http.ResponseWriter, r *web.Request) error {
	return showMeasurement(w, r, measurementView{Key: nonce(r)})
}

func showMeasurement(w http.ResponseWriter, r *web.Request, v measurementView) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v.Measure, v.Reading, v.Notes, err = chart.Measurement(r.Context(), r.Actor, c.Patient.ID, r.PathValue("id"))
	if err != nil {
		return err
	}
	names, err := staffNames(r.Context(), r.Actor, v.Reading.Performer)
	if err != nil {
		return err
	}
	v.Frame, v.By, v.May = frameOf(r, c, "vitals"), names[v.Reading.Performer], mayWrite(r, "Observation") && v.Reading.Fixable()
	if v.Form.Typed == nil {
		v.Form.Typed = map[vital.Measure]string{v.Measure: v.Reading.Text()}
	}
	p := chartPage(r, c, vital.Of(v.Measure).Name)
	if len(v.Form.Faults) > 0 {
		return web.Invalid(w, r, p, measurementPage(v))
	}
	return web.Page(w, r, p, measurementPage(v))
}

// measurementFix corrects or withdraws a measurement. A refused form comes back with what was typed.
func measurementFix(w http.ResponseWriter, r *web.Request) error {
	patient, id := r.PathValue("patient"), r.PathValue("id")
	m, _, _, err := chart.Measurement(r.Context(), r.Actor, patient, id)
	if err != nil {
		return err
	}
	typed, sure := strings.TrimSpace(r.FormValue(string(m))), r.FormValue("sure-"+string(m))
	f := chart.VitalFix{Patient: patient, ID: id, Reason: r.FormValue("reason"), Key: formKey(r, r.FormValue("key"))}
	said := r.Lang.T("Marked as entered in error.")
	if r.FormValue("do") != "withdraw" {
		f.Typed, f.Sure, said = typed, sure, r.Lang.T("Corrected.")
		if typed == "" { // an empty field withdraws nothing
			f.Typed = "?"
		}
	}
	result, err := chart.FixVital(r.Context(), r.Actor, f)
	if refused(err) {
		v := measurementView{Key: r.FormValue("key"), Reason: f.Reason}
		v.Form = vitalForm{Typed: map[vital.Measure]string{m: typed}, Sure: map[vital.Measure]string{m: sure}, Faults: faultsOf(r, err), Doubtful: chart.Doubtful(err)}
		return showMeasurement(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(said, result.Undo)
	return web.Redirect(w, r, "/p/"+patient+"/vitals")
}
