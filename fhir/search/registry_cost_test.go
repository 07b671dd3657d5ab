package search

import (
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// TestCostlyParameter: an expression that grows without end costs a write little, and finds
// nothing; a plain one beside it is not held back.
func TestCostlyParameter(t *testing.T) {
	r := NewRegistry([]*definition.SearchParameter{
		{URL: "urn:a", Code: "blow", Type: "string", Base: []string{"Patient"}, Expression: "Patient.descendants().select(%resource.descendants().select(%resource.descendants().select(%resource.descendants().select(%resource.descendants())))).id"},
		{URL: "urn:b", Code: "plain", Type: "string", Base: []string{"Patient"}, Expression: "Patient.name.family"},
	})
	p, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"a","name":[{"family":"Hill","given":["A","B","C"]},{"text":"x"}],"telecom":[{"system":"phone","value":"1"},{"system":"phone","value":"2"}],"address":[{"city":"x","line":["y","z"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Extract(p); err != nil { // which compiles what there is
		t.Fatal(err)
	}
	began := time.Now()
	const writes = 20
	plain := 0
	for range writes {
		entries, err := r.Extract(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Param == "plain" {
				plain++
			}
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d extractions took %v", writes, took)
	}
	if plain == 0 {
		t.Error("the plain parameter finds nothing")
	}
}
