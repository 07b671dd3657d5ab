package fhirapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

const pulsed = `{"resourceType":"StructureDefinition","id":"pulsed","url":"http://x/pulsed","version":"2","name":"Pulsed","status":"active","kind":"resource","abstract":false,"type":"Observation",
	"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Observation","derivation":"constraint","differential":{"element":[{"id":"Observation","path":"Observation"},
	{"id":"Observation.method","path":"Observation.method","min":1}]}}`

// findings are severity and place of each, without the advice about narratives.
func findings(a answer) string {
	var out []string
	for i := range a.is(200).node.Get("issue").Items() {
		if text := i.Path("details.text").Text(); !strings.Contains(text, "dom-6") {
			out = append(out, strings.TrimSpace(i.Get("severity").Text()+" "+i.Path("expression.0").Text()))
		}
	}
	return strings.Join(out, ", ")
}

func TestValidateAgainstProfiles(t *testing.T) {
	h := open(t)
	claiming := strings.Replace(pulse, `"status"`, `"meta":{"profile":["http://x/pulsed"]},"status"`, 1)
	ask := func(address, body, want string) {
		t.Helper()
		if got := findings(h.ask("POST", address, body)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	const at = "/fhir/Observation/$validate"
	ask(at+"?profile=http://x/pulsed", pulse, "error Observation")
	ask(at, claiming, "information Observation.meta.profile")
	h.seed(pulsed)
	ask(at+"?profile=http://x/pulsed", pulse, "error Observation.method")
	ask(at+"?profile=http://x/pulsed|2", pulse, "error Observation.method")
	ask(at+"?profile=http://x/pulsed|3", pulse, "error Observation")
	ask(at, claiming, "error Observation.method")
	ask(at, fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"profile","valueUri":"http://x/pulsed"},{"name":"resource","resource":%s}]}`, pulse), "error Observation.method")
	ask(at+"?profile=http://x/pulsed", strings.Replace(pulse, `"status"`, `"method":{"text":"felt"},"status"`, 1), "")
	h.ask("POST", "/fhir/Observation", claiming).refused(http.StatusUnprocessableEntity, "method")
	h.ask("POST", at+"?profil=x", pulse).refused(400, "profil")
	h.ask("POST", at+"?mode=perhaps", pulse).refused(400, "perhaps")

	var supported []string
	for r := range h.get("/fhir/metadata").is(200).node.Path("rest.0.resource").Items() {
		for p := range r.Get("supportedProfile").Items() {
			supported = append(supported, r.Get("type").Text()+" "+p.Text())
		}
	}
	if !slices.Contains(supported, "Observation http://x/pulsed") {
		t.Errorf("supported profiles: %v", supported)
	}
}

func TestValidateWhetherAChangeWouldBeTaken(t *testing.T) {
	h := open(t)
	id := h.ask("POST", "/fhir/Observation", draft).is(201).node.ID()
	fact := h.ask("POST", "/fhir/Observation", pulse).is(201).node.ID()
	parameters := func(mode, resource string) string {
		if resource != "" {
			resource = `,{"name":"resource","resource":` + resource + `}`
		}
		return `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"` + mode + `"}` + resource + `]}`
	}
	lost := with(pulse, "Patient/rosa", "Patient/nobody")
	for _, c := range []struct{ method, address, body, want string }{
		{"POST", "/fhir/Observation/$validate", parameters("create", pulse), ""},
		{"POST", "/fhir/Observation/$validate?mode=create", pulse, ""},
		{"POST", "/fhir/Observation/$validate", parameters("create", lost), "error Observation.subject.reference"},
		{"POST", "/fhir/Observation/$validate", lost, ""},
		{"POST", "/fhir/Observation/" + id + "/$validate", parameters("update", pulse), ""},
		{"POST", "/fhir/Observation/$validate", parameters("update", pulse), "error Observation.id"},
		{"POST", "/fhir/Observation/" + id + "/$validate", strings.Replace(pulse, `"status"`, `"id":"other","status"`, 1), "error Observation.id"},
		{"POST", "/fhir/Observation/" + id + "/$validate", parameters("delete", ""), "information"},
		{"POST", "/fhir/Observation/" + fact + "/$validate", parameters("delete", ""), "error Observation"},
		{"GET", "/fhir/Observation/" + id + "/$validate", "", ""},
		{"GET", "/fhir/Observation/" + id + "/$validate?mode=delete", "", "information"},
	} {
		var got string
		if c.method == "GET" {
			got = findings(h.get(c.address))
		} else {
			got = findings(h.ask(c.method, c.address, c.body))
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.address, c.body[:min(len(c.body), 80)], got, c.want)
		}
	}
	h.get("/fhir/Observation/nobody/$validate").refused(404)
	h.ask("POST", "/fhir/Observation/$validate", parameters("delete", "")).refused(400, "resource")
	h.as(trust.Patient).get("/fhir/Patient/sam/$validate").refused(404)
	if got := findings(h.as(trust.Patient).ask("POST", "/fhir/Observation/$validate?mode=create", with(pulse, "Patient/rosa", "Patient/sam"))); !strings.HasPrefix(got, "error") {
		t.Errorf("what a patient may not write: %q", got)
	}
	if n := h.get("/fhir/Observation?_summary=count").is(200).node.Get("total").Text(); n != "2" {
		t.Errorf("%s observations: $validate stored something", n)
	}
}
