package policy

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// facts are the types whose entries say what was seen, given, asked for or decided about a patient,
// with the member that names who wrote one. What was wrong stays to be seen as such: it is marked as
// entered in error. Gone, an allergy would be one that the patient never had.
var facts = map[string]string{
	"AdverseEvent": "recorder", "AllergyIntolerance": "recorder", "Binary": "", "BodyStructure": "", "CarePlan": "author",
	"ClinicalImpression": "assessor", "Communication": "sender", "CommunicationRequest": "requester", "Condition": "recorder",
	"Consent": "", "DetectedIssue": "author", "DeviceRequest": "requester", "DeviceUseStatement": "", "DiagnosticReport": "performer",
	"DocumentManifest": "author", "DocumentReference": "author", "Encounter": "", "EpisodeOfCare": "", "FamilyMemberHistory": "",
	"Flag": "author", "Goal": "", "GuidanceResponse": "", "ImagingStudy": "", "Immunization": "", "ImmunizationEvaluation": "",
	"ImmunizationRecommendation": "", "Media": "operator", "MedicationAdministration": "", "MedicationDispense": "",
	"MedicationRequest": "requester", "MedicationStatement": "informationSource", "MolecularSequence": "", "NutritionOrder": "orderer",
	"Observation": "performer", "Procedure": "recorder", "Provenance": "", "QuestionnaireResponse": "author", "RequestGroup": "author",
	"RiskAssessment": "performer", "ServiceRequest": "requester", "Specimen": "", "VisionPrescription": "prescriber",
}

// fact refuses to delete what is a fact of a chart. Its writer drops a draft that nobody has relied on;
// the health records department deletes files and papers, as filed in the wrong place.
func fact(p trust.Principal, i Interaction, before, _ *fhir.Node) string {
	if i != Delete || p.Role == trust.SystemRole {
		return ""
	}
	writer, is := facts[before.ResourceType()]
	if !is || p.Role == trust.Records {
		return ""
	}
	if p.Reference() != "" && names(before.Get(writer), p.Reference()) && isDraft(before) {
		return ""
	}
	return "what stands in a chart is marked as entered in error, by status or verificationStatus, and stays; only its writer deletes a draft."
}

// isDraft reports whether an entry was not finished yet.
func isDraft(r *fhir.Node) bool {
	if r.ResourceType() == "DocumentReference" {
		return r.Get("docStatus").Text() == "preliminary"
	}
	return statusIn(r, "draft", "preliminary", "preparation") || r.ResourceType() == "QuestionnaireResponse" && statusIn(r, "in-progress")
}

// settled keeps what a result, a report or a document said when it was final: somebody may have acted on
// it. It is never preliminary again. What was marked as entered in error comes back only as it was, when
// the mark itself was the error. Another version of a report says of itself that it is one; whoever signs
// a result off adds to its conclusion.
func settled(p trust.Principal, i Interaction, before, after *fhir.Node) string {
	if i != Update || p.Role == trust.SystemRole || before == nil {
		return ""
	}
	status, kind := "status", before.ResourceType()
	switch kind {
	case "DiagnosticReport", "Observation":
	case "DocumentReference":
		status = "docStatus"
	default:
		return ""
	}
	was, is := before.Get(status).Text(), after.Get(status).Text()
	final := func(s string) bool {
		return slices.Contains([]string{"final", "amended", "corrected", "appended"}, s)
	}
	switch {
	case statusIn(before, "entered-in-error") && !statusIn(after, "entered-in-error") && (kind != "DocumentReference" && !final(is) || !sameBut(before, after, "status", "note")):
		return "what was marked as entered in error comes back only as it was; write a new one."
	case final(was) && !final(is) && is != "cancelled" && is != "entered-in-error":
		return "what was final is not made preliminary again: it is amended, or marked as entered in error."
	case kind == "DiagnosticReport" && final(was) && is == "final" && !(sameBut(before, after, "conclusion") && strings.HasPrefix(after.Get("conclusion").Text(), before.Get("conclusion").Text())):
		return "a final report is amended, corrected, appended to or marked as entered in error, never changed in silence."
	}
	return ""
}
