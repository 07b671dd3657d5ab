package label

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// derived says from which members a resource of a type takes over what it is about: a report
// from its results, a dispense from its prescription. What is derived is as sensitive as what
// it derives from, also when it says so in prose only.
var derived = map[string][]string{
	"Observation":              {"derivedFrom", "hasMember", "focus", "basedOn", "partOf"},
	"DiagnosticReport":         {"result"},
	"Composition":              {"section.entry"},
	"Communication":            {"about", "reasonReference"},
	"DocumentReference":        {"relatesTo.target", "context.related"},
	"MedicationRequest":        {"medicationReference", "reasonReference", "basedOn", "priorPrescription"},
	"MedicationDispense":       {"medicationReference", "authorizingPrescription"},
	"MedicationAdministration": {"medicationReference", "request", "reasonReference"},
	"MedicationStatement":      {"medicationReference", "derivedFrom", "basedOn", "reasonReference"},
	"ServiceRequest":           {"reasonReference", "basedOn", "supportingInfo"},
	"Procedure":                {"reasonReference", "basedOn", "report", "complicationDetail"},
	"CarePlan":                 {"addresses", "activity.reference"},
	"Goal":                     {"addresses", "outcomeReference"},
	"ClinicalImpression":       {"problem", "finding.itemReference", "investigation.item", "prognosisReference"},
	"RiskAssessment":           {"condition", "basis", "reasonReference"},
	"DetectedIssue":            {"implicated", "evidence.detail"},
	"Claim":                    {"diagnosis.diagnosisReference", "procedure.procedureReference", "prescription", "originalPrescription", "supportingInfo.valueReference", "related.claim"},
	"ClaimResponse":            {"request"},
	"ExplanationOfBenefit":     {"diagnosis.diagnosisReference", "procedure.procedureReference", "prescription", "originalPrescription", "supportingInfo.valueReference", "related.claim", "claim"},
	// A bill is as sensitive as what it asks money for: the amount of a charge that is hidden tells of it.
	"ChargeItem": {"service", "supportingInformation", "partOf"},
	"Invoice":    {"lineItem.chargeItemReference"},

	// A reference to a diagnosis carries its name as display.
	"Encounter":                  {"diagnosis.condition", "reasonReference"},
	"EpisodeOfCare":              {"diagnosis.condition"},
	"Condition":                  {"evidence.detail", "stage.assessment"},
	"AdverseEvent":               {"resultingCondition", "subjectMedicalHistory"},
	"Appointment":                {"reasonReference"},
	"CareTeam":                   {"reasonReference"},
	"CommunicationRequest":       {"about", "reasonReference"},
	"CoverageEligibilityRequest": {"item.diagnosis.diagnosisReference"},
	"DeviceRequest":              {"reasonReference", "supportingInfo"},
	"DeviceUseStatement":         {"reasonReference", "derivedFrom"},
	"FamilyMemberHistory":        {"reasonReference"},
	"GuidanceResponse":           {"reasonReference"},
	"ImagingStudy":               {"reasonReference"},
	"Immunization":               {"reasonReference"},
	"List":                       {"entry.item"},
	"RequestGroup":               {"reasonReference"},
	"SupplyRequest":              {"reasonReference"},
	"Task":                       {"focus", "basedOn", "reasonReference", "input.valueReference", "output.valueReference"},
}

// Sources returns the references ("Observation/7") of what a resource derives from.
func Sources(r *fhir.Node) (references []string) {
	for _, path := range derived[r.ResourceType()] {
		follow(r, strings.Split(path, "."), func(n *fhir.Node) {
			if ref := n.Get("reference").Text(); strings.Count(ref, "/") == 1 && !slices.Contains(references, ref) {
				references = append(references, ref)
			}
		})
	}
	return references
}

// follow calls f for what lies at a path; sections lie in sections.
func follow(n *fhir.Node, path []string, f func(*fhir.Node)) {
	if len(path) == 0 {
		f(n)
		return
	}
	for item := range n.Get(path[0]).Items() {
		follow(item, path[1:], f)
		if path[0] == "section" {
			follow(item, path, f)
		}
	}
}

// Edition names the rules: another edition may find other labels in what is stored.
func Edition() string { return edition }

var edition = func() string {
	h := sha256.New()
	for _, text := range []string{"8", table, medicines} { // the number is raised when the code changes what it finds
		h.Write([]byte(text))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}()
