package clinic

import (
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestTheNewestValueStandsBesideAProblem: of the tests that tell how a problem stands the one that was done last,
// not an old one of another clinic.
func TestTheNewestValueStandsBesideAProblem(t *testing.T) {
	h := open(t)
	ldl := func(id, loinc, day, value, unit string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"text":"LDL","coding":[{"system":"http://loinc.org","code":"` + loinc + `"}]},"effectiveDateTime":"` + day + `","valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
	}
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"Condition","id":"lipids","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E78.5"}],"text":"Hyperlipidaemia"},"subject":{"reference":"Patient/maria"}}`,
		ldl("old", "13457-7", "2013-01-22", "189", "mg/dL"), ldl("new", "22748-8", "2026-11-20", "2.1", "mmol/L"))
	page := h.signedIn("anna").get("/p/maria")
	if !page.says("LDL 2.1 mmol/L") || page.says("LDL 189") {
		t.Errorf("%d: %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
}
