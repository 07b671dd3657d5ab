package fhirpath

import "slices"

// filtering is section 5.2 of FHIRPath N1, and iif, trace and aggregate, whose arguments
// are expressions on the input as well.
var filtering = map[string]function{
	"where": {1, 1, func(s *state, in, _ []Value, args []eval) ([]Value, error) {
		var out []Value
		err := s.each(in, func(item []Value) (bool, error) {
			t, err := s.holds(args[0], item)
			if t == yes {
				out = append(out, item[0])
			}
			return true, err
		})
		return out, err
	}},
	"select": {1, 1, func(s *state, in, _ []Value, args []eval) ([]Value, error) {
		var out []Value
		err := s.each(in, func(item []Value) (bool, error) {
			more, err := args[0](s, item)
			out = append(out, more...)
			if err == nil {
				err = s.spend(len(more))
			}
			if err == nil && len(out) > MaxValues {
				err = tooCostly()
			}
			return true, err
		})
		return out, err
	}},
	"repeat": {1, 1, repeat},
	"aggregate": {1, 2, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		total := s.total
		defer func() { s.total = total }()
		s.total = nil
		if len(args) == 2 {
			start, err := args[1](s, outer)
			if err != nil {
				return nil, err
			}
			s.total = start
		}
		err := s.each(in, func(item []Value) (bool, error) {
			next, err := args[0](s, item)
			s.total = next
			return true, err
		})
		return s.total, err
	}},
	"iif": {2, 3, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		if len(in) > 1 {
			return nil, refuse("iif() was applied to %d items.", len(in))
		}
		if len(in) == 0 {
			in = outer
		}
		out, err := args[0](s, in)
		if err != nil {
			return nil, err
		}
		t := unknown
		if len(out) > 0 {
			v, ok, err := single(out, Boolean)
			if err != nil {
				return nil, err
			}
			if ok {
				t = triOf(v.i != 0)
			}
		}
		switch {
		case t == yes:
			return args[1](s, in)
		case len(args) == 3:
			return args[2](s, in)
		}
		return nil, nil
	}},
}

// repeat applies the expression to its own results until nothing new comes.
func repeat(s *state, in, _ []Value, args []eval) ([]Value, error) {
	var out []Value
	seen := set{}
	queue := slices.Clone(in)
	for len(queue) > 0 {
		item := queue[:1:1]
		queue = queue[1:]
		more, err := args[0](s, item)
		if err != nil {
			return nil, err
		}
		for _, v := range more {
			fresh, err := seen.add(s, v)
			if err != nil {
				return nil, err
			}
			if fresh {
				out = append(out, v)
				queue = append(queue, v)
			}
		}
	}
	return out, nil
}
