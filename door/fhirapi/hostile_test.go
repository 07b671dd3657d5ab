package fhirapi

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestHostileInput: whatever is sent, the answer is a 4xx with an OperationOutcome, nothing
// is stored, and the server goes on.
func TestHostileInput(t *testing.T) {
	h := open(t)
	before := h.count()
	deep := strings.Repeat(`{"extension":[`, 40) + strings.Repeat(`]}`, 40)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		headers                  []string
	}{
		{"no JSON", "POST", "/fhir/Patient", `hello`, 400, nil},
		{"empty body", "POST", "/fhir/Patient", ``, 400, nil},
		{"cut off", "POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"fam`, 400, nil},
		{"text behind", "POST", "/fhir/Patient", `{"resourceType":"Patient"} x`, 400, nil},
		{"an array", "POST", "/fhir/Patient", `[{"resourceType":"Patient"}]`, 400, nil},
		{"null", "POST", "/fhir/Patient", `null`, 400, nil},
		{"no type", "POST", "/fhir/Patient", `{}`, 400, nil},
		{"type is a number", "POST", "/fhir/Patient", `{"resourceType":5}`, 400, nil},
		{"duplicate keys", "POST", "/fhir/Patient", `{"resourceType":"Patient","gender":"male","gender":"female"}`, 400, nil},
		{"invalid UTF-8", "POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xff\xfe\"}]}", 400, nil},
		{"NUL in text", "POST", "/fhir/Patient", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\x00b\"}]}", 400, nil},
		{"half a surrogate", "POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"\ud800"}]}`, 400, nil},
		{"nested too deep", "POST", "/fhir/Patient", `{"resourceType":"Patient","extension":[` + deep + `]}`, 413, nil},
		{"a million brackets", "POST", "/fhir/Patient", strings.Repeat("[", 1_000_000), 413, nil},
		{"wrong element type", "POST", "/fhir/Patient", `{"resourceType":"Patient","name":"Rosa"}`, 422, nil},
		{"object for a string", "POST", "/fhir/Patient", `{"resourceType":"Patient","birthDate":{}}`, 422, nil},
		{"unknown element", "POST", "/fhir/Patient", `{"resourceType":"Patient","shoeSize":42}`, 422, nil},
		{"id is an object", "PUT", "/fhir/Patient/a", `{"resourceType":"Patient","id":{"a":1}}`, 400, nil},
		{"meta is a text", "PUT", "/fhir/Patient/sam", `{"resourceType":"Patient","id":"sam","meta":"x","shoeSize":1}`, 422, nil},
		{"no such date", "POST", "/fhir/Patient", `{"resourceType":"Patient","birthDate":"2026-02-30"}`, 422, nil},
		{"dangling reference", "POST", "/fhir/Observation", with(pulse, "Patient/rosa", "Patient/nobody"), 422, nil},
		{"reference to no type", "POST", "/fhir/Observation", with(pulse, "Patient/rosa", "Nonsense/1"), 422, nil},
		{"reference to a wrong type", "POST", "/fhir/Observation", with(pulse, `"subject":{"reference":"Patient/rosa"}`, `"subject":{"reference":"Practitioner/amara"}`), 422, nil},
		{"another type", "POST", "/fhir/Patient", pulse, 400, nil},
		{"unknown type", "POST", "/fhir/Nonsense", `{"resourceType":"Nonsense"}`, 404, nil},
		{"unknown type read", "GET", "/fhir/Nonsense/1", ``, 404, nil},
		{"type in small letters", "GET", "/fhir/patient/rosa", ``, 404, nil},
		{"abstract type", "GET", "/fhir/DomainResource", ``, 404, nil},
		{"id with a space", "PUT", "/fhir/Patient/a%20b", `{"resourceType":"Patient","id":"a b"}`, 422, nil},
		{"id too long", "PUT", "/fhir/Patient/" + strings.Repeat("a", 65), `{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`, 422, nil},
		{"XML with a DOCTYPE", "POST", "/fhir/Patient", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>`, 400, []string{"Content-Type: application/fhir+xml"}},
		{"XML that is JSON", "POST", "/fhir/Patient", `{"resourceType":"Patient"}`, 400, []string{"Content-Type: application/fhir+xml"}},
		{"XML of another type", "POST", "/fhir/Patient", `<Group xmlns="http://hl7.org/fhir"/>`, 400, []string{"Content-Type: application/fhir+xml"}},
		{"CSV", "POST", "/fhir/Patient", `a,b`, 415, []string{"Content-Type: text/csv"}},
		{"a form", "POST", "/fhir/Patient", `a=b`, 415, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"JSON as a search form", "POST", "/fhir/Patient/_search", `{}`, 415, []string{"Content-Type: application/json"}},
		{"large search form", "POST", "/fhir/Patient/_search", "name=" + strings.Repeat("a", maxForm), 413, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"words without end", "GET", "/fhir/Observation?_content=" + strings.Repeat("a+OR+", 1000) + "b", ``, 429, nil},
		{"words in many values", "GET", "/fhir/Observation?_content=" + strings.Repeat("a,", 400) + "b", ``, 429, nil},
		{"words in many parentheses", "GET", "/fhir/Observation?_content=" + strings.Repeat("(a+OR+b)+OR+", 400) + "b", ``, 429, nil},
		{"accepts CSV", "GET", "/fhir/Patient/rosa", ``, 406, []string{"Accept: text/csv"}},
		{"accepts JSON not at all", "GET", "/fhir/metadata", ``, 406, []string{"Accept: application/json;q=0, text/csv;q=0.9"}},
		{"_format csv", "GET", "/fhir/Patient/rosa?_format=csv", ``, 406, nil},
		{"method", "TRACE", "/fhir/Patient/rosa", ``, 405, nil},
		{"patch of another kind", "PATCH", "/fhir/Patient/rosa", `[]`, 400, nil},
		{"patch without a content type", "PATCH", "/fhir/Patient/rosa", `[]`, 415, []string{"Content-Type: "}},
		{"patch that is no array", "PATCH", "/fhir/Patient/rosa", `{}`, 400, []string{"Content-Type: application/json-patch+json"}},
		{"patch that is no JSON", "PATCH", "/fhir/Patient/rosa", `[`, 400, []string{"Content-Type: application/json-patch+json"}},
		{"patch of the id", "PATCH", "/fhir/Patient/rosa", `[{"op":"replace","path":"/id","value":"sam"}]`, 422, []string{"Content-Type: application/json-patch+json"}},
		{"patch of the type", "PATCH", "/fhir/Patient/rosa", `[{"op":"replace","path":"/resourceType","value":"Group"}]`, 422, []string{"Content-Type: application/json-patch+json"}},
		{"patch to nothing", "PATCH", "/fhir/Patient/rosa", `[{"op":"replace","path":"","value":1}]`, 422, []string{"Content-Type: application/json-patch+json"}},
		{"patch that makes it invalid", "PATCH", "/fhir/Patient/rosa", `[{"op":"replace","path":"/gender","value":"cow"}]`, 422, []string{"Content-Type: application/json-patch+json"}},
		{"patch of nobody", "PATCH", "/fhir/Patient/nobody", `[]`, 404, []string{"Content-Type: application/json-patch+json"}},
		{"patch by a condition that matches none", "PATCH", "/fhir/Patient?identifier=urn:mrn|none", `[]`, 404, []string{"Content-Type: application/json-patch+json"}},
		{"patch by a condition that matches several", "PATCH", "/fhir/Patient?identifier=urn:mrn|", `[]`, 412, []string{"Content-Type: application/json-patch+json"}},
		{"patch without a condition", "PATCH", "/fhir/Patient", `[]`, 400, []string{"Content-Type: application/json-patch+json"}},
		{"method on metadata", "DELETE", "/fhir/metadata", ``, 404, nil},
		{"method on the base", "PUT", "/fhir", `{}`, 405, nil},
		{"method on history", "DELETE", "/fhir/Patient/rosa/_history", ``, 405, nil},
		{"invented method", "SHOUT", "/fhir/Patient", ``, 405, nil},
		{"no such path", "GET", "/fhir/Patient/rosa/x/y", ``, 404, nil},
		{"two slashes", "GET", "/fhir//Patient/rosa", ``, 404, nil},
		{"dots", "GET", "/fhir/Patient/../../etc/passwd", ``, 404, nil},
		{"encoded dots", "GET", "/fhir/Patient/%2e%2e%2f%2e%2e%2fetc", ``, 404, nil},
		{"NUL in id", "GET", "/fhir/Patient/a%00b", ``, 404, nil},
		{"invalid UTF-8 in id", "GET", "/fhir/Patient/%ff%fe", ``, 404, nil},
		{"quote in id", "GET", "/fhir/Patient/a'%22;--", ``, 404, nil},
		{"invalid UTF-8 in type", "GET", "/fhir/%ff", ``, 404, nil},
		{"delete an odd id", "DELETE", "/fhir/Patient/%ff%00", ``, 204, nil},
		{"version 0", "GET", "/fhir/Patient/rosa/_history/0", ``, 404, nil},
		{"version too large", "GET", "/fhir/Patient/rosa/_history/99999999999999999999", ``, 404, nil},
		{"version -1", "GET", "/fhir/Patient/rosa/_history/-1", ``, 404, nil},
		{"long id", "GET", "/fhir/Patient/" + strings.Repeat("a", 30_000), ``, 404, nil},
		{"_count text", "GET", "/fhir/Patient?_count=many", ``, 400, nil},
		{"_count negative", "GET", "/fhir/Patient?_count=-1", ``, 400, nil},
		{"_count beyond 64 bits", "GET", "/fhir/Patient?_count=99999999999999999999", ``, 400, nil},
		{"bad date", "GET", "/fhir/Patient?birthdate=yesterday", ``, 400, nil},
		{"bad number", "GET", "/fhir/RiskAssessment?probability=1e999999", ``, 400, nil},
		{"bad quantity", "GET", "/fhir/Observation?value-quantity=x", ``, 400, nil},
		{"bad composite", "GET", "/fhir/Observation?code-value-quantity=a", ``, 400, nil},
		{"bad modifier", "GET", "/fhir/Patient?family:sounds=rosa", ``, 400, nil},
		{"bad :missing", "GET", "/fhir/Patient?family:missing=perhaps", ``, 400, nil},
		{"bad include", "GET", "/fhir/Patient?_include=Nonsense", ``, 400, nil},
		{"recursing include", "GET", "/fhir/Patient?_include:recurse=Patient:link", ``, 400, nil},
		{"bad summary", "GET", "/fhir/Patient?_summary=some", ``, 400, nil},
		{"bad total", "GET", "/fhir/Patient?_total=about", ``, 400, nil},
		{"bad sort", "GET", "/fhir/Patient?_sort=shoe", ``, 400, []string{"Prefer: handling=strict"}},
		{"bad escape", "GET", "/fhir/Patient?name=%zz", ``, 400, nil},
		{"a search of type turtle", "GET", "/fhir/Patient?_format=text/turtle", ``, 406, nil},
		{"chain of chains", "GET", "/fhir/Observation?subject:Patient." + strings.Repeat("link:Patient.", 9) + "name=x", ``, 0, nil},
		{"600 values", "GET", "/fhir/Patient?_id=" + strings.Repeat("a,", 600) + "a", ``, 0, nil},
		{"80 parameters", "GET", "/fhir/Patient?" + strings.Repeat("name=a&", 80), ``, 429, nil},
		{"page of nothing", "GET", "/fhir/Patient?_page=x", ``, 400, nil},
		{"page in other letters", "GET", "/fhir/Patient?_page=%ff%00", ``, 400, nil},
		{"page of a huge T", "GET", "/fhir/Patient?_page=" + hugePage(), ``, 0, nil},
		{"bundle cut off", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Pati`, 400, nil},
		{"bundle without type", "POST", "/fhir", `{"resourceType":"Bundle"}`, 400, nil},
		{"bundle of a strange type", "POST", "/fhir", `{"resourceType":"Bundle","type":"parcel"}`, 400, nil},
		{"bundle whose entry is a text", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":"x"}`, 400, nil},
		{"bundle whose entries are null", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[null]}`, 400, nil},
		{"bundle whose request is a list", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":[]}]}`, 400, nil},
		{"bundle with a bad url", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"%zz"}}]}`, 422, nil},
		{"bundle with an empty url", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"?"}}]}`, 400, nil},
		{"stale", "PUT", "/fhir/Patient/sam", `{"resourceType":"Patient","id":"sam"}`, 412, []string{`If-Match: W/"5"`}},
		{"If-Match of many", "PUT", "/fhir/Patient/sam", `{"resourceType":"Patient","id":"sam"}`, 400, []string{`If-Match: W/"1", W/"2"`}},
		{"$everything of nobody", "GET", "/fhir/Patient/%00/$everything", ``, 404, nil},
		{"unknown operation", "POST", "/fhir/Patient/$merge", `{"resourceType":"Parameters"}`, 405, nil},
		{"$validate of no JSON", "POST", "/fhir/Patient/$validate", `x`, 400, nil},
	} {
		a := h.ask(c.method, c.path, c.body, c.headers...)
		switch {
		case c.status == 204:
			a.is(204)
			continue
		case c.status == 0 && (a.status < 400 || a.status > 499):
			t.Errorf("%s: status %d: %.300s", c.name, a.status, a.body)
		case c.status == 0:
			c.status = a.status
			fallthrough
		default:
			a.refused(c.status)
		}
		if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
			t.Errorf("%s: 405 without Allow", c.name)
		}
		if t.Failed() {
			t.Fatalf("^ %s", c.name)
		}
	}
	if got := h.count(); got != before {
		t.Errorf("%d versions were stored", got-before)
	}
	if a := h.get("/fhir/Patient?_count=1000000000").is(200); len(a.ids()) != 2 {
		t.Errorf("a huge _count: %s", a.body)
	}
	if allow := h.ask("POST", "/fhir/Patient/rosa", "").header.Get("Allow"); allow != "GET, PUT, PATCH, DELETE" {
		t.Errorf("Allow: %s", allow)
	}
}

