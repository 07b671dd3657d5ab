package fhirpath

import (
	"github.com/cockroachdb/apd/v3"
)

// exact is the arithmetic of FHIRPath decimals: at least 18 digits and 8 decimal places.
var exact = apd.BaseContext.WithPrecision(28)

func negated(d *apd.Decimal) *apd.Decimal { return new(apd.Decimal).Neg(d) }

// arithmetic makes + - * / div mod: FHIRPath N1, section 6.6.
func arithmetic(op string) operator {
	return func(s *state, left, right []Value) ([]Value, error) {
		if len(left) == 0 || len(right) == 0 {
			return nil, nil
		}
		if len(left) > 1 || len(right) > 1 {
			return nil, refuse("%s has several items on one side.", op)
		}
		a, b := left[0].system(), right[0].system()
		switch {
		case isEmptyNode(a) || isEmptyNode(b):
			return nil, nil
		case op == "+" && a.kind == String && b.kind == String:
			return concatenate(s, left, right)
		case (op == "+" || op == "-") && b.kind == Quantity && (a.kind == Date || a.kind == DateTime || a.kind == Time):
			return move(op, a, b)
		case a.kind == Quantity || b.kind == Quantity:
			return s.quantityArithmetic(op, a, b)
		case a.kind == Integer && b.kind == Integer && op != "/":
			if v, ok := integerArithmetic(op, a.i, b.i); ok {
				return v, nil
			}
		}
		m, ok1 := a.asDecimal()
		n, ok2 := b.asDecimal()
		if !ok1 || !ok2 {
			return nil, refuse("%s cannot be applied to %s and %s.", op, left[0].Type(), right[0].Type())
		}
		d, ok := decimalArithmetic(op, m, n)
		if !ok {
			return nil, nil
		}
		if op == "div" {
			if i, err := d.Int64(); err == nil {
				return []Value{integer(i)}, nil
			}
		}
		return []Value{decimal(d)}, nil
	}
}

// integerArithmetic is false when the result does not fit; division by zero is empty.
func integerArithmetic(op string, a, b int64) ([]Value, bool) {
	const limit = 1 << 31
	if (op == "div" || op == "mod") && b == 0 {
		return nil, true
	}
	if a >= limit || a <= -limit || b >= limit || b <= -limit {
		return nil, false
	}
	switch op {
	case "+":
		return []Value{integer(a + b)}, true
	case "-":
		return []Value{integer(a - b)}, true
	case "*":
		return []Value{integer(a * b)}, true
	case "div":
		return []Value{integer(a / b)}, true
	}
	return []Value{integer(a % b)}, true
}

func decimalArithmetic(op string, a, b *apd.Decimal) (*apd.Decimal, bool) {
	d := new(apd.Decimal)
	var err error
	switch op {
	case "+":
		_, err = exact.Add(d, a, b)
	case "-":
		_, err = exact.Sub(d, a, b)
	case "*":
		_, err = exact.Mul(d, a, b)
	case "/":
		if b.IsZero() {
			return nil, false
		}
		_, err = exact.Quo(d, a, b)
		d.Reduce(d)
	case "div":
		if b.IsZero() {
			return nil, false
		}
		_, err = exact.QuoInteger(d, a, b)
	case "mod":
		if b.IsZero() {
			return nil, false
		}
		_, err = exact.Rem(d, a, b)
	}
	return d, err == nil && d.Form == apd.Finite && d.Exponent < 200 && d.Exponent > -200
}

// move adds a span of time to a date: FHIRPath N1, section 6.6.7. Whole units that are
// finer than the precision of the date count as far as they make whole units of it.
func move(op string, a, q Value) ([]Value, error) {
	t, ok := parseTemporal(a.kind, a.text)
	if !ok {
		return nil, nil
	}
	unit := q.text
	if !q.lit {
		if unit = ucumCalendar[unit]; unit == "" || unit == "year" || unit == "month" {
			return nil, refuse("a date can be moved by calendar units and by fixed UCUM units, not by '%s'.", q.text)
		}
	}
	whole := new(apd.Decimal)
	if unit == "second" {
		whole, unit = new(apd.Decimal), "millisecond"
		if _, err := exact.Mul(whole, q.num, apd.New(1000, 0)); err != nil {
			return nil, nil
		}
	} else {
		whole.Set(q.num)
	}
	if _, err := exact.RoundToIntegralValue(whole, truncated(whole)); err != nil {
		return nil, nil
	}
	n, err := whole.Int64()
	if err != nil {
		return nil, nil
	}
	if op == "-" {
		n = -n
	}
	if n, unit, ok = coarser(t, n, unit); !ok {
		return nil, nil
	}
	if t, ok = t.add(n, unit); !ok {
		return nil, nil
	}
	return []Value{{kind: a.kind, text: t.String()}}, nil
}

func truncated(d *apd.Decimal) *apd.Decimal {
	whole, fraction := new(apd.Decimal), new(apd.Decimal)
	d.Modf(whole, fraction)
	return whole
}

// coarser turns a number of units finer than the precision of t into units that t has.
func coarser(t temporal, n int64, unit string) (int64, string, bool) {
	if t.kind == Time && unitPrecision[unit] <= 3 {
		return 0, "", false
	}
	for unitPrecision[unit] > t.n {
		next, ok := coarserUnits[unit]
		if !ok {
			return 0, "", false
		}
		n, unit = n/next.count, next.unit
	}
	return n, unit, true
}

var coarserUnits = map[string]struct {
	unit  string
	count int64
}{"millisecond": {"second", 1000}, "second": {"minute", 60}, "minute": {"hour", 60}, "hour": {"day", 24}, "week": {"month", 4}, "day": {"month", 30}, "month": {"year", 12}}
