package fhirapi

import (
	"net/http"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// terminologyOperation describes an operation on codes.
func terminologyOperation(on, name string) *fhir.Node {
	about := "From the definitions of FHIR R4 and from stored ValueSets, CodeSystems and ConceptMaps. What needs a code system that is not here is refused, and the answer names it."
	if name == "closure" {
		on, about = "ConceptMap", "Tables belong to who starts them and survive restarts."
	}
	return fhir.Obj("name", name, "definition", "http://hl7.org/fhir/OperationDefinition/"+on+"-"+name, "documentation", about)
}

// terminologyCapabilities answers GET metadata?mode=terminology: the code systems of the
// definitions, and what can be asked of them and of those that are stored. Which are stored
// is a matter of who asks; GET CodeSystem tells.
func (s *server) terminologyCapabilities(c *call) error {
	systems := fhir.Arr()
	for _, url := range definition.CodeSystems() {
		d, ok := definition.FindCodeSystem(url)
		if !ok || !d.Complete {
			continue
		}
		one := fhir.Obj("uri", url)
		if d.Version != "" {
			one.Set("version", fhir.Arr(fhir.Obj("code", d.Version, "isDefault", true)))
		}
		one.Set("subsumption", fhir.Bool(d.Parents != nil))
		systems.Append(one)
	}
	named := func(names ...string) *fhir.Node {
		list := fhir.Arr()
		for _, n := range names {
			list.Append(fhir.Obj("name", n))
		}
		return list
	}
	r := fhir.Obj("resourceType", "TerminologyCapabilities", "status", "active", "date", s.started.Format("2006-01-02"), "kind", "instance",
		"software", fhir.Obj("name", "Osler", "version", s.Version),
		"implementation", fhir.Obj("description", "Osler electronic medical record", "url", c.base),
		"codeSystem", systems,
		"expansion", fhir.Obj("hierarchical", true, "paging", true, "incomplete", false,
			"parameter", named(expandParameters...),
			"textFilter", "Each word begins a word of the display or of a designation, or the whole begins the code; case and accents do not count."),
		"codeSearch", "explicit",
		"validateCode", fhir.Obj("translations", true),
		"translation", fhir.Obj("needsMap", false),
		"closure", fhir.Obj("translation", false))
	return c.write(http.StatusOK, r.JSON())
}
