package rx

import "testing"

func TestKin(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"penicillin", "Penicillin G benzathine", true}, {"amoxicillin", "penicillin", true}, {"penicillins", "PCN", true},
		{"penicillin", "ceftriaxone", false}, {"amoxicillin", "ampicillin", false}, {"penicillin", "latex", false}, {"", "", false},
	} {
		if got := CauseOf(Allergy{Text: c.a}).Kin(CauseOf(Allergy{Text: c.b})); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
