package fhirpath

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// operator is a binary operator on evaluated operands.
type operator func(s *state, left, right []Value) ([]Value, error)

// binary compiles an operator: FHIRPath N1, chapter 6.
func (c *compiler) binary(e *expr) (eval, error) {
	left, err := c.scope(e.args[0])
	if err != nil {
		return nil, err
	}
	right, err := c.scope(e.args[1])
	if err != nil {
		return nil, err
	}
	if logical, ok := logic[e.text]; ok {
		return logical(left, right), nil
	}
	op := operators[e.text]
	return func(s *state, in []Value) ([]Value, error) {
		a, err := left(s, in)
		if err != nil {
			return nil, err
		}
		b, err := right(s, in)
		if err != nil {
			return nil, err
		}
		if err := s.spend(len(a) + len(b)); err != nil {
			return nil, err
		}
		return op(s, a, b)
	}, nil
}

var operators = map[string]operator{
	"=": equals(false), "!=": equals(true), "~": equivalence(false), "!~": equivalence(true),
	"<":        ordered(func(o int) bool { return o < 0 }),
	"<=":       ordered(func(o int) bool { return o <= 0 }),
	">":        ordered(func(o int) bool { return o > 0 }),
	">=":       ordered(func(o int) bool { return o >= 0 }),
	"|":        func(s *state, a, b []Value) ([]Value, error) { return s.distinct(concat(a, b)) },
	"in":       membership,
	"contains": func(s *state, a, b []Value) ([]Value, error) { return membership(s, b, a) },
	"&":        concatenate,
	"+":        arithmetic("+"), "-": arithmetic("-"), "*": arithmetic("*"), "/": arithmetic("/"),
	"div": arithmetic("div"), "mod": arithmetic("mod"),
}

// tri is three-valued truth.
type tri uint8

const (
	unknown tri = iota
	no
	yes
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) values() []Value {
	if t == unknown {
		return nil
	}
	return []Value{boolean(t == yes)}
}

// truth reads a collection as a condition: empty is unknown, a single item that is not a
// boolean is true (FHIRPath N1, section 4.5).
func truth(in []Value) (tri, error) {
	switch len(in) {
	case 0:
		return unknown, nil
	case 1:
	default:
		return unknown, refuse("a condition has %d items.", len(in))
	}
	if v := in[0].system(); v.kind == Boolean {
		return triOf(v.i != 0), nil
	}
	return yes, nil
}

// logic are the operators with three-valued logic. The right side is not evaluated when
// the left decides.
var logic = map[string]func(left, right eval) eval{
	"and": lazy(no, func(a, b tri) tri {
		switch {
		case a == no || b == no:
			return no
		case a == yes && b == yes:
			return yes
		}
		return unknown
	}),
	"or": lazy(yes, func(a, b tri) tri {
		switch {
		case a == yes || b == yes:
			return yes
		case a == no && b == no:
			return no
		}
		return unknown
	}),
	"xor": lazy(unknown, func(a, b tri) tri {
		if a == unknown || b == unknown {
			return unknown
		}
		return triOf(a != b)
	}),
	"implies": lazy(unknown, func(a, b tri) tri {
		switch {
		case a == no || b == yes:
			return yes
		case a == yes:
			return b
		}
		return unknown
	}),
}

// lazy makes a logical operator that is decided when the left side is decided (and not
// unknown).
func lazy(decided tri, combine func(a, b tri) tri) func(left, right eval) eval {
	return func(left, right eval) eval {
		return func(s *state, in []Value) ([]Value, error) {
			out, err := left(s, in)
			if err != nil {
				return nil, err
			}
			a, err := truth(out)
			if err != nil {
				return nil, err
			}
			if a == decided && decided != unknown {
				return a.values(), nil
			}
			if out, err = right(s, in); err != nil {
				return nil, err
			}
			b, err := truth(out)
			if err != nil {
				return nil, err
			}
			return combine(a, b).values(), nil
		}
	}
}

