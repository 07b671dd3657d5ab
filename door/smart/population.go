package smart

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
)

// populated fills in what a program page shows of for whom a service works.
func (v *programView) populated() {
	kind, id, _ := strings.Cut(string(v.Client.Population), "/")
	v.Population, v.PopulationID, v.Purpose = kind, id, string(v.Client.Purpose)
}

// populationIn reads for whom a service is to work.
func populationIn(r *web.Request) (oauth.Population, error) {
	kind, id := r.FormValue("population"), strings.TrimSpace(r.FormValue("population-id"))
	for _, prefix := range []string{"Practitioner/", "Group/"} {
		id = strings.TrimPrefix(id, prefix)
	}
	switch kind {
	case "", "all":
		return oauth.Population(kind), nil
	case "panel", "group":
		if id == "" {
			return "", fault.New(fault.Invalid, "Type the number of the physician or the group.").At("population-id")
		}
		return oauth.Population(kind + "/" + id), nil
	}
	return "", fault.New(fault.Invalid, "Choose for whom the service works.").At("population")
}

// decide approves or blocks a program.
func (d *Door) decide(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("client")
	status := oauth.Approved
	if r.FormValue("do") == "block" {
		status = oauth.Blocked
	} else if err := r.Fresh(web.Opening); err != nil { // to block is urgent, and takes only away
		return err
	}
	population, err := populationIn(r)
	if err == nil {
		err = d.Server.Decide(r.Context(), r.Principal(), id, oauth.Decision{Status: status, Checked: r.FormValue("checked") == "yes",
			Patients: r.FormValue("patients") == "yes", Staff: r.FormValue("staff") == "yes", Role: trust.Role(r.FormValue("role")),
			Population: population, Purpose: trust.Purpose(r.FormValue("purpose"))})
	}
	if text, ok := typed(r, err); ok {
		c, failed := d.Server.Client(r.Context(), id)
		if failed != nil {
			return failed
		}
		v := programView{Client: c}
		v.populated()
		v.Population, v.PopulationID, v.Purpose = r.FormValue("population"), r.FormValue("population-id"), r.FormValue("purpose")
		field := "population"
		if v.Population == "panel" || v.Population == "group" {
			field = "population-id"
		}
		v.Faults.Add(field, text)
		return d.showProgram(w, r, v)
	}
	if err != nil {
		return err
	}
	if status == oauth.Blocked {
		r.Say(r.Lang.T("Blocked. Everything that it held has ended."), "")
	} else {
		r.Say(r.Lang.T("Approved."), "")
	}
	return web.Redirect(w, r, "/programs/"+id)
}
