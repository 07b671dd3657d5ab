package synthetic

import "math"

// test is a laboratory test: how it is named, its reference range, and what healthy people
// have. Ranges are those of an invented laboratory and close to common adult ones; where
// women differ, lowF and highF say so. A missing bound is 0 for low and +Inf for high.
type test struct {
	loinc, display, text string
	unit, ucum           string
	digits               int
	low, high            float64
	lowF, highF          float64 // 0: as above
	criticalLow          float64
	criticalHigh         float64
	mean, sd             float64
}

var none = math.Inf(1)

// The tests by the names that courses use.
var tests = map[string]test{
	"sodium":      {loinc: "2951-2", display: "Sodium [Moles/volume] in Serum or Plasma", text: "Sodium", unit: "mmol/L", ucum: "mmol/L", low: 133, high: 146, criticalLow: 125, criticalHigh: 155, mean: 140, sd: 1.8},
	"potassium":   {loinc: "2823-3", display: "Potassium [Moles/volume] in Serum or Plasma", text: "Potassium", unit: "mmol/L", ucum: "mmol/L", digits: 1, low: 3.5, high: 5.1, criticalLow: 2.8, criticalHigh: 6.2, mean: 4.3, sd: 0.2},
	"urea":        {loinc: "22664-7", display: "Urea [Moles/volume] in Serum or Plasma", text: "Urea", unit: "mmol/L", ucum: "mmol/L", digits: 1, low: 2.5, high: 7.8, mean: 5.2, sd: 0.7},
	"creatinine":  {loinc: "14682-9", display: "Creatinine [Moles/volume] in Serum or Plasma", text: "Creatinine", unit: "µmol/L", ucum: "umol/L", low: 60, high: 110, lowF: 45, highF: 90, mean: 74, sd: 6},
	"egfr":        {loinc: "98979-8", display: "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)", text: "eGFR", unit: "mL/min/1.73 m²", ucum: "mL/min/{1.73_m2}", low: 60, high: none},
	"glucose":     {loinc: "14771-0", display: "Fasting glucose [Moles/volume] in Serum or Plasma", text: "Glucose, fasting", unit: "mmol/L", ucum: "mmol/L", digits: 1, low: 4, high: 6, criticalLow: 2.5, criticalHigh: 25, mean: 5, sd: 0.3},
	"hba1c":       {loinc: "4548-4", display: "Hemoglobin A1c/Hemoglobin.total in Blood", text: "HbA1c", unit: "%", ucum: "%", digits: 1, low: 4, high: 5.6, mean: 5.2, sd: 0.15},
	"cholesterol": {loinc: "14647-2", display: "Cholesterol [Moles/volume] in Serum or Plasma", text: "Cholesterol, total", unit: "mmol/L", ucum: "mmol/L", digits: 1, high: 5.2, mean: 4.6, sd: 0.3},
	"hdl":         {loinc: "14646-4", display: "Cholesterol in HDL [Moles/volume] in Serum or Plasma", text: "HDL cholesterol", unit: "mmol/L", ucum: "mmol/L", digits: 1, low: 1, high: none, lowF: 1.2, mean: 1.4, sd: 0.12},
	"ldl":         {loinc: "39469-2", display: "Cholesterol in LDL [Moles/volume] in Serum or Plasma by calculation", text: "LDL cholesterol", unit: "mmol/L", ucum: "mmol/L", digits: 1, high: 2.6, mean: 2.3, sd: 0.15},
	"trig":        {loinc: "14927-8", display: "Triglyceride [Moles/volume] in Serum or Plasma", text: "Triglycerides", unit: "mmol/L", ucum: "mmol/L", digits: 1, high: 1.7, mean: 1.2, sd: 0.2},
	"alt":         {loinc: "1742-6", display: "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", text: "ALT", unit: "U/L", ucum: "U/L", high: 40, mean: 24, sd: 5},
	"alp":         {loinc: "6768-6", display: "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", text: "Alkaline phosphatase", unit: "U/L", ucum: "U/L", low: 30, high: 130, mean: 72, sd: 10},
	"bilirubin":   {loinc: "14631-6", display: "Bilirubin.total [Moles/volume] in Serum or Plasma", text: "Bilirubin", unit: "µmol/L", ucum: "umol/L", high: 21, mean: 10, sd: 2.5},
	"albumin":     {loinc: "1751-7", display: "Albumin [Mass/volume] in Serum or Plasma", text: "Albumin", unit: "g/L", ucum: "g/L", low: 35, high: 50, mean: 43, sd: 2},
	"hb":          {loinc: "718-7", display: "Hemoglobin [Mass/volume] in Blood", text: "Haemoglobin", unit: "g/L", ucum: "g/L", low: 130, high: 170, lowF: 115, highF: 165, criticalLow: 70, mean: 146, sd: 5},
	"mcv":         {loinc: "787-2", display: "MCV [Entitic mean volume] in Red Blood Cells by Automated count", text: "MCV", unit: "fL", ucum: "fL", low: 80, high: 100, mean: 90, sd: 2},
	"wbc":         {loinc: "6690-2", display: "Leukocytes [#/volume] in Blood by Automated count", text: "White cells", unit: "10⁹/L", ucum: "10*9/L", digits: 1, low: 4, high: 11, mean: 6.8, sd: 1},
	"platelets":   {loinc: "777-3", display: "Platelets [#/volume] in Blood by Automated count", text: "Platelets", unit: "10⁹/L", ucum: "10*9/L", low: 150, high: 400, criticalLow: 30, mean: 248, sd: 30},
	"ferritin":    {loinc: "2276-4", display: "Ferritin [Mass/volume] in Serum or Plasma", text: "Ferritin", unit: "µg/L", ucum: "ug/L", low: 30, high: 400, lowF: 15, highF: 150, mean: 88, sd: 18},
	"tsh":         {loinc: "3016-3", display: "Thyrotropin [Units/volume] in Serum or Plasma", text: "TSH", unit: "mIU/L", ucum: "m[IU]/L", digits: 1, low: 0.4, high: 4.0, mean: 1.9, sd: 0.4},
	"ft4":         {loinc: "14920-3", display: "Thyroxine (T4) free [Moles/volume] in Serum or Plasma", text: "Free T4", unit: "pmol/L", ucum: "pmol/L", low: 10, high: 22, mean: 15, sd: 1.5},
	"inr":         {loinc: "6301-6", display: "INR in Platelet poor plasma by Coagulation assay", text: "INR (target 2.0 to 3.0)", unit: "", ucum: "1", digits: 1, low: 2, high: 3, criticalHigh: 5, mean: 2.5, sd: 0.2},
	"urate":       {loinc: "14933-6", display: "Urate [Moles/volume] in Serum or Plasma", text: "Urate", unit: "µmol/L", ucum: "umol/L", low: 200, high: 430, lowF: 140, highF: 360, mean: 290, sd: 20},
	"crp":         {loinc: "1988-5", display: "C reactive protein [Mass/volume] in Serum or Plasma", text: "CRP", unit: "mg/L", ucum: "mg/L", high: 5, mean: 2, sd: 1},
	"psa":         {loinc: "2857-1", display: "Prostate specific Ag [Mass/volume] in Serum or Plasma", text: "PSA", unit: "µg/L", ucum: "ug/L", digits: 1, high: 4, mean: 1.4, sd: 0.4},
	"bnp":         {loinc: "33762-6", display: "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", text: "NT-proBNP", unit: "ng/L", ucum: "ng/L", high: 400, mean: 90, sd: 30},
	"acr":         {loinc: "32294-1", display: "Albumin/Creatinine [Ratio] in Urine", text: "Albumin/creatinine ratio, urine", unit: "mg/mmol", ucum: "mg/mmol", digits: 1, high: 3, mean: 1.2, sd: 0.5},
	"lithium":     {loinc: "14334-7", display: "Lithium [Moles/volume] in Serum or Plasma", text: "Lithium", unit: "mmol/L", ucum: "mmol/L", digits: 2, low: 0.4, high: 1.0, criticalHigh: 1.5, mean: 0.65, sd: 0.05},
}

