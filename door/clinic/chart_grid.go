package clinic

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/result"
)

// Limits of the results grid of the summary.
const (
	gridRows    = 8
	gridColumns = 4
)

// resultGrid has tests in rows and days in columns, the newest day last. Tests whose newest
// value is abnormal stand first.
type resultGrid struct {
	Days []string // FHIR dates
	Rows []gridRow
	More int // tests that are not shown
}

// gridRow is one test over time.
type gridRow struct {
	Name, Code, Unit string
	Range            ui.Bounds
	Cells            map[string]gridValue // by day
	All              []gridValue          // oldest first
}

// gridValue is one value with its day.
type gridValue struct {
	Amount ui.Amount
	Day    string
	At     time.Time
}

// Newest is the last value of a row.
func (r gridRow) Newest() gridValue { return r.All[len(r.All)-1] }

// Trend is the row's line.
func (r gridRow) Trend() ui.Trend {
	t := ui.Trend{Title: r.Name, Unit: r.Unit, Low: ui.NoLimit(), High: ui.NoLimit()}
	for _, v := range r.All {
		if f, err := strconv.ParseFloat(v.Amount.Value, 64); err == nil {
			t.Points = append(t.Points, ui.Point{At: v.At, N: f, Value: v.Amount.Value, Flag: v.Amount.Flag})
		}
	}
	t.Points = t.Points[max(0, len(t.Points)-6):]
	return t
}

// newest returns the last value of a test by its LOINC code.
func (g resultGrid) newest(code string) *gridValue {
	for _, r := range g.Rows {
		if r.Code == code {
			v := r.Newest()
			return &v
		}
	}
	return nil
}

// gridOf makes the grid of a chart's laboratory values.
func gridOf(c chart.Chart, rows, columns int) resultGrid {
	byTest := map[string]*gridRow{}
	for _, n := range c.Resources("Observation") {
		if !laboratory(n) {
			continue
		}
		for _, v := range result.ValuesFrom(n) {
			if v.Numeric && v.Status != "cancelled" && v.Status != "entered-in-error" {
				addValue(byTest, v)
			}
		}
	}
	var g resultGrid
	for _, r := range byTest {
		slices.SortStableFunc(r.All, func(a, b gridValue) int { return a.At.Compare(b.At) })
		g.Rows = append(g.Rows, *r)
	}
	slices.SortFunc(g.Rows, func(a, b gridRow) int {
		return cmp.Or(rank(a)-rank(b), b.Newest().At.Truncate(24*time.Hour).Compare(a.Newest().At.Truncate(24*time.Hour)), cmp.Compare(a.Name, b.Name))
	})
	g.More = max(0, len(g.Rows)-rows)
	g.Rows = first(g.Rows, rows)
	g.days(columns)
	return g
}

func addValue(byTest map[string]*gridRow, v result.Value) {
	key := cmp.Or(v.Code, v.Name) + " " + v.Unit
	row := byTest[key]
	if row == nil {
		row = &gridRow{Name: v.Name, Code: v.Code, Unit: v.Unit, Cells: map[string]gridValue{}}
		byTest[key] = row
	}
	if v.Low != "" || v.High != "" || v.Range != "" {
		row.Range = ui.Bounds{Low: v.Low, High: v.High, Unit: v.Unit, Words: v.Range}
	}
	at := chart.Moment(v.When)
	x := gridValue{Amount: ui.Amount{Value: v.Value, Comparator: v.Comparator, Unit: v.Unit, Flag: flagOf(v)}, Day: at.Format(time.DateOnly), At: at}
	row.All = append(row.All, x)
	if old, ok := row.Cells[x.Day]; !ok || !old.At.After(at) {
		row.Cells[x.Day] = x
	}
}

// flagOf is the flag that the laboratory gave, or the one that its own range gives.
func flagOf(v result.Value) string {
	if v.Flag != "" || v.Comparator != "" {
		return v.Flag
	}
	x, err := strconv.ParseFloat(v.Value, 64)
	if err != nil {
		return ""
	}
	if low, err := strconv.ParseFloat(v.Low, 64); err == nil && x < low {
		return "L"
	}
	if high, err := strconv.ParseFloat(v.High, 64); err == nil && x > high {
		return "H"
	}
	return ""
}

// rank puts critical values first, then abnormal ones.
func rank(r gridRow) int {
	switch a := r.Newest().Amount; {
	case a.Critical():
		return 0
	case a.Abnormal():
		return 1
	}
	return 2
}

// days keeps the newest days that the shown rows have.
func (g *resultGrid) days(columns int) {
	seen := map[string]bool{}
	for _, r := range g.Rows {
		for day := range r.Cells {
			seen[day] = true
		}
	}
	for day := range seen {
		g.Days = append(g.Days, day)
	}
	slices.Sort(g.Days)
	g.Days = g.Days[max(0, len(g.Days)-columns):]
}

func laboratory(n *fhir.Node) bool {
	for c := range n.Get("category").Items() {
		for coding := range c.Get("coding").Items() {
			if coding.Get("code").Text() == "laboratory" {
				return true
			}
		}
	}
	return false
}
