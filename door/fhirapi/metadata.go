package fhirapi

import (
	"net/http"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// metadata answers GET metadata: the CapabilityStatement, made from the route table and
// the definitions.
func (s *server) metadata(c *call) error {
	interactions, system, operations := fhir.Arr(), fhir.Arr(), map[string][]string{}
	for _, rt := range routes() {
		switch {
		case rt.operation == "everything":
			operations["Patient"] = append(operations["Patient"], rt.operation)
		case rt.operation != "":
			operations["*"] = append(operations["*"], rt.operation)
		case rt.interaction != "" && rt.system:
			system.Append(fhir.Obj("code", rt.interaction))
		case rt.interaction != "":
			interactions.Append(fhir.Obj("code", rt.interaction))
		}
	}
	system.Append(fhir.Obj("code", "batch"))
	resources := fhir.Arr()
	for _, t := range definition.ResourceTypes() {
		resources.Append(capability(t, interactions, append(operations[t], operations["*"]...)))
	}
	cs := fhir.Obj(
		"resourceType", "CapabilityStatement", "status", "active",
		"date", s.started.Format("2006-01-02"), "kind", "instance",
		"software", fhir.Obj("name", "Osler", "version", s.Version),
		"implementation", fhir.Obj("description", "Osler electronic medical record", "url", c.base),
		"fhirVersion", "4.0.1", "format", fhir.Arr("application/fhir+json", "json"),
		"rest", fhir.Arr(fhir.Obj("mode", "server",
			"security", fhir.Obj("cors", false, "description", "A bearer token is needed; `osler token` issues one."),
			"resource", resources, "interaction", system)))
	return c.write(http.StatusOK, cs.JSON())
}

func capability(resourceType string, interactions *fhir.Node, operations []string) *fhir.Node {
	r := fhir.Obj("type", resourceType, "interaction", interactions,
		"versioning", "versioned-update", "readHistory", true, "updateCreate", true,
		"conditionalCreate", true, "conditionalUpdate", true, "conditionalDelete", "single")
	params, includes := fhir.Arr(), fhir.Arr("*")
	for _, p := range definition.SearchParameters(resourceType) {
		if p.Expression == "" || p.Type == "special" {
			continue
		}
		params.Append(fhir.Obj("name", p.Code, "definition", p.URL, "type", p.Type))
		if p.Type == "reference" {
			includes.Append(fhir.Str(resourceType + ":" + p.Code))
		}
	}
	r.Set("searchInclude", includes)
	r.Set("searchParam", params)
	ops := fhir.Arr()
	for _, name := range operations {
		def := "http://hl7.org/fhir/OperationDefinition/Resource-validate"
		if name == "everything" {
			def = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
		}
		ops.Append(fhir.Obj("name", name, "definition", def))
	}
	r.Set("operation", ops)
	return r
}
