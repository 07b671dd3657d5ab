package watch

import (
	"slices"

	"github.com/osler-emr/osler/fhir/definition"
)

// Topic is something that can happen in the record and be subscribed to, in the manner of
// FHIR R5: a change of one of some types of resources.
type Topic struct {
	URL   string // canonical
	Title string
	// Types are the resources that the topic is about.
	Types []string
	// Create, Update and Delete are the changes that count.
	Create, Update, Delete bool
	// Current is a search that the resource satisfies after the change, "" for any.
	Current string
	// Becomes asks that the resource did not satisfy Current before the change.
	Becomes bool
	// Trigger is the one code that the topic's own filter "trigger" can have; "": no such filter.
	Trigger string

	stored  map[string][]rule // of a topic of the record; nil for those above
	version string
	retired bool
}

// topicBase starts the canonical addresses of the topics that Osler brings.
const topicBase = "urn:osler:topic:"

// topics are what can be subscribed to. docs/interfaces/subscriptions.md lists them; a test
// holds the page to this list.
var topics = []Topic{
	{URL: topicBase + "encounter-start", Title: "A visit begins: an Encounter becomes in-progress.", Types: []string{"Encounter"},
		Create: true, Update: true, Current: "status=in-progress", Becomes: true},
	{URL: topicBase + "encounter-end", Title: "A visit ends: an Encounter becomes finished.", Types: []string{"Encounter"},
		Create: true, Update: true, Current: "status=finished", Becomes: true},
	{URL: topicBase + "observation-created", Title: "An Observation is new.", Types: []string{"Observation"}, Create: true},
	{URL: topicBase + "patient-changed", Title: "A Patient is registered, changed or deleted.", Types: []string{"Patient"},
		Create: true, Update: true, Delete: true},
	{URL: topicBase + "result-available", Title: "A DiagnosticReport is final, or was corrected or amended.", Types: []string{"DiagnosticReport"},
		Create: true, Update: true, Current: "status=final,amended,corrected,appended"},
	{URL: topicBase + "medication-ordered", Title: "A MedicationRequest becomes active.", Types: []string{"MedicationRequest"},
		Create: true, Update: true, Current: "status=active", Becomes: true},
	{URL: topicBase + "appointment-changed", Title: "An Appointment is made, changed or deleted.", Types: []string{"Appointment"},
		Create: true, Update: true, Delete: true},
	{URL: topicBase + "chart-changed", Title: "Anything in a patient's chart is new, changed or deleted.", Types: chartTypes(),
		Create: true, Update: true, Delete: true},
	{URL: patientDataFeed, Title: "Patient Data Feed of US Core: anything of its types is new or changed.", Types: feedTypes, Create: true, Update: true, Trigger: "feed-event"},
}

// patientDataFeed is the topic that US Core 8 defines.
const patientDataFeed = "http://hl7.org/fhir/us/core/SubscriptionTopic/patient-data-feed"

// feedTypes are the types of US Core's Patient Data Feed: the required four, and those that
// it names as additional ones.
var feedTypes = []string{"AllergyIntolerance", "CarePlan", "CareTeam", "Condition", "Coverage", "DiagnosticReport", "DocumentReference", "Encounter", "Goal", "Immunization",
	"MedicationDispense", "MedicationRequest", "Observation", "Patient", "Procedure", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Specimen"}

// chartTypes are the types of the Patient compartment.
func chartTypes() []string {
	list := []string{"Patient"}
	for t, params := range definition.Compartment("Patient") {
		if len(params) > 0 && t != "Patient" && !unwatched[t] {
			list = append(list, t)
		}
	}
	slices.Sort(list)
	return list
}

// Topics returns the topics that can be subscribed to.
func Topics() []Topic { return slices.Clone(topics) }

func topicOf(url string) *Topic {
	for i := range topics {
		if topics[i].URL == url {
			return &topics[i]
		}
	}
	return nil
}
