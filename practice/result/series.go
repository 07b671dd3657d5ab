package result

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// Point is one value of a series.
type Point struct {
	Value
	At       time.Time
	Unsigned string // id of the review task that waits; "" when none does
	// Judged: the flag is by the built-in range, since the laboratory sent none.
	Judged  bool
	Lab     string
	Comment string
}

// Float returns the number for drawing.
func (p Point) Float() (float64, bool) {
	v, err := strconv.ParseFloat(p.Value.Value, 64)
	return v, err == nil && p.Numeric
}

// Abnormal reports whether the value is flagged.
func (p Point) Abnormal() bool { return p.Flag != "" && p.Flag != "N" }

// day is the calendar day of the point; "" when it has none.
func (p Point) day() string {
	if p.At.IsZero() {
		return ""
	}
	return p.At.Format("2006-01-02")
}

// Timed reports whether the point has a time of day.
func (p Point) Timed() bool { return len(p.When) > len(time.DateOnly) }

// grave orders points: critical, abnormal, the rest.
func (p Point) grave() int {
	switch {
	case critical(p.Flag):
		return 2
	case p.Abnormal():
		return 1
	}
	return 0
}

// Series is one test over time.
type Series struct {
	Key    string // LOINC code, or the name when there is none
	Name   string
	Unit   string
	Group  labrange.Group
	Points []Point // oldest first
	// Low, High and Range are the reference range of the newest value.
	Low, High, Range string
	Assumed          bool // the range is the built-in one
	// Calculated says that nobody has reported it: Osler has worked it out from the newest creatinine, which is of the same day; Why
	// says why it has not, see labrange.EstimateEGFR.
	Calculated bool
	Why        string
}

// Last returns the newest point.
func (s Series) Last() Point { return s.Points[len(s.Points)-1] }

// On returns the points of a day, oldest first.
func (s Series) On(day string) []Point {
	var out []Point
	for _, p := range s.Points {
		if p.day() == day {
			out = append(out, p)
		}
	}
	return out
}

// Newest returns the points of the newest one's day, oldest first: a later value of a day says nothing
// less of an earlier one.
func (s Series) Newest() []Point {
	if day := s.Last().day(); day != "" {
		return s.On(day)
	}
	return s.Points[len(s.Points)-1:]
}

// Beside returns the abnormal points of the newest one's day that lie otherwise than it does, of each
// flag the last one, oldest first: they are said wherever the newest value stands alone.
func (s Series) Beside() []Point {
	var out []Point
	for _, p := range s.Newest() {
		if p.Abnormal() && p.Flag != s.Last().Flag {
			out = append(slices.DeleteFunc(out, func(o Point) bool { return o.Flag == p.Flag }), p)
		}
	}
	return out
}

// Worst returns the gravest of the points, of equals the newest.
func Worst(points []Point) Point {
	return slices.MaxFunc(points, func(a, b Point) int { return cmp.Or(a.grave()-b.grave(), a.At.Compare(b.At)) })
}

// pressing are the points that a row is ranked by: those of the newest day, and those that wait for a signature.
func (s Series) pressing() []Point {
	out := slices.Clip(s.Newest())
	for _, p := range s.Points[:len(s.Points)-len(out)] {
		if p.Unsigned != "" {
			out = append(out, p)
		}
	}
	return out
}

// Urgent reports whether a value of the newest day is abnormal, or any waits for a signature.
func (s Series) Urgent() bool { return urgency(s) > 0 }

// Abnormal reports whether a value of the newest day, or one that waits for a signature, is flagged.
func (s Series) Abnormal() bool { return Worst(s.pressing()).Abnormal() }

// Grid is all laboratory results of a patient.
type Grid struct {
	Series []Series // abnormal and unsigned first, then by group
	Days   []string // days with results, oldest first
	Tasks  []task.Task

	who person
}

// In returns the grid on the calendar of a zone: an instant falls on the zone's day, a date
// stays the day that was written. From and Results use UTC.
func (g Grid) In(zone *time.Location) Grid {
	rows := make([]Series, len(g.Series))
	for i, s := range g.Series {
		s.Points = slices.Clone(s.Points)
		for j := range s.Points {
			s.Points[j].At = lang.Moment(s.Points[j].When, zone)
		}
		rows[i] = s
	}
	g.Series = rows
	g.order()
	return g
}

