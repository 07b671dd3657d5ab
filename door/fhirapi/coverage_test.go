package fhirapi

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
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
	type entry struct{ on, name string }
	operations := map[entry]bool{}
	for _, rt := range routes() {
		pattern := strings.TrimSuffix(rt.pattern, "{$}")
		if strings.HasSuffix(pattern, "/") {
			continue // the same as without the slash
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", rt.method, pattern, rt.describe(pattern).Get("summary").Text())
		if rt.operation != "" {
			operations[entry{rt.on(), rt.operation}] = true
		}
	}
	b.WriteString("\n## Operations\n\n| on | operation | definition | |\n|---|---|---|---|\n")
	for _, o := range slices.SortedFunc(maps.Keys(operations), func(x, y entry) int { return cmp.Or(cmp.Compare(x.on, y.on), cmp.Compare(x.name, y.name)) }) {
		d := operation(o.on, o.name)
		on := map[string]string{"": "the whole record", "*": "every type"}[o.on]
		fmt.Fprintf(&b, "| %s | `$%s` | %s | %s |\n", cmp.Or(on, o.on), o.name, d.Get("definition").Text(), d.Get("documentation").Text())
	}
	b.WriteString(`
## Headers

| | |
|---|---|
| ` + "`Accept`, `_format`" + ` | JSON, XML, and a page for people (html); ` + "`_pretty`" + ` for JSON |
| ` + "`Accept-Encoding`, `Content-Encoding`" + ` | gzip and zstd for answers, gzip for bodies |
| ` + "`If-Match`, `If-None-Match`, `If-Modified-Since`, `If-None-Exist`" + ` | as in R4; ` + "`If-None-Match: *`" + ` with PUT creates only |
| ` + "`Prefer: return=`" + ` | minimal, representation, OperationOutcome |
| ` + "`Prefer: handling=`" + ` | strict refuses unknown search parameters, lenient (the default) reports them |
| ` + "`Prefer: respond-async`" + ` | searches, histories and operations that read are answered later, by ` + "`$async-status`" + ` |
| ` + "`Idempotency-Key`" + ` | a write that is sent again is not carried out again, for a day |
| ` + "`X-Security-Context`" + ` | of a Binary that is sent as it is |
| ` + "`Range`, `If-Range`" + ` | parts of a Binary that is read as it is |
`)
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
	b.WriteString("\n## Modifiers and prefixes\n\n| type | modifiers | prefixes |\n|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", kind, strings.Join(search.Modifiers(kind), " "), fmt.Sprint(search.Prefixes(kind)))
	}
	b.WriteString(`
Every modifier of R4 for the type is among them. Chains (` + "`subject:Patient.name`" + `), reverse chains
(` + "`_has`" + `, nested), composites, ` + "`_include`, `_revinclude`, both with `:iterate`" + `, ` + "`_sort`" + ` by any parameter and
several, ` + "`_total`, `_summary`, `_elements`, `_count`, `_type`, `_filter`, `_list`, `_text`, `_content`" + `, ` + "`near`" + `, compartment
searches and parameters of your own (a stored SearchParameter) are there. How values are compared
stands in ` + "`fhir/search/DESIGN.md`" + `.
`)
	b.WriteString(`
## Views of the audit log

` + "`AuditEvent`" + ` is made from the entries of the audit log when it is asked for, and kept nowhere a second time; it is searched by:

| parameter | |
|---|---|
`)
	for _, p := range auditParams {
		fmt.Fprintf(&b, "| `%s` | %s |\n", p.name, p.about)
	}
	b.WriteString(`
Auditors and administrators read all of them, patients those about the own record. ` + "`[type]/[id]/$provenance`" + `
tells everybody who sees an entry who wrote each version of it. Provenance resources that others have
written are stored and searched like all resources (` + "`Provenance?target=`" + `): the search, and
` + "`_revinclude=Provenance:target`" + `, find those alone. What the audit log says is at ` + "`[type]/[id]/$provenance`" + ` only.
`)
	b.WriteString(`
## What is not there, and why

| | |
|---|---|
| ` + "`_query`, `_list=$current-…`" + ` | there are no named queries and no functional lists; they are refused, never ignored |
| ` + "`$find-matches`" + ` | not built |
| subscriptions by patients, or with chained criteria | refused; see ` + "`docs/interfaces/subscriptions.md`" + ` |
| expansions of SNOMED CT, LOINC and other code systems as a whole | the codes are not here (units, languages and media types are checked by their grammar): 1,214 of the 1,317 value sets of R4 expand, for the others the answer names what is missing |
`)
	return b.String()
}

// searchable reports whether Osler searches by a parameter. Words have no expression: they
// are read in the whole resource, or in its narrative.
func searchable(p *definition.SearchParameter) bool {
	return p.Expression != "" || p.Code == "_text" || p.Code == "_content"
}
