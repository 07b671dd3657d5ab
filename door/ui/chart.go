package ui

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"
)

// Point is one measured value of a trend. Value is the literal that is shown; N is the same
// as a number, for drawing.
type Point struct {
	At    time.Time
	N     float64
	Value string
	Flag  string // as in Amount
	// Doubt: it is unusual and nobody has said that it is right. It has a shape of its own, with a
	// question mark, and words in the table.
	Doubt bool
}

// Event is a moment that explains a trend: "indapamide started".
type Event struct {
	At   time.Time
	Text string
}

// Trend is a series of values over time, drawn on the server. Time runs from left to right
// in every language, as the axis labels say.
type Trend struct {
	Title     string
	Unit      string
	Points    []Point // in any order
	Low, High float64 // the reference band; NaN for an open side
	Marks     []Event // numbered in the picture; the page lists them with MarkNumber
}

// NoLimit is an open side of a band.
func NoLimit() float64 { return math.NaN() }

// The drawing area of a trend, in user units.
const (
	trendW, trendH               = 340.0, 120.0
	trendLeft, trendRight        = 38.0, 12.0
	trendTop, trendBottom        = 12.0, 24.0
	sparkW, sparkH, sparkPadding = 100.0, 24.0, 3.0
)

type scale struct{ from, to, at, span float64 }

func (s scale) of(v float64) float64 {
	if s.to == s.from {
		return s.at + s.span/2
	}
	return s.at + (v-s.from)/(s.to-s.from)*s.span
}

func (t Trend) sorted() []Point {
	p := append([]Point(nil), t.Points...)
	sort.SliceStable(p, func(i, j int) bool { return p[i].At.Before(p[j].At) })
	return p
}

// bounds of the values with the band, a little wider than both.
func (t Trend) bounds() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range t.Points {
		lo, hi = math.Min(lo, p.N), math.Max(hi, p.N)
	}
	for _, v := range []float64{t.Low, t.High} {
		if !math.IsNaN(v) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	pad := (hi - lo) * 0.08
	if pad == 0 {
		pad = math.Max(math.Abs(hi)*0.1, 1)
	}
	return lo - pad, hi + pad
}

func (t Trend) scales(left, right, top, bottom, w, h float64) (x, y scale) {
	p := t.sorted()
	lo, hi := t.bounds()
	x = scale{from: float64(p[0].At.Unix()), to: float64(p[len(p)-1].At.Unix()), at: left, span: w - left - right}
	y = scale{from: hi, to: lo, at: top, span: h - top - bottom}
	return x, y
}

type drawnPoint struct {
	X, Y    string
	Out     bool
	Last    bool
	Doubt   bool
	Diamond string // path of a doubtful one
	Above   string // where its question mark stands
}

type drawnText struct {
	X, Y, Anchor, Text string
}

type drawing struct {
	Line          string
	Points        []drawnPoint
	BandY, BandH  string
	HasBand       bool
	Texts         []drawnText
	Marks         []drawnMark
	Bottom, Width string
}

// drawnMark is a line over the picture, with the number under which the page tells what it is.
type drawnMark struct{ Path, X, Number string }

func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func (t Trend) line(x, y scale) (string, []drawnPoint) {
	var b []byte
	var out []drawnPoint
	p := t.sorted()
	for i, q := range p {
		c := byte('L')
		if i == 0 {
			c = 'M'
		}
		at, up := x.of(float64(q.At.Unix())), y.of(q.N)
		d := drawnPoint{X: px(at), Y: px(up), Out: q.Flag != "" && q.Flag != "N", Last: i == len(p)-1, Doubt: q.Doubt}
		if q.Doubt {
			d.Diamond, d.Above = "M"+px(at-5)+" "+d.Y+"L"+d.X+" "+px(up-5)+"L"+px(at+5)+" "+d.Y+"L"+d.X+" "+px(up+5)+"Z", px(up-7)
			if up < 20 { // no room above
				d.Above = px(up + 15)
			}
		}
		b = append(b, c)
		b = append(b, d.X+" "+d.Y...)
		out = append(out, d)
	}
	return string(b), out
}

