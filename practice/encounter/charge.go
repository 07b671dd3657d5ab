package encounter

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
)

// Charge is a charge that signing the visit will make, or cannot make yet.
type Charge struct {
	Fee     billing.Fee
	Reasons []billing.Reason
	Why     string // why it is suggested; "" when a person chose it
	Missing string // what stands in its way; "" when it is ready
}

// Charged returns the charges that were made in the visit already, by a colleague who signed in it.
func (v Visit) Charged() []billing.Charge {
	var out []billing.Charge
	for _, c := range billing.ChargesFrom(v.Chart.Resources("ChargeItem"), v.Chart.Resources("Invoice")) {
		if c.Encounter == v.ID && c.Status != "not-billable" {
			out = append(out, c)
		}
	}
	return out
}

// Charges returns the charges of an open visit: the suggestion, or what a person has chosen
// instead. What a colleague has charged in the visit is not suggested again, nor a second level
// of the visit: a visit is charged once, unless a person chooses otherwise. orders are requests that will be signed with the visit.
func (v Visit) Charges(fees billing.Schedule, orders []*fhir.Node) []Charge {
	reasons := v.reasons()
	var out []Charge
	add := func(code, why string) {
		fee, ok := fees.Find(code)
		c := Charge{Fee: fee, Reasons: reasons, Why: why}
		switch {
		case !ok:
			c.Fee = billing.Fee{Code: code, Text: code}
			c.Missing = "not on the price list"
		case len(reasons) == 0:
			c.Missing = "needs a diagnosis with a code"
		}
		out = append(out, c)
	}
	if v.Work.Chosen {
		for _, code := range v.Work.Charges {
			add(code, "")
		}
		return out
	}
	charged := v.Charged()
	if !slices.ContainsFunc(charged, func(c billing.Charge) bool { return billing.IsVisit(c.Code) }) {
		level := billing.SuggestVisit(v.facts(orders))
		add(level.Code, level.Why)
	}
	for _, code := range v.pointOfCare() {
		if _, ok := fees.Find(code); ok && !slices.ContainsFunc(charged, func(c billing.Charge) bool { return c.Code == code }) {
			add(code, "done in this visit")
		}
	}
	return out
}

// reasons are the coded diagnoses of the visit, at most four: a claim line takes no more.
func (v Visit) reasons() []billing.Reason {
	var out []billing.Reason
	for _, d := range v.Work.Diagnoses {
		if d.ICD != "" && len(out) < 4 {
			out = append(out, billing.Reason{ICD: d.ICD, Text: d.Text})
		}
	}
	return out
}

func (v Visit) facts(orders []*fhir.Node) billing.Facts {
	f := billing.Facts{NewPatient: v.newPatient()}
	for _, d := range v.Work.Diagnoses {
		switch known, ok := problem.ByICD(d.ICD); {
		case ok && known.Chronic:
			f.Chronic++
		case ok && (known.Finding || known.Visit):
			f.Minor++
		default:
			f.Acute++
		}
	}
	for _, n := range append(v.made("MedicationRequest", "ServiceRequest"), orders...) {
		switch n.ResourceType() {
		case "MedicationRequest":
			f.MedicineChanged = true
		case "ServiceRequest":
			f.Tests++
		}
	}
	return f
}

// newPatient reports whether no other visit of the last three years was finished.
func (v Visit) newPatient() bool {
	since := v.Chart.Now().AddDate(-3, 0, 0)
	return !slices.ContainsFunc(v.Chart.Visits, func(x chart.Visit) bool {
		return x.ID != v.ID && x.Status == "finished" && chart.Moment(x.Start).After(since)
	})
}

// made returns the resources of these types that were made in this visit.
func (v Visit) made(types ...string) []*fhir.Node {
	var out []*fhir.Node
	for _, t := range types {
		for _, n := range v.Chart.Resources(t) {
			ref := n.Path("encounter.reference").Text()
			if s := n.Get("status").Text(); s != "entered-in-error" && chart.Points(ref, "Encounter", v.ID) {
				out = append(out, n)
			}
		}
	}
	return out
}

// doneAtOnce names the fees of tests that a clinic does itself, by LOINC code.
var doneAtOnce = map[string]string{
	"24357-6": "urine-dipstick", "50556-0": "urine-dipstick", "24356-8": "urine-dipstick", "5802-4": "urine-dipstick",
	"34714-6": "inr-point-of-care", "33452-4": "peak-flow", "19935-6": "peak-flow",
}

// pointOfCare returns the fees of what was done in the visit, each once.
func (v Visit) pointOfCare() []string {
	var out []string
	add := func(code string) {
		if code != "" && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	for _, n := range v.made("Observation", "DiagnosticReport") {
		for coding := range n.Path("code.coding").Items() {
			add(doneAtOnce[coding.Get("code").Text()])
		}
	}
	for _, n := range v.made("Immunization") {
		if n.Get("status").Text() == "completed" {
			add("vaccine-administration")
		}
	}
	return out
}
