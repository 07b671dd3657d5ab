package clinic

import (
	"net/http"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
)

// chargesView is what a patient was charged, and the statements.
type chargesView struct {
	Frame      chartFrame
	Charges    []billing.Charge
	Statements []billing.Statement
	Open       billing.Money
	OpenCount  int
	Adds       bool // the open charges can be added up
	May        bool
	Key        string
}

// statementView is one statement, on paper.
type statementView struct {
	Statement billing.Statement
	Patient   chart.Patient
	Banner    ui.Banner
	Clinic    string
	Printed   string
	By        string
	Back      string
}

func readCharges(r *web.Request) (chart.Chart, error) {
	return chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
}

func chargesShow(w http.ResponseWriter, r *web.Request) error {
	c, err := readCharges(r)
	if err != nil {
		return err
	}
	v := chargesView{Frame: frameOf(r, c, "charges"), Charges: billing.ChargesFrom(c.Resources("ChargeItem"), c.Resources("Invoice")), May: mayWrite(r, "Invoice"), Key: nonce(r),
		Statements: billing.StatementsFrom(c.Resources("Invoice"), c.Resources("ChargeItem"))}
	v.Open, v.OpenCount, v.Adds = billing.Open(v.Charges)
	v.Frame.Wide = !r.Principal().OpensCharts() // the other parts of the chart are not for billing
	return web.Page(w, r, chartPage(r, c, "Charges"), chargesPage(v))
}

// statementIssue puts the open charges on a statement.
func statementIssue(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	id, result, err := billing.Issue(r.Context(), r.Actor, patient, r.FormValue("key"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Statement made."), result.Undo)
	return web.Redirect(w, r, "/p/"+patient+"/statement/"+id)
}

func statementShow(w http.ResponseWriter, r *web.Request) error {
	c, err := readCharges(r)
	if err != nil {
		return err
	}
	all := billing.StatementsFrom(c.Resources("Invoice"), c.Resources("ChargeItem"))
	i := slices.IndexFunc(all, func(s billing.Statement) bool { return s.ID == r.PathValue("invoice") })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no such statement for this patient.")
	}
	p := chartPage(r, c, "Statement")
	v := statementView{Statement: all[i], Patient: c.Patient, Banner: *p.Patient, Clinic: r.Site.Clinic, Printed: r.Now().Format("2006-01-02T15:04:05Z07:00"),
		By: r.Principal().Name, Back: "/p/" + c.Patient.ID + "/charges"}
	return web.Page(w, r, p, statementPage(v))
}
