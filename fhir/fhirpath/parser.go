package fhirpath

import "slices"

// expr is a node of the syntax tree.
type expr struct {
	op   exprKind
	text string  // name, operator, literal value
	unit string  // of a quantity literal
	args []*expr // operands; a function's arguments; [0] of a step or call is its input, or nil
	pos  int
}

type exprKind uint8

const (
	exprLiteral exprKind = iota // text with tokenKind in lit
	exprString
	exprNumber
	exprQuantity
	exprBoolean
	exprDate
	exprDateTime
	exprTime
	exprEmpty    // {}
	exprExternal // %name
	exprThis
	exprIndex
	exprTotal
	exprStep     // args[0].text, args[0] nil at the beginning
	exprCall     // args[0].text(args[1:]…)
	exprIndexer  // args[0][args[1]]
	exprBinary   // args[0] text args[1]
	exprPolarity // text args[0]
	exprType     // args[0] is|as text
)

// power gives the binding power of binary operators: FHIRPath N1, section 6.8. All bind to
// the left.
var power = map[string]int{
	"implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4,
	"=": 5, "~": 5, "!=": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6,
	"|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}

const polarityPower = 11

type parser struct {
	src   string
	list  []token
	pos   int
	depth int
}

func parse(src string) (*expr, error) {
	list, err := tokens(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, list: list}
	e, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, malformed(src, t.pos, "%q is not expected here", t.text)
	}
	return e, nil
}

func (p *parser) peek() token { return p.list[p.pos] }

func (p *parser) take() token {
	t := p.list[p.pos]
	if t.kind != tokenEnd {
		p.pos++
	}
	return t
}

func (p *parser) isOperator(text string) bool {
	t := p.peek()
	return t.kind == tokenOperator && t.text == text
}

func (p *parser) expect(text string) error {
	if !p.isOperator(text) {
		return malformed(p.src, p.peek().pos, "%q was expected", text)
	}
	p.pos++
	return nil
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > MaxDepth {
		return malformed(p.src, p.peek().pos, "it is nested deeper than %d levels", MaxDepth)
	}
	return nil
}

// expression reads operators that bind stronger than least.
func (p *parser) expression(least int) (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.prefix()
	if err != nil {
		return nil, err
	}
	chain := 0
	for {
		t := p.peek()
		if t.kind != tokenOperator && t.kind != tokenIdentifier {
			return left, nil
		}
		bind, ok := power[t.text]
		if !ok || bind <= least {
			return left, nil
		}
		p.pos++
		if chain++; chain > 4*MaxDepth {
			return nil, malformed(p.src, t.pos, "it has too many operators in a row")
		}
		if left, err = p.infix(left, t, bind); err != nil {
			return nil, err
		}
	}
}

func (p *parser) infix(left *expr, t token, bind int) (*expr, error) {
	if t.text == "is" || t.text == "as" {
		name, err := p.typeName()
		if err != nil {
			return nil, err
		}
		return &expr{op: exprType, text: t.text, unit: name, args: []*expr{left}, pos: t.pos}, nil
	}
	right, err := p.expression(bind)
	if err != nil {
		return nil, err
	}
	return &expr{op: exprBinary, text: t.text, args: []*expr{left, right}, pos: t.pos}, nil
}

func (p *parser) typeName() (string, error) {
	t := p.take()
	if t.kind != tokenIdentifier && t.kind != tokenQuoted {
		return "", malformed(p.src, t.pos, "the name of a type was expected")
	}
	name := t.text
	for p.isOperator(".") {
		next := p.list[p.pos+1]
		if next.kind != tokenIdentifier && next.kind != tokenQuoted || p.pos+2 < len(p.list) && p.list[p.pos+2].text == "(" {
			break
		}
		p.pos += 2
		name += "." + next.text
	}
	return name, nil
}

func (p *parser) prefix() (*expr, error) {
	t := p.peek()
	if t.kind == tokenOperator && (t.text == "+" || t.text == "-") {
		p.pos++
		x, err := p.expression(polarityPower)
		if err != nil {
			return nil, err
		}
		return &expr{op: exprPolarity, text: t.text, args: []*expr{x}, pos: t.pos}, nil
	}
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	return p.postfix(left)
}

