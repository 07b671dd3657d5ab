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
	handle                 func(*server, *call) error
}

// routes is the door's site map.
func routes() []route {
	return []route{
		{method: "GET", pattern: "/fhir/metadata", public: true, system: true, handle: (*server).metadata},

		{method: "GET", pattern: "/fhir/{type}/{id}", interaction: "read", handle: (*server).read},
		{method: "GET", pattern: "/fhir/{type}/{id}/_history/{vid}", interaction: "vread", handle: (*server).vread},
		{method: "PUT", pattern: "/fhir/{type}/{id}", interaction: "update", handle: (*server).update},
		{method: "PUT", pattern: "/fhir/{type}", handle: (*server).conditionalUpdate},
		{method: "DELETE", pattern: "/fhir/{type}/{id}", interaction: "delete", handle: (*server).remove},
		{method: "DELETE", pattern: "/fhir/{type}", handle: (*server).conditionalRemove},
		{method: "GET", pattern: "/fhir/{type}/{id}/_history", interaction: "history-instance", handle: (*server).history},
		{method: "GET", pattern: "/fhir/{type}/_history", interaction: "history-type", handle: (*server).history},
		{method: "POST", pattern: "/fhir/{type}", interaction: "create", handle: (*server).create},
		{method: "GET", pattern: "/fhir/{type}", interaction: "search-type", handle: (*server).search},
		{method: "POST", pattern: "/fhir/{type}/_search", handle: (*server).search},

		{method: "GET", pattern: "/fhir", interaction: "search-system", system: true, handle: (*server).search},
		{method: "GET", pattern: "/fhir/{$}", system: true, handle: (*server).search},
		{method: "POST", pattern: "/fhir/_search", system: true, handle: (*server).search},
		{method: "GET", pattern: "/fhir/_history", interaction: "history-system", system: true, handle: (*server).history},
		{method: "POST", pattern: "/fhir", interaction: "transaction", system: true, handle: (*server).transaction},
		{method: "POST", pattern: "/fhir/{$}", system: true, handle: (*server).transaction},

		{method: "GET", pattern: "/fhir/Patient/{id}/$everything", operation: "everything", handle: (*server).everything},
		{method: "POST", pattern: "/fhir/{type}/$validate", operation: "validate", handle: (*server).validate},
	}
}
