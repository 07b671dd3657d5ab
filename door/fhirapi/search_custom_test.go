package fhirapi

import (
	"strings"
	"testing"
)

// TestSearchParametersThroughTheDoor: a SearchParameter that is stored is searched by, listed
// and sorted by; what is wrong with one is said at its element.
func TestSearchParametersThroughTheDoor(t *testing.T) {
	h := gallery(t)
	h.seed(`{"resourceType":"Patient","id":"walker","extension":[{"url":"http://example.org/shoe","valueInteger":41}],"name":[{"family":"Walker"}]}`)
	shoe := `{"resourceType":"SearchParameter","id":"shoe","url":"http://example.org/sp/shoe","name":"Shoe","status":"active","description":"Shoe size","code":"shoe","base":["Patient"],"type":"number","expression":"Patient.extension.where(url = 'http://example.org/shoe').value.ofType(integer)"}`
	h.get("/fhir/Patient?shoe=41", "Prefer: handling=strict").refused(400, "shoe")
	h.ask("POST", "/fhir/SearchParameter", shoe).refused(403)
	h.seed(shoe)
	finds(t, h, [][2]string{
		{"Patient?shoe=41", "walker"}, {"Patient?shoe=lt41", ""}, {"Patient?shoe:missing=true", "rosa sam"}, {"Patient?_filter=shoe+gt+40", "walker"},
	})
	if got := h.get("/fhir/Patient?_sort=-shoe,family").is(200).ids(); strings.Join(got, " ") != "walker rosa sam" {
		t.Errorf("sorted by the shoe: %v", got)
	}
	listed := func() bool {
		for r := range h.get("/fhir/metadata").is(200).node.Path("rest.0.resource").Items() {
			for p := range r.Get("searchParam").Items() {
				if r.Get("type").Text() == "Patient" && p.Get("name").Text() == "shoe" {
					return p.Get("definition").Text() == "http://example.org/sp/shoe" && p.Get("type").Text() == "number"
				}
			}
		}
		return false
	}
	if !listed() {
		t.Error("the CapabilityStatement does not list it")
	}
	h.seed(strings.Replace(shoe, `"active"`, `"retired"`, 1))
	if listed() {
		t.Error("the CapabilityStatement lists what is retired")
	}
	h.get("/fhir/Patient?shoe=41", "Prefer: handling=strict").refused(400, "shoe")
}

// TestSearchControls: what the parameters that shape a result mean together.
func TestSearchControls(t *testing.T) {
	h := gallery(t)
	for path, want := range map[string][2]string{ // total, number of entries
		"Observation?_count=0&_summary=false":       {"3", "0"},
		"Observation?_summary=false&_count=0":       {"3", "0"},
		"Observation?_summary=count&_count=5":       {"3", "0"},
		"Observation?_count=1000000000":             {"", "3"},
		"Observation?_total=none&_count=2":          {"", "2"},
		"Observation?_total=estimate&_count=2":      {"3", "2"},
		"Observation?_total=accurate&_count=2":      {"3", "2"},
		"Observation?status=final&status=amended":   {"", "0"},
		"Observation?_id=k1&_id=k2":                 {"", "0"},
		"Observation?_id=k1,k2&_sort=status,-_id":   {"", "2"},
		"?_type=Patient&_total=accurate":            {"2", "2"},
		"?_type=Patient,Observation":                {"", "5"},
		"?_type=Patient&family=hill":                {"", "1"},
		"?_type=Observation,Encounter&patient=rosa": {"", "3"},
		"?_type=Patient&_sort=family&_count=1":      {"", "1"},
		"Patient?_type=Patient":                     {"", "2"},
	} {
		ask := func(a answer) {
			t.Helper()
			a.is(200)
			if got := a.node.Get("total").Text(); got != want[0] {
				t.Errorf("%s: total %q, want %q", path, got, want[0])
			}
			if n := len(a.ids()); want[1] != string(rune('0'+n)) {
				t.Errorf("%s: %d entries, want %s", path, n, want[1])
			}
		}
		ask(h.get("/fhir/"+path, "Prefer: handling=strict"))
		resourceType, query, _ := strings.Cut(path, "?")
		ask(h.ask("POST", strings.TrimSuffix("/fhir/"+resourceType, "/")+"/_search", query, "Content-Type: application/x-www-form-urlencoded", "Prefer: handling=lenient"))
	}
	for path, status := range map[string]int{
		"?_type=Frog": 400, "Patient?_type=Observation": 400, "?_type=Observation,Encounter&patient=rosa&frog=1": 400,
		"?_type=Observation,Condition&category=a": 200, "?_type=Location,Organization&partof=1": 400, // not the same targets
	} {
		if got := h.get("/fhir/"+path, "Prefer: handling=strict").status; got != status {
			t.Errorf("%s answers %d, want %d", path, got, status)
		}
	}
}
