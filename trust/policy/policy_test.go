package policy

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

var update = flag.Bool("update", false, "rewrite testdata/matrix.txt")

var patient = trust.Principal{ID: "a1", Role: trust.Patient, Patient: "p1"}

func as(r trust.Role) trust.Principal {
	if r == trust.Patient {
		return patient
	}
	return trust.Principal{ID: "staff", Role: r, Practitioner: "n1"}
}

func TestEveryTypeHasARow(t *testing.T) {
	if got, want := Types(), definition.ResourceTypes(); !slices.Equal(got, want) {
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s has no row", w)
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("%s is no resource type", g)
			}
		}
	}
	for name, row := range rows {
		if len(row) != len(columns) {
			t.Errorf("%s has %d cells", name, len(row))
		}
		for i, c := range row {
			if !slices.Contains([]string{"-", "r", "rw", "r?", "rw?", "r?w", "r?w?"}, c) {
				t.Errorf("%s, %s: cell %q", name, columns[i], c)
			}
		}
	}
}

func TestRulesAndTableAgree(t *testing.T) {
	for name, row := range rows {
		for i, c := range row {
			_, rule := writes[place{columns[i], name}]
			if rule != strings.Contains(c, "w?") {
				t.Errorf("%s, %s: cell %q, write rule %v", name, columns[i], c, rule)
			}
			_, none := Visible(as(columns[i]), name).(search.None)
			if none == strings.HasPrefix(c, "r") {
				t.Errorf("%s, %s: cell %q, sees none: %v", name, columns[i], c, none)
			}
		}
	}
}

// TestMatrix holds every answer of policy, role by type, to testdata/matrix.txt: a change
// of the table shows in the diff what it allows and forbids. Small letters are read, search,
// create, update and delete of any resource, capital ones are those that a rule judges.
func TestMatrix(t *testing.T) {
	var b strings.Builder
	for _, name := range Types() {
		fmt.Fprintf(&b, "%-34s", name)
		var seen []string
		for _, role := range append(slices.Clone(columns), trust.SystemRole, "stranger") {
			p := as(role)
			letters := ""
			for _, i := range []Interaction{Read, VRead, History, Search, Create, Update, Delete} {
				letters += answer(p, i, name)
			}
			fmt.Fprintf(&b, " %s=%-7s", role, strings.ReplaceAll(letters, " ", ""))
			if expr := Visible(p, name); !slices.Contains([]string{"search.All", "search.None"}, fmt.Sprintf("%T", expr)) {
				seen = append(seen, fmt.Sprintf("    %s sees %T %v\n", role, expr, expr))
			}
		}
		b.WriteString("\n" + strings.Join(seen, ""))
	}
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, w := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != w {
			t.Fatalf("line %d of %s: want %q\ngot %q\n(go test ./trust/policy -update, then read the diff)", i+1, file, w, got[min(i, len(got)-1)])
		}
	}
}

// answer returns the letter of an interaction: small when every resource of the type is
// open to it, capital when a rule says which, nothing when none is.
func answer(p trust.Principal, i Interaction, name string) string {
	if May(p, i, name) != nil {
		return ""
	}
	letter, free := string(letters[i]), SeesAll(p, name)
	if r := fhir.New(name); i == Create || i == Update || i == Delete {
		before, after := r, r
		if i == Create {
			before = nil
		} else if i == Delete {
			after = nil
		}
		free = Decide(p, i, before, after) == nil
	}
	if i == VRead || i == History { // the same letter as Read, and the same answer
		return ""
	}
	if !free {
		return strings.ToUpper(letter)
	}
	return letter
}

