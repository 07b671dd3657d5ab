package portal

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// resultLine is one value as patients read it.
type resultLine struct {
	Name     string // in plain words, else the laboratory's own
	Clinical string // the laboratory's name, when Name is another one
	Meaning  string // what the test is about; "" when there are no plain words
	Point    result.Point
	Series   result.Series
	Former   *result.Point // the value before
	New      bool          // nobody opened it yet
}

// Href is the page of the result.
func (l resultLine) Href() string { return "/portal/results/" + l.Point.ID }

// Amount is the value without a flag: the verdict beside it has the words.
func (l resultLine) Amount() ui.Amount { return amountOf(l.Series, l.Point) }

func amountOf(s result.Series, p result.Point) ui.Amount {
	a := ui.Amount{Value: p.Value.Value, Comparator: p.Comparator}
	if p.Numeric {
		a.Unit = cmp.Or(s.Unit, p.Unit)
	}
	return a
}

// limits are the usual range of the value: the laboratory's own, else the built-in one when
// the grid has taken it; NaN for open sides.
func (l resultLine) limits() (low, high float64) {
	p := l.Point
	if p.Low == "" && p.High == "" && p.Range == "" && l.Series.Assumed {
		return parse(l.Series.Low), parse(l.Series.High)
	}
	return parse(p.Low), parse(p.High)
}

// Ranged reports whether there is a usual range.
func (l resultLine) Ranged() bool {
	low, high := l.limits()
	return !math.IsNaN(low) || !math.IsNaN(high)
}

// Bounds is the usual range for the page.
func (l resultLine) Bounds() ui.Bounds {
	b := ui.Bounds{Low: l.Point.Low, High: l.Point.High, Unit: l.Amount().Unit, Words: l.Point.Range}
	if !l.Ranged() {
		return b
	}
	if b.Low == "" && b.High == "" {
		b.Low, b.High = l.Series.Low, l.Series.High
	}
	return b
}

// Concern is the level up to which many doctors are not urgently concerned.
func (l resultLine) Concern() labrange.Concern {
	t, ok := labrange.FindIn(l.Point.Code, cmp.Or(l.Series.Unit, l.Point.Unit))
	if !ok || !l.Point.Numeric {
		return labrange.Concern{}
	}
	return t.Concern
}

