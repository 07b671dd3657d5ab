package search

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

func parse(t testing.TB, resourceType, query string, mode Mode) (Query, error) {
	t.Helper()
	params, err := ParseQuery(query)
	if err != nil {
		return Query{}, err
	}
	return Parse(resourceType, params, mode)
}

func day(s string) int64 { x, _ := parseSpan(s); return x.low }

func TestParseWhere(t *testing.T) {
	at := func(s string) time.Time { return time.UnixMilli(day(s)).UTC() }
	loinc := "http://loinc.org"
	for _, c := range []struct {
		resourceType, query string
		want                Expr
	}{
		{"Patient", "", All{}},
		{"Patient", "name=M%C3%BCller", Text{Param: "name", Value: "muller"}},
		{"Patient", "name:exact=M%C3%BCller", Text{Param: "name", Mode: Exact, Value: "Müller"}},
		{"Patient", "name:contains=ULL", Text{Param: "name", Mode: Contains, Value: "ull"}},
		{"Patient", `name=a\,b,c`, Or{Text{Param: "name", Value: "a b"}, Text{Param: "name", Value: "c"}}},
		{"Patient", "name=a&name=b", And{Text{Param: "name", Value: "a"}, Text{Param: "name", Value: "b"}}},
		{"Patient", "_id=a,b", ID{"a", "b"}},
		{"Patient", "_lastUpdated=ge2024-01-01", Updated{From: at("2024-01-01")}},
		{"Patient", "_lastUpdated=2024-01-01", Updated{From: at("2024-01-01"), To: at("2024-01-02")}},
		{"Patient", "gender=male", Token{Param: "gender", Code: "male"}},
		{"Patient", "gender:not=male,female", Not{Or{Token{Param: "gender", Code: "male"}, Token{Param: "gender", Code: "female"}}}},
		{"Patient", "identifier=urn:x|12", Token{Param: "identifier", System: "urn:x", HasSystem: true, Code: "12"}},
		{"Patient", "identifier=|12", Token{Param: "identifier", HasSystem: true, Code: "12"}},
		{"Patient", "identifier=urn:x|", Token{Param: "identifier", System: "urn:x", HasSystem: true, AnyCode: true}},
		{"Patient", "identifier:of-type=s|MR|12", Token{Param: "identifier", OfType: true, System: "s", HasSystem: true, Code: "MR", Value: "12"}},
		{"Patient", "_tag=urn:osler:origin|imported", Token{Param: "_tag", System: "urn:osler:origin", HasSystem: true, Code: "imported"}},
		{"Patient", "birthdate=ge1974", Date{Param: "birthdate", Prefix: Ge, Low: day("1974"), High: day("1975")}},
		{"Patient", "death-date:missing=true", Missing{Param: "death-date", Missing: true}},
		{"Observation", "code:text=Blood%20P", Token{Param: "code", Text: true, Code: "blood p"}},
		{"Observation", "date=2024-03-01T10:00:00%2B01:00", Date{Param: "date", Prefix: Eq, Low: 1709283600000, High: 1709283601000}},
		{"Observation", "date=2024-03-01T10:00:00+01:00", Date{Param: "date", Prefix: Eq, Low: 1709283600000, High: 1709283601000}},
		{"Observation", "patient=p1", Reference{Param: "patient", Type: "Patient", ID: "p1"}},
		{"Observation", "patient=Patient/p1", Reference{Param: "patient", Type: "Patient", ID: "p1"}},
		{"Observation", "subject=p1", Reference{Param: "subject", ID: "p1"}},
		{"Observation", "subject:Patient=p1", Reference{Param: "subject", Type: "Patient", ID: "p1"}},
		{"Observation", "subject=https://x.example/Patient/1", Reference{Param: "subject", URL: "https://x.example/Patient/1"}},
		{"Observation", "subject:identifier=urn:x|1", Reference{Param: "subject", Identifier: &Token{Param: "subject", System: "urn:x", HasSystem: true, Code: "1"}}},
		{"Observation", "subject:Patient.name=ann", Chain{Param: "subject", Target: "Patient", X: Text{Param: "name", Value: "ann"}}},
		{"Observation", "patient.general-practitioner:Practitioner.family=h", Chain{Param: "patient", Target: "Patient", X: Chain{Param: "general-practitioner", Target: "Practitioner", X: Text{Param: "family", Value: "h"}}}},
		{"Observation", "subject.birthdate=2000", Chain{Param: "subject", Target: "Patient", X: Date{Param: "birthdate", Prefix: Eq, Low: day("2000"), High: day("2001")}}},
		{"Patient", "_has:Observation:patient:code=x", Has{Source: "Observation", Param: "patient", X: Token{Param: "code", Code: "x"}}},
		{"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=p", Has{Source: "Observation", Param: "patient", X: Has{Source: "AuditEvent", Param: "entity", X: Reference{Param: "agent", ID: "p"}}}},
		{"ValueSet", "url:below=http://x/", URI{Param: "url", Mode: URIBelow, Value: "http://x/"}},
		{"Observation", "component-code-value-quantity=" + loinc + "|8480-6$gt140", Composite{Param: "component-code-value-quantity", Parts: []Expr{
			Token{Param: "0", System: loinc, HasSystem: true, Code: "8480-6"}, Quantity{Param: "1", Prefix: Gt, Value: 140, Low: 139.5, High: 140.5}}}},
	} {
		q, err := parse(t, c.resourceType, c.query, Strict)
		if err != nil || !reflect.DeepEqual(q.Where, c.want) {
			t.Errorf("%s?%s\n got %#v, %v\nwant %#v", c.resourceType, c.query, q.Where, err, c.want)
		}
	}
}

