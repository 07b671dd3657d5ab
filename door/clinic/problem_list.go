package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/practice/chart"
)

// problemForm adds a problem: type, Enter.
type problemForm struct {
	Patient, Back, Key string
	Text, ICD, Onset   string
	Faults             ui.Faults
}

// problemsView is the page of a patient's problems.
type problemsView struct {
	Frame  chartFrame
	Active []chart.Problem
	Past   []chart.Problem
	Visits []visitDiagnoses
	Form   problemForm
	May    bool
}

// visitDiagnoses are the diagnoses of one visit that are not on the list; without a visit, of those that are not in the chart.
type visitDiagnoses struct {
	Visit     chart.Visit
	Diagnoses []chart.Problem
}

func newProblemForm(r *web.Request, patient, back string) problemForm {
	return problemForm{Patient: patient, Back: back, Key: nonce(r)}
}

func problemsShow(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	return showProblems(w, r, newProblemForm(r, patient, "/p/"+patient+"/problems"))
}

func showProblems(w http.ResponseWriter, r *web.Request, f problemForm) error {
	c, err := chart.Read(r.Context(), r.Actor, f.Patient)
	if err != nil {
		return err
	}
	v := problemsView{Frame: frameOf(r, c, "problems"), Active: c.ActiveProblems(), Past: c.PastProblems(), Form: f, May: mayWrite(r, "Condition")}
	for _, visit := range c.Visits {
		if d := c.DiagnosesOf(visit.ID); len(d) > 0 {
			v.Visits = append(v.Visits, visitDiagnoses{visit, d})
		}
	}
	if d := c.DiagnosesOfNoVisit(); len(d) > 0 {
		v.Visits = append(v.Visits, visitDiagnoses{Diagnoses: d})
	}
	p := chartPage(r, c, "Problems")
	if len(f.Faults) > 0 {
		return web.Invalid(w, r, p, problemsPage(v))
	}
	return web.Page(w, r, p, problemsPage(v))
}

// problemFind answers the list under the field of a new problem.
func problemFind(w http.ResponseWriter, r *web.Request) error {
	typed := r.FormValue("q")
	return web.Render(w, r, problemOptions(problem.Search(typed, 7), typed))
}
