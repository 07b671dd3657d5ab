package proof

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
)

// TestAbuseC01: SQL in a value stays a value: on every page and every kind of search it finds
// nothing, changes nothing and makes nothing fail.
func TestAbuseC01(t *testing.T) {
	h := full(t)
	payloads := []string{`' OR '1'='1`, `'; DROP TABLE resource; --`, `" OR ""="`, `1) OR 1=1 --`, `' UNION SELECT body FROM resource --`, `\'; DELETE FROM resource; --`, `%' AND 1=(SELECT COUNT(*) FROM resource) --`, `$$; SELECT 1; $$`, `?1`, `:a`, `x'00'`, "a\x00' OR 1=1"}
	before := h.kept()
	all := strings.Count(h.ask("amara", "GET", "/fhir/Patient?_count=100", "").body, `"resourceType":"Patient"`)
	for _, v := range payloads {
		q := escaped(v)
		for _, p := range []string{"family", "_id", "identifier", "birthdate", "gender", "general-practitioner", "_tag", "_lastUpdated", "phone", "address", "_text", "_content", "_has:Observation:patient:code", "general-practitioner:Practitioner.name", "family:exact", "family:contains", "name:missing", "_list", "_profile", "link"} {
			a := h.ask("amara", "GET", "/fhir/Patient?_count=100&"+p+"="+q, "")
			found := strings.Count(a.body, `"resourceType":"Patient"`)
			if a.status >= 500 || a.status == 200 && found > 0 && found >= all && !strings.Contains(a.body, "was not applied") {
				t.Errorf("Patient?%s=%s: %d, %d found", p, v, a.status, found)
			}
		}
		for _, rt := range h.routes() {
			method, pattern, _ := strings.Cut(rt.Pattern, " ")
			if method == "GET" && rt.Policy&web.Physician != 0 {
				if a := h.ask("amara", method, fill(pattern, "rosa", "r")+"?q="+q+"&family="+q+"&date="+q+"&sort="+q, ""); a.status >= 500 {
					t.Errorf("%s: %d", pattern, a.status)
				}
			}
		}
	}
	if h.kept() != before {
		t.Error("something has changed")
	}
}

// TestAbuseC03: the name of a parameter, a modifier or a sort never becomes a part of a
// statement.
func TestAbuseC03(t *testing.T) {
	h := full(t)
	for _, name := range []string{"rid", "body", "resource.body", "1", "id;DROP TABLE resource", "family) OR (1=1", "family--", "'", `"`, "`", "_sort", "family:exact) OR 1=1", "(SELECT 1)", "\x00", "birthdate,rid", "patient"} {
		for _, path := range []string{"/fhir/Patient?" + escaped(name) + "=x", "/fhir/Patient?_sort=" + escaped(name), "/fhir/Patient?_sort=-" + escaped(name), "/fhir/Patient?family:" + escaped(name) + "=x", "/fhir/Patient?_include=Patient:" + escaped(name), "/fhir/Patient?_elements=" + escaped(name), "/fhir/Patient?_filter=" + escaped(name+" eq 1"), "/fhir/" + escaped(name) + "?x=1"} {
			a := h.ask("amara", "GET", path, "", "Prefer: handling=strict")
			if a.status >= 500 || strings.Contains(strings.ToLower(a.body), "syntax") || strings.Contains(a.body, "sqlite") || strings.Contains(a.body, "SQLSTATE") {
				t.Errorf("%s: %d %.300s", path, a.status, a.body)
			}
			if strings.Contains(path, "_sort=") && !strings.Contains(path, "birthdate") && a.status < 400 && name != "patient" {
				t.Errorf("sorts by %q", name)
			}
		}
	}
}

// TestAbuseC04: no path leads out of what a door serves.
func TestAbuseC04(t *testing.T) {
	h := full(t)
	for _, prefix := range []string{"/static", "/assets", "/fhir", "/fhir/Binary", "/p/rosa/documents", "/portal/documents", "/", "/fhir/$export-file", "/a"} {
		for _, rest := range []string{"/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/..\\..\\etc\\passwd", "/....//....//etc/passwd", "/%00/etc/passwd", "//etc/passwd", "/%5c%5chost%5cshare", "/..;/etc/passwd", "?file=../../../etc/passwd&job=../.."} {
			r := httptest.NewRequest("GET", "http://osler.example/", nil)
			u, err := url.Parse("http://osler.example" + prefix + rest)
			if err != nil {
				continue
			}
			r.URL = u
			r.AddCookie(&http.Cookie{Name: "osler-session", Value: h.people["amara"].cookie})
			r.Header.Set("Authorization", "Bearer "+h.people["amara"].bearer)
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)
			if w.Code >= 500 || strings.Contains(w.Body.String(), "root:") || w.Code == 200 && strings.HasPrefix(rest, "/") && strings.Contains(rest, "etc") && prefix != "/" {
				t.Errorf("%s%s: %d %.100s", prefix, rest, w.Code, w.Body)
			}
		}
	}
}

