package ucum

import (
	"math"
	"math/big"
)

// special is what makes a unit special: a function between its numbers and those of unit,
// a factor on the base units.
type special struct {
	function
	code string
	unit *big.Rat
}

// function turns a number in the special unit into one in the unit behind it, and back.
// Both are false for a number that has no counterpart, such as the logarithm of 0.
type function struct {
	to, from func(*big.Rat) (*big.Rat, bool)
	exact    bool
}

// slopeUnit stands behind a slope. The essence says deg, the specification rad; an angle is
// an angle, and its tangent is computed in rad: 100 %[slope] is 45 deg.
const slopeUnit = "rad"

// functions are the special functions of UCUM, section 2.2.3 and table 3 on.
var functions = map[string]function{
	"Cel":         offset("273.15"),
	"degF":        offset("459.67"),
	"degRe":       offset("218.52"),
	"pH":          logarithm(10, -1),
	"ln":          logarithm(math.E, 1),
	"lg":          logarithm(10, 1),
	"lgTimes2":    logarithm(10, 0.5),
	"ld":          logarithm(2, 1),
	"hpX":         logarithm(10, -1),
	"hpC":         logarithm(100, -1),
	"hpM":         logarithm(1000, -1),
	"hpQ":         logarithm(50000, -1),
	"tanTimes100": slope,
	"100tan":      slope,
	"sqrt": {
		to: func(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Mul(x, x), x.Sign() >= 0 },
		from: func(x *big.Rat) (*big.Rat, bool) {
			f, _ := x.Float64()
			return ofFloat(math.Sqrt(f))
		},
	},
}

// offset is a scale whose zero lies elsewhere: K = Cel + 273.15.
func offset(zero string) function {
	z, _ := new(big.Rat).SetString(zero)
	return function{
		to:    func(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Add(x, z), true },
		from:  func(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Sub(x, z), true },
		exact: true,
	}
}

// logarithm is a level: the number behind is base to the power of x times step.
func logarithm(base, step float64) function {
	return function{
		to: func(x *big.Rat) (*big.Rat, bool) {
			f, _ := x.Float64()
			if e := f * step; e == math.Trunc(e) && math.Abs(e) <= 300 && base == math.Trunc(base) {
				return raised(big.NewRat(int64(base), 1), int(e)), true
			}
			return ofFloat(math.Pow(base, f*step))
		},
		from: func(x *big.Rat) (*big.Rat, bool) {
			f, _ := x.Float64()
			switch base {
			case 10:
				return ofFloat(math.Log10(f) / step)
			case 2:
				return ofFloat(math.Log2(f) / step)
			}
			return ofFloat(math.Log(f) / math.Log(base) / step)
		},
	}
}

// slope is 100 times the tangent of an angle.
var slope = function{
	to: func(x *big.Rat) (*big.Rat, bool) {
		f, _ := x.Float64()
		return ofFloat(math.Atan(f / 100))
	},
	from: func(x *big.Rat) (*big.Rat, bool) {
		f, _ := x.Float64()
		return ofFloat(100 * math.Tan(f))
	},
}

func ofFloat(f float64) (*big.Rat, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
		return new(big.Rat), f == 0
	}
	r := new(big.Rat).SetFloat64(f)
	return r, r != nil
}

// raised is x to the power of n; x is not 0 when n is negative.
func raised(x *big.Rat, n int) *big.Rat {
	e := big.NewInt(int64(max(n, -n)))
	num, den := new(big.Int).Exp(x.Num(), e, nil), new(big.Int).Exp(x.Denom(), e, nil)
	if n < 0 {
		num, den = den, num
	}
	return new(big.Rat).SetFrac(num, den)
}
