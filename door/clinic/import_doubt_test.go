package clinic

import (
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// doubtful is a document of another clinic: a short course in words, a problem without a code that stands in two sections, and a
// visit with a diagnosis.
const doubtful = `<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>
<id root="2.16.840.1.113883.19" extension="901"/><title>Summary</title><effectiveTime value="20261101"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.19.5" extension="77"/><patient><name><given>Maria</given><family>Okafor</family></name><administrativeGenderCode code="F"/><birthTime value="19680314"/></patient></patientRole></recordTarget>
<custodian><assignedCustodian><representedCustodianOrganization><name>Kirkstall Heart Clinic</name></representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody>
<component><section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/><title>Medications</title><text/>
<entry><substanceAdministration classCode="SBADM" moodCode="EVN"><text>1 capsule three times daily for 10 days</text><statusCode code="active"/><effectiveTime xsi:type="IVL_TS"><low value="20260503"/></effectiveTime><consumable><manufacturedProduct><manufacturedMaterial><code code="308191" codeSystem="2.16.840.1.113883.6.88" displayName="amoxicillin 500 MG Oral Capsule"/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry></section></component>
PROBLEMS<component><section><code code="46240-8" codeSystem="2.16.840.1.113883.6.1"/><title>Encounters</title><text/>
<entry><encounter classCode="ENC" moodCode="EVN"><code code="99213" codeSystem="2.16.840.1.113883.6.12" displayName="Office visit"/><effectiveTime value="20260503"/><entryRelationship typeCode="SUBJ"><act classCode="ACT" moodCode="EVN"><code code="29308-4" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><value xsi:type="CD" code="36971009" codeSystem="2.16.840.1.113883.6.96" displayName="Sinusitis"/></observation></entryRelationship></act></entryRelationship></encounter></entry></section></component>
</structuredBody></component></ClinicalDocument>`

// TestADoubtStaysInTheChartUntilItIsConfirmed: what a document says twice is decided once, its diagnoses are no visits, and what was not sure when
// it was accepted stands in the chart until somebody confirms it.
func TestADoubtStaysInTheChartUntilItIsConfirmed(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	problems := ""
	for _, title := range []string{"Problems", "Active concerns"} {
		problems += `<component><section><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>` + title + `</title><text/><entry><act classCode="ACT" moodCode="EVN"><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><effectiveTime><low value="2024"/></effectiveTime><value xsi:type="CD" nullFlavor="UNK"><originalText>Restless legs</originalText></value></observation></entryRelationship></act></entry></section></component>`
	}
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", strings.Replace(doubtful, "PROBLEMS", problems, 1), "key", "k1")
	for _, want := range []string{"This course may have ended: “for 10 days”, from 3 May 2026.", "also in the section Active concerns", "1 said more than once in the document, decided once",
		"Diagnoses of visits: 1", "Visits: 1", "in the visit: Office visit, 3 May 2026"} {
		if !page.says(want) {
			t.Errorf("the review does not say %q", want)
		}
	}
	pairs := append(chooseAll(page, "add"), "act", "accept", "mark", regexp.MustCompile(`name="mark" value="([^"]+)"`).FindStringSubmatch(page.body)[1], "key", "k2")
	if len(pairs) != 4*2+6 {
		t.Fatalf("%d choices", len(pairs)/2-3)
	}
	if done := anna.post(page.path, pairs...); !done.says("4 added") {
		t.Fatalf("not accepted: %d", done.status)
	}
	for path, want := range map[string]string{"/medications": "This course may have ended", "/problems": "There is no code, only words.", "/timeline": "not sure when taken in", "": "not sure when taken in"} {
		if page := anna.get("/p/maria" + path); !page.says(want) {
			t.Errorf("/p/maria%s does not say %q", path, want)
		}
	}
	if page := anna.get("/p/maria/timeline"); !page.says("There is no code, only words.") || !strings.Contains(page.body, `name="ref" value="Condition/`) {
		t.Error("nothing can be confirmed on the timeline")
	}
	page = anna.get("/p/maria/problems")
	ref := regexp.MustCompile(`name="ref" value="(Condition/[^"]+)"`).FindStringSubmatch(page.body)
	if ref == nil || !page.says("Sinusitis") {
		t.Fatal("nothing to confirm, or the diagnosis of the visit is nowhere")
	}
	if page = anna.post("/p/maria/confirm", "ref", ref[1], "version", "9"); page.status != 412 || !page.says("This entry has changed since you opened the page.") {
		t.Errorf("another version than was looked at: %d", page.status)
	}
	if page = anna.post("/p/maria/confirm", "ref", ref[1], "version", "1", "back", "/p/maria/problems"); !page.says("Confirmed: Restless legs.") || !page.says("Confirmed here. Was not sure in the document") || strings.Contains(page.body, `value="`+ref[1]+`"`) {
		t.Errorf("not confirmed: %d", page.status)
	}
	if page = anna.post("/p/maria/confirm", "ref", "Condition/none"); page.status != 404 {
		t.Errorf("what is not there: %d", page.status)
	}
}

// TestADoubtOfAStatementStandsBesideThePrescription: what an imported statement says of a prescription is shown with what was not sure of it.
func TestADoubtOfAStatementStandsBesideThePrescription(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"hydroxyzine 25 mg tablet"},"authoredOn":"2026-05-01"}`,
		`{"resourceType":"MedicationStatement","id":"s","status":"stopped","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"hydroxyzine 25 mg tablet"},"dateAsserted":"2026-06-01","note":[{"text":"`+policy.DoubtMark+`The status is not readable."}]}`)
	anna := h.signedIn("anna")
	for _, path := range []string{"/medications", ""} {
		if page := anna.get("/p/maria" + path); !page.says("The status is not readable.") || !strings.Contains(page.body, `value="MedicationStatement/s"`) {
			t.Errorf("/p/maria%s hides the doubt", path)
		}
	}
}

