package search

import (
	"iter"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	subjects := map[string]Subject{
		aPatient: {Type: "Patient", ID: "p1", Patient: "p1", Updated: time.UnixMilli(day("2024-05-05T12:00:00Z"))},
		aWeight:  {Type: "Observation", ID: "o1", Patient: "p1", Updated: time.UnixMilli(day("2024-03-01T09:00:00Z"))},
	}
	for _, c := range []struct {
		resource, query string
		want            bool
	}{
		{aPatient, "name=mull", true}, {aPatient, "name=brien", false}, {aPatient, "name:contains=brien", true},
		{aPatient, "name:exact=Zo%C3%AB", true}, {aPatient, "name:exact=Zoe", false}, {aPatient, "given=ANA", true},
		{aPatient, "name=zoe,nobody", true}, {aPatient, "name=zoe&name=nobody", false},
		{aPatient, "gender=female", true}, {aPatient, "gender=http://hl7.org/fhir/administrative-gender|female", true},
		{aPatient, "gender=|female", false}, {aPatient, "gender:not=female", false}, {aPatient, "gender:not=male", true},
		{aPatient, "language:not=en", true}, {aPatient, "language:missing=true", true}, {aPatient, "gender:missing=true", false},
		{aPatient, "identifier=0042", true}, {aPatient, "identifier=42", false}, {aPatient, "identifier=urn:osler:record-number|", true},
		{aPatient, "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|0042", true}, {aPatient, "identifier:of-type=|SS|0042", false},
		{aPatient, "deceased=false", true}, {aPatient, "active=true", true}, {aPatient, "email=email|ana@example.org", true},
		{aPatient, "birthdate=1974", true}, {aPatient, "birthdate=1974-12", true}, {aPatient, "birthdate=1974-12-05", false},
		{aPatient, "birthdate=gt1974-12-05", true}, {aPatient, "birthdate=lt1974-12-05", true}, {aPatient, "birthdate=sa1974-11", true}, {aPatient, "birthdate=eb1975", true}, {aPatient, "birthdate=ne1974", false}, {aPatient, "birthdate=ap1974-12-05", true},
		{aPatient, "general-practitioner=Practitioner/7", true}, {aPatient, "general-practitioner=7", true}, {aPatient, "general-practitioner:Organization=7", false},
		{aPatient, "general-practitioner=https://other.example/fhir/Practitioner/9", true}, {aPatient, "general-practitioner=9", false},
		{aPatient, "general-practitioner:identifier=urn:npi|123", true}, {aPatient, "general-practitioner:identifier=urn:other|123", false},
		{aPatient, "_id=p1", true}, {aPatient, "_id=p2", false}, {aPatient, "_lastUpdated=2024-05-05", true}, {aPatient, "_lastUpdated=gt2024-05-05", false}, {aPatient, "_lastUpdated=le2024-05-05", true}, {aPatient, "_lastUpdated=ne2024-05-05", false},
		{aPatient, "_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient", true},
		{aWeight, "code=85354-9", true}, {aWeight, "code:text=blood", true}, {aWeight, "code:text=bp", true}, {aWeight, "code:text=pressure", false},
		{aWeight, "date=2024-03-01", true}, {aWeight, "date=2024-03-01T09:00:00Z", true}, {aWeight, "date=2024-03-01T10:00:00Z", false}, {aWeight, "date=ge2024-03-01&date=lt2024-03-02", true},
		{aWeight, "component-value-quantity=142", true}, {aWeight, "component-value-quantity=gt142", false}, {aWeight, "component-value-quantity=ge142||mmHg", true},
		{aWeight, "component-value-quantity=142||kPa", false}, {aWeight, "component-value-quantity=142|http://unitsofmeasure.org|mm[Hg]", true}, {aWeight, "component-value-quantity=lt100", true},
		{aWeight, "component-code-value-quantity=http://loinc.org|8480-6$gt140", true},
		{aWeight, "component-code-value-quantity=http://loinc.org|8462-4$gt140", false},
		{aWeight, "combo-code-value-quantity=8462-4$lt95", true},
		{aWeight, "subject:Patient.name=mull", true}, {aWeight, "patient.name=nobody", false},
		{aPatient, "_has:Observation:patient:code=85354-9", true}, {aPatient, "_has:Observation:patient:code=1-8", false},
	} {
		s := subjects[c.resource]
		s.Target = func(resourceType, id string) (Subject, []Entry, bool) {
			return subjects[aPatient], extract(t, aPatient), resourceType == "Patient" && id == "p1"
		}
		s.Referrers = func(source, param string) iter.Seq2[Subject, []Entry] {
			return func(yield func(Subject, []Entry) bool) {
				if source == "Observation" && param == "patient" {
					yield(subjects[aWeight], extract(t, aWeight))
				}
			}
		}
		q, err := parse(t, s.Type, c.query, Strict)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if got := Match(q.Where, s, extract(t, c.resource)); got != c.want {
			t.Errorf("%s matches %s: %v, want %v", s.Type, c.query, got, c.want)
		}
	}
}

