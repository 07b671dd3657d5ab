package medication

import "testing"

func TestParseCount(t *testing.T) {
	for in, want := range map[string]struct {
		amount float64
		unit   string
	}{
		"1 tablet": {1, "tablet"}, "2 tablets": {2, "tablet"}, "½ tablet": {0.5, "tablet"}, "1.5 tablets": {1.5, "tablet"}, "6": {6, ""},
		"1,000 mg": {1000, "mg"}, "3 patches": {3, "patch"}, " 90   tablets ": {90, "tablet"}, "5mL": {5, "mL"},
	} {
		amount, unit, ok := ParseCount(in)
		if !ok || amount != want.amount || unit != want.unit {
			t.Errorf("%q reads %v %q (%v)", in, amount, unit, ok)
		}
	}
	for _, bad := range []string{"", "tablet", "-1 tablet", "1..2", "9999999999 tablets"} {
		if amount, _, ok := ParseCount(bad); ok {
			t.Errorf("%q reads %v", bad, amount)
		}
	}
}

func FuzzParseCount(f *testing.F) {
	f.Add("½ tablet")
	f.Fuzz(func(t *testing.T, s string) {
		if amount, _, ok := ParseCount(s); ok && amount < 0 {
			t.Errorf("%q is %v", s, amount)
		}
	})
}

func TestAmount(t *testing.T) {
	for unit, want := range map[string]bool{"mg": true, "MG": true, "µg": true, "unit": true, "g": true, "tablet": false, "mL": false, "puff": false, "": false} {
		if Amount(unit) != want {
			t.Errorf("Amount(%q) is %v", unit, !want)
		}
	}
}
