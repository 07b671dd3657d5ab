package search

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// What Modifiers and Prefixes promise, Parse reads; and what they do not name is refused.
func TestCoverage(t *testing.T) {
	parameters := map[string]string{"token": "code", "reference": "location", "string": "value-string", "date": "date", "quantity": "value-quantity"}
	values := map[string]string{"token": "a|b", "reference": "Location/7", "string": "x", "date": "2026", "quantity": "5"}
	read := func(name, value string) error {
		codes := func(_, code string) ([]string, error) { return []string{code}, nil }
		p := Parser{ValueSet: func(string) ([]Coding, error) { return []Coding{{System: "a", Code: "b"}}, nil }, Below: codes, Above: codes}
		on := "Observation"
		if strings.HasPrefix(name, "location") {
			on = "Encounter"
		}
		_, err := p.Parse(on, []Param{{Name: name, Value: value}}, Strict)
		return err
	}
	for kind, name := range parameters {
		promised := strings.Join(Modifiers(kind), " ")
		for _, m := range []string{":missing", ":exact", ":contains", ":text", ":not", ":in", ":not-in", ":above", ":below", ":of-type", ":identifier", ":Location", ":nonsense"} {
			value := values[kind]
			switch m {
			case ":missing":
				value = "true"
			case ":of-type":
				value = "a|b|c"
			case ":identifier":
				value = "a|b"
			}
			err := read(name+m, value)
			known := err == nil || !strings.Contains(err.Error(), "has no modifier")
			told := strings.Contains(promised+" ", strings.Replace(m, ":Location", ":[type]", 1)+" ")
			if known != told {
				t.Errorf("%s%s: promised %v, read %v (%v)", name, m, told, known, err)
			}
		}
		for _, p := range []Prefix{Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap} {
			if err := read(name, string(p)+values[kind]); len(Prefixes(kind)) > 0 && err != nil {
				t.Errorf("%s=%s…: %v", name, p, err)
			}
		}
	}
}

// Modifiers that look through every entry take few alternatives.
func TestScansAreBounded(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("a,", 21), ",")
	for _, name := range []string{"code:text", "value-string:contains"} {
		if _, err := Parse("Observation", []Param{{Name: name, Value: many}}, Strict); !fault.Is(err, fault.TooCostly) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Parse("Observation", []Param{{Name: name, Value: many[2:]}}, Strict); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
