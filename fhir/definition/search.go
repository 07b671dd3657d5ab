package definition

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

var searchTable = table[SearchParameter]{packed: &searchGz}
var compartmentTable = table[map[string][]string]{packed: &compartmentsGz}

func decodeSearch(url string, text []byte) (*SearchParameter, error) {
	var line struct {
		C, T, E string
		B, R    []string
		M, P    []string
		O       []struct{ D, E string }
		U       bool
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	p := &SearchParameter{URL: url, Code: line.C, Type: line.T, Expression: line.E, Base: line.B, Targets: line.R,
		Modifiers: line.M, Comparator: line.P, Multiple: line.U}
	for _, c := range line.O {
		p.Components = append(p.Components, Component{Definition: c.D, Expression: c.E})
	}
	return p, nil
}

var searchByType = sync.OnceValue(func() map[string][]*SearchParameter {
	searchTable.load()
	out := map[string][]*SearchParameter{}
	for _, url := range searchTable.keys {
		p := searchTable.get(url, decodeSearch)
		for _, base := range p.Base {
			out[base] = append(out[base], p)
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b *SearchParameter) int { return strings.Compare(a.Code, b.Code) })
	}
	return out
})

var searchLists sync.Map // resource type -> []*SearchParameter

// SearchParameters returns the search parameters of a resource type, those of Resource and
// DomainResource included, sorted by code.
func SearchParameters(resourceType string) []*SearchParameter {
	if v, ok := searchLists.Load(resourceType); ok {
		return v.([]*SearchParameter)
	}
	all := searchByType()
	list := slices.Clone(all["Resource"])
	if t, ok := Lookup(resourceType); ok && t.Base == "DomainResource" {
		list = append(list, all["DomainResource"]...)
	}
	if resourceType != "Resource" && resourceType != "DomainResource" {
		list = append(list, all[resourceType]...)
	}
	slices.SortFunc(list, func(a, b *SearchParameter) int { return strings.Compare(a.Code, b.Code) })
	searchLists.Store(resourceType, list)
	return list
}

// SearchParameterFor returns a search parameter of a resource type by its code.
func SearchParameterFor(resourceType, code string) (*SearchParameter, bool) {
	list := SearchParameters(resourceType)
	i, ok := slices.BinarySearchFunc(list, code, func(p *SearchParameter, code string) int { return strings.Compare(p.Code, code) })
	if !ok {
		return nil, false
	}
	return list[i], true
}

// SearchParameterByURL returns a search parameter by its canonical URL.
func SearchParameterByURL(url string) (*SearchParameter, bool) {
	p := searchTable.get(url, decodeSearch)
	return p, p != nil
}

// Compartment returns, for a compartment ("Patient"), the codes of the reference parameters
// that put a resource of a type into it. Types that are not named are never in it.
func Compartment(name string) map[string][]string {
	m := compartmentTable.get(name, plain[map[string][]string])
	if m == nil {
		return nil
	}
	return *m
}
