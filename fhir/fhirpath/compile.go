package fhirpath

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// compiler turns the syntax tree into closures.
type compiler struct {
	source  string
	strict  bool // as() of several items is a fault
	loop    int  // how many criteria are around the part that is compiled
	slots   int  // parts that are evaluated once
	defines bool // the expression defines variables
}

func (c *compiler) compile(e *expr) (eval, error) {
	if c.loop > 0 && worthOnce(e) {
		return c.once(e)
	}
	switch e.op {
	case exprStep:
		return c.path(e)
	case exprCall:
		return c.call(e)
	case exprBinary:
		return c.binary(e)
	case exprIndexer:
		return c.indexer(e)
	case exprPolarity:
		return c.polarity(e)
	case exprType:
		input, err := c.compile(e.args[0])
		if err != nil {
			return nil, err
		}
		return c.typeTest(e, e.text, e.unit, input)
	case exprThis, exprIndex, exprTotal:
		return c.variable(e)
	case exprExternal:
		return c.external(e)
	case exprEmpty:
		return evalEmpty, nil
	}
	v, err := c.literal(e)
	if err != nil {
		return nil, err
	}
	list := []Value{v}
	return func(*state, []Value) ([]Value, error) { return list, nil }, nil
}

func (c *compiler) literal(e *expr) (Value, error) {
	bad := malformed(c.source, e.pos, "%q is not a valid value", e.text)
	switch e.op {
	case exprString:
		return text(e.text), nil
	case exprBoolean:
		return boolean(e.text == "true"), nil
	case exprNumber:
		if v := number(e.text, false); v.kind != String {
			return v, nil
		}
	case exprQuantity:
		if d, ok := parseDecimal(e.text); ok {
			if unit, ok := calendarUnit(e.unit); ok {
				return Value{kind: Quantity, num: d, text: unit, lit: true}, nil
			}
			return quantity(d, e.unit), nil
		}
	case exprDate:
		if _, ok := parseTemporal(Date, e.text); ok {
			return Value{kind: Date, text: e.text}, nil
		}
	case exprDateTime:
		if _, ok := parseTemporal(DateTime, e.text); ok {
			return Value{kind: DateTime, text: e.text}, nil
		}
	case exprTime:
		if _, ok := parseTemporal(Time, e.text); ok {
			return Value{kind: Time, text: e.text}, nil
		}
	}
	return Value{}, bad
}

