package fhirapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/trust"
)

// TestEveryRouteAgainstHostileInput sends what nobody should send to every route of the
// table: never a 5xx, never without an OperationOutcome, never slow, and nothing is stored.
func TestEveryRouteAgainstHostileInput(t *testing.T) {
	h := open(t, watching(t), func(h *house, o *Options) {
		o.Jobs = job.Open(h.store, h.gate, h.clock, o.Log)
		t.Cleanup(o.Jobs.Close)
	})
	h.seed(`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`)
	bodies := map[string]string{
		"empty":          "",
		"no JSON":        "{",
		"array":          "[]",
		"null":           "null",
		"text":           `"Patient"`,
		"number":         "1e999999",
		"no type":        `{"id":"rosa"}`,
		"unknown type":   `{"resourceType":"Nonsense","id":"rosa"}`,
		"type twice":     `{"resourceType":"Patient","resourceType":"Group","id":"rosa"}`,
		"invalid UTF-8":  "{\"resourceType\":\"Patient\",\"id\":\"rosa\",\"language\":\"\xff\xfe\"}",
		"NUL":            `{"resourceType":"Patient","id":"rosa","name":[{"text":"\u0000"}]}`,
		"surrogate":      `{"resourceType":"Patient","id":"rosa","name":[{"text":"\ud800"}]}`,
		"deep":           `{"resourceType":"Parameters","x":` + strings.Repeat(`{"x":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}",
		"deep array":     `{"resourceType":"Patient","id":"rosa","name":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
		"parameters":     `{"resourceType":"Parameters","parameter":[{"name":"x"},{"name":"url","valueUri":"` + strings.Repeat("u", 100_000) + `"},{"part":7},{"name":"resource","resource":{"resourceType":"Parameters"}}]}`,
		"parameter text": `{"resourceType":"Parameters","parameter":"x"}`,
		"bundle":         `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"/"},"resource":{"resourceType":"Bundle","type":"batch"}}]}`,
		"bundle entry":   `{"resourceType":"Bundle","type":"batch","entry":[7,{"request":{"method":"BREW","url":"../../x"}}]}`,
		"a date":         `{"resourceType":"Patient","id":"rosa","birthDate":"9999-99-99"}`,
		"a year":         `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"effectiveDateTime":"292277026596-01-01T00:00:60Z"}`,
		"a number":       `{"resourceType":"Observation","id":"o","status":"perhaps","code":{"text":"x"},"valueQuantity":{"value":1e99999999}}`,
		"value set":      `{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"http://hl7.org/fhir/administrative-gender","filter":[{"property":"code","op":"regex","value":"((a+)+)+$"}]},{"valueSet":["urn:self"]}]}}}]}`,
		"10 MB":          `{"resourceType":"Nonsense","x":"` + strings.Repeat("a", 10<<20) + `"}`,
	}
	queries := []string{"", "?_count=1000000000", "?_count=-1", "?_count=x&_page=%00", "?_page=" + strings.Repeat("A", 5000), "?_since=0000&_at=9999-99-99", "?_format=%ff", "?_elements=" + strings.Repeat("x,", 3000),
		"?url=" + strings.Repeat("u", 3000) + "&code=%00&system=%ff", "?_filter=" + strings.Repeat("(", 2000), "?_sort=" + strings.Repeat("-", 2000), "?name%3Acontains=%F0%28%8C%28", "?_include=*&_include:iterate=*&_revinclude=*%3A*",
		"?job=x&id=y&type=z&file=../../etc/passwd", "?fromVersion=-1&toVersion=99999999999999999999", "?%gg", "?=&&=&"}
	before := h.count()
	n, slowest := 0, time.Duration(0)
	send := func(role trust.Role, method, path, what, body, contentType string) {
		begin := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), method, h.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		address, query, _ := strings.Cut(path, "?")
		r.URL.Opaque = "//" + r.Host + address
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+h.tokens[role])
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Accept", "application/fhir+json")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s %.100s with %s: %v", method, path, what, err)
			return
		}
		a := answer{t: t, what: fmt.Sprintf("%s %.100s with %s", method, path, what), status: res.StatusCode, header: res.Header}
		a.body, _ = io.ReadAll(res.Body)
		res.Body.Close()
		a.node, _ = fhir.Parse(a.body)
		if took := time.Since(begin); took > slowest {
			slowest = took
			if took > 10*time.Second {
				t.Errorf("%s took %v", a.what, took)
			}
		}
		n++
		if a.status >= 500 && a.status != 503 {
			t.Errorf("%s: %d %.300s", a.what, a.status, a.body)
		}
		if a.status >= 400 && (a.node.ResourceType() != "OperationOutcome" || a.node.Path("issue.0.code").Text() == "" || len(a.node.Path("issue.0.details.text").Text()) < 15) {
			t.Errorf("%s: %d without an OperationOutcome: %.300s", a.what, a.status, a.body)
		}
	}
	for _, rt := range routes() {
		if rt.method == "DELETE" && rt.interaction == "delete" { // it would do what it is asked
			continue
		}
		for _, fill := range []*strings.Replacer{
			strings.NewReplacer("{type}", "Patient", "{id}", "rosa", "{vid}", "1", "{compartment}", "Patient", "{$}", ""),
			strings.NewReplacer("{type}", "%00", "{id}", "%ff%fe", "{vid}", "99999999999999999999", "{compartment}", "Nonsense", "{$}", ""),
			strings.NewReplacer("{type}", "Observation", "{id}", strings.Repeat("i", 3000), "{vid}", "-1", "{compartment}", "Device", "{$}", ""),
		} {
			path := fill.Replace(rt.pattern)
			if rt.method == "GET" || rt.method == "DELETE" {
				for _, q := range queries {
					send(trust.Physician, rt.method, path+q, "query", "", "")
				}
				continue
			}
			for what, body := range bodies {
				types := []string{"application/fhir+json"}
				switch {
				case len(body) > 1<<20:
				case rt.method == "PATCH":
					types = append(types, jsonPatch, xmlPatch)
				default:
					types = append(types, "application/fhir+xml", "application/fhir+ndjson", "application/x-www-form-urlencoded", ";;")
				}
				for _, ct := range types {
					send(trust.Physician, rt.method, path, what+" as "+ct, body, ct)
				}
			}
		}
	}
	if after := h.count(); after != before {
		t.Errorf("%d versions were stored, %d before", after, before)
	}
	t.Logf("%d requests, the slowest took %v", n, slowest)
}
