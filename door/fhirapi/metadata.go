package fhirapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust/policy"
)

// metadata answers GET metadata: the CapabilityStatement, made from the route table and
// the definitions.
func (s *server) metadata(c *call) error {
	if c.URL.Query().Get("mode") == "terminology" {
		return s.terminologyCapabilities(c)
	}
	b := fhir.Obj(
		"resourceType", "CapabilityStatement", "status", "active",
		"date", s.started.Format("2006-01-02"), "kind", "instance",
		"software", fhir.Obj("name", "Osler", "version", s.Version),
		"implementation", fhir.Obj("description", "Osler electronic medical record", "url", c.base),
		"fhirVersion", "4.0.1", "format", fhir.Arr("application/fhir+json", "application/fhir+xml", "json", "xml"), "patchFormat", fhir.Arr(patchFormats...)).JSON()
	b = append(b[:len(b)-1], `,"rest":[{`...)
	if s.Watch != nil {
		b = append(b, `"extension":`...)
		b = fhir.Arr(fhir.Obj("url", "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket", "valueUri", socketAddress(c.base))).AppendJSON(b)
		b = append(b, ',')
	}
	b = append(b, `"security":`...)
	b = append(s.security(c).AppendJSON(b), ',')
	known, err := s.Gate.Registry(c.Context())
	if err != nil {
		return err
	}
	rest, err := s.capabilities(c, known)
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, append(append(b, rest...), "]}"...))
}

// abilities is CapabilityStatement.rest under the search parameters and the profiles of the
// record.
type abilities struct {
	known    *search.Registry
	profiles map[string][]string
	rest     []byte
}

// capabilities returns CapabilityStatement.rest. It is made once, and again when the record
// has other search parameters or profiles.
func (s *server) capabilities(c *call, known *search.Registry) ([]byte, error) {
	profiles, err := s.Gate.Supported(c.Context())
	if err != nil {
		return nil, err
	}
	if made := s.abilities.Load(); made != nil && made.known == known && maps.EqualFunc(made.profiles, profiles, slices.Equal) {
		return made.rest, nil
	}
	made := &abilities{known, profiles, s.rest(known, profiles)}
	s.abilities.Store(made)
	return made.rest, nil
}

// rest makes CapabilityStatement.rest, after its extensions.
func (s *server) rest(known *search.Registry, profiles map[string][]string) []byte {
	interactions, system, operations := fhir.Arr(), fhir.Arr(), map[string][]string{}
	for _, rt := range routes() {
		switch {
		case rt.operation != "":
			on := rt.on()
			operations[on] = append(operations[on], rt.operation)
		case rt.interaction != "" && rt.system:
			system.Append(fhir.Obj("code", rt.interaction))
		case rt.interaction != "":
			interactions.Append(fhir.Obj("code", rt.interaction))
		}
	}
	system.Append(fhir.Obj("code", "batch"))
	resources := fhir.Arr()
	for _, t := range definition.ResourceTypes() {
		resources.Append(capability(t, interactions, slices.Concat(operations[t], operations["*"]), profiles[t], known.Custom(t)))
	}
	whole := fhir.Arr()
	for _, name := range operations[""] {
		whole.Append(operation("", name))
	}
	return fhir.Obj("mode", "server",
		"resource", resources, "interaction", system, "operation", whole).JSON()[1:]
}

// security says how a program gets a token: by hand, or by SMART App Launch.
func (s *server) security(c *call) *fhir.Node {
	const by = "What it may do depends on the account's role and the token's scopes."
	if !s.Programs {
		return fhir.Obj("cors", true, "description", "A bearer token is needed; `osler token` issues one. "+by)
	}
	at := strings.TrimSuffix(c.base, "/fhir") + "/oauth/"
	addresses := fhir.Arr()
	for _, name := range []string{"authorize", "token", "introspect", "revoke", "register"} {
		addresses.Append(fhir.Obj("url", name, "valueUri", at+name))
	}
	return fhir.Obj("extension", fhir.Arr(fhir.Obj("url", "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension", addresses)),
		"cors", true,
		"service", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/restful-security-service", "code", "SMART-on-FHIR")))),
		"description", "A bearer token is needed: by SMART App Launch 2.2, see .well-known/smart-configuration, or `osler token`. "+by)
}

// auditCapability is that of AuditEvent, which is a view of the audit log.
func auditCapability() *fhir.Node {
	params := fhir.Arr()
	for _, p := range auditParams {
		params.Append(fhir.Obj("name", p.name, "type", p.kind, "documentation", p.about))
	}
	return fhir.Obj("type", auditType, "documentation", "A view of the audit log: read and searched, never written.",
		"interaction", fhir.Arr(fhir.Obj("code", "read"), fhir.Obj("code", "search-type")), "versioning", "no-version", "readHistory", false, "updateCreate", false,
		"searchParam", params)
}

