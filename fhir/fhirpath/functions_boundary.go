package fhirpath

import (
	"github.com/cockroachdb/apd/v3"
)

// boundary are functions of FHIRPath N2 that FHIR uses: what a value means that was given
// with limited precision.
var boundary = map[string]function{
	"lowBoundary":  {0, 1, bound(false)},
	"highBoundary": {0, 1, bound(true)},
	"precision": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		if len(in) == 0 {
			return nil, nil
		}
		if len(in) > 1 {
			return nil, refuse("precision() was applied to %d items.", len(in))
		}
		v := in[0].system()
		switch v.kind {
		case Integer:
			return []Value{integer(0)}, nil
		case Decimal:
			return []Value{integer(int64(max(0, -v.num.Exponent)))}, nil
		}
		t, ok := parseTemporal(v.kind, v.text)
		if !ok || v.kind != Date && v.kind != DateTime && v.kind != Time {
			return nil, nil
		}
		return []Value{integer(int64(t.precision()))}, nil
	}},
	"comparable": {1, 1, comparable},
}

// maxPlaces is the largest number of decimal places that a boundary can be asked for.
const maxPlaces = 31

func bound(high bool) func(s *state, in, outer []Value, args []eval) ([]Value, error) {
	return func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		if len(in) == 0 {
			return nil, nil
		}
		if len(in) > 1 {
			return nil, refuse("a boundary was asked of %d items.", len(in))
		}
		precision := int64(-1)
		if len(args) == 1 {
			n, given, err := one(s, args[0], outer, Integer)
			if err != nil {
				return nil, err
			}
			if given && n.i < 0 {
				return nil, nil
			}
			if given {
				precision = n.i
			}
		}
		v := in[0].system()
		switch v.kind {
		case Integer, Decimal, Quantity:
			if precision < 0 {
				precision = 8
			}
			d, ok := boundDecimal(amount(v), precision, high)
			if !ok {
				return nil, nil
			}
			if v.kind == Quantity {
				v.num = d
				return []Value{v}, nil
			}
			return []Value{decimal(d)}, nil
		case Date, DateTime, Time:
			t, ok := parseTemporal(v.kind, v.text)
			if !ok {
				return nil, nil
			}
			if t, ok = t.bound(precision, high); !ok {
				return nil, nil
			}
			return []Value{{kind: v.kind, text: t.String()}}, nil
		}
		return nil, refuse("%s has no boundaries.", in[0].Type())
	}
}

// boundDecimal is the least or greatest number that would be written as d, rounded outward
// to a number of decimal places: 1.587 is at least 1.5865.
func boundDecimal(d *apd.Decimal, places int64, high bool) (*apd.Decimal, bool) {
	if places > maxPlaces {
		return nil, false
	}
	c := apd.BaseContext.WithPrecision(400)
	c.Rounding = apd.RoundDown
	half, ulp := apd.New(-5, min(d.Exponent, 0)-1), apd.New(-1, -int32(places))
	if high {
		half.Negative, ulp.Negative = false, false
	}
	out, rounded := new(apd.Decimal), new(apd.Decimal)
	if _, err := c.Add(out, d, half); err != nil {
		return nil, false
	}
	if _, err := c.Quantize(rounded, out, -int32(places)); err != nil {
		return nil, false
	}
	if order := rounded.Cmp(out); high && order < 0 || !high && order > 0 {
		_, err := c.Add(rounded, rounded, ulp)
		return rounded, err == nil
	}
	return rounded, true
}

// precision counts the digits that were given: 4 for a year, 17 for a dateTime with
// milliseconds, 4 for a time with minutes.
func (t temporal) precision() int {
	n := [...]int{0, 4, 6, 8, 10, 12, 14}[t.n] + t.digits
	if t.kind == Time {
		n -= 8
	}
	return n
}

// bound fills the parts that were not given with their least or greatest value. A dateTime
// without time zone is as early as it is in the first zone (+14:00), or as late as in the
// last (-12:00). An hour without minutes does not exist in FHIR; it is taken as hh:00.
func (t temporal) bound(precision int64, high bool) (temporal, bool) {
	full := map[Kind]int64{Date: 8, DateTime: 17, Time: 9}[t.kind]
	if precision < 0 {
		precision = full
	}
	if precision > full {
		return t, false
	}
	if t.n == 4 {
		t.n = 5
	}
	limits := [...]int{1, 1, 1, 0, 0, 0}
	nano := 0
	if high {
		limits = [...]int{9999, 12, 31, 23, 59, 59}
		nano = 999_999_999
	}
	for i := t.n; i < 6; i++ {
		t.part[i] = limits[i]
		if i == partDay && high {
			t.part[i] = daysIn(t.part[partYear], t.part[partMonth])
		}
	}
	step := 1_000_000_000
	for range min(t.digits, 9) {
		step /= 10
	}
	t.part[partNano] += nano % step
	if t.kind == DateTime && !t.zoned {
		t.zoned, t.offset = true, 14*60
		if high {
			t.offset = -12 * 60
		}
	}
	if t.kind == Time {
		precision += 8
	}
	n, ok := map[int64]int{4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}[precision]
	t.n, t.digits = n, 0
	if precision == 17 {
		t.digits = 3
	}
	return t, ok && (t.kind != Time || n > 3)
}
