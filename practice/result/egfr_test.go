package result

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
)

// TestACalculatedEGFRIsARowOfItsOwn: it says from what it is, and stands for none that a laboratory has reported.
func TestACalculatedEGFRIsARowOfItsOwn(t *testing.T) {
	lab := func(code, value, unit, at string) string {
		return `{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"effectiveDateTime":"` + at + `","valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
	}
	patient := func(born string) string {
		return `{"resourceType":"Patient","id":"p","gender":"female","birthDate":"` + born + `"}`
	}
	for name, c := range map[string]struct {
		nodes []string
		value string // "" no row
		why   string
	}{
		"calculated":      {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), lab("2160-0", "0.9", "mg/dL", "2025-11-01")}, "24", ""},
		"an older eGFR":   {[]string{patient("1956-03-14"), lab("14682-9", "194.5", "umol/L", "2026-11-01"), lab("98979-8", "80", "mL/min/{1.73_m2}", "2026-10-01")}, "24", ""},
		"reported":        {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), lab("98979-8", "22", "mL/min/{1.73_m2}", "2026-11-01")}, "", ""},
		"reported above":  {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), strings.Replace(lab("98979-8", "60", "mL/min/{1.73_m2}", "2026-11-01"), `"unit"`, `"comparator":">","unit"`, 1)}, "24", ""},
		"reported early":  {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), strings.Replace(lab("98979-8", "22", "mL/min/{1.73_m2}", "2026-11-01"), "final", "preliminary", 1)}, "24", ""},
		"in words":        {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), `{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"98979-8"}]},"effectiveDateTime":"2026-11-01","valueString":"not done"}`}, "24", ""},
		"impossible":      {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg/dL", "2026-11-01"), lab("98979-8", "5200", "mL/min/{1.73_m2}", "2026-11-01")}, "24", ""},
		"without a unit":  {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "", "2026-11-01"), lab("2160-0", "0.9", "mg/dL", "2025-11-01")}, "not calculated", labrange.NoUnit},
		"it comes last":   {[]string{patient("1956-03-14"), lab("2160-0", "0.9", "mg/dL", "2025-11-01"), lab("2160-0", "2.2", "", "2026-11-01")}, "not calculated", labrange.NoUnit},
		"a child":         {[]string{patient("2016-03-14"), lab("2160-0", "0.5", "mg/dL", "2026-11-01")}, "not calculated", labrange.NotGrown},
		"no creatinine":   {[]string{patient("1956-03-14"), lab("2823-3", "4.2", "mmol/L", "2026-11-01")}, "", ""},
		"an unknown unit": {[]string{patient("1956-03-14"), lab("2160-0", "2.2", "mg", "2026-11-01")}, "not calculated", labrange.NoUnit},
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
			measured := From(nodes, "p", nil)
			s, ok := measured.WithEGFR().Find(CalculatedEGFR)
			if ok != (c.value != "") {
				t.Fatalf("a row: %v", ok)
			}
			if !ok {
				return
			}
			if p := s.Last(); p.Value.Value != c.value || s.Why != c.why || p.When != "2026-11-01" || p.ID != "" || !s.Calculated || c.why == "" && p.Flag != "L" {
				t.Errorf("%+v", s)
			}
			if _, ok := measured.Find(CalculatedEGFR); ok {
				t.Error("the grid that was there has changed")
			}
		})
	}
}
