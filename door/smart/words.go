package smart

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust/policy"
)

// asked is one scope in plain words, as a person reads it before agreeing.
type asked struct {
	Scope string
	Text  string // "Read your laboratory results"
	Note  string // a limit, or how wide it is
	Wide  bool   // it opens everything, or more than one record
}

// nouns are the words for resource types, for patients and staff alike.
var nouns = map[string]string{
	"*": "whole health record", "AllergyIntolerance": "allergies", "Appointment": "appointments", "Binary": "files", "CarePlan": "care plans",
	"CareTeam": "care team", "ClinicalImpression": "assessments", "Communication": "messages", "Composition": "notes of the clinic", "Condition": "health problems",
	"Consent": "consents", "Coverage": "insurance", "Device": "devices and implants", "DiagnosticReport": "reports of examinations", "DocumentReference": "documents",
	"Encounter": "visits", "ExplanationOfBenefit": "insurance payments", "FamilyMemberHistory": "family history", "Flag": "warnings", "Goal": "health goals",
	"Immunization": "vaccinations", "Invoice": "bills", "Location": "places of the clinic", "Medication": "medicine names", "MedicationAdministration": "medicines given",
	"MedicationDispense": "medicines handed out", "MedicationRequest": "prescriptions", "MedicationStatement": "medicines taken", "NutritionOrder": "diets",
	"Observation": "measurements and results", "Organization": "names of clinics", "Patient": "name, birth date and contact details", "Practitioner": "names of clinicians",
	"PractitionerRole": "clinicians and their specialties", "Procedure": "operations and procedures", "Provenance": "who wrote what", "Questionnaire": "questionnaires",
	"QuestionnaireResponse": "answers to questionnaires", "RelatedPerson": "relatives and contacts", "ServiceRequest": "orders and referrals", "Specimen": "samples",
	"Task": "requests to the clinic", "VisionPrescription": "glasses prescriptions", "AuditEvent": "log of who looked",
}

// categories are the words for what granular scopes pick out most often.
var categories = map[string]string{
	"laboratory": "laboratory results", "vital-signs": "vital signs", "social-history": "smoking, drinking and way of life", "survey": "answers to surveys",
	"imaging": "results of imaging", "exam": "findings of examinations", "problem-list-item": "list of health problems", "encounter-diagnosis": "diagnoses of visits",
	"health-concern": "health concerns", "sdoh": "housing, food and safety", "activity": "physical activity", "therapy": "therapies", "procedure": "results of procedures",
}

// verbs are the sentences of what is done, by reader: %s is a noun. Patients are spoken to
// about their own record; staff read about the patient of the launch, or about all.
var verbs = map[string][3]string{ // patient's own, patient of the launch, everyone
	"read":        {"Read your %s", "Read the patient’s %s", "Read %s of everyone whom you may see"},
	"add":         {"Add to your %s", "Add to the patient’s %s", "Add to %s of everyone whom you may see"},
	"read add":    {"Read and add to your %s", "Read and add to the patient’s %s", "Read and add to %s of everyone whom you may see"},
	"change":      {"Change your %s", "Change the patient’s %s", "Change %s of everyone whom you may see"},
	"read change": {"Read and change your %s", "Read and change the patient’s %s", "Read and change %s of everyone whom you may see"},
	"delete":      {"Change and delete your %s", "Change and delete the patient’s %s", "Change and delete %s of everyone whom you may see"},
	"read delete": {"Read, change and delete your %s", "Read, change and delete the patient’s %s", "Read, change and delete %s of everyone whom you may see"},
}

// service are the same sentences for a backend service, which no person uses.
var service = map[string]string{
	"read": "Read %s of all patients", "add": "Add to %s of all patients", "read add": "Read and add to %s of all patients",
	"change": "Change %s of all patients", "read change": "Read and change %s of all patients",
	"delete": "Change and delete %s of all patients", "read delete": "Read, change and delete %s of all patients",
}

// say puts one scope into words; ok is false for scopes that are not about resources.
func say(l lang.Language, scope string, staff bool) (a asked, ok bool) {
	s, err := policy.ParseScope(scope)
	if err != nil {
		return asked{}, false
	}
	noun, note := nounOf(l, s)
	deed := deedOf(s.Letters)
	a = asked{Scope: scope, Note: note, Wide: s.Type == "*"}
	switch {
	case s.Context == "system":
		a.Text, a.Wide = l.T(service[deed], noun), true
	case !staff:
		a.Text = l.T(verbs[deed][0], noun)
	case s.Context == "patient":
		a.Text = l.T(verbs[deed][1], noun)
	default:
		a.Text, a.Wide = l.T(verbs[deed][2], noun), true
	}
	return a, true
}

// deedOf names what the letters of a scope allow.
func deedOf(letters string) string {
	var parts []string
	if strings.ContainsAny(letters, "rs") {
		parts = append(parts, "read")
	}
	switch {
	case strings.Contains(letters, "d"):
		parts = append(parts, "delete")
	case strings.Contains(letters, "u"):
		parts = append(parts, "change")
	case strings.Contains(letters, "c"):
		parts = append(parts, "add")
	}
	return strings.Join(parts, " ")
}

// nounOf returns what a scope is about, and what limits it in other ways than words say.
func nounOf(l lang.Language, s policy.Scope) (noun, note string) {
	noun = nouns[s.Type]
	if noun == "" {
		noun = spaced(s.Type)
	}
	noun = l.T(noun)
	var rest []string
	for _, p := range s.Where {
		_, code, found := strings.Cut(p.Value, "|")
		if !found {
			code = p.Value
		}
		if word := categories[code]; p.Name == "category" && word != "" {
			noun = l.T(word)
			continue
		}
		rest = append(rest, p.Name+" = "+p.Value)
	}
	if len(rest) > 0 {
		note = l.T("Only those with %s", strings.Join(rest, ", "))
	}
	return noun, note
}

// spaced turns a type's name into words: "RiskAssessment" is "risk assessment".
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte(' ')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sayAll puts the scopes of a grant into words, in their order.
func sayAll(l lang.Language, scopes []string, staff bool) (out []asked) {
	for _, s := range scopes {
		if a, ok := say(l, s, staff); ok {
			out = append(out, a)
		}
	}
	if slices.Contains(scopes, oauth.OpenID) {
		out = append(out, asked{Scope: oauth.OpenID, Text: l.T("Know who you are")})
	}
	if slices.Contains(scopes, oauth.Offline) {
		out = append(out, asked{Scope: oauth.Offline, Text: l.T("Go on while you are not here, until you end it")})
	}
	return out
}
