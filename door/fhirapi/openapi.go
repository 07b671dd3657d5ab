package fhirapi

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// openAPI answers GET openapi.json: the description of the door in OpenAPI 3.1, made from
// the route table and the definitions.
func (s *server) openAPI(c *call) error {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	body := s.described()
	head := fhir.Obj("openapi", "3.1.0",
		"info", fhir.Obj("title", "Osler FHIR R4", "version", s.Version,
			"description", "The FHIR R4 interface of an Osler record. GET /fhir/metadata tells the same as a CapabilityStatement."),
		"servers", fhir.Arr(fhir.Obj("url", strings.TrimSuffix(c.base, "/fhir")))).JSON()
	b := append(append(head[:len(head)-1:len(head)-1], ','), body[1:]...)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(http.StatusOK)
	if c.Method != http.MethodHead {
		c.w.Write(b) // a client that went away is no error of ours
	}
	return nil
}

// openAPIDocument is the part that is the same for every server.
func openAPIDocument() []byte {
	paths := fhir.Obj()
	for _, rt := range routes() {
		pattern := strings.TrimSuffix(rt.pattern, "{$}")
		if strings.HasSuffix(pattern, "/") {
			continue // the same as without the slash
		}
		at := paths.Get(pattern)
		if at == nil {
			at = fhir.Obj()
			paths.Set(pattern, at)
		}
		at.Set(strings.ToLower(rt.method), rt.describe(pattern))
	}
	types := fhir.Arr()
	for _, t := range definition.ResourceTypes() {
		types.Append(fhir.Str(t))
	}
	object := fhir.Obj("type", "object", "required", fhir.Arr("resourceType"), "properties", fhir.Obj("resourceType", fhir.Obj("type", "string")))
	return fhir.Obj("paths", paths,
		"security", fhir.Arr(fhir.Obj("bearer", fhir.Arr())),
		"components", fhir.Obj(
			"securitySchemes", fhir.Obj("bearer", fhir.Obj("type", "http", "scheme", "bearer")),
			"schemas", fhir.Obj(
				"ResourceType", fhir.Obj("type", "string", "enum", types),
				"Id", fhir.Obj("type", "string", "pattern", `^[A-Za-z0-9\-.]{1,64}$`),
				"Resource", object,
				"OperationOutcome", object.Clone()))).JSON()
}

var variable = regexp.MustCompile(`\{([a-z]+)\}`)

// describe is the operation object of a route.
func (rt route) describe(pattern string) *fhir.Node {
	name := rt.interaction
	if rt.operation != "" {
		name = "$" + rt.operation
	}
	if i := strings.LastIndex(pattern, "/$"); name == "" && i >= 0 {
		name = pattern[i+1:]
	}
	if name == "" && strings.HasSuffix(pattern, "/_search") {
		name = "search"
	}
	if name == "" && strings.Contains(pattern, "{compartment}") {
		name = "compartment search"
	}
	if name == "" && rt.method != http.MethodGet {
		name = "conditional " + map[string]string{"PUT": "update", "PATCH": "patch", "DELETE": "delete"}[rt.method]
	}
	if name == "" {
		name = strings.Trim(strings.TrimPrefix(pattern, "/fhir"), "/")
	}
	params := fhir.Arr()
	for _, m := range variable.FindAllStringSubmatch(pattern, -1) {
		schema := fhir.Obj("$ref", "#/components/schemas/Id")
		switch m[1] {
		case "type":
			schema = fhir.Obj("$ref", "#/components/schemas/ResourceType")
		case "compartment":
			names := fhir.Arr()
			for _, t := range []string{"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"} {
				names.Append(fhir.Str(t))
			}
			schema = fhir.Obj("type", "string", "enum", names)
		}
		params.Append(fhir.Obj("name", m[1], "in", "path", "required", true, "schema", schema))
	}
	for _, p := range rt.query() {
		params.Append(fhir.Obj("name", p, "in", "query", "schema", fhir.Obj("type", "string")))
	}
	resource := fhir.Obj("application/fhir+json", fhir.Obj("schema", fhir.Obj("$ref", "#/components/schemas/Resource")),
		"application/fhir+xml", fhir.Obj())
	o := fhir.Obj("summary", name, "operationId", operationID(rt.method, pattern))
	if params.Len() > 0 {
		o.Set("parameters", params)
	}
	if rt.public {
		o.Set("security", fhir.Arr())
	}
	switch {
	case rt.method == http.MethodPatch:
		o.Set("requestBody", fhir.Obj("required", true, "content", fhir.Obj(jsonPatch, fhir.Obj(), xmlPatch, fhir.Obj(),
			"application/fhir+json", fhir.Obj("schema", fhir.Obj("$ref", "#/components/schemas/Resource")))))
	case strings.HasSuffix(pattern, "/_search"):
		o.Set("requestBody", fhir.Obj("content", fhir.Obj("application/x-www-form-urlencoded", fhir.Obj())))
	case rt.method == http.MethodPut || rt.method == http.MethodPost:
		o.Set("requestBody", fhir.Obj("required", rt.operation == "" && !strings.Contains(pattern, "$"), "content", resource.Clone()))
	}
	good, text := "200", "What was asked for."
	switch {
	case rt.interaction == "create":
		good, text = "201", "Created; Location has its address. 200 when a condition matched."
	case rt.interaction == "delete":
		good, text = "204", "Deleted, or not there."
	case rt.operation == "export":
		good, text = "202", "Accepted; Content-Location has the address of the status."
	}
	answer := fhir.Obj("description", text)
	if good == "200" || good == "201" {
		answer.Set("content", resource)
	}
	o.Set("responses", fhir.Obj(good, answer, "default", fhir.Obj("description", "A fault, as an OperationOutcome.",
		"content", fhir.Obj("application/fhir+json", fhir.Obj("schema", fhir.Obj("$ref", "#/components/schemas/OperationOutcome"))))))
	return o
}

// query returns the query parameters of a route that are not those of a search parameter.
func (rt route) query() []string {
	switch rt.interaction {
	case "search-type", "search-system":
		return []string{"_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_format"}
	case "history-instance", "history-type", "history-system":
		return []string{"_count", "_since", "_at", "_format"}
	case "read":
		return []string{"_summary", "_elements", "_format"}
	}
	return nil
}

// operationID makes a name of a method and a pattern that is unique in the document.
func operationID(method, pattern string) string {
	parts := strings.FieldsFunc(pattern, func(r rune) bool { return r == '/' || r == '{' || r == '}' })
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "fhir" })
	return strings.ToLower(method) + "_" + strings.NewReplacer("$", "op_", "-", "_", ".", "_").Replace(strings.Join(parts, "_"))
}