func equals(negate bool) operator {
	return func(s *state, a, b []Value) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		t := no
		if len(a) == len(b) {
			t = yes
			for i := range a {
				e := s.equal(a[i], b[i])
				if err := s.spend(0); err != nil {
					return nil, err
				}
				if e != yes {
					t = e
					break
				}
			}
		}
		if negate && t != unknown {
			t = triOf(t == no)
		}
		return t.values(), nil
	}
}

// equal is the equality of two items; unknown for dates of different precision.
func (s *state) equal(x, y Value) tri {
	a, b := x.system(), y.system()
	if a.kind == Element || b.kind == Element {
		return triOf(a.kind == b.kind && s.sameNode(a.node, b.node))
	}
	if t, ok := temporalPair(a, b); ok {
		if t.bad {
			return no
		}
		order, known := compareTemporal(t.a, t.b)
		switch {
		case order != 0:
			return no
		case !known:
			return unknown
		}
		return yes
	}
	if a.kind == Quantity || b.kind == Quantity {
		order, ok := s.compareQuantity(a, b)
		if !ok {
			return unknown
		}
		return triOf(order == 0)
	}
	if m, ok := a.asDecimal(); ok {
		n, ok := b.asDecimal()
		return triOf(ok && m.Cmp(n) == 0)
	}
	if a.kind != b.kind {
		return no
	}
	if a.kind == Boolean {
		return triOf(a.i == b.i)
	}
	return triOf(a.text == b.text)
}

// sameNode compares content; members may come in any order, numbers by value.
func (s *state) sameNode(a, b *fhir.Node) bool {
	if a == b {
		return true
	}
	if !s.visit() {
		return false
	}
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for name, x := range a.Members() {
			if !s.sameNode(x, b.Get(name)) {
				return false
			}
		}
		return true
	case fhir.Array:
		for i := range a.Len() {
			if !s.sameNode(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	case fhir.Number:
		m, ok1 := parseDecimal(a.Text())
		n, ok2 := parseDecimal(b.Text())
		return ok1 && ok2 && m.Cmp(n) == 0
	}
	return a.Text() == b.Text()
}

func equivalence(negate bool) operator {
	return func(s *state, a, b []Value) ([]Value, error) {
		same := len(a) == len(b)
		used := make([]bool, len(b))
		for i := 0; same && i < len(a); i++ {
			if err := s.spend(len(b)); err != nil {
				return nil, err
			}
			found := false
			for j := range b {
				if !used[j] && s.equivalent(a[i], b[j]) {
					used[j], found = true, true
					break
				}
			}
			same = found
		}
		return []Value{boolean(same != negate)}, s.spend(0)
	}
}

func (s *state) equivalent(x, y Value) bool {
	a, b := x.system(), y.system()
	if a.kind == Element || b.kind == Element {
		return a.kind == b.kind && s.alikeNode(a.node, b.node)
	}
	if t, ok := temporalPair(a, b); ok {
		if t.bad {
			return false
		}
		order, known := compareTemporal(t.a, t.b)
		return order == 0 && known
	}
	if a.kind == Quantity || b.kind == Quantity {
		return s.equivalentQuantity(a, b)
	}
	if m, ok := a.asDecimal(); ok {
		n, ok := b.asDecimal()
		return ok && equivalentDecimal(m, n)
	}
	if a.kind != b.kind {
		return false
	}
	if a.kind == Boolean {
		return a.i == b.i
	}
	return folded(a.text) == folded(b.text)
}

// alikeNode is sameNode without order of items and without case; ids do not count.
func (s *state) alikeNode(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || !s.visit() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for name, x := range a.Members() {
			if name != "id" && !s.alikeNode(x, b.Get(name)) {
				return false
			}
		}
		for name := range b.Members() {
			if name != "id" && a.Get(name) == nil {
				return false
			}
		}
		return true
	case fhir.Array:
		if a.Len() != b.Len() || a.Len() > 200 {
			return s.sameNode(a, b)
		}
		used := make([]bool, b.Len())
	items:
		for x := range a.Items() {
			for j := range b.Len() {
				if !used[j] && s.alikeNode(x, b.At(j)) {
					used[j] = true
					continue items
				}
			}
			return false
		}
		return true
	case fhir.String:
		return folded(a.Text()) == folded(b.Text())
	}
	return s.sameNode(a, b)
}

