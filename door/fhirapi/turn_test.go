package fhirapi

import (
	"slices"
	"strings"
	"testing"
)

// What waits for a turn, and what of it can be begun again: nothing that reads or writes one resource,
// and nothing that goes at the client's pace.
func TestCostlyRequests(t *testing.T) {
	cheap := []string{"$diff", "$provenance", "$meta-add", "$meta-delete", "$async-status", "$export", "$export-status", "$export-file", "$import", "$import-status", "$import-file",
		"$status", "$events", "$get-ws-binding-token", "$websocket"}
	for _, rt := range routes() {
		name := rt.method + " " + rt.pattern
		last := rt.pattern[strings.LastIndex(rt.pattern, "/")+1:]
		want := strings.HasPrefix(rt.interaction, "search") || strings.HasPrefix(rt.interaction, "history") || rt.interaction == "transaction" ||
			last == "_search" || last == "{$}" || strings.Contains(rt.pattern, "{compartment}") ||
			strings.HasPrefix(last, "$") && !slices.Contains(cheap, last) || name == "GET /fhir/$async-status" // told in XML it is as much as a search
		if rt.costly() != want {
			t.Errorf("%s is costly: %v, want %v", name, rt.costly(), want)
		}
		if rt.writesMany() != (name == "POST /fhir" || name == "POST /fhir/{$}") {
			t.Errorf("%s writes many: %v", name, rt.writesMany())
		}
	}
}
