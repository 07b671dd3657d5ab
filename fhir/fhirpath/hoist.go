package fhirpath

// once compiles a part of a criterion that does not depend on the item, such as
// %resource.descendants() in the rule dom-3: it is evaluated for the first item and kept
// for the others. Without that, a rule over n contained resources costs n times the
// whole resource.
func (c *compiler) once(e *expr) (eval, error) {
	loop := c.loop
	c.loop = 0
	run, err := c.compile(e)
	c.loop = loop
	if err != nil {
		return nil, err
	}
	slot := c.slots
	c.slots++
	return func(s *state, in []Value) ([]Value, error) {
		if k := &s.kept[slot]; k.done {
			return k.out, s.spend(0)
		}
		out, err := run(s, in)
		if err == nil {
			s.kept[slot] = kept{out, true}
		}
		return out, err
	}, nil
}

// kept is the result of a part that is evaluated once.
type kept struct {
	out  []Value
	done bool
}

// worthOnce reports a part that looks into a resource and always gives the same within one
// evaluation.
func worthOnce(e *expr) bool {
	switch e.op {
	case exprStep, exprCall, exprBinary, exprIndexer:
		return fixed(e) && looks(e)
	}
	return false
}

// fixed reports that a part depends on variables (%resource) and literals only, not on the
// item that it is evaluated on.
func fixed(e *expr) bool {
	switch e.op {
	case exprThis, exprIndex, exprTotal:
		return false
	case exprExternal:
		return reserved(e.text)
	case exprStep, exprCall:
		if e.args[0] == nil || !fixed(e.args[0]) || e.text == "defineVariable" {
			return false
		}
		for _, a := range e.args[1:] {
			switch {
			case e.text == "is" || e.text == "as" || e.text == "ofType":
			case perItem[e.text]:
				if varies(a) {
					return false
				}
			case !fixed(a):
				return false
			}
		}
		return true
	}
	for _, a := range e.args {
		if !fixed(a) {
			return false
		}
	}
	return true
}

// perItem are the functions whose arguments see nothing but the items of the input.
var perItem = map[string]bool{"where": true, "select": true, "all": true, "exists": true, "repeat": true, "sort": true}

// varies reports that a criterion looks at more than the item: $total, or a variable that
// may be defined anew.
func varies(e *expr) bool {
	if e == nil {
		return false
	}
	if e.op == exprTotal || e.op == exprExternal && !reserved(e.text) || e.op == exprCall && e.text == "defineVariable" {
		return true
	}
	for _, a := range e.args {
		if varies(a) {
			return true
		}
	}
	return false
}

// looks reports that a part begins at a variable.
func looks(e *expr) bool {
	if e == nil {
		return false
	}
	if e.op == exprExternal {
		return constants[e.text] == ""
	}
	for _, a := range e.args {
		if looks(a) {
			return true
		}
	}
	return false
}
