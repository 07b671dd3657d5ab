package fhirapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// The two forms of a resource (R4 http.html#mime-type).
const (
	jsonContent = "application/fhir+json; charset=utf-8"
	xmlContent  = "application/fhir+xml; charset=utf-8"
)

// acceptable settles the form of the answer (JSON, XML, or a page for people): _format overrides the Accept header, in which
// the highest q wins, the earlier one of two equal ones, and JSON when it does not matter.
func acceptable(c *call) error {
	if f := c.URL.Query().Get("_format"); c.URL.RawQuery != "" && f != "" {
		switch {
		case jsonType(f):
			return nil
		case xmlType(f):
			c.xml = true
			return nil
		case f == "html" || f == "text/html":
			c.html = true
			return nil
		}
		return &refusal{http.StatusNotAcceptable, fault.New(fault.NotSupported, "The format %q is not supported; ask for json, xml or html.", clip(f))}
	}
	accepts := c.Header.Values("Accept")
	if len(accepts) == 0 {
		return nil
	}
	json, xml, html := weigh(strings.Join(accepts, ","))
	if html.q > json.q && html.q > xml.q || html.q > 0 && html.at < min(json.at, xml.at) && html.q >= max(json.q, xml.q) {
		c.html = true
		return nil
	}
	if json.q > 0 || xml.q > 0 {
		c.xml = xml.q > json.q || xml.q == json.q && xml.at < json.at
		return nil
	}
	return &refusal{http.StatusNotAcceptable, fault.New(fault.NotSupported, "Osler answers in application/fhir+json and application/fhir+xml; %q accepts neither.", clip(strings.Join(accepts, ", ")))}
}

// weight is what an Accept header says about one form: its q, and the place of the item that
// gave it.
type weight struct {
	q  float64
	at int
}

// weigh reads an Accept header. A form that it names has the weight it is given there, also
// 0; otherwise that of a range such as "*/*" (RFC 9110, 12.5.1), where JSON comes first.
func weigh(accept string) (json, xml, html weight) {
	none := weight{-1, 1 << 20}
	json, xml, html = none, none, none
	anything := none
	for i, want := range strings.Split(accept, ",") {
		t, params, err := mime.ParseMediaType(want)
		if err != nil {
			t, _, _ = strings.Cut(strings.TrimSpace(want), ";")
		}
		q := 1.0
		if given, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(given, 64); err != nil || !(q >= 0 && q <= 1) {
				q = 0
			}
		}
		form := &anything
		switch t {
		case "", "*/*", "application/*", "text/*":
		case "text/html":
			form = &html
		default:
			switch {
			case jsonType(t):
				form = &json
			case xmlType(t):
				form = &xml
			default:
				continue
			}
		}
		if q > form.q {
			*form = weight{q, i}
		}
	}
	if json == none {
		json = anything
	}
	if xml == none {
		xml = weight{anything.q, none.at}
	}
	return json, xml, html
}

func jsonType(s string) bool {
	switch mediaType(s) {
	case "json", "application/json", "application/fhir+json", "application/fhir json", "text/json":
		return true
	}
	return false
}

func xmlType(s string) bool {
	switch mediaType(s) {
	case "xml", "application/xml", "application/fhir+xml", "application/fhir xml", "text/xml":
		return true
	}
	return false
}

func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return s
	}
	return t
}
