package fhirpath

import (
	"maps"
	"strings"
)

// define compiles defineVariable(name, value) of FHIRPath N2, which newer guides use in
// their rules. The input passes through; the variable, which is the value or else the
// input, is seen by what follows the dot. An operand or argument in which it is defined
// ends its life: see scope.
func (c *compiler) define(e *expr, input eval) (eval, error) {
	if n := len(e.args) - 1; n < 1 || n > 2 {
		return nil, malformed(c.source, e.pos, "defineVariable() does not take %d arguments", n)
	}
	name, err := c.scope(e.args[1])
	if err != nil {
		return nil, err
	}
	value := eval(func(_ *state, in []Value) ([]Value, error) { return in, nil })
	if len(e.args) == 3 {
		if value, err = c.scope(e.args[2]); err != nil {
			return nil, err
		}
	}
	return func(s *state, outer []Value) ([]Value, error) {
		in, err := input(s, outer)
		if err != nil {
			return nil, err
		}
		v, ok, err := one(s, name, outer, String)
		if err != nil || !ok {
			return nil, refuse("defineVariable() needs a name.")
		}
		values, err := value(s, in)
		if err != nil {
			return nil, err
		}
		return in, s.define(v.text, values)
	}, nil
}

// maxVariables bounds what is copied for each definition.
const maxVariables = 100

func (s *state) define(name string, values []Value) error {
	if _, taken := s.vars[name]; taken || reserved(name) {
		return refuse("the variable %%%s is defined already.", name)
	}
	if len(s.vars) >= maxVariables {
		return refuse("more than %d variables are defined.", maxVariables)
	}
	vars := make(map[string][]Value, len(s.vars)+1)
	maps.Copy(vars, s.vars)
	vars[name] = values
	s.vars = vars
	return s.spend(len(vars))
}

// reserved are the variables that FHIR defines.
func reserved(name string) bool {
	switch name {
	case "resource", "rootResource", "context":
		return true
	}
	return constants[name] != "" || strings.HasPrefix(name, "vs-") || strings.HasPrefix(name, "ext-")
}

// scope compiles an operand or argument; variables that it defines are forgotten behind it.
func (c *compiler) scope(e *expr) (eval, error) {
	run, err := c.compile(e)
	if err != nil || !c.defines {
		return run, err
	}
	return func(s *state, in []Value) ([]Value, error) {
		vars := s.vars
		out, err := run(s, in)
		s.vars = vars
		return out, err
	}, nil
}

// definesVariables reports an expression that calls defineVariable().
func definesVariables(e *expr) bool {
	if e == nil {
		return false
	}
	if e.op == exprCall && e.text == "defineVariable" {
		return true
	}
	for _, a := range e.args {
		if definesVariables(a) {
			return true
		}
	}
	return false
}
