package fhirpath

// existence is section 5.1 of FHIRPath N1.
var existence = map[string]function{
	"empty": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return yesNo(len(in) == 0) }},
	"exists": {0, 1, func(s *state, in, _ []Value, args []eval) ([]Value, error) {
		if len(args) == 0 {
			return yesNo(len(in) > 0)
		}
		return s.quantified(in, args[0], yes, false)
	}},
	"all": {1, 1, func(s *state, in, _ []Value, args []eval) ([]Value, error) {
		return s.quantified(in, args[0], no, true)
	}},
	"allTrue":  {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return truths(in, no, true) }},
	"anyTrue":  {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return truths(in, yes, false) }},
	"allFalse": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return truths(in, yes, true) }},
	"anyFalse": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return truths(in, no, false) }},
	"subsetOf": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		other, err := args[0](s, outer)
		if err != nil {
			return nil, err
		}
		return s.subset(in, other)
	}},
	"supersetOf": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		other, err := args[0](s, outer)
		if err != nil {
			return nil, err
		}
		return s.subset(other, in)
	}},
	"count":    {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return []Value{integer(int64(len(in)))}, nil }},
	"distinct": {0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) { return s.distinct(in) }},
	"isDistinct": {0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) {
		out, err := s.distinct(in)
		if err != nil {
			return nil, err
		}
		return yesNo(len(out) == len(in))
	}},
}

// quantified looks for an item whose criterion is (or, for "all", is not certainly other
// than) the wanted truth. all() is false as soon as one item is not true.
func (s *state) quantified(in []Value, criterion eval, stop tri, result bool) ([]Value, error) {
	err := s.each(in, func(item []Value) (bool, error) {
		t, err := s.holds(criterion, item)
		if t == stop || stop == no && t != yes {
			result = !result
			return false, err
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return yesNo(result)
}

// truths scans booleans: finding stop turns the result over.
func truths(in []Value, stop tri, result bool) ([]Value, error) {
	for i := range in {
		v, ok, err := single(in[i:i+1], Boolean)
		if err != nil {
			return nil, err
		}
		if ok && triOf(v.i != 0) == stop {
			return yesNo(!result)
		}
	}
	return yesNo(result)
}

func (s *state) subset(small, large []Value) ([]Value, error) {
	all := newSet(len(large))
	for _, v := range large {
		if _, err := all.add(s, v); err != nil {
			return nil, err
		}
	}
	for _, v := range small {
		if has, err := all.has(s, v); err != nil || !has {
			return []Value{boolean(false)}, err
		}
	}
	return yesNo(true)
}
