package fhirpath

import (
	"maps"
	"math"
)

// function is a row of the function library. in is the collection before the dot, outer the
// one around the expression, on which arguments that are no criteria are evaluated.
type function struct {
	least, most int // number of arguments
	run         func(s *state, in, outer []Value, args []eval) ([]Value, error)
}

const unlimited = math.MaxInt32

// functions is the library: FHIRPath N1, chapter 5, and the additions of FHIR R4. is(),
// as() and ofType() are compiled in types.go.
var functions = table(existence, filtering, subsetting, combining, conversion, strings_, mathematics, boundary, tree, utility, fhirAdditions)

func table(chapters ...map[string]function) map[string]function {
	all := map[string]function{}
	for _, c := range chapters {
		maps.Copy(all, c)
	}
	return all
}

// each calls f for every item with $this and $index set to it.
func (s *state) each(in []Value, f func(item []Value) (more bool, err error)) error {
	index := s.index
	defer func() { s.index = index }()
	for i := range in {
		if err := s.spend(1); err != nil {
			return err
		}
		s.index = int64(i)
		more, err := f(in[i : i+1 : i+1])
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// holds evaluates a criterion on one item.
func (s *state) holds(criterion eval, item []Value) (tri, error) {
	out, err := criterion(s, item)
	if err != nil {
		return unknown, err
	}
	return truth(out)
}

func yesNo(b bool) ([]Value, error) { return []Value{boolean(b)}, nil }
