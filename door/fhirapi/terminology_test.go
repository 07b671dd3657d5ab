package fhirapi

import (
	"net/http"
	"net/url"
	"testing"
)

func TestTerminology(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"CodeSystem","url":"urn:pain","status":"active","content":"complete","concept":[{"code":"p","display":"Pain","concept":[{"code":"p1","display":"Mild pain"},{"code":"p2","display":"Severe pain"}]}]}`,
		`{"resourceType":"ValueSet","id":"pains","url":"urn:set:pain","status":"active","compose":{"include":[{"system":"urn:pain"},{"valueSet":["http://hl7.org/fhir/ValueSet/administrative-gender"]}],"exclude":[{"system":"urn:pain","concept":[{"code":"p1"}]}]}}`,
		`{"resourceType":"ValueSet","id":"loop","url":"urn:set:loop","status":"active","compose":{"include":[{"valueSet":["urn:set:loop"]}]}}`,
		`{"resourceType":"ValueSet","id":"filtered","url":"urn:set:filtered","status":"active","compose":{"include":[{"system":"urn:pain","filter":[{"property":"concept","op":"is-a","value":"p"}]}]}}`)
	codes := func(path string) string {
		t.Helper()
		out := ""
		for c := range h.get(path).is(http.StatusOK).node.Path("expansion.contains").Items() {
			out += c.Get("code").Text() + " "
		}
		return out
	}
	for path, want := range map[string]string{
		"/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender": "male female other unknown ",
		"/fhir/ValueSet/$expand?url=urn:set:pain":                                       "p p2 male female other unknown ",
		"/fhir/ValueSet/$expand?url=urn:set:filtered":                                   "p p1 p2 ",
		"/fhir/ValueSet/pains/$expand?offset=1&count=2":                                 "p2 male ",
		"/fhir/ValueSet/$expand?url=urn:set:pain&filter=severe":                         "p2 ",
		"/fhir/ValueSet/$expand?url=urn:set:pain&offset=9223372036854775807":            "",
	} {
		if got := codes(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for query, want := range map[string]bool{"system=urn:pain&code=p2": true, "system=urn:pain&code=p1": false, "system=urn:else&code=p2": false, "code=male": true, "code=p2&display=Agony": false} {
		if got := h.get("/fhir/ValueSet/$validate-code?url=urn:set:pain&" + query).is(http.StatusOK).node.Path("parameter.0.valueBoolean").True(); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	post := h.ask("POST", "/fhir/ValueSet/$validate-code", `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:set:pain"},{"name":"coding","valueCoding":{"system":"urn:pain","code":"p"}}]}`).is(http.StatusOK)
	if !post.node.Path("parameter.0.valueBoolean").True() {
		t.Errorf("POST: %s", post.body)
	}
	if got := h.get("/fhir/CodeSystem/$lookup?system=urn:pain&code=p1").is(http.StatusOK).node.Path("parameter.1.valueString").Text(); got != "Mild pain" {
		t.Errorf("lookup: %q", got)
	}
	for path, status := range map[string]int{
		"/fhir/ValueSet/$expand":                                                                       http.StatusBadRequest,
		"/fhir/ValueSet/$expand?url=urn:none":                                                          http.StatusNotFound,
		"/fhir/ValueSet/$expand?url=urn:set:loop":                                                      http.StatusUnprocessableEntity,
		"/fhir/ValueSet/$expand?url=urn:set:pain&date=2020":                                            http.StatusBadRequest,
		"/fhir/ValueSet/$expand?url=urn:set:pain&count=-1":                                             http.StatusBadRequest,
		"/fhir/ValueSet/nothing/$expand":                                                               http.StatusNotFound,
		"/fhir/ValueSet/$validate-code?url=urn:set:pain":                                               http.StatusBadRequest,
		"/fhir/CodeSystem/$lookup?system=urn:pain&code=zz":                                             http.StatusNotFound,
		"/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=1":                                http.StatusBadRequest,
		"/fhir/CodeSystem/$lookup?code=1":                                                              http.StatusBadRequest,
		"/fhir/ValueSet/$expand?url=" + url.QueryEscape("http://hl7.org/fhir/ValueSet/condition-code"): http.StatusBadRequest,
	} {
		h.get(path).refused(status)
	}
}
