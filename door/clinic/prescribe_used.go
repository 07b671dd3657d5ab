package clinic

import (
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/result"
)

// flag gives the laboratory values that the checks use the flags of the results page: the laboratory's own, before
// any range of ours.
func (v *prescribeView) flag(r *web.Request) error {
	if !v.Facts.EGFR.Known && !v.Facts.Potassium.Known {
		return nil
	}
	var nodes []*fhir.Node
	for n, err := range r.Actor.Chart(r.Context(), v.Patient, "Patient", "Observation") {
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	grid := result.From(nodes, v.Patient, nil).In(r.Now().Location()).WithEGFR()
	v.EGFRFlag, v.PotassiumFlag = flagIn(grid, "98979-8", v.Facts.EGFR), flagIn(grid, "2823-3", v.Facts.Potassium)
	return nil
}

// flagIn is the flag that a grid gives a measured value of a test.
func flagIn(grid result.Grid, loinc string, m rx.Measure) string {
	for _, s := range grid.Series {
		for _, p := range s.Points {
			if t, ok := labrange.Find(p.Code); !ok || t.LOINC != loinc || !p.At.Equal(m.Date) {
				continue
			}
			if x, ok := p.Float(); ok && x == m.Value {
				return p.Flag
			}
		}
	}
	return ""
}
