// Package terminology answers questions about codes (R4 terminology-service.html): which
// codes a value set holds, whether a code is one of them, what a code means.
//
//	codes, err := terminology.Expand("http://hl7.org/fhir/ValueSet/administrative-gender", find)
//
// Value sets and code systems come from a Finder (those that are stored in a record) and,
// where it has none, from the tables of fhir/definition. What cannot be answered from what
// is here (SNOMED CT, a filter by property) is a fault that says so: never an empty answer.
package terminology

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

const (
	MaxCodes = 50_000 // codes in one expansion
	maxDepth = 16     // value sets that import each other
)

// Finder returns the stored ValueSet or CodeSystem with a canonical URL; nil when there is
// none.
type Finder func(resourceType, url string) (*fhir.Node, error)

// Expand returns the codes of a value set, each once, in the order of its definition.
func Expand(url string, find Finder) ([]definition.Concept, error) {
	return (&expansion{find: find}).named(url)
}

// ExpandSet is Expand for a value set that is given itself.
func ExpandSet(set *fhir.Node, find Finder) ([]definition.Concept, error) {
	return (&expansion{find: find}).set(set)
}

type expansion struct {
	find Finder
	open []string // value sets that are being expanded
}

func (x *expansion) named(url string) ([]definition.Concept, error) {
	bare, _, _ := strings.Cut(url, "|")
	if slices.Contains(x.open, bare) {
		return nil, fault.New(fault.Invalid, "The value set imports itself.")
	}
	if len(x.open) >= maxDepth {
		return nil, fault.New(fault.TooCostly, "The value set imports others more than %d levels deep.", maxDepth)
	}
	x.open = append(x.open, bare)
	defer func() { x.open = x.open[:len(x.open)-1] }()
	stored, err := x.find("ValueSet", url)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		return x.set(stored)
	}
	concepts, known := definition.Expand(bare)
	switch {
	case known:
		return unique(concepts, nil)
	case definition.HasValueSet(bare):
		return nil, fault.New(fault.NotSupported, "The value set cannot be expanded: some of its codes are of a code system that is not here.")
	}
	return nil, fault.New(fault.NotFound, "There is no value set with this url.")
}

func (x *expansion) set(set *fhir.Node) ([]definition.Concept, error) {
	if set.Path("compose.include").Len() == 0 {
		return nil, fault.New(fault.NotSupported, "The value set has no compose.include to expand.")
	}
	var all []definition.Concept
	for part := range set.Path("compose.include").Items() {
		some, err := x.part(part)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > MaxCodes {
			return nil, fault.New(fault.TooCostly, "The value set has more than %d codes.", MaxCodes)
		}
	}
	out := map[[2]string]bool{}
	for part := range set.Path("compose.exclude").Items() {
		some, err := x.part(part)
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			out[[2]string{c.System, c.Code}] = true
		}
	}
	return unique(all, out)
}

// part returns the codes of one include or exclude: those of the system that all the
// imported value sets have as well.
func (x *expansion) part(part *fhir.Node) ([]definition.Concept, error) {
	if part.Get("filter").Len() > 0 {
		return nil, fault.New(fault.NotSupported, "The value set selects codes by a filter, which Osler does not apply.")
	}
	var all []definition.Concept
	restricted := false
	if system := part.Get("system").Text(); system != "" {
		var err error
		if all, err = x.system(system, part.Get("concept")); err != nil {
			return nil, err
		}
		restricted = true
	}
	for url := range part.Get("valueSet").Items() {
		some, err := x.named(url.Text())
		if err != nil {
			return nil, err
		}
		if !restricted {
			all, restricted = some, true
			continue
		}
		in := map[[2]string]bool{}
		for _, c := range some {
			in[[2]string{c.System, c.Code}] = true
		}
		all = slices.DeleteFunc(all, func(c definition.Concept) bool { return !in[[2]string{c.System, c.Code}] })
	}
	if !restricted {
		return nil, fault.New(fault.Invalid, "A part of the value set names neither a code system nor a value set.")
	}
	return all, nil
}

// system returns the chosen codes of a code system, or all of them.
func (x *expansion) system(system string, chosen *fhir.Node) ([]definition.Concept, error) {
	var all []definition.Concept
	for c := range chosen.Items() {
		code, display := c.Get("code").Text(), c.Get("display").Text()
		if display == "" {
			display, _ = definition.Display(system, code)
		}
		all = append(all, definition.Concept{System: system, Code: code, Display: display})
	}
	if chosen.Len() > 0 {
		return all, nil
	}
	all, complete, err := Codes(system, x.find)
	if err == nil && !complete {
		err = fault.New(fault.NotSupported, "The value set holds all codes of a code system that is not here, or not wholly.")
	}
	return all, err
}

// Codes returns the codes of a code system, and whether these are all.
func Codes(system string, find Finder) (concepts []definition.Concept, complete bool, err error) {
	stored, err := find("CodeSystem", system)
	if err != nil {
		return nil, false, err
	}
	if stored == nil {
		concepts, complete = definition.Codes(system)
		return concepts, complete, nil
	}
	var walk func(list *fhir.Node) bool
	walk = func(list *fhir.Node) bool {
		for c := range list.Items() {
			concepts = append(concepts, definition.Concept{System: system, Code: c.Get("code").Text(), Display: c.Get("display").Text()})
			if len(concepts) > MaxCodes || !walk(c.Get("concept")) {
				return false
			}
		}
		return true
	}
	if !walk(stored.Get("concept")) {
		return nil, false, fault.New(fault.TooCostly, "The code system has more than %d codes.", MaxCodes)
	}
	return concepts, stored.Get("content").Text() == "complete", nil
}

func unique(list []definition.Concept, out map[[2]string]bool) ([]definition.Concept, error) {
	seen := map[[2]string]bool{}
	kept := make([]definition.Concept, 0, len(list))
	for _, c := range list {
		key := [2]string{c.System, c.Code}
		if !seen[key] && !out[key] {
			seen[key] = true
			kept = append(kept, c)
		}
	}
	return kept, nil
}
