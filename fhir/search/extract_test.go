package search

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

func resource(t testing.TB, s string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func extract(t testing.TB, s string) []Entry {
	t.Helper()
	entries, err := Extract(resource(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// line writes an entry as a person would check it.
func (e Entry) line() string {
	switch e.Kind {
	case KindToken:
		s := e.System + "|" + e.Code
		if e.Display != "" {
			s += " (" + e.Display + ")"
		}
		if e.TypeCode != "" {
			s += " type " + e.TypeSystem + "|" + e.TypeCode
		}
		return s
	case KindReference:
		switch {
		case e.Identifier:
			return "identifier " + e.System + "|" + e.Code
		case e.URL != "":
			return e.URL
		}
		return e.RefType + "/" + e.RefID
	case KindString:
		return e.Exact + " = " + e.Norm
	case KindDate:
		return fmt.Sprintf("%d..%d", e.Low, e.High)
	case KindNumber, KindQuantity:
		return fmt.Sprintf("%g %g..%g %s|%s %s", e.Value, e.ValueLow, e.ValueHigh, e.System, e.Code, e.Display)
	case KindURI:
		return e.URL
	}
	var parts []string
	for _, g := range e.Group {
		parts = append(parts, g.Param+": "+g.line())
	}
	return "[" + strings.Join(parts, "; ") + "]"
}

func lines(entries []Entry, param string) []string {
	var out []string
	for _, e := range entries {
		if e.Param == param {
			out = append(out, e.line())
		}
	}
	return out
}

const aPatient = `{"resourceType":"Patient","id":"p1","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"],"tag":[{"system":"urn:osler:origin","code":"imported"}]},
 "active":true,
 "identifier":[{"system":"urn:osler:record-number","value":"0042","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}}],
 "name":[{"use":"official","family":"Müller-O'Brien","given":["Ana  María","Zoë"]}],
 "telecom":[{"system":"phone","value":"555-0100"},{"system":"email","value":"ana@example.org"}],
 "gender":"female","birthDate":"1974-12","address":[{"line":["1 High St."],"city":"Galway","postalCode":"H91"}],
 "generalPractitioner":[{"reference":"Practitioner/7/_history/3"},{"reference":"#local"},{"reference":"https://other.example/fhir/Practitioner/9"},{"identifier":{"system":"urn:npi","value":"123"}}],
 "link":[{"other":{"reference":"Patient/p0"},"type":"seealso"}]}`

const aWeight = `{"resourceType":"Observation","id":"o1","status":"final",
 "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure"}],"text":"BP"},
 "subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
 "effectiveDateTime":"2024-03-01T10:00:00+01:00",
 "performer":[{"reference":"Practitioner/7"}],
 "component":[
  {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
  {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":91,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

func TestExtract(t *testing.T) {
	for _, c := range []struct {
		resource, param string
		want            []string
	}{
		{aPatient, "family", []string{"Müller-O'Brien = muller obrien"}},
		{aPatient, "given", []string{"Ana  María = ana maria", "Zoë = zoe"}},
		{aPatient, "name", []string{"Müller-O'Brien = muller obrien", "Ana  María = ana maria", "Zoë = zoe"}},
		{aPatient, "address", []string{"1 High St. = 1 high st", "Galway = galway", "H91 = h91"}},
		{aPatient, "identifier", []string{"urn:osler:record-number|0042 type http://terminology.hl7.org/CodeSystem/v2-0203|MR"}},
		{aPatient, "email", []string{"email|ana@example.org"}},
		{aPatient, "gender", []string{"http://hl7.org/fhir/administrative-gender|female"}},
		{aPatient, "active", []string{"|true"}},
		{aPatient, "deceased", []string{"|false"}},
		{aPatient, "birthdate", []string{"155088000000..157766400000"}},
		{aPatient, "general-practitioner", []string{"Practitioner/7", "https://other.example/fhir/Practitioner/9", "identifier urn:npi|123"}},
		{aPatient, "link", []string{"Patient/p0"}},
		{aPatient, "_tag", []string{"urn:osler:origin|imported"}},
		{aPatient, "_profile", []string{"http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"}},
		{aPatient, "_id", nil},
		{aWeight, "code", []string{"http://loinc.org|85354-9 (blood pressure)", "| (bp)"}},
		{aWeight, "patient", []string{"Patient/p1"}},
		{aWeight, "subject", []string{"Patient/p1"}},
		{aWeight, "status", []string{"http://hl7.org/fhir/observation-status|final"}},
		{aWeight, "date", []string{"1709283600000..1709283601000"}},
		{aWeight, "component-value-quantity", []string{"142 142..142 http://unitsofmeasure.org|mm[Hg] mmHg", "91 91..91 http://unitsofmeasure.org|mm[Hg] mmHg"}},
		{aWeight, "component-code-value-quantity", []string{
			"[0: http://loinc.org|8480-6; 1: 142 142..142 http://unitsofmeasure.org|mm[Hg] mmHg]",
			"[0: http://loinc.org|8462-4; 1: 91 91..91 http://unitsofmeasure.org|mm[Hg] mmHg]"}},
		{aWeight, "code-value-quantity", nil},
		{`{"resourceType":"Appointment","participant":[{"actor":{"reference":"Location/l1"}},{"actor":{"reference":"Patient/p1"}}]}`, "patient", []string{"Patient/p1"}},
		{`{"resourceType":"Encounter","period":{"start":"2024-01-01"}}`, "date", []string{"1704067200000..9223372036854775807"}},
		{`{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.25}]}`, "probability", []string{"0.25 0.25..0.25 | "}},
		{`{"resourceType":"Condition","onsetAge":{"value":52,"system":"http://unitsofmeasure.org","code":"a"}}`, "onset-age", []string{"52 52..52 http://unitsofmeasure.org|a "}},
		{`{"resourceType":"Condition","onsetRange":{"low":{"value":40},"high":{"value":45}}}`, "onset-age", []string{"40 40..45 | "}},
		{`{"resourceType":"ValueSet","url":"http://x.example/vs","status":"draft"}`, "url", []string{"http://x.example/vs"}},
		{`{"resourceType":"QuestionnaireResponse","questionnaire":"http://x.example/q|2"}`, "questionnaire", []string{"http://x.example/q|2", "http://x.example/q"}},
		{`{"resourceType":"ServiceRequest","occurrenceTiming":{"event":["2024-01-02","2024-01-01"]}}`, "occurrence", []string{"1704067200000..1704240000000"}},
		{`{"resourceType":"ServiceRequest","occurrencePeriod":{"start":"2024-01-01","end":"2024-01-01"}}`, "occurrence", []string{"1704067200000..1704153600000"}},
		{`{"resourceType":"Invoice","totalNet":{"value":80.5,"currency":"EUR"}}`, "totalnet", []string{"80.5 80.5..80.5 urn:iso:std:iso:4217|EUR "}},
		{`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"aspirin 81 mg"}}`, "code", []string{"| (aspirin 81 mg)"}},
		{`{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/m1"}}`, "medication", []string{"Medication/m1"}},
		{`{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","id":"h"}}]}`, "message", []string{"MessageHeader/h"}},
	} {
		if got := lines(extract(t, c.resource), c.param); !slices.Equal(got, c.want) {
			t.Errorf("%s of %.40s…\n got %q\nwant %q", c.param, c.resource, got, c.want)
		}
	}
}

