package sqlite_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// TestPlansReadKeysOnly: the searches of every day read no table from end to end, whatever
// the database's planner thinks.
func TestPlansReadKeysOnly(t *testing.T) {
	s := open(t, t.TempDir())
	commit(t, s, observation("a", "p1", 1, "c3", start), observation("b", "p2", 1, "c3", start))
	low := start.AddDate(0, 0, 100).UnixMilli()
	newest := []search.SortKey{{Param: "date", Descending: true}}
	of := search.Reference{Param: "patient", Type: "Patient", ID: "p1"}
	coded := search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "c3"}
	since := search.Date{Param: "date", Prefix: search.Ge, Low: low, High: low + 1}
	for name, r := range map[string]sqlgen.Request{
		"patient":                  {Where: of, Sort: newest},
		"patient and code":         {Where: search.And{of, coded}},
		"patient, code and date":   {Where: search.And{of, coded, since}, Sort: newest},
		"chart and code":           {Where: search.And{search.InPatient{"p1"}, coded}, Sort: newest},
		"chart and status":         {Where: search.And{search.InPatient{"p1"}, search.Token{Param: "status", Code: "final"}}},
		"chart of a type":          {Where: search.InPatient{"p1"}},
		"code":                     {Where: coded, Sort: newest},
		"code of any system":       {Where: search.Token{Param: "code", Code: "c3"}},
		"several codes":            {Where: search.Or{coded, search.Token{Param: "code", Code: "c4"}}},
		"on a day":                 {Where: search.Date{Param: "date", Prefix: search.Eq, Low: low, High: low + 1}},
		"until a day":              {Where: search.Date{Param: "date", Prefix: search.Le, Low: low, High: low + 1}},
		"since a day":              {Where: since, Sort: newest},
		"id":                       {Where: search.ID{"a", "b"}},
		"code without status":      {Where: search.And{coded, search.Not{X: search.Token{Param: "status", Code: "draft"}}}},
		"chart, date and value":    {Where: search.And{search.InPatient{"p1"}, coded, since, search.Quantity{Param: "value-quantity", Prefix: search.Gt, Value: 5}}},
		"two patients":             {Where: search.Or{of, search.Reference{Param: "patient", Type: "Patient", ID: "p2"}}},
		"in the past":              {Where: search.And{of, coded}, At: 1},
		"type":                     {Where: search.All{}},
		"type without a parameter": {Where: search.Missing{Param: "date", Missing: true}},
	} {
		r.Type, r.Limit = "Observation", 20
		text, steps := s.Explain(t, r)
		for _, step := range steps {
			if strings.Contains(step, " EXISTS USING ") && !strings.HasSuffix(step, "rid=?)") {
				t.Errorf("%s: a probe does not go to the row: %s\n%s", name, step, text)
			}
			if step == "SEARCH dat USING PRIMARY KEY (p=?)" {
				t.Errorf("%s reads every date\n%s", name, text)
			}
			if step == "SCAN c" && slices.Contains(steps, "CO-ROUTINE c") {
				continue // the candidates, which the steps below it read by key
			}
			if strings.HasPrefix(step, "SCAN") && step != "SCAN m" && !strings.Contains(step, "json_each") && !strings.Contains(step, "SUBQUERY") {
				t.Errorf("%s: %s\n%s", name, step, text)
			}
		}
	}
}
