package fhirpath

import "github.com/osler-emr/osler/fhir"

// tree is section 5.8 of FHIRPath N1.
var tree = map[string]function{
	"children": {0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) {
		out, err := s.children(nil, in)
		if err != nil {
			return nil, err
		}
		return out, s.spend(len(out))
	}},
	"descendants": {0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) {
		out, err := s.children(nil, in)
		for i := 0; err == nil && i < len(out); i++ {
			out, err = s.children(out, out[i:i+1:i+1])
		}
		if err != nil {
			return nil, err
		}
		return out, s.spend(len(out))
	}},
}

// utility is section 5.9 of FHIRPath N1.
var utility = map[string]function{
	"trace": {1, 2, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return in, nil }},
	"type":  {0, 0, reflectType},
	"not": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		t, err := truth(in)
		if err != nil || t == unknown {
			return nil, err
		}
		return yesNo(t == no)
	}},
	"now": {0, 0, func(s *state, _, _ []Value, _ []eval) ([]Value, error) {
		return s.clock(DateTime, "2006-01-02T15:04:05.000Z07:00")
	}},
	"today":     {0, 0, func(s *state, _, _ []Value, _ []eval) ([]Value, error) { return s.clock(Date, "2006-01-02") }},
	"timeOfDay": {0, 0, func(s *state, _, _ []Value, _ []eval) ([]Value, error) { return s.clock(Time, "15:04:05.000") }},
}

func (s *state) clock(kind Kind, layout string) ([]Value, error) {
	if s.now.IsZero() {
		return nil, refuse("the time is not known here; now(), today() and timeOfDay() cannot be used.")
	}
	return []Value{{kind: kind, text: s.now.Format(layout)}}, nil
}

// reflectType is type(): where a type is defined, and its name.
func reflectType(s *state, in, _ []Value, _ []eval) ([]Value, error) {
	name := typeNamed("string")
	info := &typeInfo{name: "SimpleTypeInfo", children: map[string]*child{
		"namespace": {member: "namespace", typ: name}, "name": {member: "name", typ: name}}}
	var out []Value
	for _, v := range in {
		space := "FHIR"
		if v.kind != Element {
			space = "System"
		}
		out = append(out, Value{node: fhir.Obj("namespace", space, "name", v.Type()), typ: info})
	}
	return out, s.spend(len(in))
}

// children appends the children of all items, within the limits.
func (s *state) children(out, in []Value) ([]Value, error) {
	for _, v := range in {
		out = children(out, v)
		if !s.visit() || len(out) > MaxValues {
			return nil, tooCostly()
		}
	}
	return out, nil
}