func capability(resourceType string, interactions *fhir.Node, operations, profiles []string, custom []*definition.SearchParameter) *fhir.Node {
	if resourceType == auditType {
		return auditCapability()
	}
	var supported *fhir.Node
	if len(profiles) > 0 {
		supported = fhir.Arr()
		for _, url := range profiles {
			supported.Append(fhir.Str(url))
		}
	}
	r := fhir.Obj("type", resourceType, "supportedProfile", supported, "interaction", interactions,
		"versioning", "versioned-update", "readHistory", true, "updateCreate", !policy.InCharts(resourceType),
		"conditionalCreate", true, "conditionalRead", "full-support", "conditionalUpdate", true, "conditionalDelete", "single",
		"referencePolicy", fhir.Arr("literal", "logical", "enforced"))
	if resourceType == "Subscription" {
		subscribable(r)
	}
	params, includes := fhir.Arr(), fhir.Arr("*")
	for _, p := range everywhere {
		params.Append(fhir.Obj("name", p.name, "type", p.kind, "documentation", p.about))
	}
	for _, p := range slices.Concat(definition.SearchParameters(resourceType), custom) {
		if p.Expression == "" { // of everywhere, or not searched
			continue
		}
		params.Append(fhir.Obj("name", p.Code, "definition", p.URL, "type", p.Type))
		if p.Type == "reference" {
			includes.Append(fhir.Str(resourceType + ":" + p.Code))
		}
	}
	r.Set("searchInclude", includes)
	if back := revIncludes()[resourceType]; len(back) > 0 {
		list := fhir.Arr()
		for _, v := range back {
			list.Append(fhir.Str(v))
		}
		r.Set("searchRevInclude", list)
	}
	r.Set("searchParam", params)
	ops := fhir.Arr()
	for _, name := range operations {
		ops.Append(operation(resourceType, name))
	}
	r.Set("operation", ops)
	return r
}

// revIncludes returns, for each type, the values of _revinclude that can find something:
// the parameters of R4 that refer to the type by name.
var revIncludes = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for _, source := range definition.ResourceTypes() {
		for _, p := range definition.SearchParameters(source) {
			if p.Type != "reference" || p.Expression == "" || len(p.Targets) > 100 { // what may refer to anything is understood all the same
				continue
			}
			for _, target := range p.Targets {
				out[target] = append(out[target], source+":"+p.Code)
			}
		}
	}
	return out
})

// everywhere are the parameters of all types that are no index of their own.
var everywhere = [...]struct{ name, kind, about string }{
	{"_text", "string", "Words of the narrative, by their beginnings. All must be there; OR, NOT, parentheses and \"quotation marks\" work."},
	{"_content", "string", "Words anywhere in the resource, as _text. At most 20,000 resources are read: add a condition."},
	{"_list", "string", "The id of a List. Functional lists ($current-…) are not kept."},
	{"_filter", "special", "The whole grammar of R4. Codes are compared with case, as in other searches."},
}

// on returns what an operation's address is about: a type, "*" for every type, or "" for
// the whole system.
func (rt route) on() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(rt.pattern, "/fhir/"), "/")
	switch {
	case strings.HasPrefix(first, "$"):
		return ""
	case first == "{type}":
		return "*"
	}
	return first
}

func operation(on, name string) *fhir.Node {
	switch name {
	case "everything":
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/"+on+"-everything",
			"documentation", "The compartment, and what it refers to that belongs to no patient. In pages with _count; without it at once.")
	case "expand", "validate-code", "lookup", "subsumes", "translate", "closure":
		return terminologyOperation(on, name)
	case "document":
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/Composition-document",
			"documentation", "A document Bundle of the Composition and of all that it refers to, directly or on the way. It is made when it is asked for; persist is refused.")
	case "lastn", "stats":
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/Observation-"+name)
	case "meta", "meta-add", "meta-delete":
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/Resource-"+name)
	case "provenance":
		return fhir.Obj("name", name, "definition", "urn:osler:operation:provenance",
			"documentation", "A Provenance for each version that the caller may see, newest first: who wrote it, when and why, as the audit log says. _count limits them.")
	case "diff":
		return fhir.Obj("name", name, "definition", "urn:osler:operation:diff",
			"documentation", "The FHIRPath Patch that leads from fromVersion (else the version before) to toVersion (else the current one).")
	case "status", "events", "get-ws-binding-token":
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"+name)
	case "import":
		return fhir.Obj("name", name, "definition", "urn:osler:operation:import",
			"documentation", "NDJSON, as the body or named by a manifest (SMART bulk import), for the token of an administrator with a system scope. It can be repeated.")
	case "import-document":
		return fhir.Obj("name", name, "definition", "urn:osler:operation:import-document",
			"documentation", "The C-CDA document in the body (application/cda+xml or text/xml; a Binary; or Parameters with a Binary named document) is filed, read and held to the chart; the answer tells item by item what is new, the same or differs, and what could not be read. accept=new writes what is new in the same commit; all else waits on a task. A document whose birth date, sex or name differ needs a reason, and all of it waits on the task.")
	case "export":
		kind := map[string]string{"": "export", "Patient": "patient-export", "Group": "group-export"}[on]
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"+kind,
			"documentation", "With _type, _since and _typeFilter, as NDJSON; the token needs a system scope. The files show the record at the moment of the request and can be fetched again for a day.")
	default:
		return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/Resource-validate",
			"documentation", "Against FHIR R4, the profiles that the resource claims and those asked for, as far as they are stored or R4's own; mode create, update and delete ask whether the record would take the change.")
	}
}
