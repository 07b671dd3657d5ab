package fhirpath

import "slices"

// sort compiles sort(): by the items themselves, or by one or more criteria. A criterion
// that begins with a minus sorts from the last to the first, also texts. Items without a
// value of a criterion come last, or first with a minus.
func (c *compiler) sort(e *expr, input eval) (eval, error) {
	arguments := e.args[1:]
	if len(arguments) > 16 {
		return nil, malformed(c.source, e.pos, "sort() does not take %d arguments", len(arguments))
	}
	keys := make([]eval, len(arguments))
	down := make([]bool, len(arguments))
	for i, a := range arguments {
		if a.op == exprPolarity && a.text == "-" {
			a, down[i] = a.args[0], true
		}
		var err error
		if keys[i], err = c.scope(a); err != nil {
			return nil, err
		}
	}
	return func(s *state, outer []Value) ([]Value, error) {
		in, err := input(s, outer)
		if err != nil || len(in) == 0 {
			return nil, err
		}
		return s.sorted(in, keys, down)
	}, nil
}

// sortable is an item with the values of its criteria.
type sortable struct {
	item Value
	keys []Value // kind Element and node nil where there is none
}

func (s *state) sorted(in []Value, keys []eval, down []bool) ([]Value, error) {
	list := make([]sortable, 0, len(in))
	err := s.each(in, func(item []Value) (bool, error) {
		x := sortable{item: item[0], keys: make([]Value, len(keys))}
		for i, key := range keys {
			out, err := key(s, item)
			if err != nil {
				return false, err
			}
			if len(out) > 1 {
				return false, refuse("a criterion of sort() gives %d items.", len(out))
			}
			if len(out) == 1 {
				x.keys[i] = out[0]
			}
		}
		if len(keys) == 0 {
			x.keys = []Value{item[0]}
		}
		list = append(list, x)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b sortable) int {
		if err == nil {
			err = s.spend(len(keys))
		}
		if err != nil {
			return 0
		}
		order, fault := s.order(a, b, down)
		if fault != nil {
			err = fault
		}
		return order
	})
	if err != nil {
		return nil, err
	}
	out := make([]Value, len(list))
	for i := range list {
		out[i] = list[i].item
	}
	return out, nil
}

func (s *state) order(x, y sortable, down []bool) (int, error) {
	for i := range x.keys {
		a, b := x.keys[i], y.keys[i]
		order := 0
		switch emptyA, emptyB := isEmptyNode(a), isEmptyNode(b); {
		case emptyA && emptyB:
		case emptyA:
			order = 1
		case emptyB:
			order = -1
		default:
			var err error
			if order, _, err = s.compare(a, b); err != nil {
				return 0, err
			}
		}
		if i < len(down) && down[i] {
			order = -order
		}
		if order != 0 {
			return order, nil
		}
	}
	return 0, nil
}
