package drug

import (
	"slices"
	"testing"
)

func TestParseStrength(t *testing.T) {
	cases := map[string][]Amount{
		"20 mg":               {{20, "mg"}},
		"800 mg/160 mg":       {{800, "mg"}, {160, "mg"}},
		"1,000 mg":            {{1000, "mg"}},
		"110 mcg per puff":    {{110, "mcg"}},
		"0.125 mg":            {{0.125, "mg"}},
		"3 g":                 {{3, "g"}},
		"100 units per mL":    nil,
		"18 mg per 3 mL":      nil,
		"1 %":                 nil,
		"20 mEq":              nil,
		"":                    nil,
		"mg":                  nil,
		"20 mg/something odd": nil,
	}
	for in, want := range cases {
		if got := ParseStrength(in); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestAmountText(t *testing.T) {
	for want, a := range map[string]Amount{"1,600 mg": {1600, "mg"}, "0.5 mg": {0.5, "mg"}, "1,234,567 unit": {1234567, "unit"}} {
		if got := a.Text(); got != want {
			t.Errorf("%v is written %q, want %q", a, got, want)
		}
	}
	if v, ok := (Amount{3, "g"}).In("mg"); !ok || v != 3000 {
		t.Errorf("3 g is %v mg", v)
	}
	if _, ok := (Amount{3, "unit"}).In("mg"); ok {
		t.Error("units became mg")
	}
}

func FuzzParseStrength(f *testing.F) {
	f.Add("800 mg/160 mg")
	f.Add("1,0 mcg per")
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range ParseStrength(s) {
			if a.Unit == "" || a.Value < 0 {
				t.Errorf("%q gives %v", s, a)
			}
		}
	})
}
