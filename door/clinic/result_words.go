package clinic

import (
	"context"
	"strings"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/result"
)

func gridNote(ctx context.Context, v resultsView) string {
	abnormal := 0
	for _, s := range v.Grid.Series {
		if s.Abnormal() {
			abnormal++
		}
	}
	if len(v.Grid.Series) == 0 {
		return ""
	}
	return counted(ctx, "1 test", "%d tests", len(v.Grid.Series)) + ", " + ui.T(ctx, "%d abnormal", abnormal)
}

func hiddenWords(ctx context.Context, v resultsView) string {
	var parts []string
	if v.Earlier > 0 {
		parts = append(parts, counted(ctx, "1 earlier date", "%d earlier dates", v.Earlier))
	}
	if v.Hidden > 0 {
		parts = append(parts, counted(ctx, "1 more test", "%d more tests", v.Hidden))
	}
	return strings.Join(parts, ", ")
}

// dayShown are the values of a day that its cell has room for.
func dayShown(points []result.Point) []result.Point {
	if len(points) <= 3 {
		return points
	}
	return []result.Point{result.Worst(points)}
}

func pointAmount(p result.Point) ui.Amount {
	return ui.Amount{Value: p.Value.Value, Comparator: p.Comparator, Flag: p.Flag}
}

// detailNote says what the value was before and its range.
func detailNote(ctx context.Context, s result.Series) string {
	var parts []string
	if n := len(s.Points); n > 1 {
		parts = append(parts, ui.T(ctx, "was %s", s.Points[n-2].Value.Value))
	}
	if s.Range != "" {
		word := "range %s"
		if s.Assumed {
			word = "usual range %s"
		}
		parts = append(parts, ui.T(ctx, word, s.Range))
	}
	return strings.Join(parts, " · ")
}

func limitText(ctx context.Context, v result.Value) string {
	switch {
	case v.Unchecked == labrange.OtherUnit && v.Unit == "":
		return ui.T(ctx, "not checked against critical limits: it has no unit")
	case v.Unchecked == labrange.OtherUnit:
		return ui.T(ctx, "not checked against critical limits: the unit %s cannot be compared", ui.UnitText(v.Unit))
	case v.Unchecked == labrange.OtherAge:
		return ui.T(ctx, "not checked against critical limits: there are none for this age")
	case !v.Own && v.Contrary():
		return ui.T(ctx, "the laboratory's flag does not fit its own range")
	case !v.Own:
		return ""
	case v.Sent == "N":
		return ui.T(ctx, "beyond our own critical limit; the laboratory says normal")
	case v.Sent == "":
		return ui.T(ctx, "beyond our own critical limit; the laboratory says nothing")
	}
	return ui.T(ctx, "beyond our own critical limit; the laboratory says %s", ui.Amount{Flag: v.Sent}.Word(ctx))
}

func orderedNote(ctx context.Context, f resultForm) string {
	if f.Order == nil {
		return ui.T(ctx, "nobody ordered it here")
	}
	return ui.T(ctx, "ordered %s", ui.DateText(ctx, f.Order.AuthoredAs))
}

func valueMode(l resultLine) string {
	if l.Words {
		return "text"
	}
	return "decimal"
}

func faultAttributes(f resultForm, l resultLine) templ.Attributes {
	if f.Faults.Of("v-"+l.LOINC) == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": "v-" + l.LOINC + "-fault"}
}
