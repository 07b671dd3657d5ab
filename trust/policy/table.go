package policy

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/trust"
)

// A cell of the table says what a role may do with a resource type:
//
//   - nothing
//     r    read all
//     rw   read, create, update and delete all
//     r?   read what the rule in reads selects; w? write what the rule in writes accepts
//
// Every resource type of fhir/definition has a row; a type without one may not be touched.
// Columns: physician, nurse, front desk, biller, administrator, auditor, patient.
const table = `
Account                            rw   r    rw   rw   -  -  r?
ActivityDefinition                 r    r    -    -    rw -  -
AdverseEvent                       rw   rw   -    -    -  -  r?
AllergyIntolerance                 rw   rw   -    -    -  -  r?
Appointment                        rw   rw   rw   r    -  -  r?
AppointmentResponse                rw   rw   rw   -    -  -  r?
AuditEvent                         -    -    -    -    -  r  -
Basic                              rw   r    -    -    -  -  r?
Binary                             rw   rw   -    -    -  -  r?w?
BiologicallyDerivedProduct         rw   r    -    -    -  -  -
BodyStructure                      rw   rw   -    -    -  -  r?
Bundle                             rw   r    -    -    -  -  -
CapabilityStatement                r    r    r    r    rw r  r
CarePlan                           rw   rw   -    -    -  -  r?
CareTeam                           rw   rw   -    -    -  -  r?
CatalogEntry                       rw   r    -    -    rw -  -
ChargeItem                         rw   r    -    rw   -  -  r?
ChargeItemDefinition               r    r    -    rw   rw -  -
Claim                              rw   -    -    rw   -  -  r?
ClaimResponse                      rw   -    -    rw   -  -  r?
ClinicalImpression                 rw   r    -    -    -  -  r?
CodeSystem                         r    r    -    r    rw -  -
Communication                      rw   rw   r?w? -    -  -  r?w?
CommunicationRequest               rw   rw   -    -    -  -  r?
CompartmentDefinition              r    r    -    -    rw -  -
Composition                        rw?  rw?  -    -    -  -  r?
ConceptMap                         r    r    -    -    rw -  -
Condition                          rw   rw   -    r    -  -  r?
Consent                            rw   rw   -    -    -  -  r?
Contract                           rw   r    -    r    -  -  r?
Coverage                           rw   rw   rw   rw   -  -  r?
CoverageEligibilityRequest         rw   r    rw   rw   -  -  r?
CoverageEligibilityResponse        rw   r    rw   rw   -  -  r?
DetectedIssue                      rw   rw   -    -    -  -  r?
Device                             rw   rw   -    -    -  -  r?
DeviceDefinition                   r    r    -    -    rw -  -
DeviceMetric                       rw   rw   -    -    -  -  -
DeviceRequest                      rw   r    -    -    -  -  r?
DeviceUseStatement                 rw   rw   -    -    -  -  r?
DiagnosticReport                   rw   rw   -    -    -  -  r?
DocumentManifest                   rw   rw   -    -    -  -  r?
DocumentReference                  rw   rw   -    -    -  -  r?w?
EffectEvidenceSynthesis            r    r    -    -    rw -  -
Encounter                          rw   rw   -    r    -  -  r?
Endpoint                           rw   r    -    -    rw -  -
EnrollmentRequest                  rw   -    rw   rw   -  -  r?
EnrollmentResponse                 rw   -    rw   rw   -  -  -
EpisodeOfCare                      rw   rw   -    -    -  -  r?
EventDefinition                    r    r    -    -    rw -  -
Evidence                           r    r    -    -    rw -  -
EvidenceVariable                   r    r    -    -    rw -  -
ExampleScenario                    r    r    -    -    rw -  -
ExplanationOfBenefit               rw   -    -    rw   -  -  r?
FamilyMemberHistory                rw   rw   -    -    -  -  r?
Flag                               rw   rw   -    -    -  -  r?
Goal                               rw   rw   -    -    -  -  r?
GraphDefinition                    r    r    -    -    rw -  -
Group                              rw   r    -    -    -  -  -
GuidanceResponse                   rw   r    -    -    -  -  r?
HealthcareService                  rw   r    r    r    rw -  r
ImagingStudy                       rw   r    -    -    -  -  r?
Immunization                       rw   rw   -    -    -  -  r?
ImmunizationEvaluation             rw   rw   -    -    -  -  r?
ImmunizationRecommendation         rw   rw   -    -    -  -  r?
ImplementationGuide                r    r    -    -    rw -  -
InsurancePlan                      rw   r    r    rw   rw -  -
Invoice                            rw   r    r    rw   -  -  r?
Library                            r    r    -    -    rw -  -
Linkage                            rw   r    -    -    -  -  -
List                               rw   rw   -    -    -  -  r?
Location                           rw   r    r    r    rw -  r
Measure                            r    r    -    -    rw -  -
MeasureReport                      rw   r    -    -    -  -  -
Media                              rw   rw   -    -    -  -  r?
Medication                         rw   r    -    -    rw -  r
MedicationAdministration           rw   rw   -    -    -  -  r?
MedicationDispense                 rw   rw   -    -    -  -  r?
MedicationKnowledge                rw   r    -    -    rw -  -
MedicationRequest                  rw   rw?  -    -    -  -  r?
MedicationStatement                rw   rw   -    -    -  -  r?w?
MedicinalProduct                   r    r    -    -    rw -  -
MedicinalProductAuthorization      r    r    -    -    rw -  -
MedicinalProductContraindication   r    r    -    -    rw -  -
MedicinalProductIndication         r    r    -    -    rw -  -
MedicinalProductIngredient         r    r    -    -    rw -  -
MedicinalProductInteraction        r    r    -    -    rw -  -
MedicinalProductManufactured       r    r    -    -    rw -  -
MedicinalProductPackaged           r    r    -    -    rw -  -
MedicinalProductPharmaceutical     r    r    -    -    rw -  -
MedicinalProductUndesirableEffect  r    r    -    -    rw -  -
MessageDefinition                  r    r    -    -    rw -  -
MessageHeader                      rw   r    -    -    -  -  -
MolecularSequence                  rw   r    -    -    -  -  r?
NamingSystem                       r    r    -    -    rw -  -
NutritionOrder                     rw   rw   -    -    -  -  r?
Observation                        rw   rw   -    -    -  -  r?w?
ObservationDefinition              r    r    -    -    rw -  -
OperationDefinition                r    r    -    -    rw -  -
OperationOutcome                   -    -    -    -    -  -  -
Organization                       rw   r    rw   r    rw -  r
OrganizationAffiliation            rw   r    r    r    rw -  r
Parameters                         -    -    -    -    -  -  -
Patient                            rw   rw   rw   r    -  -  r?
PaymentNotice                      rw   -    -    rw   -  -  -
PaymentReconciliation              rw   -    -    rw   -  -  -
Person                             rw   r    rw   -    -  -  -
PlanDefinition                     r    r    -    -    rw -  -
Practitioner                       rw   r    r    r    rw -  r
PractitionerRole                   rw   r    r    r    rw -  r
Procedure                          rw   rw   -    r    -  -  r?
Provenance                         rw   r    -    -    -  r  r?
Questionnaire                      rw   r    -    -    rw -  r
QuestionnaireResponse              rw   rw   -    -    -  -  r?w?
RelatedPerson                      rw   rw   rw   r    -  -  r?
RequestGroup                       rw   r    -    -    -  -  r?
ResearchDefinition                 r    r    -    -    rw -  -
ResearchElementDefinition          r    r    -    -    rw -  -
ResearchStudy                      rw   r    -    -    -  -  -
ResearchSubject                    rw   r    -    -    -  -  r?
RiskAssessment                     rw   r    -    -    -  -  r?
RiskEvidenceSynthesis              r    r    -    -    rw -  -
Schedule                           rw   rw   rw   -    -  -  -
SearchParameter                    r    r    -    -    rw -  -
ServiceRequest                     rw   rw?  -    -    -  -  r?
Slot                               rw   rw   rw   -    -  -  -
Specimen                           rw   rw   -    -    -  -  r?
SpecimenDefinition                 r    r    -    -    rw -  -
StructureDefinition                r    r    -    -    rw -  -
StructureMap                       r    r    -    -    rw -  -
Subscription                       rw   rw   rw   rw   rw -  -
SubscriptionStatus                 -    -    -    -    -  -  -
Substance                          rw   rw   -    -    rw -  -
SubstanceNucleicAcid               r    r    -    -    rw -  -
SubstancePolymer                   r    r    -    -    rw -  -
SubstanceProtein                   r    r    -    -    rw -  -
SubstanceReferenceInformation      r    r    -    -    rw -  -
SubstanceSourceMaterial            r    r    -    -    rw -  -
SubstanceSpecification             r    r    -    -    rw -  -
SupplyDelivery                     rw   rw   -    -    -  -  r?
SupplyRequest                      rw   rw   -    -    -  -  r?
Task                               rw   rw   r?w? -    -  -  r?w?
TerminologyCapabilities            r    r    -    -    rw -  -
TestReport                         -    -    -    -    rw -  -
TestScript                         -    -    -    -    rw -  -
ValueSet                           r    r    -    r    rw -  -
VerificationResult                 rw   r    r    r    rw -  -
VisionPrescription                 rw   r    -    -    -  -  r?
`

// columns are the roles of the table, in its order.
var columns = []trust.Role{trust.Physician, trust.Nurse, trust.FrontDesk, trust.Biller, trust.Administrator, trust.Auditor, trust.Patient}

// rows is the table, read once: resource type to the cell of each role.
var rows = func() map[string][]string {
	m := map[string][]string{}
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 0 {
			m[f[0]] = f[1:]
		}
	}
	return m
}()

// known reports whether a name is a resource type of FHIR R4.
func known(resourceType string) bool { return rows[resourceType] != nil }

// cell returns what a role may do with a type.
func cell(role trust.Role, resourceType string) string {
	row := rows[resourceType]
	if row == nil {
		return "-"
	}
	if role == trust.SystemRole {
		return "rw"
	}
	i := slices.Index(columns, role)
	if i < 0 || i >= len(row) {
		return "-"
	}
	return row[i]
}
