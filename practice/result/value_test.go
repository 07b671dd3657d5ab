package result

import (
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/practice/task"
)

// TestInRangeNeverGuesses: only what is known to be in range may be signed in a batch.
func TestInRangeNeverGuesses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"flag N", `{"valueQuantity":{"value":4.2,"unit":"mmol/L"},"interpretation":[{"coding":[{"code":"N"}]}]}`, true},
		{"flag H wins over limits", `{"valueQuantity":{"value":4.2},"interpretation":[{"coding":[{"code":"H"}]}],"referenceRange":[{"low":{"value":3},"high":{"value":5}}]}`, false},
		{"inside limits, no flag", `{"valueQuantity":{"value":4.2},"referenceRange":[{"low":{"value":3},"high":{"value":5}}]}`, true},
		{"above one limit", `{"valueQuantity":{"value":5.3},"referenceRange":[{"high":{"value":5.1}}]}`, false},
		{"no range at all", `{"valueQuantity":{"value":4.2}}`, false},
		{"words", `{"valueString":"negative"}`, false},
		{"a comparator", `{"valueQuantity":{"value":3,"comparator":"<"},"referenceRange":[{"high":{"value":5}}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if got := (Report{Values: ValuesFrom(n)}).InRange(); got != c.want {
				t.Errorf("in range %v, want %v", got, c.want)
			}
		})
	}
	if (Report{}).InRange() {
		t.Error("a report without values counts as in range")
	}
}

func TestComponentsAreValuesOfTheirOwn(t *testing.T) {
	n, _ := fhir.Parse([]byte(`{"resourceType":"Observation","id":"o","code":{"text":"Blood pressure"},"component":[
		{"code":{"text":"Systolic"},"valueQuantity":{"value":146,"unit":"mmHg"}},{"code":{"text":"Diastolic"},"valueQuantity":{"value":90,"unit":"mmHg"}}]}`))
	v := ValuesFrom(n)
	if len(v) != 2 || v[0].Name != "Systolic" || v[1].Value != "90" {
		t.Errorf("values %+v", v)
	}
}

// TestTheClinicsOwnCriticalLimits: a laboratory that flags a potassium of 6.9 as no more than high does not
// make it wait: it is critical in the report, in the grid, and when it is signed.
func TestTheClinicsOwnCriticalLimits(t *testing.T) {
	clinic := open(t)
	for name, c := range map[string]struct {
		code, quantity, sent string
		flag                 string
		critical, own        bool
		why                  labrange.Unchecked
	}{
		"high":                     {"2823-3", `{"value":6.9,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}`, "H", "HH", true, true, ""},
		"low":                      {"2823-3", `{"value":2.1,"unit":"mmol/L"}`, "L", "LL", true, true, ""},
		"even normal":              {"2823-3", `{"value":6.9,"unit":"mmol/L"}`, "N", "HH", true, true, ""},
		"no flag":                  {"2823-3", `{"value":6.9,"unit":"mmol/L"}`, "", "HH", true, false, ""},
		"in another unit":          {"2823-3", `{"value":6900,"unit":"umol/l","system":"http://unitsofmeasure.org","code":"umol/L"}`, "H", "HH", true, true, ""},
		"the code of the unit":     {"2823-3", `{"value":6900,"unit":"mikromol","system":"http://unitsofmeasure.org","code":"umol/L"}`, "H", "HH", true, true, ""},
		"high and no more":         {"2823-3", `{"value":5.6,"unit":"mmol/L"}`, "H", "H", false, false, ""},
		"the laboratory's word":    {"2823-3", `{"value":6.0,"unit":"mmol/L"}`, "HH", "HH", true, false, ""},
		"a unit of something else": {"2823-3", `{"value":27,"unit":"mg/dL"}`, "H", "H", false, false, labrange.OtherUnit},
		"not our test":             {"9999-9", `{"value":27,"unit":"mg/dL"}`, "H", "H", false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			flag := ""
			if c.sent != "" {
				flag = `,"interpretation":[{"coding":[{"code":"` + c.sent + `"}]}]`
			}
			clinic.put(`{"resourceType":"Observation","id":"k","status":"final","subject":{"reference":"Patient/maria"},"code":{"text":"Kalium","coding":[{"system":"http://loinc.org","code":"` + c.code + `"}]},"category":[{"coding":[{"code":"laboratory"}]}],
				"effectiveDateTime":"2026-11-24T08:00:00Z","valueQuantity":` + c.quantity + flag + `}`)
			doctor := clinic.as(physician)
			r, err := Behind(t.Context(), doctor, "Observation/k")
			if err != nil || len(r.Values) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			review := task.Task{Kind: task.ReviewResult, Status: "requested", Priority: "routine", Focus: "Observation/k"}
			v := r.Values[0]
			if c.sent != "" && (v.Flag != c.flag || v.Own != c.own || c.own && v.Sent != c.sent) || v.Unchecked != c.why {
				t.Errorf("%+v", v)
			}
			if got := Critical(review, r); got != c.critical || c.critical && r.InRange() {
				t.Errorf("critical %v, want %v", got, c.critical)
			}
			if _, err := Outcome(t.Context(), doctor, review, "", "Reviewed."); (err != nil) != c.critical {
				t.Errorf("signed without a word: %v", err)
			}
			g, err := Results(t.Context(), doctor, "maria")
			if err != nil || len(g.Series) != 1 || g.Series[0].Last().Flag != c.flag || g.Series[0].Last().Unchecked != c.why {
				t.Errorf("grid %+v, %v", g.Series, err)
			}
		})
	}
}

// TestTheLaboratorysOwnRangeWins: also where it is in words. A value is held to no other, no range of ours stands in its
// place, and its flag stands though its range says something else.
func TestTheLaboratorysOwnRangeWins(t *testing.T) {
	for name, c := range map[string]struct {
		value, more         string
		flag, span, low     string
		judged, assumed, in bool
		contrary            bool
	}{
		"in words, within":       {`45,"unit":"%"`, `"referenceRange":[{"text":"40-54 %"}]`, "N", "40-54 %", "40", false, false, true, false},
		"in words, beyond":       {`39,"unit":"%"`, `"referenceRange":[{"text":"(40-54)"}]`, "L", "(40-54)", "40", false, false, false, false},
		"words that are none":    {`45,"unit":"%"`, `"referenceRange":[{"text":"M 40-54, F 36-46"}]`, "", "M 40-54, F 36-46", "", false, false, false, false},
		"in another unit":        {`45,"unit":"%"`, `"referenceRange":[{"low":{"value":0.40,"unit":"L/L"},"high":{"value":0.54,"unit":"L/L"}}]`, "", "0.40–0.54 L/L", "", false, false, false, false},
		"that there is none":     {`50,"unit":"%"`, `"referenceRange":[{"text":"N/A"}]`, "H", "", "", true, true, false, false},
		"none":                   {`50,"unit":"%"`, `"method":{"text":"x"}`, "H", "", "", true, true, false, false},
		"a flag against it":      {`45,"unit":"%"`, `"interpretation":[{"coding":[{"code":"L"}]}],"referenceRange":[{"text":"40-54 %"}]`, "L", "40-54 %", "40", false, false, false, true},
		"normal, and beyond it":  {`55,"unit":"%"`, `"interpretation":[{"coding":[{"code":"N"}]}],"referenceRange":[{"low":{"value":40,"unit":"%"},"high":{"value":54,"unit":"%"}}]`, "N", "40–54", "40", false, false, false, true},
		"a flag against ours":    {`50,"unit":"%"`, `"interpretation":[{"coding":[{"code":"N"}]}]`, "N", "", "", false, false, true, false},
		"a flag that is as ours": {`50,"unit":"%"`, `"interpretation":[{"coding":[{"code":"H"}]}]`, "H", "", "", false, true, false, false},
	} {
		nodes := []*fhir.Node{parsed(t, `{"resourceType":"Patient","id":"maria","gender":"female","birthDate":"1968-03-14"}`),
			parsed(t, `{"resourceType":"Observation","id":"o","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"4544-3"}]},"effectiveDateTime":"2026-11-02","valueQuantity":{"value":`+c.value+`},`+c.more+`}`)}
		g := From(nodes, "maria", nil)
		if len(g.Series) != 1 {
			t.Fatalf("%s: %d series", name, len(g.Series))
		}
		s := g.Series[0]
		p := s.Last()
		span := c.span
		if c.assumed {
			span = s.Range
		}
		if p.Flag != c.flag || s.Range != span || s.Assumed != c.assumed || p.Low != c.low || p.Judged != c.judged || p.Contrary() != c.contrary || (s.Range == "") != (c.span == "" && !c.assumed) {
			t.Errorf("%s: flag %q, range %q, assumed %v, low %q, judged %v, contrary %v", name, p.Flag, s.Range, s.Assumed, p.Low, p.Judged, p.Contrary())
		}
		if got := ValuesFrom(nodes[1])[0].InRange(); got != c.in {
			t.Errorf("%s: in range %v", name, got)
		}
	}
}