// order sorts points by time, rows by what presses, and lists the days.
func (g *Grid) order() {
	days := map[string]bool{}
	for _, s := range g.Series {
		slices.SortStableFunc(s.Points, func(a, b Point) int { return a.At.Compare(b.At) })
		for _, p := range s.Points {
			if day := p.day(); day != "" {
				days[day] = true
			}
		}
	}
	g.Days = slices.Sorted(maps.Keys(days))
	order := labrange.Groups()
	slices.SortFunc(g.Series, func(a, b Series) int {
		return cmp.Or(urgency(b)-urgency(a), slices.Index(order, a.Group)-slices.Index(order, b.Group), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
}

// Awaiting returns the values that wait for the signature of a task.
func (g Grid) Awaiting(taskID string) []Value {
	var out []Value
	for _, s := range g.Series {
		for _, p := range s.Points {
			if p.Unsigned == taskID {
				out = append(out, p.Value)
			}
		}
	}
	return out
}

// Find returns a series by its key.
func (g Grid) Find(key string) (Series, bool) {
	for _, s := range g.Series {
		if s.Key == key {
			return s, true
		}
	}
	return Series{}, false
}

// Results reads the grid of a patient.
func Results(ctx context.Context, actor *record.Actor, patient string) (Grid, error) {
	var nodes []*fhir.Node
	for n, err := range actor.Chart(ctx, patient, "Patient", "Observation", "DiagnosticReport") {
		if err != nil {
			return Grid{}, err
		}
		nodes = append(nodes, n)
	}
	tasks, err := task.About(ctx, actor, patient)
	if err != nil {
		return Grid{}, err
	}
	tasks = slices.DeleteFunc(tasks, func(t task.Task) bool { return t.Kind != task.ReviewResult })
	return From(nodes, patient, tasks), nil
}

// From makes the grid from resources of a chart and the open review tasks.
func From(nodes []*fhir.Node, patient string, tasks []task.Task) Grid {
	g := Grid{Tasks: tasks}
	who := person{}
	waiting, comments := map[string]string{}, map[string]string{} // by reference of the observation
	for _, t := range tasks {
		waiting[t.Focus] = t.ID
	}
	for _, n := range nodes {
		switch n.ResourceType() {
		case "Patient":
			if n.ID() == patient {
				who = person{n.Get("gender").Text(), moment(n.Get("birthDate").Text())}
			}
		case "DiagnosticReport":
			for r := range n.Get("result").Items() {
				ref := r.Get("reference").Text()
				if id := waiting[n.Reference()]; id != "" {
					waiting[ref] = id
				}
				comments[ref] = n.Get("conclusion").Text()
			}
		}
	}
	rows := map[string]*Series{}
	for _, n := range nodes {
		if n.ResourceType() != "Observation" || !laboratory(n) || n.Path("subject.reference").Text() != "Patient/"+patient {
			continue
		}
		for _, v := range ValuesFrom(n) {
			p := Point{Value: v, At: moment(v.When), Unsigned: waiting[n.Reference()], Lab: n.Path("performer.0.display").Text(), Comment: comments[n.Reference()]}
			if p.Comment == "" {
				p.Comment = notes(n)
			}
			add(rows, p, ucumOf(n))
		}
	}
	g.who = who
	g.fill(rows, who)
	return g
}

// laboratory reports whether an observation belongs in the grid: it is of the laboratory, and it
// counts.
func laboratory(n *fhir.Node) bool {
	switch n.Get("status").Text() {
	case "final", "amended", "corrected", "preliminary":
		return ofLaboratory(n)
	}
	return false
}

// ofLaboratory reports whether an observation is of the category laboratory, or a test that
// labrange knows.
func ofLaboratory(n *fhir.Node) bool {
	for category := range n.Get("category").Items() {
		for c := range category.Get("coding").Items() {
			switch c.Get("code").Text() {
			case "laboratory":
				return true
			case "vital-signs", "survey", "social-history", "exam":
				return false
			}
		}
	}
	_, known := labrange.Find(loinc(n.Get("code")))
	return known
}

func ucumOf(n *fhir.Node) string { return n.Path("valueQuantity.code").Text() }

// add sorts a point into its row: one row for a test in one unit.
func add(rows map[string]*Series, p Point, ucum string) {
	key := cmp.Or(p.Code, p.Name)
	unit := p.Unit
	if t, ok := labrange.FindIn(p.Code, cmp.Or(ucum, p.Unit)); ok && p.Numeric {
		key, unit = t.LOINC, t.Unit
		if f, ok := labrange.Find(p.Code); ok && f.UCUM != t.UCUM {
			key += "~" + t.UCUM // a second row for another unit
		}
	}
	s := rows[key]
	if s == nil {
		s = &Series{Key: key, Name: cmp.Or(labrange.Name(p.Code), p.Name), Unit: unit, Group: labrange.GroupOf(p.Code)}
		rows[key] = s
	} else if p.Numeric && s.Unit != unit {
		if s.Unit == "" {
			s.Unit = unit
		} else {
			p.loinc, p.Code, p.Name = cmp.Or(p.loinc, p.Code), "", s.Name+" ("+unit+")" // never two units in one line
			add(rows, p, ucum)
			return
		}
	}
	s.Points = append(s.Points, p)
}

func (g *Grid) fill(rows map[string]*Series, who person) {
	for _, s := range rows {
		slices.SortStableFunc(s.Points, func(a, b Point) int { return a.At.Compare(b.At) })
		s.judge(who)
		g.Series = append(g.Series, *s)
	}
	g.order()
}

// urgency orders rows: critical, abnormal and unsigned, abnormal, unsigned, the rest.
func urgency(s Series) int {
	all := s.pressing()
	n := Worst(all).grave() * 2
	if slices.ContainsFunc(all, func(p Point) bool { return p.Unsigned != "" }) {
		n++
	}
	return n
}

// judge takes the range of the newest value, and grades values that came without a flag by
// their own limits or by the built-in range; critical ones are found whatever their flag is.
func (s *Series) judge(who person) {
	for i := range s.Points {
		p := &s.Points[i]
		p.Judged = p.judge(s.Unit, who, p.At)
		p.hold(who, p.At)
	}
	last := s.Last()
	s.Low, s.High, s.Range = last.Low, last.High, last.Range
	if s.Low == "" && s.High == "" && s.Range == "" {
		if r, ok := labrange.RangeFor(last.Code, s.Unit, who.sex, who.age(last.At)); ok && last.Numeric {
			low, _ := literal(r.Low)
			high, _ := literal(r.High)
			last.Low, last.High = low, high
			if !last.Contrary() { // a range of ours beside a laboratory's flag that says something else would be no help
				s.Low, s.High, s.Range, s.Assumed = low, high, r.Text(), true
			}
		}
	}
	if s.Range == "" {
		s.Range = labrange.Span(s.Low, s.High)
	}
}

func moment(value string) time.Time { return lang.Moment(value, time.UTC) }
