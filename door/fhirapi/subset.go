package fhirapi

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
)

// subset keeps of a resource what _summary or _elements ask for, always with what a
// client needs to handle it (R4 search.html#summary, #elements), and marks it SUBSETTED.
func subset(r *fhir.Node, summary search.Summary, elements []string) *fhir.Node {
	keep := keeper(r.ResourceType(), summary, elements)
	if keep == nil {
		return r
	}
	out := fhir.New(r.ResourceType())
	for name, v := range r.Members() {
		switch bare := strings.TrimPrefix(name, "_"); {
		case bare == "id" || bare == "meta" || bare == "implicitRules" || keep(bare):
			out.Set(name, v)
		}
	}
	meta := fhir.Obj()
	if m := out.Get("meta"); m != nil {
		meta = m.Clone()
	}
	tags := fhir.Arr()
	for t := range meta.Get("tag").Items() {
		tags.Append(t)
	}
	tags.Append(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code", "SUBSETTED"))
	meta.Set("tag", tags)
	out.SetFirst(2, "meta", meta)
	return out
}

func keeper(resourceType string, summary search.Summary, elements []string) func(string) bool {
	mandatory, summaries := elementSets(resourceType)
	switch {
	case len(elements) > 0:
		return func(name string) bool {
			base := choiceBase(resourceType, name)
			return mandatory[base] || slices.ContainsFunc(elements, func(e string) bool {
				e = strings.TrimPrefix(strings.TrimSpace(e), resourceType+".")
				return e == name || strings.TrimSuffix(e, "[x]") == base
			})
		}
	case summary == search.SummaryTrue:
		return func(name string) bool { return summaries[choiceBase(resourceType, name)] }
	case summary == search.SummaryText:
		return func(name string) bool { return name == "text" || mandatory[choiceBase(resourceType, name)] }
	case summary == search.SummaryData:
		return func(name string) bool { return name != "text" }
	}
	return nil
}

func elementSets(resourceType string) (mandatory, summaries map[string]bool) {
	mandatory, summaries = map[string]bool{}, map[string]bool{}
	for _, e := range definition.Children(resourceType) {
		mandatory[e.Name] = e.Min > 0
		summaries[e.Name] = e.Summary
	}
	return mandatory, summaries
}

// choiceBase returns "value" for "valueQuantity", and other names unchanged.
func choiceBase(resourceType, name string) string {
	if e, _, ok := definition.Child(resourceType, name); ok {
		return e.Name
	}
	return name
}
