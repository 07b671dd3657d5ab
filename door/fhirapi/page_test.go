package fhirapi

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// page asks as a browser does.
func (h *house) page(path string, headers ...string) (int, http.Header, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if ct := res.Header.Get("Content-Type"); ct != "text/html; charset=utf-8" || !strings.HasPrefix(string(b), "<!DOCTYPE html>") {
		h.t.Errorf("%s: %s %.200s", path, ct, b)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'") || strings.Contains(csp, "script") || strings.Contains(csp, "unsafe") {
		h.t.Errorf("%s: policy %s", path, csp)
	}
	return res.StatusCode, res.Header, string(b)
}

func TestPages(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Observation","id":"o","status":"final","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Pulse <b>72</b></p></div>"},"code":{"text":"<script>alert(1)</script>"},"subject":{"reference":"Patient/rosa"},"performer":[{"reference":"Practitioner/amara"}]}`)
	for path, wants := range map[string][]string{
		"/fhir/Observation/o":               {"<p>Pulse <b>72</b></p>", `<a href="/fhir/Patient/rosa">Patient/rosa</a>`, "&lt;script&gt;", `href="/fhir/Observation/o/_history"`, "<dt>status</dt>"},
		"/fhir/Patient/rosa":                {"<h1>Patient Rosa Díaz</h1>", "$everything"},
		"/fhir/Patient":                     {"<h1>Search</h1>", `<a href="/fhir/Patient/sam">Patient/sam</a>`, "Sam Hill"},
		"/fhir/Patient?_count=1&_sort=_id":  {"Next page", `/fhir/Patient?_count=1`},
		"/fhir/Patient?name=zzz":            {"Nothing was found"},
		"/fhir/Patient/rosa/_history":       {"POST", `href="/fhir/Patient/rosa/_history/1"`},
		"/fhir/metadata":                    {`<a href="/fhir/Observation">Observation</a>`, "$lastn", "openapi.json"},
		"/fhir/Patient/nobody":              {"There is no Patient with this id"},
		"/fhir/Patient?spam=1&_format=html": {"The parameter spam was not applied"},
	} {
		_, _, body := h.page(path)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not show %q: %.3000s", path, want, body)
			}
		}
		if strings.Contains(body, "<script") {
			t.Errorf("%s has a script", path)
		}
	}
	if status, _, _ := h.page("/fhir/Patient/nobody"); status != 404 {
		t.Errorf("status %d", status)
	}
	h.as(trust.Patient).page("/fhir/Patient/sam")
}

// What a browser reads in a narrative is what FHIR reads in it.
func TestNarrativesEndWhereTheyEnd(t *testing.T) {
	h := open(t)
	basic := func(inner string) string {
		return `{"resourceType":"Basic","id":"b","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + inner + `</div>"},"code":{"text":"x"}}`
	}
	h.seed(`{"resourceType":"Basic","id":"b","code":{"text":"x"}}`)
	h.ask("PUT", "/fhir/Basic/b", basic(`a<!--><meta http-equiv=\"refresh\" content=\"0;url=https://evil.example\">-->`)).refused(422, "comment")
	h.ask("PUT", "/fhir/Basic/b", basic(`<p>a</p><a href=\"https://evil.example\"  title='b'/><br/>`)).is(200)
	if _, _, body := h.page("/fhir/Basic/b"); !strings.Contains(body, `<p>a</p><a href="https://evil.example"  title='b'></a><br/></div>`) {
		t.Errorf("a link without an end: %s", body)
	}
}

// A browser without a token is who is signed in there, for pages of this site alone.
func TestVisitors(t *testing.T) {
	proved := time.Time{}
	h := open(t, func(k *house, o *Options) {
		proved = o.Clock.Now()
		o.Visitor = func(r *http.Request) (trust.Principal, error) {
			if c, err := r.Cookie("session"); err == nil && c.Value == "rosa" {
				return trust.Principal{ID: "rosa", Purpose: trust.Treatment, Name: "Rosa", Role: trust.Patient, Patient: "rosa", Proved: proved}, nil
			}
			return trust.Principal{}, fault.New(fault.Unauthorized, "Nobody is signed in in this browser.")
		}
	})
	const none, cookie = "Authorization: ", "Cookie: session=rosa"
	if status, _, body := h.page("/fhir/Patient/rosa", none, cookie); status != 200 || !strings.Contains(body, "Rosa Díaz") {
		t.Errorf("her own record: %d %.300s", status, body)
	}
	if status, _, _ := h.page("/fhir/Patient/sam", none, cookie); status != 404 {
		t.Errorf("another's: %d", status)
	}
	if status, _, body := h.page("/fhir/Patient/rosa?_count=1", none); status != 401 || !strings.Contains(body, `href="/sign-in?next=%2Ffhir%2FPatient%2Frosa%3F_count%3D1"`) {
		t.Errorf("nobody: %d %s", status, body)
	}
	if status, _, _ := h.page("/fhir/Patient/rosa", none, cookie, "Sec-Fetch-Site: cross-site"); status != 401 {
		t.Errorf("asked by another site's page: %d", status)
	}
	h.get("/fhir/Patient/rosa?_format=json", none, cookie, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate").is(200) // a click on JSON
	h.get("/fhir/Patient/rosa?_format=json", none, cookie, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors").refused(401)
	h.get("/fhir/Patient/rosa", none, cookie).refused(401)                                                   // JSON
	h.ask("PUT", "/fhir/Patient/rosa", `{"resourceType":"Patient","id":"rosa"}`, none, cookie).refused(401)  // a write
	h.get("/fhir/Patient/rosa", none, cookie, "Accept: application/fhir+json, text/html;q=0.1").refused(401) // a program
	proved = proved.Add(-11 * time.Minute)                                                                   // an old session looks, and takes nothing away
	h.get("/fhir/Patient/rosa?_format=json", none, cookie, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate").refused(401, "Confirm that it is you")
	if status, _, _ := h.page("/fhir/Patient/rosa", none, cookie); status != 200 {
		t.Errorf("a page, in an old session: %d", status)
	}
	if status, _, _ := h.page("/fhir/Patient/rosa/$everything", none, cookie); status != 401 {
		t.Errorf("all of the record, in an old session: %d", status)
	}
	if a := h.get("/fhir/Patient/rosa", cookie, "Authorization: Bearer nonsense", "Accept: application/fhir+json"); a.status != 401 { // a wrong token is not made good
		t.Errorf("a wrong token with a cookie: %d", a.status)
	}
}
