package retention

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust/minor"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDue(t *testing.T) {
	for name, c := range map[string]struct {
		rule  string
		facts Facts
		at    string // "" for not to be said
		class Class
	}{
		"an adult":                          {"US-WA", Facts{Born: "1950-02-01", Last: day("2010-03-04")}, "2020-03-04", Adult},
		"an infant":                         {"US-WA", Facts{Born: "2009-02-01", Last: day("2010-03-04")}, "2030-02-02", Minor},
		"a minor of 17, the years are more": {"US-WA", Facts{Born: "1993-02-01", Last: day("2010-03-04")}, "2020-03-04", Minor},
		"a year of birth only":              {"US-WA", Facts{Born: "2009", Last: day("2010-03-04")}, "2031-01-02", Minor},
		"images":                            {"DE", Facts{Born: "1950-02-01", Last: day("2010-03-04"), Images: day("2005-01-01")}, "2035-01-01", Imaging},
		"early images":                      {"DE", Facts{Born: "1950-02-01", Last: day("2010-03-04"), Images: day("1980-01-01")}, "2020-03-04", Adult},
		"no date of birth":                  {"US-WA", Facts{Last: day("2010-03-04")}, "", ""},
		"no contact":                        {"US-WA", Facts{Born: "1950-02-01"}, "", ""},
		"for life":                          {"GB-ENG", Facts{Born: "1950-02-01", Last: day("1990-03-04")}, "", ""},
		"after death":                       {"GB-ENG", Facts{Born: "1950-02-01", Last: day("1990-03-04"), Died: day("2015-05-06")}, "2025-05-06", Death},
		"an unknown place":                  {"XX", Facts{Born: "1950-02-01", Last: day("2000-03-04")}, "2020-03-04", Adult},
	} {
		at, class, ok := For(c.rule).Due(c.facts)
		got := ""
		if ok {
			got = at.Format(time.DateOnly)
		}
		if got != c.at || class != c.class {
			t.Errorf("%s: %s %s, not %s %s", name, got, class, c.at, c.class)
		}
	}
}

// Every row is of a jurisdiction that the clinic can choose, names its source, and is no shorter
// for a child than for an adult.
func TestRows(t *testing.T) {
	var codes []string
	for _, r := range Rules() {
		codes = append(codes, r.Code)
		if _, err := minor.Find(r.Code); err != nil {
			t.Errorf("%q: %v", r.Code, err)
		}
		if len(r.Source) < 20 || r.Adult < 6 || r.MinorYears < r.Adult || r.Minor < majority || r.Imaging == 0 || r.Least() != r.Adult {
			t.Errorf("%+v", r)
		}
		if d := rules[0]; r.Code != "" && r.Death == 0 && (r.Adult > d.Adult || r.Minor > d.Minor || r.Imaging > d.Imaging) {
			t.Errorf("the default is shorter than %s", r.Name)
		}
	}
	if !slices.IsSorted(codes) || len(codes) != len(minor.Rules()) {
		t.Errorf("rows: %s", strings.Join(codes, " "))
	}
}
