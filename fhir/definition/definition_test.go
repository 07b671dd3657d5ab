package definition

import (
	"slices"
	"testing"
)

func TestCounts(t *testing.T) {
	if n := len(ResourceTypes()); n != 147 {
		t.Errorf("%d concrete resource types", n)
	}
	if IsResource("DomainResource") || IsResource("HumanName") || !IsResource("Patient") {
		t.Error("concrete resource types are not told from others")
	}
	searchTable.load()
	if n := len(searchTable.keys); n != 1378 {
		t.Errorf("%d search parameters, want 1378", n)
	}
}

func TestChildFollowsChoicesAndContent(t *testing.T) {
	for _, c := range []struct{ on, member, path, code string }{
		{"Patient", "birthDate", "Patient.birthDate", "date"},
		{"Patient.contact", "name", "Patient.contact.name", "HumanName"},
		{"Observation", "valueQuantity", "Observation.value[x]", "Quantity"},
		{"Observation", "valueDateTime", "Observation.value[x]", "dateTime"},
		{"Observation.component", "referenceRange", "Observation.component.referenceRange", ""},
		{"Observation.component.referenceRange", "low", "Observation.referenceRange.low", "Quantity"},
		{"HumanName", "family", "HumanName.family", "string"},
	} {
		e, code, ok := Child(c.on, c.member)
		if !ok || e.Path != c.path || code != c.code {
			t.Errorf("Child(%s, %s) = %v %q %v, want %s %s", c.on, c.member, e, code, ok, c.path, c.code)
		}
	}
	if _, _, ok := Child("Observation", "value"); ok {
		t.Error("a choice has no member without its type")
	}
}

func TestValueSets(t *testing.T) {
	for _, c := range []struct {
		set, system, code string
		in, known         bool
	}{
		{"http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", "", "female", true, true},
		{"http://hl7.org/fhir/ValueSet/administrative-gender", "", "woman", false, true},
		{"http://hl7.org/fhir/ValueSet/condition-clinical", "http://terminology.hl7.org/CodeSystem/condition-clinical", "active", true, true},
		// AGE stands below a second parent by a property, not by nesting.
		{"http://hl7.org/fhir/ValueSet/detectedissue-category", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "AGE", true, true},
		{"http://hl7.org/fhir/ValueSet/mimetypes", "", "image/x-own", false, false},
		{"http://example.org/none", "", "x", false, false},
	} {
		if in, known := Contains(c.set, c.system, c.code); in != c.in || known != c.known {
			t.Errorf("Contains(%s, %s) = %v %v, want %v %v", c.set, c.code, in, known, c.in, c.known)
		}
	}
	if d, _ := Display("http://hl7.org/fhir/administrative-gender", "female"); d != "Female" {
		t.Errorf("display %q", d)
	}
}

func TestHierarchy(t *testing.T) {
	const act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	above := func(code string) (out []string) {
		s, _ := FindCodeSystem(act)
		at, _ := s.Position(code)
		for _, p := range s.Parents[at] {
			out = append(out, s.Codes[p])
		}
		return out
	}
	if got := above("AGE"); !slices.Equal(got, []string{"OBSA"}) { // a child by a property, not by nesting
		t.Errorf("parents of AGE: %v", got)
	}
	if got := above("DAY"); len(got) != 2 { // one by nesting, one by a property
		t.Errorf("parents of DAY: %v", got)
	}
	if s, ok := FindCodeSystem("http://hl7.org/fhir/administrative-gender"); !ok || s.Parents != nil {
		t.Error("parents in a flat code system")
	}
	hierarchies, links := 0, 0
	for _, url := range CodeSystems() {
		s, _ := FindCodeSystem(url)
		for i, parents := range s.Parents {
			for _, p := range parents {
				if p == i || p < 0 || p >= len(s.Codes) {
					t.Errorf("%s: the parent of %s is at %d", url, s.Codes[i], p)
				}
				links++
			}
		}
		if s.Parents != nil {
			hierarchies++
		}
	}
	if hierarchies != 89 || links != 6315 {
		t.Errorf("%d code systems with a hierarchy, %d links", hierarchies, links)
	}
}

func TestConceptMaps(t *testing.T) {
	if n := len(ConceptMaps()); n != 19 {
		t.Errorf("%d concept maps", n)
	}
	if ConceptMap("urn:none") != nil || len(ConceptMap(ConceptMaps()[0])) == 0 {
		t.Error("concept maps are not told apart")
	}
}

func TestSearchParametersAndCompartment(t *testing.T) {
	p, ok := SearchParameterFor("Patient", "birthdate")
	if !ok || p.Type != "date" {
		t.Fatalf("Patient.birthdate: %+v", p)
	}
	if _, ok := SearchParameterFor("Patient", "_lastUpdated"); !ok {
		t.Error("parameters of Resource are missing on Patient")
	}
	if !slices.Contains(Compartment("Patient")["Observation"], "subject") {
		t.Error("Observation.subject does not put an Observation into the patient's compartment")
	}
}

func BenchmarkFirstUse(b *testing.B) {
	for b.Loop() {
		typeTable.load()
		if decoded, err := decodeType("Patient", []byte(typeTable.lines["Patient"])); err != nil || decoded == nil {
			b.Fatal(err)
		}
	}
}
