package ui

import (
	"context"
	"strconv"
	"time"
)

// Timeline is a record over time in lanes, drawn on the server. Time runs from left to right
// in every language, as the axis says. A page gives the same facts as a table beside it.
type Timeline struct {
	Title    string
	From, To time.Time
	Now      time.Time
	AsOf     time.Time // zero: the chart as it is known now
	Lanes    []TimelineLane
}

// TimelineLane is one kind of facts.
type TimelineLane struct {
	Title, Note string
	Rows        []TimelineRow
}

// TimelineRow is one line of a lane: bars, marks, or values.
type TimelineRow struct {
	Label  string // in the margin; for rows of values
	Bars   []TimelineBar
	Marks  []TimelineMark
	Values []Point
}

// TimelineBar is something that lasted. A zero End lasts until now.
type TimelineBar struct {
	Text       string
	Start, End time.Time
	Stated     bool // the patient says so: hatched
}

// Strength is the part of a medicine's text behind its name.
func (b TimelineBar) Strength() string {
	if m := SplitMedicine(b.Text); m.Strength != "" {
		return m.StrengthText()
	}
	return b.Text
}

// TimelineMark is something that happened. Shape is dot, square or triangle.
type TimelineMark struct {
	Text  string
	At    time.Time
	Shape string
}

// The drawing area of a timeline in user units.
const (
	tlW, tlLeft, tlRight     = 1160.0, 130.0, 20.0
	tlTop, tlRow, tlBar      = 30.0, 24.0, 18.0
	tlGap, tlLetter, tlLabel = 10.0, 6.3, 8.0
)

type tlRect struct{ X, Y, W, H, Class string }

type tlText struct{ X, Y, Anchor, Text, Class string }

type tlShape struct{ D, Class string }

type tlDrawing struct {
	W, H   string
	Rects  []tlRect
	Shapes []tlShape
	Texts  []tlText
	Grid   []string // x of the vertical lines
	Lanes  []string // y of the lines between lanes
	NowX   string
	AsOfX  string
	Bottom string
}

func (t Timeline) x(at time.Time) float64 {
	s := scale{from: float64(t.From.Unix()), to: float64(t.To.Unix()), at: tlLeft, span: tlW - tlLeft - tlRight}
	return s.of(float64(at.Unix()))
}

func (t Timeline) draw(ctx context.Context) tlDrawing {
	d := tlDrawing{W: px(tlW)}
	t.axis(ctx, &d)
	y := tlTop
	for _, lane := range t.Lanes {
		if len(lane.Rows) == 0 {
			continue
		}
		d.Lanes = append(d.Lanes, px(y))
		y += tlGap / 2
		d.Texts = append(d.Texts, tlText{"6", px(y + 13), "start", lane.Title, "strong"})
		if lane.Note != "" {
			d.Texts = append(d.Texts, tlText{"6", px(y + 27), "start", lane.Note, ""})
		}
		if len(lane.Rows[0].Values) > 0 {
			y += tlGap
		}
		for _, row := range lane.Rows {
			y += t.row(row, y, &d)
		}
		y += tlGap / 2
		if least := tlTop + tlRow*1.6; y < least {
			y = least
		}
	}
	d.H, d.Bottom = px(y+6), px(y)
	if t.Now.After(t.From) && !t.Now.After(t.To) {
		d.NowX = px(t.x(t.Now))
	}
	if !t.AsOf.IsZero() {
		d.AsOfX = px(t.x(t.AsOf))
	}
	return d
}