func (t Trend) band(y scale, d *drawing) {
	if math.IsNaN(t.Low) && math.IsNaN(t.High) || t.Low == 0 && t.High == 0 {
		return
	}
	top, bottom := y.at, y.at+y.span
	if !math.IsNaN(t.High) {
		top = y.of(t.High)
	}
	if !math.IsNaN(t.Low) {
		bottom = y.of(t.Low)
	}
	d.HasBand, d.BandY, d.BandH = true, px(top), px(math.Max(0, bottom-top))
}

func (t Trend) spark() drawing {
	var d drawing
	if len(t.Points) == 0 {
		return d
	}
	x, y := t.scales(sparkPadding, sparkPadding, sparkPadding, sparkPadding, sparkW, sparkH)
	d.Line, d.Points = t.line(x, y)
	t.band(y, &d)
	return d
}

func (t Trend) chart(ctx context.Context) drawing {
	d := drawing{Width: px(trendW), Bottom: px(trendH - trendBottom)}
	if len(t.Points) == 0 {
		return d
	}
	x, y := t.scales(trendLeft, trendRight, trendTop, trendBottom, trendW, trendH)
	d.Line, d.Points = t.line(x, y)
	t.band(y, &d)
	t.axis(ctx, x, y, &d)
	t.marks(x, &d)
	return d
}

// numberW is the room of a mark's number.
const numberW = 11.0

// marks places the numbers over the picture in one row, in the order of time. Where two would touch,
// they move apart, and a bent line leads from each number to its moment.
func (t Trend) marks(x scale, d *drawing) {
	shown := t.numbered()
	at, text := make([]float64, len(shown)), make([]float64, len(shown))
	for i, m := range shown {
		at[i] = x.of(float64(m.At.Unix()))
		text[i] = at[i]
		if i > 0 {
			text[i] = math.Max(text[i], text[i-1]+numberW)
		}
	}
	most := trendW - numberW/2
	for i := len(shown) - 1; i >= 0; i-- {
		text[i] = math.Min(text[i], most)
		most = text[i] - numberW
	}
	for i := range shown {
		path := "M" + px(text[i]) + " 11L" + px(at[i]) + " 17V" + px(trendH-trendBottom)
		d.Marks = append(d.Marks, drawnMark{path, px(text[i]), strconv.Itoa(i + 1)})
	}
}

// numbered are the marks within the time of the values, in the order of time.
func (t Trend) numbered() []Event {
	p := t.sorted()
	var out []Event
	for _, m := range t.Marks {
		if len(p) > 0 && !m.At.Before(p[0].At) && !m.At.After(p[len(p)-1].At) {
			out = append(out, m)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].At.Before(out[j].At) })
	return out
}

// MarkNumber is the number of an event in the picture of a trend; 0 when it is not marked there.
func (t Trend) MarkNumber(e Event) int {
	for i, m := range t.numbered() {
		if m.At.Equal(e.At) && m.Text == e.Text {
			return i + 1
		}
	}
	return 0
}

// doubtful reports whether a value of the trend is not confirmed.
func (t Trend) doubtful() bool {
	for _, p := range t.Points {
		if p.Doubt {
			return true
		}
	}
	return false
}

