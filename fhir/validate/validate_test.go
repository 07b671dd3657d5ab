package validate

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

func parse(t testing.TB, s string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFindingsNameTheElement: each document has one fault; the finding must name its place.
func TestFindingsNameTheElement(t *testing.T) {
	patient := func(members string) string { return `{"resourceType":"Patient",` + members + `}` }
	observation := func(members string) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"x"},` + members + `}`
	}
	for _, c := range []struct{ name, body, expression, text string }{
		{"no type", `{"id":"a"}`, "Resource", "no resourceType"},
		{"unknown type", `{"resourceType":"Person2"}`, "Person2", "not a resource type"},
		{"abstract type", `{"resourceType":"DomainResource"}`, "DomainResource", "not a resource type"},
		{"unknown element", patient(`"colour":"red"`), "Patient.colour", "not an element"},
		{"misspelled case", patient(`"birthdate":"2000-01-01"`), "Patient.birthdate", "birthDate"},
		{"choice without type", observation(`"value":1`), "Observation.value", "valueQuantity"},
		{"two choices", observation(`"valueString":"a","valueInteger":1`), "Observation.value", "Only one"},
		{"two choices, one by extension", observation(`"valueString":"a","_valueInteger":{"extension":[{"url":"u","valueCode":"x"}]}`), "Observation.value", "Only one"},
		{"array due", patient(`"name":{"family":"x"}`), "Patient.name", "must be an array"},
		{"array not due", patient(`"gender":["male"]`), "Patient.gender", "must not be an array"},
		{"empty array", patient(`"name":[]`), "Patient.name", "empty"},
		{"empty object", patient(`"maritalStatus":{}`), "Patient.maritalStatus", "empty"},
		{"only an id", patient(`"maritalStatus":{"id":"a"}`), "Patient.maritalStatus", "ele-1"},
		{"null", patient(`"gender":null`), "Patient.gender", "null"},
		{"text for object", patient(`"name":["x"]`), "Patient.name[0]", "object was expected"},
		{"object for text", patient(`"gender":{"x":1}`), "Patient.gender", "text"},
		{"missing element", `{"resourceType":"Observation","status":"final"}`, "Observation.code", "required"},
		{"missing choice", `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"}}`, "MedicationRequest.medication", "medicationCodeableConcept"},
		{"missing deep", patient(`"link":[{"type":"refer"}]`), "Patient.link[0].other", "required"},
		{"bad day", patient(`"birthDate":"2023-02-29"`), "Patient.birthDate", "day must exist"},
		{"date with time", patient(`"birthDate":"2023-02-28T10:00:00Z"`), "Patient.birthDate", "date"},
		{"no zone", patient(`"deceasedDateTime":"2023-02-28T10:00:00"`), "Patient.deceasedDateTime", "zone"},
		{"no seconds", observation(`"effectiveDateTime":"2023-02-28T10:00Z"`), "Observation.effectiveDateTime", "seconds"},
		{"instant", observation(`"issued":"2023-02-28"`), "Observation.issued", "instant"},
		{"time", observation(`"valueTime":"24:00:00"`), "Observation.valueTime", "time"},
		{"id", patient(`"id":"a b"`), "Patient.id", "64"},
		{"long id", patient(`"id":"` + strings.Repeat("a", 65) + `"`), "Patient.id", "64"},
		{"empty text", patient(`"name":[{"family":""}]`), "Patient.name[0].family", "empty"},
		{"control character", patient(`"name":[{"family":"a\u0000"}]`), "Patient.name[0].family", "control"},
		{"code with spaces", observation(`"category":[{"coding":[{"code":" a"}]}]`), "Observation.category[0].coding[0].code", "space"},
		{"uri with space", patient(`"implicitRules":"http://a b"`), "Patient.implicitRules", "spaces"},
		{"number as text", observation(`"valueQuantity":{"value":"1"}`), "Observation.valueQuantity.value", "number"},
		{"fraction", observation(`"valueInteger":1.0`), "Observation.valueInteger", "whole"},
		{"too large", observation(`"valueInteger":2147483648`), "Observation.valueInteger", "whole"},
		{"positive", patient(`"telecom":[{"system":"phone","value":"1","rank":0}]`), "Patient.telecom[0].rank", "1 or more"},
		{"boolean as text", patient(`"active":"true"`), "Patient.active", "true or false"},
		{"base64", patient(`"photo":[{"contentType":"image/png","data":"abc"}]`), "Patient.photo[0].data", "base64"},
		{"code of a list", patient(`"gender":"m"`), "Patient.gender", "male, female, other, unknown"},
		{"concept of a list", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"text":"active"}}`, "Condition.clinicalStatus", "text alone"},
		{"coding of another system", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://x","code":"active"}]}}`, "Condition.clinicalStatus", "list"},
		{"coding without system", `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"code":"active"}]}}`, "Condition.clinicalStatus", "list"},
		{"reference type", patient(`"managingOrganization":{"reference":"Patient/1"}`), "Patient.managingOrganization", "Organization"},
		{"absolute reference type", patient(`"managingOrganization":{"reference":"https://x.org/fhir/Patient/1/_history/2"}`), "Patient.managingOrganization", "Organization"},
		{"reference says otherwise", patient(`"managingOrganization":{"reference":"Organization/1","type":"Group"}`), "Patient.managingOrganization.type", "Group"},
		{"local reference", patient(`"managingOrganization":{"reference":"#o"}`), "Patient.managingOrganization.reference", "ref-1"},
		{"contained type", patient(`"contained":[{"resourceType":"Group","id":"o","type":"person","actual":true}],"managingOrganization":{"reference":"#o"}`), "Patient.managingOrganization", "Group"},
		{"contained in contained", patient(`"contained":[{"resourceType":"Organization","id":"o","name":"x","contained":[{"resourceType":"Organization","id":"p","name":"y"}]}],"managingOrganization":{"reference":"#o"}`), "Patient", "dom-2"},
		{"contained without id", patient(`"contained":[{"resourceType":"Organization","name":"x"}]`), "Patient.contained[0]", "id"},
		{"fault inside contained", patient(`"contained":[{"resourceType":"Organization","id":"x","nam":"x"}],"managingOrganization":{"reference":"#x"}`), "Patient.contained[0].nam", "not an element"},
		{"fault inside an entry", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","gender":"x"}}]}`, "Bundle.entry[0].resource.gender", "allowed here"},
		{"extension without url", patient(`"extension":[{"valueString":"x"}]`), "Patient.extension[0].url", "required"},
		{"extension without value", patient(`"extension":[{"url":"http://x"}]`), "Patient.extension[0]", "ext-1"},
		{"extension with both", patient(`"extension":[{"url":"http://x","valueString":"a","extension":[{"url":"y","valueString":"b"}]}]`), "Patient.extension[0]", "ext-1"},
		{"companion of nothing", patient(`"_name":[{"extension":[{"url":"x","valueCode":"y"}]}]`), "Patient._name", "primitive"},
		{"companion with value", patient(`"_birthDate":{"value":"x"}`), "Patient.birthDate", "extension"},
		{"fault inside a companion", patient(`"birthDate":"2000","_birthDate":{"extension":[{"url":"x"}]}`), "Patient.birthDate.extension[0]", "ext-1"},
		{"null without companion", patient(`"name":[{"given":["a",null]}]`), "Patient.name[0].given[1]", "null"},
		{"null and null", patient(`"name":[{"given":["a",null],"_given":[null,null]}]`), "Patient.name[0].given[1]", ""},
		{"period", patient(`"name":[{"text":"x","period":{"start":"2024-03-02","end":"2024-03-01"}}]`), "Patient.name[0].period", "per-1"},
		{"period of moments", patient(`"name":[{"text":"x","period":{"start":"2024-03-01T10:00:00+02:00","end":"2024-03-01T07:00:00Z"}}]`), "Patient.name[0].period", "per-1"},
		{"unit without system", observation(`"valueQuantity":{"value":1,"code":"kg"}`), "Observation.valueQuantity", "qty-3"},
		{"unused contained resource", patient(`"contained":[{"resourceType":"Organization","id":"o","name":"x"}]`), "Patient.contained[0]", "dom-3"},
		{"rule of a type", observation(`"valueString":"x","dataAbsentReason":{"text":"y"}`), "Observation", "obs-6"},
		{"rule of a backbone element", patient(`"contact":[{"gender":"male"}]`), "Patient.contact[0]", "pat-1"},
		{"rule of an inherited type", patient(`"extension":[{"url":"http://x","valueAge":{"value":1,"code":"a"}}]`), "Patient.extension[0].valueAge", "qty-3"},
		{"rule about an element", `{"resourceType":"Organization","name":"x","telecom":[{"system":"phone","use":"home","value":"1"}]}`, "Organization.telecom[0]", "org-3"},
		{"rule about a choice", `{"resourceType":"RiskAssessment","status":"final","subject":{"reference":"Patient/1"},"prediction":[{"probabilityRange":{"low":{"value":1}}}]}`, "RiskAssessment.prediction[0].probabilityRange", "ras-1"},
		{"rule of a referenced content", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"},"referenceRange":[{"age":{"low":{"value":1}}}]}]}`, "Observation.component[0].referenceRange[0]", "obs-3"},
		{"rule of the whole resource", `{"resourceType":"Bundle","type":"collection","total":1}`, "Bundle", "bdl-1"},
		{"attachment", patient(`"photo":[{"data":"AAAA"}]`), "Patient.photo[0]", "att-1"},
		{"simple quantity", observation(`"referenceRange":[{"low":{"value":1,"comparator":"<"}}]`), "Observation.referenceRange[0].low.comparator", "sqty-1"},
		{"contact point", patient(`"telecom":[{"value":"1"}]`), "Patient.telecom[0]", "cpt-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			issues := Resource(parse(t, c.body))
			if !faulty(issues) {
				t.Fatal("accepted")
			}
			if issues[0].Expression != c.expression || !strings.Contains(issues[0].Text, c.text) {
				t.Errorf("%+v, want %s: …%s…", issues, c.expression, c.text)
			}
		})
	}
}

