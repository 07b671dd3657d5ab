package clinic

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// TestAValueIsShownInItsOwnUnit: never in that of its measure, and not on its axis, when it was recorded in none or in
// another; a program may have sent it.
func TestAValueIsShownInItsOwnUnit(t *testing.T) {
	ctx := ui.With(context.Background(), ui.Reader{Zone: time.UTC, Now: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)})
	text := func(c templ.Component) string {
		var b strings.Builder
		if err := c.Render(ctx, &b); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	for _, c := range []struct {
		reading chart.Reading
		unit    string
	}{
		{chart.Reading{Value: "81", Unit: "kg"}, "81 kg"},
		{chart.Reading{Value: "180"}, "no unit"},
		{chart.Reading{Value: "12", Unit: "heaps"}, "12 heaps"},
		{chart.Reading{Systolic: "160", Diastolic: "98", Unit: "mm[Hg]"}, "160/98 mmHg"},
		{chart.Reading{Systolic: "160", Diastolic: "98"}, "no unit"},
	} {
		got, big := text(vitalValue(c.reading)), text(bigValue(c.reading))
		if !strings.Contains(got, c.unit) || strings.Contains(big, "no unit") != (c.unit == "no unit") {
			t.Errorf("%+v is drawn as %s and as %s", c.reading, got, big)
		}
		if c.unit == "no unit" && (strings.Contains(got+big, "kg") || strings.Contains(got+big, "mmHg")) {
			t.Errorf("%+v is drawn as %s and as %s", c.reading, got, big)
		}
	}
	s := chart.Series{Measure: vital.Weight, Name: "Weight", Unit: "kg", Readings: []chart.Reading{
		{Value: "81", Unit: "kg", When: "2026-11-20"}, {Value: "180", When: "2026-11-21"}, {Value: "12", Unit: "heaps", When: "2026-11-22"}}}
	if drawn := trendOf(ctx, s, trendReadings).Points; len(drawn) != 1 || drawn[0].Value != "81" {
		t.Errorf("on the axis of kg: %+v", drawn)
	}
	page := text(vitalsPage(vitalsView{Chart: chart.Chart{Vitals: []chart.Series{s}}}))
	if !strings.Contains(page, "Not drawn, for they are not in kg:") || !strings.Contains(page, "12 heaps") || strings.Contains(page, "180 kg") {
		t.Errorf("the page: %s", page)
	}
}
