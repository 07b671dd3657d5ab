package chart

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// TestThatThereIsNoneIsNoProblem: a statement that somebody accepted is on no list of problems.
func TestThatThereIsNoneIsNoProblem(t *testing.T) {
	for _, c := range []struct {
		code, rest string
		active     int
	}{{"160245001", "", 0}, {"160245001", `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}]}]`, 0}, {"59621000", "", 1}} {
		n, err := fhir.Parse([]byte(`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + c.code + `"}],"text":"x"}` + c.rest + `}`))
		if err != nil {
			t.Fatal(err)
		}
		ch := From([]*fhir.Node{n}, "p", time.Now())
		if len(ch.ActiveProblems()) != c.active || len(ch.PastProblems()) != 0 {
			t.Errorf("%s: active %v, past %v", c.code, ch.ActiveProblems(), ch.PastProblems())
		}
	}
}
