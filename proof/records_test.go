package proof

import (
	"fmt"
	"strings"
)

// entry is a resource of the invented record, in several forms: form 0 is the one of world A,
// the others say something else about the same patient.
type entry struct {
	resourceType, id string
	body             func(id string, form int) string
}

func (e entry) key() string { return e.resourceType + "/" + e.id }

// What the forms say differently.
var (
	families = []string{"Hill", "Zander", "Quill"}
	words    = []string{"asthma", "gonorrhoea", "schizophrenia"}
	codes    = []string{"8867-4", "4548-4", "2160-0"}
	values   = []string{"72", "181", "5"}
	days     = []string{"2026-10-01", "2025-02-03", "2024-07-09"}
	actors   = []string{"amara", "nina", "mo"}
	denied   = []string{"phil", "lara", "mo"}
)

// label is a sensitivity label as a member of meta.
func label(code string) string {
	return `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"` + code + `"}]},`
}

// records is a small record of three patients with everything that a clinic writes about
// them, of two whose charts are closed, by a label and by an objection, and what belongs to nobody.
func records() (all []entry) {
	add := func(id, text string) {
		kind, rest, _ := strings.Cut(text, " ")
		all = append(all, entry{kind, id, func(id string, form int) string {
			r := strings.NewReplacer("{family}", families[form], "{word}", words[form], "{code}", codes[form], "{value}", values[form], "{day}", days[form], "{actor}", actors[form], "{denied}", denied[form], "{id}", id)
			return r.Replace(fmt.Sprintf(`{"resourceType":%q,"id":"{id}",%s}`, kind, rest))
		}})
	}
	others := map[string]string{"rosa": "s", "sam": "k", "kim": "r"} // what was measured is told to another, a leak if anybody sees it
	for i, p := range []string{"rosa", "sam", "kim"} {
		n := func(what string) string { return fmt.Sprintf("%s-%s", p[:1], what) }
		add(p, fmt.Sprintf(`Patient "active":true,"identifier":[{"system":"urn:mrn","value":"M%d"},{"system":"urn:ssn","value":"{value}-%d"}],"name":[{"family":"{family}","given":[%q]}],"gender":"female","birthDate":"{day}","telecom":[{"system":"phone","value":"555-{value}"}],"generalPractitioner":[{"reference":"Practitioner/{actor}"}]`, i, i, p))
		subject := fmt.Sprintf(`"subject":{"reference":"Patient/%s"}`, p)
		patient := fmt.Sprintf(`"patient":{"reference":"Patient/%s"}`, p)
		add(n("cond"), `Condition "code":{"coding":[{"system":"http://snomed.info/sct","code":"1{value}"}],"text":"{word}"},"recordedDate":"{day}",`+subject+`,"encounter":{"reference":"Encounter/`+n("enc")+`"}`)
		for k, meta := range []string{"", label("PSY"), `"meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},`} {
			add(n(fmt.Sprintf("obs%d", k)), `Observation `+meta+`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"{code}"}],"text":"{word}"},`+subject+fmt.Sprintf(`,"effectiveDateTime":"{day}","performer":[{"reference":"Practitioner/{actor}"}],"derivedFrom":[{"reference":"Observation/`+others[p]+`-obs0"}],"valueQuantity":{"value":{value}%d,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}`, k))
		}
		for _, status := range []string{"active", "draft"} {
			add(n("rx-"+status), `MedicationRequest "status":"`+status+`","intent":"order","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"9{value}"}],"text":"{word}"},`+subject+`,"authoredOn":"{day}","requester":{"reference":"Practitioner/{actor}"}`)
		}
		add(n("ms"), `MedicationStatement "status":"active","medicationCodeableConcept":{"text":"{word}"},`+subject+`,"informationSource":{"reference":"Patient/`+p+`"}`)
		add(n("ai"), `AllergyIntolerance "clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":"{word}"},`+patient)
		add(n("enc"), `Encounter "status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},`+subject+`,"period":{"start":"{day}"},"participant":[{"individual":{"reference":"Practitioner/{actor}"}}]`)
		for _, status := range []string{"final", "preliminary"} {
			add(n("note-"+status), `Composition "status":"`+status+`","type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}],"text":"Note"},`+subject+`,"date":"{day}","author":[{"reference":"Practitioner/{actor}"}],"title":"{word}","section":[{"title":"{word}","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{word}</div>"},"entry":[{"reference":"Condition/`+n("cond")+`"}]}]`)
		}
		for _, category := range []string{"patient-message", "staff-message", "administrative"} {
			add(n("com-"+category), `Communication "status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"`+category+`"}]}],`+subject+`,"sender":{"reference":"Practitioner/{actor}"},"recipient":[{"reference":"Patient/`+p+`"}],"sent":"{day}T10:00:00Z","payload":[{"contentString":"{word}"}]`)
		}
		add(n("com-private"), `Communication "status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"},{"system":"urn:osler:message","code":"private"}]}],`+subject+`,"sender":{"reference":"Practitioner/{actor}"},"recipient":[{"reference":"Patient/`+p+`"}],"sent":"{day}T11:00:00Z","payload":[{"contentString":"{word}"}]`)
		add(n("ask"), `Communication "status":"completed","category":[{"coding":[{"system":"urn:osler:right","code":"amendment"}]}],"topic":{"coding":[{"system":"urn:osler:right-step","code":"request"}]},`+subject+`,"sender":{"reference":"Patient/`+p+`"},"sent":"{day}T12:00:00Z","payload":[{"extension":[{"url":"urn:osler:right-part","valueCode":"wrong"}],"contentString":"{word}"}]`)
		add(n("pulse"), `Observation "status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":"{word}"},`+subject+`,"effectiveDateTime":"{day}","valueQuantity":{"value":{value},"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}`)
		add(n("confidential"), `Observation `+label("ADOL")+`"status":"final","code":{"text":"{word}"},`+subject+`,"effectiveDateTime":"{day}","valueString":"{word}"`)
		add(n("therapy"), `Observation `+label("PSYTHPN")+`"status":"final","code":{"text":"{word}"},`+subject+`,"effectiveDateTime":"{day}","valueString":"{word}"`)
		add(n("no"), objection(patient, map[string]string{"rosa": `"purpose":[{"code":"HPAYMT"}]`, "sam": `"purpose":[{"code":"HPAYMT"}]`, "kim": `"actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/{denied}"}}]`}[p]))
		for _, code := range []string{"refill-request", "review-result", "duplicate-patient"} {
			focus := "Condition/" + n("cond")
			if code == "duplicate-patient" { // the third is suspected to be somebody whose chart is closed
				focus = "Patient/" + map[string]string{"rosa": "sam", "sam": "kim", "kim": "vic"}[p]
			}
			add(n("task-"+code), `Task "status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"`+code+`"}]},"for":{"reference":"Patient/`+p+`"},"focus":{"reference":"`+focus+`"},"requester":{"reference":"Patient/`+p+`"},"description":"{word}","authoredOn":"{day}"`)
		}
		add(n("appt"), `Appointment "status":"booked","description":"{word}","reasonReference":[{"reference":"Condition/`+n("cond")+`"}],"start":"{day}T09:00:00Z","end":"{day}T09:20:00Z","participant":[{"actor":{"reference":"Patient/`+p+`"},"status":"accepted"},{"actor":{"reference":"Practitioner/{actor}"},"status":"accepted"}]`)
		add(n("cov"), `Coverage "status":"active","beneficiary":{"reference":"Patient/`+p+`"},"payor":[{"reference":"Organization/org"}],"subscriberId":"S{value}"`)
		add(n("claim"), `Claim "status":"active","type":{"text":"professional"},"use":"claim",`+patient+`,"created":"{day}","provider":{"reference":"Practitioner/{actor}"},"priority":{"text":"normal"},"insurance":[{"sequence":1,"focal":true,"coverage":{"reference":"Coverage/`+n("cov")+`"}}],"diagnosis":[{"sequence":1,"diagnosisCodeableConcept":{"text":"{word}"}}]`)
		add(n("charge"), `ChargeItem "status":"billable","code":{"text":"{word}"},`+subject+`,"occurrenceDateTime":"{day}"`)
		add(n("inv"), `Invoice "status":"issued",`+subject+`,"date":"{day}","identifier":[{"system":"urn:inv","value":"I{value}"}]`)
		add(n("acct"), `Account "status":"active","name":"{word}","subject":[{"reference":"Patient/`+p+`"}]`)
		add(n("doc"), `DocumentReference "status":"current","description":"{word}",`+subject+`,"date":"{day}T08:00:00Z","content":[{"attachment":{"contentType":"text/plain","url":"Binary/`+n("bin")+`","title":"{word}.txt"}}]`)
		add(n("bin"), `Binary "contentType":"text/plain","securityContext":{"reference":"Patient/`+p+`"},"data":"`+[]string{"YQ==", "Yg==", "Yw=="}[i]+`"`)
		add(n("rep"), `DiagnosticReport "status":"final","code":{"coding":[{"system":"http://loinc.org","code":"{code}"}]},`+subject+`,"issued":"{day}T08:00:00Z","conclusion":"{word}","basedOn":[{"reference":"ServiceRequest/`+n("order-draft")+`"}],"result":[{"reference":"Observation/`+n("obs0")+`"},{"reference":"Observation/`+n("obs1")+`"}]`)
		for _, status := range []string{"active", "draft"} {
			add(n("order-"+status), `ServiceRequest "status":"`+status+`","intent":"order","code":{"text":"{word}"},`+subject+`,"authoredOn":"{day}"`)
		}
		add(n("qr"), `QuestionnaireResponse "status":"completed",`+subject+`,"source":{"reference":"Patient/`+p+`"},"authored":"{day}","item":[{"linkId":"1","text":"q","answer":[{"valueString":"{word}"}]}]`)
		add(n("team"), `CareTeam "status":"active","name":"{word}",`+subject+`,"participant":[{"member":{"reference":"Practitioner/{actor}"}}]`)
		add(n("rel"), `RelatedPerson "active":true,`+patient+`,"name":[{"family":"{family}"}],"birthDate":"{day}"`)
		add(n("consent"), `Consent "status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"treatment"}]},"category":[{"text":"{word}"}],`+patient+`,"dateTime":"{day}","policyRule":{"text":"x"}`)
		add(n("prov"), `Provenance "target":[{"reference":"Condition/`+n("cond")+`"}],"recorded":"{day}T08:00:00Z","agent":[{"who":{"reference":"Practitioner/{actor}"}}]`)
		add(n("list"), `List "status":"current","mode":"working","title":"{word}",`+subject+`,"entry":[{"item":{"reference":"Condition/`+n("cond")+`"}},{"item":{"reference":"Observation/`+n("obs0")+`"}}]`)
		add(n("imm"), `Immunization "status":"completed","vaccineCode":{"text":"{word}"},`+patient+`,"occurrenceDateTime":"{day}"`)
		add(n("proc"), `Procedure "status":"completed","code":{"text":"{word}"},`+subject+`,"performedDateTime":"{day}"`)
		add(n("goal"), `Goal "lifecycleStatus":"active","description":{"text":"{word}"},`+subject)
		add(n("plan"), `CarePlan "status":"active","intent":"plan","title":"{word}",`+subject)
	}
	for _, p := range []string{"vic", "otto"} {
		meta := map[string]string{"vic": label("CEL")}[p]
		n := func(what string) string { return p + "-" + what }
		subject := fmt.Sprintf(`"subject":{"reference":"Patient/%s"}`, p)
		add(p, `Patient `+meta+`"active":true,"identifier":[{"system":"urn:mrn","value":"M`+p+`"}],"name":[{"family":"{family}","given":["`+p+`"]}],"birthDate":"{day}"`)
		add(n("obs0"), `Observation "status":"final","code":{"coding":[{"system":"http://loinc.org","code":"{code}"}],"text":"{word}"},`+subject+`,"effectiveDateTime":"{day}","valueQuantity":{"value":{value}}`)
		add(n("cond"), `Condition "code":{"text":"{word}"},"recordedDate":"{day}",`+subject)
		add(n("task-review-result"), `Task "status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"review-result"}]},"for":{"reference":"Patient/`+p+`"},"description":"{word}","authoredOn":"{day}"`)
		add(n("com-administrative"), `Communication "status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"administrative"}]}],`+subject+`,"sent":"{day}T10:00:00Z","payload":[{"contentString":"{word}"}]`)
		add(n("appt"), `Appointment "status":"booked","description":"{word}","start":"{day}T11:00:00Z","end":"{day}T11:20:00Z","participant":[{"actor":{"reference":"Patient/`+p+`"},"status":"accepted"}]`)
		add(n("inv"), `Invoice "status":"issued",`+subject+`,"date":"{day}"`)
		if p == "otto" {
			add(n("no"), objection(`"patient":{"reference":"Patient/otto"}`, ""))
		}
	}
	add("others", `Subscription "status":"off","reason":"{word}","criteria":"Observation?code={code}","channel":{"type":"rest-hook","endpoint":"http://127.0.0.1:9/{value}"}`)
	for _, p := range []string{"amara", "nina", "mo", "phil", "lara", "dana", "bill", "rex"} {
		add(p, `Practitioner "active":true,"name":[{"family":"`+strings.ToUpper(p)+`"}],"identifier":[{"system":"urn:npi","value":"`+p+`"}]`)
		add("role-"+p, `PractitionerRole "active":true,"practitioner":{"reference":"Practitioner/`+p+`"},"code":[{"text":"`+p+`"}]`)
	}
	add("org", `Organization "active":true,"name":"Payer"`)
	add("room", `Location "status":"active","name":"Room"`)
	add("sched", `Schedule "active":true,"actor":[{"reference":"Practitioner/amara"}]`)
	add("slot", `Slot "schedule":{"reference":"Schedule/sched"},"status":"free","start":"2026-11-24T09:00:00Z","end":"2026-11-24T09:20:00Z"`)
	add("group", `Group "type":"person","actual":true,"name":"{word}","member":[{"entity":{"reference":"Patient/rosa"}},{"entity":{"reference":"Patient/sam"}}]`)
	add("both", `Appointment "status":"booked","description":"{word}","start":"{day}T10:00:00Z","end":"{day}T10:20:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"},{"actor":{"reference":"Patient/sam"},"status":"accepted"}]`)
	add("quest", `Questionnaire "status":"active","title":"How are you"`)
	add("basic", `Basic "code":{"text":"{word}"},"subject":{"reference":"Patient/sam"}`)
	return all
}

// objection is a patient's denial of access, narrowed by members of its provision.
func objection(patient, narrowed string) string {
	if narrowed != "" {
		narrowed = "," + narrowed
	}
	return `Consent "status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],` + patient + `,"dateTime":"{day}","policyRule":{"text":"x"},"provision":{"type":"deny"` + narrowed + `}`
}
