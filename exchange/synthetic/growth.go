package synthetic

import "math"

// grow sets a child's size and vital signs. The curves pass near the median of the WHO (to
// two years) and CDC (beyond) charts; a child keeps its own distance from them.
func (v *visit) grow() {
	c := v.chart
	months := v.at.Sub(c.person.born).Hours() / 24 / 30.44
	own := c.levels["stature"]
	if own == 0 {
		own = c.near(1, .03)
		c.levels["stature"], c.levels["build"] = own, c.near(1, .08)
	}
	v.cm = own * median(heights, months)
	v.kg = math.Max(2.6, own*own*c.levels["build"]*median(weights, months)*c.near(1, .008))
	v.head = 34.5 + 12.7*(1-math.Exp(-months/7)) + c.near(0, .2)
	v.pulse = c.near(142-58*(1-math.Exp(-months/50)), 4)
	v.resp = c.near(38-20*(1-math.Exp(-months/30)), 2)
	v.sys, v.dia = c.near(92+months*.13, 4), c.near(56+months*.08, 3)
}

// point is a median size at an age in months; boys and girls are close enough until the teens.
type point struct{ month, size float64 }

var (
	heights = []point{{0, 49.8}, {2, 57.8}, {4, 63}, {6, 66.8}, {9, 71}, {12, 75}, {18, 81.5}, {24, 87}, {36, 95.5}, {48, 102.5}, {60, 109}, {84, 121.5}, {108, 133}, {132, 143.5}, {156, 156}, {180, 164}, {204, 168}, {228, 170}}
	weights = []point{{0, 3.4}, {2, 5.4}, {4, 6.8}, {6, 7.7}, {9, 8.7}, {12, 9.4}, {18, 10.7}, {24, 12}, {36, 14.2}, {48, 16.2}, {60, 18.3}, {84, 23}, {108, 28.7}, {132, 36}, {156, 46}, {180, 55}, {204, 61}, {228, 64}}
)

func median(curve []point, month float64) float64 {
	for i := 1; i < len(curve); i++ {
		if a, b := curve[i-1], curve[i]; month <= b.month {
			return a.size + (b.size-a.size)*math.Max(0, month-a.month)/(b.month-a.month)
		}
	}
	return curve[len(curve)-1].size
}