// folded lowers case and makes each run of white space one space.
func folded(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), " ") }

func ordered(accept func(order int) bool) operator {
	return func(s *state, a, b []Value) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		if len(a) > 1 || len(b) > 1 {
			return nil, refuse("a comparison has several items on one side.")
		}
		order, known, err := s.compare(a[0], b[0])
		if err != nil || !known {
			return nil, err
		}
		return []Value{boolean(accept(order))}, nil
	}
}

// compare orders two items; known is false when precision or units leave it open.
func (s *state) compare(x, y Value) (order int, known bool, err error) {
	a, b := x.system(), y.system()
	if isEmptyNode(a) || isEmptyNode(b) {
		return 0, false, nil
	}
	if t, ok := temporalPair(a, b); ok {
		if t.bad {
			return 0, false, refuse("a date that cannot be read is compared.")
		}
		order, known = compareTemporal(t.a, t.b)
		return order, known, nil
	}
	if a.kind == Quantity || b.kind == Quantity {
		order, known = s.compareQuantity(a, b)
		return order, known, nil
	}
	if m, ok := a.asDecimal(); ok {
		if n, ok := b.asDecimal(); ok {
			return m.Cmp(n), true, nil
		}
	}
	if a.kind == String && b.kind == String {
		return strings.Compare(a.text, b.text), true, nil
	}
	return 0, false, refuse("%s and %s cannot be compared.", x.Type(), y.Type())
}

type pair struct {
	a, b temporal
	bad  bool
}

// temporalPair reads two items as dates when at least one is a date and the other may be.
func temporalPair(a, b Value) (pair, bool) {
	isDate := func(v Value) bool { return v.kind == Date || v.kind == DateTime || v.kind == Time }
	if !isDate(a) || !isDate(b) || (a.kind == Time) != (b.kind == Time) {
		return pair{}, false
	}
	x, ok1 := parseTemporal(a.kind, a.text)
	y, ok2 := parseTemporal(b.kind, b.text)
	return pair{x, y, !ok1 || !ok2}, true
}

func membership(s *state, a, b []Value) ([]Value, error) {
	if len(a) == 0 {
		return nil, nil
	}
	if len(a) > 1 {
		return nil, refuse("in and contains look for a single item.")
	}
	return []Value{boolean(s.contains(b, a[0]))}, s.spend(0)
}

func (s *state) contains(list []Value, v Value) bool {
	for i := range list {
		if s.equal(list[i], v) == yes {
			return true
		}
	}
	return false
}

func concat(a, b []Value) []Value {
	out := make([]Value, 0, len(a)+len(b))
	return append(append(out, a...), b...)
}

// distinct leaves out items that equal an earlier one.
func (s *state) distinct(in []Value) ([]Value, error) {
	if len(in) < 2 {
		return in, nil
	}
	out := make([]Value, 0, len(in))
	if len(in) < 16 {
		for _, v := range in {
			if !s.contains(out, v) {
				out = append(out, v)
			}
		}
		return out, s.spend(len(in) * len(in))
	}
	seen := newSet(len(in))
	for _, v := range in {
		fresh, err := seen.add(s, v)
		if err != nil {
			return nil, err
		}
		if fresh {
			out = append(out, v)
		}
	}
	return out, nil
}

// concatenate is the & operator, for which an empty side is an empty string.
func concatenate(s *state, a, b []Value) ([]Value, error) {
	x, _, err := single(a, String)
	if err != nil {
		return nil, err
	}
	y, _, err := single(b, String)
	if err != nil {
		return nil, err
	}
	if len(x.text)+len(y.text) > maxText {
		return nil, refuse("a text grows longer than %d bytes.", maxText)
	}
	return []Value{text(x.text + y.text)}, s.spendText(len(x.text) + len(y.text))
}

// maxText is the longest text that an evaluation may make.
const maxText = 1 << 20
