package medication

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/trust/policy"
)

// TestAnEGFRIsCalculatedFromTheNewestCreatinine, in either unit, unless a laboratory has reported one since; what keeps from it is said.
func TestAnEGFRIsCalculatedFromTheNewestCreatinine(t *testing.T) {
	lab := func(code, value, unit, at, rest string) string {
		return `{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"effectiveDateTime":"` + at + `","valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"` + rest + `}}`
	}
	woman := `{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1956-03-14"}`
	child := `{"resourceType":"Patient","id":"p","gender":"female","birthDate":"2016-03-14"}`
	nobody := `{"resourceType":"Patient","id":"p","birthDate":"1956-03-14"}`
	unborn := `{"resourceType":"Patient","id":"p","gender":"female"}`
	for name, c := range map[string]struct {
		nodes  []string
		egfr   float64
		missed string // of the check of the kidneys
		found  string
	}{
		"mg/dL":                    {[]string{lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), woman}, 24, "", "eGFR 24 mL/min/1.73 m², calculated by Osler from creatinine of 01-Nov-2026. Metformin is ruled out"},
		"umol/L":                   {[]string{woman, lab("14682-9", "194.5", "umol/L", "2026-11-01", "")}, 24, "", "eGFR 24 mL/min/1.73 m², calculated by Osler from creatinine of 01-Nov-2026."},
		"the newest":               {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), lab("14682-9", "70", "umol/L", "2026-05-01", "")}, 24, "", "calculated"},
		"reported the same day":    {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), lab("33914-3", "40", "mL/min/{1.73_m2}", "2026-11-01", "")}, 40, "", "eGFR 40 mL/min/1.73 m², 01-Nov-2026. "},
		"reported before":          {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), lab("33914-3", "80", "mL/min/{1.73_m2}", "2026-10-01", "")}, 24, "", "calculated"},
		"an older creatinine":      {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2024-11-01", "")}, 24, "more than a year ago", "calculated"},
		"a child":                  {[]string{child, lab("2160-0", "2.2", "mg/dL", "2026-11-01", "")}, 0, "no eGFR recorded, and not calculated from creatinine (that of 01-Nov-2026: the equation is for adults)", ""},
		"no sex":                   {[]string{nobody, lab("2160-0", "2.2", "mg/dL", "2026-11-01", "")}, 0, "neither female nor male is recorded", ""},
		"no birth date":            {[]string{unborn, lab("2160-0", "2.2", "mg/dL", "2026-11-01", "")}, 0, "no birth date is recorded", ""},
		"no unit":                  {[]string{woman, lab("2160-0", "2.2", "mg", "2026-11-01", "")}, 0, "its unit is not known", ""},
		"above":                    {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2026-11-01", `,"comparator":">"`)}, 0, "it is less or more than a value", ""},
		"not usable, one reported": {[]string{woman, lab("2160-0", "2.2", "mg", "2026-11-01", ""), lab("33914-3", "40", "mL/min/{1.73_m2}", "2026-10-01", "")}, 40, "not calculated from a newer creatinine (that of 01-Nov-2026: its unit is not known)", "eGFR 40"},
		"reported above":           {[]string{woman, lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), lab("33914-3", "60", "mL/min/{1.73_m2}", "2026-11-01", `,"comparator":">"`)}, 24, "", "calculated"},
		"in a component":           {[]string{woman, `{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/p"},"code":{"text":"Panel"},"effectiveDateTime":"2026-11-01","component":[` + lab("2160-0", "2.2", "mg/dL", "2026-11-01", "") + `]}`}, 24, "", "calculated"},
		"not sure when taken in":   {[]string{woman, strings.Replace(lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), `"status"`, `"note":[{"text":"`+policy.DoubtMark+`The unit is not readable."}],"status"`, 1)}, 24, "the value of 01-Nov-2026 was not sure when it was taken in", "calculated"},
		"preliminary":              {[]string{woman, strings.Replace(lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), "final", "preliminary", 1)}, 0, "no eGFR recorded, and the dose", ""},
		"another patient's":        {[]string{woman, strings.Replace(lab("2160-0", "2.2", "mg/dL", "2026-11-01", ""), "Patient/p", "Patient/q", 1)}, 0, "no eGFR recorded, and the dose", ""},
		"of the urine":             {[]string{woman, lab("2161-8", "120", "mg/dL", "2026-11-01", "")}, 0, "no eGFR recorded, and the dose", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var nodes []*fhir.Node
			for _, body := range c.nodes {
				n, err := fhir.Parse([]byte(body))
				if err != nil {
					t.Fatal(err)
				}
				nodes = append(nodes, n)
			}
			f := FactsFrom(nodes, "p", time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), nil)
			if f.EGFR.Value != c.egfr {
				t.Errorf("eGFR %+v, %q", f.EGFR, f.NoEGFR)
			}
			f.Candidate = rx.Medicine{Text: "metformin 500 mg tablet"}
			said, missed := "", ""
			found := rx.Check(f)
			for _, x := range found.Findings {
				if x.Check == rx.Kidney {
					said += x.Sentence
				}
			}
			for _, x := range found.NotChecked {
				if x.Check == rx.Kidney {
					missed += x.Reason
				}
			}
			if !strings.Contains(said, c.found) || c.found == "" && said != "" || !strings.Contains(missed, c.missed) || c.missed == "" && missed != "" {
				t.Errorf("found %q, missed %q", said, missed)
			}
		})
	}
}
