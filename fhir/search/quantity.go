package search

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

const iso4217 = "urn:iso:std:iso:4217"

// extractQuantity appends the number or quantity of a value: FHIR R4, sections 3.1.1.4.6
// and 3.1.1.4.11. ValueLow and ValueHigh are the value itself, or the ends of a Range, of a
// value with a comparator ("<5") or of SampledData; an open end is -MaxFloat64 or
// MaxFloat64. Units are kept as written; a search converts its own (Quantity.In).
func extractQuantity(out []Entry, param string, kind Kind, v fhirpath.Value) []Entry {
	n := v.Node()
	e := Entry{Param: param, Kind: kind}
	ok := false
	switch v.Type() {
	case "Range":
		low, hasLow := n.Get("low").Get("value").Float()
		high, hasHigh := n.Get("high").Get("value").Float()
		if !hasLow {
			low = -math.MaxFloat64
		}
		if !hasHigh {
			high = math.MaxFloat64
		}
		e.Value, e.ValueLow, e.ValueHigh = low, low, high
		if !hasLow {
			e.Value = high
		}
		e.unit(n.Get("low"))
		if e.Code == "" && e.Display == "" {
			e.unit(n.Get("high"))
		}
		ok = (hasLow || hasHigh) && low <= high
	case "SampledData":
		e.ValueLow, e.ValueHigh, ok = sampled(n)
		e.Value = e.ValueLow
		e.unit(n.Get("origin"))
	case "Money":
		e.Value, ok = n.Get("value").Float()
		e.ValueLow, e.ValueHigh = e.Value, e.Value
		if currency := n.Get("currency").Text(); currency != "" {
			e.System, e.Code = iso4217, currency
		}
	case "integer", "positiveInt", "unsignedInt", "decimal":
		e.Value, ok = n.Float()
		e.ValueLow, e.ValueHigh = e.Value, e.Value
	default:
		e.Value, ok = n.Get("value").Float()
		e.ValueLow, e.ValueHigh = e.Value, e.Value
		switch n.Get("comparator").Text() {
		case "<", "<=":
			e.ValueLow = -math.MaxFloat64
		case ">", ">=":
			e.ValueHigh = math.MaxFloat64
		}
		e.unit(n)
	}
	if !ok {
		return out
	}
	return append(out, e)
}

func (e *Entry) unit(n *fhir.Node) {
	e.System, e.Code, e.Display = n.Get("system").Text(), n.Get("code").Text(), n.Get("unit").Text()
}

// sampled returns the least and the greatest sample.
func sampled(n *fhir.Node) (low, high float64, ok bool) {
	origin, ok := n.Get("origin").Get("value").Float()
	if !ok {
		return 0, 0, false
	}
	factor, given := n.Get("factor").Float()
	if !given {
		factor = 1
	}
	low, high, ok = math.MaxFloat64, -math.MaxFloat64, false
	for word := range strings.FieldsSeq(n.Get("data").Text()) {
		if x, err := strconv.ParseFloat(word, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
			x = origin + x*factor
			low, high, ok = min(low, x), max(high, x), true
		}
	}
	return low, high, ok
}

// parseQuantity reads one value of a number or quantity parameter: 5.4, gt5.4,
// 5.4|system|code, 5.4||unit.
func parseQuantity(param string, kind Kind, value string) (Expr, error) {
	parts := splitEscaped(value, '|')
	prefix, literal, err := cutPrefix(param, parts[0])
	if err != nil {
		return nil, err
	}
	q := Quantity{Param: param, Prefix: prefix}
	half, ok := 0.0, false
	if q.Value, half, ok = measure(literal); !ok {
		return nil, malformed(param, value, "is not a number")
	}
	q.Low, q.High = q.Value-half, q.Value+half
	if prefix == Ap {
		tenth := math.Max(math.Abs(q.Value)*0.1, half)
		q.Low, q.High = q.Value-tenth, q.Value+tenth
	}
	switch {
	case len(parts) == 1:
	case len(parts) != 3 || kind == KindNumber:
		return nil, malformed(param, value, "must be a number, for a quantity also number|system|code")
	case parts[1] == "":
		q.Unit = unescape(parts[2])
	case parts[2] == "":
		return nil, malformed(param, value, "names a system of units without a unit")
	default:
		q.System, q.Code = unescape(parts[1]), unescape(parts[2])
	}
	q.HasUnit = q.Unit != "" || q.System != "" || q.Code != ""
	return q, nil
}

// measure reads a decimal and half of the unit of its last digit: 5.4 is 5.4 and 0.05,
// 100 is 100 and 0.5, 1e2 is 100 and 50.
func measure(s string) (value, half float64, ok bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.ContainsAny(s, "xXpP_iIn") || len(s) > 40 {
		return 0, 0, false
	}
	value, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, 0, false
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		exponent, _ = strconv.Atoi(s[i+1:])
	}
	if i := strings.IndexByte(mantissa, '.'); i >= 0 {
		exponent -= len(mantissa) - i - 1
	}
	return value, 0.5 * math.Pow10(exponent), true
}

// matchQuantity compares as the table in match.go says.
func matchQuantity(q *Quantity, e *Entry) bool {
	if e.Kind != KindQuantity && e.Kind != KindNumber || q.HasUnit && !q.sameUnit(e) {
		return false
	}
	if q.ByUCUM() {
		in, ok := q.In(e.Code)
		return ok && in.matchValue(e)
	}
	return q.matchValue(e)
}

func (q *Quantity) matchValue(e *Entry) bool {
	within := q.Low <= e.ValueLow && e.ValueHigh < q.High
	switch q.Prefix {
	case Ne:
		return !within
	case Gt:
		return e.ValueHigh > q.Value
	case Lt:
		return e.ValueLow < q.Value
	case Ge:
		return e.ValueHigh >= q.Value
	case Le:
		return e.ValueLow <= q.Value
	case Sa:
		return e.ValueLow > q.Value
	case Eb:
		return e.ValueHigh < q.Value
	case Ap:
		return e.ValueLow <= q.High && q.Low <= e.ValueHigh
	}
	return within
}

func (q *Quantity) sameUnit(e *Entry) bool {
	if q.System != "" { // units of UCUM are converted, others are as written
		return e.System == q.System && (e.Code == q.Code || q.ByUCUM())
	}
	word := cmp.Or(q.Unit, q.Code)
	return e.Code == word || e.Display == word
}