// What the roles must never do, whatever the table says.
func TestRefusals(t *testing.T) {
	clinical := []string{"Observation", "Condition", "MedicationRequest", "AllergyIntolerance", "Composition", "DiagnosticReport",
		"DocumentReference", "Encounter", "Immunization", "Procedure", "CarePlan", "Binary", "Bundle", "FamilyMemberHistory"}
	for _, name := range clinical {
		for _, role := range []trust.Role{trust.FrontDesk, trust.Administrator, trust.Auditor, "", "stranger"} {
			if _, none := Visible(as(role), name).(search.None); !none {
				t.Errorf("%q sees %s", role, name)
			}
		}
		// What patients report is judged by rules: TestWriteRules.
		if !slices.Contains([]string{"Observation", "DocumentReference", "Binary"}, name) {
			if err := May(patient, Create, name); err == nil {
				t.Errorf("a patient creates %s", name)
			}
		}
	}
	for role, names := range map[trust.Role][]string{ // minimum necessary
		trust.Laboratory: {"Condition", "MedicationRequest", "AllergyIntolerance", "Composition", "DocumentReference", "Binary", "Claim"},
		trust.Pharmacist: {"Composition", "DocumentReference", "Binary", "QuestionnaireResponse", "Claim"},
		trust.Records:    {"Claim", "Account", "Invoice"}, trust.MedicalAssistant: {"Claim", "Account", "Invoice"},
	} {
		for _, name := range names {
			if _, none := Visible(as(role), name).(search.None); !none {
				t.Errorf("%s sees %s", role, name)
			}
		}
	}
	for _, name := range clinical {
		if !slices.Contains([]string{"DocumentReference", "Binary"}, name) && May(as(trust.Records), Create, name) == nil {
			t.Errorf("the records department writes %s", name)
		}
	}
	for _, name := range Types() {
		if _, none := Visible(trust.Principal{Role: trust.Patient}, name).(search.None); !none && strings.HasPrefix(cell(trust.Patient, name), "r?") {
			t.Errorf("a patient's account without a patient sees %s", name)
		}
		if inCompartment := definition.Compartment("Patient")[name] != nil; inCompartment {
			if _, all := Visible(patient, name).(search.All); all {
				t.Errorf("a patient sees every %s", name)
			}
			if _, none := Visible(as(trust.Administrator), name).(search.None); !none {
				t.Errorf("an administrator sees %s, which lives in charts", name)
			}
		}
		if May(as(trust.Auditor), Create, name) == nil || May(as(trust.Auditor), Delete, name) == nil {
			t.Errorf("an auditor writes %s", name)
		}
	}
	if May(as(trust.Physician), Read, "Nonsense") == nil || May(as(trust.SystemRole), Read, "Nonsense") == nil {
		t.Error("an unknown type is read")
	}
	if May(as(trust.Physician), "operate", "Patient") == nil {
		t.Error("an unknown interaction is allowed")
	}
}

