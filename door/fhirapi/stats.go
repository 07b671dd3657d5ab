package fhirapi

import (
	"math"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/fhir/ucum"
	"github.com/osler-emr/osler/store"
)

const statisticsSystem = "http://terminology.hl7.org/CodeSystem/observation-statistics"

// statistics are the measures of the value set observation-statistics that are one number,
// from values in ascending order.
var statistics = map[string]func(v []float64) float64{
	"average":    mean,
	"maximum":    func(v []float64) float64 { return v[len(v)-1] },
	"minimum":    func(v []float64) float64 { return v[0] },
	"sum":        total,
	"median":     func(v []float64) float64 { return quantile(v, 0.5) },
	"std-dev":    func(v []float64) float64 { return math.Sqrt(variance(v)) },
	"variance":   variance,
	"20-percent": func(v []float64) float64 { return quantile(v, 0.2) },
	"80-percent": func(v []float64) float64 { return quantile(v, 0.8) },
	"4-lower":    func(v []float64) float64 { return quantile(v, 0.25) },
	"4-upper":    func(v []float64) float64 { return quantile(v, 0.75) },
	"4-dev":      func(v []float64) float64 { return (quantile(v, 0.75) - quantile(v, 0.25)) / 2 },
	"5-1":        func(v []float64) float64 { return quantile(v, 0.2) },
	"5-2":        func(v []float64) float64 { return quantile(v, 0.4) },
	"5-3":        func(v []float64) float64 { return quantile(v, 0.6) },
	"5-4":        func(v []float64) float64 { return quantile(v, 0.8) },
	"skew":       func(v []float64) float64 { return moment(v, 3) },
	"kurtosis":   func(v []float64) float64 { return moment(v, 4) - 3 },
}

// pure are the measures that have no unit.
var pure = map[string]bool{"count": true, "total-count": true, "skew": true, "kurtosis": true}

func total(v []float64) (sum float64) {
	for _, x := range v {
		sum += x
	}
	return sum
}

func mean(v []float64) float64 { return total(v) / float64(len(v)) }

// variance is that of a sample (n-1); 0 for a single value.
func variance(v []float64) float64 {
	if len(v) < 2 {
		return 0
	}
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(v)-1)
}

