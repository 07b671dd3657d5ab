package fhirapi

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// raw asks for the content of a Binary.
func (h *house) raw(method, path, body string, headers ...string) (*http.Response, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, b
}

func TestBinaryContent(t *testing.T) {
	h := open(t)
	content := "\x89PNG\r\n\x1a\n\x00\xff<script>"
	res, _ := h.raw("POST", "/fhir/Binary", content, "Content-Type: image/png", "X-Security-Context: Patient/rosa", "Accept: application/fhir+json")
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d", res.StatusCode)
	}
	at := strings.TrimPrefix(res.Header.Get("Location"), h.url)
	at = at[:strings.Index(at, "/_history")]
	for _, accept := range []string{"*/*", "image/png", "application/pdf"} {
		res, got := h.raw("GET", at, "", "Accept: "+accept)
		if res.StatusCode != http.StatusOK || string(got) != content || res.Header.Get("Content-Type") != "image/png" || res.Header.Get("X-Security-Context") != "Patient/rosa" {
			t.Errorf("%s: %d %q %v", accept, res.StatusCode, got, res.Header)
		}
		if res.Header.Get("Content-Disposition") != "attachment" || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("a browser could show it as a page: %v", res.Header)
		}
	}
	n := h.get(at, "Accept: application/fhir+json").is(200).node
	if data, _ := base64.StdEncoding.DecodeString(n.Get("data").Text()); !bytes.Equal(data, []byte(content)) || n.Get("contentType").Text() != "image/png" || n.Path("securityContext.reference").Text() != "Patient/rosa" {
		t.Errorf("as a resource: %s", n.JSON())
	}
	if res, _ := h.raw("PUT", at, "other", "Content-Type: text/plain; charset=utf-8", "X-Security-Context: Patient/rosa"); res.StatusCode != http.StatusOK {
		t.Errorf("update: %d", res.StatusCode)
	}
	if _, got := h.raw("GET", at, ""); string(got) != "other" {
		t.Errorf("after the update: %q", got)
	}
	if _, got := h.raw("GET", at+"/_history/1", ""); string(got) != content {
		t.Errorf("version 1: %q", got)
	}
	if res, _ := h.as(trust.Patient).raw("GET", at, ""); res.StatusCode != http.StatusOK {
		t.Errorf("her own: %d", res.StatusCode)
	}
	other, _ := h.raw("POST", "/fhir/Binary", "x", "Content-Type: text/plain", "X-Security-Context: Patient/sam", "Prefer: return=minimal")
	path := strings.TrimPrefix(other.Header.Get("Location"), h.url)
	h.as(trust.Patient).get(path[:strings.Index(path, "/_history")]).refused(404)
	h.get("/fhir/Binary/nobody", "Accept: image/png").refused(404)
	h.get("/fhir/Patient/rosa", "Accept: image/png").refused(406)
	h.ask("POST", "/fhir/Patient", "x", "Content-Type: image/png").refused(415)
	h.ask("POST", "/fhir/Binary", "x", "Content-Type: ;;").refused(400)
}
