package clinic

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/order"
)

// orderPlace signs one test. Inside a visit (htmx) the answer is the line of the order and
// the event "ordered"; otherwise the list of orders.
func orderPlace(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	d := order.Draft{Patient: patient, Encounter: r.FormValue("encounter"), LOINC: r.FormValue("test"), Name: r.FormValue("name"), Priority: r.FormValue("priority"), Again: r.FormValue("again") == "yes"}
	d.InDays, _ = strconv.Atoi(strings.TrimSpace(r.FormValue("days")))
	if ref := r.FormValue("for"); ref != "" {
		c, err := chart.Read(r.Context(), r.Actor, patient, "Condition")
		if err != nil {
			return err
		}
		for _, p := range c.ActiveProblems() {
			if p.Reference() == ref {
				d.ReasonRef, d.Reason = ref, p.Text
			}
		}
	}
	placed, result, err := order.Place(r.Context(), r.Actor, formKey(r, r.FormValue("key")), d)
	switch {
	case err == nil:
	case fault.Is(err, fault.Conflict):
		if r.HX() {
			return err
		}
		return showOrders(w, r, ui.Faults{{Text: web.FaultText(r, err)}}, d.LOINC)
	case isInvalid(err) && !r.HX():
		return showOrders(w, r, faultsOf(r, err), "")
	default:
		return err
	}
	r.Say(r.Lang.T("Ordered: %s.", placed[0].Name), result.Undo)
	if r.HX() {
		w.Header().Set("HX-Trigger", "ordered")
		return web.Render(w, r, orderLine(placed[0]))
	}
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/orders"))
}

// orderCancel takes an open order back.
func orderCancel(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	result, err := order.Cancel(r.Context(), r.Actor, patient, r.PathValue("order"), r.FormValue("reason"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Order cancelled."), result.Undo)
	return web.Redirect(w, r, "/p/"+patient+"/orders")
}