func TestEveryParameterIsCompiled(t *testing.T) {
	seen := map[string]bool{}
	for _, rt := range definition.ResourceTypes() {
		c := parametersOf(rt)
		if c.fault != nil {
			t.Errorf("%s: %v", rt, c.fault)
		}
		for _, p := range definition.SearchParameters(rt) {
			mine := c.byCode[p.Code]
			if mine == nil || mine.kind == 0 || p.Expression != "" && mine.expression == nil || len(mine.components) != len(p.Components) {
				t.Errorf("%s.%s is not ready for extraction", rt, p.Code)
			}
			if p.Expression != "" {
				seen[p.URL] = true
			}
		}
		if _, err := Extract(fhir.New(rt)); err != nil {
			t.Errorf("%s: %v", rt, err)
		}
	}
	if len(seen) != 1375 {
		t.Errorf("%d search parameters have expressions, want 1375", len(seen))
	}
}

func TestExtractRefuses(t *testing.T) {
	for _, s := range []string{`{}`, `{"resourceType":"Frog"}`, `[]`, `{"resourceType":"Resource"}`} {
		if _, err := Extract(resource(t, s)); err == nil {
			t.Errorf("%s was extracted", s)
		}
	}
}

// TestExtractExamples extracts every example of the specification: none may fail, and each
// kind of parameter must be found somewhere.
func TestExtractExamples(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/examples/json", 500)
	found := map[Kind]int{}
	parameters := map[string]bool{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var head struct{ ResourceType string }
		if json.Unmarshal(body, &head) != nil || !definition.IsResource(head.ResourceType) {
			continue
		}
		n, err := fhir.Parse(body)
		if err != nil {
			continue
		}
		entries, err := Extract(n)
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		for _, e := range entries {
			found[e.Kind]++
			parameters[n.ResourceType()+"."+e.Param] = true
		}
	}
	for k := KindToken; k <= KindComposite; k++ {
		if found[k] == 0 {
			t.Errorf("no entry of kind %d in all examples", k)
		}
	}
	t.Logf("%d parameters have entries: %v", len(parameters), found)
	if len(parameters) < 700 {
		t.Errorf("only %d parameters have entries in the examples", len(parameters))
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "smith": "smith", "  Müller-O’Brien ": "muller obrien", "ÉCOLE": "ecole", "St. John": "st john",
		"ﬁne": "fine", "李 明": "李 明", "مُحَمَّد": "محمد", "---": "", "A\tB\nC": "a b c", "Ａｂ": "ab",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
		if again := Normalize(Normalize(in)); again != Normalize(in) {
			t.Errorf("Normalize(%q) is not stable: %q", in, again)
		}
	}
}

func BenchmarkExtractObservation(b *testing.B) {
	n := resource(b, aWeight)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Extract(n); err != nil {
			b.Fatal(err)
		}
	}
}
