package portal

import (
	"net/http"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/schedule"
)

// visitsView is what is planned and what was.
type visitsView struct {
	Asked  []message.Thread    // visits that were asked for and not answered yet
	Coming []chart.Appointment // soonest first
	Over   []chart.Appointment // of today, without a visit among Past that tells of it
	Past   []chart.Visit       // newest first
	Team   team
	Notes  map[string]bool // visits with a summary, by id
}

// visitView is one visit with its summary.
type visitView struct {
	Visit     chart.Visit
	With      string
	Notes     []chart.Note
	Diagnoses []chart.Problem
	Asked     corrections
}

func visits(w http.ResponseWriter, r *web.Request) error {
	c, err := read(r, "Patient", "Appointment", "Encounter", "Composition")
	if err != nil {
		return err
	}
	v := visitsView{Notes: map[string]bool{}}
	for _, x := range c.Visits {
		if !x.InProgress() { // it stands among those of today until it is over
			v.Past = append(v.Past, x)
		}
	}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return err
	}
	for _, a := range c.AppointmentsOn(r.Now()) {
		if !a.Done() {
			v.Coming = append(v.Coming, a)
		} else if !slices.ContainsFunc(v.Past, func(x chart.Visit) bool { return x.Appointment == a.ID }) {
			v.Over = append(v.Over, a)
		}
	}
	now := len(v.Coming)
	for _, a := range slices.Backward(c.Appointments) {
		if schedule.State(a.Status).Open() && !a.Done() && chart.Moment(a.Start).After(r.Now()) && !slices.ContainsFunc(v.Coming[:now], func(t chart.Appointment) bool { return t.ID == a.ID }) {
			v.Coming = append(v.Coming, a)
		}
	}
	threads, err := message.Threads(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return err
	}
	for _, t := range threads {
		if t.Messages[0].Visit && t.Last().FromPatient() {
			v.Asked = append(v.Asked, t)
		}
	}
	for _, n := range c.Notes {
		if n.Encounter != "" && len(summary(n)) > 0 {
			v.Notes[n.Encounter] = true
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Visits"), Active: "/portal/more"}, visitsPage(v))
}

func visitShow(w http.ResponseWriter, r *web.Request) error {
	c, err := read(r, "Patient", "Encounter", "Composition", "Condition")
	if err != nil {
		return err
	}
	visit, ok := c.Visit(r.PathValue("id"))
	if !ok {
		return fault.New(fault.NotFound, "There is no such visit in your record.")
	}
	staff, err := readTeam(r.Context(), r.Actor)
	if err != nil {
		return err
	}
	v := visitView{Visit: visit, With: staff.name(visit.Clinician), Diagnoses: diagnoses(c, visit)}
	if v.Asked, err = readCorrections(r); err != nil {
		return err
	}
	if v.With == "" {
		v.With = visit.Name
	}
	for _, n := range c.Notes {
		if n.Encounter == visit.ID && len(summary(n)) > 0 {
			v.Notes = append(v.Notes, n)
		}
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Visit"), Active: "/portal/more"}, visitPage(v))
}

// diagnoses are those of the visit: made in it, or named by it.
func diagnoses(c chart.Chart, v chart.Visit) []chart.Problem {
	out := c.DiagnosesOf(v.ID)
	for _, p := range c.Problems {
		if slices.Contains(v.Diagnoses, p.Reference()) && !p.Wrong() && !slices.ContainsFunc(out, func(o chart.Problem) bool { return o.ID == p.ID }) {
			out = append(out, p)
		}
	}
	return out
}

// summary is what of a signed note is shown as the summary of a visit: the assessment and
// the plan, with their text.
func summary(n chart.Note) []chart.Section {
	if n.Status != "final" && n.Status != "amended" {
		return nil
	}
	var out []chart.Section
	for _, s := range n.Sections {
		switch s.Code {
		case chart.AssessmentPlan, chart.Assessment, chart.Plan:
			if s.Text != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func sectionTitle(s chart.Section) string {
	switch s.Code {
	case chart.Assessment:
		return "What we think"
	case chart.Plan:
		return "What we do next"
	}
	return "What we think and do next"
}