func parsed(t *testing.T, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return n
}

// TestADayKeepsAllItsValues: a later value of a day takes nothing from an earlier one, in time order and by the
// clinic's calendar; rows are ranked and called abnormal by the gravest.
func TestADayKeepsAllItsValues(t *testing.T) {
	lab := func(id, when, value, flag string) *fhir.Node {
		return parsed(t, `{"resourceType":"Observation","id":"`+id+`","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"`+when+`","valueQuantity":{"value":`+value+`,"unit":"mmol/L","code":"mmol/L","system":"http://unitsofmeasure.org"},"interpretation":[{"coding":[{"code":"`+flag+`"}]}]}`)
	}
	calm := parsed(t, `{"resourceType":"Observation","id":"na","status":"final","category":[{"coding":[{"code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"1742-6"}]},"effectiveDateTime":"2026-11-29T08:00:00Z","valueQuantity":{"value":61,"unit":"U/L"},"interpretation":[{"coding":[{"code":"H"}]}]}`)
	pacific := time.FixedZone("", -8*3600)
	high, usual := lab("high", "2026-11-28T00:15:00+02:00", "6.4", "HH"), lab("usual", "2026-11-27T23:30:00-08:00", "5.2", "N")
	for name, c := range map[string]struct {
		nodes    []*fhir.Node
		zone     *time.Location
		unsigned string
		day      string
		want     []string // of the day, in order
		beside   []string
		abnormal bool
		first    bool // before a row that is high
	}{
		"two of a day":                        {[]*fhir.Node{usual, high}, pacific, "", "2026-11-27", []string{"6.4", "5.2"}, []string{"6.4"}, true, true},
		"two days here":                       {[]*fhir.Node{usual, high}, time.UTC, "", "2026-11-28", []string{"5.2"}, nil, false, false},
		"of an earlier day, not signed yet":   {[]*fhir.Node{usual, high}, time.UTC, "high", "2026-11-27", []string{"6.4"}, nil, true, true},
		"the newest is the graver":            {[]*fhir.Node{lab("later", "2026-11-27T23:40:00-08:00", "6.6", "HH"), usual}, pacific, "", "2026-11-27", []string{"5.2", "6.6"}, nil, true, true},
		"low and high":                        {[]*fhir.Node{lab("low", "2026-11-27T20:00:00Z", "2.6", "LL"), high}, pacific, "", "2026-11-27", []string{"2.6", "6.4"}, []string{"2.6"}, true, true},
		"of one flag the last":                {[]*fhir.Node{lab("first", "2026-11-27T20:00:00Z", "6.9", "HH"), high, usual}, pacific, "", "2026-11-27", []string{"6.9", "6.4", "5.2"}, []string{"6.4"}, true, true},
		"all usual":                           {[]*fhir.Node{usual, lab("one", "2026-11-27T20:00:00Z", "4.1", "N")}, pacific, "", "2026-11-27", []string{"4.1", "5.2"}, nil, false, false},
		"a date has no time and stands first": {[]*fhir.Node{usual, lab("day", "2026-11-27", "6.3", "HH")}, pacific, "", "2026-11-27", []string{"6.3", "5.2"}, []string{"6.3"}, true, true},
	} {
		var tasks []task.Task
		if c.unsigned != "" {
			tasks = []task.Task{{ID: "t", Focus: "Observation/" + c.unsigned}}
		}
		g := From(append(slices.Clone(c.nodes), calm), "maria", tasks).In(c.zone)
		s, ok := g.Find("2823-3")
		if !ok {
			t.Fatalf("%s: no potassium", name)
		}
		if got := values(s.On(c.day)); !slices.Equal(got, c.want) {
			t.Errorf("%s: the day has %q, want %q", name, got, c.want)
		}
		if got := values(s.Beside()); !slices.Equal(got, c.beside) {
			t.Errorf("%s: beside the newest stands %q, want %q", name, got, c.beside)
		}
		if s.Abnormal() != c.abnormal {
			t.Errorf("%s: abnormal %v", name, s.Abnormal())
		}
		if got := g.Series[0].Key == s.Key; got != c.first {
			t.Errorf("%s: the first row is %s", name, g.Series[0].Name)
		}
	}
}

func values(points []Point) (out []string) {
	for _, p := range points {
		out = append(out, p.Value.Value)
	}
	return out
}
