package vital

import (
	"testing"
	"time"
)

func TestUnusual(t *testing.T) {
	const years = 12
	for name, c := range map[string]struct {
		measure Measure
		value   float64
		months  int
		want    bool
	}{
		"a heavy two-year-old":              {Weight, 145, 2 * years, true},
		"a two-year-old":                    {Weight, 13.3, 2 * years, false},
		"a two-year-old like a newborn":     {Weight, 3.3, 2 * years, true},
		"a newborn":                         {Weight, 3.3, 0, false},
		"a newborn in grams as kg":          {Weight, 33, 0, true},
		"a large adolescent":                {Weight, 110, 16 * years, false},
		"an adult":                          {Weight, 145, 40 * years, false},
		"an adult in the weight of a child": {Weight, 14.5, 40 * years, true},
		"an age that is not known":          {Weight, 14.5, -1, false},
		"an infant's height":                {Height, 62, 3, false},
		"a tall infant":                     {Height, 162, 3, true},
		"a boy of ten":                      {Height, 138, 10 * years, false},
		"a boy of ten as tall as a toddler": {Height, 83, 10 * years, true},
		"an adult in inches":                {Height, 70, 40 * years, true},
		"pressure has no age":               {Systolic, 230, 2 * years, true},
		"a temperature of every age":        {Temperature, 41.5, 2 * years, true},
	} {
		if got := Unusual(c.measure, c.value, c.months); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLeap(t *testing.T) {
	const years, month = 12, 30 * 24 * time.Hour
	for name, c := range map[string]struct {
		measure        Measure
		value, earlier float64
		between        time.Duration
		months         int
		want           bool
	}{
		"a lost decimal point":                   {Weight, 145, 14.5, month, 3 * years, true},
		"a child of another record":              {Weight, 145, 13.3, month, 3 * years, true},
		"a month of growing":                     {Weight, 13.6, 13.3, month, 3 * years, false},
		"a newborn doubles in five months":       {Weight, 7, 3.4, 5 * month, 5, false},
		"a newborn loses some in the first days": {Weight, 3.1, 3.4, 3 * 24 * time.Hour, 0, false},
		"a newborn doubles in a week":            {Weight, 6.8, 3.4, 7 * 24 * time.Hour, 0, true},
		"an adult's pounds as kg":                {Weight, 201, 91.2, month, 58 * years, true},
		"an adult gains a little":                {Weight, 95, 91.2, month, 58 * years, false},
		"an adult loses half in a month":         {Weight, 45, 91, month, 58 * years, true},
		"an adult after an operation, a year on": {Weight, 80, 130, 12 * month, 45 * years, false},
		"the same value twice":                   {Weight, 91.2, 91.2, 0, 58 * years, false},
		"an adult shrinks by 30 cm":              {Height, 140, 170, 12 * month, 58 * years, true},
		"an adult shrinks with age":              {Height, 166, 170, 120 * month, 80 * years, false},
		"an adult grows":                         {Height, 180, 170, 12 * month, 58 * years, true},
		"a child grows in a year":                {Height, 115, 108, 12 * month, 5 * years, false},
		"a child shrinks":                        {Height, 95, 108, 12 * month, 5 * years, true},
		"an infant grows 25 cm in a year":        {Height, 75, 50, 12 * month, 12, false},
		"a head grows in two months":             {Head, 39, 35, 2 * month, 2, false},
		"a head shrinks":                         {Head, 35, 39, month, 3, true},
		"an age that is not known":               {Weight, 145, 13.3, month, -1, true},
		"a pulse changes":                        {Pulse, 140, 60, month, 58 * years, false},
		"nothing before":                         {Weight, 145, 0, 0, 58 * years, false},
	} {
		if got := Leap(c.measure, c.value, c.earlier, c.between, c.months); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
