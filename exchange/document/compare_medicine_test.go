package document

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestAMedicineIsTheSameOnlyWithAllOfIt: what the document says beyond the chart, or otherwise, is not folded away.
func TestAMedicineIsTheSameOnlyWithAllOfIt(t *testing.T) {
	medicine := func(more, dosage string) string {
		return `{"resourceType":"MedicationStatement","id":"m","status":"active"` + more + `,"medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"860975","display":"metformin 500 MG Oral Tablet"}],"text":"metformin 500 MG Oral Tablet"},"dosage":[` + dosage + `]}`
	}
	repeat := func(s string) string { return `"timing":{"repeat":{` + s + `}}` }
	rate := func(s string) string { return `"doseAndRate":[{` + s + `}]` }
	one := rate(`"doseQuantity":{"value":1,"unit":"tablet"}`)
	once := repeat(`"frequency":1,"period":1,"periodUnit":"d"`)
	text := func(s string) string { return `{"text":"` + s + `",` + once + `,` + one + `}` }
	four := `"frequency":1,"period":4,"periodUnit":"h"`
	plain := medicine("", `{`+once+`,`+one+`}`)
	for _, c := range []struct {
		name, chart, document string
		want                  State
	}{
		{"the same", plain, plain, Same},
		{"the same in other words", medicine("", text("1 tablet by mouth once daily")), medicine("", text("Take ONE tablet every day by mouth")), Same},
		{"for what it is", plain, medicine("", text("Take one tablet daily for blood sugar")), Same},
		{"other words than are coded", plain, medicine("", text("Take 2 tablets twice a day")), Differs},
		{"those on both sides", medicine("", text("Take 2 tablets twice a day")), medicine("", text("Take 2 tablets twice a day")), Same},
		{"a condition", plain, medicine("", text("Take 1 tablet daily, hold if vomiting")), Differs},
		{"a condition on both sides", medicine("", text("1 tablet once daily, hold if vomiting")), medicine("", text("Take 1 tablet daily, hold if vomiting")), Same},
		{"a condition in the chart", medicine("", text("1 tablet once daily, hold if vomiting")), plain, LessExact},
		{"another condition", medicine("", text("1 tablet daily, hold if vomiting")), medicine("", text("1 tablet daily, hold if drowsy")), Differs},
		{"a course", plain, medicine("", text("Take 1 tablet daily for 7 days")), Differs},
		{"a taper", plain, medicine("", text("1 tablet once daily")+`,{"text":"2 tablets once daily"}`), Differs},
		{"only words", plain, medicine("", `{"text":"1 tablet daily"}`), More},
		{"braces", medicine("", `{`+once+`,`+rate(`"doseQuantity":{"value":2,"unit":"tablet"}`)+`}`), medicine("", `{`+once+`,`+rate(`"doseQuantity":{"value":2,"unit":"{tablet}"}`)+`}`), Same},
		{"a range of doses", plain, medicine("", `{`+once+`,`+rate(`"doseRange":{"low":{"value":2,"unit":"tablet"},"high":{"value":4,"unit":"tablet"}}`)+`}`), Differs},
		{"a rate", plain, medicine("", `{`+once+`,`+rate(`"doseQuantity":{"value":1,"unit":"tablet"},"rateQuantity":{"value":2,"unit":"L/min"}`)+`}`), Differs},
		{"a most", plain, medicine("", `{`+once+`,`+one+`,"maxDosePerPeriod":{"numerator":{"value":3,"unit":"tablet"},"denominator":{"value":1,"unit":"d"}}}`), More},
		{"at bedtime", plain, medicine("", `{`+repeat(`"when":["HS"]`)+`,`+one+`}`), Differs},
		{"every 4 to 6 hours", medicine("", `{`+repeat(four)+`,`+one+`}`), medicine("", `{`+repeat(four+`,"periodMax":6`)+`,`+one+`}`), Differs},
		{"every day and a half", plain, medicine("", `{`+repeat(`"frequency":1,"period":1.5,"periodUnit":"d"`)+`,`+one+`}`), Differs},
		{"on Mondays", plain, medicine("", `{`+repeat(`"frequency":1,"period":1,"periodUnit":"d","dayOfWeek":["mon"]`)+`,`+one+`}`), Differs},
		{"with an end", plain, medicine(`,"effectivePeriod":{"end":"2026-02-01"}`, `{`+once+`,`+one+`}`), More},
		{"with the same end", medicine(`,"effectivePeriod":{"end":"2026-02-01"}`, `{`+once+`,`+one+`}`), medicine(`,"effectivePeriod":{"end":"2026-02-01"}`, `{`+once+`,`+one+`}`), Same},
		{"with an end in the chart", medicine(`,"effectivePeriod":{"end":"2026-02-01"}`, `{`+once+`,`+one+`}`), plain, LessExact},
	} {
		item := Item{Key: "1", Section: Medications, Resource: node(t, c.document)}
		if r := indexOf([]*fhir.Node{node(t, c.chart)}).row(&item); r.State != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.name, r.State, c.want, r.Fields)
		}
	}
}