func TestValidDocumentsPass(t *testing.T) {
	for _, body := range []string{
		`{"resourceType":"Patient"}`,
		`{"resourceType":"Patient","id":"a","birthDate":"1970-03","_birthDate":{"extension":[{"url":"http://x","valueDateTime":"1970-03-30T10:00:00.5-05:00"}]}}`,
		`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}`,
		`{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"extension":[{"url":"http://x","valueCode":"unknown"}]}]}]}`,
		`{"resourceType":"Patient","name":[{"family":"أحمد","period":{"start":"2024","end":"2024-03-01"}}],"deceasedBoolean":false}`,
		`{"resourceType":"Patient","managingOrganization":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}}`,
		`{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}}`,
		`{"resourceType":"Patient","managingOrganization":{"identifier":{"value":"7"}}}`,
		`{"resourceType":"Parameters","parameter":[{"name":"x","resource":{"resourceType":"Patient"}}]}`,
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"},"referenceRange":[{"low":{"value":1.0}}]}]}`,
	} {
		if issues := Resource(parse(t, body)); faulty(issues) {
			t.Errorf("%s: %+v", body, issues)
		}
	}
}

func TestWhatWasNotCheckedIsSaid(t *testing.T) {
	issues := Resource(parse(t, `{"resourceType":"Patient","meta":{"profile":["http://x"]},"photo":[{"contentType":"x/y","url":"http://x"}]}`))
	if len(issues) != 3 || issues[0].Severity != "warning" || issues[1].Severity != "information" || issues[2].Severity != "information" {
		t.Errorf("%+v", issues)
	}
}

func TestFindingsEnd(t *testing.T) {
	body := `{"resourceType":"Patient","name":[` + strings.Repeat(`{},`, 5000) + `{}]}`
	issues := Resource(parse(t, body))
	if len(issues) > MaxIssues || len(issues) < MaxIssues-maxAdvice || !strings.Contains(issues[MaxIssues-maxAdvice-1].Text, "more errors") {
		t.Errorf("%d findings", len(issues))
	}
}

func FuzzResource(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","name":[null],"_name":[null],"_gender":[1],"contained":[1,{"resourceType":"Patient"}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","entry":[{"resource":null}],"":1,"_":2}`))
	f.Add([]byte(`{"resourceType":"Patient","text":{"status":"generated","div":"<div><a href='"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := fhir.Parse(body)
		if err != nil {
			return
		}
		for _, i := range Resource(n) {
			if i.Expression == "" && n.Kind() == fhir.Object && n.ResourceType() != "" || i.Text == "" || i.Severity == "" {
				t.Fatalf("a finding without place or text: %+v", i)
			}
		}
	})
}
