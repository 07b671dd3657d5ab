package fhirpath

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/osler-emr/osler/fhir"
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
			return quantityArithmetic(op, a, b)
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

// systemQuantity reads a FHIR Quantity.
func systemQuantity(n *fhir.Node) (Value, bool) {
	d, ok := parseDecimal(n.Get("value").Text())
	if !ok || n.Get("comparator") != nil {
		return Value{}, false
	}
	unit := n.Get("code").Text()
	switch {
	case n.Get("system").Text() == "http://unitsofmeasure.org":
		if word, ok := ucumCalendar[unit]; ok {
			return Value{kind: Quantity, num: d, text: word, lit: true}, true
		}
	case unit == "":
		unit = n.Get("unit").Text()
	}
	if unit == "" {
		unit = "1"
	}
	return quantity(d, unit), true
}

// ucumCalendar gives the UCUM codes that FHIR maps to calendar words.
var ucumCalendar = map[string]string{"a": "year", "mo": "month", "wk": "week", "d": "day",
	"h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}

// calendarUnit returns the singular of a calendar word.
func calendarUnit(word string) (string, bool) {
	for _, unit := range ucumCalendar {
		if word == unit || word == unit+"s" {
			return unit, true
		}
	}
	return "", false
}

// unitOf returns the unit in one spelling: calendar words up to seconds and their UCUM
// codes are the same except for years and months, which have no fixed length in UCUM.
func unitOf(q Value) string {
	if q.kind != Quantity {
		return "1"
	}
	if word, ok := ucumCalendar[q.text]; ok && !q.lit && word != "year" && word != "month" {
		return word
	}
	if q.lit && (q.text == "year" || q.text == "month") {
		return "calendar " + q.text
	}
	return q.text
}

// scales gives metric units of one dimension in a common measure. The complete UCUM
// arithmetic is not part of this package; units that are not here compare only with
// themselves.
var scales = map[string]struct {
	dimension string
	factor    string
}{
	"week": {"time", "604800"}, "day": {"time", "86400"}, "hour": {"time", "3600"}, "minute": {"time", "60"}, "second": {"time", "1"}, "millisecond": {"time", "0.001"},
	"kg": {"mass", "1000"}, "g": {"mass", "1"}, "mg": {"mass", "0.001"}, "ug": {"mass", "0.000001"},
	"[lb_av]": {"mass", "453.59237"}, "[oz_av]": {"mass", "28.349523125"},
	"km": {"length", "1000"}, "m": {"length", "1"}, "cm": {"length", "0.01"}, "mm": {"length", "0.001"},
	"[in_i]": {"length", "0.0254"}, "[ft_i]": {"length", "0.3048"},
	"L": {"volume", "1"}, "l": {"volume", "1"}, "dL": {"volume", "0.1"}, "mL": {"volume", "0.001"},
	"1": {"one", "1"}, "": {"one", "1"}, "%": {"one", "0.01"},
}

// inUnit expresses two quantities in one unit.
func inUnit(a, b Value) (x, y *apd.Decimal, ok bool) {
	x, y = amount(a), amount(b)
	if x == nil || y == nil {
		return nil, nil, false
	}
	u, w := unitOf(a), unitOf(b)
	if u == w {
		return x, y, true
	}
	p, ok1 := scales[u]
	q, ok2 := scales[w]
	if !ok1 || !ok2 || p.dimension != q.dimension {
		return nil, nil, false
	}
	return scaled(x, p.factor), scaled(y, q.factor), true
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

func scaled(d *apd.Decimal, factor string) *apd.Decimal {
	f, _ := parseDecimal(factor)
	out := new(apd.Decimal)
	if _, err := exact.Mul(out, d, f); err != nil {
		return d
	}
	return out
}

func compareQuantity(a, b Value) (order int, ok bool) {
	x, y, ok := inUnit(a, b)
	if !ok {
		return 0, false
	}
	return x.Cmp(y), true
}

func equivalentQuantity(a, b Value) bool {
	for _, v := range []*Value{&a, &b} { // ~ takes a calendar year for 'a'
		v.text = unitOf(*v)
		if len(v.text) > 9 && v.text[:9] == "calendar " {
			v.text = map[string]string{"year": "a", "month": "mo"}[v.text[9:]]
		}
		v.lit = false
	}
	x, y, ok := inUnit(a, b)
	return ok && equivalentDecimal(x, y)
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

func quantityArithmetic(op string, a, b Value) ([]Value, error) {
	switch op {
	case "+", "-":
		if a.kind != Quantity || b.kind != Quantity {
			return nil, refuse("%s cannot be applied to a quantity and a number.", op)
		}
		if unitOf(a) != unitOf(b) {
			return nil, nil
		}
		if d, ok := decimalArithmetic(op, a.num, b.num); ok {
			return []Value{{kind: Quantity, num: d, text: a.text, lit: a.lit}}, nil
		}
		return nil, nil
	case "*", "/":
		return quantityProduct(op, a, b)
	}
	return nil, refuse("%s cannot be applied to quantities.", op)
}

func quantityProduct(op string, a, b Value) ([]Value, error) {
	x, y := amount(a), amount(b)
	if x == nil || y == nil {
		return nil, refuse("%s cannot be applied to a quantity and something that is no number.", op)
	}
	var unit string
	lit := false
	u, w := unitOf(a), unitOf(b)
	switch {
	case w == "1":
		unit, lit = a.text, a.lit
	case u == "1" && op == "*":
		unit, lit = b.text, b.lit
	case op == "/" && u == w:
		unit = "1"
	case op == "/":
		unit = a.text + "/" + b.text
	default:
		if u == w {
			unit = a.text + "2"
		} else {
			unit = a.text + "." + b.text
		}
	}
	d, ok := decimalArithmetic(op, x, y)
	if !ok {
		return nil, nil
	}
	return []Value{{kind: Quantity, num: d, text: unit, lit: lit}}, nil
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
		whole, unit = scaled(q.num, "1000"), "millisecond"
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
