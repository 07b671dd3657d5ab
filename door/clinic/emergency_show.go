package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/sheet"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/emergency"
)

// emergencySheet shows the one page that goes with a patient in an emergency.
func emergencySheet(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	s, err := emergency.Print(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	return web.Render(w, r, sheet.Page(s, sheet.Frame{Back: "/p/" + id, Clinic: r.Site.Clinic, By: r.Principal().Name, Role: r.Lang.T(string(r.Principal().Role))}))
}
