package search

import (
	"math"
	"math/big"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/osler-emr/osler/fhir/ucum"
)

// ByUCUM reports whether a quantity is compared across units: its unit is a code of UCUM.
// Others are compared with values in the same unit as written.
func (q Quantity) ByUCUM() bool {
	if q.System != ucum.System || q.Code == "" {
		return false
	}
	_, ok := unitOf(q.Code)
	return ok
}

// In returns the quantity in another unit of UCUM, exactly where the units are exact; false
// when there is no such value. So a stored value stays as it was written, and needs no
// second form in an index: it is the question that is converted, once for each unit in use.
//
// Units in which more is less (such as [pH], a negative logarithm) are compared with
// themselves only.
func (q Quantity) In(code string) (Quantity, bool) {
	if code == q.Code {
		return q, true
	}
	from, ok := unitOf(q.Code)
	to, known := unitOf(code)
	if !ok || !known || !ucum.Comparable(from, to) || !rises(from) || !rises(to) {
		return q, false
	}
	q.Code = code
	for _, v := range [...]*float64{&q.Value, &q.Low, &q.High} {
		if *v, ok = convert(*v, from, to); !ok {
			return q, false
		}
	}
	return q, true
}

// convert takes a number as the decimal that it was written as, so that 5.4 mg is 0.0054 g
// to the last bit.
func convert(v float64, from, to ucum.Unit) (float64, bool) {
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
	if !ok {
		return 0, false
	}
	out, err := ucum.Convert(exact, from, to)
	if err != nil {
		return 0, false
	}
	f, _ := out.Float64()
	return f, !math.IsInf(f, 0)
}

// rises reports whether more in the unit is more in its base.
func rises(u ucum.Unit) bool {
	if !u.Special() {
		return true
	}
	low, errLow := u.ToBase(big.NewRat(1, 1))
	high, errHigh := u.ToBase(big.NewRat(2, 1))
	return errLow == nil && errHigh == nil && low.Cmp(high) < 0
}

// maxUnits bounds the units that are remembered; others are read again.
const maxUnits = 4096

var (
	units   sync.Map // code -> *ucum.Unit, nil for what is no unit
	unitsNo atomic.Int64
)

func unitOf(code string) (ucum.Unit, bool) {
	if got, ok := units.Load(code); ok {
		u, _ := got.(*ucum.Unit)
		if u == nil {
			return ucum.Unit{}, false
		}
		return *u, true
	}
	u, err := ucum.Parse(code)
	var keep *ucum.Unit
	if err == nil {
		keep = &u
	}
	if unitsNo.Load() < maxUnits {
		if _, had := units.LoadOrStore(code, keep); !had {
			unitsNo.Add(1)
		}
	}
	return u, err == nil
}
