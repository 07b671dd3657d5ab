package vitalsign

import (
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
)

func observed(t *testing.T, id, code, value, unit, when string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(`{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},
		"effectiveDateTime":"` + when + `","valueQuantity":{"value":` + value + `,"unit":"` + unit + `","code":"` + unit + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWhichWeightCounts: a weight of any code and unit counts; of what the page would have asked about
// only what a person has confirmed, and only that very value.
func TestWhichWeightCounts(t *testing.T) {
	const adult, child = "1968-03-14", "2020-03-14"
	w := func(value, unit, when string) *fhir.Node {
		return observed(t, "w"+value, "29463-7", value, unit, when)
	}
	sure := func(n *fhir.Node) *fhir.Node { Confirm(n); return n }
	changed := func(n *fhir.Node, value string) *fhir.Node {
		n.Get("valueQuantity").Set("value", fhir.Decimal(value))
		return n
	}
	status := func(n *fhir.Node, s string) *fhir.Node { n.Set("status", fhir.Str(s)); return n }
	for name, c := range map[string]struct {
		born        string
		list        []*fhir.Node
		want, newer string
	}{
		"kilograms":                        {adult, []*fhir.Node{w("80.5", "kg", "2026-11-20")}, "80.5", ""},
		"a measured weight":                {adult, []*fhir.Node{observed(t, "m", "3141-9", "80.5", "kg", "2026-11-20")}, "80.5", ""},
		"a weight that was estimated":      {adult, []*fhir.Node{observed(t, "e", "8335-2", "80.5", "kg", "2026-11-20")}, "80.5", ""},
		"grams":                            {child, []*fhir.Node{w("18400", "g", "2026-11-20")}, "18.40", ""},
		"pounds":                           {adult, []*fhir.Node{w("178", "[lb_av]", "2026-11-20")}, "80.74", ""},
		"pounds in words":                  {adult, []*fhir.Node{w("178", "lbs", "2026-11-20")}, "80.74", ""},
		"stones":                           {adult, []*fhir.Node{w("12", "[stone_av]", "2026-11-20")}, "76.20", ""},
		"a unit that nobody knows":         {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), w("12", "heaps", "2026-11-20")}, "79", "12"},
		"the newest, whatever its code":    {adult, []*fhir.Node{observed(t, "m", "3141-9", "81", "kg", "2026-11-20"), w("80", "kg", "2026-10-20")}, "81", ""},
		"entered in error":                 {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), status(w("80", "kg", "2026-11-20"), "entered-in-error")}, "79", ""},
		"what a person hardly has":         {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), w("290", "kg", "2026-11-20")}, "79", "290"},
		"confirmed":                        {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), sure(w("290", "kg", "2026-11-20"))}, "290", ""},
		"another value than was confirmed": {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), changed(sure(w("240", "kg", "2026-11-20")), "290")}, "79", "290"},
		"what no person can have":          {adult, []*fhir.Node{w("79", "kg", "2026-10-20"), sure(w("790", "kg", "2026-11-20"))}, "79", "790"},
		"grams that were sent as kg":       {child, []*fhir.Node{w("18.4", "kg", "2026-10-20"), w("184", "kg", "2026-11-20")}, "18.4", "184"},
		"pounds that were sent as kg":      {child, []*fhir.Node{w("18.4", "kg", "2026-10-20"), w("40.6", "kg", "2026-11-20")}, "18.4", "40.6"},
		"two that agree, both unasked":     {child, []*fhir.Node{w("18.4", "kg", "2026-10-20"), w("40.6", "kg", "2026-11-19"), w("40.7", "kg", "2026-11-20")}, "18.4", "40.7"},
		"after one that was confirmed":     {child, []*fhir.Node{w("18.4", "kg", "2026-10-20"), sure(w("40.6", "kg", "2026-11-19")), w("40.7", "kg", "2026-11-20")}, "40.7", ""},
		"only one, of nobody":              {child, []*fhir.Node{w("80", "kg", "2026-11-20")}, "", "80"},
		"none":                             {child, nil, "", ""},
	} {
		usable, newer := Usable(vital.Weight, Of(vital.Weight, c.list, c.born))
		if usable.Value != c.want || newer.Value != c.newer || c.want != "" && usable.Unit != "kg" {
			t.Errorf("%s: %s %s counts, and %s is told; want %s and %s", name, usable.Value, usable.Unit, newer.Value, c.want, c.newer)
		}
	}
}

// TestAPressureHasTheUnitOfItsValues: what was recorded without a unit, or half of it, is not of mmHg.
func TestAPressureHasTheUnitOfItsValues(t *testing.T) {
	for units, want := range map[[2]string]string{
		{`,"code":"mm[Hg]"`, `,"code":"mm[Hg]"`}: "mm[Hg]", {`,"unit":"mmHg"`, `,"unit":"mmHg"`}: "mm[Hg]", {"", ""}: "", {`,"code":"mm[Hg]"`, ""}: "", {`,"unit":"x"`, `,"unit":"x"`}: "x",
	} {
		n, err := fhir.Parse([]byte(`{"resourceType":"Observation","id":"p","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2026-11-20","component":[
			{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":160` + units[0] + `}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":98` + units[1] + `}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, r, ok := FromResource(n); !ok || r.Unit != want || r.Text() != "160/98" {
			t.Errorf("%v: %+v", units, r)
		}
	}
}

// TestAPressureIsJudgedToo: both values, and their order.
func TestAPressureIsJudgedToo(t *testing.T) {
	for text, unconfirmed := range map[[2]string]bool{{"148", "92"}: false, {"240", "110"}: true, {"92", "148"}: true, {"500", "90"}: true} {
		n, err := fhir.Parse([]byte(`{"resourceType":"Observation","id":"p","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2026-11-20","component":[
			{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":` + text[0] + `,"code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":` + text[1] + `,"code":"mm[Hg]"}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		list := Of(vital.BloodPressure, []*fhir.Node{n}, "1968-03-14")
		if len(list) != 1 || list[0].Unconfirmed != unconfirmed {
			t.Errorf("%v: %+v", text, list)
		}
	}
}
