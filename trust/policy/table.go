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
// Columns: physician, nurse, front desk, biller, administrator, auditor, medical assistant,
// pharmacist, laboratory, records, patient.
const table = `
Account                            rw   r    rw   rw   -   -  -    -    -     -   r?
ActivityDefinition                 r    r    -    -    rw  -  r    r    r     r   -
AdverseEvent                       rw   rw   -    -    -   -  r    rw   -     r   r?
AllergyIntolerance                 rw   rw   -    -    -   -  rw   rw   -     r   r?
Appointment                        rw   rw   rw   r    -   -  rw   r    -     r   r?
AppointmentResponse                rw   rw   rw   -    -   -  rw   -    -     r   r?
AuditEvent                         -    -    -    -    -   r  -    -    -     -   -
Basic                              rw   r    -    -    -   -  r    -    -     r   r?
Binary                             rw   rw   -    -    -   -  rw   -    -     rw  r?w?
BiologicallyDerivedProduct         rw   r    -    -    -   -  r    -    -     r   -
BodyStructure                      rw   rw   -    -    -   -  r    -    -     r   r?
Bundle                             rw   r    -    -    -   -  -    -    -     r   -
CapabilityStatement                r    r    r    r    rw  r  r    r    r     r   r
CarePlan                           rw   rw   -    -    -   -  r    r    -     r   r?
CareTeam                           rw   rw   -    -    -   -  r    r    r     r   r?
CatalogEntry                       rw   r    -    -    rw  -  r    -    -     r   -
ChargeItem                         rw   r    -    rw   -   -  -    -    -     -   r?
ChargeItemDefinition               r    r    -    rw   rw  -  -    -    -     -   -
Claim                              rw   -    -    rw   -   -  -    -    -     -   r?
ClaimResponse                      rw   -    -    rw   -   -  -    -    -     -   r?
ClinicalImpression                 rw   r    -    -    -   -  r    -    -     r   r?
CodeSystem                         r    r    -    r    rw  -  r    r    r     r   -
Communication                      rw   rw   r?w? -    -   -  rw   rw   rw    rw  r?w?
CommunicationRequest               rw   rw   -    -    -   -  r    -    -     r   r?
CompartmentDefinition              r    r    -    -    rw  -  r    r    r     r   -
Composition                        rw?  rw?  -    -    -   -  r    -    -     r   r?
ConceptMap                         r    r    -    -    rw  -  r    r    r     r   -
Condition                          rw   rw   -    r    -   -  r    r    -     r   r?
Consent                            rw   rw   r?w? r?   -   -  r    r    r     rw  r?w?
Contract                           rw   r    -    r    -   -  -    -    -     r   r?
Coverage                           rw   rw   rw   rw   -   -  rw   r    -     r   r?
CoverageEligibilityRequest         rw   r    rw   rw   -   -  -    -    -     -   r?
CoverageEligibilityResponse        rw   r    rw   rw   -   -  -    -    -     -   r?
DetectedIssue                      rw   rw   -    -    -   -  r    rw   -     r   r?
Device                             rw   rw   -    -    -   -  r    -    rw    r   r?
DeviceDefinition                   r    r    -    -    rw  -  r    r    r     r   -
DeviceMetric                       rw   rw   -    -    -   -  r    -    rw    r   -
DeviceRequest                      rw   r    -    -    -   -  r    -    -     r   r?
DeviceUseStatement                 rw   rw   -    -    -   -  r    -    -     r   r?
DiagnosticReport                   rw   rw   -    -    -   -  r    r    r?w?  r   r?
DocumentManifest                   rw   rw   -    -    -   -  r    -    -     rw  r?
DocumentReference                  rw   rw   -    -    -   -  rw   -    -     rw  r?w?
EffectEvidenceSynthesis            r    r    -    -    rw  -  r    -    -     r   -
Encounter                          rw   rw   -    r    -   -  rw   r    r     r   r?
Endpoint                           rw   r    -    -    rw  -  r    r    r     r   -
EnrollmentRequest                  rw   -    rw   rw   -   -  -    -    -     -   r?
EnrollmentResponse                 rw   -    rw   rw   -   -  -    -    -     -   -
EpisodeOfCare                      rw   rw   -    -    -   -  r    -    -     r   r?
EventDefinition                    r    r    -    -    rw  -  r    r    r     r   -
Evidence                           r    r    -    -    rw  -  r    -    -     r   -
EvidenceVariable                   r    r    -    -    rw  -  r    -    -     r   -
ExampleScenario                    r    r    -    -    rw  -  r    r    r     r   -
ExplanationOfBenefit               rw   -    -    rw   -   -  -    -    -     -   r?
FamilyMemberHistory                rw   rw   -    -    -   -  rw   -    -     r   r?
Flag                               rw   rw   -    -    -   -  rw   r    -     r   r?
Goal                               rw   rw   -    -    -   -  r    r    -     r   r?
GraphDefinition                    r    r    -    -    rw  -  r    r    r     r   -
Group                              rw   r    -    -    -   -  r    -    -     r   -
GuidanceResponse                   rw   r    -    -    -   -  r    -    -     r   r?
HealthcareService                  rw   r    r    r    rw  -  r    r    r     r   r
ImagingStudy                       rw   r    -    -    -   -  r    -    -     r   r?
Immunization                       rw   rw   -    -    -   -  rw   rw   -     r   r?
ImmunizationEvaluation             rw   rw   -    -    -   -  r    r    -     r   r?
ImmunizationRecommendation         rw   rw   -    -    -   -  r    r    -     r   r?
ImplementationGuide                r    r    -    -    rw  -  r    r    r     r   -
InsurancePlan                      rw   r    r    rw   rw  -  r    -    -     r   -
Invoice                            rw   r    r    rw   -   -  -    -    -     -   r?
Library                            r    r    -    -    rw  -  r    r    r     r   -
Linkage                            rw   r    -    -    -   -  -    -    -     r   -
List                               rw   rw   -    -    -   -  r    r    -     r   r?
Location                           rw   r    r    r    rw  -  r    r    r     r   r
Measure                            r    r    -    -    rw  -  r    -    -     r   -
MeasureReport                      rw   r    -    -    -   -  -    -    -     -   -
Media                              rw   rw   -    -    -   -  rw   -    -     r   r?
Medication                         rw   r    -    -    rw  -  r    rw   -     r   r
MedicationAdministration           rw   rw   -    -    -   -  r    rw   -     r   r?
MedicationDispense                 rw   rw   -    -    -   -  r    rw   -     r   r?
MedicationKnowledge                rw   r    -    -    rw  -  r    rw   -     r   -
MedicationRequest                  rw   rw?  -    -    -   -  rw?  rw?  -     r   r?
MedicationStatement                rw   rw   -    -    -   -  rw   rw   -     r   r?w?
MedicinalProduct                   r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductAuthorization      r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductContraindication   r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductIndication         r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductIngredient         r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductInteraction        r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductManufactured       r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductPackaged           r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductPharmaceutical     r    r    -    -    rw  -  r    r    -     r   -
MedicinalProductUndesirableEffect  r    r    -    -    rw  -  r    r    -     r   -
MessageDefinition                  r    r    -    -    rw  -  r    r    r     r   -
MessageHeader                      rw   r    -    -    -   -  -    -    -     r   -
MolecularSequence                  rw   r    -    -    -   -  -    -    -     r   r?
NamingSystem                       r    r    -    -    rw  -  r    r    r     r   -
NutritionOrder                     rw   rw   -    -    -   -  r    r    -     r   r?
Observation                        rw   rw   -    -    -   -  rw   r    r?w?  r   r?w?
ObservationDefinition              r    r    -    -    rw  -  r    r    r     r   -
OperationDefinition                r    r    -    -    rw  -  r    r    r     r   -
OperationOutcome                   -    -    -    -    -   -  -    -    -     -   -
Organization                       rw   r    rw   r    rw  -  r    r    r     r   r
OrganizationAffiliation            rw   r    r    r    rw  -  r    r    r     r   r
Parameters                         -    -    -    -    -   -  -    -    -     -   -
Patient                            rw   rw   rw   r    -   -  rw   r    r     rw  r?
PaymentNotice                      rw   -    -    rw   -   -  -    -    -     -   -
PaymentReconciliation              rw   -    -    rw   -   -  -    -    -     -   -
Person                             rw   r    rw   -    -   -  -    -    -     rw  -
PlanDefinition                     r    r    -    -    rw  -  r    r    r     r   -
Practitioner                       rw   r    r    r    rw  -  r    r    r     r   r
PractitionerRole                   rw   r    r    r    rw  -  r    r    r     r   r
Procedure                          rw   rw   -    r    -   -  r    r    -     r   r?
Provenance                         rw   rw?  -    -    -   r  -    -    -     r   r?
Questionnaire                      rw   r    -    -    rw  -  r    r    r     r   r
QuestionnaireResponse              rw   rw   -    -    -   -  rw   -    -     r   r?w?
RelatedPerson                      rw   rw   rw   r    -   -  rw   r    r     rw  r?
RequestGroup                       rw   r    -    -    -   -  r    -    -     r   r?
ResearchDefinition                 r    r    -    -    rw  -  r    -    -     r   -
ResearchElementDefinition          r    r    -    -    rw  -  r    -    -     r   -
ResearchStudy                      rw   r    -    -    -   -  -    -    -     -   -
ResearchSubject                    rw   r    -    -    -   -  -    -    -     -   r?
RiskAssessment                     rw   r    -    -    -   -  r    r    -     r   r?
RiskEvidenceSynthesis              r    r    -    -    rw  -  r    -    -     r   -
Schedule                           rw   rw   rw   -    -   -  rw   -    -     r   -
SearchParameter                    r    r    -    -    rw  -  r    r    r     r   -
ServiceRequest                     rw   rw?  -    -    -   -  rw?  -    r?w?  r   r?
Slot                               rw   rw   rw   -    -   -  rw   -    -     r   -
Specimen                           rw   rw   -    -    -   -  rw   -    rw    r   r?
SpecimenDefinition                 r    r    -    -    rw  -  r    r    r     r   -
StructureDefinition                r    r    -    -    rw  -  r    r    r     r   -
StructureMap                       r    r    -    -    rw  -  r    r    r     r   -
Subscription                       r?w  r?w  r?w  r?w  rw  -  -    -    -     -   -
SubscriptionStatus                 -    -    -    -    -   -  -    -    -     -   -
Substance                          rw   rw   -    -    rw  -  r    r    rw    r   -
SubstanceNucleicAcid               r    r    -    -    rw  -  r    r    -     r   -
SubstancePolymer                   r    r    -    -    rw  -  r    r    -     r   -
SubstanceProtein                   r    r    -    -    rw  -  r    r    -     r   -
SubstanceReferenceInformation      r    r    -    -    rw  -  r    r    -     r   -
SubstanceSourceMaterial            r    r    -    -    rw  -  r    r    -     r   -
SubstanceSpecification             r    r    -    -    rw  -  r    r    -     r   -
SupplyDelivery                     rw   rw   -    -    -   -  r    -    -     r   r?
SupplyRequest                      rw   rw   -    -    -   -  r    -    -     r   r?
Task                               rw   rw   r?w? -    -   -  rw   rw   rw    rw  r?w?
TerminologyCapabilities            r    r    -    -    rw  -  r    r    r     r   -
TestReport                         -    -    -    -    rw  -  -    -    -     -   -
TestScript                         -    -    -    -    rw  -  -    -    -     -   -
ValueSet                           r    r    -    r    rw  -  r    r    r     r   -
VerificationResult                 rw   r    r    r    rw  -  r    -    -     r   -
VisionPrescription                 rw   r    -    -    -   -  r    -    -     r   r?
`

// columns are the roles of the table, in its order.
var columns = []trust.Role{trust.Physician, trust.Nurse, trust.FrontDesk, trust.Biller, trust.Administrator, trust.Auditor,
	trust.MedicalAssistant, trust.Pharmacist, trust.Laboratory, trust.Records, trust.Patient}

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
