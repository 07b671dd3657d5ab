package fhirapi

import (
	"slices"
	"strings"
	"testing"
)

// finds asks searches and compares the ids in any order; included resources have a + in
// what is wanted only.
func finds(t *testing.T, h *house, searches [][2]string) {
	t.Helper()
	for _, c := range searches {
		got := h.get("/fhir/"+c[0], "Prefer: handling=strict").is(200).ids()
		want := strings.Fields(c[1])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c[0], got, want)
		}
	}
}

func TestSearchByValueSetsAndHierarchies(t *testing.T) {
	h := gallery(t)
	h.seed(
		`{"resourceType":"ValueSet","id":"labs","url":"http://example.org/labs","status":"active","compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"2823-3"},{"code":"2345-7"}]}]}}`,
		`{"resourceType":"Encounter","id":"visit","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}}`,
		`{"resourceType":"Location","id":"house","status":"active","name":"House"}`,
		`{"resourceType":"Location","id":"ward","status":"active","name":"Ward","partOf":{"reference":"Location/house"}}`,
		`{"resourceType":"Location","id":"bed","status":"active","name":"Bed","partOf":{"reference":"Location/ward"}}`,
		`{"resourceType":"Procedure","id":"cut","status":"completed","subject":{"reference":"Patient/rosa"},"location":{"reference":"Location/bed"}}`,
		`{"resourceType":"Procedure","id":"stitch","status":"completed","subject":{"reference":"Patient/rosa"},"location":{"reference":"Location/house"}}`,
	)
	finds(t, h, [][2]string{
		{"Observation?code:in=http://example.org/labs", "k1 k2"},
		{"Observation?code:in=ValueSet/labs", "k1 k2"},
		{"Observation?code:in=" + h.url + "/fhir/ValueSet/labs&status:in=http://hl7.org/fhir/ValueSet/observation-status&patient=sam", "k2"},
		{"Observation?code:not-in=http://example.org/labs", "bp"},
		{"Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", "rosa sam"},
		{"Patient?_has:Observation:patient:code:in=http://example.org/labs", "rosa sam"},
		{"Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|_ActEncounterCode", "visit"},
		{"Encounter?class:above=http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB", "visit"},
		{"Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP", ""},
		{"Procedure?location:below=house", "cut stitch"},
		{"Procedure?location:below=Location/ward", "cut"},
		{"Procedure?location:above=bed", "cut stitch"},
		{"Procedure?location:above=house", "stitch"},
		{"Location?partof:below=house", "ward bed"},
	})
	for path, status := range map[string]int{
		"Observation?code:in=http://example.org/none":                                 400,
		"Observation?code:in=ValueSet/none":                                           400,
		"Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|none": 400,
		"Observation?code:below=http://loinc.org|2823-3":                              400,
		"Condition?subject:below=rosa":                                                400,
	} {
		h.get("/fhir/" + path).refused(status)
	}
}