func TestMatchPredicates(t *testing.T) {
	s := Subject{Type: "Observation", ID: "o1", Patient: "p1", Updated: time.UnixMilli(1000)}
	for i, c := range []struct {
		x    Expr
		want bool
	}{
		{All{}, true}, {None{}, false}, {And{}, true}, {Or{}, false}, {Not{None{}}, true}, {nil, true},
		{InPatient{"p1"}, true}, {InPatient{"p2"}, false}, {InPatient{}, false}, {InPatient{""}, false},
		{ID{"o1"}, true}, {ID{}, false},
		{Updated{From: time.UnixMilli(1000)}, true}, {Updated{To: time.UnixMilli(1000)}, false},
		{Chain{Param: "subject", Target: "Patient", X: All{}}, false}, {Has{Source: "Task", Param: "focus", X: All{}}, false},
	} {
		if got := Match(c.x, s, extract(t, aWeight)); got != c.want {
			t.Errorf("%d: %#v is %v", i, c.x, got)
		}
	}
	if Match(InPatient{""}, Subject{ID: "x"}, nil) {
		t.Error("a resource of no patient is in a compartment")
	}
}

// TestDateTable checks every line of the table in the comment of Match on the ways in
// which two ranges can lie.
func TestDateTable(t *testing.T) {
	search := span{10, 20}
	for _, c := range []struct {
		entry span
		true_ string // the prefixes that hold
	}{
		{span{0, 5}, "ne lt le eb"}, {span{0, 10}, "ne lt le eb"}, {span{5, 15}, "ne lt le ap"}, {span{5, 25}, "ne gt lt ge le ap"},
		{span{10, 20}, "eq ge le ap"}, {span{12, 15}, "eq ge le ap"}, {span{15, 25}, "ne gt ge ap"}, {span{20, 25}, "ne gt ge sa"}, {span{30, 35}, "ne gt ge sa"},
		{forever, "ne gt lt ge le ap"},
	} {
		got := ""
		for _, p := range []Prefix{Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap} {
			if matchDate(&Date{Prefix: p, Low: search.low, High: search.high}, &Entry{Kind: KindDate, Low: c.entry.low, High: c.entry.high}) {
				got += " " + string(p)
			}
		}
		if got != " "+c.true_ {
			t.Errorf("%v: %q, want %q", c.entry, got, c.true_)
		}
	}
}

func TestSort(t *testing.T) {
	keys := []SortKey{{"date", true}, {"_id", false}}
	at := func(id string, dates ...string) []SortValue {
		var entries []Entry
		for _, d := range dates {
			s, _ := parseSpan(d)
			entries = append(entries, Entry{Param: "date", Kind: KindDate, Low: s.low, High: s.high})
		}
		return SortKeys(keys, Subject{ID: id}, entries)
	}
	ordered := [][]SortValue{at("c", "2020", "2024-05"), at("a", "2024-04"), at("b", "2024-04"), at("d", "1969"), at("a"), at("b")}
	for i := range ordered {
		for j := range ordered {
			c := Compare(keys, ordered[i], ordered[j])
			if c < 0 != (i < j) || c > 0 != (i > j) {
				t.Errorf("Compare of %d and %d gave %d", i, j, c)
			}
		}
	}
	up := []SortKey{{"date", false}}
	if v := SortKeys(up, Subject{}, []Entry{{Param: "date", Kind: KindDate, Low: 5, High: 6}, {Param: "date", Kind: KindDate, Low: 3, High: 9}}); v[0].Int != 3 {
		t.Errorf("ascending sorts by %d, want the lowest", v[0].Int)
	}
}
