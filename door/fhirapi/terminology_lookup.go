package fhirapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/terminology"
)

func urlOf(address string) input { return input{name: "url", value: fhir.Str(address)} }

// lookup answers CodeSystem/$lookup (R4 codesystem-operation-lookup): what a code is
// called, means and belongs to.
func (s *server) lookup(c *call) error {
	in, err := c.inputs("code", "system", "version", "coding", "displayLanguage", "property*")
	if err != nil {
		return err
	}
	codings, err := in.codings("system", "version")
	if err != nil {
		return err
	}
	ask := codings[0]
	if ask.System == "" {
		return fault.New(fault.Malformed, "Name the code system of the code with the parameter system.")
	}
	canonical := ask.System
	if ask.Version != "" && !strings.Contains(canonical, "|") {
		canonical += "|" + ask.Version
	}
	system, err := terminology.FindSystem(canonical, in.find)
	if err != nil {
		return err
	}
	e, err := system.Lookup(ask.Code)
	if err != nil {
		return err
	}
	name := system.Name
	if name == "" {
		name = system.URL
	}
	out := []*fhir.Node{output("name", "valueString", name), output("version", "valueString", system.Version), output("display", "valueString", displayOf(e, in.text("displayLanguage")))}
	return c.write(http.StatusOK, parametersOf(append(out, described(e, in.all("property"))...)...))
}

// displayOf never is empty, as the answer must have one.
func displayOf(e terminology.Entry, language string) string {
	if d := e.DisplayIn(language); d != "" {
		return d
	}
	return e.Code
}

// described returns the designations and properties that are asked for; without a wish, all.
func described(e terminology.Entry, wishes []string) []*fhir.Node {
	wants := func(what string) bool {
		return len(wishes) == 0 || slices.Contains(wishes, what) || slices.Contains(wishes, "*")
	}
	var out []*fhir.Node
	for _, d := range e.Designations() {
		if !wants("designation") && !slices.Contains(wishes, "lang."+d.Language) {
			continue
		}
		parts := fhir.Arr()
		parts.Append(output("language", "valueCode", d.Language))
		if d.Use != nil {
			parts.Append(fhir.Obj("name", "use", "valueCoding", d.Use.Clone()))
		}
		parts.Append(output("value", "valueString", d.Value))
		out = append(out, fhir.Obj("name", "designation", "part", parts))
	}
	property := func(code, kind string, value *fhir.Node) {
		if wants(code) {
			out = append(out, fhir.Obj("name", "property", "part", fhir.Arr(
				fhir.Obj("name", "code", "valueCode", code), fhir.Obj("name", "value", kind, value.Clone()))))
		}
	}
	if d := e.Definition(); d != "" {
		property("definition", "valueString", fhir.Str(d))
	}
	for _, p := range e.Properties() {
		property(p.Code, p.Type, p.Value)
	}
	return out
}

// subsumes answers CodeSystem/$subsumes (R4 codesystem-operation-subsumes).
func (s *server) subsumes(c *call) error {
	in, err := c.inputs("codeA", "codeB", "system", "version", "codingA", "codingB")
	if err != nil {
		return err
	}
	a, b := terminology.Coding{System: in.text("system"), Code: in.text("codeA")}, terminology.Coding{System: in.text("system"), Code: in.text("codeB")}
	if given := in.get("codingA"); given != nil && a.Code == "" {
		a = terminology.CodingOf(given)
	}
	if given := in.get("codingB"); given != nil && b.Code == "" {
		b = terminology.CodingOf(given)
	}
	switch {
	case a.Code == "" || b.Code == "":
		return fault.New(fault.Malformed, "Name the codes with codeA and codeB and their system, or as codingA and codingB in the body of a POST.")
	case a.System != b.System:
		return fault.New(fault.Invalid, "The two codes are of different code systems.")
	case in.text("system") == "" && a.System != "" && c.PathValue("id") == "":
		in.list = append(in.list, input{name: "system", value: fhir.Str(a.System)})
	}
	system, err := in.codeSystem(c, "system", "version")
	if err != nil {
		return err
	}
	if a.System != "" && a.System != system.URL && c.PathValue("id") != "" {
		return fault.New(fault.Invalid, "The codes are not of this code system.")
	}
	outcome, err := system.Subsumes(a.Code, b.Code)
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, parametersOf(output("outcome", "valueCode", outcome)))
}
