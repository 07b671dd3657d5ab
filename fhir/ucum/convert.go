package ucum

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/osler-emr/osler/base/fault"
)

// ToBase converts a value in u into its base units.
func (u Unit) ToBase(value *big.Rat) (*big.Rat, error) {
	v := new(big.Rat).Mul(value, u.scale())
	if u.special == nil {
		return v, nil
	}
	v, ok := u.special.to(v)
	if !ok {
		return nil, fault.New(fault.Invalid, "A value in the unit %s has no counterpart in %s.", u.code, u.Base())
	}
	return v.Mul(v, u.special.unit), nil
}

// FromBase converts a value in base units into u.
func (u Unit) FromBase(value *big.Rat) (*big.Rat, error) {
	v := new(big.Rat)
	if u.special == nil {
		return v.Quo(value, u.scale()), nil
	}
	v, ok := u.special.from(v.Quo(value, u.special.unit))
	if !ok {
		return nil, fault.New(fault.Invalid, "A value in %s has no counterpart in the unit %s.", u.Base(), u.code)
	}
	return v.Quo(v, u.scale()), nil
}

// Convert converts a value from one unit into another. Units that are not comparable are a
// fault that names both.
func Convert(value *big.Rat, from, to Unit) (*big.Rat, error) {
	if !Comparable(from, to) {
		return nil, fault.New(fault.Invalid, "The unit %s (%s) cannot be converted to %s (%s).", from.code, from.Base(), to.code, to.Base())
	}
	v, err := from.ToBase(value)
	if err != nil {
		return nil, err
	}
	return to.FromBase(v)
}

// digits is the precision of a Decimal that cannot be written in full.
const digits = 28

// ConvertDecimal is Convert for decimals. The result has up to 28 digits: it is exact when
// it can be written with them, else rounded.
func ConvertDecimal(value *apd.Decimal, from, to Unit) (*apd.Decimal, error) {
	v, ok := Rational(value)
	if !ok {
		return nil, fault.New(fault.Invalid, "A value to be converted is not a number of sensible size.")
	}
	out, err := Convert(v, from, to)
	if err != nil {
		return nil, err
	}
	return Decimal(out), nil
}

// Rational returns a decimal as a rational number; false for NaN, infinity, and exponents
// beyond ±400.
func Rational(d *apd.Decimal) (*big.Rat, bool) {
	if d == nil || d.Form != apd.Finite || d.Exponent > 400 || d.Exponent < -400 {
		return nil, false
	}
	n := new(big.Int).Set(d.Coeff.MathBigInt())
	if d.Negative {
		n.Neg(n)
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Exponent, -d.Exponent))), nil)
	if d.Exponent >= 0 {
		return new(big.Rat).SetInt(n.Mul(n, ten)), true
	}
	return new(big.Rat).SetFrac(n, ten), true
}

// Decimal returns a rational number as a decimal of up to 28 digits, without zeros at its
// end.
func Decimal(v *big.Rat) *apd.Decimal {
	num := apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(v.Num()), 0)
	den := apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(v.Denom()), 0)
	out := new(apd.Decimal)
	_, _ = context.Quo(out, num, den)
	out.Reduce(out)
	if out.Exponent > 0 && out.Exponent < 30 { // 6300, not 63E+2
		_, _ = apd.BaseContext.WithPrecision(digits+30).Quantize(out, out, 0)
	}
	return out
}

var context = apd.BaseContext.WithPrecision(digits)
