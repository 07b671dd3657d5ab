package result

import (
	"cmp"
	"strconv"

	"github.com/osler-emr/osler/knowledge/labrange"
)

// CalculatedEGFR is the key of the row that WithEGFR adds.
const CalculatedEGFR = "egfr-calculated"

// reportedEGFR is the LOINC code of an eGFR as laboratories report it.
const reportedEGFR = "98979-8"

// WithEGFR adds a row with the eGFR that the newest creatinine means, where no laboratory has reported one of that day or
// later that is final and an exact number, see labrange.ReportsEGFR: the checks of medicines hold to the same
// (medication.FactsFrom), so that both have the same eGFR. It is worked out as it is read, and nothing of it is stored; where it cannot be, the row says why.
func (g Grid) WithEGFR() Grid {
	var newest *Point
	reported := ""
	for _, s := range g.Series {
		for i := range s.Points {
			p := &s.Points[i]
			switch t, _ := labrange.Find(p.Code); {
			case !p.Numeric || !final(p.Status):
			case t.LOINC == reportedEGFR:
				if value, err := strconv.ParseFloat(p.Value.Value, 64); err == nil && labrange.ReportsEGFR(labrange.Quantity{Value: value, Comparator: p.Comparator}) {
					reported = max(reported, p.day())
				}
			case labrange.IsCreatinine(cmp.Or(p.Code, p.loinc)) && (newest == nil || p.At.After(newest.At)):
				newest = p
			}
		}
	}
	if newest == nil || newest.day() <= reported && reported != "" {
		return g
	}
	value, err := strconv.ParseFloat(newest.Value.Value, 64)
	if err != nil {
		return g
	}
	age := -1
	if !newest.At.IsZero() {
		age = g.who.age(newest.At)
	}
	egfr, why := labrange.EstimateEGFR(labrange.Quantity{Value: value, Comparator: newest.Comparator, Unit: firstUnit(newest.ucum, newest.Unit)}, g.who.sex, age)
	if newest.At.IsZero() {
		why = labrange.NoDay
	}
	t, _ := labrange.Find(reportedEGFR)
	p := Point{At: newest.At, Value: Value{Name: "eGFR, calculated by Osler", When: newest.When, Status: "final", Code: reportedEGFR, Imported: newest.Imported, Doubt: newest.Doubt, Value: "not calculated"}}
	if why == "" {
		p.Value.Value, p.Numeric, p.Unit = strconv.FormatFloat(egfr, 'f', -1, 64), true, t.Unit
	}
	s := Series{Key: CalculatedEGFR, Name: p.Name, Unit: t.Unit, Group: t.Group, Points: []Point{p}, Calculated: true, Why: why}
	s.judge(g.who)
	g.Series = append(g.Series[:len(g.Series):len(g.Series)], s)
	g.order()
	return g
}

// final reports whether a laboratory stands by a value.
func final(status string) bool {
	return status == "final" || status == "amended" || status == "corrected"
}

func firstUnit(ucum, printed string) string {
	if ucum != "" {
		return ucum
	}
	return printed
}
