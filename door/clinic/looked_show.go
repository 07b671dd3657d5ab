package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust/policy"
)

// lookedShow leads from a chart to who has looked at it; who may not read that is told who may.
func lookedShow(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	if policy.MayAudit(r.Principal(), id) == nil {
		return web.Redirect(w, r, auditFilter{}.ofPatient(id)+"#whose")
	}
	c, err := chart.Read(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	return web.Page(w, r, chartPage(r, c, "Who looked"), lookedPage(frameOf(r, c, "looked"), r.Lang.T(roleWord(r.Principal().Role))))
}
