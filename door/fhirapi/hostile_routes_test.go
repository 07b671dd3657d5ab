package fhirapi

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/record/job"
)

// patience is how long one hostile request may keep the server busy.
const patience = 5 * time.Second

// TestHostileRoutes: every route takes every hostile body and query, and answers in time
// with a result or with a 4xx and an OperationOutcome; what it refuses is not stored.
func TestHostileRoutes(t *testing.T) {
	h := open(t, watching(t), func(h *house, o *Options) {
		o.Jobs = job.Open(h.store, h.gate, h.clock, o.Log)
		t.Cleanup(o.Jobs.Close)
	})
	h.seed(`{"resourceType":"Encounter","id":"a","status":"planned","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Composition","id":"a","status":"final","type":{"text":"x"},"date":"2026","title":"x","author":[{"reference":"Practitioner/amara"}],"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"ValueSet","id":"a","url":"urn:vs:a","status":"active","compose":{"include":[{"valueSet":["urn:vs:b"]}]}}`,
		`{"resourceType":"ValueSet","id":"b","url":"urn:vs:b","status":"active","compose":{"include":[{"valueSet":["urn:vs:a"]}]}}`,
		`{"resourceType":"CodeSystem","id":"a","url":"urn:cs:a","status":"active","content":"complete","concept":[{"code":"x"}]}`,
		`{"resourceType":"ConceptMap","id":"a","url":"urn:cm:a","status":"active"}`,
		`{"resourceType":"Group","id":"a","type":"person","actual":true,"member":[{"entity":{"reference":"Group/a"}}]}`)
	large := strings.Repeat("a", 1<<20)
	bodies := map[string]string{
		"empty": "", "array": `[{"resourceType":"Patient"}]`, "null": `null`, "text": `"x"`, "number": `1e999999`,
		"invalid UTF-8":   "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"\xff\",\"valueString\":\"\xc3\x28\"}]}",
		"NUL":             "{\"resourceType\":\"Parameters\",\"id\":\"a\\u0000\",\"parameter\":[{\"name\":\"code\",\"valueCode\":\"\\u0000\"}]}",
		"twice":           `{"resourceType":"Parameters","resourceType":"Patient"}`,
		"deep":            `{"resourceType":"Parameters","parameter":` + strings.Repeat(`[{"part":`, 10_000) + strings.Repeat(`}]`, 10_000) + `}`,
		"large":           `{"resourceType":"Parameters","parameter":[{"name":"code","valueString":"` + large + `"}]}`,
		"huge number":     `{"resourceType":"Parameters","parameter":[{"name":"max","valueInteger":1e999999},{"name":"count","valueDecimal":123456789012345678901234567890}]}`,
		"nameless":        `{"resourceType":"Parameters","parameter":[{},{"name":null},{"name":5},[],"x",{"part":[{}]}]}`,
		"another type":    `{"resourceType":"Basic","code":{"text":"x"}}`,
		"unknown type":    `{"resourceType":"Nonsense"}`,
		"lists in values": `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":[]},{"name":"coding","valueCoding":"x"},{"name":"resource","resource":[]},{"name":"concept","valueCoding":{"system":[],"code":{}}}]}`,
		"nested bundle":   `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE","url":"Patient/rosa"}}]},"request":{"method":"POST","url":""}}]}`,
	}
	// other bodies are sent under every content type.
	other := map[string]bool{"empty": true, "array": true, "invalid UTF-8": true, "deep": true}
	queries := []string{
		"?_count=1000000000", "?_count=-1", "?_count=x", "?_count=0", "?_count=%00", "?%ff=%fe", "?_since=0000", "?_since=9999-99-99",
		"?_since=2016-12-31T23:59:60Z", "?_since=292277026596", "?_at=0000-00-00", "?_elements=%00", "?_sort=%ff", "?_filter=" + strings.Repeat("(", 5000),
		"?_page=AAAA", "?_include=*", "?_include:iterate=Patient:link&_revinclude:iterate=*", "?start=9999-99-99&end=x", "?url=%00&code=%ff", "?url=urn:vs:a&code=x&system=urn:cs:a",
		"?url=" + strings.Repeat("x", 8000), "?offset=-5&count=-7", "?count=99999999999999999999", "?max=1e999999", "?fromVersion=99999999999999999999", "?status=%00&statistic=x&patient=Patient/rosa",
		"?id=%ff&job=%00&file=../../x", "?_typeFilter=Patient%3Fx&_type=Nonsense", "?filter=((((((a*)*)*)*)*)*b",
	}
	began := time.Now()
	for _, rt := range routes() {
		_, in, _ := strings.Cut(rt.pattern, "/")
		in = "/" + in
		for _, id := range []string{"rosa", "%00%ff"} {
			path := strings.NewReplacer("{$}", "", "{vid}", "1", "{compartment}/{id}", "Patient/"+id, "{type}/{id}", "Patient/"+id, "{id}", map[bool]string{true: "a", false: id}[id == "rosa" && !strings.Contains(in, "Patient/{id}")], "{type}", "Patient").Replace(in)
			if rt.method == "DELETE" && path == "/fhir/Patient/rosa" {
				continue
			}
			if rt.method == "POST" || rt.method == "PUT" || rt.method == "PATCH" {
				for name, body := range bodies {
					for _, kind := range []string{"application/fhir+json", "application/fhir+xml", "application/json-patch+json", "application/xml-patch+xml", "application/x-www-form-urlencoded", "text/csv", "%%;", "application/fhir+ndjson"} {
						if kind != "application/fhir+json" && (id != "rosa" || !other[name] || strings.Contains(path, "$") && kind != "application/fhir+xml") {
							continue
						}
						h.survives(name+" as "+kind, rt.method, path, body, "Content-Type: "+kind)
					}
				}
				h.survives("contradictory conditions", rt.method, path, `{"resourceType":"Patient","id":"rosa"}`, `If-Match: W/"99"`, `If-None-Match: *`, `If-None-Exist: identifier=urn:mrn|`)
			}
			for i, q := range queries {
				if id != "rosa" && i%6 != 0 {
					continue
				}
				body := ""
				if rt.method == "PUT" || rt.method == "PATCH" {
					body = `{"resourceType":"Patient","id":"zz"}`
				}
				h.survives("query", rt.method, path+q, body)
			}
		}
	}
	t.Logf("%d routes in %v", len(routes()), time.Since(began))
}

