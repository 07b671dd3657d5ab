package fhirapi

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir/definition"
)

var update = flag.Bool("update", false, "write docs/reference/fhir.md anew")

// TestCoveragePage holds the page of what the door can do to the table that serves it.
func TestCoveragePage(t *testing.T) {
	const file = "../../docs/reference/fhir.md"
	want := coverage()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/reference/fhir.md is not what the code says: go test ./door/fhirapi -run CoveragePage -update")
	}
}

func coverage() string {
	var b strings.Builder
	b.WriteString(`# What the FHIR door does

This page is written by a test from the table that serves the routes and from the definitions.
The same is told by ` + "`GET /fhir/metadata`" + `.

Answers and bodies are ` + "`application/fhir+json` or `application/fhir+xml`" + `; a patch is a JSON Patch, an XML Patch or a FHIRPath Patch;
an export is NDJSON.

| method | address | interaction or operation |
|---|---|---|
`)
	for _, rt := range routes() {
		name := rt.interaction
		if rt.operation != "" {
			name = "$" + rt.operation
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", rt.method, strings.TrimSuffix(rt.pattern, "{$}"), name)
	}
	b.WriteString("\n## Search parameters\n\n| type | in the definitions | of these searched |\n|---|---|---|\n")
	all, used := map[string]map[string]bool{}, map[string]int{}
	for _, t := range definition.ResourceTypes() {
		for _, p := range definition.SearchParameters(t) {
			if all[p.Type] == nil {
				all[p.Type] = map[string]bool{}
			}
			if !all[p.Type][p.URL] && searchable(p) {
				used[p.Type]++
			}
			all[p.Type][p.URL] = true
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", kind, len(all[kind]), used[kind])
	}
	b.WriteString(`
## What is not there, and why

| | |
|---|---|
| ` + "`_query`, `_list=$current-…`" + ` | there are no named queries and no functional lists; they are refused, never ignored |
| ` + "`$translate`, `$subsumes`" + ` | not built yet |
| subscriptions by patients, with chained criteria, to topics of one's own | refused; see ` + "`docs/interfaces/subscriptions.md`" + ` |
| value sets with filters, SNOMED CT, LOINC as a whole | the codes are not here; the answer says so |
`)
	return b.String()
}
