package synthetic

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
)

func sortOrders(list []*order) {
	slices.SortFunc(list, func(a, b *order) int { return cmp.Compare(a.what.text, b.what.text) })
}

// bloods orders a panel and files its results: the sample is taken at collected, the
// laboratory answers in the evening. encounter may be nil (ordered earlier, taken before the
// visit). The results are returned by the tests' names.
func (c *chart) bloods(p panel, collected time.Time, why, encounter *fhir.Node, emit func(*fhir.Node)) map[string]float64 {
	issued := collected.Add(time.Duration(c.between(300, 460)) * time.Minute)
	if issued.After(c.world.today) {
		issued = c.world.today.Add(-55 * time.Minute)
	}
	if collected.After(issued) {
		collected = issued.Add(-90 * time.Minute)
	}
	c.answered = issued
	order := c.labOrder(p, collected, why, encounter, "completed")
	emit(order)
	values, results := map[string]float64{}, fhir.Arr()
	for _, key := range p.tests {
		n, v := c.labResult(key, collected, issued, order, encounter)
		values[key] = v
		emit(n)
		results.Append(named(n.Reference(), tests[key].text))
		c.latestReport, c.latestResults[key] = n, n
	}
	if len(p.tests) == 1 {
		return values
	}
	report := set(resource(c.dice, "DiagnosticReport"), "basedOn", fhir.Arr(ref(order)), "status", "final",
		"category", fhir.Arr(bare("v2-0074", "LAB")), "code", concept(p.text, code{loinc, p.loinc, p.display}), "subject", c.ref())
	if encounter != nil {
		report.Set("encounter", encounter.Clone())
	}
	emit(set(report, "effectiveDateTime", moment(collected), "issued", moment(issued),
		"performer", fhir.Arr(fhir.Obj("display", "City Laboratory (invented)")), "result", results))
	c.latestReport = report
	return values
}

func (c *chart) labOrder(p panel, at time.Time, why, encounter *fhir.Node, status string) *fhir.Node {
	n := set(resource(c.dice, "ServiceRequest"), "status", status, "intent", "order",
		"category", fhir.Arr(concept("Laboratory", code{snomed, "108252007", "Laboratory procedure"})),
		"code", concept(p.text, code{loinc, p.loinc, p.display}), "subject", c.ref())
	ordered := at.AddDate(0, 0, -c.between(1, 9))
	if encounter != nil {
		n.Set("encounter", encounter.Clone())
		ordered = at
	}
	if ordered.Before(c.person.born) || ordered.After(c.world.today) {
		ordered = c.world.today.Add(-time.Hour)
	}
	set(n, "occurrenceDateTime", moment(at), "authoredOn", moment(ordered), "requester", c.doctor.reference())
	if why != nil {
		n.Set("reasonReference", fhir.Arr(named(why.Reference(), why.Path("code.text").Text())))
	}
	return n
}

func (c *chart) labResult(key string, collected, issued time.Time, order, encounter *fhir.Node) (*fhir.Node, float64) {
	t := tests[key]
	value := t.round(c.level(key, collected))
	if old, ok := c.seen[key]; ok {
		c.earlier[key] = old
	}
	c.seen[key] = value
	n := set(resource(c.dice, "Observation"), "basedOn", fhir.Arr(ref(order)), "status", "final",
		"category", fhir.Arr(bare("observation-category", "laboratory")),
		"code", concept(t.text, code{loinc, t.loinc, t.display}), "subject", c.ref())
	if encounter != nil {
		n.Set("encounter", encounter.Clone())
	}
	q := quantity(value, t.digits, t.unit, t.ucum)
	set(n, "effectiveDateTime", moment(collected), "issued", moment(issued),
		"performer", fhir.Arr(fhir.Obj("display", "City Laboratory (invented)")), "valueQuantity", q,
		"interpretation", fhir.Arr(bare("v3-ObservationInterpretation", t.grade(value, c.person.female))),
		"referenceRange", fhir.Arr(t.rangeNode(c.person.female)))
	return n, value
}

func (t test) rangeNode(female bool) *fhir.Node {
	low, high := t.bounds(female)
	n, text := fhir.Obj(), ""
	switch {
	case low == 0:
		text = "< " + number(high, t.digits)
	case math.IsInf(high, 1):
		text = "> " + number(low, t.digits)
	default:
		text = number(low, t.digits) + "–" + number(high, t.digits)
	}
	if low != 0 {
		n.Set("low", quantity(low, t.digits, t.unit, t.ucum))
	}
	if !math.IsInf(high, 1) {
		n.Set("high", quantity(high, t.digits, t.unit, t.ucum))
	}
	return set(n, "text", text)
}

// before has bloods taken some days before the visit, so that the note can quote them.
func (v *visit) before(p panel, why *fhir.Node) map[string]float64 {
	collected := clinicHours(v.at.AddDate(0, 0, -v.between(3, 6)), v.between(0, 5))
	r := v.chart.bloods(p, collected, why, nil, func(n *fhir.Node) { v.emit(n) })
	v.cite(p)
	return r
}

// draw takes bloods at the visit; the results come later the same day.
func (v *visit) draw(p panel, why *fhir.Node) map[string]float64 {
	v.bill("blood-draw")
	return v.chart.bloods(p, v.at.Add(10*time.Minute), why, v.encounter(), func(n *fhir.Node) { v.after = append(v.after, n) })
}

func (v *visit) cite(p panel) {
	for _, key := range p.tests {
		v.linked = append(v.linked, v.latestResults[key])
	}
}

// told is a result in words: "HbA1c 8.1 % (was 7.6)".
func (v *visit) told(key string) string {
	t := tests[key]
	s := t.text + " " + number(v.seen[key], t.digits)
	if key == "inr" {
		s = "INR " + number(v.seen[key], t.digits)
	} else if t.unit != "" {
		s += " " + t.unit
	}
	if old, ok := v.earlier[key]; ok {
		s += " (was " + number(old, t.digits) + ")"
	}
	return s
}