// TestTheEmergencySheetSaysWhatWasNotSure of an allergy and a problem; a diagnosis of a visit that is not in the chart stands among the problems.
func TestTheEmergencySheetSaysWhatWasNotSure(t *testing.T) {
	h := open(t)
	note := func(of string) string { return `"note":[{"text":"` + policy.DoubtMark + of + `"}]` }
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"Latex"},`+note("The severity is not readable.")+`}`,
		`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}],"code":{"text":"Gout"},`+note("There is no code, only words.")+`}`,
		`{"resourceType":"Encounter","id":"e","meta":{"tag":[`+string(policy.Imported.Tag("Kirkstall").JSON())+`]},"status":"entered-in-error","class":{"code":"AMB"},"subject":{"reference":"Patient/maria"},"period":{"start":"2026-05-03"}}`,
		`{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/maria"},"encounter":{"reference":"Encounter/e"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}],"code":{"text":"Sinusitis"}}`)
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/emergency")
	for _, want := range []string{"The severity is not readable.", "There is no code, only words.", "not sure when taken in"} {
		if !page.says(want) {
			t.Errorf("the sheet does not say %q", want)
		}
	}
	if page := anna.get("/p/maria/problems"); !page.says("Sinusitis") {
		t.Error("the diagnosis of a visit that is not in the chart is nowhere")
	}
}

// TestADoubtOfAVitalSignIsOnItsPage, to be confirmed there, and beside the weight that prescribing uses.
func TestADoubtOfAVitalSignIsOnItsPage(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"Observation","id":"w","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2026-10-01","valueQuantity":{"value":70,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"},"note":[{"text":"`+policy.DoubtMark+`The day is not readable."}]}`)
	anna := h.signedIn("anna")
	if page := anna.get("/p/maria/vitals"); !page.says("The day is not readable.") || !strings.Contains(page.body, `value="Observation/w"`) {
		t.Error("the page of vital signs hides the doubt")
	}
	if page := anna.get("/p/maria/prescribe?medicine=metformin+500+mg+tablet"); !page.says("not sure when taken in") {
		t.Error("the weight that is used is shown without the doubt")
	}
}

// TestTheDoubtOfAVisitIsConfirmedOnTheTimeline: it has no other page. That of a report is said there.
func TestTheDoubtOfAVisitIsConfirmedOnTheTimeline(t *testing.T) {
	h := open(t)
	note := `"extension":[{"url":"` + policy.NoteURL + `","valueAnnotation":{"text":"` + policy.DoubtMark + `The day is not readable."}}]`
	h.commit(trust.System("import"),
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"Encounter","id":"e",`+note+`,"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/maria"},"period":{"start":"2026-05-03"}}`,
		`{"resourceType":"DiagnosticReport","id":"d",`+note+`,"status":"final","code":{"text":"Basic metabolic panel"},"subject":{"reference":"Patient/maria"},"effectiveDateTime":"2026-05-03"}`)
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/timeline")
	if !strings.Contains(page.body, `value="Encounter/e"`) || strings.Contains(page.body, `value="DiagnosticReport/d"`) || strings.Count(page.body, "The day is not readable.") < 2 {
		t.Error("the doubts are not on the timeline, or one that cannot be confirmed has a button")
	}
	if page = anna.post("/p/maria/confirm", "ref", "Encounter/e", "version", "1", "back", "/p/maria/timeline"); !page.says("Confirmed:") || strings.Contains(page.body, `value="Encounter/e"`) {
		t.Errorf("not confirmed: %d", page.status)
	}
}