func TestParseQuantity(t *testing.T) {
	for _, c := range []struct {
		value     string
		low, high float64
		unit      string
	}{
		{"5.4", 5.35, 5.45, ""}, {"100", 99.5, 100.5, ""}, {"100.00", 99.995, 100.005, ""}, {"5.40e-3", 0.005395, 0.005405, ""},
		{"-2", -2.5, -1.5, ""}, {"ap10", 9, 11, ""}, {"5.4||mg", 5.35, 5.45, "||mg"}, {"5.4|http://unitsofmeasure.org|mg", 5.35, 5.45, "http://unitsofmeasure.org|mg|"},
	} {
		q, err := parse(t, "Observation", "value-quantity="+c.value, Strict)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		x := q.Where.(Quantity)
		unit := strings.Trim(x.System+"|"+x.Code+"|"+x.Unit, "")
		if unit == "||" {
			unit = ""
		}
		near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }
		if !near(x.Low, c.low) || !near(x.High, c.high) || unit != c.unit {
			t.Errorf("%s = %g..%g %q, want %g..%g %q", c.value, x.Low, x.High, unit, c.low, c.high, c.unit)
		}
	}
}

func TestParseControls(t *testing.T) {
	q, err := parse(t, "Observation", "_sort=-date,_id&_count=5000&_include=Observation:patient&_include=Observation:performer:Practitioner&_include:iterate=Patient:link&_include:iterate=*&_revinclude=Provenance:target&_summary=text&_elements=code,Observation.value&_total=accurate&_format=json&status=final", Strict)
	if err != nil {
		t.Fatal(err)
	}
	want := Query{Type: "Observation", Where: Token{Param: "status", Code: "final"},
		Sort: []SortKey{{"date", true}, {"_id", false}}, Count: MaxCount,
		Include: []Include{{Source: "Observation", Param: "patient"}, {Source: "Observation", Param: "performer", Target: "Practitioner"},
			{Source: "Patient", Param: "link", Iterate: true}, {Param: "*", Iterate: true}},
		RevInclude: []Include{{Source: "Provenance", Param: "target"}}, Summary: SummaryText, Elements: []string{"code", "value"}, Total: TotalAccurate}
	applied := q.Applied
	q.Applied = nil
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got %#v\nwant %#v", q, want)
	}
	if len(applied) != 11 || applied[10] != (Param{"status", "final"}) {
		t.Errorf("applied %v", applied)
	}
	if q, err := parse(t, "Patient", "_count=0", Strict); err != nil || q.Summary != SummaryCount || q.Total != TotalAccurate {
		t.Errorf("_count=0 gave %+v, %v", q, err)
	}
	if q, err := parse(t, "Patient", "", Strict); err != nil || q.Count != DefaultCount {
		t.Errorf("an empty search has count %d, %v", q.Count, err)
	}
}

