package ui

import (
	"strconv"
	"testing"
	"time"
)

// TestMarksOfATrendDoNotTouch: however close together they are, also at the right edge, each has a number
// of its own with room around it, in the order of time.
func TestMarksOfATrendDoNotTouch(t *testing.T) {
	trend := Trend{Points: []Point{{At: today.AddDate(-1, 0, 0), N: 4, Value: "4"}, {At: today, N: 5, Value: "5"}}}
	for i := range 8 {
		trend.Marks = append(trend.Marks, Event{At: today.Add(-time.Duration(i) * time.Hour), Text: string(rune('a' + i))})
	}
	trend.Marks = append(trend.Marks, Event{At: today.AddDate(-2, 0, 0), Text: "before"})
	d := trend.chart(staff())
	if len(d.Marks) != 8 {
		t.Fatalf("%d marks", len(d.Marks))
	}
	last := -numberW
	for i, m := range d.Marks {
		x, err := strconv.ParseFloat(m.X, 64)
		if err != nil || x < last+numberW-0.11 || x > trendW-numberW/2+0.11 || m.Number != strconv.Itoa(i+1) {
			t.Errorf("number %s stands at %s, after %v", m.Number, m.X, last)
		}
		last = x
	}
	if n := trend.MarkNumber(trend.Marks[0]); n != 8 {
		t.Errorf("the newest has the number %d", n)
	}
	if n := trend.MarkNumber(trend.Marks[8]); n != 0 {
		t.Errorf("what was before the picture has the number %d", n)
	}
}