// axis marks months, half years or years, by the span.
func (t Timeline) axis(ctx context.Context, d *tlDrawing) {
	months := 1
	for _, m := range []int{1, 3, 6, 12, 24, 60, 120, 240} {
		months = m
		if t.To.Sub(t.From).Hours()/24/30.4/float64(m) <= 9 {
			break
		}
	}
	at := time.Date(t.From.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	for ; at.Before(t.To); at = at.AddDate(0, months, 0) {
		x := t.x(at)
		if x < tlLeft+20 || x > tlW-tlRight-20 {
			continue
		}
		label := at.Format("2006-01")
		if months >= 12 {
			label = at.Format("2006")
		}
		d.Grid = append(d.Grid, px(x))
		d.Texts = append(d.Texts, tlText{px(x), "18", "middle", DateText(ctx, label), "strong"})
	}
}

func (t Timeline) row(r TimelineRow, y float64, d *tlDrawing) float64 {
	height := tlRow
	for _, b := range r.Bars {
		t.bar(b, y, d)
	}
	end := 0.0
	for _, m := range r.Marks {
		end = t.mark(m, y, end, d)
		height = tlRow * 1.6
	}
	if len(r.Values) > 0 {
		t.values(r, y, d)
		height = tlRow * 1.8
	}
	return height
}

func (t Timeline) bar(b TimelineBar, y float64, d *tlDrawing) {
	if b.End.IsZero() {
		b.End = t.Now
	}
	if b.End.Before(t.From) || b.Start.After(t.To) {
		return
	}
	from, to := max(tlLeft, t.x(b.Start)), min(tlW-tlRight, t.x(b.End))
	w := max(4, to-from)
	class := "tlbar"
	if b.Stated {
		class = "tlbar stated"
	}
	d.Rects = append(d.Rects, tlRect{px(from), px(y + 3), px(w), px(tlBar), class})
	text := tlText{px(from + 6), px(y + 16), "start", b.Text, "tltext"}
	width := float64(len([]rune(b.Text))) * tlLetter
	switch {
	case width+12 <= w:
	case to+width+6 < tlW:
		text.X = px(to + 6)
	default:
		text.X, text.Anchor = px(from-6), "end"
		if from-width < tlLeft { // no room at either side: the bar's own text is cut by the table beside it
			text.X, text.Anchor = px(from+6), "start"
		}
	}
	d.Texts = append(d.Texts, text)
}

// mark draws one mark; its label is left out where it would touch the one before.
func (t Timeline) mark(m TimelineMark, y, end float64, d *tlDrawing) float64 {
	if m.At.Before(t.From) || m.At.After(t.To) {
		return end
	}
	x, mid := t.x(m.At), y+11
	shape := "M" + px(x-5) + " " + px(mid) + "a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"
	switch m.Shape {
	case "square":
		shape = "M" + px(x-5) + " " + px(mid-5) + "h10v10h-10z"
	case "triangle":
		shape = "M" + px(x) + " " + px(mid-6) + "l6 11h-12z"
	}
	d.Shapes = append(d.Shapes, tlShape{shape, "tlmark"})
	width := float64(len([]rune(m.Text))) * tlLetter
	if left := x - width/2; left > end+tlLabel && left > tlLeft-20 && x+width/2 < tlW {
		d.Texts = append(d.Texts, tlText{px(x), px(y + 31), "middle", m.Text, "tltext"})
		return x + width/2
	}
	return end
}

func (t Timeline) values(r TimelineRow, y float64, d *tlDrawing) {
	lo, hi := Trend{Points: r.Values, Low: NoLimit(), High: NoLimit()}.bounds()
	s := scale{from: hi, to: lo, at: y + 17, span: tlRow*1.8 - 24}
	d.Texts = append(d.Texts, tlText{px(tlLeft - 10), px(y + 26), "end", r.Label, ""})
	line, end := "", 0.0
	for _, p := range (Trend{Points: r.Values}).sorted() {
		if p.At.Before(t.From) || p.At.After(t.To) {
			continue
		}
		x, py := t.x(p.At), s.of(p.N)
		line += map[bool]string{true: "M", false: "L"}[line == ""] + px(x) + " " + px(py)
		class := "tlpoint"
		if p.Flag != "" && p.Flag != "N" {
			class = "tlpoint out"
		}
		d.Shapes = append(d.Shapes, tlShape{"M" + px(x-3.5) + " " + px(py) + "a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", class})
		width := float64(len(p.Value)) * tlLetter
		if x-width/2 > end+4 {
			d.Texts = append(d.Texts, tlText{px(x), px(py - 7), "middle", p.Value, map[bool]string{true: "tlvalue out", false: "tlvalue"}[class != "tlpoint"]})
			end = x + width/2
		}
	}
	d.Shapes = append([]tlShape{{line, "tlline"}}, d.Shapes...)
}

func (t Timeline) words(ctx context.Context) string {
	n := 0
	for _, l := range t.Lanes {
		for _, r := range l.Rows {
			n += len(r.Bars) + len(r.Marks) + len(r.Values)
		}
	}
	return t.Title + ": " + T(ctx, "%d facts from %s to %s, also in the table below", n, DateText(ctx, strconv.Itoa(t.From.Year())), DateText(ctx, t.To.Format("2006-01-02")))
}