func TestParseLenientIgnoresWhatItDoesNotKnow(t *testing.T) {
	q, err := parse(t, "Patient", "frog=1&name=ann&gender=&_sort=_id,frog", Lenient)
	if err != nil {
		t.Fatal(err)
	}
	var ignored []string
	for _, i := range q.Ignored {
		ignored = append(ignored, i.Name+": "+i.Reason)
	}
	want := []string{`frog: Patient has no search parameter "frog".`, "gender: It has no value.",
		`_sort: It sorts by "frog". Patient has no search parameter "frog".`}
	if !reflect.DeepEqual(ignored, want) {
		t.Errorf("ignored %q\nwant %q", ignored, want)
	}
	if !reflect.DeepEqual(q.Where, Text{Param: "name", Value: "ann"}) || len(q.Applied) != 1 || q.Sort != nil {
		t.Errorf("the rest was not applied alone: %+v", q)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		resourceType, query string
		code                fault.Code
		parts               []string // that the message must name
	}{
		{"Patient", "frog=1", fault.Malformed, []string{"frog", "Patient has no search parameter"}},
		{"Patient", "name=", fault.Malformed, []string{"name", "no value"}},
		{"Patient", "birthdate=2024-13", fault.Malformed, []string{"birthdate", "2024-13"}},
		{"Patient", "birthdate=xx2024", fault.Malformed, []string{"birthdate", "xx2024", "prefix"}},
		{"Patient", "birthdate=2024-02-30", fault.Malformed, []string{"birthdate", "2024-02-30"}},
		{"Observation", "value-quantity=abc", fault.Malformed, []string{"value-quantity", "abc"}},
		{"Observation", "value-quantity=0x10", fault.Malformed, []string{"value-quantity", "0x10"}},
		{"Observation", "value-quantity=5|a", fault.Malformed, []string{"value-quantity"}},
		{"Observation", "code-value-quantity=a", fault.Malformed, []string{"code-value-quantity", "2 parts"}},
		{"Observation", "code-value-quantity=a$b", fault.Malformed, []string{"code-value-quantity", "part 2"}},
		{"Observation", "code:in=http://x", fault.NotSupported, []string{"code", ":in"}},
		{"Observation", "code:below=http://x|1", fault.NotSupported, []string{"code", ":below"}},
		{"Condition", "subject:below=1", fault.NotSupported, []string{"subject", "hierarchy"}},
		{"Observation", "instantiates-canonical:above=http://a|1", fault.Malformed, nil},
		{"Observation", "subject:Practitioner=1", fault.Malformed, []string{"subject", "Practitioner"}},
		{"Observation", "subject=a/b/c", fault.Malformed, []string{"subject", "a/b/c"}},
		{"Observation", "code.text=1", fault.Malformed, []string{"code.text", "not a reference"}},
		{"Observation", "_include:recurse=Observation:patient", fault.NotSupported, []string{"_include", "recurse", "iterate"}},
		{"Observation", "_include:iterate=Patient:frog", fault.Malformed, []string{"_include", "frog"}},
		{"Observation", "_include=Patient:link", fault.Malformed, []string{"_include", "Observation"}},
		{"Observation", "_sort=code-value-quantity", fault.NotSupported, []string{"code-value-quantity", "composite"}},
		{"Observation", "_sort=frog", fault.Malformed, []string{"_sort", "frog"}},
		{"Observation", "_count=x", fault.Malformed, []string{"_count", "x"}},
		{"Patient", "_has:Observation:code:x=1", fault.Malformed, []string{"_has", "code"}},
		{"Patient", "_id:text=1", fault.NotSupported, []string{"_id"}},
		{"Location", "near=1", fault.Malformed, []string{"near", "latitude"}},
		{"Location", "near=91|2", fault.Malformed, []string{"near", "-90"}},
		{"Location", "near=1|2|3|kg", fault.Malformed, []string{"near", "length"}},
		{"Location", "near=1|2|-3", fault.Malformed, []string{"near", "distance"}},
		{"Location", "_sort=near", fault.NotSupported, []string{"near"}},
		{"Provenance", "target.based-on.based-on.based-on.based-on._id=x", fault.TooCostly, []string{"meanings"}},
		{"Provenance", "_filter=target.based-on.based-on.based-on.based-on._id eq x", fault.TooCostly, nil},
		{"Patient", "_contained=true", fault.NotSupported, []string{"_contained"}},
		{"Patient", "_query=x", fault.NotSupported, []string{"_query"}},
		{"Patient", "_list=$current-allergies", fault.NotSupported, []string{"$current-allergies"}},
		{"Patient", "_list=a/b", fault.Malformed, []string{"_list"}},
		{"Patient", "_list:not=a", fault.NotSupported, []string{"_list", ":not"}},
		{"Patient", "_content=...", fault.Malformed, []string{"_content"}},
		{"Patient", "_content=(a", fault.Malformed, []string{"_content", ")"}},
		{"Frog", "", fault.NotSupported, []string{"Frog"}},
		{"Patient", "name=%zz", fault.Malformed, []string{"name"}},
		{"Patient", "name=" + strings.Repeat("a,", MaxValues+1), fault.TooCostly, []string{"name"}},
		{"Patient", strings.Repeat("name=a&", MaxParams+1), fault.TooCostly, nil},
		{"Patient", "link:Patient." + strings.Repeat("link:Patient.", 8) + "name=x", fault.TooCostly, []string{"links"}},
	} {
		_, err := parse(t, c.resourceType, c.query, Strict)
		if !fault.Is(err, c.code) {
			t.Errorf("%s?%.60s: %v, want %s", c.resourceType, c.query, err, c.code)
			continue
		}
		for _, part := range c.parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s?%.60s: %q does not name %q", c.resourceType, c.query, err, part)
			}
		}
	}
}

