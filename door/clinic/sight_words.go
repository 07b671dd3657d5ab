package clinic

import (
	"cmp"
	"context"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust/policy"
)

// blind says in words whom a label hides an entry of a type from.
func blind(ctx context.Context, resourceType string, l policy.Label) string {
	if l.Chart {
		return ui.T(ctx, "opens only to who has to do with the patient (care team, panel, visit, appointment, order) or is cleared for it")
	}
	var roles []string
	for _, role := range staff.Roles() {
		if policy.Blind(role, resourceType, l) {
			roles = append(roles, strings.ToLower(ui.T(ctx, roleWord(role))))
		}
	}
	if len(roles) == 0 {
		return ui.T(ctx, "every role that sees such entries sees it")
	}
	return ui.T(ctx, "hidden from: %s", strings.Join(roles, ", "))
}

// labelText is a label in words.
func labelText(ctx context.Context, code string) string {
	l, _ := policy.LabelOf(code)
	return ui.T(ctx, cmp.Or(l.Text, code))
}

func labelTexts(ctx context.Context, codes []string) string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = labelText(ctx, c)
	}
	return strings.Join(out, ", ")
}

// typeWord is a type of entries as people speak of it.
func typeWord(resourceType string) string {
	words := map[string]string{"Condition": "Problem", "AllergyIntolerance": "Allergy", "MedicationRequest": "Prescription", "MedicationStatement": "Medicine that the patient takes",
		"Observation": "Result or measurement", "DiagnosticReport": "Report", "Composition": "Note", "DocumentReference": "Document", "Encounter": "Visit",
		"Immunization": "Immunization", "Procedure": "Procedure", "ServiceRequest": "Order", "Communication": "Message", "ChargeItem": "Charge",
		"Invoice": "Statement", "Appointment": "Appointment", "Task": "Task", "Consent": "Consent", "CareTeam": "Care team", "CarePlan": "Care plan",
		"Coverage": "Insurance", "Patient": "The whole chart", "Binary": "File", "FamilyMemberHistory": "Family history", "QuestionnaireResponse": "Answers to questions",
		"RelatedPerson": "Related person", "MedicationDispense": "Dispense", "MedicationAdministration": "Medicine given"}
	return cmp.Or(words[resourceType], resourceType)
}

// entryTitle is the name of an entry, or what it is.
func entryTitle(ctx context.Context, e rights.Entry) string {
	return cmp.Or(e.Name, ui.T(ctx, typeWord(e.Type)))
}
