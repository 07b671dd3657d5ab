package clinic

import (
	"context"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// weighForm records a child's weight beside the prescription that needs it.
type weighForm struct {
	Typed  string
	Doubt  bool // an unusual weight: it is asked whether it is right
	Faults ui.Faults
	Key    string
	May    bool // the reader records weights
}

// prescribeWeigh records a weight; the prescription in the form beside it comes along and stays as
// it was typed.
func prescribeWeigh(w http.ResponseWriter, r *web.Request) error {
	typed := strings.TrimSpace(r.FormValue("weight"))
	_, result, err := chart.RecordVitals(r.Context(), r.Actor, chart.VitalDraft{
		Patient: r.PathValue("patient"), Encounter: r.FormValue("encounter"), Typed: map[vital.Measure]string{vital.Weight: typed},
		Sure: map[vital.Measure]string{vital.Weight: r.FormValue("sure-weight")}, Key: r.FormValue("weigh"),
	})
	if err != nil && !refused(err) {
		return err
	}
	v, viewErr := newPrescribeView(r)
	if viewErr != nil {
		return viewErr
	}
	v.Faults = nil // the prescription was not sent to be signed
	if err != nil {
		v.Weigh.Typed, v.Weigh.Doubt = typed, chart.Unconfirmed(err)
		v.Weigh.Faults.Add("weight", weightFault(r, typed, err))
	} else {
		r.Say(r.Lang.T("Weight recorded: %s kg.", typed), result.Undo)
	}
	c, err := chart.Read(r.Context(), r.Actor, v.Patient)
	if err != nil {
		return err
	}
	if err := v.askWhom(r, c); err != nil {
		return err
	}
	p := chartPage(r, c, "Prescribe")
	v.Banner = p.Patient
	switch {
	case r.HX() && len(v.Weigh.Faults) > 0:
		w.Header().Set("HX-Retarget", "#weigh")
		return web.RenderInvalid(w, r, weighBar(v, false))
	case r.HX():
		return web.Render(w, r, weighed(v))
	}
	p.Sheets = append(p.Sheets, "rx.css")
	p.Scripts = append(p.Scripts, "pick.js", "sign.js")
	if len(v.Weigh.Faults) > 0 {
		return web.Invalid(w, r, p, prescribePage(v))
	}
	return web.Page(w, r, p, prescribePage(v))
}

func weightFault(r *web.Request, typed string, err error) string {
	if typed == "" {
		return r.Lang.T("Write the weight in kg.")
	}
	for _, f := range faultsOf(r, err) {
		if f.Field == string(vital.Weight) {
			return f.Text
		}
	}
	if fault.Is(err, fault.Invalid) {
		return web.FaultText(r, err)
	}
	return err.Error()
}

// weighWords says what is known about a child's weight, and what no check does with it.
func weighWords(ctx context.Context, v prescribeView) string {
	if v.Facts.WeightDoubted.Known {
		return ui.T(ctx, "The newest weight is unusual and not confirmed: dose by weight not checked")
	}
	if v.Facts.WeightOld() {
		return ui.T(ctx, "The weight is old: dose by weight not checked")
	}
	if !v.Facts.Weight.Known {
		return ui.T(ctx, "Weight not recorded: dose by weight not checked")
	}
	return ui.T(ctx, "Dose by weight not checked: the catalogue has no doses for children")
}

// weightAge says how old a weight is: "7 months".
func weightAge(ctx context.Context, v prescribeView) string {
	return daysWord(ctx, int(v.Facts.Date.Sub(v.Facts.Weight.Date).Hours()/24))
}