func TestParseQueryKeepsOrder(t *testing.T) {
	raw := "b=2&a=1&b=%7C3"
	list, err := ParseQuery(raw)
	if err != nil || !reflect.DeepEqual(list, []Param{{"b", "2"}, {"a", "1"}, {"b", "|3"}}) {
		t.Errorf("%v, %v", list, err)
	}
	if got := Encode(list); got != raw {
		t.Errorf("Encode gave %q, want %q", got, raw)
	}
	if got := unescape(Escape(`a,b|c$d\e`)); got != `a,b|c$d\e` {
		t.Errorf("Escape and unescape gave %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"name=a\\,b|c&birthdate=ge2024", "code-value-quantity=a$gt5.4||mg", "_has:Observation:patient:code=x", "subject:Patient.name:exact=x", "_sort=-date&_include=*&_count=3", "date=2024-01-01T10:00:00.123+01:00"} {
		f.Add("Observation", s)
		f.Add("Patient", s)
		f.Add("", s)
	}
	entries := extract(f, aWeight)
	f.Fuzz(func(t *testing.T, resourceType, raw string) {
		params, err := ParseQuery(raw)
		if err != nil {
			return
		}
		for _, mode := range []Mode{Strict, Lenient} {
			q, err := Parse(resourceType, params, mode)
			if err != nil {
				if fault.CodeOf(err) == fault.Internal {
					t.Fatalf("%q: %v is no fault", raw, err)
				}
				continue
			}
			Match(q.Where, Subject{Type: resourceType, ID: "o1"}, entries)
			SortKeys(q.Sort, Subject{}, entries)
			if again, err := Parse(resourceType, q.Applied, Strict); err != nil || !reflect.DeepEqual(again.Where, q.Where) {
				t.Fatalf("%q: the applied parameters read differently: %v", raw, err)
			}
		}
	})
}