// axis labels the band's limits and the ends of the values, and the first and last day;
// labels that would touch are left out.
func (t Trend) axis(ctx context.Context, x, y scale, d *drawing) {
	var taken []float64
	label := func(v float64) {
		at := y.of(v)
		for _, o := range taken {
			if math.Abs(at-o) < 11 {
				return
			}
		}
		taken = append(taken, at)
		d.Texts = append(d.Texts, drawnText{px(trendLeft - 5), px(at + 3.5), "end", trimNumber(v)})
	}
	for _, v := range []float64{t.High, t.Low} {
		if !math.IsNaN(v) && !(t.High == 0 && t.Low == 0) {
			label(v)
		}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range t.Points {
		lo, hi = math.Min(lo, p.N), math.Max(hi, p.N)
	}
	label(hi)
	label(lo)
	p := t.sorted()
	first, last := p[0].At, p[len(p)-1].At
	d.Texts = append(d.Texts, drawnText{px(x.of(float64(last.Unix()))), px(trendH - 8), "end", DateText(ctx, last.Format("2006-01-02"))})
	if last.Sub(first) > 24*time.Hour {
		d.Texts = append(d.Texts, drawnText{px(trendLeft), px(trendH - 8), "start", DateText(ctx, first.Format("2006-01-02"))})
	}
}

func trimNumber(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// words is the trend as a sentence, for screen readers.
func (t Trend) words(ctx context.Context) string {
	p := t.sorted()
	if len(p) == 0 {
		return t.Title + ": " + T(ctx, "no values")
	}
	last := p[len(p)-1]
	s := fmt.Sprintf("%s: %s", t.Title, Amount{Value: last.Value, Unit: t.Unit, Flag: last.Flag}.Text())
	if w := (Amount{Flag: last.Flag}).Word(ctx); w != "" {
		s += " " + w
	}
	s += ", " + DateText(ctx, last.At.Format("2006-01-02"))
	if last.Doubt {
		s += ", " + T(ctx, "not confirmed")
	}
	if len(p) > 1 {
		s += "; " + T(ctx, "%d values since %s", len(p), DateText(ctx, p[0].At.Format("2006-01-02")))
	}
	return s
}

// NumberLine shows one value on a line of bands, for patients: words on the bands, shape
// and place, never colour alone.
type NumberLine struct {
	Title    string
	Value    Amount
	N        float64
	From, To float64
	Bands    []Band // from From upward
}

// Band is a stretch of a number line that ends at To.
type Band struct {
	To   float64
	Kind string // in, near, out
	Word string // "in range", "above your goal"
}

const lineW = 320.0

type drawnBand struct{ X, W, Kind, Word, Mid string }

type drawnLine struct {
	Bands         []drawnBand
	Limits        []drawnText
	You           string
	YouX, YouText string
	YouAnchor     string
}

// drawing places the bands, the marker and the labels; a limit's label that would touch the
// one before is left out, and the value's own label keeps inside the picture.
func (n NumberLine) drawing() drawnLine {
	x := scale{from: n.From, to: n.To, at: 0, span: lineW}
	clamp := func(v float64) float64 { return math.Min(lineW, math.Max(0, v)) }
	var d drawnLine
	at, lastLabel := 0.0, math.Inf(-1)
	for i, b := range n.Bands {
		end := clamp(x.of(b.To))
		if i == len(n.Bands)-1 {
			end = lineW
		}
		word := b.Word
		if float64(len([]rune(word)))*5.9+3 > end-at { // a word that touches the edges of its band is hard to read
			word = ""
		}
		d.Bands = append(d.Bands, drawnBand{px(at), px(math.Max(0, end-at)), b.Kind, word, px((at + end) / 2)})
		if i < len(n.Bands)-1 && end-lastLabel > 26 {
			d.Limits = append(d.Limits, drawnText{px(end), "58", "middle", trimNumber(b.To)})
			lastLabel = end
		}
		at = end
	}
	you := math.Min(lineW-3, math.Max(3, x.of(n.N)))
	d.YouX, d.You, d.YouAnchor = px(you), px(you), "middle"
	if you < 40 {
		d.YouAnchor, d.You = "start", "0"
	} else if you > lineW-40 {
		d.YouAnchor, d.You = "end", px(lineW)
	}
	return d
}

func (n NumberLine) words(ctx context.Context) string {
	s := n.Title + ": " + n.Value.Text()
	at := n.From
	for i, b := range n.Bands {
		if n.N >= at && (n.N < b.To || i == len(n.Bands)-1) {
			return s + ", " + b.Word
		}
		at = b.To
	}
	return s
}
