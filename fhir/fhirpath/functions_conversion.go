package fhirpath

import (
	"regexp"
	"strings"
)

// conversion is section 5.5 of FHIRPath N1.
var conversion = map[string]function{
	"toBoolean":  converts(toBoolean),
	"toInteger":  converts(toInteger),
	"toDecimal":  converts(toDecimal),
	"toString":   converts(toText),
	"toDate":     converts(toTemporal(Date)),
	"toDateTime": converts(toTemporal(DateTime)),
	"toTime":     converts(toTemporal(Time)),
	"toQuantity": converts(toQuantity),

	"convertsToBoolean":  convertible(toBoolean),
	"convertsToInteger":  convertible(toInteger),
	"convertsToDecimal":  convertible(toDecimal),
	"convertsToString":   convertible(toText),
	"convertsToDate":     convertible(toTemporal(Date)),
	"convertsToDateTime": convertible(toTemporal(DateTime)),
	"convertsToTime":     convertible(toTemporal(Time)),
	"convertsToQuantity": convertible(toQuantity),
}

type converter func(Value) (Value, bool)

// converts makes toX(). toQuantity takes the wanted unit as an argument.
func converts(to converter) function {
	return function{0, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := converted(s, in, outer, args, to)
		if err != nil || !ok {
			return nil, err
		}
		return []Value{v}, nil
	}}
}

func convertible(to converter) function {
	return function{0, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		if len(in) == 0 {
			return nil, nil
		}
		_, ok, err := converted(s, in, outer, args, to)
		if err != nil {
			return nil, err
		}
		return yesNo(ok)
	}}
}

func converted(s *state, in, outer []Value, args []eval, to converter) (Value, bool, error) {
	if len(in) == 0 {
		return Value{}, false, nil
	}
	if len(in) > 1 {
		return Value{}, false, refuse("a conversion was applied to %d items.", len(in))
	}
	v, ok := to(in[0].system())
	if !ok || len(args) == 0 {
		return v, ok, nil
	}
	unit, given, err := one(s, args[0], outer, String)
	if err != nil || !given || v.kind != Quantity {
		return v, ok && given, err
	}
	v, ok = s.to(v, unit.text)
	return v, ok, s.spend(0)
}

// to converts a quantity to a unit: a UCUM code or a calendar word.
func (s *state) to(v Value, unit string) (Value, bool) {
	target := quantity(v.num, unit)
	if word, isWord := calendarUnit(unit); isWord {
		target.text, target.lit = word, true
	}
	if unitOf(v) == unitOf(target) {
		return v, true
	}
	from, to, ok := s.units(v, target)
	if !ok {
		return Value{}, false
	}
	out, err := inUnitOf(v, from, target, to)
	return out, err == nil
}

func toBoolean(v Value) (Value, bool) {
	switch v.kind {
	case Boolean:
		return v, true
	case Integer:
		return boolean(v.i == 1), v.i == 0 || v.i == 1
	case Decimal:
		i, err := v.num.Int64()
		return boolean(i == 1), err == nil && (i == 0 || i == 1)
	case String:
		switch strings.ToLower(v.text) {
		case "true", "t", "yes", "y", "1", "1.0":
			return boolean(true), true
		case "false", "f", "no", "n", "0", "0.0":
			return boolean(false), true
		}
	}
	return Value{}, false
}

var (
	integerForm  = regexp.MustCompile(`^[+-]?[0-9]{1,18}$`)
	decimalForm  = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)
	quantityForm = regexp.MustCompile(`^([+-]?[0-9]+(?:\.[0-9]+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?$`)
)

func toInteger(v Value) (Value, bool) {
	switch v.kind {
	case Integer, Boolean:
		return integer(v.i), true
	case String:
		if integerForm.MatchString(v.text) {
			n := number(strings.TrimPrefix(v.text, "+"), false)
			return n, n.kind == Integer
		}
	}
	return Value{}, false
}

func toDecimal(v Value) (Value, bool) {
	switch v.kind {
	case Integer, Boolean:
		d, _ := integer(v.i).asDecimal()
		return decimal(d), true
	case Decimal:
		return v, true
	case String:
		if decimalForm.MatchString(v.text) {
			if d, ok := parseDecimal(strings.TrimPrefix(v.text, "+")); ok {
				return decimal(d), true
			}
		}
	}
	return Value{}, false
}

func toText(v Value) (Value, bool) {
	if v.kind == Element {
		return Value{}, false
	}
	return text(v.Text()), true
}

func toTemporal(kind Kind) converter {
	return func(v Value) (Value, bool) {
		switch v.kind {
		case Date, DateTime, Time, String:
		default:
			return Value{}, false
		}
		s := v.text
		if kind == Date && v.kind != Date {
			s, _, _ = strings.Cut(s, "T")
		}
		if (kind == Time) != (v.kind == Time) && v.kind != String {
			return Value{}, false
		}
		if _, ok := parseTemporal(kind, s); !ok {
			return Value{}, false
		}
		return Value{kind: kind, text: s}, true
	}
}

func toQuantity(v Value) (Value, bool) {
	switch v.kind {
	case Quantity:
		return v, true
	case Integer, Decimal, Boolean:
		if v.kind == Boolean {
			v = integer(v.i)
		}
		d, _ := v.asDecimal()
		return quantity(d, "1"), true
	case String:
		m := quantityForm.FindStringSubmatch(v.text)
		if m == nil {
			return Value{}, false
		}
		d, ok := parseDecimal(strings.TrimPrefix(m[1], "+"))
		if !ok {
			return Value{}, false
		}
		if m[3] != "" {
			word, isWord := calendarUnit(m[3])
			return Value{kind: Quantity, num: d, text: word, lit: true}, isWord
		}
		if m[2] == "" {
			m[2] = "1"
		}
		return quantity(d, m[2]), true
	}
	return Value{}, false
}
