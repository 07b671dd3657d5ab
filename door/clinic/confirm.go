package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
)

// confirmDoubt records that what was not sure of an imported entry is so.
func confirmDoubt(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	text, result, err := chart.Confirm(r.Context(), r.Actor, patient, r.FormValue("ref"), r.FormValue("version"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Confirmed: %s.", text), result.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient))
}
