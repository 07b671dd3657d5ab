package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
)

func immunizationsShow(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	return web.Page(w, r, chartPage(r, c, "Immunizations"), immunizationsPage(frameOf(r, c, "immunizations"), c.Immunizations))
}
