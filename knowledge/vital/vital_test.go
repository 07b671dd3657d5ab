package vital

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		measure Measure
		text    string
		want    string // "" for an error
		doubt   bool
	}{
		{Pulse, "78", "78", false},
		{Pulse, "78 bpm", "78", false},
		{Pulse, "٧٨", "78", false},
		{Weight, "٧٨٫٥ kg", "78.5", false},
		{Weight, "۷۸٫۵", "78.5", false},
		{Temperature, "36.8", "36.8", false},
		{Temperature, "36,8", "36.8", false},
		{Temperature, "98.6 F", "37.0", false},
		{Temperature, "368", "", false},
		{Temperature, "41.6", "41.6", true},
		{Weight, "91.4", "91.4", false},
		{Weight, "201 lb", "91.17", false},
		{Weight, "914", "", false},
		{Weight, "3400 g", "3.40", false},
		{Height, "5 ft 11", "180.3", false},
		{Height, "5'11\"", "180.3", false},
		{Height, "71 in", "180.3", false},
		{Height, "1.71 m", "171.0", false},
		{Height, "250", "250", true},
		{Oxygen, "97 %", "97", false},
		{Oxygen, "101", "", false},
		{Oxygen, "80", "80", true},
		{Weight, "91 mmHg", "", false},
		{Weight, "heavy", "", false},
		{Weight, "", "", false},
		{Weight, "-5", "", false},
	} {
		v, err := Parse(c.measure, c.text)
		var d Doubt
		doubt := errors.As(err, &d)
		if doubt != c.doubt || v.Literal != c.want || (c.want == "") != (err != nil && !doubt) {
			t.Errorf("Parse(%s, %q) = %q, %v; want %q, doubt %v", c.measure, c.text, v.Literal, err, c.want, c.doubt)
		}
	}
}

func TestParsePressure(t *testing.T) {
	for _, c := range []struct {
		text    string
		s, d    string
		fails   bool
		unusual bool
	}{
		{"148/92", "148", "92", false, false},
		{" 148 / 92 ", "148", "92", false, false},
		{"148 92", "148", "92", false, false},
		{"١٤٨/٩٢", "148", "92", false, false},
		{"92/148", "", "", true, false},
		{"14892", "", "", true, false},
		{"240/110", "240", "110", false, true},
		{"500/92", "", "", true, false},
	} {
		s, d, err := ParsePressure(c.text)
		var doubt Doubt
		if errors.As(err, &doubt) != c.unusual || (err != nil && !c.unusual) != c.fails {
			t.Errorf("ParsePressure(%q): %v", c.text, err)
		}
		if !c.fails && (s.Literal != c.s || d.Literal != c.d) {
			t.Errorf("ParsePressure(%q) = %q/%q", c.text, s.Literal, d.Literal)
		}
	}
}

func TestFlag(t *testing.T) {
	const years = 12
	for _, c := range []struct {
		measure Measure
		value   float64
		months  int
		want    string
	}{
		{Systolic, 139, 58 * years, "N"}, {Systolic, 140, 58 * years, "H"}, {Systolic, 180, 58 * years, "HH"},
		{Systolic, 89, 58 * years, "L"}, {Systolic, 80, 58 * years, "LL"}, {Systolic, 140, 9 * years, ""},
		{Diastolic, 92, 58 * years, "H"}, {Diastolic, 120, 58 * years, "HH"},
		{Temperature, 37.9, 2 * years, "N"}, {Temperature, 38, 2 * years, "H"}, {Temperature, 38, 0, ""},
		{Temperature, 38, -1, ""}, {Oxygen, 94, 30 * years, "L"}, {Oxygen, 90, 30 * years, "LL"},
		{BodyMass, 24.9, 40 * years, "N"}, {BodyMass, 25, 40 * years, "H"}, {BodyMass, 18.4, 40 * years, "L"},
		{BodyMass, 16, 8 * years, ""}, {Weight, 91, 40 * years, ""}, {Pulse, 40, 40 * years, "LL"},
	} {
		if got := Flag(c.measure, c.value, c.months); got != c.want {
			t.Errorf("Flag(%s, %v, %d months) = %q, want %q", c.measure, c.value, c.months, got, c.want)
		}
	}
}

func TestDefinitionsAreDistinct(t *testing.T) {
	seen := map[string]Measure{}
	for _, d := range Definitions() {
		for _, code := range append([]string{d.Code}, d.Also...) {
			if other, ok := seen[code]; ok {
				t.Errorf("LOINC %s means %s and %s", code, d.Measure, other)
			}
			seen[code] = d.Measure
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"78", "36,8", "5 ft 11", "201 lb", "°", "9999 f", "1.7 m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Definitions() {
			v, err := Parse(d.Measure, text)
			if err == nil && (v.Float < d.Low || v.Float > d.High) {
				t.Errorf("Parse(%s, %q) accepts %v", d.Measure, text, v)
			}
		}
	})
}

func FuzzParsePressure(f *testing.F) {
	f.Add("148/92")
	f.Fuzz(func(t *testing.T, text string) {
		if s, d, err := ParsePressure(text); err == nil && d.Float >= s.Float {
			t.Errorf("ParsePressure(%q) = %v/%v", text, s, d)
		}
	})
}
