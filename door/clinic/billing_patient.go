package clinic

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust"
)

// patientBill is what a patient owes and was billed.
type patientBill struct {
	Patient    chart.Patient
	Visits     []billedVisit
	Open       billing.Unbilled
	Statements []billing.Statement
	Covers     []billing.Cover
	Fees       billing.Schedule
	Key        string // of the form that makes a statement
	Faults     ui.Faults
	NoNotes    bool
	NotBilled  []string // what must not be told to the health plan
}

// billedVisit is the open charges of one visit.
type billedVisit struct {
	When, Kind string
	Diagnoses  []chart.Problem
	Charges    []chargeForm
}

// chargeForm is a charge with what was typed into its form.
type chargeForm struct {
	billing.Charge
	Edit   billing.ChargeEdit
	Faults ui.Faults
}

// billingPatient is the page of one patient's charges and statements.
func billingPatient(w http.ResponseWriter, r *web.Request) error {
	v, err := loadBill(r)
	if err != nil {
		return err
	}
	return v.show(w, r)
}

func (v patientBill) show(w http.ResponseWriter, r *web.Request) error {
	b := bannerOf(v.Patient, chart.Allergies{})
	b.NoClinical = true
	p := ui.Page{Title: r.Lang.T("Charges"), Active: "/billing", Patient: b, Sheets: []string{"office.css"}}
	bad := len(v.Faults) > 0
	for _, visit := range v.Visits {
		bad = bad || slices.ContainsFunc(visit.Charges, func(c chargeForm) bool { return len(c.Faults) > 0 })
	}
	if bad {
		return web.Invalid(w, r, p, patientBillPage(v))
	}
	return web.Page(w, r, p, patientBillPage(v))
}

func loadBill(r *web.Request) (patientBill, error) {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"), "Patient", "Encounter", "Condition", "ChargeItem", "Invoice", "Coverage")
	if err != nil {
		return patientBill{}, err
	}
	charges, invoices := c.Resources("ChargeItem"), c.Resources("Invoice")
	v := patientBill{Patient: c.Patient, Open: billing.UnbilledOf(c.Patient.ID, charges, invoices),
		Statements: billing.StatementsFrom(invoices, charges), Covers: billing.CoversFrom(c.Resources("Coverage")),
		Key: ident.New(r.Now()), NoNotes: r.Principal().Role == trust.Biller}
	if v.NotBilled, err = rights.NotBilled(r.Context(), r.Actor, c.Patient.ID); err != nil {
		return v, err
	}
	if v.Fees, err = billing.Fees(r.Context(), r.Actor); err != nil {
		return v, err
	}
	at := map[string]int{}
	for _, x := range v.Open.Charges {
		i, ok := at[x.Encounter]
		if !ok {
			i, at[x.Encounter] = len(v.Visits), len(v.Visits)
			visit := billedVisit{When: x.When}
			if found, ok := c.Visit(x.Encounter); ok {
				visit.Kind, visit.Diagnoses = found.Type, c.DiagnosesOf(x.Encounter)
			}
			v.Visits = append(v.Visits, visit)
		}
		v.Visits[i].Charges = append(v.Visits[i].Charges, formOf(x))
	}
	return v, nil
}

func formOf(c billing.Charge) chargeForm {
	f := chargeForm{Charge: c, Edit: billing.ChargeEdit{Code: c.Code, Quantity: itoa(c.Quantity)}}
	if c.HasPrice {
		f.Edit.Price = c.Price.Amount.String()
	}
	var codes []string
	for _, x := range c.Reasons {
		if x.ICD != "" {
			codes = append(codes, x.ICD)
		}
	}
	f.Edit.Reasons = strings.Join(codes, ", ")
	return f
}

// chargeSave corrects one charge.
func chargeSave(w http.ResponseWriter, r *web.Request) error {
	edit := billing.ChargeEdit{Code: r.FormValue("code"), Quantity: r.FormValue("quantity"), Price: r.FormValue("price"), Reasons: r.FormValue("reasons")}
	version, err := parseVersion(r.FormValue("version"))
	if err != nil {
		return fault.New(fault.Malformed, "The form cannot be read. Open the page again.")
	}
	edit.Version = version
	id := r.PathValue("charge")
	saved, err := billing.Edit(r.Context(), r.Actor, r.PathValue("patient"), id, edit)
	if err == nil {
		r.Say(r.Lang.T("Charge saved."), saved.Undo)
		return web.Redirect(w, r, "/billing/"+r.PathValue("patient"))
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid && f.Code != fault.Stale {
		return err
	}
	v, loadErr := loadBill(r)
	if loadErr != nil {
		return loadErr
	}
	if !v.again(r, id, edit, f) {
		return err
	}
	return v.show(w, r)
}

// again puts what was typed, with the messages, back into the form of a charge.
func (v *patientBill) again(r *web.Request, id string, edit billing.ChargeEdit, f *fault.Error) bool {
	for i := range v.Visits {
		for j := range v.Visits[i].Charges {
			c := &v.Visits[i].Charges[j]
			if c.ID != id {
				continue
			}
			c.Edit = edit
			for _, issue := range f.Told() {
				c.Faults.Add(issue.Expression, r.Lang.T("%s", issue.Text))
			}
			if len(c.Faults) == 0 || f.Code == fault.Stale {
				c.Faults = ui.Faults{{Text: r.Lang.T("%s", f.Message)}}
			}
			return true
		}
	}
	return false
}

// statementMake puts all open charges of a patient on a statement.
func statementMake(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	v, err := loadBill(r)
	if err != nil {
		return err
	}
	if v.Open.Missing > 0 {
		v.Faults.Add("", r.Lang.T("%d charges have no diagnosis code. Add the codes first: nobody pays a charge without a reason.", v.Open.Missing))
		return v.show(w, r)
	}
	made, saved, err := billing.Issue(r.Context(), r.Actor, id, r.FormValue("key"))
	if fault.Is(err, fault.Invalid) {
		v.Faults.Add("", sentence(r, err))
		return v.show(w, r)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The statement is made."), saved.Undo)
	if made == "" {
		return web.Redirect(w, r, "/billing/"+id)
	}
	return web.Redirect(w, r, "/billing/"+id+"#"+made)
}

// feeOptions is the price list as a choice; a charge with a code of elsewhere keeps it.
func feeOptions(ctx context.Context, fees billing.Schedule, c billing.Charge) []ui.Option {
	var out []ui.Option
	if _, ok := fees.Find(c.Code); !ok {
		out = append(out, ui.Option{Value: c.Code, Label: c.Text + " " + ui.T(ctx, "(not on the price list)")})
	}
	for _, f := range fees {
		out = append(out, ui.Option{Value: f.Code, Label: f.Text})
	}
	return out
}

// versionOf is the version that a form's answer refers to: after a fault still the one that
// was shown first.
func versionOf(c chargeForm) string {
	if c.Edit.Version > 0 {
		return itoa(c.Edit.Version)
	}
	return c.Version
}
