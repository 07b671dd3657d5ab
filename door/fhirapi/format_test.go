package fhirapi

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/xml"
)

// inXML sends a request and reads the answer as FHIR XML.
func (h *house) inXML(method, path, body string, headers ...string) (*http.Response, *fhir.Node) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	r.Header.Set("Content-Type", "application/fhir+xml")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if ct := res.Header.Get("Content-Type"); ct != xmlContent {
		h.t.Fatalf("%s %s: content type %q: %.300s", method, path, ct, b)
	}
	n, err := xml.Decode(b)
	if err != nil {
		h.t.Fatalf("%s %s answers with something that is no FHIR XML: %v: %.300s", method, path, err, b)
	}
	return res, n
}

// A client that only knows XML creates, reads, searches, and understands a refusal.
func TestXMLClient(t *testing.T) {
	h := open(t)
	const accept = "Accept: application/fhir+xml"
	res, made := h.inXML("POST", "/fhir/Observation", `<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="weight"/></code><subject><reference value="Patient/rosa"/></subject><valueQuantity><value value="71.50"/><unit value="kg"/></valueQuantity></Observation>`, accept)
	if res.StatusCode != http.StatusCreated || made.Path("valueQuantity.value").Text() != "71.50" {
		t.Fatalf("create: %d %s", res.StatusCode, made.JSON())
	}
	if got := h.get("/fhir/Observation/" + made.ID()).is(http.StatusOK).node.Path("valueQuantity.value").Text(); got != "71.50" {
		t.Errorf("read as JSON: %s", got)
	}
	if _, n := h.inXML("GET", "/fhir/Observation/"+made.ID()+"?_format=xml", ""); n.Path("valueQuantity.value").Text() != "71.50" {
		t.Errorf("read as XML: %s", n.JSON())
	}
	if _, n := h.inXML("GET", "/fhir/Observation?subject=Patient/rosa", "", accept); n.Get("entry").Len() != 1 {
		t.Errorf("search: %s", n.JSON())
	}
	if res, n := h.inXML("GET", "/fhir/Observation/none", "", accept); res.StatusCode != http.StatusNotFound || n.ResourceType() != "OperationOutcome" {
		t.Errorf("refusal: %d %s", res.StatusCode, n.JSON())
	}
	if res, n := h.inXML("POST", "/fhir", `<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="GET"/><url value="Patient/rosa"/></request></entry></Bundle>`, accept); res.StatusCode != http.StatusOK || n.Get("entry").At(0).Path("resource.id").Text() != "rosa" {
		t.Errorf("batch: %d %s", res.StatusCode, n.JSON())
	}
	if _, n := h.inXML("GET", "/fhir/metadata", "", accept); n.ResourceType() != "CapabilityStatement" {
		t.Errorf("metadata: %.200s", n.JSON())
	}
}

func TestFormIsNegotiated(t *testing.T) {
	h := open(t)
	for accept, want := range map[string]string{
		"application/fhir+json, application/fhir+xml":                     jsonContent,
		"application/fhir+xml, application/fhir+json":                     xmlContent,
		"application/fhir+xml;q=0.5, application/fhir+json":               jsonContent,
		"application/json;q=0.2, text/xml;q=0.7":                          xmlContent,
		"text/csv, application/xml;q=0.1":                                 xmlContent,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "text/html; charset=utf-8",
		"*/*": jsonContent,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/fhir/Patient/rosa", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
		r.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %s, want %s", accept, got, want)
		}
	}
}
