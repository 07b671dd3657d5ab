package search

import (
	"reflect"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

func filtered(resourceType, filter string) (Expr, error) {
	q, err := taught.Parse(resourceType, []Param{{"_filter", filter}}, Lenient)
	return q.Where, err
}

// TestFilter has the examples of the specification and each operator of each kind.
func TestFilter(t *testing.T) {
	text := func(mode StringMode, v string) Expr { return Text{Param: "name", Mode: mode, Value: v} }
	date := func(p Prefix) Expr {
		return Date{Param: "birthdate", Prefix: p, Low: 1412899200000, High: 1412985600000}
	}
	a, b, c := Expr(ID{"a"}), Expr(ID{"b"}), Expr(ID{"c"})
	loinc := Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "1234-5"}
	other := loinc
	other.Other = true
	sugar := Coded{Param: "code", Codes: []Coding{{"http://loinc.org", "2339-0"}, {"http://loinc.org", "2345-7"}}}
	for _, x := range []struct {
		resourceType, filter string
		want                 Expr
	}{
		{"Patient", `name co "pet"`, text(Contains, "pet")},
		{"Patient", `given eq "peter" and birthdate ge 2014-10-10`, And{Text{Param: "given", Mode: Equal, Value: "peter"}, date(Ge)}},
		{"Observation", `code eq http://loinc.org|1234-5`, loinc},
		{"Observation", `code eq loinc|1234-5`, loinc},
		{"Observation", `subject:Patient.name co "pet"`, Chain{"subject", "Patient", text(Contains, "pet")}},
		{"Observation", `patient.name co pet`, Chain{"patient", "Patient", text(Contains, "pet")}},
		// strings
		{"Patient", `name eq Pet`, text(Equal, "pet")}, {"Patient", `name ne pet`, text(Unequal, "pet")}, {"Patient", `name sw pet`, text(StartsWith, "pet")}, {"Patient", `name ew pet`, text(EndsWith, "pet")},
		{"Patient", `name gt pet`, text(Greater, "pet")}, {"Patient", `name lt pet`, text(Less, "pet")}, {"Patient", `name ge pet`, text(GreaterEqual, "pet")}, {"Patient", `name le pet`, text(LessEqual, "pet")},
		{"Patient", `name eq "a) or] \"b"`, text(Equal, "a or b")},
		// dates
		{"Patient", `birthdate eq 2014-10-10`, date(Eq)}, {"Patient", `birthdate sa 2014-10-10`, date(Sa)}, {"Patient", `birthdate po 2014-10-10`, date(Ap)}, {"Patient", `birthdate co 2014-10-10`, date(Co)},
		// tokens
		{"Observation", `code ne http://loinc.org|1234-5`, other}, {"Observation", `code in http://sets.example/sugar`, sugar}, {"Observation", `code ni http://sets.example/sugar`, Not{sugar}},
		{"Observation", `code ss http://s|A`, Coded{"code", []Coding{{"http://s", "A"}, {"http://s", "A.1"}, {"http://s", "A.2"}}}}, {"Observation", `code sb http://s|A`, Coded{"code", []Coding{{"http://s", "A"}, {"http://s", "root"}}}},
		// references, presence, uri, quantity, composite
		{"Observation", `subject re Patient/1`, Reference{Param: "subject", Type: "Patient", ID: "1"}}, {"Observation", `code pr true`, Missing{"code", false}}, {"Observation", `code pr false`, Missing{"code", true}},
		{"ValueSet", `url sw http://a`, URI{Param: "url", Mode: URIBelow, Value: "http://a"}},
		{"Observation", `value-quantity gt 5|http://unitsofmeasure.org|mg`, Quantity{Param: "value-quantity", Prefix: Gt, Value: 5, Low: 4.5, High: 5.5, System: "http://unitsofmeasure.org", Code: "mg", HasUnit: true}},
		{"Observation", `code-value-date eq a$2014-10-10`, Composite{"code-value-date", []Expr{Token{Param: "0", Code: "a"}, Date{Param: "1", Prefix: Eq, Low: 1412899200000, High: 1412985600000}}}},
		// logic: from left to right, without precedence
		{"Patient", `_id eq a or _id eq b and _id eq c`, And{Or{a, b}, c}}, {"Patient", `_id eq a or (_id eq b and _id eq c)`, Or{a, And{And{b, c}}}},
		{"Patient", `not (_id eq a or _id eq b)`, Not{Or{a, b}}}, {"Patient", ` ( not(_id eq a) ) `, And{Not{a}}}, {"Patient", `_id ne a and _id eq b and _id eq c`, And{Not{a}, b, c}},
		// brackets: both about the same practitioner
		{"Patient", `general-practitioner:Practitioner[family eq joe].address-state eq mn`, Chain{"general-practitioner", "Practitioner", And{Text{Param: "family", Mode: Equal, Value: "joe"}, Text{Param: "address-state", Mode: Equal, Value: "mn"}}}},
	} {
		got, err := filtered(x.resourceType, x.filter)
		if err != nil || !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s:\n got %#v, %v\nwant %#v", x.filter, got, err, x.want)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for filter, code := range map[string]fault.Code{
		`name`: fault.Malformed, `name co`: fault.Malformed, `name co `: fault.Malformed, `name xx pet`: fault.Malformed, `frog eq 1`: fault.Malformed,
		`name co "pet`: fault.Malformed, `(name co pet`: fault.Malformed, `name co pet)`: fault.Malformed, `name co pet and`: fault.Malformed, `name co pet birthdate eq 2014`: fault.Malformed,
		`not name co pet`: fault.Malformed, `name.family co pet`: fault.Malformed, `link[name co pet] eq x`: fault.Malformed, `link[name co pet.name eq x`: fault.Malformed, `link:Frog.name eq x`: fault.Malformed,
		`birthdate eq yesterday`: fault.Malformed, `birthdate ss 2014`: fault.Malformed, `active co true`: fault.Malformed, `name pr perhaps`: fault.Malformed, `name pr true true`: fault.Malformed,
		`gender in http://sets.example/none`: fault.NotFound, ` `: fault.Malformed, `()`: fault.Malformed, `name:Patient eq x`: fault.Malformed, `_lastUpdated co 2014`: fault.Malformed,
		strings.Repeat("(", 40) + "name eq x" + strings.Repeat(")", 40): fault.Malformed,
		"name eq x" + strings.Repeat(" or name eq x", 120):              fault.Malformed,
		"name eq " + strings.Repeat("x", 20_000):                        fault.Malformed,
		strings.Repeat("link:Patient.", 9) + "name eq x":                fault.Malformed,
	} {
		if x, err := filtered("Patient", filter); !fault.Is(err, code) {
			t.Errorf("%.80s: %#v, %v, want %s", filter, x, err, code)
		}
	}
	if _, err := Parse("Patient", []Param{{"_filter", "gender in http://sets.example/sugar"}}, Strict); !fault.Is(err, fault.NotSupported) {
		t.Errorf("in without a terminology: %v", err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`name co "pet" and (birthdate ge 2014 or not(gender eq male))`, `link:Patient[name eq a].birthdate po 2014`, `"`, `a[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		x, err := filtered("Patient", filter)
		if err == nil {
			Match(x, Subject{}, nil)
		}
	})
}