func parse(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// verdict is the flag in words a patient can use; nothing is said about values without one.
func (l resultLine) verdict() (tone ui.Tone, icon, word string) {
	switch l.Point.Flag {
	case "N":
		return ui.Good, "ok", "In the usual range"
	case "H":
		return ui.Caution, "up", "Above the usual range"
	case "L":
		return ui.Caution, "down", "Below the usual range"
	case "HH":
		return ui.Critical, "up", "Far above the usual range"
	case "LL":
		return ui.Critical, "down", "Far below the usual range"
	case "":
		return ui.Plain, "q", "No usual range is given"
	}
	return ui.Caution, "warn", "Not as usual"
}

// line is the number line; nil for values that are no plain number or have no range.
func (l resultLine) line(t func(string, ...any) string) *ui.NumberLine {
	v, ok := l.Point.Float()
	low, high := l.limits()
	if !ok || l.Point.Comparator != "" || math.IsNaN(low) && math.IsNaN(high) {
		return nil
	}
	n := &ui.NumberLine{Title: l.Name, Value: l.Amount(), N: v}
	n.From, n.To = ends(v, low, high, l.Concern())
	below, usual, above := t("below"), t("usual"), t("above")
	concern := l.Concern()
	band := func(to float64, kind, word string) {
		n.Bands = append(n.Bands, ui.Band{To: to, Kind: kind, Word: word})
	}
	if !math.IsNaN(low) && low > n.From {
		if concern.Known() && !concern.Above && concern.At > n.From && concern.At < low {
			band(concern.At, "out", t("far below"))
		}
		band(low, "near", below)
	}
	if math.IsNaN(high) {
		band(n.To, "in", usual)
		return n
	}
	band(high, "in", usual)
	if concern.Known() && concern.Above && concern.At > high && concern.At < n.To {
		band(concern.At, "near", above)
		above = t("far above")
		band(n.To, "out", above)
		return n
	}
	band(n.To, "near", above)
	return n
}

// ends chooses what part of the scale is drawn: the range, the value and the concern, with
// room at both sides, never below zero.
func ends(v, low, high float64, c labrange.Concern) (from, to float64) {
	lo, hi := v, v
	for _, x := range []float64{low, high} {
		if !math.IsNaN(x) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	if c.Known() {
		lo, hi = min(lo, c.At), max(hi, c.At)
	}
	width := hi - lo
	if width == 0 || math.IsNaN(low) || math.IsNaN(high) {
		width = max(width, math.Abs(hi)*0.6)
	}
	from = max(0, lo-width*0.35)
	if math.IsNaN(low) {
		from = 0
	}
	return from, hi + width*0.25
}

// resultList is all results of the patient, newest first.
type resultList struct {
	Lines []resultLine
	grid  result.Grid
}

// readResults reads the own results and which of them were opened: the record's own log
// knows, so nothing else is kept.
func readResults(r *web.Request) (resultList, error) {
	id, err := own(r)
	if err != nil {
		return resultList{}, err
	}
	grid, err := result.Results(r.Context(), r.Actor, id)
	if err != nil {
		return resultList{}, err
	}
	grid = grid.In(r.Now().Location())
	opened, err := openedResults(r, id)
	if err != nil {
		return resultList{}, err
	}
	list := resultList{grid: grid}
	for _, s := range grid.Series {
		for i, p := range s.Points {
			l := resultLine{Name: p.Name, Point: p, Series: s}
			if w := labrange.Plain(p.Code, r.Lang.Tag()); w.Known() {
				l.Name, l.Meaning, l.Clinical = w.Name, w.Meaning, p.Name
			}
			if i > 0 {
				l.Former = &s.Points[i-1]
			}
			l.New = r.Now().Sub(p.At) < resultsNew && !opened[p.ID]
			list.Lines = append(list.Lines, l)
		}
	}
	slices.SortStableFunc(list.Lines, func(a, b resultLine) int {
		return cmp.Or(day(b.Point.At, r).Compare(day(a.Point.At, r)), weight(b)-weight(a))
	})
	return list, nil
}

func day(t time.Time, r *web.Request) time.Time {
	t = t.In(r.Now().Location())
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// weight puts what is most out of range first.
func weight(l resultLine) int {
	switch l.Point.Flag {
	case "HH", "LL":
		return 3
	case "N":
		return 0
	case "":
		return 1
	}
	return 2
}

// openedResults are the ids of the results that the patient opened lately.
func openedResults(r *web.Request, patient string) (map[string]bool, error) {
	seen, err := r.Actor.Looked(r.Context(), store.LeafFilter{Patient: patient, Actor: r.Principal().ID, From: r.Now().Add(-resultsNew), Limit: 5000})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, e := range seen {
		if e.Leaf.Action != ledger.Read {
			continue
		}
		for _, v := range e.Leaf.Versions {
			if v.Type == "Observation" {
				out[v.ID] = true
			}
		}
	}
	return out, nil
}

// unread are the new results, the most pressing first.
func (l resultList) unread() []resultLine {
	var out []resultLine
	for _, x := range l.Lines {
		if x.New {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b resultLine) int { return weight(b) - weight(a) })
	return out
}

// find returns one result by the id of its observation.
func (l resultList) find(id string) (resultLine, bool) {
	i := slices.IndexFunc(l.Lines, func(x resultLine) bool { return x.Point.ID == id })
	if i < 0 {
		return resultLine{}, false
	}
	return l.Lines[i], true
}
