package main

import (
	"path/filepath"
	"strings"
)

type structureDefinition struct {
	Name, Kind, Type, Derivation, BaseDefinition string
	Abstract                                     bool
	Snapshot                                     struct{ Element []elementDefinition }
}

type elementDefinition struct {
	Path, Max, Short, ContentReference string
	Min                                int
	IsSummary, IsModifier              bool
	Type                               []struct {
		Code          string
		TargetProfile []string
		Profile       []string
		Extension     []struct{ URL, ValueUrl string }
	}
	Binding    *struct{ Strength, ValueSet string }
	Constraint []struct{ Key, Severity, Human, Expression, Source string }
}

// The JSON of the tables has short member names; fhir/definition reads the same shapes.
type typeLine struct {
	Kind      string          `json:"k"`
	Base      string          `json:"b,omitempty"`
	Abstract  bool            `json:"a,omitempty"`
	Elements  []elementLine   `json:"e"`
	Invariant []invariantLine `json:"i,omitempty"`
}

type elementLine struct {
	Path     string     `json:"p"`
	Min      int        `json:"m,omitempty"`
	Max      int        `json:"x"`
	Types    []typeCode `json:"t,omitempty"`
	Content  string     `json:"c,omitempty"`
	Binding  string     `json:"b,omitempty"`
	Strength string     `json:"s,omitempty"`
	Short    string     `json:"h,omitempty"`
	Summary  bool       `json:"u,omitempty"`
	Modifier bool       `json:"o,omitempty"`
}

type typeCode struct {
	Code    string   `json:"c"`
	Targets []string `json:"t,omitempty"`
	Any     bool     `json:"a,omitempty"`
	Profile string   `json:"p,omitempty"`
}

type invariantLine struct {
	Key        string `json:"k"`
	Path       string `json:"p"`
	Severity   string `json:"s"`
	Human      string `json:"h"`
	Expression string `json:"e"`
}

const fhirType = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"

func types(from, to string) error {
	lines := map[string]any{}
	counts := map[string]int{}
	known := map[string]bool{}
	for _, file := range []string{"profiles-resources.json", "profiles-types.json"} {
		list, err := entries[structureDefinition](filepath.Join(from, file), "StructureDefinition")
		if err != nil {
			return err
		}
		for _, e := range list {
			known[e.Type] = true
		}
		for _, e := range list {
			if e.Derivation == "constraint" {
				continue
			}
			counts[file]++
			lines[e.Type] = typeOf(e, known)
		}
	}
	if err := expect("resource types", counts["profiles-resources.json"], 148+2); err != nil {
		return err
	}
	if err := compartments(from, to); err != nil {
		return err
	}
	return table(to, "types", lines)
}

func typeOf(sd structureDefinition, known map[string]bool) typeLine {
	t := typeLine{Kind: sd.Kind, Abstract: sd.Abstract, Base: last(sd.BaseDefinition)}
	for _, e := range sd.Snapshot.Element {
		el := elementLine{Path: e.Path, Min: e.Min, Max: atoi(e.Max), Content: strings.TrimPrefix(e.ContentReference, "#"),
			Short: e.Short, Summary: e.IsSummary, Modifier: e.IsModifier}
		for _, tc := range e.Type {
			code := tc.Code
			for _, x := range tc.Extension {
				if x.URL == fhirType {
					code = x.ValueUrl
				}
			}
			if e.Path == "Bundle.entry.response.outcome" {
				code = "Resource" // so in R4; the package narrows it to OperationOutcome
			}
			c := typeCode{Code: code}
			for _, p := range tc.TargetProfile {
				switch name := last(p); {
				case name == "Resource":
					c.Any = true
				case known[name]: // and not one of Medplum's own types
					c.Targets = append(c.Targets, name)
				}
			}
			if len(tc.Profile) > 0 {
				c.Profile = tc.Profile[0]
			}
			el.Types = append(el.Types, c)
		}
		if e.Binding != nil {
			el.Binding, el.Strength = e.Binding.ValueSet, e.Binding.Strength
		}
		t.Elements = append(t.Elements, el)
		for _, c := range e.Constraint {
			own := c.Source == "" || last(c.Source) == sd.Type
			if own && c.Expression != "" {
				t.Invariant = append(t.Invariant, invariantLine{c.Key, e.Path, c.Severity, c.Human, c.Expression})
			}
		}
	}
	return t
}

func last(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

func compartments(from, to string) error {
	list, err := entries[struct {
		Code     string
		Resource []struct {
			Code  string
			Param []string
		}
	}](filepath.Join(from, "profiles-resources.json"), "CompartmentDefinition")
	if err != nil {
		return err
	}
	lines := map[string]any{}
	for _, c := range list {
		params := map[string][]string{}
		for _, r := range c.Resource {
			if len(r.Param) > 0 {
				params[r.Code] = r.Param
			}
		}
		lines[c.Code] = params
	}
	if err := expect("compartments", len(lines), 5); err != nil {
		return err
	}
	return table(to, "compartments", lines)
}
