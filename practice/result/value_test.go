package result

import (
	"testing"

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
