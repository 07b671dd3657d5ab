package fhirapi

import (
	"strings"
	"testing"
)

// TestIdempotencyKeyUsedAgain: a key makes the same request harmless; it never answers
// another request with what the first one stored.
func TestIdempotencyKeyUsedAgain(t *testing.T) {
	h := open(t)
	const key = "Idempotency-Key: again"
	entry := func(system string) string {
		return `{"resource":{"resourceType":"Basic","code":{"text":"` + system + `"}},"request":{"method":"POST","url":"Basic"}}`
	}
	basic := `{"resourceType":"Basic","code":{"text":"one"}}`
	first := h.ask("POST", "/fhir/Basic", basic, key).is(201)
	if again := h.ask("POST", "/fhir/Basic", basic, key).is(201); again.header.Get("Location") != first.header.Get("Location") {
		t.Error("the same request, sent twice, is stored twice")
	}
	other := h.ask("POST", "/fhir/Basic", strings.Replace(basic, "one", "two", 1), key).is(201)
	if other.node.Path("code.text").Text() != "two" {
		t.Errorf("another request is answered with what the first one stored: %s", other.body)
	}
	bundle := `{"resourceType":"Bundle","type":"transaction","entry":[` + entry("three") + `,` + entry("four") + `]}`
	if n := h.ask("POST", "/fhir", bundle, key).is(200).node.Get("entry").Len(); n != 2 {
		t.Errorf("%d answers for two entries", n)
	}
	h.ask("POST", "/fhir/Basic", basic, "Idempotency-Key: "+strings.Repeat("k", 30000)).is(201)
}

// TestHeadersOfEveryAnswer: no answer of the door is kept, guessed, framed or embedded.
func TestHeadersOfEveryAnswer(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/fhir/metadata", "/fhir/Patient", "/fhir/Patient/rosa", "/fhir/Patient/nobody", "/fhir/nothing/at/all"} {
		a := h.get(path)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}