// survives sends something hostile and expects an answer below 500 in time; a refusal has
// an OperationOutcome and stores nothing.
func (h *house) survives(name, method, path, body string, headers ...string) answer {
	h.t.Helper()
	before := ""
	if method != http.MethodGet {
		before = h.stored()
	}
	began := time.Now()
	a := h.ask(method, path, body, headers...)
	if took := time.Since(began); took > patience {
		h.t.Errorf("%s: %s took %v", name, a.what, took)
	}
	switch {
	case a.status >= 500:
		h.t.Errorf("%s: %s answers %d: %.400s", name, a.what, a.status, a.body)
	case a.status >= 400:
		if a.refused(a.status); before != "" && h.stored() != before {
			h.t.Errorf("%s: %s is refused and has stored something", name, a.what)
		}
	}
	return a
}

// TestHostileSearchValues: every kind of search parameter takes every hostile value, with
// every modifier, as a search, as a chain and as a condition.
func TestHostileSearchValues(t *testing.T) {
	h := open(t)
	parameters := []string{
		"Patient?birthdate", "Patient?family", "Patient?gender", "Patient?identifier", "Patient?general-practitioner", "Patient?_id", "Patient?_lastUpdated", "Patient?_profile",
		"Patient?_tag", "Patient?_security", "Patient?_source", "Patient?_text", "Patient?_content", "Patient?_list", "Patient?_has", "Patient?_has:Observation:patient:code", "Patient?_filter", "Patient?_type", "Patient?_query",
		"Observation?value-quantity", "Observation?code-value-quantity", "Observation?subject:Patient.birthdate", "Observation?subject", "Observation?combo-code-value-concept",
		"RiskAssessment?probability", "Location?near", "ValueSet?url", "Patient?_sort", "Patient?_include", "Patient?_revinclude", "Patient?_elements", "Patient?_summary", "Patient?_total", "Patient?_contained", "Patient?_format", "Patient?_pretty",
	}
	values := []string{
		"", "\x00", "\xff\xfe", ",", "|", "||", "|||", "$", "$$", "\\", "\\,", "a\\", ",,,,", "0000", "0000-00-00", "9999-99-99", "9999-12-31T23:59:59.999999999999Z", "2016-12-31T23:59:60Z", "292277026596", "-292277026596-01-01",
		"2026-02-30", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00+99:99", "ap0001", "ap9999", "gt9999-12-31", "lt0001-01-01", "sa", "eb", "ap",
		"1e999999", "-1e999999", "1e-999999", "123456789012345678901234567890", "0.000000000000000000000000000001", "NaN", "Inf", "0x10", "--1", "1e", "5||", "1e999999|http://unitsofmeasure.org|mg", "1|http://unitsofmeasure.org|" + strings.Repeat("m/", 3000) + "s", "1|http://unitsofmeasure.org|10*999999999",
		"90|180", "91|181|1|km", "1e999|1e999|1e999|km", "-90|-180|99999999999|km", "0|0|-1|km", "0|0|1|parsec", "(a*)*b", "%_%_%_%", "' OR 1=1 --", "\"", "((((", "a AND", "NOT NOT NOT NOT a", "\"unclosed", "a* b* NEAR(",
		"Patient/../../x", "http://[::1", "Nonsense/1", "Patient/", "#", "urn:uuid:x", "\u202e\u0000", strings.Repeat("a", 60_000), strings.Repeat("(", 20_000), strings.Repeat("not ", 5_000) + "a eq b", "Patient:*", "*", "Patient:link:Nonsense", "*:*", "-", "-_id,-_id,-_id",
	}
	for _, p := range parameters {
		for _, v := range values {
			if len(v) > 30_000 && strings.Contains(p, "?_has") {
				continue
			}
			h.survives("search", "GET", "/fhir/"+p+"="+url.QueryEscape(v), "")
		}
		for _, modifier := range []string{":missing", ":exact", ":contains", ":not", ":in", ":not-in", ":above", ":below", ":text", ":of-type", ":identifier", ":iterate", ":Patient", ":\x00", ":", "::", ":" + strings.Repeat("x", 5000)} {
			for _, v := range []string{"\xff", "1e999"} {
				h.survives("modifier", "GET", "/fhir/"+p+url.QueryEscape(modifier)+"="+url.QueryEscape(v), "")
			}
		}
	}
	for _, v := range values {
		h.survives("If-None-Exist", http.MethodPost, "/fhir/Basic", `{"resourceType":"Basic"}`, "If-None-Exist: identifier="+url.QueryEscape(v))
	}
}

// stored names the newest version of all.
func (h *house) stored() string {
	e := h.get("/fhir/_history?_count=1").node.Path("entry.0")
	return e.Get("fullUrl").Text() + e.Path("response.etag").Text()
}
