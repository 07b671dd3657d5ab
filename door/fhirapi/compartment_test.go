package fhirapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

func TestCompartmentSearch(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Observation","id":"a","status":"final","code":{"text":"a"},"subject":{"reference":"Patient/rosa"},"performer":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Observation","id":"b","status":"final","code":{"text":"b"},"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Observation","id":"c","status":"final","code":{"text":"c"},"subject":{"reference":"Patient/sam"},"performer":[{"reference":"Practitioner/amara"}]}`)
	for path, want := range map[string]string{
		"/fhir/Patient/rosa/Observation?_sort=_id":        "a b",
		"/fhir/Patient/sam/Observation":                   "c",
		"/fhir/Patient/sam/Patient":                       "sam",
		"/fhir/Practitioner/amara/Observation?_sort=_id":  "a c",
		"/fhir/Patient/nobody/Observation":                "",
		"/fhir/Patient/rosa/Observation?status=cancelled": "",
	} {
		if got := strings.Join(h.get(path).is(http.StatusOK).ids(), " "); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// The next page stays in the compartment.
	var seen []string
	for address := "/fhir/Patient/rosa/Observation?_count=1&_sort=_id"; address != ""; {
		a := h.get(address).is(http.StatusOK)
		seen, address = append(seen, a.ids()...), ""
		for l := range a.node.Get("link").Items() {
			if l.Get("relation").Text() == "next" {
				address = strings.TrimPrefix(l.Get("url").Text(), h.url)
			}
		}
	}
	if got := strings.Join(seen, " "); got != "a b" {
		t.Errorf("pages: %q", got)
	}
	// A patient sees nothing of somebody else's compartment, whoever is named in it.
	rosa := h.as(trust.Patient)
	if got := rosa.get("/fhir/Patient/sam/Observation").is(http.StatusOK).ids(); len(got) > 0 {
		t.Errorf("rosa sees %v of sam", got)
	}
	if got := strings.Join(rosa.get("/fhir/Practitioner/amara/Observation").is(http.StatusOK).ids(), " "); got != "a" {
		t.Errorf("rosa sees %q of the doctor's", got)
	}
	h.get("/fhir/Group/x/Observation").refused(http.StatusNotFound, "compartment")
	h.get("/fhir/Patient/rosa/Medication").refused(http.StatusNotFound, "never")
	h.get("/fhir/Patient/rosa/Shoe").refused(http.StatusNotFound)
}