// TestOversizedBody: what is larger than the limit is refused without being read to its end.
func TestOversizedBody(t *testing.T) {
	h := open(t)
	body := `{"resourceType":"Binary","contentType":"text/plain","data":"` + strings.Repeat("QUJD", 15<<20) + `"}`
	for _, path := range []string{"/fhir/Binary", "/fhir"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil { // the server may close while the client still sends
			continue
		}
		if res.Body.Close(); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	h.get("/fhir/Patient/rosa").is(200)
}

func hugePage() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.AppendUvarint(nil, 1<<63), 1, 2, 3))
}

// FuzzSearch: no page token, query or condition makes the server fail.
func FuzzSearch(f *testing.F) {
	h := open(f)
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	h.ask("POST", "/fhir/Observation", pulse).is(201)
	next := h.get("/fhir/Observation?_count=1&_sort=-date").is(200).link("next")
	_, token, _ := strings.Cut(next, "_page=")
	f.Add("_count=1&_sort=-date", token)
	f.Add("_count=1&_sort=code", token)
	f.Add("", hugePage())
	f.Add("code=http://loinc.org|8867-4&date=ge2026&_include=*", "")
	f.Add("value-quantity=5.4|http://x|mg,ap1e3&_has:Observation:subject:code=x", "AAAA")
	f.Add("patient.name:exact=a\\,b&_summary=true&_elements=a", "")
	f.Add("_sort=_id,-_lastUpdated&_total=accurate", "_")
	f.Fuzz(func(t *testing.T, query, token string) {
		inner := *h
		inner.t = t
		for _, path := range []string{"/fhir/Observation?_page=" + url.QueryEscape(token) + "&" + escaped(query), "/fhir/Observation/_history?_page=" + url.QueryEscape(token), "/fhir?" + escaped(query)} {
			if a := inner.get(path); a.status >= 500 {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		if a := inner.ask("POST", "/fhir/Organization", `{"resourceType":"Organization"}`, "If-None-Exist: "+escaped(query)); a.status >= 500 {
			t.Errorf("If-None-Exist %q: %d %s", query, a.status, a.body)
		}
	})
}

// escaped makes a fuzzed query sendable: bytes that a URL cannot hold are percent-encoded.
func escaped(q string) string {
	var b strings.Builder
	for _, c := range []byte(q) {
		if c > ' ' && c < 0x7f && c != '#' {
			b.WriteByte(c)
		} else {
			b.WriteString(url.QueryEscape(string([]byte{c})))
		}
	}
	return b.String()
}
