package fhirpath

// subsetting is section 5.3 of FHIRPath N1.
var subsetting = map[string]function{
	"single": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		if len(in) > 1 {
			return nil, refuse("single() was applied to %d items.", len(in))
		}
		return in, nil
	}},
	"first": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return in[:min(1, len(in))], nil }},
	"last":  {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return in[max(0, len(in)-1):], nil }},
	"tail":  {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) { return in[min(1, len(in)):], nil }},
	"skip": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		n, ok, err := one(s, args[0], outer, Integer)
		if err != nil || !ok {
			return nil, err
		}
		return in[clamp(n.i, len(in)):], nil
	}},
	"take": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		n, ok, err := one(s, args[0], outer, Integer)
		if err != nil || !ok {
			return nil, err
		}
		return in[:clamp(n.i, len(in))], nil
	}},
	"intersect": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		return s.sift(in, outer, args[0], true)
	}},
	"exclude": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		return s.sift(in, outer, args[0], false)
	}},
}

func clamp(i int64, n int) int64 { return min(max(i, 0), int64(n)) }

// sift keeps the items that are (or are not) in the other collection.
func (s *state) sift(in, outer []Value, arg eval, keep bool) ([]Value, error) {
	other, err := arg(s, outer)
	if err != nil {
		return nil, err
	}
	var out []Value
	found := newSet(len(other))
	for _, v := range other {
		if _, err := found.add(s, v); err != nil {
			return nil, err
		}
	}
	for _, v := range in {
		has, err := found.has(s, v)
		if err != nil {
			return nil, err
		}
		if has == keep {
			out = append(out, v)
		}
	}
	if keep {
		return s.distinct(out)
	}
	return out, nil
}

// combining is section 5.4 of FHIRPath N1.
var combining = map[string]function{
	"union": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		other, err := args[0](s, outer)
		if err != nil {
			return nil, err
		}
		return s.distinct(concat(in, other))
	}},
	"combine": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		other, err := args[0](s, outer)
		if err != nil {
			return nil, err
		}
		return concat(in, other), s.spend(len(in) + len(other))
	}},
}
