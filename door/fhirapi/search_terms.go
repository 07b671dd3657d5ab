package fhirapi

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/fhir/terminology"
)

// parser reads searches with the search parameters of the record and with the value sets
// and code systems that the caller may see.
func (c *call) parser() (search.Parser, error) {
	p, err := c.actor.Parser(c.Context())
	p.ValueSet = c.codesOf
	p.Below = c.hierarchy(terminology.Below)
	p.Above = c.hierarchy(terminology.Above)
	return p, err
}

// parse reads the parameters of a search.
func (c *call) parse(resourceType string, params []search.Param, mode search.Mode) (search.Query, error) {
	p, err := c.parser()
	if err != nil {
		return search.Query{}, err
	}
	return p.Parse(resourceType, params, mode)
}

// parseQuery reads a search URL in its own order.
func (c *call) parseQuery(resourceType, raw string, mode search.Mode) (search.Query, error) {
	params, err := search.ParseQuery(raw)
	if err != nil {
		return search.Query{}, err
	}
	return c.parse(resourceType, params, mode)
}

// hierarchy asks a code system for what lies under or over a code.
func (c *call) hierarchy(ask func(system, code string, find terminology.Finder) ([]string, error)) func(system, code string) ([]string, error) {
	return func(system, code string) ([]string, error) {
		list, err := ask(system, code, c.finder)
		if fault.Is(err, fault.NotFound) {
			err = fault.New(fault.Malformed, "The code system %q has no code %q.", clip(system), clip(code))
		}
		return list, err
	}
}

// codesOf expands the value set of :in, which is named by its url or by its address here.
func (c *call) codesOf(set string) ([]search.Coding, error) {
	list, err := c.expansion(strings.TrimPrefix(set, c.base+"/"))
	if fault.Is(err, fault.NotFound) { // the address of the search is right, its value is not
		err = fault.New(fault.Malformed, "There is no value set %q.", clip(set))
	}
	if err != nil {
		return nil, err
	}
	out := make([]search.Coding, len(list))
	for i, v := range list {
		out[i] = search.Coding{System: v.System, Code: v.Code}
	}
	return out, nil
}

func (c *call) expansion(set string) ([]definition.Concept, error) {
	id, local := strings.CutPrefix(set, "ValueSet/")
	if !local {
		return terminology.Expand(set, c.finder)
	}
	r, err := c.actor.Read(c.Context(), "ValueSet", id)
	if err != nil {
		return nil, err
	}
	return terminology.ExpandSet(r, c.finder)
}
