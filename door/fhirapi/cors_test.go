package fhirapi

import (
	"net/http"
	"strings"
	"testing"
)

// An app in a browser, from another origin: asks first, then reads what it needs.
func TestBrowserAppOfAnotherOrigin(t *testing.T) {
	h := open(t)
	ask := h.ask("OPTIONS", "/fhir/Patient/rosa", "", "Authorization: ", "Origin: https://app.example", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization,if-match").is(http.StatusNoContent)
	for name, part := range map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "PUT", "Access-Control-Allow-Headers": "If-Match"} {
		if !strings.Contains(ask.header.Get(name), part) {
			t.Errorf("%s: %q", name, ask.header.Get(name))
		}
	}
	a := h.get("/fhir/Patient/rosa", "Origin: https://app.example").is(http.StatusOK)
	if a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("the app cannot read the answer: %v", a.header)
	}
	if a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("credentials of a browser must never count")
	}
	if h.get("/fhir/Patient/rosa", "Origin: https://app.example", "Authorization: ").is(http.StatusUnauthorized).header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("the app cannot read why it was refused")
	}
	h.ask("OPTIONS", "/fhir/Patient/rosa", "", "Authorization: ").refused(http.StatusMethodNotAllowed)
}
