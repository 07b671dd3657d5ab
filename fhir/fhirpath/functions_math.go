package fhirpath

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// mathematics is section 5.7 of FHIRPath N1, and the boundaries of FHIRPath N2 that FHIR
// uses.
var mathematics = map[string]function{
	"abs": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := numeric(in)
		if err != nil || !ok {
			return nil, err
		}
		if v.kind == Integer {
			if v.i < 0 {
				v.i = -v.i
			}
			return []Value{v}, nil
		}
		v.num = new(apd.Decimal).Abs(v.num)
		return []Value{v}, nil
	}},
	"ceiling":  whole((*apd.Context).Ceil),
	"floor":    whole((*apd.Context).Floor),
	"truncate": whole(func(_ *apd.Context, d, x *apd.Decimal) (apd.Condition, error) { d.Set(truncated(x)); return 0, nil }),
	"round": {0, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := numeric(in)
		if err != nil || !ok {
			return nil, err
		}
		places := int64(0)
		if len(args) == 1 {
			n, given, err := one(s, args[0], outer, Integer)
			if err != nil {
				return nil, err
			}
			if given {
				places = n.i
			}
		}
		if places < 0 || places > 28 {
			return nil, refuse("round() takes 0 to 28 places.")
		}
		d := amount(v)
		half := *exact
		half.Rounding = apd.RoundHalfUp
		out := new(apd.Decimal)
		if _, err := half.Quantize(out, d, -int32(places)); err != nil {
			return nil, nil
		}
		return []Value{decimal(out)}, nil
	}},
	"sqrt": approximate(func(x float64) float64 { return math.Sqrt(x) }),
	"exp":  approximate(math.Exp),
	"ln":   approximate(math.Log),
	"log": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		return withNumber(s, in, outer, args, func(x, base float64) float64 { return math.Log(x) / math.Log(base) })
	}},
	"power": {1, 1, power_},
}

// numeric returns the single number or quantity of a collection.
func numeric(in []Value) (Value, bool, error) {
	if len(in) == 0 {
		return Value{}, false, nil
	}
	if len(in) > 1 {
		return Value{}, false, refuse("one number was expected, there are %d items.", len(in))
	}
	v := in[0].system()
	if amount(v) == nil {
		return Value{}, false, refuse("a number was expected, not a %s.", in[0].Type())
	}
	return v, true, nil
}

func whole(f func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error)) function {
	return function{0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := numeric(in)
		if err != nil || !ok {
			return nil, err
		}
		out := new(apd.Decimal)
		if _, err := f(exact, out, amount(v)); err != nil {
			return nil, nil
		}
		i, err := out.Int64()
		if err != nil {
			return nil, nil
		}
		return []Value{integer(i)}, nil
	}}
}

func approximate(f func(float64) float64) function {
	return function{0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := numeric(in)
		if err != nil || !ok {
			return nil, err
		}
		x, err := amount(v).Float64()
		if err != nil {
			return nil, nil
		}
		return fromFloat(f(x)), nil
	}}
}

func fromFloat(f float64) []Value {
	d, err := new(apd.Decimal).SetFloat64(f)
	if err != nil || d.Form != apd.Finite || d.Exponent > 100 || d.Exponent < -400 {
		return nil
	}
	d.Reduce(d)
	return []Value{decimal(d)}
}

func withNumber(s *state, in, outer []Value, args []eval, f func(x, y float64) float64) ([]Value, error) {
	v, ok, err := numeric(in)
	if err != nil || !ok {
		return nil, err
	}
	other, err := args[0](s, outer)
	if err != nil {
		return nil, err
	}
	w, ok, err := numeric(other)
	if err != nil || !ok {
		return nil, err
	}
	x, err1 := amount(v).Float64()
	y, err2 := amount(w).Float64()
	if err1 != nil || err2 != nil {
		return nil, nil
	}
	return fromFloat(f(x, y)), nil
}

func power_(s *state, in, outer []Value, args []eval) ([]Value, error) {
	exponent, err := args[0](s, outer)
	if err != nil {
		return nil, err
	}
	given := func(*state, []Value) ([]Value, error) { return exponent, nil }
	out, err := withNumber(s, in, outer, []eval{given}, math.Pow)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	if in[0].system().kind == Integer && exponent[0].system().kind == Integer {
		if i, err := out[0].num.Int64(); err == nil {
			return []Value{integer(i)}, nil
		}
	}
	return out, nil
}
