package fhirapi

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/fhir"
)

// Answers come as gzip or zstd to those who accept it, and unpack to the same bytes.
func TestCompressedAnswers(t *testing.T) {
	h := open(t)
	plain := h.get("/fhir/metadata", "Accept-Encoding: identity").is(200)
	for encoding, unpack := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", h.url+"/fhir/metadata", nil)
		r.Header.Set("Accept-Encoding", encoding)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		packed, _ := io.ReadAll(res.Body)
		if res.Header.Get("Content-Encoding") != encoding || len(packed)*5 > len(plain.body) || !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s: %v, %d bytes of %d", encoding, res.Header, len(packed), len(plain.body))
		}
		z, err := unpack(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.body) {
			t.Errorf("%s: what is unpacked differs (%v)", encoding, err)
		}
	}
	if plain.header.Get("Content-Encoding") != "" {
		t.Error("compressed for a client that did not ask")
	}
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

// Bodies may come as gzip; one that unpacks to more than the limit is refused as such.
func TestCompressedBodies(t *testing.T) {
	h := open(t)
	if got := h.ask("POST", "/fhir/Observation", packed(pulse), "Content-Encoding: gzip").is(201).node.Path("valueQuantity.value").Text(); got != "72.50" {
		t.Errorf("value %s", got)
	}
	h.ask("POST", "/fhir/Observation", pulse, "Content-Encoding: gzip").refused(400, "gzip")
	h.ask("POST", "/fhir/Observation", pulse, "Content-Encoding: br").refused(415, "gzip")
	h.ask("POST", "/fhir/Observation", packed(pulse)[:60], "Content-Encoding: gzip").refused(400)
	bomb := packed(`{"resourceType":"Observation","x":"` + strings.Repeat("a", fhir.MaxBytes) + `"}`)
	h.ask("POST", "/fhir/Observation", bomb, "Content-Encoding: gzip").refused(413, fmt.Sprint(MaxBody))
}

func TestAcceptWeights(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                 "json",
		"*/*":                              "json",
		"application/fhir+xml, */*":        "xml",
		"*/*, application/fhir+xml":        "json",
		"application/fhir+json;q=0, */*":   "xml",
		"application/fhir+xml;q=0, */*":    "json",
		"*/*;q=0.1, application/xml":       "xml",
		"application/xml;q=0.8, text/json": "json",
		"application/fhir+json;q=0":        "neither",
		"image/png":                        "neither",
		"application/json;q=7":             "neither",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "html",
		"application/json, text/html":                                     "json",
		"text/html;q=0, */*":                                              "json",
		"application/json, application/xml":                               "json",
		"application/xml, application/json":                               "xml",
		"application/json;q=0, text/xml;q=0.0":                            "neither",
	} {
		r, _ := http.NewRequest("GET", "/fhir", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		c := &call{Request: r}
		got := "json"
		if err := acceptable(c); err != nil {
			got = "neither"
		} else if c.xml {
			got = "xml"
		} else if c.html {
			got = "html"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}
