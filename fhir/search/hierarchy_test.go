package search

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// taught is a parser with a small terminology.
var taught = Parser{
	ValueSet: func(url string) ([]Coding, error) {
		switch url {
		case "http://sets.example/sugar":
			return []Coding{{"http://loinc.org", "2345-7"}, {"http://loinc.org", "2339-0"}, {"http://loinc.org", "2345-7"}}, nil
		case "http://sets.example/huge":
			return make([]Coding, MaxCodes+1), nil
		}
		return nil, fault.New(fault.NotFound, "There is no value set %q.", url)
	},
	Below: func(system, code string) ([]string, error) { return []string{code, code + ".1", code + ".2"}, nil },
	Above: func(system, code string) ([]string, error) { return []string{code, "root"}, nil },
}

func TestModifiersOfTerminology(t *testing.T) {
	sugar := Coded{Param: "code", Codes: []Coding{{"http://loinc.org", "2339-0"}, {"http://loinc.org", "2345-7"}}}
	for _, c := range []struct {
		name, value string
		want        Expr
	}{
		{"code:in", "http://sets.example/sugar", sugar},
		{"code:not-in", "http://sets.example/sugar", Not{sugar}},
		{"code:below", "http://s|A", Coded{"code", []Coding{{"http://s", "A"}, {"http://s", "A.1"}, {"http://s", "A.2"}}}},
		{"code:above", "http://s|A", Coded{"code", []Coding{{"http://s", "A"}, {"http://s", "root"}}}},
		{"code:above", "http://s|A,http://s|B", Or{Coded{"code", []Coding{{"http://s", "A"}, {"http://s", "root"}}}, Coded{"code", []Coding{{"http://s", "B"}, {"http://s", "root"}}}}},
		{"_has:Observation:subject:code:in", "http://sets.example/sugar", Has{"Observation", "subject", sugar}},
	} {
		resourceType := "Observation"
		if c.name[0] == '_' {
			resourceType = "Patient"
		}
		q, err := taught.Parse(resourceType, []Param{{c.name, c.value}}, Strict)
		if err != nil || !reflect.DeepEqual(q.Where, c.want) {
			t.Errorf("%s=%s: %#v, %v", c.name, c.value, q.Where, err)
		}
	}
	for _, c := range []struct {
		name, value string
		code        fault.Code
	}{
		{"code:in", "http://sets.example/none", fault.NotFound},
		{"code:in", "http://sets.example/huge", fault.TooCostly},
		{"code:below", "A", fault.Malformed},
		{"code:below", "|A", fault.Malformed},
		{"code:in:not", "http://sets.example/sugar", fault.NotSupported},
	} {
		if _, err := taught.Parse("Observation", []Param{{c.name, c.value}}, Lenient); !fault.Is(err, c.code) {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.code)
		}
	}
}

func TestHierarchiesOfReferences(t *testing.T) {
	for _, c := range []struct {
		resourceType, name, value string
		want                      Expr
	}{
		{"Procedure", "location:below", "42", Lineage{Param: "location", Type: "Location", ID: "42", By: "partof"}},
		{"MedicationAdministration", "context:above", "Encounter/21", Lineage{Param: "context", Type: "Encounter", ID: "21", By: "part-of", Above: true}},
		{"Location", "partof:below", "Location/a", Lineage{Param: "partof", Type: "Location", ID: "a", By: "partof"}},
		{"Observation", "instantiates-canonical:below", "x", nil},
		{"PlanDefinition", "definition:below", "http://a.example/p|1", Or{Reference{Param: "definition", URL: "http://a.example/p|1"}, Reference{Param: "definition", URL: "http://a.example/p|1.", Prefix: true}}},
		{"PlanDefinition", "definition:below", "http://a.example/p", Reference{Param: "definition", URL: "http://a.example/p"}},
	} {
		q, err := taught.Parse(c.resourceType, []Param{{c.name, c.value}}, Strict)
		if c.want == nil {
			if err == nil {
				t.Errorf("%s: %#v", c.name, q.Where)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(q.Where, c.want) {
			t.Errorf("%s=%s: %#v, %v", c.name, c.value, q.Where, err)
		}
	}
}

func TestMatchOfLineage(t *testing.T) {
	// The house has a ward, the ward a bed; loop1 and loop2 are part of each other.
	up := map[string]string{"bed": "ward", "ward": "house", "loop1": "loop2", "loop2": "loop1"}
	s := Subject{}
	s.Target = func(typ, id string) (Subject, []Entry, bool) {
		if typ != "Location" || id == "hidden" {
			return Subject{}, nil, false
		}
		return s, []Entry{{Param: "partof", Kind: KindReference, RefType: "Location", RefID: up[id]}}, true
	}
	for _, c := range []struct {
		at, id string
		above  bool
		want   bool
	}{
		{"bed", "house", false, true}, {"house", "house", false, true}, {"house", "bed", false, false}, {"house", "bed", true, true},
		{"bed", "house", true, false}, {"loop1", "house", false, false}, {"hidden", "house", false, false}, {"loop1", "loop2", false, true},
	} {
		x := Lineage{Param: "location", Type: "Location", ID: c.id, By: "partof", Above: c.above}
		if got := Match(x, s, []Entry{{Param: "location", Kind: KindReference, RefType: "Location", RefID: c.at}}); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if Match(Lineage{Param: "location", Type: "Location", ID: "house", By: "partof"}, Subject{}, []Entry{{Param: "location", Kind: KindReference, RefType: "Location", RefID: "bed"}}) {
		t.Error("a hierarchy was followed without references")
	}
}

func ExampleParser() {
	p := Parser{ValueSet: func(url string) ([]Coding, error) {
		if url == "http://sets.example/sugar" {
			return []Coding{{System: "http://loinc.org", Code: "2345-7"}}, nil
		}
		return nil, errors.New("no such value set")
	}}
	q, _ := p.Parse("Observation", []Param{{Name: "code:in", Value: "http://sets.example/sugar"}}, Strict)
	fmt.Println(Match(q.Where, Subject{}, []Entry{{Param: "code", Kind: KindToken, System: "http://loinc.org", Code: "2345-7"}}))
	// Output: true
}
