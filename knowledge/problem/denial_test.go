package problem

import "testing"

func TestDenies(t *testing.T) {
	for _, c := range []struct {
		code, words string
		want        bool
	}{
		{"160245001", "No known problems", true},
		{"160245001", "", true},
		{"", "No  known problems.", true},
		{"", "NO CURRENT PROBLEMS OR DISABILITY", true},
		{"59621000", "No known problems", false}, // the code is what was meant
		{"", "No known problems with the heart", false},
		{"", "", false},
	} {
		var codes []string
		if c.code != "" {
			codes = []string{c.code}
		}
		if got := Denies(codes, c.words); got != c.want {
			t.Errorf("%s %q: %t", c.code, c.words, got)
		}
	}
}
