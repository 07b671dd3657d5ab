package fhirapi

// route is one interaction: how it is asked for, what the CapabilityStatement calls it,
// and what answers it.
type route struct {
	method, pattern string
	public          bool
	// interaction is the code of TypeRestfulInteraction or SystemRestfulInteraction;
	// operation the name of an operation, with the types it is for.
	interaction, operation string
	system                 bool
	// stream marks answers that are no resource: no Accept header is held against them.
	stream bool
	handle func(*server, *call) error
}

// routes is the door's site map.
func routes() []route {
	return []route{
		{method: "GET", pattern: "/fhir/metadata", public: true, system: true, handle: (*server).metadata},
		{method: "GET", pattern: "/fhir/openapi.json", public: true, system: true, stream: true, handle: (*server).openAPI},

		{method: "GET", pattern: "/fhir/{type}/{id}", interaction: "read", handle: (*server).read},
		{method: "GET", pattern: "/fhir/{type}/{id}/_history/{vid}", interaction: "vread", handle: (*server).vread},
		{method: "PUT", pattern: "/fhir/{type}/{id}", interaction: "update", handle: (*server).update},
		{method: "PUT", pattern: "/fhir/{type}", handle: (*server).conditionalUpdate},
		{method: "PATCH", pattern: "/fhir/{type}/{id}", interaction: "patch", handle: (*server).patch},
		{method: "PATCH", pattern: "/fhir/{type}", handle: (*server).conditionalPatch},
		{method: "DELETE", pattern: "/fhir/{type}/{id}", interaction: "delete", handle: (*server).remove},
		{method: "DELETE", pattern: "/fhir/{type}", handle: (*server).conditionalRemove},
		{method: "GET", pattern: "/fhir/{type}/{id}/_history", interaction: "history-instance", handle: (*server).history},
		{method: "GET", pattern: "/fhir/{type}/_history", interaction: "history-type", handle: (*server).history},
		{method: "POST", pattern: "/fhir/{type}", interaction: "create", handle: (*server).create},
		{method: "GET", pattern: "/fhir/{type}", interaction: "search-type", handle: (*server).search},
		{method: "GET", pattern: "/fhir/{compartment}/{id}/{type}", handle: (*server).compartment},
		{method: "POST", pattern: "/fhir/{type}/_search", handle: (*server).search},

		{method: "GET", pattern: "/fhir", interaction: "search-system", system: true, handle: (*server).search},
		{method: "GET", pattern: "/fhir/{$}", system: true, handle: (*server).search},
		{method: "POST", pattern: "/fhir/_search", system: true, handle: (*server).search},
		{method: "GET", pattern: "/fhir/_history", interaction: "history-system", system: true, handle: (*server).history},
		{method: "POST", pattern: "/fhir", interaction: "transaction", system: true, handle: (*server).transaction},
		{method: "POST", pattern: "/fhir/{$}", system: true, handle: (*server).transaction},

		{method: "GET", pattern: "/fhir/Patient/{id}/$everything", operation: "everything", handle: (*server).everythingOfPatient},
		{method: "POST", pattern: "/fhir/Patient/{id}/$everything", handle: (*server).everythingOfPatient},
		{method: "POST", pattern: "/fhir/Patient/{id}/$import-document", operation: "import-document", handle: (*server).importDocument},
		{method: "GET", pattern: "/fhir/Encounter/{id}/$everything", operation: "everything", handle: (*server).everythingOfEncounter},
		{method: "POST", pattern: "/fhir/Encounter/{id}/$everything", handle: (*server).everythingOfEncounter},
		{method: "GET", pattern: "/fhir/Composition/{id}/$document", operation: "document", handle: (*server).document},
		{method: "POST", pattern: "/fhir/Composition/{id}/$document", handle: (*server).document},
		{method: "GET", pattern: "/fhir/Observation/$lastn", operation: "lastn", handle: (*server).lastn},
		{method: "POST", pattern: "/fhir/Observation/$lastn", handle: (*server).lastn},
		{method: "GET", pattern: "/fhir/Observation/$stats", operation: "stats", handle: (*server).stats},
		{method: "POST", pattern: "/fhir/Observation/$stats", handle: (*server).stats},
		{method: "GET", pattern: "/fhir/$meta", operation: "meta", system: true, handle: (*server).meta},
		{method: "GET", pattern: "/fhir/{type}/$meta", operation: "meta", handle: (*server).meta},
		{method: "GET", pattern: "/fhir/{type}/{id}/$meta", handle: (*server).meta},
		{method: "GET", pattern: "/fhir/{type}/{id}/_history/{vid}/$meta", handle: (*server).meta},
		{method: "POST", pattern: "/fhir/{type}/{id}/$meta-add", operation: "meta-add", handle: (*server).metaAdd},
		{method: "POST", pattern: "/fhir/{type}/{id}/$meta-delete", operation: "meta-delete", handle: (*server).metaDelete},
		{method: "GET", pattern: "/fhir/{type}/{id}/$diff", operation: "diff", handle: (*server).diff},
		{method: "GET", pattern: "/fhir/{type}/{id}/$provenance", operation: "provenance", handle: (*server).provenance},
		{method: "GET", pattern: "/fhir/$async-status", system: true, handle: (*server).asyncStatus},
		{method: "DELETE", pattern: "/fhir/$async-status", system: true, handle: (*server).asyncCancel},
		{method: "GET", pattern: "/fhir/$export", operation: "export", system: true, handle: (*server).exportSystem},
		{method: "POST", pattern: "/fhir/$export", system: true, handle: (*server).exportSystem},
		{method: "GET", pattern: "/fhir/Patient/$export", operation: "export", handle: (*server).exportPatients},
		{method: "POST", pattern: "/fhir/Patient/$export", handle: (*server).exportPatients},
		{method: "GET", pattern: "/fhir/Group/{id}/$export", operation: "export", handle: (*server).exportGroup},
		{method: "POST", pattern: "/fhir/Group/{id}/$export", handle: (*server).exportGroup},
		{method: "GET", pattern: "/fhir/$export-status", system: true, handle: (*server).exportStatus},
		{method: "DELETE", pattern: "/fhir/$export-status", system: true, handle: (*server).exportCancel},
		{method: "GET", pattern: "/fhir/$export-file", system: true, stream: true, handle: (*server).exportFile},

		{method: "POST", pattern: "/fhir/$import", operation: "import", system: true, handle: (*server).importStart},
		{method: "GET", pattern: "/fhir/$import-status", system: true, handle: (*server).importStatus},
		{method: "DELETE", pattern: "/fhir/$import-status", system: true, handle: (*server).importCancel},
		{method: "GET", pattern: "/fhir/$import-file", system: true, stream: true, handle: (*server).importOutcome},

		{method: "GET", pattern: "/fhir/Subscription/$status", handle: (*server).subscriptionStatus},
		{method: "POST", pattern: "/fhir/Subscription/$status", handle: (*server).subscriptionStatus},
		{method: "GET", pattern: "/fhir/Subscription/{id}/$status", operation: "status", handle: (*server).subscriptionStatus},
		{method: "POST", pattern: "/fhir/Subscription/{id}/$status", handle: (*server).subscriptionStatus},
		{method: "GET", pattern: "/fhir/Subscription/{id}/$events", operation: "events", handle: (*server).subscriptionEvents},
		{method: "POST", pattern: "/fhir/Subscription/{id}/$events", handle: (*server).subscriptionEvents},
		{method: "GET", pattern: "/fhir/Subscription/$get-ws-binding-token", handle: (*server).subscriptionBinding},
		{method: "POST", pattern: "/fhir/Subscription/$get-ws-binding-token", handle: (*server).subscriptionBinding},
		{method: "GET", pattern: "/fhir/Subscription/{id}/$get-ws-binding-token", operation: "get-ws-binding-token", handle: (*server).subscriptionBinding},
		{method: "POST", pattern: "/fhir/Subscription/{id}/$get-ws-binding-token", handle: (*server).subscriptionBinding},
		{method: "GET", pattern: "/fhir/$websocket", public: true, system: true, stream: true, handle: (*server).websocket},

		{method: "GET", pattern: "/fhir/ValueSet/$expand", operation: "expand", handle: (*server).expand},
		{method: "POST", pattern: "/fhir/ValueSet/$expand", handle: (*server).expand},
		{method: "GET", pattern: "/fhir/ValueSet/{id}/$expand", handle: (*server).expand},
		{method: "POST", pattern: "/fhir/ValueSet/{id}/$expand", handle: (*server).expand},
		{method: "GET", pattern: "/fhir/ValueSet/$validate-code", operation: "validate-code", handle: (*server).validateCode},
		{method: "POST", pattern: "/fhir/ValueSet/$validate-code", handle: (*server).validateCode},
		{method: "GET", pattern: "/fhir/ValueSet/{id}/$validate-code", handle: (*server).validateCode},
		{method: "POST", pattern: "/fhir/ValueSet/{id}/$validate-code", handle: (*server).validateCode},
		{method: "GET", pattern: "/fhir/CodeSystem/$validate-code", operation: "validate-code", handle: (*server).validateInSystem},
		{method: "POST", pattern: "/fhir/CodeSystem/$validate-code", handle: (*server).validateInSystem},
		{method: "GET", pattern: "/fhir/CodeSystem/{id}/$validate-code", handle: (*server).validateInSystem},
		{method: "POST", pattern: "/fhir/CodeSystem/{id}/$validate-code", handle: (*server).validateInSystem},
		{method: "GET", pattern: "/fhir/CodeSystem/$subsumes", operation: "subsumes", handle: (*server).subsumes},
		{method: "POST", pattern: "/fhir/CodeSystem/$subsumes", handle: (*server).subsumes},
		{method: "GET", pattern: "/fhir/CodeSystem/{id}/$subsumes", handle: (*server).subsumes},
		{method: "POST", pattern: "/fhir/CodeSystem/{id}/$subsumes", handle: (*server).subsumes},
		{method: "GET", pattern: "/fhir/ConceptMap/$translate", operation: "translate", handle: (*server).translate},
		{method: "POST", pattern: "/fhir/ConceptMap/$translate", handle: (*server).translate},
		{method: "GET", pattern: "/fhir/ConceptMap/{id}/$translate", handle: (*server).translate},
		{method: "POST", pattern: "/fhir/ConceptMap/{id}/$translate", handle: (*server).translate},
		{method: "POST", pattern: "/fhir/$closure", operation: "closure", system: true, handle: (*server).closure},
		{method: "GET", pattern: "/fhir/CodeSystem/$lookup", operation: "lookup", handle: (*server).lookup},
		{method: "POST", pattern: "/fhir/CodeSystem/$lookup", handle: (*server).lookup},

		{method: "POST", pattern: "/fhir/{type}/$validate", operation: "validate", handle: (*server).validate},
		{method: "GET", pattern: "/fhir/{type}/{id}/$validate", handle: (*server).validate},
		{method: "POST", pattern: "/fhir/{type}/{id}/$validate", handle: (*server).validate},
	}
}
