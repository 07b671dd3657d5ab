package proof

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/fhir"
)

// TestAbuseC02: the driver of PostgreSQL is newer than its known injections (CVE-2026-41889,
// CVE-2024-27304), values never travel inside of statements, and no request is as large as
// the length field of a message.
func TestAbuseC02(t *testing.T) {
	m := regexp.MustCompile(`github.com/jackc/pgx/v5 v5\.(\d+)\.`).FindStringSubmatch(source(t, "go.mod"))
	if m == nil || len(m[1]) < 2 || m[1] < "12" {
		t.Errorf("pgx is %v, and has to be v5.12.0 or newer", m)
	}
	for _, name := range sources(t, "store/postgres") {
		text := source(t, name)
		for _, mode := range []string{"QueryExecModeSimpleProtocol", "QuerySimpleProtocol", "PreferSimpleProtocol"} {
			if strings.Contains(text, mode) {
				t.Errorf("%s uses %s: values would be written into the statement", name, mode)
			}
		}
	}
	if fhirMax := fhir.MaxBytes; fhirMax <= 0 || fhirMax > 1<<30 {
		t.Errorf("a resource may have %d bytes", fhirMax)
	}
}

// polyglots make a page act when any of its contexts takes them as markup; they set a
// variable instead of showing a dialog.
var polyglots = []string{
	`<script>window.pwned=1</script>`, `"><img src=x onerror=window.pwned=1>`, `'><svg onload=window.pwned=1>`, `javascript:window.pwned=1//`, `</title><script>window.pwned=1</script>`,
	`</textarea><img src=x onerror=window.pwned=1>`, `{{constructor.constructor('window.pwned=1')()}}`, `<math><mtext></form><form><mglyph><style></math><img src onerror=window.pwned=1>`, `<a href="javascript:window.pwned=1" autofocus onfocus=window.pwned=1>x</a>`, `" onmouseover=window.pwned=1 autofocus onfocus=window.pwned=1 x="`,
	`<noscript><p title="</noscript><img src=x onerror=window.pwned=1>">`, "`-window.pwned=1-`", `<iframe srcdoc="<script>parent.pwned=1</script>">`, `<div hx-get="/x" hx-trigger="load" hx-on::load="window.pwned=1">`,
}

// TestAbuseC10: every text of a record is a polyglot, and a browser opens every page of the
// clinic and the portal on it: nothing acts, and no element of the texts becomes one of the
// page. Narrative that the checker lets through has no active part in the browser either.
func TestAbuseC10(t *testing.T) {
	h := full(t)
	put := func(kind, id string, change func(n *fhir.Node, text string)) {
		for i, who := range []string{"r", "s"} {
			name := who + "-" + id
			if kind == "Patient" {
				name = map[string]string{"r": "rosa", "s": "sam"}[who]
			}
			n := parsed(t, h.sees(t, "amara", kind+"/"+name))
			change(n, strings.Join(polyglots[i*len(polyglots)/2:(i+1)*len(polyglots)/2], " "))
			h.seed(string(n.JSON()))
		}
	}
	str := func(s string) *fhir.Node { return fhir.Str(s) }
	put("Patient", "", func(n *fhir.Node, s string) {
		n.Path("name.0").Set("family", str(s))
		n.Path("telecom.0").Set("value", str(s))
	})
	put("Condition", "cond", func(n *fhir.Node, s string) { n.Get("code").Set("text", str(s)) })
	put("Observation", "obs0", func(n *fhir.Node, s string) {
		n.Get("code").Set("text", str(s))
		n.Get("valueQuantity").Set("unit", str(s))
	})
	put("MedicationRequest", "rx-active", func(n *fhir.Node, s string) { n.Get("medicationCodeableConcept").Set("text", str(s)) })
	put("AllergyIntolerance", "ai", func(n *fhir.Node, s string) { n.Get("code").Set("text", str(s)) })
	put("Composition", "note-final", func(n *fhir.Node, s string) { n.Set("title", str(s)); n.Path("section.0").Set("title", str(s)) })
	put("Communication", "com-patient-message", func(n *fhir.Node, s string) { n.Path("payload.0").Set("contentString", str(s)) })
	put("Task", "task-review-result", func(n *fhir.Node, s string) { n.Set("description", str(s)) })
	put("Appointment", "appt", func(n *fhir.Node, s string) { n.Set("description", str(s)) })
	put("DocumentReference", "doc", func(n *fhir.Node, s string) {
		n.Set("description", str(s))
		n.Path("content.0.attachment").Set("title", str(s))
	})
	put("QuestionnaireResponse", "qr", func(n *fhir.Node, s string) { n.Path("item.0.answer.0").Set("valueString", str(s)) })
	put("Immunization", "imm", func(n *fhir.Node, s string) { n.Get("vaccineCode").Set("text", str(s)) })
	put("ServiceRequest", "order-active", func(n *fhir.Node, s string) { n.Get("code").Set("text", str(s)) })
	put("CareTeam", "team", func(n *fhir.Node, s string) { n.Set("name", str(s)) })

	// Without a browser: no page takes an element or a handler from the record.
	active := regexp.MustCompile(`(?i)<img src=x|<img src onerror|<script>window|<svg onload|<iframe srcdoc|<math>|<mglyph|<noscript>|<div hx-get="/x"|href="?javascript:`)
	pages := map[string][]string{}
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if method != "GET" || strings.Contains(pattern, "{secret}") || strings.Contains(pattern, "documents/{") {
			continue
		}
		for who, bit := range map[string]web.Policy{"amara": web.Physician, "rosa": web.Patient, "dana": web.FrontDesk, "bill": web.Biller} {
			if rt.Policy&bit == 0 {
				continue
			}
			path := fill(pattern, "rosa", "r")
			a := h.ask(who, "GET", path, "")
			if m := active.FindString(a.body); m != "" && strings.Contains(a.header.Get("Content-Type"), "text/html") {
				t.Errorf("%s by %s has an active part: %s", path, who, m)
			}
			if a.status == 200 && strings.Contains(a.header.Get("Content-Type"), "text/html") && strings.Contains(a.body, "pwned") {
				pages[who] = append(pages[who], path)
			}
		}
	}
	if len(pages["amara"]) < 8 || len(pages["rosa"]) < 3 {
		t.Errorf("the texts are on few pages: %q", pages)
	}

	server := httptest.NewServer(h.handler)
	defer server.Close()
	for who, list := range pages {
		p := webtest.Start(t).Open(server.URL+"/sign-in", webtest.Desktop)
		p.SignIn(server.URL, who, "seven quiet rivers run")
		for i, path := range list {
			if i%3 != 0 && !strings.Contains(path, "messages") && !strings.Contains(path, "documents") && !strings.Contains(path, "note") { // enough of each kind
				continue
			}
			p.Goto(server.URL + path)
			if webtest.Eval[bool](p, `!!window.pwned || !!document.querySelector("iframe[srcdoc],svg[onload],img[onerror],a[href^='javascript:'],[onfocus],[onmouseover],math")`) {
				t.Errorf("%s by %s: a text of the record acts", path, who)
			}
		}
	}
	t.Logf("%d pages of %d people", len(pages["amara"])+len(pages["rosa"])+len(pages["dana"])+len(pages["bill"]), len(pages))
}

