package terminology

import (
	"testing"

	"github.com/osler-emr/osler/fhir/definition"
)

// Vaccines are known by both of their names, a wrong one is seen, and what is not in the
// table is not called wrong.
func TestNamesOfVaccines(t *testing.T) {
	s, err := FindSystem("http://hl7.org/fhir/sid/cvx", shelf(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code, display string
		valid         bool
	}{
		{"115", "Tdap", true},
		{"115", "Tetanus toxoid, reduced diphtheria toxoid,  and acellular pertussis vaccine, adsorbed", true},
		{"115", "DTaP", false},
	} {
		a, err := Options{}.ValidateInSystem(s, Coding{System: s.URL, Code: c.code, Display: c.display})
		if err != nil || a.Valid != c.valid {
			t.Errorf("%s %q: %v %v, want %v", c.code, c.display, a.Valid, err, c.valid)
		}
	}
	if _, known := definition.Called(s.URL, "999", "anything"); known {
		t.Error("the name of a code that is not in the table is judged")
	}
	if s.Complete() {
		t.Error("a selection of vaccines counts as all of them")
	}
}
