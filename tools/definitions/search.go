package main

import "path/filepath"

type searchParameter struct {
	URL        string `json:"url"`
	Code       string `json:"code"`
	Type       string `json:"type"`
	Base       []string
	Expression string
	Target     []string
	Multiple   *bool `json:"multipleOr"`
	Modifier   []string
	Comparator []string
	Component  []struct{ Definition, Expression string }
}

type searchLine struct {
	Code       string          `json:"c"`
	Type       string          `json:"t"`
	Base       []string        `json:"b"`
	Expression string          `json:"e,omitempty"`
	Targets    []string        `json:"r,omitempty"`
	Modifiers  []string        `json:"m,omitempty"`
	Comparator []string        `json:"p,omitempty"`
	Components []componentLine `json:"o,omitempty"`
	Multiple   bool            `json:"u,omitempty"`
}

type componentLine struct {
	Definition string `json:"d"`
	Expression string `json:"e"`
}

func searchParameters(from, to string) error {
	list, err := entries[searchParameter](filepath.Join(from, "search-parameters.json"), "SearchParameter")
	if err != nil {
		return err
	}
	lines := map[string]any{}
	for _, p := range list {
		l := searchLine{Code: p.Code, Type: p.Type, Base: p.Base, Expression: p.Expression, Targets: p.Target,
			Modifiers: p.Modifier, Comparator: p.Comparator, Multiple: p.Multiple == nil || *p.Multiple}
		for _, c := range p.Component {
			l.Components = append(l.Components, componentLine{c.Definition, c.Expression})
		}
		lines[p.URL] = l
	}
	if err := expect("search parameters", len(lines), 1378); err != nil {
		return err
	}
	return table(to, "search", lines)
}
