package rx

import "testing"

func TestCapital(t *testing.T) {
	for in, want := range map[string]string{"": "", "x": "X", "potassium 5.3": "Potassium 5.3", "eGFR 52": "eGFR 52", "érythromycine": "Érythromycine"} {
		if got := capital(in); got != want {
			t.Errorf("capital(%q) is %q, want %q", in, got, want)
		}
	}
}
