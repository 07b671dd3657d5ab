package fhirpath

import (
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/ucum"
)

// systemQuantity reads a FHIR Quantity. Its unit is that of UCUM when the system says so;
// any other unit is a word that equals itself only.
func systemQuantity(n *fhir.Node) (Value, bool) {
	d, ok := parseDecimal(n.Get("value").Text())
	if !ok || n.Get("comparator") != nil {
		return Value{}, false
	}
	unit, system := n.Get("code").Text(), n.Get("system").Text()
	switch {
	case system == ucum.System:
		if word, ok := ucumCalendar[unit]; ok {
			return Value{kind: Quantity, num: d, text: word, lit: true}, true
		}
	case unit == "":
		unit = n.Get("unit").Text()
	}
	q := quantity(d, unit)
	if unit == "" {
		q.text = "1"
	} else if system != ucum.System {
		q.i = opaque
	}
	return q, true
}

// opaque marks, in Value.i, a Quantity whose unit is not a UCUM code.
const opaque = 1

// ucumCalendar gives the UCUM codes that FHIR maps to calendar words.
var ucumCalendar = map[string]string{"a": "year", "mo": "month", "wk": "week", "d": "day",
	"h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

// calendarUcum is the way back, for the words that have a fixed length.
var calendarUcum = map[string]string{"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}

// calendarUnit returns the singular of a calendar word.
func calendarUnit(word string) (string, bool) {
	for _, unit := range ucumCalendar {
		if word == unit || word == unit+"s" {
			return unit, true
		}
	}
	return "", false
}

// unitOf returns the unit in one spelling: calendar words up to weeks are their UCUM codes.
// Years and months have no fixed length in the calendar; they are units of their own.
func unitOf(q Value) string {
	switch {
	case q.kind != Quantity || q.text == "":
		return "1"
	case !q.lit:
		return q.text
	}
	if code, ok := calendarUcum[q.text]; ok {
		return code
	}
	return "calendar " + q.text
}

// unitSteps is what the reading and conversion of two units costs in steps.
const unitSteps = 20

// units returns the units of two quantities in UCUM, when both have one.
func (s *state) units(a, b Value) (x, y ucum.Unit, ok bool) {
	if a.kind == Quantity && a.i == opaque || b.kind == Quantity && b.i == opaque {
		return x, y, false
	}
	s.steps += unitSteps
	x, err1 := ucum.Parse(unitOf(a))
	y, err2 := ucum.Parse(unitOf(b))
	return x, y, err1 == nil && err2 == nil
}

// inUnit expresses two quantities in one unit: their own when it is the same, else the base
// units of UCUM. A calendar year has 12 months.
func (s *state) inUnit(a, b Value) (x, y *big.Rat, ok bool) {
	x, ok1 := ucum.Rational(amount(a))
	y, ok2 := ucum.Rational(amount(b))
	if !ok1 || !ok2 {
		return nil, nil, false
	}
	u, w := unitOf(a), unitOf(b)
	switch twelve := big.NewRat(12, 1); {
	case u == w:
		return x, y, true
	case u == "calendar year" && w == "calendar month":
		return x.Mul(x, twelve), y, true
	case w == "calendar year" && u == "calendar month":
		return x, y.Mul(y, twelve), true
	}
	from, to, ok := s.units(a, b)
	if !ok || !ucum.Comparable(from, to) {
		return nil, nil, false
	}
	p, err1 := from.ToBase(x)
	q, err2 := to.ToBase(y)
	return p, q, err1 == nil && err2 == nil
}

func amount(v Value) *apd.Decimal {
	if v.kind == Quantity {
		return v.num
	}
	d, ok := v.asDecimal()
	if !ok {
		return nil
	}
	return d
}

func (s *state) compareQuantity(a, b Value) (order int, ok bool) {
	x, y, ok := s.inUnit(a, b)
	if !ok {
		return 0, false
	}
	return x.Cmp(y), true
}

// equivalentQuantity is ~, which takes a calendar year for 'a' and a month for 'mo'.
func (s *state) equivalentQuantity(a, b Value) bool {
	for _, v := range []*Value{&a, &b} {
		if !v.lit {
			continue
		}
		v.lit = false
		switch v.text {
		case "year":
			v.text = "a"
		case "month":
			v.text = "mo"
		default:
			v.text = calendarUcum[v.text]
		}
	}
	x, y, ok := s.inUnit(a, b)
	return ok && equivalentDecimal(ucum.Decimal(x), ucum.Decimal(y))
}

// equivalentDecimal compares in the lesser precision of the two.
func equivalentDecimal(a, b *apd.Decimal) bool {
	var x, y apd.Decimal
	x.Reduce(a)
	y.Reduce(b)
	e := max(x.Exponent, y.Exponent)
	if _, err := exact.Quantize(&x, &x, e); err != nil {
		return a.Cmp(b) == 0
	}
	if _, err := exact.Quantize(&y, &y, e); err != nil {
		return a.Cmp(b) == 0
	}
	return x.Cmp(&y) == 0
}

// comparable is the function of that name: whether two quantities have one dimension.
func comparable(s *state, in, outer []Value, args []eval) ([]Value, error) {
	a, ok, err := single(in, Quantity)
	if err != nil || !ok {
		return nil, err
	}
	b, ok, err := one(s, args[0], outer, Quantity)
	if err != nil || !ok {
		return nil, err
	}
	_, _, same := s.inUnit(a, b)
	return yesNo(same)
}

func (s *state) quantityArithmetic(op string, a, b Value) ([]Value, error) {
	switch op {
	case "+", "-":
		if a.kind != Quantity || b.kind != Quantity {
			return nil, refuse("%s cannot be applied to a quantity and a number.", op)
		}
		return s.quantitySum(op, a, b)
	case "*", "/":
		return s.quantityProduct(op, a, b)
	}
	return nil, refuse("%s cannot be applied to quantities.", op)
}

// quantitySum adds in the finer of the two units; it is empty when they are not comparable.
// Degrees Celsius and Fahrenheit and the like have no common step, so they do not add up.
func (s *state) quantitySum(op string, a, b Value) ([]Value, error) {
	if unitOf(a) != unitOf(b) {
		x, y, ok := s.units(a, b)
		if !ok || !ucum.Comparable(x, y) || x.Special() || y.Special() {
			return nil, nil
		}
		_, f := x.Canonical()
		_, g := y.Canonical()
		var err error
		if f.Cmp(g) > 0 {
			a, err = inUnitOf(a, x, b, y)
		} else {
			b, err = inUnitOf(b, y, a, x)
		}
		if err != nil {
			return nil, nil
		}
	}
	d, ok := decimalArithmetic(op, a.num, b.num)
	if !ok {
		return nil, nil
	}
	a.num = d
	return []Value{a}, nil
}

// inUnitOf converts a quantity to the unit of another.
func inUnitOf(v Value, from ucum.Unit, like Value, to ucum.Unit) (Value, error) {
	d, err := ucum.ConvertDecimal(v.num, from, to)
	like.num = d
	return like, err
}

func (s *state) quantityProduct(op string, a, b Value) ([]Value, error) {
	x, y := amount(a), amount(b)
	if x == nil || y == nil {
		return nil, refuse("%s cannot be applied to a quantity and something that is no number.", op)
	}
	d, ok := decimalArithmetic(op, x, y)
	if !ok {
		return nil, nil
	}
	u, w := unitOf(a), unitOf(b)
	switch {
	case w == "1" && a.kind == Quantity:
		a.num = d
		return []Value{a}, nil
	case w == "1" && u == "1":
		return []Value{quantity(d, "1")}, nil
	case u == "1" && op == "*":
		b.num = d
		return []Value{b}, nil
	case op == "/" && u == w:
		return []Value{quantity(d, "1")}, nil
	}
	unit, ok := s.product(op, a, b)
	if !ok {
		return nil, nil
	}
	return []Value{quantity(d, unit)}, nil
}

// product spells the unit of a product or quotient: m2 for m.m, else the codes joined.
func (s *state) product(op string, a, b Value) (string, bool) {
	x, y, ok := s.units(a, b)
	if !ok {
		return "", false
	}
	if op == "*" && x.String() == y.String() && !strings.ContainsAny(x.String(), "0123456789./(){}[]%*^") {
		return x.String() + "2", true
	}
	join := ucum.Multiply
	if op == "/" {
		join = ucum.Divide
	}
	u, err := join(x, y)
	return u.String(), err == nil
}
