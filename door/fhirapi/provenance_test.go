package fhirapi

import (
	"testing"

	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/trust"
)

// Who sees an entry learns who wrote each version of it, and nobody else does.
func TestProvenanceOfAnEntry(t *testing.T) {
	h := open(t)
	made := h.ask("POST", "/fhir/Observation", draft).is(201).node
	id := made.Get("id").Text()
	h.ask("PUT", "/fhir/Observation/"+id, with(with(draft, "72.50", "80"), `"status"`, `"id":"`+id+`","status"`)).is(200)
	h.ask("DELETE", "/fhir/Observation/"+id, "").is(204)
	path := "/fhir/Observation/" + id + "/$provenance"
	list := h.get(path).is(200).node.Get("entry")
	if list.Len() != 3 {
		t.Fatalf("%d entries: %s", list.Len(), list.JSON())
	}
	for i, activity := range []string{"DELETE", "UPDATE", "CREATE"} {
		p := list.At(i).Get("resource")
		if issues := errorsOf(validate.Resource(p)); len(issues) > 0 {
			t.Errorf("%s: %v", activity, issues)
		}
		want := "Observation/" + id + "/_history/" + []string{"3", "2", "1"}[i]
		if p.Path("activity.coding.0.code").Text() != activity || p.Path("target.0.reference").Text() != want || p.Path("agent.0.who.display").Text() != "Dr Amara Osei" ||
			p.Path("reason.0.coding.0.code").Text() != "TREAT" || p.Get("recorded").Text() == "" {
			t.Errorf("%d: %s", i, p.JSON())
		}
	}
	if n := h.get(path + "?_count=1").is(200).node.Get("entry").Len(); n != 1 {
		t.Errorf("_count=1 gave %d", n)
	}
	h.get(path + "?_since=2020").is(400)
	other := h.ask("POST", "/fhir/Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/sam"},"code":{"text":"Cough"}}`).is(201).node
	h.as(trust.Patient).get("/fhir/Condition/" + other.Get("id").Text() + "/$provenance").is(404)
	mine := h.as(trust.Patient).get("/fhir/Patient/rosa/$provenance").is(200).node
	if who := mine.Path("entry.0.resource.agent.0.who.display").Text(); who != "test" {
		t.Errorf("the patient's own resource was written by %q: %s", who, mine.JSON())
	}
	h.get("/fhir/Condition/none/$provenance").is(404)
}
