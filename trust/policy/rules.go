package policy

import (
	"bytes"
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Code systems of Osler that rules look at; see docs/reference/representation.md.
const (
	messageSystem = "urn:osler:message"
	taskSystem    = "urn:osler:task"
)

// OwnerSystem is the system of a server-owned tag that names the account for which a resource
// works: a Subscription is read by whoever wrote it, since its criteria say what they look for.
const OwnerSystem = "urn:osler:owner"

type place struct {
	role         trust.Role
	resourceType string
}

// restricted returns what a role sees of a type whose cell says "r?".
func restricted(p trust.Principal, resourceType string) search.Expr {
	if resourceType == "Subscription" {
		return code("_tag", OwnerSystem, p.ID)
	}
	switch p.Role {
	case trust.Patient:
		return patientSees(p, resourceType)
	case trust.FrontDesk:
		switch resourceType {
		case "Communication":
			return code("category", messageSystem, "administrative")
		case "Task":
			return code("code", taskSystem, "duplicate-patient")
		case "Consent": // to the use of the chart: whether one is on file, to file it and to end it
			return tagged("_tag", ConsentSystem, []string{consentsToUse})
		}
	case trust.Biller:
		if resourceType == "Consent" { // what is not told to health plans
			return tagged("_tag", ConsentSystem, []string{"deny/purpose/HPAYMT"})
		}
	case trust.Laboratory:
		if of, ok := laboratoryWork[resourceType]; ok {
			return code("category", of.System, of.Code)
		}
	}
	return search.None{}
}

// patientSees is the own compartment without the clinic's internal work: messages between
// colleagues, tasks, and what is not signed yet.
func patientSees(p trust.Principal, resourceType string) search.Expr {
	if p.Patient == "" {
		return search.None{}
	}
	own := search.InPatient{p.Patient}
	without := func(e search.Expr) search.Expr { return search.And{own, search.Not{X: e}} }
	status := func(s string) search.Expr { return search.Token{Param: "status", Code: s} }
	switch resourceType {
	case "Task":
		return search.And{code("code", taskSystem, "refill-request"), search.Reference{Param: "requester", Type: "Patient", ID: p.Patient}}
	case "Communication":
		if p.Proxy != nil && p.Proxy.Level != "full" { // requests about the record, letters about who sees it, and what the patient has written in person may be about what is confidential
			return search.And{without(search.Or{code("category", messageSystem, "staff-message"), code("category", messageSystem, "private"), code("category", rightSystem, "amendment"), code("category", rightSystem, "restriction"), code("category", rightSystem, "confidential")}),
				code("_tag", CarerSystem, CarerReads)}
		}
		if p.Proxy != nil { // how the patient is reached in confidence is kept from who acts for the patient
			return without(search.Or{code("category", messageSystem, "staff-message"), code("category", rightSystem, "confidential")})
		}
		return without(code("category", messageSystem, "staff-message"))
	case "Composition":
		return without(status("preliminary"))
	case "MedicationRequest", "ServiceRequest":
		return without(status("draft"))
	}
	return own
}

func code(param, system, value string) search.Expr {
	return search.Token{Param: param, System: system, HasSystem: true, Code: value}
}

// writes holds the rule for every cell that says "w?". A rule returns why a change is
// refused, as the end of a sentence, or "". before is nil for a create. What a rule covers
// is never deleted.
var writes = map[place]func(p trust.Principal, before, after *fhir.Node) string{
	{trust.Physician, "Composition"}:              signedNote,
	{trust.Nurse, "Composition"}:                  signedNote,
	{trust.Nurse, "MedicationRequest"}:            nursePrescription,
	{trust.Nurse, "ServiceRequest"}:               nurseOrder,
	{trust.FrontDesk, "Communication"}:            deskMessage,
	{trust.FrontDesk, "Task"}:                     deskTask,
	{trust.FrontDesk, "Consent"}:                  useConsent,
	{trust.MedicalAssistant, "MedicationRequest"}: nursePrescription,
	{trust.MedicalAssistant, "ServiceRequest"}:    nurseOrder,
	{trust.Pharmacist, "MedicationRequest"}:       pharmacistPrescription,
	{trust.Nurse, "Provenance"}:                   ownImport,
	{trust.Laboratory, "Observation"}:             laboratoryResult,
	{trust.Laboratory, "DiagnosticReport"}:        laboratoryResult,
	{trust.Laboratory, "ServiceRequest"}:          laboratoryOrder,
	{trust.Patient, "Observation"}:                patientObservation,
	{trust.Patient, "Communication"}:              patientMessage,
	{trust.Patient, "Consent"}:                    useConsent,
	{trust.Patient, "Binary"}:                     patientFile,
	{trust.Patient, "DocumentReference"}:          patientDocument,
	{trust.Patient, "Task"}:                       patientTask,
	{trust.Patient, "QuestionnaireResponse"}:      patientAnswers,
	{trust.Patient, "MedicationStatement"}:        patientMedication,
}

func statusIn(r *fhir.Node, values ...string) bool {
	return slices.Contains(values, r.Get("status").Text())
}

// hasCode reports whether a CodeableConcept, or a list of them, has a coding.
func hasCode(n *fhir.Node, system, value string) bool {
	for concept := range n.Items() {
		for c := range concept.Get("coding").Items() {
			if c.Get("system").Text() == system && c.Get("code").Text() == value {
				return true
			}
		}
	}
	return false
}

// only reports whether a reference, or each of a list of them, points at ref.
func only(n *fhir.Node, ref string) bool {
	if n.Len() == 0 {
		return false
	}
	for r := range n.Items() {
		if r.Get("reference").Text() != ref {
			return false
		}
	}
	return true
}

// sameBut reports whether two versions differ in the named members only (and meta). A narrative
// can be left out, as a client does that does not keep it, but not become another.
func sameBut(before, after *fhir.Node, names ...string) bool {
	if narrative := after.Get("text"); narrative != nil && !equal(before.Get("text"), narrative) {
		return false
	}
	b, a := before.Clone(), after.Clone()
	for _, n := range append(names, "meta", "text") {
		b.Remove(n)
		a.Remove(n)
	}
	return bytes.Equal(b.JSON(), a.JSON())
}

// signedNote lets clinicians sign in their own name only, and keeps what was signed. A signed note
// changes by an amendment that keeps the author and every signature and bears one of whoever amends,
// or is marked as entered in error with the words that it had. What is so marked was signed, too, or
// nobody can tell: it stays marked. A note is never deleted.
func signedNote(p trust.Principal, before, after *fhir.Node) string {
	const ownName = "a clinician signs notes in no other name than their own."
	me := p.Reference()
	if before == nil || !statusIn(before, "final", "amended", "entered-in-error") {
		if statusIn(after, "final", "amended") && (me == "" || !only(after.Get("author"), me) || !signedBy(after, 0, me)) {
			return ownName
		}
		return ""
	}
	signatures := before.Get("attester")
	switch {
	case statusIn(before, "entered-in-error") && !statusIn(after, "entered-in-error"):
		return "a note that was marked as entered in error stays so; write a new one."
	case !statusIn(after, "amended", "entered-in-error"):
		return "a signed note is amended or marked as entered in error, never changed in silence."
	case !equal(before.Get("author"), after.Get("author")):
		return "the author of a signed note stays."
	case !begins(signatures, after.Get("attester")):
		return "the signatures of a note stay; an amendment adds one."
	case me == "" || !signedBy(after, signatures.Len(), me):
		return ownName
	case statusIn(after, "amended") && after.Get("attester").Len() == signatures.Len():
		return "an amendment is signed by whoever makes it: add yourself to attester."
	case statusIn(after, "entered-in-error") && !(sameBut(before, after, "status", "date", "attester", "extension") && begins(before.Get("extension"), after.Get("extension"))):
		return "a note that is marked as entered in error keeps its words; what is right stands in a new note."
	}
	return ""
}

// signedBy reports whether every signature of a note, from a place on, is by ref.
func signedBy(note *fhir.Node, from int, ref string) bool {
	signatures := note.Get("attester")
	for i := from; i < signatures.Len(); i++ {
		if signatures.At(i).Path("party.reference").Text() != ref {
			return false
		}
	}
	return true
}

// begins reports whether a list still begins with all that it had.
func begins(had, has *fhir.Node) bool {
	for i := range had.Len() {
		if !equal(had.At(i), has.At(i)) {
			return false
		}
	}
	return true
}

// Nurses prepare prescriptions; physicians sign them. What is on hold was signed: it is not
// changed by who may not sign.
func nursePrescription(_ trust.Principal, before, after *fhir.Node) string {
	if !statusIn(after, "draft") || before != nil && !statusIn(before, "draft") {
		return "a nurse prepares prescriptions as draft, a physician signs them."
	}
	return ""
}

// Who accepts what a document of another system says writes down that it comes from there.
func ownImport(p trust.Principal, before, after *fhir.Node) string {
	by := after.Get("agent").At(0).Path("who.reference").Text()
	if before != nil || by == "" || by != p.Reference() || after.Path("activity.coding.0.system").Text() != ImportSystem {
		return "this role writes where entries come from only for what it accepts from a document itself."
	}
	return ""
}

// Nurses prepare orders, and close signed ones when the result is there.
func nurseOrder(_ trust.Principal, before, after *fhir.Node) string {
	if before != nil && statusIn(before, "active", "on-hold") && sameBut(before, after, "status") && statusIn(after, "completed") {
		return ""
	}
	if !statusIn(after, "draft") || before != nil && !statusIn(before, "draft") {
		return "a nurse prepares orders as draft and completes signed ones, a physician signs them."
	}
	return ""
}

// Pharmacists prepare prescriptions as nurses do, and hold or release signed ones.
func pharmacistPrescription(p trust.Principal, before, after *fhir.Node) string {
	if before != nil && statusIn(before, "active", "on-hold") && statusIn(after, "active", "on-hold", "completed") &&
		!(statusIn(before, "on-hold") && before.Get("statusReason") == nil) && sameBut(before, after, "status", "statusReason", "note") {
		return ""
	}
	if nursePrescription(p, before, after) != "" {
		return "a pharmacist prepares prescriptions as draft, and holds, releases or completes signed ones with a reason, without changing what is prescribed."
	}
	return ""
}

// laboratoryWork says by which category the laboratory recognises its own.
var laboratoryWork = map[string]search.Coding{
	"Observation":      {System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "laboratory"},
	"DiagnosticReport": {System: "http://terminology.hl7.org/CodeSystem/v2-0074", Code: "LAB"},
	"ServiceRequest":   {System: "http://snomed.info/sct", Code: "108252007"},
}

func ofLaboratory(r *fhir.Node) bool {
	of := laboratoryWork[r.ResourceType()]
	return hasCode(r.Get("category"), of.System, of.Code)
}

func laboratoryResult(_ trust.Principal, before, after *fhir.Node) string {
	if !ofLaboratory(after) || before != nil && !ofLaboratory(before) {
		return "the laboratory writes results of the category laboratory only."
	}
	return ""
}

func laboratoryOrder(_ trust.Principal, before, after *fhir.Node) string {
	if before == nil || !ofLaboratory(before) || !statusIn(before, "active", "on-hold") || !sameBut(before, after, "status") || !statusIn(after, "completed", "on-hold", "active") {
		return "the laboratory changes the status of laboratory orders only."
	}
	return ""
}

func deskMessage(_ trust.Principal, before, after *fhir.Node) string {
	if !hasCode(after.Get("category"), messageSystem, "administrative") || before != nil && !hasCode(before.Get("category"), messageSystem, "administrative") {
		return "the front desk writes administrative messages only."
	}
	return ""
}

func deskTask(_ trust.Principal, before, after *fhir.Node) string {
	if !hasCode(after.Get("code"), taskSystem, "duplicate-patient") || before != nil && !hasCode(before.Get("code"), taskSystem, "duplicate-patient") {
		return "the front desk works on suspected duplicates only."
	}
	return ""
}

func self(p trust.Principal) string { return "Patient/" + p.Patient }

// ownMeasurement is a measurement that the patient reported.
func ownMeasurement(p trust.Principal, o *fhir.Node) bool {
	return Reported.Of(o) && only(o.Get("subject"), self(p)) && only(o.Get("performer"), self(p))
}

func patientObservation(p trust.Principal, before, after *fhir.Node) string {
	if !ownMeasurement(p, after) || !statusIn(after, "preliminary", "cancelled") || before == nil && !statusIn(after, "preliminary") {
		return "patients report their own measurements, as preliminary, with themselves as subject and performer and the tag patient-reported."
	}
	if before != nil && (!ownMeasurement(p, before) || !statusIn(before, "preliminary")) {
		return "the clinic has this measurement already; report a new one."
	}
	return ""
}

// patientFile lets patients send a photo or a paper, which then stays as it is.
func patientFile(p trust.Principal, before, after *fhir.Node) string {
	if before != nil {
		return "what was sent stays as it is; send it again."
	}
	if !only(after.Get("securityContext"), self(p)) {
		return "patients send files into their own record: securityContext names it."
	}
	return ""
}

func patientDocument(p trust.Principal, before, after *fhir.Node) string {
	if before != nil {
		return "what was sent stays as it is; send it again."
	}
	if !Reported.Of(after) || !only(after.Get("subject"), self(p)) || !only(after.Get("author"), self(p)) || !statusIn(after, "current") ||
		after.Get("docStatus").Text() != "preliminary" || after.Get("authenticator") != nil || after.Get("relatesTo") != nil {
		return "patients send documents as preliminary, with themselves as subject and author and the tag patient-reported."
	}
	return ""
}

func patientMessage(p trust.Principal, before, after *fhir.Node) string {
	if OfRights(after) {
		return "" // rightsThread has judged it
	}
	if before != nil { // the only change: the patient has read a message
		if only(before.Get("recipient"), self(p)) && before.Get("received") == nil && sameBut(before, after, "received") {
			return ""
		}
		return "a message that was sent stays as it is."
	}
	if reason := oneKind(after); reason != "" {
		return reason
	}
	staff := after.Get("recipient").Len() > 0
	for r := range after.Get("recipient").Items() {
		switch target, _ := fhirType(r.Get("reference").Text()); target {
		case "Practitioner", "PractitionerRole", "Organization", "CareTeam", "HealthcareService":
		default:
			staff = false
		}
	}
	if !only(after.Get("sender"), self(p)) || !only(after.Get("subject"), self(p)) || !staff || !statusIn(after, "completed") ||
		after.Get("category").Len() != 1 || !hasCode(after.Get("category"), messageSystem, "patient-message") {
		return "patients write patient-messages as themselves, about themselves, to the care team."
	}
	return ""
}

func fhirType(reference string) (resourceType, id string) {
	for i := range reference {
		if reference[i] == '/' {
			return reference[:i], reference[i+1:]
		}
	}
	return "", ""
}

// patientTasks are what a patient's own actions ask of the clinic.
var patientTasks = []string{"refill-request", "answer-message", "patient-measurement", "follow-up", "rights-request"}

func patientTask(p trust.Principal, before, after *fhir.Node) string {
	if before != nil {
		if hasCode(before.Get("code"), taskSystem, "refill-request") && only(before.Get("requester"), self(p)) &&
			statusIn(before, "requested") && statusIn(after, "cancelled") && sameBut(before, after, "status") {
			return ""
		}
		return "a request can be cancelled while nobody works on it, and not changed otherwise."
	}
	asked := after.Path("code.coding").Len() == 1
	asked = asked && slices.ContainsFunc(patientTasks, func(c string) bool { return hasCode(after.Get("code"), taskSystem, c) })
	if !asked || !only(after.Get("requester"), self(p)) || !only(after.Get("for"), self(p)) || !statusIn(after, "requested") {
		return "patients ask for refills, answers, and a look at what they report, as themselves and for themselves."
	}
	return ""
}

func patientAnswers(p trust.Principal, before, after *fhir.Node) string {
	mine := func(r *fhir.Node) bool { return only(r.Get("subject"), self(p)) && only(r.Get("source"), self(p)) }
	if !mine(after) || !statusIn(after, "in-progress", "completed", "amended") || before != nil && !mine(before) {
		return "patients answer questionnaires as themselves, about themselves."
	}
	return ""
}

func patientMedication(p trust.Principal, before, after *fhir.Node) string {
	mine := func(r *fhir.Node) bool {
		return only(r.Get("subject"), self(p)) && only(r.Get("informationSource"), self(p))
	}
	if !mine(after) || before != nil && !mine(before) {
		return "patients state the medicines that they take themselves."
	}
	return ""
}