// quantile interpolates between the two nearest values (definition 7 of Hyndman and Fan,
// Sample Quantiles in Statistical Packages, 1996).
func quantile(v []float64, p float64) float64 {
	at := p * float64(len(v)-1)
	i := int(at)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

// moment is the standardised central moment of the population; 0 when all values are equal.
func moment(v []float64, k float64) float64 {
	m, sum, square := mean(v), 0.0, 0.0
	for _, x := range v {
		sum += math.Pow(x-m, k)
		square += (x - m) * (x - m)
	}
	n := float64(len(v))
	if square == 0 {
		return 0
	}
	return sum / n / math.Pow(square/n, k/2)
}

// statsQuestion is what $stats asks.
type statsQuestion struct {
	subject  string
	codes    []string // system|code
	from, to time.Time
	measures []string
	include  bool
	limit    int
}

// stats answers Observation/$stats (R4 observation-operation-stats): statistics of what was
// measured of one subject, per code; also of the components of panels such as a blood
// pressure. Units that can be compared are converted to the one of the newest value;
// values in others are a fault, not left out.
func (s *server) stats(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	q, err := s.statsQuestion(query)
	if err != nil {
		return err
	}
	out := fhir.Arr()
	sources := map[string]store.Version{}
	var order []string
	for _, code := range q.codes {
		find := url.Values{"subject": {q.subject}, "combo-code": {code}, "date": {"ge" + q.from.Format(time.RFC3339), "le" + q.to.Format(time.RFC3339)}}
		var values []quantity
		count := 0
		err := s.observations(c, find, func(v store.Version, r *fhir.Node) error {
			c.shows(v)
			if status := r.Get("status").Text(); status == "entered-in-error" || status == "cancelled" {
				return nil
			}
			count++
			got, ok := measured(r, code)
			if ok {
				values = append(values, got)
			}
			if _, seen := sources[v.ID]; !seen {
				sources[v.ID] = v
				order = append(order, v.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		o, err := q.observation(code, values, count)
		if err != nil {
			return err
		}
		out.Append(fhir.Obj("name", "statistics", "resource", o))
	}
	if q.include {
		for i, id := range order {
			if q.limit > 0 && i >= q.limit {
				break
			}
			r, err := fhir.Parse(sources[id].Body)
			if err != nil {
				return err
			}
			out.Append(fhir.Obj("name", "source", "resource", r))
		}
	}
	return c.write(http.StatusOK, fhir.Obj("resourceType", "Parameters", "parameter", out).JSON())
}

func (s *server) statsQuestion(query url.Values) (q statsQuestion, err error) {
	if err := known(query, "subject", "code", "system", "coding", "display", "duration", "period", "statistic", "include", "limit"); err != nil {
		return q, err
	}
	missing := func(what string) error { return fault.New(fault.Malformed, "$stats needs %s.", what) }
	if q.subject = query.Get("subject"); q.subject == "" {
		return q, missing("a subject such as Patient/7")
	}
	for i, code := range query["code"] {
		if !strings.Contains(code, "|") {
			system := query["system"]
			if len(system) == 0 {
				return q, missing("the system of the code")
			}
			code = system[min(i, len(system)-1)] + "|" + code
		}
		q.codes = append(q.codes, search.Escape(code[:strings.LastIndexByte(code, '|')])+"|"+search.Escape(code[strings.LastIndexByte(code, '|')+1:]))
	}
	q.codes = append(q.codes, query["coding"]...)
	if len(q.codes) == 0 || len(q.codes) > 20 {
		return q, missing("1 to 20 codes")
	}
	q.to = s.Clock.Now()
	switch hours, period := query.Get("duration"), query.Get("period"); {
	case hours != "" && period != "":
		return q, fault.New(fault.Malformed, "$stats takes a duration or a period, not both.")
	case hours != "":
		n, err := strconv.ParseFloat(hours, 64)
		if err != nil || !(n > 0 && n < 10_000_000) {
			return q, fault.New(fault.Malformed, "duration=%q is not a number of hours.", clip(hours))
		}
		q.from = q.to.Add(-time.Duration(n * float64(time.Hour)))
	case period != "":
		start, end, _ := strings.Cut(period, "/")
		low, _, ok := search.Period(start)
		_, high, ok2 := search.Period(end)
		if !ok || !ok2 || !low.Before(high) {
			return q, fault.New(fault.Malformed, "period=%q is not a period such as 2026-01-01/2026-03-31.", clip(period))
		}
		q.from, q.to = low, high.Add(-time.Second)
	default:
		return q, missing("a duration in hours, or a period")
	}
	for _, list := range query["statistic"] {
		for m := range strings.SplitSeq(list, ",") {
			if statistics[m] == nil && !pure[m] {
				return q, fault.New(fault.NotSupported, "The statistic %q is not known here; regression is no single number.", clip(m))
			}
			q.measures = append(q.measures, m)
		}
	}
	if len(q.measures) == 0 {
		return q, missing("a statistic such as average")
	}
	q.include = query.Get("include") == "true"
	if v := query.Get("limit"); v != "" {
		if q.limit, err = strconv.Atoi(v); err != nil || q.limit < 1 {
			return q, fault.New(fault.Malformed, "limit=%q is not a positive number.", clip(v))
		}
	}
	return q, nil
}

// quantity is one measured value.
type quantity struct {
	value              float64
	system, code, unit string
	digits             int // behind the point, as it was written
}

// measured returns the value that an observation, or a component of it, has under a code.
func measured(r *fhir.Node, code string) (quantity, bool) {
	for _, o := range append([]*fhir.Node{r}, slices.Collect(r.Get("component").Items())...) {
		for coding := range o.Path("code.coding").Items() {
			if coding.Get("system").Text()+"|"+coding.Get("code").Text() != code {
				continue
			}
			v := o.Get("valueQuantity")
			if v == nil {
				v = fhir.Obj("value", o.Get("valueInteger"))
			}
			f, ok := v.Get("value").Float()
			if !ok || v.Get("comparator") != nil { // "<5" is no number to calculate with
				return quantity{}, false
			}
			_, fraction, _ := strings.Cut(v.Get("value").Text(), ".")
			return quantity{f, v.Get("system").Text(), v.Get("code").Text(), v.Get("unit").Text(), len(fraction)}, true
		}
	}
	return quantity{}, false
}

// observation is the answer for one code.
func (q statsQuestion) observation(code string, values []quantity, count int) (*fhir.Node, error) {
	system, plain := code[:strings.LastIndexByte(code, '|')], code[strings.LastIndexByte(code, '|')+1:]
	coding := fhir.Obj("system", system, "code", plain)
	if d, ok := definition.Display(system, plain); ok {
		coding.Set("display", fhir.Str(d))
	}
	var numbers []float64
	digits := 0
	for _, v := range values {
		f, err := v.in(values[0])
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, f)
		digits = max(digits, v.digits)
	}
	slices.Sort(numbers)
	components := fhir.Arr()
	for _, m := range q.measures {
		display, _ := definition.Display(statisticsSystem, m)
		component := fhir.Obj("code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", statisticsSystem, "code", m, "display", display))))
		switch {
		case m == "count":
			component.Set("valueQuantity", fhir.Obj("value", len(numbers), "system", ucum.System, "code", "1"))
		case m == "total-count":
			component.Set("valueQuantity", fhir.Obj("value", count, "system", ucum.System, "code", "1"))
		case len(numbers) == 0:
			component.Set("dataAbsentReason", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code", "not-applicable"))))
		default:
			value := fhir.Obj("value", fhir.Decimal(strconv.FormatFloat(statistics[m](numbers), 'f', digits+2, 64)))
			switch unit := values[0]; {
			case pure[m]:
				value.Set("system", fhir.Str(ucum.System))
				value.Set("code", fhir.Str("1"))
			case m == "variance" && unit.system == ucum.System && unit.code != "":
				value.Set("unit", fhir.Str("("+unit.code+")2"))
				value.Set("system", fhir.Str(ucum.System))
				value.Set("code", fhir.Str("("+unit.code+")2"))
			case m != "variance":
				value = fhir.Obj("value", value.Get("value"), "unit", unit.unit, "system", unit.system, "code", unit.code)
			}
			component.Set("valueQuantity", value)
		}
		components.Append(component)
	}
	return fhir.Obj("resourceType", "Observation", "status", "final", "code", fhir.Obj("coding", fhir.Arr(coding)),
		"subject", fhir.Obj("reference", q.subject),
		"effectivePeriod", fhir.Obj("start", q.from.UTC().Format(time.RFC3339), "end", q.to.UTC().Format(time.RFC3339)),
		"component", components), nil
}

// in converts a value to the unit of another.
func (v quantity) in(to quantity) (float64, error) {
	if v.system == to.system && v.code == to.code && (v.code != "" || v.unit == to.unit) {
		return v.value, nil
	}
	a, err := ucum.Parse(v.code)
	b, err2 := ucum.Parse(to.code)
	if err == nil && err2 == nil && v.system == ucum.System && to.system == ucum.System && ucum.Comparable(a, b) {
		if r, err := ucum.Convert(new(big.Rat).SetFloat64(v.value), a, b); err == nil {
			f, _ := r.Float64()
			return f, nil
		}
	}
	return 0, fault.New(fault.Invalid, "The values have units that cannot be converted into each other (%q and %q); no statistics can be made of them.", clip(v.unit), clip(to.unit))
}
