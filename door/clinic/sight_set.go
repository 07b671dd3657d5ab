package clinic

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
)

// sightSet sets and takes off labels: what differs from what the page has shown, so that what
// somebody else did meanwhile stays.
func sightSet(w http.ResponseWriter, r *web.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	patient, t, id := r.PathValue("patient"), r.PathValue("type"), r.PathValue("id")
	v := sightView{Chosen: r.PostForm["label"], Reason: r.FormValue("reason")}
	had := strings.Fields(r.FormValue("had"))
	in := func(list []string) func(string) bool { return func(l string) bool { return slices.Contains(list, l) } }
	add, remove := slices.DeleteFunc(slices.Clone(v.Chosen), in(had)), slices.DeleteFunc(slices.Clone(had), in(v.Chosen))
	if err := inChartOf(r, patient, t, id); err != nil {
		return err
	}
	_, err := r.Actor.Label(r.Context(), t, id, add, remove, v.Reason)
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v.Faults = faultsOf(r, err)
		return showSight(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Saved. It is in force from the next read on, for everybody."), "")
	if _, err := r.Actor.Read(r.Context(), t, id); err != nil { // what the patient objects to is hidden from who labels it too
		return web.Redirect(w, r, "/p/"+patient+"/sight")
	}
	return web.Redirect(w, r, "/p/"+patient+"/sight/"+t+"/"+id)
}

// inChartOf refuses an entry that is not in the chart of the address, or that the reader does not see.
func inChartOf(r *web.Request, patient, resourceType, id string) error {
	if err := r.Actor.MayLabel(r.Context(), resourceType, id); err != nil {
		return err
	}
	v, err := r.Actor.ReadVersion(r.Context(), resourceType, id, 0)
	if err != nil {
		return err
	}
	if v.Patient != patient {
		return fault.New(fault.NotFound, "There is no such entry in this chart, or you may not see it.")
	}
	return nil
}