// TestAbuseC11: a file that is a page or a drawing with script is a download, never shown as
// a part of the site, whatever it calls itself.
func TestAbuseC11(t *testing.T) {
	h := full(t)
	files := map[string]string{"text/html": "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "image/svg+xml": "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+", "application/xhtml+xml": "PGh0bWwvPg==", "text/xml": "PHgvPg==", "application/pdf": "JVBERi0xLjQ=", "text/html; charset=utf-7": "K0FEdy1zY3JpcHQrQUQ0LQ==", "multipart/x-mixed-replace": "eA==", "image/png": "PHNjcmlwdD4="}
	i := 0
	for kind, data := range files {
		i++
		id := fmt.Sprintf("file-%d", i)
		h.seed(fmt.Sprintf(`{"resourceType":"Binary","id":%q,"contentType":%q,"securityContext":{"reference":"Patient/rosa"},"data":%q}`, id, kind, data),
			fmt.Sprintf(`{"resourceType":"DocumentReference","id":%q,"status":"current","subject":{"reference":"Patient/rosa"},"date":"2026-10-01T08:00:00Z","content":[{"attachment":{"contentType":%q,"url":"Binary/%s","title":"x.html"}}]}`, id, kind, id))
		for _, r := range []struct{ who, path, accept string }{{"amara", "/p/rosa/documents/" + id, "text/html"}, {"rosa", "/portal/documents/" + id, "text/html"}, {"amara", "/fhir/Binary/" + id, kind}, {"rosa", "/fhir/Binary/" + id, "*/*"}} {
			a := h.ask(r.who, "GET", r.path, "", "Accept: "+r.accept)
			if a.status == 406 {
				continue
			}
			csp := a.header.Get("Content-Security-Policy") // FHIR shows a resource as a page without script, or in its own forms
			form := strings.Contains(a.header.Get("Content-Type"), "fhir+") || strings.HasPrefix(r.path, "/fhir") && strings.Contains(strings.ToLower(a.body), "<!doctype html>") && strings.Contains(csp, "default-src 'none'") && !strings.Contains(csp, "script-src")
			if a.status != 200 || a.header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(a.body, "<script>alert") && form || !form && (!strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox")) {
				t.Errorf("%s as %s: %d %v", r.path, kind, a.status, a.header)
			}
		}
	}
}

// TestAbuseC25: characters that nobody sees are shown as what they are on every page, and
// forms do not take them in; joiners that scripts need stay. A page that holds none shows no
// marks: Osler's own pages do without such characters.
func TestAbuseC25(t *testing.T) {
	full(t).everyGet(func(who, path string, a answer) {
		if i := strings.Index(a.body, "[U+"); i >= 0 && !strings.HasPrefix(path, "/fhir") {
			t.Errorf("%s by %q has a character that is not seen: %.80s", path, who, a.body[i:])
		}
	})
	tricks := []string{"\u202e", "\u202d", "\u2066", "\u2069", "\u200b", "\u2060", "\ufeff", "\u3164", "\U000e0041", "\u00ad"}
	var bodies []string
	name := "Met" + strings.Join(tricks, "") + "formin"
	for _, b := range []string{
		`{"resourceType":"Patient","id":"rosa","active":true,"name":[{"family":"NAME","given":["Rosa"]}],"birthDate":"1970-05-06"}`,
		`{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","medicationCodeableConcept":{"text":"NAME"},"subject":{"reference":"Patient/rosa"},"authoredOn":"2026-10-01"}`,
		`{"resourceType":"Condition","id":"c","code":{"text":"NAME"},"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
	} {
		bodies = append(bodies, strings.ReplaceAll(b, "NAME", name))
	}
	h := open(t, bodies...)
	seen := 0
	for _, c := range []struct{ who, path string }{{"amara", "/p/rosa"}, {"amara", "/p/rosa/medications"}, {"amara", "/p/rosa/problems"}, {"dana", "/p/rosa/details"}, {"rosa", "/portal/medicines"}, {"rosa", "/portal/health"}, {"amara", "/p/rosa/timeline"}} {
		a := h.ask(c.who, "GET", c.path, "")
		for _, x := range tricks {
			if strings.Contains(a.body, x) {
				t.Errorf("%s holds %U unseen", c.path, []rune(x)[0])
			}
		}
		if strings.Contains(strings.ToUpper(a.body), "[U+202E]") {
			seen++
		}
	}
	if seen < 4 {
		t.Errorf("the marks are seen on %d pages", seen)
	}
	// Two people whose names look the same are marked wherever one of them is chosen: one has a
	// Cyrillic letter, one a mark without width, which the search leaves out.
	h.seed(`{"resourceType":"Patient","id":"one","active":true,"name":[{"family":"Samson","given":["Paul"]}],"birthDate":"1980-01-01"}`,
		`{"resourceType":"Patient","id":"two","active":true,"name":[{"family":"S\u0430ms\u200bon","given":["Paul"]}],"birthDate":"1981-01-01"}`,
		`{"resourceType":"Patient","id":"three","active":true,"name":[{"family":"Sam\u200bson","given":["Paul"]}],"birthDate":"1982-01-01"}`,
		`{"resourceType":"Patient","id":"four","active":true,"name":[{"family":"Sanders","given":["Paul"]}],"birthDate":"1983-01-01"}`)
	const warning = "same name: compare the birth date"
	for path, marked := range map[string]int{"/find": 3, "/charts": 3, "/schedule/people": 3} {
		if a := h.ask("dana", "POST", path, "q=paul", "HX-Request: true"); strings.Count(a.body, warning) != marked || !strings.Contains(a.body, "1983") {
			t.Errorf("%s marks %d of 4: %d %.2000s", path, strings.Count(a.body, warning), a.status, a.body)
		}
	}
	if a := h.ask("dana", "POST", "/find", "q=samson", "HX-Request: true"); !strings.Contains(a.body, "1980") || !strings.Contains(a.body, "1982") {
		t.Errorf("a mark without width hides somebody from the search: %.600s", a.body)
	}
	form := url.Values{"family": {"Dí\u202eaz\u200b"}, "given": {"Ro\u2066sa \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"}, "birthDate": {"6 5 1970"}, "sex": {"female"}, "active": {"true"}}
	for _, answered := range []string{"", "different"} {
		if answered != "" {
			form.Set("answer", answered)
		}
		h.ask("dana", "POST", "/register", form.Encode())
	}
	a := h.ask("amara", "GET", "/fhir/Patient?_count=50", "")
	if strings.Contains(a.body, "Dí\u202e") || strings.Contains(a.body, "Ro\u2066sa") {
		t.Error("a form takes hidden characters in")
	}
}

// TestAbuseC22: a PDF, which may hold script of its own, is given out for saving only, in a
// sandbox; and a file of two kinds is what its record says, never what a browser guesses.
func TestAbuseC22(t *testing.T) {
	h := full(t)
	h.seed(`{"resourceType":"Binary","id":"pdf","contentType":"application/pdf","securityContext":{"reference":"Patient/rosa"},"data":"JVBERi0xLjQKPDwvT3BlbkFjdGlvbjw8L1MvSmF2YVNjcmlwdC9KUyhhcHAuYWxlcnQoMSkpPj4+Pgo8c2NyaXB0PmFsZXJ0KDEpPC9zY3JpcHQ+"}`,
		`{"resourceType":"DocumentReference","id":"pdf","status":"current","subject":{"reference":"Patient/rosa"},"date":"2026-10-01T08:00:00Z","content":[{"attachment":{"contentType":"application/pdf","url":"Binary/pdf","title":"letter.pdf"}}]}`)
	for _, c := range []struct{ who, path string }{{"amara", "/p/rosa/documents/pdf"}, {"rosa", "/portal/documents/pdf"}, {"amara", "/fhir/Binary/pdf"}} {
		a := h.ask(c.who, "GET", c.path, "", "Accept: application/pdf")
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/pdf" || a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v", c.path, a.status, a.header)
		}
	}
}
