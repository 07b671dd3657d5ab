package fhirapi

import (
	"strings"
	"testing"
)

func TestSearchByListsFiltersWordsAndPlaces(t *testing.T) {
	h := gallery(t)
	h.seed(
		`{"resourceType":"List","id":"round","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/rosa"}},{"item":{"reference":"Observation/k2"}}]}`,
		`{"resourceType":"Location","id":"clinic","status":"active","name":"Clinic","position":{"longitude":-83.69481,"latitude":42.2565}}`,
		`{"resourceType":"Location","id":"farm","status":"active","name":"Farm","position":{"longitude":-83.69481,"latitude":42.36}}`,
	)
	finds(t, h, [][2]string{
		{"Patient?_list=round", "rosa"}, {"Observation?_list=List/round", "k2"}, {"Patient?_list=none", ""}, {"Patient?_list=none,round&gender=female", "rosa"},
		{"Patient?_filter=" + `family+co+"ill"`, "sam"}, {"Patient?_filter=gender+eq+female+or+family+sw+hil", "rosa sam"}, {"Patient?_filter=not+(gender+eq+male)", "rosa"},
		{"Observation?_filter=patient.family+eq+hill+and+value-quantity+gt+5000|http://unitsofmeasure.org|umol/L", "k2"},
		{"Observation?_filter=code+eq+loinc|2823-3&_sort=-date&_count=1", "k2"},
		{"Observation?_filter=code+in+http://hl7.org/fhir/ValueSet/administrative-gender", ""},
		{"Observation?_filter=date+po+2026-02&_total=accurate", "k2"}, {"Observation?_filter=status+ne+final", "k2"},
		{"ServiceRequest?_text=x", "sr"}, {"ServiceRequest?_text=y", ""}, {"Observation?_content=pressure", "bp"}, {"Observation?_content=blood+NOT+pressure", ""}, {"Observation?_content=2823-3&patient=sam", "k2"},
		{"Location?near=42.256500|-83.694810|11.20|km", "clinic"}, {"Location?near=42.256500|-83.694810|12|km", "clinic farm"}, {"Location?near=0|0", ""},
	})
	for path, status := range map[string]int{
		"Patient?_list=$current-allergies": 400, "Patient?_query=all": 400, "Patient?_filter=family+xx+a": 400, "Patient?_filter=(": 400, "Location?near=x|y": 400, "Patient?_content=-": 400,
	} {
		h.get("/fhir/" + path).refused(status)
		h.get("/fhir/"+path, "Prefer: handling=strict").refused(status)
	}
	// What is too deep stays so however long one waits: it is the request that is wrong.
	h.get("/fhir/Patient?_filter="+strings.Repeat("(", 40)+"family+co+a"+strings.Repeat(")", 40)).refused(400, "brackets within each other")
}