// postfix reads .name, .name(…) and […] behind a term.
func (p *parser) postfix(left *expr) (*expr, error) {
	for n := 0; ; n++ {
		if n > 4*MaxDepth {
			return nil, malformed(p.src, p.peek().pos, "the path has too many steps")
		}
		t := p.peek()
		switch {
		case p.isOperator("."):
			p.pos++
			right, err := p.invocation()
			if err != nil {
				return nil, err
			}
			right.args[0] = left
			left = right
		case p.isOperator("["):
			p.pos++
			index, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			if err := p.expect("]"); err != nil {
				return nil, err
			}
			left = &expr{op: exprIndexer, args: []*expr{left, index}, pos: t.pos}
		default:
			return left, nil
		}
	}
}

func (p *parser) term() (*expr, error) {
	t := p.peek()
	literal := map[tokenKind]exprKind{tokenString: exprString, tokenDate: exprDate, tokenDateTime: exprDateTime, tokenTime: exprTime, tokenExternal: exprExternal}
	if kind, ok := literal[t.kind]; ok {
		p.pos++
		return &expr{op: kind, text: t.text, pos: t.pos}, nil
	}
	switch {
	case t.kind == tokenNumber:
		p.pos++
		return p.quantity(t), nil
	case t.kind == tokenIdentifier && (t.text == "true" || t.text == "false"):
		p.pos++
		return &expr{op: exprBoolean, text: t.text, pos: t.pos}, nil
	case t.kind == tokenOperator && t.text == "(":
		p.pos++
		e, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	case t.kind == tokenOperator && t.text == "{":
		p.pos++
		return &expr{op: exprEmpty, pos: t.pos}, p.expect("}")
	}
	return p.invocation()
}

// calendar are the unit words of a quantity literal without quotes.
var calendar = []string{"year", "years", "month", "months", "week", "weeks", "day", "days",
	"hour", "hours", "minute", "minutes", "second", "seconds", "millisecond", "milliseconds"}

func (p *parser) quantity(number token) *expr {
	t := p.peek()
	if t.kind == tokenString || t.kind == tokenIdentifier && slices.Contains(calendar, t.text) {
		p.pos++
		return &expr{op: exprQuantity, text: number.text, unit: t.text, pos: number.pos}
	}
	return &expr{op: exprNumber, text: number.text, pos: number.pos}
}

// invocation reads a name, a function call or a $variable. args[0] is left nil.
func (p *parser) invocation() (*expr, error) {
	t := p.take()
	switch t.kind {
	case tokenSpecial:
		switch t.text {
		case "this":
			return &expr{op: exprThis, args: []*expr{nil}, pos: t.pos}, nil
		case "index":
			return &expr{op: exprIndex, args: []*expr{nil}, pos: t.pos}, nil
		case "total":
			return &expr{op: exprTotal, args: []*expr{nil}, pos: t.pos}, nil
		}
		return nil, malformed(p.src, t.pos, "$%s is not known; use $this, $index or $total", t.text)
	case tokenIdentifier, tokenQuoted:
		if t.kind == tokenIdentifier && p.isOperator("(") {
			return p.call(t)
		}
		return &expr{op: exprStep, text: t.text, args: []*expr{nil}, pos: t.pos}, nil
	case tokenEnd:
		return nil, malformed(p.src, t.pos, "the expression ends too early")
	}
	return nil, malformed(p.src, t.pos, "%q is not expected here", t.text)
}

func (p *parser) call(name token) (*expr, error) {
	p.pos++
	e := &expr{op: exprCall, text: name.text, args: []*expr{nil}, pos: name.pos}
	if p.isOperator(")") {
		p.pos++
		return e, nil
	}
	for {
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
		if p.isOperator(",") {
			p.pos++
			continue
		}
		return e, p.expect(")")
	}
}

// prune leaves out the parts of a union that start with another resource type. It returns
// nil when nothing is left.
func prune(e *expr, resourceType string) *expr {
	if e.op == exprBinary && e.text == "|" {
		left, right := prune(e.args[0], resourceType), prune(e.args[1], resourceType)
		switch {
		case left == nil:
			return right
		case right == nil:
			return left
		}
		return &expr{op: exprBinary, text: "|", args: []*expr{left, right}, pos: e.pos}
	}
	head := e
	for len(head.args) > 0 && head.args[0] != nil {
		head = head.args[0]
	}
	if head.op != exprStep || head.text == resourceType || !isResourceType(head.text) {
		return e
	}
	if t := typeNamed(resourceType); t != nil && t.is(head.text) {
		return e
	}
	return nil
}
