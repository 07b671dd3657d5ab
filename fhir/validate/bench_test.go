package validate

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// A chart's Patient of about 2 KB; the goal is 60 microseconds.
func BenchmarkPatient(b *testing.B) {
	r := parse(b, benchPatient)
	b.SetBytes(int64(len(benchPatient)))
	b.ReportAllocs()
	for b.Loop() {
		if issues := Resource(r); faulty(issues) {
			b.Fatal(issues)
		}
	}
}

const benchPatient = `{"resourceType":"Patient","id":"p1","meta":{"versionId":"3","lastUpdated":"2024-05-31T10:00:00.000Z"},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class=\"name\"><b>Amal Haddad</b>, born 1971-03-04</p><table><tbody><tr><td>Record number</td><td>4711</td></tr><tr><td>Address</td><td>12 Mill Lane, Northfield</td></tr></tbody></table></div>"},
"extension":[{"url":"http://example.org/birthplace","valueAddress":{"city":"Northfield","country":"US"}},
{"url":"http://example.org/race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3","display":"White"}},{"url":"text","valueString":"White"}]}],
"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:osler:record-number","value":"4711","period":{"start":"2010-05-01"}},
{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-11-1111"}],"active":true,
"name":[{"use":"official","family":"Haddad","given":["Amal","Rose"],"prefix":["Ms."]},{"use":"usual","given":["Amal"]},{"use":"maiden","family":"Nasser","given":["Amal"],"period":{"end":"2002"}}],
"telecom":[{"system":"phone","value":"555 0100","use":"home","rank":1},{"system":"email","value":"amal@example.org"}],
"gender":"female","birthDate":"1971-03-04","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"1971-03-04T14:35:45-05:00"}]},
"deceasedBoolean":false,"address":[{"use":"home","type":"both","line":["12 Mill Lane"],"city":"Northfield","state":"MN","postalCode":"55057","country":"US","period":{"start":"1999-01-01"}}],
"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}],"text":"Married"},"multipleBirthBoolean":false,
"contact":[{"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"}]}],"name":{"family":"Haddad","given":["Sami"]},"telecom":[{"system":"phone","value":"555 0101"}],"gender":"male"}],
"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"ar"}],"text":"Arabic"},"preferred":true}],
"generalPractitioner":[{"reference":"Practitioner/7","display":"Dr Lee"}],"managingOrganization":{"reference":"Organization/1"}}`

// A Patient of US Core with the profile it claims and three extensions that have
// definitions; and the same without the library, for what following them costs.
func BenchmarkUSCorePatient(b *testing.B) {
	p := guide(b, "hl7.fhir.us.core-6.1.0.tgz")
	var r *fhir.Node
	for _, x := range p.Examples {
		if x.Reference() == "Patient/example" {
			r = x
		}
	}
	for name, o := range map[string]Options{"base": {}, "profile": with(p)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if issues := With(r, o); faulty(issues) {
					b.Fatal(issues)
				}
			}
		})
	}
}
