package fhirpath

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// CompileStrict is Compile for a context of one FHIR type ("Patient", "Quantity") or element
// that is declared in place ("Patient.contact"). The expression is then held to the definitions: a path that names an element which cannot exist there, an
// order asked of a collection that has none, and as() of several items are faults. Use it
// for what people write; the rules and search parameters of R4 are not all that strict.
func CompileStrict(contextType, source string) (*Expression, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	t := elementType(contextType)
	if t == nil {
		return nil, fault.New(fault.NotSupported, "There is no FHIR type %q.", contextType)
	}
	k := checker{source: source}
	if _, err := k.expression(tree, static{types: []*typeInfo{t}}); err != nil {
		return nil, err
	}
	return compileWith(compiler{source: source, strict: true}, tree)
}

// static is what is known of a collection before evaluation.
type static struct {
	types     []*typeInfo // the FHIR types that its items may have
	system    bool        // they may also be System values, which have no elements
	any       bool        // nothing is known
	unordered bool        // its order has no meaning
}

var (
	anything = static{any: true}
	values   = static{system: true}
)

// or joins two; every type is kept once, for extension.value.extension.value … has many.
func (a static) or(b static) static {
	types := a.types[:len(a.types):len(a.types)]
	for _, t := range b.types {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return static{types, a.system || b.system, a.any || b.any, a.unordered || b.unordered}
}

// checker follows the types through an expression.
type checker struct{ source string }

func (k *checker) fault(e *expr, format string, args ...any) error {
	return malformed(k.source, e.pos, format, args...)
}

func (k *checker) expression(e *expr, context static) (static, error) {
	switch e.op {
	case exprStep:
		return k.step(e, context)
	case exprCall:
		return k.call(e, context)
	case exprBinary:
		left, err := k.expression(e.args[0], context)
		if err != nil {
			return left, err
		}
		right, err := k.expression(e.args[1], context)
		if e.text == "|" {
			return left.or(right), err
		}
		return values, err
	case exprIndexer:
		input, err := k.expression(e.args[0], context)
		if err == nil && input.unordered {
			err = k.fault(e, "the items before [ have no order")
		}
		if err == nil {
			_, err = k.expression(e.args[1], context)
		}
		return input, err
	case exprPolarity:
		_, err := k.expression(e.args[0], context)
		return values, err
	case exprType:
		_, err := k.expression(e.args[0], context)
		if e.text == "is" {
			return values, err
		}
		return ofType(e.unit), err
	case exprThis:
		return context, nil
	case exprTotal, exprExternal, exprEmpty:
		return anything, nil
	case exprQuantity:
		return anything, nil
	}
	return values, nil
}

func ofType(name string) static {
	if t := typeNamed(strings.TrimPrefix(name, "FHIR.")); t != nil {
		return static{types: []*typeInfo{t}}
	}
	return values
}

// step finds an element in at least one of the possible types.
func (k *checker) step(e *expr, context static) (static, error) {
	input := context
	if e.args[0] != nil {
		var err error
		if input, err = k.expression(e.args[0], context); err != nil {
			return input, err
		}
	} else if typeNamed(e.text) != nil && isUpper(e.text) {
		return k.head(e, context)
	}
	out := static{unordered: input.unordered, any: input.any}
	found := input.any
	for _, t := range input.types {
		switch c := t.children[e.text]; {
		case c != nil:
			found = true
			out = out.or(elementOf(c))
		case t.name == "Resource" || t.name == "DomainResource" || t.primitive && (e.text == "value" || e.text == "id" || e.text == "extension"):
			found, out.any = true, true
		}
	}
	if !found {
		return out, k.fault(e, "%s has no element %q", input.names(), e.text)
	}
	return out, nil
}

// head is the name of a type at the beginning of an expression: Patient.name.
func (k *checker) head(e *expr, context static) (static, error) {
	var out static
	for _, t := range context.types {
		switch named := typeNamed(e.text); {
		case t.is(e.text):
			out.types = append(out.types, t)
		case named.is(t.name):
			out.types = append(out.types, named)
		}
	}
	if context.any {
		out.types = append(out.types, typeNamed(e.text))
	}
	if len(out.types) == 0 {
		return out, k.fault(e, "the context is not %s but %s", e.text, context.names())
	}
	return out, nil
}

func isUpper(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

func elementOf(c *child) static {
	if c.choice == nil {
		if c.typ == nil {
			return anything
		}
		return static{types: []*typeInfo{c.typ}}
	}
	var out static
	for _, m := range c.choice {
		out = out.or(elementOf(m))
	}
	return out
}

func (a static) names() string {
	var names []string
	for _, t := range a.types {
		if names = append(names, t.name); len(names) == 4 {
			break
		}
	}
	if len(names) == 0 {
		return "a value"
	}
	return strings.Join(names, " or ")
}

// ordered are the functions that ask for the order of a collection.
var ordered_ = map[string]bool{"first": true, "last": true, "tail": true, "skip": true, "take": true}

// keeping are the functions whose result is some of their input.
var keeping = map[string]bool{"where": true, "first": true, "last": true, "tail": true, "skip": true, "take": true,
	"single": true, "distinct": true, "trace": true, "intersect": true, "exclude": true, "sort": true, "defineVariable": true}

// onItems are the functions whose arguments are evaluated on each item of the input.
var onItems = map[string]bool{"where": true, "select": true, "all": true, "exists": true, "trace": true, "repeat": true, "aggregate": true, "sort": true, "iif": true, "defineVariable": true}

func (k *checker) call(e *expr, context static) (static, error) {
	input := context
	if e.args[0] != nil {
		var err error
		if input, err = k.expression(e.args[0], context); err != nil {
			return input, err
		}
	}
	if input.unordered && ordered_[e.text] {
		return input, k.fault(e, "%s() asks for an order that the items do not have", e.text)
	}
	if (e.text == "as" || e.text == "ofType" || e.text == "is") && len(e.args) == 2 {
		name, _ := typeSpecifier(e.args[1])
		if e.text == "is" {
			return values, nil
		}
		out := ofType(name)
		out.unordered = input.unordered
		return out, nil
	}
	outer := context
	if onItems[e.text] {
		outer = input
		outer.unordered = false
	}
	if e.text == "repeat" {
		outer = outer.or(anything) // the results are items too
	}
	results := make([]static, 0, len(e.args))
	for _, a := range e.args[1:] {
		r, err := k.expression(a, outer)
		if err != nil {
			return r, err
		}
		results = append(results, r)
	}
	return resultOf(e.text, input, results), nil
}

// resultOf gives the type of what a function returns.
func resultOf(name string, input static, args []static) static {
	switch {
	case name == "sort":
		input.unordered = false
		return input
	case keeping[name]:
		return input
	case name == "select" && len(args) == 1:
		args[0].unordered = args[0].unordered || input.unordered
		return args[0]
	case (name == "union" || name == "combine") && len(args) == 1:
		return input.or(args[0])
	case name == "iif" && len(args) > 1:
		out := args[1]
		for _, a := range args[2:] {
			out = out.or(a)
		}
		return out
	case name == "extension":
		return static{types: []*typeInfo{typeNamed("Extension")}}
	case name == "children" || name == "descendants":
		return static{any: true, unordered: true}
	case name == "resolve" || name == "repeat" || name == "aggregate" || name == "type" || name == "getValue" || name == "toQuantity" || fhirAdditions[name].run != nil:
		return anything
	}
	return values
}