func read(t *testing.T, json string) *fhir.Node {
	t.Helper()
	if json == "" {
		return nil
	}
	n, err := fhir.Parse([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriteRules(t *testing.T) {
	const (
		pressure = `{"resourceType":"Observation","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"status":"preliminary","subject":{"reference":"Patient/p1"},"performer":[{"reference":"Patient/p1"}]}`
		message  = `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject":{"reference":"Patient/p1"},"sender":{"reference":"Patient/p1"},"recipient":[{"reference":"Practitioner/n1"}]}`
		incoming = `{"resourceType":"Communication","status":"completed","subject":{"reference":"Patient/p1"},"sender":{"reference":"Practitioner/n1"},"recipient":[{"reference":"Patient/p1"}]}`
		refill   = `{"resourceType":"Task","status":"requested","code":{"coding":[{"system":"urn:osler:task","code":"refill-request"}]},"for":{"reference":"Patient/p1"},"requester":{"reference":"Patient/p1"}}`
		stated   = `{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/p1"},"informationSource":{"reference":"Patient/p1"}}`
		photo    = `{"resourceType":"DocumentReference","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"status":"current","docStatus":"preliminary","subject":{"reference":"Patient/p1"},"author":[{"reference":"Patient/p1"}]}`
		pixels   = `{"resourceType":"Binary","contentType":"image/jpeg","securityContext":{"reference":"Patient/p1"}}`
		answers  = `{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/p1"},"source":{"reference":"Patient/p1"}}`
		draft    = `{"resourceType":"MedicationRequest","status":"draft"}`
		note     = `{"resourceType":"Composition","status":"final","author":[{"reference":"Practitioner/n1"}],"attester":[{"mode":"legal","party":{"reference":"Practitioner/n1"}}],"title":"Visit"}`
		order    = `{"resourceType":"ServiceRequest","status":"active","code":{"text":"HbA1c"}}`
		labOrder = `{"resourceType":"ServiceRequest","status":"active","category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}]}`
		tested   = `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]}`
		report   = `{"resourceType":"DiagnosticReport","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"conclusion":"benign"}`
		letter   = `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject":{"reference":"Patient/p1"},"sender":{"reference":"Practitioner/n1"},"recipient":[{"reference":"Patient/p1"}],"payload":[{"contentString":"x"}]}`
		ofDoctor = `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject":{"reference":"Patient/p1"},"sender":{"reference":"Practitioner/d1"},"recipient":[{"reference":"Patient/p1"}],"payload":[{"contentString":"x"}]}`
		objected = `{"resourceType":"Consent","meta":{"tag":[{"system":"urn:osler:consent","code":"deny/label/mental"}]},"status":"active"}`
		double   = `{"resourceType":"Task","status":"requested","code":{"coding":[{"system":"urn:osler:task","code":"duplicate-patient"}]}}`
	)
	swap := strings.NewReplacer
	for _, c := range []struct {
		name          string
		role          trust.Role
		before, after string
		ok            bool
	}{
		{"unsigned note changed", trust.Nurse, swap(`"final"`, `"preliminary"`).Replace(note), note, true},
		{"note signed", trust.Physician, "", note, true},
		{"note in another's name", trust.Nurse, "", swap("Practitioner/n1", "Practitioner/d1").Replace(note), false},
		{"note with another's signature", trust.Nurse, "", swap(`"party":{"reference":"Practitioner/n1"`, `"party":{"reference":"Practitioner/d1"`).Replace(note), false},
		{"signed note changed in silence", trust.Nurse, note, swap(`"Visit"`, `"Other"`).Replace(note), false},
		{"signed note unsigned", trust.Physician, note, swap(`"final"`, `"preliminary"`).Replace(note), false},
		{"signed note amended", trust.Nurse, note, swap(`"final"`, `"amended"`, `}],"title"`, `},{"mode":"legal","party":{"reference":"Practitioner/n1"}}],"title"`).Replace(note), true},
		{"signed note given to another author", trust.Nurse, note, swap(`"final"`, `"amended"`, `"author":[{"reference":"Practitioner/n1"`, `"author":[{"reference":"Practitioner/d1"`).Replace(note), false},
		{"signature taken off", trust.Physician, note, swap(`"final"`, `"amended"`, `"mode":"legal"`, `"mode":"personal"`).Replace(note), false},
		{"amended note changed in silence", trust.Nurse, swap(`"final"`, `"amended"`).Replace(note), note, false},
		{"signed note marked as an error", trust.Physician, note, swap(`"final"`, `"entered-in-error"`).Replace(note), true},
		{"signed note deleted", trust.Physician, note, "", false},
		{"own measurement", trust.Patient, "", pressure, true},
		{"measurement of another", trust.Patient, "", swap("Patient/p1", "Patient/p2").Replace(pressure), false},
		{"measurement about another", trust.Patient, "", swap(`"subject":{"reference":"Patient/p1"`, `"subject":{"reference":"Patient/p2"`).Replace(pressure), false},
		{"measurement without the tag", trust.Patient, "", swap("patient-reported", "imported").Replace(pressure), false},
		{"final measurement", trust.Patient, "", swap("preliminary", "final").Replace(pressure), false},
		{"two performers", trust.Patient, "", swap(`[{"reference":"Patient/p1"}]`, `[{"reference":"Patient/p1"},{"reference":"Practitioner/n1"}]`).Replace(pressure), false},
		{"take the own measurement back", trust.Patient, pressure, swap("preliminary", "cancelled").Replace(pressure), true},
		{"change an accepted measurement", trust.Patient, swap("preliminary", "final").Replace(pressure), pressure, false},
		{"turn a clinic's measurement into an own", trust.Patient, swap("patient-reported", "x").Replace(pressure), pressure, false},
		{"message to the team", trust.Patient, "", message, true},
		{"message as another", trust.Patient, "", swap(`"sender":{"reference":"Patient/p1"`, `"sender":{"reference":"Practitioner/n1"`).Replace(message), false},
		{"message to another patient", trust.Patient, "", swap("Practitioner/n1", "Patient/p2").Replace(message), false},
		{"staff message by a patient", trust.Patient, "", swap("patient-message", "staff-message").Replace(message), false},
		{"message with both categories", trust.Patient, "", swap(`[{"coding"`, `[{"coding":[{"system":"urn:osler:message","code":"staff-message"}]},{"coding"`).Replace(message), false},
		{"message changed after sending", trust.Patient, message, swap("completed", "entered-in-error").Replace(message), false},
		{"message read", trust.Patient, incoming, swap(`"status"`, `"received":"2026-11-23T12:00:00Z","status"`).Replace(incoming), true},
		{"message read and changed", trust.Patient, incoming, swap(`"status":"completed"`, `"received":"2026-11-23T12:00:00Z","status":"stopped"`).Replace(incoming), false},
		{"own message marked as read", trust.Patient, message, swap(`"status"`, `"received":"2026-11-23T12:00:00Z","status"`).Replace(message), false},
		{"refill", trust.Patient, "", refill, true},
		{"refill for another", trust.Patient, "", swap(`"for":{"reference":"Patient/p1"`, `"for":{"reference":"Patient/p2"`).Replace(refill), false},
		{"internal task", trust.Patient, "", swap("refill-request", "review-result").Replace(refill), false},
		{"refill completed by the patient", trust.Patient, "", swap("requested", "completed").Replace(refill), false},
		{"refill cancelled", trust.Patient, refill, swap("requested", "cancelled").Replace(refill), true},
		{"refill cancelled and redirected", trust.Patient, refill, swap("requested", "cancelled", `"for":{"reference":"Patient/p1"`, `"for":{"reference":"Patient/p2"`).Replace(refill), false},
		{"medicine stated", trust.Patient, "", stated, true},
		{"medicine stated by the clinic changed", trust.Patient, swap(`"informationSource":{"reference":"Patient/p1"`, `"informationSource":{"reference":"Practitioner/n1"`).Replace(stated), stated, false},
		{"own photo", trust.Patient, "", photo, true},
		{"photo about another", trust.Patient, "", swap(`"subject":{"reference":"Patient/p1"`, `"subject":{"reference":"Patient/p2"`).Replace(photo), false},
		{"photo in the clinic's name", trust.Patient, "", swap(`[{"reference":"Patient/p1"`, `[{"reference":"Practitioner/n1"`).Replace(photo), false},
		{"photo without the tag", trust.Patient, "", swap("patient-reported", "imported").Replace(photo), false},
		{"photo as final", trust.Patient, "", swap("preliminary", "final").Replace(photo), false},
		{"photo that replaces a document", trust.Patient, "", swap(`"status"`, `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/7"}}],"status"`).Replace(photo), false},
		{"photo changed", trust.Patient, photo, photo, false},
		{"photo deleted", trust.Patient, photo, "", false},
		{"file of the own photo", trust.Patient, "", pixels, true},
		{"file in another's record", trust.Patient, "", swap("Patient/p1", "Patient/p2").Replace(pixels), false},
		{"file in nobody's record", trust.Patient, "", `{"resourceType":"Binary","contentType":"image/jpeg"}`, false},
		{"file changed", trust.Patient, pixels, pixels, false},
		{"answers", trust.Patient, "", answers, true},
		{"answers about another", trust.Patient, "", swap(`"subject":{"reference":"Patient/p1"`, `"subject":{"reference":"Patient/p2"`).Replace(answers), false},
		{"delete the own measurement", trust.Patient, pressure, "", false},
		{"nurse prepares a prescription", trust.Nurse, "", draft, true},
		{"nurse signs a prescription", trust.Nurse, draft, swap("draft", "active").Replace(draft), false},
		{"nurse writes an active prescription", trust.Nurse, "", swap("draft", "active").Replace(draft), false},
		{"nurse pulls a signed prescription back", trust.Nurse, swap("draft", "active").Replace(draft), draft, false},
		{"nurse writes a prescription on hold", trust.Nurse, "", swap(`"draft"`, `"on-hold","statusReason":{"text":"asked"}`).Replace(draft), false},
		{"nurse changes what was signed and is on hold", trust.Nurse, swap(`"draft"`, `"on-hold","statusReason":{"text":"asked"}`).Replace(draft), swap(`"draft"`, `"on-hold","doNotPerform":true`).Replace(draft), false},
		{"physician signs it", trust.Physician, draft, swap("draft", "active").Replace(draft), true},
		{"nurse completes an order", trust.Nurse, order, swap("active", "completed").Replace(order), true},
		{"nurse completes another order", trust.Nurse, order, swap("active", "completed", "HbA1c", "TSH").Replace(order), false},
		{"nurse completes an order that nobody signed", trust.Nurse, swap("active", "draft").Replace(order), swap("active", "completed").Replace(order), false},
		{"nurse orders", trust.Nurse, "", order, false},
		{"desk settles a duplicate", trust.FrontDesk, double, swap("requested", "completed").Replace(double), true},
		{"desk takes a clinical task", trust.FrontDesk, swap("duplicate-patient", "review-result").Replace(double), double, false},
		{"desk makes a clinical task", trust.FrontDesk, "", swap("duplicate-patient", "review-result").Replace(double), false},
		{"desk sends a clinical message", trust.FrontDesk, "", message, false},
		{"desk sends an administrative message", trust.FrontDesk, "", swap("patient-message", "administrative").Replace(letter), true},
		{"desk sends one as a doctor", trust.FrontDesk, "", swap("patient-message", "administrative").Replace(ofDoctor), false},
		{"desk sends one as the patient", trust.FrontDesk, "", swap("patient-message", "administrative").Replace(message), false},
		{"desk sends one that is also of another kind", trust.FrontDesk, "", swap("patient-message", "administrative", `}],"subject"`, `},{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],"subject"`).Replace(letter), false},
		{"desk changes what was sent", trust.FrontDesk, swap("patient-message", "administrative").Replace(letter), swap("patient-message", "administrative", `"x"`, `"y"`).Replace(letter), false},
		{"nurse writes as herself", trust.Nurse, "", letter, true},
		{"nurse writes without a sender", trust.Nurse, "", swap(`"sender":{"reference":"Practitioner/n1"},`, "").Replace(letter), true},
		{"nurse writes as a doctor", trust.Nurse, "", ofDoctor, false},
		{"nurse writes as the patient", trust.Nurse, "", message, false},
		{"nurse sends what a doctor drafted", trust.Nurse, swap("completed", "in-progress").Replace(ofDoctor), ofDoctor, false},
		{"nurse takes a draft of a doctor over", trust.Nurse, swap("completed", "in-progress").Replace(ofDoctor), letter, false},
		{"nurse sends her own draft", trust.Nurse, swap("completed", "preparation").Replace(letter), letter, true},
		{"nurse drops her own draft", trust.Nurse, swap("completed", "preparation").Replace(letter), "", true},
		{"nurse drops a doctor's draft", trust.Nurse, swap("completed", "preparation").Replace(ofDoctor), "", false},
		{"nurse changes what a patient sent", trust.Nurse, message, swap(`"status"`, `"payload":[{"contentString":"y"}],"status"`).Replace(message), false},
		{"nurse changes what she sent", trust.Nurse, letter, swap(`"x"`, `"y"`).Replace(letter), false},
		{"nurse changes its narrative", trust.Nurse, letter, swap(`"status"`, `"text":{"status":"generated","div":"<div>y</div>"},"status"`).Replace(letter), false},
		{"nurse deletes what a patient sent", trust.Nurse, message, "", false},
		{"records delete what a patient sent", trust.Records, message, "", false},
		{"nurse reads what was sent to her", trust.Nurse, message, swap(`"status"`, `"received":"2026-11-23T12:00:00Z","status"`).Replace(message), true},
		{"nurse reads what was sent to others", trust.Nurse, swap("Practitioner/n1", "Practitioner/d1").Replace(message), swap("Practitioner/n1", "Practitioner/d1", `"status"`, `"received":"2026-11-23T12:00:00Z","status"`).Replace(message), false},
		{"nurse takes back what she sent, and says why", trust.Nurse, letter, swap(`"completed"`, `"entered-in-error","statusReason":{"text":"to the wrong patient"}`).Replace(letter), true},
		{"nurse takes back what she sent in silence", trust.Nurse, letter, swap("completed", "entered-in-error").Replace(letter), false},
		{"nurse takes back what a patient sent", trust.Nurse, message, swap(`"completed"`, `"entered-in-error","statusReason":{"text":"x"}`).Replace(message), false},
		{"records take back what a patient sent", trust.Records, message, swap(`"completed"`, `"entered-in-error","statusReason":{"text":"of another patient"}`).Replace(message), true},
		{"nurse records an objection", trust.Nurse, "", objected, true},
		{"nurse ends an objection", trust.Nurse, objected, swap("active", "inactive").Replace(objected), false},
		{"nurse turns an objection into another", trust.Nurse, objected, swap("deny/label/mental", "permit/all").Replace(objected), false},
		{"nurse finishes an objection that is not in force", trust.Nurse, swap("active", "proposed").Replace(objected), objected, true},
		{"physician ends an objection", trust.Physician, objected, swap("active", "inactive").Replace(objected), true},
		{"records end an objection", trust.Records, objected, swap("active", "inactive").Replace(objected), true},
		{"records delete an objection", trust.Records, objected, "", false},
		{"nurse deletes an allergy", trust.Nurse, `{"resourceType":"AllergyIntolerance","recorder":{"reference":"Practitioner/n1"}}`, "", false},
		{"physician deletes an allergy", trust.Physician, `{"resourceType":"AllergyIntolerance","recorder":{"reference":"Practitioner/n1"}}`, "", false},
		{"nurse marks an allergy as an error", trust.Nurse, `{"resourceType":"AllergyIntolerance"}`, `{"resourceType":"AllergyIntolerance","verificationStatus":{"coding":[{"code":"entered-in-error"}]}}`, true},
		{"nurse deletes a final result", trust.Nurse, `{"resourceType":"Observation","status":"final","performer":[{"reference":"Practitioner/n1"}]}`, "", false},
		{"nurse deletes her own preliminary one", trust.Nurse, `{"resourceType":"Observation","status":"preliminary","performer":[{"reference":"Practitioner/n1"}]}`, "", true},
		{"nurse deletes a preliminary one of others", trust.Nurse, `{"resourceType":"Observation","status":"preliminary","performer":[{"reference":"Practitioner/d1"}]}`, "", false},
		{"physician makes a final report preliminary", trust.Physician, report, swap("final", "preliminary").Replace(report), false},
		{"physician makes a corrected report preliminary", trust.Physician, swap("final", "corrected").Replace(report), swap("final", "partial").Replace(report), false},
		{"physician makes a corrected report the final one", trust.Physician, swap("final", "corrected").Replace(report), report, false},
		{"physician rewrites a final report in silence", trust.Physician, report, swap("benign", "malign").Replace(report), false},
		{"physician stores a final report as it was", trust.Physician, report, report, true},
		{"physician adds words for the patient to a final report", trust.Physician, report, swap("benign", "benign\\n\\nAll is well.").Replace(report), true},
		{"physician corrects a report", trust.Physician, report, swap("final", "corrected", "benign", "malign").Replace(report), true},
		{"physician finishes a preliminary report", trust.Physician, swap("final", "preliminary").Replace(report), report, true},
		{"physician marks a report as an error", trust.Physician, report, swap("final", "entered-in-error").Replace(report), true},
		{"physician makes an error a report again", trust.Physician, swap("final", "entered-in-error").Replace(report), report, true},
		{"physician makes an error another report", trust.Physician, swap("final", "entered-in-error").Replace(report), swap("benign", "malign").Replace(report), false},
		{"physician makes an error a draft", trust.Physician, swap("final", "entered-in-error").Replace(report), swap("final", "preliminary").Replace(report), false},
		{"laboratory makes a final result preliminary", trust.Laboratory, tested, swap("final", "preliminary").Replace(tested), false},
		{"laboratory corrects a result", trust.Laboratory, tested, swap(`"final"`, `"corrected","valueString":"x"`).Replace(tested), true},
		{"laboratory rewrites a final report in silence", trust.Laboratory, report, swap("benign", "malign").Replace(report), false},
		{"records make a document that was marked as an error current", trust.Records, `{"resourceType":"DocumentReference","status":"entered-in-error"}`, `{"resourceType":"DocumentReference","status":"current"}`, true},
		{"records make it another document", trust.Records, `{"resourceType":"DocumentReference","status":"entered-in-error"}`, `{"resourceType":"DocumentReference","status":"current","description":"x"}`, false},
		{"records make a final document preliminary", trust.Records, `{"resourceType":"DocumentReference","status":"current","docStatus":"final"}`, `{"resourceType":"DocumentReference","status":"current","docStatus":"preliminary"}`, false},
		{"records replace a document", trust.Records, `{"resourceType":"DocumentReference","status":"current","docStatus":"final"}`, `{"resourceType":"DocumentReference","status":"superseded","docStatus":"final"}`, true},
		{"records delete a paper", trust.Records, `{"resourceType":"DocumentReference","status":"current"}`, "", true},
		{"desk deletes a visit that was never booked", trust.FrontDesk, `{"resourceType":"Appointment","status":"proposed"}`, "", true},
		{"pharmacist prepares a prescription", trust.Pharmacist, "", draft, true},
		{"pharmacist signs a prescription", trust.Pharmacist, draft, swap("draft", "active").Replace(draft), false},
		{"pharmacist holds a prescription", trust.Pharmacist, swap("draft", "active").Replace(draft), swap(`"draft"`, `"on-hold","statusReason":{"text":"interaction"}`).Replace(draft), true},
		{"pharmacist releases what a physician never signed", trust.Pharmacist, swap("draft", "on-hold").Replace(draft), swap("draft", "active").Replace(draft), false},
		{"pharmacist changes what is prescribed", trust.Pharmacist, swap("draft", "active").Replace(draft), swap(`"draft"`, `"active","doNotPerform":true`).Replace(draft), false},
		{"assistant signs a prescription", trust.MedicalAssistant, draft, swap("draft", "active").Replace(draft), false},
		{"assistant writes a note", trust.MedicalAssistant, "", note, false},
		{"laboratory files a result", trust.Laboratory, "", tested, true},
		{"laboratory files vital signs", trust.Laboratory, "", swap(`"laboratory"`, `"vital-signs"`).Replace(tested), false},
		{"laboratory takes vital signs over", trust.Laboratory, swap(`"laboratory"`, `"vital-signs"`).Replace(tested), tested, false},
		{"laboratory completes its order", trust.Laboratory, labOrder, swap("active", "completed").Replace(labOrder), true},
		{"laboratory orders", trust.Laboratory, "", labOrder, false},
		{"laboratory completes another's order", trust.Laboratory, order, swap("active", "completed").Replace(order), false},
		{"records files a diagnosis", trust.Records, "", `{"resourceType":"Condition"}`, false},
		{"records files a consent", trust.Records, "", `{"resourceType":"Consent"}`, true},
		{"biller changes a diagnosis", trust.Biller, "", `{"resourceType":"Condition"}`, false},
		{"biller claims", trust.Biller, "", `{"resourceType":"Claim"}`, true},
	} {
		before, after := read(t, c.before), read(t, c.after)
		what := Update
		if before == nil {
			what = Create
		} else if after == nil {
			what = Delete
		}
		err := Decide(as(c.role), what, before, after)
		if (err == nil) != c.ok || err != nil && !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s by %s: %v", c.name, c.role, err)
		}
	}
}

// TestASignedNoteStays goes over the changes of a note that n1 has signed, and over two that follow
// each other: no way leads from a signed note to one that says something else in the same name.
func TestASignedNoteStays(t *testing.T) {
	const body = `{"resourceType":"Composition","status":"STATUS","extension":[{"url":"urn:osler:amendment-reason","valueString":"side"}],"date":"2026-11-23","author":[{"reference":"Practitioner/n1"}],"attester":[{"mode":"legal","party":{"reference":"Practitioner/n1"}}],"title":"Left knee"}`
	of := func(status string, change ...string) string {
		return strings.NewReplacer(append(change, "STATUS", status)...).Replace(body)
	}
	signature := func(who ...string) []string {
		s := `"attester":[{"mode":"legal","party":{"reference":"Practitioner/n1"}}`
		for _, w := range who {
			s += `,{"mode":"legal","party":{"reference":"Practitioner/` + w + `"}}`
		}
		return []string{`"attester":[{"mode":"legal","party":{"reference":"Practitioner/n1"}}`, s}
	}
	words := []string{"Left knee", "Right knee"}
	join := slices.Concat[[]string]
	bare := join(words, []string{"Practitioner/n1", "Practitioner/d1", `"attester":[{"mode":"legal","party":{"reference":"Practitioner/n1"}}],`, ""})
	colleague := trust.Principal{ID: "staff", Practitioner: "d1"}
	nobody := trust.Principal{ID: "staff"}
	for _, c := range []struct {
		name          string
		by            trust.Principal
		before, after string
		ok            bool
	}{
		{"amended in one's own name", colleague, of("final"), of("amended", join(words, signature("d1"))...), true},
		{"amended again", colleague, of("amended", signature("d1")...), of("amended", join(words, signature("d1", "d1"))...), true},
		{"amended without a signature", colleague, of("final"), of("amended", words...), false},
		{"amended again without a signature", colleague, of("amended", signature("d1")...), of("amended", join(words, signature("d1"))...), false},
		{"amended as a third person", colleague, of("final"), of("amended", join(words, signature("x9"))...), false},
		{"amended as the one who signed", colleague, of("final"), of("amended", join(words, signature("n1"))...), false},
		{"amended with a third person beside", colleague, of("final"), of("amended", join(words, signature("d1", "x9"))...), false},
		{"amended in nobody's name", nobody, of("final"), of("amended", join(words, []string{`Practitioner/n1"}}]`, `Practitioner/n1"}},{"mode":"legal","party":{"display":"Dr N"}}]`})...), false},
		{"signed in nobody's name", nobody, "", of("final", `"reference":"Practitioner/n1"`, `"display":"Dr N"`), false},
		{"made preliminary", colleague, of("final"), of("preliminary"), false},
		{"amended and made preliminary", colleague, of("amended"), of("preliminary"), false},
		{"marked as an error", colleague, of("final"), of("entered-in-error"), true},
		{"an amended one marked as an error", colleague, of("amended"), of("entered-in-error"), true},
		{"marked as an error, and signed", colleague, of("final"), of("entered-in-error", signature("d1")...), true},
		{"marked as an error, with why", colleague, of("final"), of("entered-in-error", `"side"}`, `"side"},{"url":"urn:osler:amendment-reason","valueString":"of Sam"}`, "11-23", "11-24"), true},
		{"marked as an error as a third person", colleague, of("final"), of("entered-in-error", signature("x9")...), false},
		{"marked as an error with other words", colleague, of("final"), of("entered-in-error", words...), false},
		{"marked as an error, a reason changed", colleague, of("final"), of("entered-in-error", "side", "spelling"), false},
		{"an error is no error", colleague, of("entered-in-error"), of("amended", signature("d1")...), false},
		{"an error made final", colleague, of("entered-in-error"), of("final"), false},
		{"an error made preliminary by its author", as(trust.Nurse), of("entered-in-error"), of("preliminary"), false},
		{"an error made preliminary with other words and no names", colleague, of("entered-in-error"), of("preliminary", bare...), false},
		{"an error gets other words", colleague, of("entered-in-error"), of("entered-in-error", words...), false},
		{"an error stays", colleague, of("entered-in-error"), of("entered-in-error"), true},
		{"an error loses its author", colleague, of("entered-in-error"), of("entered-in-error", "\"author\":[{\"reference\":\"Practitioner/n1\"}],", ""), false},
	} {
		for _, role := range []trust.Role{trust.Physician, trust.Nurse} {
			c.by.Role = role
			what, before := Update, read(t, c.before)
			if before == nil {
				what = Create
			}
			err := Decide(c.by, what, before, read(t, c.after))
			if (err == nil) != c.ok || err != nil && !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s, by a %s: %v", c.name, role, err)
			}
		}
	}

	// Whatever the first step is, the second does not end in another note without its names.
	colleague.Role = trust.Physician
	states := []string{"preliminary", "final", "amended", "entered-in-error"}
	for _, from := range []string{"final", "amended"} {
		for _, by := range states {
			for _, to := range states {
				first, second := read(t, of(by)), read(t, of(to, bare...))
				if Decide(colleague, Update, read(t, of(from)), first) == nil && Decide(colleague, Update, first, second) == nil {
					t.Errorf("a note that is %s becomes %s, then %s with other words, another author and no signature", from, by, to)
				}
			}
		}
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		role   trust.Role
		scopes string
		what   Interaction
		on     string
		ok     bool
	}{
		{trust.Physician, "user/*.rs", Read, "Observation", true},
		{trust.Physician, "user/*.rs", Search, "Observation", true},
		{trust.Physician, "user/*.rs", Create, "Observation", false},
		{trust.Physician, "user/*.r", Search, "Observation", false},
		{trust.Physician, "user/Observation.read", Read, "Observation", true},
		{trust.Physician, "user/Observation.read", Read, "Condition", false},
		{trust.Physician, "user/Observation.write", Update, "Observation", true},
		{trust.Physician, "user/Observation.write", Read, "Observation", false},
		{trust.Physician, "user/Observation.* user/Condition.rs", Delete, "Observation", true},
		{trust.Physician, "patient/*.cruds", Read, "Observation", false},
		{trust.Physician, "system/*.cruds", Delete, "Observation", true},
		{trust.Biller, "system/*.cruds", Read, "Observation", false},
		{trust.Patient, "patient/*.rs", Read, "Observation", true},
		{trust.Patient, "system/*.cruds", Read, "Observation", false},
		{trust.Physician, "nonsense", Read, "Observation", false},
		{trust.Physician, "launch openid", Read, "Observation", false},
	} {
		p := as(c.role)
		p.Scopes = strings.Fields(c.scopes)
		if err := May(p, c.what, c.on); (err == nil) != c.ok {
			t.Errorf("%s with %s: %s %s: %v", c.role, c.scopes, c.what, c.on, err)
		}
		if _, none := Visible(p, c.on).(search.None); !c.ok && !none && (c.what == Read) {
			t.Errorf("%s with %s sees %s", c.role, c.scopes, c.on)
		}
	}
	p := as(trust.Auditor)
	p.Scopes = []string{"user/Patient.rs"}
	if MayAudit(p, "") == nil {
		t.Error("a token without a scope on AuditEvent reads the audit log")
	}
	for _, c := range []struct {
		p       trust.Principal
		patient string
		ok      bool
	}{{as(trust.Auditor), "", true}, {as(trust.Administrator), "p1", true}, {patient, "p1", true}, {patient, "p2", false}, {patient, "", false},
		{as(trust.Physician), "p1", false}, {trust.Principal{Role: trust.Patient}, "", false}} {
		if err := MayAudit(c.p, c.patient); (err == nil) != c.ok {
			t.Errorf("%s audits %q: %v", c.p.Role, c.patient, err)
		}
	}
}

func TestParseScope(t *testing.T) {
	for text, letters := range map[string]string{
		"user/*.rs": "rs", "patient/Observation.read": "rs", "system/Patient.cruds": "cruds", "user/Patient.*": "cruds", "user/Patient.write": "cud",
		"user/Nope.rs": "", "user/Patient.sr": "", "user/Patient.": "", "user/Patient": "",
		"admin/Patient.rs": "", "user/Patient.rr": "", "": "", "/": "", "user/.": "",
	} {
		s, err := ParseScope(text)
		if s.Letters != letters || (err != nil) != (letters == "") {
			t.Errorf("%q: %+v %v", text, s, err)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	f.Add("user/*.cruds")
	f.Add("patient/Observation.read")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseScope(s)
		if err == nil && (got.Letters == "" || got.Type == "" || !inOrder(got.Letters, "cruds")) {
			t.Errorf("%q: %+v", s, got)
		}
	})
}

// TestWhoMayMissEntries: only the system and patients with the whole record are told that there is nothing
// where they see nothing.
func TestWhoMayMissEntries(t *testing.T) {
	maria := trust.Principal{ID: "maria", Role: trust.Patient, Patient: "maria"}
	limited, whole := maria, maria
	limited.Proxy, whole.Proxy = &trust.Proxy{Level: "limited"}, &trust.Proxy{Level: "full"}
	for name, c := range map[string]struct {
		p    trust.Principal
		want bool
	}{"patient": {maria, false}, "system": {trust.System("test"), false}, "physician": {trust.Principal{ID: "p", Role: trust.Physician}, true},
		"nurse": {trust.Principal{ID: "n", Role: trust.Nurse}, true}, "acting with a part": {limited, true}, "acting with the whole": {whole, true}} {
		if got := Partial(c.p, "AllergyIntolerance"); got != c.want {
			t.Errorf("%s may miss allergies: %v", name, got)
		}
	}
}
