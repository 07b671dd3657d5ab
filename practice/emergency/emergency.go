// Package emergency composes the emergency sheet: what a stranger who treats the patient
// must know, on one page. It reads the chart and the medicines and adds nothing of its own;
// what the record does not know is left empty, and the page says "not recorded".
//
//	s, err := emergency.Print(ctx, actor, patient)
//	s.Allergies.State; s.Medicines; s.Problems; s.Values
package emergency

import (
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// The most that one page holds; what is left out is counted.
const (
	mostMedicines  = 14
	mostStated     = 6
	mostElsewhere  = 8
	mostProblems   = 12
	mostProcedures = 6
	mostVaccines   = 5
)

// Sheet is what the page shows.
type Sheet struct {
	Patient    chart.Patient
	Physician  string // name, "" not recorded
	BloodGroup string // as the laboratory wrote it, "" not recorded
	Allergies  chart.Allergies
	Medicines  []medication.Medicine // prescribed, current
	Stated     []medication.Medicine // what the patient says, not checked
	Elsewhere  []medication.Medicine // what documents of other clinics list, not confirmed
	Problems   []chart.Problem
	Values     []Value
	Procedures []chart.Procedure
	Vaccines   []chart.Immunization
	// Left counts what did not fit, by list.
	Left struct{ Medicines, Stated, Elsewhere, Problems, Procedures, Vaccines int }
	At   time.Time
	// Partial says that entries may be kept from who prints: a list that is empty does not say that there are none.
	Partial bool
}

// Value is the newest of a key value.
type Value struct {
	Name, Value, Unit, Flag, When string
	Low, High                     string
	Reported                      bool // measured by the patient
}

// types are all that the sheet reads.
var types = []string{"Patient", "AllergyIntolerance", "MedicationRequest", "MedicationStatement", "Condition", "Observation", "DiagnosticReport", "Procedure", "Immunization"}

// Print composes the sheet of a patient and notes in the log that it was made.
func Print(ctx context.Context, actor *record.Actor, patient string) (Sheet, error) {
	c, err := chart.Read(ctx, actor, patient, types...)
	if err != nil {
		return Sheet{}, err
	}
	list, err := medication.List(ctx, actor, patient)
	if err != nil {
		return Sheet{}, err
	}
	s := From(c, list)
	if s.Physician, err = physician(ctx, actor, c.Patient.Physician); err != nil {
		return Sheet{}, err
	}
	return s, actor.Note(ctx, ledger.Print, patient, "emergency sheet")
}

// From composes the sheet from a chart that holds the sheet's types.
func From(c chart.Chart, list medication.Medicines) Sheet {
	s := Sheet{Patient: c.Patient, Allergies: c.Allergies, At: c.Now(), Partial: c.Partial(types...)}
	for _, m := range list.Current {
		switch {
		case fromClinic(m):
			s.Elsewhere = append(s.Elsewhere, m)
		case m.Stated:
			s.Stated = append(s.Stated, m)
		default:
			s.Medicines = append(s.Medicines, m)
		}
	}
	for _, m := range list.Past { // it is said to be stopped while it is still prescribed
		switch {
		case !m.NotTaken():
		case !fromClinic(m):
			s.Stated = append(s.Stated, m)
		case m.Beside:
			s.Elsewhere = append(s.Elsewhere, m)
		}
	}
	s.Problems = c.ActiveProblems()
	for _, p := range c.Procedures {
		if p.Status == "completed" || p.Status == "" {
			s.Procedures = append(s.Procedures, p)
		}
	}
	for _, i := range c.Immunizations {
		if i.Status == "completed" || i.Status == "" {
			s.Vaccines = append(s.Vaccines, i)
		}
	}
	s.Medicines, s.Left.Medicines = cut(s.Medicines, mostMedicines)
	s.Stated, s.Left.Stated = cut(s.Stated, mostStated)
	s.Elsewhere, s.Left.Elsewhere = cut(s.Elsewhere, mostElsewhere)
	s.Problems, s.Left.Problems = cut(s.Problems, mostProblems)
	s.Procedures, s.Left.Procedures = cut(s.Procedures, mostProcedures)
	s.Vaccines, s.Left.Vaccines = cut(s.Vaccines, mostVaccines)
	grid := results(c)
	s.Values, s.BloodGroup = values(c, grid), bloodGroup(grid)
	return s
}

// fromClinic reports whether a medicine is what a document of another clinic lists: nobody here has prescribed it, and the
// patient has not said it, unless the patient sent the document.
func fromClinic(m medication.Medicine) bool {
	return m.Stated && m.Origin == policy.Imported
}

func cut[X any](list []X, most int) (shown []X, left int) {
	n := min(len(list), most)
	return list[:n], len(list) - n
}

// keyTests are the laboratory values that change what is done in an emergency: kidneys and
// salts before drugs and contrast, blood, clotting, sugar.
var keyTests = []string{"potassium", "sodium", "creatinine", "egfr", "haemoglobin", "platelets", "inr", "hba1c"}

// values are the newest weight, blood pressure and key laboratory values.
func values(c chart.Chart, grid result.Grid) []Value {
	var out []Value
	for _, m := range []vital.Measure{vital.BloodPressure, vital.Weight} {
		if r := c.Vital(m).Last(); r.When != "" {
			out = append(out, Value{Name: c.Vital(m).Name, Value: r.Text(), Unit: r.Unit, Flag: r.Flag, When: r.When, Reported: r.Origin == chart.Reported})
		}
	}
	for _, key := range keyTests {
		if s, ok := newest(grid, key); ok {
			for _, p := range append([]result.Point{s.Last()}, s.Beside()...) {
				out = append(out, Value{Name: s.Name, Value: p.Comparator + p.Value.Value, Unit: s.Unit, Flag: p.Flag, When: p.When, Low: s.Low, High: s.High})
			}
		}
	}
	return out
}

// results is the grid of the chart's laboratory values.
func results(c chart.Chart) result.Grid {
	var nodes []*fhir.Node
	for _, t := range []string{"Patient", "Observation", "DiagnosticReport"} {
		nodes = append(nodes, c.Resources(t)...)
	}
	return result.From(nodes, c.Patient.ID, nil).WithEGFR()
}

// bloodGroup is the newest ABO and Rh group: LOINC 882-1 holds both, 883-9 ABO alone.
func bloodGroup(g result.Grid) string {
	for _, code := range []string{"882-1", "883-9"} {
		if s, ok := g.Find(code); ok {
			return s.Last().Value.Value
		}
	}
	return ""
}

// newest returns the series of a test with the latest value, whatever its unit.
func newest(g result.Grid, key string) (result.Series, bool) {
	var found []result.Series
	for _, s := range g.Series {
		if t, ok := labrange.Find(s.Last().Code); ok && t.Key == key && s.Why == "" {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return result.Series{}, false
	}
	return slices.MaxFunc(found, func(a, b result.Series) int { return a.Last().At.Compare(b.Last().At) }), true
}
