package portal

import (
	"net/http"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
)

func health(w http.ResponseWriter, r *web.Request) error {
	c, err := read(r, "Patient", "Condition", "AllergyIntolerance", "Immunization")
	if err != nil {
		return err
	}
	asked, err := readCorrections(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("My health"), Active: "/portal/more"}, healthPage(c, asked))
}

// given are the vaccine doses that were given.
func given(list []chart.Immunization) []chart.Immunization {
	var out []chart.Immunization
	for _, i := range list {
		if i.Status == "completed" || i.Status == "" {
			out = append(out, i)
		}
	}
	return out
}
