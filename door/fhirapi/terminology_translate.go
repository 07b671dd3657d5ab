package fhirapi

import (
	"net/http"
	"net/url"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/terminology"
)

// translate answers ConceptMap/$translate (R4 conceptmap-operation-translate).
func (s *server) translate(c *call) error {
	in, err := c.inputs("url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept",
		"target", "targetsystem", "dependency*", "reverse")
	if err != nil {
		return err
	}
	ask := terminology.Translation{Source: in.text("source"), Target: in.text("target"), TargetSystem: in.text("targetsystem")}
	if ask.Codings, err = in.codings("system", "version"); err != nil {
		return err
	}
	if ask.Reverse, _, err = in.flag("reverse"); err != nil {
		return err
	}
	if ask.Dependencies, err = in.dependencies(); err != nil {
		return err
	}
	maps, err := in.conceptMaps(c, ask)
	if err != nil {
		return err
	}
	got, err := ask.Translate(maps, in.find)
	if err != nil {
		return err
	}
	out := []*fhir.Node{verdictOf(got.Result), output("message", "valueString", got.Message)}
	for _, m := range got.Matches {
		out = append(out, matched(m))
	}
	return c.write(http.StatusOK, parametersOf(out...))
}

// conceptMaps returns the map that is named, or all that could be meant: those of the
// definitions and the stored ones between the systems or value sets.
func (in *inputs) conceptMaps(c *call, ask terminology.Translation) ([]*fhir.Node, error) {
	given, err := in.resource("conceptMap", "ConceptMap")
	if err != nil {
		return nil, err
	}
	ways := 0
	for _, there := range []bool{given != nil, in.text("url") != "", c.PathValue("id") != ""} {
		if there {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, fault.New(fault.Malformed, "Name one concept map: with url, as conceptMap in the body of a POST, or in the address.")
	case given != nil:
		return []*fhir.Node{given}, nil
	case c.PathValue("id") != "":
		m, err := c.actor.Read(c.Context(), "ConceptMap", c.PathValue("id"))
		return []*fhir.Node{m}, err
	case in.text("url") != "":
		canonical, err := in.canonical(in.text("url"), "conceptMapVersion")
		if err != nil {
			return nil, err
		}
		m, err := terminology.FindMap(canonical, in.find)
		return []*fhir.Node{m}, err
	}
	stored, err := c.mapsFor(ask)
	if err != nil {
		return nil, err
	}
	defined, err := terminology.DefinedMaps()
	return append(stored, defined...), err
}

// mapsFor finds the stored maps that the caller may see and that have the code's system on
// the side that is asked from.
func (c *call) mapsFor(ask terminology.Translation) ([]*fhir.Node, error) {
	from, to := "source-system", "target-system"
	if ask.Reverse {
		from, to = to, from
	}
	query := url.Values{"status:not": {"retired"}}
	for _, coding := range ask.Codings {
		if coding.System == "" {
			return nil, fault.New(fault.Malformed, "Name the system of the code, or the concept map.")
		}
	}
	if len(ask.Codings) == 1 {
		query.Set(from, ask.Codings[0].System)
	}
	if ask.TargetSystem != "" {
		query.Set(to, ask.TargetSystem)
	}
	found, err := c.actor.Find(c.Context(), "ConceptMap", query.Encode())
	if fault.Is(err, fault.Forbidden) { // the definitions are open to everyone
		return nil, nil
	}
	return found, err
}

// dependencies reads the parameter of that name: parts element and concept.
func (in *inputs) dependencies() ([]terminology.Dependency, error) {
	var out []terminology.Dependency
	for _, p := range in.list {
		if p.name != "dependency" {
			continue
		}
		element, concepts := "", []*fhir.Node(nil)
		for part := range p.parts.Items() {
			switch i := inputOf(part); i.name {
			case "element":
				element = i.value.Text()
			case "concept":
				for coding := range i.value.Get("coding").Items() {
					concepts = append(concepts, coding)
				}
			}
		}
		if element == "" || len(concepts) == 0 {
			return nil, fault.New(fault.Malformed, "A dependency has the parts element and concept, a CodeableConcept with a coding.")
		}
		for _, coding := range concepts {
			out = append(out, terminology.Dependency{Property: element, System: coding.Get("system").Text(), Value: coding.Get("code").Text()})
		}
	}
	return out, nil
}

func matched(m terminology.Match) *fhir.Node {
	parts := fhir.Arr(fhir.Obj("name", "equivalence", "valueCode", m.Equivalence))
	if m.Concept.Code != "" {
		parts.Append(fhir.Obj("name", "concept", "valueCoding", codingNode(m.Concept)))
	}
	for _, p := range m.Products {
		parts.Append(fhir.Obj("name", "product", "part", fhir.Arr(
			fhir.Obj("name", "element", "valueUri", p.Element), fhir.Obj("name", "concept", "valueCoding", codingNode(p.Concept)))))
	}
	parts.Append(output("source", "valueUri", m.Map))
	return fhir.Obj("name", "match", "part", parts)
}

func codingNode(c terminology.Coding) *fhir.Node {
	return fhir.Obj("system", c.System, "version", c.Version, "code", c.Code, "display", c.Display)
}