// TestAbuseC06: XML with a document type is refused before anything of it is read: no
// entity, no file, no address. A listener counts who calls.
func TestAbuseC06(t *testing.T) {
	h := full(t)
	called := 0
	out := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer out.Close()
	secret := filepath.Join(h.dir, "x.txt")
	if err := os.WriteFile(secret, []byte("xxe-canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	targets := []string{"file://" + secret, out.URL + "/x", "file:///etc/passwd", "php://filter/resource=x", "jar:" + out.URL + "!/x", `\\` + strings.TrimPrefix(out.URL, "http://") + `\x`}
	var payloads []string
	for _, target := range targets {
		for _, dtd := range []string{
			`<!DOCTYPE Patient [<!ENTITY x SYSTEM "T">]>`, `<!DOCTYPE Patient SYSTEM "T">`, `<!DOCTYPE Patient PUBLIC "-//x" "T">`, `<!DOCTYPE Patient [<!ENTITY % p SYSTEM "T"> %p;]>`, `<!DOCTYPE Patient [<!ENTITY x "a"><!ATTLIST Patient a CDATA "&x;">]>`, `<!doctype Patient [<!ENTITY x SYSTEM "T">]>`,
			`<?xml-stylesheet href="T" type="text/xsl"?>`,
		} {
			head := strings.ReplaceAll(dtd, "T", target)
			payloads = append(payloads, `<?xml version="1.0"?>`+head+`<Patient xmlns="http://hl7.org/fhir"><name><family value="&x;"/></name></Patient>`)
		}
		payloads = append(payloads, `<Patient xmlns="http://hl7.org/fhir" xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="`+target+`" parse="text"/></Patient>`,
			`<Patient xmlns="http://hl7.org/fhir" xsi:schemaLocation="http://hl7.org/fhir `+target+`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><foo/></Patient>`,
			`<Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">&x;<object data="`+target+`"/></div></text></Patient>`)
	}
	if len(payloads) < 60 {
		t.Fatalf("only %d payloads", len(payloads))
	}
	before := h.kept()
	for _, p := range payloads {
		for _, r := range []request{{"POST", "/fhir/Patient", p, []string{"Content-Type: application/fhir+xml"}}, {"PUT", "/fhir/Patient/sam", p, []string{"Content-Type: application/fhir+xml"}}, {"POST", "/fhir", p, []string{"Content-Type: application/fhir+xml"}},
			{"PATCH", "/fhir/Patient/sam", p, []string{"Content-Type: application/xml-patch+xml"}}, {"POST", "/fhir/Patient/$validate", p, []string{"Content-Type: application/fhir+xml"}}} {
			a := h.ask("amara", r.method, r.path, r.body, r.headers...)
			if a.status < 400 && !strings.Contains(r.path, "$validate") && !strings.Contains(p, "xml-stylesheet") || a.status >= 500 || strings.Contains(a.body, "xxe-canary") || strings.Contains(a.body, "root:x") {
				t.Errorf("%s %s: %d %.200s\n%.200s", r.method, r.path, a.status, a.body, p)
			}
		}
	}
	if called > 0 {
		t.Errorf("%d connections were made", called)
	}
	if now := h.kept(); now != before {
		t.Logf("something was stored: %s", now)
	}
}

// memory returns the most that the heap grows while something runs: what is held, and not how long garbage lies.
func memory(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var before, m runtime.MemStats
	runtime.ReadMemStats(&before)
	most := uint64(0)
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > before.HeapAlloc {
				most = max(most, m.HeapAlloc-before.HeapAlloc)
			}
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most
}

// TestAbuseC07: what nests without end is refused at once, in every form, with little memory.
func TestAbuseC07(t *testing.T) {
	h := full(t)
	const n = 200_000
	entity := `<!DOCTYPE lolz [<!ENTITY a "lol">`
	for c := 'b'; c < 'l'; c++ {
		entity += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
	}
	for name, c := range map[string]struct{ kind, body string }{
		"JSON arrays":        {"application/fhir+json", `{"resourceType":"Patient","name":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`},
		"JSON objects":       {"application/fhir+json", strings.Repeat(`{"contained":[`, n) + strings.Repeat("]}", n)},
		"JSON extensions":    {"application/fhir+json", `{"resourceType":"Patient",` + strings.Repeat(`"extension":[{`, n) + strings.Repeat("}]", n) + `}`},
		"XML elements":       {"application/fhir+xml", `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat("<contact>", n) + strings.Repeat("</contact>", n) + `</Patient>`},
		"XML unclosed":       {"application/fhir+xml", strings.Repeat("<a>", n)},
		"XML narrative":      {"application/fhir+xml", `<Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">` + strings.Repeat("<b>", n) + strings.Repeat("</b>", n) + `</div></text></Patient>`},
		"billion laughs":     {"application/fhir+xml", `<?xml version="1.0"?>` + entity + `]><Patient xmlns="http://hl7.org/fhir"><id value="&k;"/></Patient>`},
		"many attributes":    {"application/fhir+xml", `<Patient xmlns="http://hl7.org/fhir" ` + strings.Repeat(`a="1" `, n) + `/>`},
		"JSON narrative":     {"application/fhir+json", `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + strings.Repeat("<b>", n) + `</div>"}}`},
		"JSON patch of many": {"application/json-patch+json", `[` + strings.Repeat(`{"op":"add","path":"/name/-","value":{}},`, n) + `{"op":"test","path":"/id","value":"x"}]`},
	} {
		method, path := "POST", "/fhir/Patient"
		if strings.Contains(c.kind, "patch") {
			method, path = "PATCH", "/fhir/Patient/sam"
		}
		var a answer
		began := time.Now()
		used := memory(func() { a = h.ask("amara", method, path, c.body, "Content-Type: "+c.kind) })
		if a.status < 400 || a.status >= 500 || used > 256<<20 || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %d in %v with %d MB", name, a.status, time.Since(began), used>>20)
		}
	}
}

// unread is a body that must not be read.
type unread struct{ read bool }

func (u *unread) Read([]byte) (int, error) { u.read = true; return 0, io.EOF }
func (u *unread) Close() error             { return nil }

// TestAbuseC13: nothing that a stranger sends is read on a route that is not open to
// strangers, and nothing is decoded by reflection over types (gob) anywhere.
func TestAbuseC13(t *testing.T) {
	allowed(t, "encoding/gob", importers(t, "encoding/gob"))
	h := open(t)
	tried := 0
	try := func(method, path string) {
		body := &unread{}
		r := httptest.NewRequest(method, "http://osler.example"+path, nil)
		r.Body, r.ContentLength = body, 1000
		r.Header.Set("Content-Type", map[bool]string{true: "application/fhir+json", false: "application/x-www-form-urlencoded"}[strings.HasPrefix(path, "/fhir")])
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		tried++
		if body.read || w.Code != http.StatusUnauthorized {
			t.Errorf("%s %s by a stranger: %d, the body was read: %v", method, path, w.Code, body.read)
		}
	}
	for _, rt := range h.routes() {
		if method, pattern, _ := strings.Cut(rt.Pattern, " "); method != "GET" && rt.Policy&web.Public == 0 {
			try(method, fill(pattern, "rosa", "r"))
		}
	}
	for _, rt := range fhirapi.Routes() {
		if rt.Method != "GET" && !rt.Public {
			try(rt.Method, strings.NewReplacer("{$}", "", "{type}", "Patient", "{id}", "rosa", "{vid}", "1").Replace(rt.Pattern))
		}
	}
	if tried < 60 {
		t.Errorf("only %d routes", tried)
	}
}

// TestAbuseC17: JSON that two parsers read differently is refused, and numbers come back with
// every digit.
func TestAbuseC17(t *testing.T) {
	h := full(t)
	for name, body := range map[string]string{
		"a name twice":         `{"resourceType":"Patient","active":true,"active":false}`,
		"a type twice":         `{"resourceType":"Basic","resourceType":"Patient"}`,
		"a nested name twice":  `{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}`,
		"an escaped twin":      "{\"resourceType\":\"Patient\",\"active\":true,\"\\u0061ctive\":false}",
		"broken UTF-8":         "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xff\xfe\"}]}",
		"an overlong slash":    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xc0\xaf\"}]}",
		"NUL":                  "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\\u0000b\"}]}",
		"half a surrogate":     "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\\ud800\"}]}",
		"something behind":     `{"resourceType":"Patient"}{"resourceType":"Basic"}`,
		"a comment":            `{"resourceType":"Patient"/*x*/}`,
		"a comma at the end":   `{"resourceType":"Patient","active":true,}`,
		"single quotes":        `{'resourceType':'Patient'}`,
		"NaN":                  `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":NaN}}`,
		"a leading zero":       `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":0123}}`,
		"a BOM and a body":     "\ufeff\ufeff{\"resourceType\":\"Patient\"}",
		"a huge exponent":      `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999999}}`,
		"UTF-16":               "\xff\xfe{\x00}\x00",
		"case of a known name": `{"resourceType":"Patient","Active":true}`,
	} {
		before := h.kept()
		if a := h.ask("amara", "POST", "/fhir/Patient", body); a.status < 400 || a.status >= 500 || h.kept() != before {
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
	}
	for _, number := range []string{"0.10", "1.000000000000000001", "123456789012345678.5", "7.0", "1e3", "0.000"} {
		a := h.ask("amara", "POST", "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"},"valueQuantity":{"value":`+number+`}}`)
		if a.status != 201 || !strings.Contains(a.body, `"value":`+number+`}`) {
			t.Errorf("%s comes back as %d %.400s", number, a.status, a.body)
		}
	}
}

// TestAbuseC18: patterns are of RE2 only, and long inputs take time in proportion.
func TestAbuseC18(t *testing.T) {
	for _, engine := range []string{"github.com/dlclark/regexp2", "github.com/glenn-brown/golang-pkg-pcre", "go.elara.ws/pcre"} {
		allowed(t, engine, importers(t, engine))
	}
	h := full(t)
	long := strings.Repeat("a", 50_000) + "!"
	for _, c := range []request{
		{"POST", "/fhir/Patient/_search", "family:contains=" + long, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"POST", "/fhir/Patient/_search", "_filter=" + strings.Repeat("(", 20_000), []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"POST", "/fhir/Patient/_search", "birthdate=" + long, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"POST", "/fhir/Patient", `{"resourceType":"Patient","birthDate":"` + long + `"}`, nil},
		{"POST", "/fhir/Patient", `{"resourceType":"Patient","telecom":[{"system":"phone","value":"` + strings.Repeat("1-", 200_000) + `"}],"photo":[{"url":"` + long + `"}]}`, nil},
		{"POST", "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"` + long + `"}`, nil},
		{"POST", "/fhir/Basic", `{"resourceType":"Basic","code":{"text":"x"},"text":{"status":"generated","div":"` + strings.Repeat("<a ", 100_000) + `"}}`, nil},
	} {
		began := time.Now()
		a := h.ask("amara", c.method, c.path, c.body, c.headers...)
		if took := time.Since(began); took > 10*time.Second || a.status >= 500 {
			t.Errorf("%s %s %.60q: %d in %v", c.method, c.path, c.body, a.status, took)
		}
	}
}

// TestAbuseC19: what unpacks without end is stopped at the limit of the body, with little
// memory.
func TestAbuseC19(t *testing.T) {
	h := full(t)
	pack := func(write func(io.Writer)) string {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		write(z)
		z.Close()
		return b.String()
	}
	zeros := func(mb int, first, fill string) func(io.Writer) {
		return func(w io.Writer) {
			io.WriteString(w, first)
			chunk := []byte(strings.Repeat(fill, 1<<20/len(fill)))
			for range mb {
				w.Write(chunk)
			}
		}
	}
	bomb := pack(zeros(300, `{"resourceType":"Binary","data":"`, "A"))
	for name, body := range map[string]string{
		"one long text":  bomb,
		"spaces":         pack(zeros(300, "", " ")),
		"many members":   pack(zeros(200, `{"resourceType":"Patient","name":[`, `{},`)),
		"open brackets":  pack(zeros(200, "", "[")),
		"twice packed":   pack(func(w io.Writer) { io.WriteString(w, bomb) }),
		"many streams":   strings.Repeat(pack(zeros(20, "", " ")), 20),
		"cut short":      bomb[:len(bomb)/2],
		"not gzip":       "PK\x03\x04" + strings.Repeat("\x00", 1000),
		"lies of length": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat("\xff", 4000),
		"empty":          "",
	} {
		var a answer
		used := memory(func() {
			a = h.ask("amara", "POST", "/fhir/Binary", body, "Content-Encoding: gzip", "Content-Type: application/fhir+json")
		})
		if a.status < 400 || a.status >= 500 || used > 256<<20 {
			t.Errorf("%s (%d KB): %d, %d MB", name, len(body)>>10, a.status, used>>20)
		}
	}
}

// TestAbuseC20: a length that is only promised takes no memory.
func TestAbuseC20(t *testing.T) {
	h := full(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	used := memory(func() {
		for range 20 {
			c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST /fhir/Patient HTTP/1.1\r\nHost: osler.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/fhir+json\r\nContent-Length: 4294967295\r\n\r\n{", h.people["amara"].bearer)
			defer c.Close()
		}
		time.Sleep(300 * time.Millisecond)
	})
	if used > 64<<20 {
		t.Errorf("20 promises of 4 GB take %d MB", used>>20)
	}
}

// TestAbuseC24: line ends in what people send make no line in the log and no header.
func TestAbuseC24(t *testing.T) {
	h := full(t)
	const forged = "x\r\nlevel=ERROR msg=forged\nSet-Cookie: a=b\r\n\u2028forged"
	form := url.Values{"user": {forged}, "password": {forged}, "next": {"/" + forged}, "q": {forged}}.Encode()
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if strings.Contains(pattern, "sign-out") || strings.Contains(pattern, "lock") {
			continue
		}
		var a answer
		if method == "GET" {
			a = h.ask("amara", method, fill(pattern, "rosa", "r")+"?"+form, "")
		} else {
			a = h.ask("amara", method, fill(pattern, "nobody", "x"), form, "HX-Request: true", "HX-Current-URL: /"+escaped(forged))
		}
		for name, values := range a.header {
			for _, v := range values {
				if strings.ContainsAny(v, "\r\n") || name == "Set-Cookie" && strings.HasPrefix(v, "a=b") {
					t.Errorf("%s: the header %s is %q", pattern, name, v)
				}
			}
		}
	}
	h.ask("", "POST", "/sign-in", form)
	h.ask("amara", "GET", "/fhir/Patient?family="+escaped(forged)+"&"+escaped(forged)+"=x", "", "X-Request-Id: "+strings.ReplaceAll(strings.ReplaceAll(forged, "\n", " "), "\r", " "))
	h.ask("amara", "POST", "/fhir/"+escaped(forged), `{}`)
	for line := range strings.Lines(h.log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.Contains(line, " level=ERROR msg=forged") && !strings.Contains(line, `"`) {
			t.Errorf("a line of the log: %q", line)
		}
	}
	// The name of a file goes into a header.
	h.seed(`{"resourceType":"Binary","id":"named","contentType":"text/plain","securityContext":{"reference":"Patient/rosa"},"data":"YQ=="}`,
		`{"resourceType":"DocumentReference","id":"named","status":"current","subject":{"reference":"Patient/rosa"},"date":"2026-10-01T08:00:00Z","content":[{"attachment":{"contentType":"text/plain","url":"Binary/named","title":"a\"; filename=evil.html\\n/../x\u202etxt.exe"}}]}`)
	for _, who := range []string{"amara", "rosa"} {
		path := map[string]string{"amara": "/p/rosa/documents/named", "rosa": "/portal/documents/named"}[who]
		a := h.ask(who, "GET", path, "")
		d := a.header.Get("Content-Disposition")
		if a.status != 200 || strings.ContainsAny(d, "\r\n\u202e") || strings.Contains(d, "filename=evil.html") {
			t.Errorf("%s: %d, Content-Disposition %q", path, a.status, d)
		}
	}
}

// TestAbuseC26: no name of a request reaches a field by reflection.
func TestAbuseC26(t *testing.T) {
	for _, folder := range importers(t, "reflect") {
		if strings.HasPrefix(folder, "door") || strings.HasPrefix(folder, "practice") || folder == "record" || strings.HasPrefix(folder, "identity") {
			t.Errorf("%s uses reflection", folder)
		}
	}
	h := full(t)
	before := h.kept()
	form := url.Values{}
	for _, name := range []string{"role", "Role", "Account.Role", "class.module.classLoader", "__proto__.role", "constructor", "Actor", "disabled", "patient", "Clearance", "user"} {
		form.Set(name, "administrator")
	}
	for _, path := range []string{"/settings", "/portal/share", "/sign-in"} {
		h.ask("rosa", "POST", path, form.Encode())
	}
	a, err := h.site.Accounts.FindByUser(t.Context(), "rosa")
	if err != nil || a.Role != "patient" || a.Patient != "rosa" {
		t.Errorf("the account has become %+v: %v", a, err)
	}
	_ = before
	var unknown *fhir.Node
	if got := unknown.Get("class").Get("module").Text(); got != "" {
		t.Error(errors.New(got))
	}
}