// path compiles a run of names (a.b.c) into one closure that walks depth first, which
// yields the same order as step by step, without collections between the steps.
func (c *compiler) path(e *expr) (eval, error) {
	var names []string
	head := e
	for {
		names = append(names, head.text)
		if head.args[0] == nil || head.args[0].op != exprStep {
			break
		}
		head = head.args[0]
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	if head.args[0] == nil {
		return rooted(names), nil
	}
	input, err := c.compile(head.args[0])
	if err != nil {
		return nil, err
	}
	return func(s *state, in []Value) ([]Value, error) {
		in, err := input(s, in)
		if err != nil || len(in) == 0 {
			return nil, err
		}
		return s.walk(in, names)
	}, nil
}

// rooted is a path at the beginning of an expression, where the first name may be the type
// of the item: Patient.name.
func rooted(names []string) eval {
	typeHead := names[0][0] >= 'A' && names[0][0] <= 'Z'
	return func(s *state, in []Value) ([]Value, error) {
		if !typeHead || len(in) == 0 {
			return s.walk(in, names)
		}
		if len(in) == 1 && in[0].typ.is(names[0]) {
			if len(names) == 1 {
				return in, nil
			}
			return s.walk(in, names[1:])
		}
		return s.walk(in, names)
	}
}

func (s *state) walk(in []Value, names []string) ([]Value, error) {
	var few [4]Value // on the stack: most paths find nothing or little
	out := few[:0]
	for _, v := range in {
		out = s.descend(out, v, names)
		if s.steps > MaxSteps || len(out) > MaxValues {
			return nil, tooCostly()
		}
	}
	if len(out) == 0 {
		return nil, s.spend(len(in))
	}
	return append([]Value(nil), out...), s.spend(len(in) + len(out))
}

func (s *state) descend(out []Value, v Value, names []string) []Value {
	if len(names) == 1 {
		return step(out, v, names[0])
	}
	var few [4]Value
	for _, next := range step(few[:0], v, names[0]) {
		if !s.visit() {
			break
		}
		out = s.descend(out, next, names[1:])
	}
	return out
}

func (c *compiler) call(e *expr) (eval, error) {
	input := eval(func(_ *state, in []Value) ([]Value, error) { return in, nil })
	if e.args[0] != nil {
		var err error
		if input, err = c.compile(e.args[0]); err != nil {
			return nil, err
		}
	}
	arguments := e.args[1:]
	if e.text == "is" || e.text == "as" || e.text == "ofType" {
		if len(arguments) != 1 {
			return nil, malformed(c.source, e.pos, "%s() takes the name of a type", e.text)
		}
		name, ok := typeSpecifier(arguments[0])
		if !ok {
			return nil, malformed(c.source, arguments[0].pos, "%s() takes the name of a type", e.text)
		}
		return c.typeTest(e, e.text, name, input)
	}
	switch e.text {
	case "sort":
		return c.sort(e, input)
	case "defineVariable":
		return c.define(e, input)
	}
	f, ok := functions[e.text]
	if !ok {
		return nil, malformed(c.source, e.pos, "the function %s() is not known", e.text)
	}
	if len(arguments) < f.least || len(arguments) > f.most {
		return nil, malformed(c.source, e.pos, "%s() does not take %d arguments", e.text, len(arguments))
	}
	args := make([]eval, len(arguments))
	if perItem[e.text] {
		c.loop++
		defer func() { c.loop-- }()
	}
	for i, a := range arguments {
		var err error
		if args[i], err = c.scope(a); err != nil {
			return nil, err
		}
	}
	run := f.run
	return func(s *state, outer []Value) ([]Value, error) {
		in, err := input(s, outer)
		if err != nil {
			return nil, err
		}
		if err := s.spend(len(in)); err != nil {
			return nil, err
		}
		return run(s, in, outer, args)
	}, nil
}

func typeSpecifier(e *expr) (string, bool) {
	if e.op != exprStep {
		return "", false
	}
	if e.args[0] == nil {
		return e.text, true
	}
	outer, ok := typeSpecifier(e.args[0])
	return outer + "." + e.text, ok
}

func (c *compiler) indexer(e *expr) (eval, error) {
	input, err := c.compile(e.args[0])
	if err != nil {
		return nil, err
	}
	index, err := c.scope(e.args[1])
	if err != nil {
		return nil, err
	}
	return func(s *state, outer []Value) ([]Value, error) {
		in, err := input(s, outer)
		if err != nil {
			return nil, err
		}
		at, ok, err := one(s, index, outer, Integer)
		if err != nil || !ok || at.i < 0 || at.i >= int64(len(in)) {
			return nil, err
		}
		return in[at.i : at.i+1], nil
	}, nil
}

func (c *compiler) variable(e *expr) (eval, error) {
	var take eval
	switch e.op {
	case exprThis:
		take = func(_ *state, in []Value) ([]Value, error) { return in, nil }
	case exprIndex:
		take = func(s *state, _ []Value) ([]Value, error) { return []Value{integer(s.index)}, nil }
	default:
		take = func(s *state, _ []Value) ([]Value, error) { return s.total, nil }
	}
	if e.args[0] != nil {
		return nil, malformed(c.source, e.pos, "a $variable cannot follow a dot")
	}
	return take, nil
}

// constants are the environment variables of FHIRPath and FHIR that never change.
var constants = map[string]string{
	"ucum":  "http://unitsofmeasure.org",
	"sct":   "http://snomed.info/sct",
	"loinc": "http://loinc.org",
}

func (c *compiler) external(e *expr) (eval, error) {
	name := e.text
	if url, ok := constants[name]; ok {
		list := []Value{text(url)}
		return func(*state, []Value) ([]Value, error) { return list, nil }, nil
	}
	for prefix, base := range map[string]string{"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			list := []Value{text(base + rest)}
			return func(*state, []Value) ([]Value, error) { return list, nil }, nil
		}
	}
	return func(s *state, _ []Value) ([]Value, error) {
		if v, ok := s.vars[name]; ok {
			return v, nil
		}
		switch name {
		case "resource":
			return []Value{s.resource}, nil
		case "rootResource":
			return []Value{s.container()}, nil
		case "context":
			return []Value{s.this[0]}, nil
		}
		return nil, refuse("the variable %%%s is not defined.", name)
	}, nil
}

func (c *compiler) polarity(e *expr) (eval, error) {
	x, err := c.compile(e.args[0])
	if err != nil {
		return nil, err
	}
	negative := e.text == "-"
	return func(s *state, in []Value) ([]Value, error) {
		out, err := x(s, in)
		if err != nil || len(out) == 0 {
			return nil, err
		}
		if len(out) > 1 {
			return nil, refuse("a sign stands before several items.")
		}
		v := out[0].system()
		switch {
		case v.kind != Integer && v.kind != Decimal && v.kind != Quantity:
			return nil, refuse("a sign stands before something that is not a number.")
		case !negative:
		case v.kind == Integer:
			v.i = -v.i
		default:
			v.num = negated(v.num)
		}
		return []Value{v}, nil
	}, nil
}

// one evaluates an argument that must be a single item of a kind; ok is false when it is
// empty.
func one(s *state, arg eval, outer []Value, kind Kind) (v Value, ok bool, err error) {
	out, err := arg(s, outer)
	if err != nil || len(out) == 0 {
		return Value{}, false, err
	}
	return single(out, kind)
}

// single returns the only item of a collection, as a kind.
func single(in []Value, kind Kind) (v Value, ok bool, err error) {
	switch len(in) {
	case 0:
		return Value{}, false, nil
	case 1:
	default:
		return Value{}, false, refuse("one item was expected, there are %d.", len(in))
	}
	v = in[0].system()
	if v.kind == Integer && kind == Decimal {
		d, _ := v.asDecimal()
		return decimal(d), true, nil
	}
	if v.kind == Element && v.node == nil {
		return Value{}, false, nil
	}
	if v.kind != kind {
		return Value{}, false, refuse("a %s was expected, not a %s.", systemNames[kind], in[0].Type())
	}
	return v, true, nil
}

// isEmptyNode reports an element without content, such as a primitive with extensions only.
func isEmptyNode(v Value) bool {
	return v.kind == Element && v.node.Kind() == fhir.Absent
}