// panel is a group of tests that is ordered together. A single test is a panel of one and
// has no report of its own.
type panel struct {
	text, loinc, display string
	tests                []string
}

// The panels that courses order.
var (
	renalPanel   = panel{"Kidney function", "24362-6", "Renal function 2000 panel - Serum or Plasma", []string{"sodium", "potassium", "urea", "creatinine", "egfr"}}
	lipidPanel   = panel{"Lipids", "24331-1", "Lipid 1996 panel - Serum or Plasma", []string{"hdl", "ldl", "trig", "cholesterol"}}
	bloodPanel   = panel{"Full blood count", "58410-2", "CBC panel - Blood by Automated count", []string{"hb", "mcv", "wbc", "platelets"}}
	liverPanel   = panel{"Liver function", "24325-3", "Hepatic function 2000 panel - Serum or Plasma", []string{"alt", "alp", "bilirubin", "albumin"}}
	thyroidPanel = panel{"Thyroid function", "", "", []string{"tsh", "ft4"}}
	sugarPanel   = panel{"Diabetes bloods", "", "", []string{"hba1c", "glucose"}}
)

func single(key string) panel {
	t := tests[key]
	return panel{t.text, t.loinc, t.display, []string{key}}
}

func (t test) bounds(female bool) (low, high float64) {
	low, high = t.low, t.high
	if female && t.lowF != 0 {
		low = t.lowF
	}
	if female && t.highF != 0 {
		high = t.highF
	}
	return low, high
}

// grade returns the HL7 interpretation code of a value.
func (t test) grade(v float64, female bool) string {
	low, high := t.bounds(female)
	switch {
	case t.criticalLow != 0 && v <= t.criticalLow:
		return "LL"
	case t.criticalHigh != 0 && v >= t.criticalHigh:
		return "HH"
	case v < low:
		return "L"
	case v > high:
		return "H"
	}
	return "N"
}

func (t test) round(v float64) float64 {
	scale := math.Pow(10, float64(t.digits))
	return math.Round(v*scale) / scale
}

// creatinineFor is the creatinine above the knee of the equation that gives a filtration.
func creatinineFor(egfr float64, age int, female bool) float64 {
	kappa, sex := 0.9, 1.0
	if female {
		kappa, sex = 0.7, 1.012
	}
	return 88.4 * kappa * math.Pow(142*math.Pow(0.9938, float64(age))*sex/egfr, 1/1.2)
}
