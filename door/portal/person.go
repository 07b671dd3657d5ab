package portal

import (
	"cmp"
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/record"
)

// own is the id of the patient who reads. An account without one sees nothing.
func own(r *web.Request) (string, error) {
	if id := r.Principal().Patient; id != "" {
		return id, nil
	}
	return "", fault.New(fault.Forbidden, "Your account is not linked to a record. The clinic can link it.")
}

// read reads the reader's own chart.
func read(r *web.Request, types ...string) (chart.Chart, error) {
	id, err := own(r)
	if err != nil {
		return chart.Chart{}, err
	}
	return chart.Read(r.Context(), r.Actor, id, types...)
}

// team is who can be written to, by the name that patients know.
type team []schedule.Clinician

func readTeam(ctx context.Context, actor *record.Actor) (team, error) {
	list, err := schedule.Clinicians(ctx, actor)
	return list, err
}

// name returns the name behind a reference; "" when it is not one of the team.
func (t team) name(ref string) string {
	for _, c := range t {
		if "Practitioner/"+c.ID == ref {
			return c.Name
		}
	}
	return ""
}

// options are the team for a choice, the patient's own physician first.
func (t team) options(ctx context.Context, own string) []ui.Option {
	var first, rest []ui.Option
	for _, c := range t {
		o := ui.Option{Value: c.ID, Label: c.Name + ", " + ui.T(ctx, roleWord(c.Role))}
		if "Practitioner/"+c.ID == own {
			o.Label = ui.T(ctx, "%s, your doctor", c.Name)
			first = append(first, o)
		} else {
			rest = append(rest, o)
		}
	}
	return append(first, rest...)
}

func roleWord(role string) string {
	switch role {
	case "physician":
		return "doctor"
	case "nurse":
		return "nurse"
	case "front-desk":
		return "front desk"
	case "biller":
		return "billing office"
	case "administrator":
		return "administrator"
	case "auditor":
		return "records check"
	case "system":
		return "computer of the clinic"
	case "medical-assistant":
		return "medical assistant"
	case "pharmacist":
		return "pharmacist"
	case "laboratory":
		return "laboratory"
	case "records":
		return "health records office"
	case "patient":
		return "the patient"
	case "proxy":
		return "acts for the patient"
	}
	return role
}

// called is how the page greets the patient: the preferred or given name.
func called(p chart.Patient) string {
	given, _, _ := strings.Cut(p.Given, " ")
	return cmp.Or(p.Preferred, given, p.Family)
}

func nameOf(p chart.Patient) ui.Name {
	return ui.Name{Family: p.Family, Given: p.Given, Title: p.Title, Preferred: p.Preferred}
}

// sentence is what a fault says to the patient.
func sentence(r *web.Request, err error) string { return web.FaultText(r, err) }
