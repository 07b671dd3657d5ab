package fhirpath

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// fhirAdditions are the functions that FHIR R4 adds (section 2.9.1). Those that
// need terminology, profiles or a reader of XHTML ask the Hooks: see hooks.go.
var fhirAdditions = map[string]function{
	"extension": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		url, ok, err := one(s, args[0], outer, String)
		if err != nil || !ok {
			return nil, err
		}
		var out []Value
		for _, v := range in {
			for _, e := range step(nil, v, "extension") {
				if e.node.Get("url").Text() == url.text {
					out = append(out, e)
				}
			}
		}
		return out, s.spend(len(out))
	}},
	"hasValue": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		return yesNo(len(in) == 1 && (in[0].kind != Element || in[0].primitive()))
	}},
	"getValue": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		if len(in) != 1 || in[0].kind == Element && !in[0].primitive() {
			return nil, nil
		}
		return []Value{in[0].system()}, nil
	}},
	"resolve":           {0, 0, resolve},
	"memberOf":          {1, 1, memberOf},
	"subsumes":          {1, 1, subsumption("subsumes")},
	"subsumedBy":        {1, 1, subsumption("subsumed-by")},
	"conformsTo":        {1, 1, conformsTo},
	"htmlChecks":        {0, 0, htmlChecks},
	"elementDefinition": unsupported("elementDefinition"),
	"slice":             unsupported("slice"),
	"checkModifiers":    {0, unlimited, checkModifiers},
}

// checkModifiers returns its input when it has no modifier extension besides the named.
func checkModifiers(s *state, in, outer []Value, args []eval) ([]Value, error) {
	known := map[string]bool{}
	for _, a := range args {
		url, ok, err := one(s, a, outer, String)
		if err != nil {
			return nil, err
		}
		known[url.text] = ok
	}
	for _, v := range in {
		for _, e := range step(nil, v, "modifierExtension") {
			if !known[e.node.Get("url").Text()] {
				return nil, refuse("there is a modifier extension that is not known.")
			}
		}
	}
	return in, s.spend(len(in))
}

func unsupported(name string) function {
	return function{0, unlimited, func(*state, []Value, []Value, []eval) ([]Value, error) {
		return nil, lacking(name)
	}}
}

// lacking is the fault of a function that cannot be carried out here.
func lacking(name string) error {
	return fault.New(fault.NotSupported, "FHIRPath: %s() cannot be answered here.", name)
}

// resolve follows references: to contained resources, to entries of the bundle, through
// the caller's Resolver, or at least to the type that the reference names.
func resolve(s *state, in, _ []Value, _ []eval) ([]Value, error) {
	var out []Value
	for _, v := range in {
		reference, named := "", ""
		switch v.node.Kind() {
		case fhir.Object:
			reference, named = v.node.Get("reference").Text(), v.node.Get("type").Text()
		case fhir.String:
			reference = v.node.Text()
		}
		if v.kind == String {
			reference = v.text
		}
		if target, ok := s.target(reference, named); ok {
			out = append(out, target)
		}
	}
	return out, s.spend(len(out))
}

func (s *state) target(reference, named string) (Value, bool) {
	if id, local := strings.CutPrefix(reference, "#"); local {
		if id == "" {
			return s.container(), true
		}
		for c := range s.container().node.Get("contained").Items() {
			if c.ID() == id {
				return Of(c), true
			}
		}
		return Value{}, false
	}
	if reference != "" && s.resource.typ.is("Bundle") {
		for e := range s.resource.node.Get("entry").Items() {
			if r := e.Get("resource"); e.Get("fullUrl").Text() == reference || r.Reference() == reference {
				return Of(r), r != nil
			}
		}
	}
	if s.resolver != nil && reference != "" {
		if n := s.resolver(reference); n != nil {
			return Of(n), true
		}
	}
	if t := TypeOf(reference); t != "" {
		named = t
	}
	if t := typeNamed(named); t != nil && t.resource {
		return Value{typ: t}, true
	}
	return Value{}, false
}

// TypeOf returns the resource type that a literal reference names ("Patient/123",
// "https://example.org/fhir/Patient/123/_history/2"), or "".
func TypeOf(reference string) string {
	if i := strings.Index(reference, "/_history/"); i >= 0 {
		reference = reference[:i]
	}
	slash := strings.LastIndexByte(reference, '/')
	if slash <= 0 {
		return ""
	}
	name := reference[:slash]
	name = name[strings.LastIndexByte(name, '/')+1:]
	if isResourceType(name) {
		return name
	}
	return ""
}
