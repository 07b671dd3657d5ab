package patient

import (
	"slices"
	"testing"
)

func TestNamesThatLookAlike(t *testing.T) {
	for name, c := range map[string]struct {
		a, b  Person
		alike bool
	}{
		"the same":           {Person{Family: "Okafor", Given: "Maria"}, Person{Family: "Okafor", Given: "Maria"}, true},
		"case and accents":   {Person{Family: "DÍAZ", Given: "Rosa"}, Person{Family: "Diaz", Given: "rosa"}, true},
		"Cyrillic letters":   {Person{Family: "Осокор", Given: "Анна"}, Person{Family: "Ocoкop", Given: "Aннa"}, true},
		"one Cyrillic":       {Person{Family: "Sаm", Given: "Paul"}, Person{Family: "Sam", Given: "Paul"}, true},
		"no width between":   {Person{Family: "Smi\u200bth", Given: "Jo"}, Person{Family: "Smith", Given: "Jo"}, true},
		"rn for m":           {Person{Family: "Burns", Given: "Ada"}, Person{Family: "Bums", Given: "Ada"}, true},
		"the direction":      {Person{Family: "Hill\u202e", Given: "Sam"}, Person{Family: "Hill", Given: "Sam"}, true},
		"other given name":   {Person{Family: "Okafor", Given: "Maria"}, Person{Family: "Okafor", Given: "Marta"}, false},
		"turned around":      {Person{Family: "Lee", Given: "Ann"}, Person{Family: "Ann", Given: "Lee"}, false},
		"nothing to compare": {Person{}, Person{}, false},
	} {
		c.a.ID, c.b.ID = "a", "b"
		got := Alike([]Person{c.a, {ID: "c", Family: "Quill", Given: "Zed"}, c.b})
		if got["a"] != c.alike || got["b"] != c.alike || got["c"] {
			t.Errorf("%s: %v", name, got)
		}
	}
	one := Person{ID: "a", Family: "Hill", Given: "Sam"}
	if got := Alike([]Person{one, one}); len(got) != 0 {
		t.Errorf("a person looks like themselves: %v", slices.Collect(func(yield func(string) bool) {
			for id := range got {
				if !yield(id) {
					return
				}
			}
		}))
	}
}
