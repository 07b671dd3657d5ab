package proof

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
)

// TestAbuseD09: another site makes nobody's browser act: every form of every web is refused
// when it comes from elsewhere, and a FHIR write needs a token, which no browser sends by
// itself.
func TestAbuseD09(t *testing.T) {
	h := full(t)
	tried := 0
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if method == "GET" {
			continue
		}
		who := "amara"
		for role, bit := range bits {
			if rt.Policy&bit != 0 && rt.Policy&web.Physician == 0 {
				for name, p := range h.people {
					if p.principal.Role == role && p.cookie != "" {
						who = name
					}
				}
			}
		}
		for _, from := range [][]string{{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, {"Origin: https://evil.example"}, {"Sec-Fetch-Site: same-site", "Origin: https://other.osler.example"}, {"Origin: null", "Sec-Fetch-Site: cross-site"}, {"Origin: http://osler.example.evil.example"}} {
			before := h.kept()
			a := h.ask(who, method, fill(pattern, "rosa", "r"), "reason=x", from...)
			tried++
			if a.status != http.StatusForbidden || h.kept() != before {
				t.Errorf("%s by %s from %q: %d, changed: %v", rt.Pattern, who, from, a.status, h.kept() != before)
			}
		}
	}
	for _, rt := range fhirapi.Routes() {
		if rt.Method == "GET" || rt.Public {
			continue
		}
		path := strings.NewReplacer("{$}", "", "{type}", "Patient", "{id}", "rosa", "{vid}", "1").Replace(rt.Pattern)
		r := httptest.NewRequest(rt.Method, "http://osler.example"+path, strings.NewReader(`{"resourceType":"Patient","id":"rosa"}`))
		r.AddCookie(&http.Cookie{Name: "osler-session", Value: h.people["amara"].cookie})
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if tried++; w.Code != http.StatusUnauthorized {
			t.Errorf("%s %s with a cookie alone: %d", rt.Method, path, w.Code)
		}
	}
	if tried < 200 {
		t.Errorf("only %d requests", tried)
	}
}

// TestAbuseD13: every answer of every route carries the headers that keep a browser in
// bounds: refusals, redirects, pages that do not exist and files as well.
func TestAbuseD13(t *testing.T) {
	h := full(t)
	check := func(what string, a answer, kept bool) {
		csp := a.header.Get("Content-Security-Policy")
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, not %q", what, name, got, want)
			}
		}
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: the policy for contents is %q", what, csp)
		}
		if !kept && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control is %q", what, a.header.Get("Cache-Control"))
		}
		if a.header.Get("Server") != "" || a.header.Get("X-Powered-By") != "" {
			t.Errorf("%s names the program", what)
		}
	}
	n := 0
	for _, who := range []string{"", "amara", "rosa", "ada"} {
		for _, rt := range h.routes() {
			method, pattern, _ := strings.Cut(rt.Pattern, " ")
			if method == "GET" || who == "" {
				n++
				a := h.ask(who, method, fill(pattern, "rosa", "r"), "")
				check(rt.Pattern+" by "+who, a, false)
				if csp := a.header.Get("Content-Security-Policy"); strings.Contains(a.header.Get("Content-Type"), "text/html") && (!strings.Contains(csp, "script-src 'self'") || !strings.Contains(csp, "form-action 'self'") || !strings.Contains(csp, "base-uri 'none'")) {
					t.Errorf("%s: the policy for contents is %q", rt.Pattern, csp)
				}
			}
		}
		for _, rt := range fhirapi.Routes() {
			if strings.Contains(rt.Pattern, "websocket") {
				continue
			}
			n++
			check(rt.Method+" "+rt.Pattern+" by "+who, h.ask(who, rt.Method, strings.NewReplacer("{$}", "", "{compartment}/{id}/{type}", "Patient/rosa/Observation", "{type}/{id}", "Patient/nobody", "{type}", "Patient", "{id}", "nobody", "{vid}", "1").Replace(rt.Pattern), ""), false)
		}
		for _, path := range []string{"/nothing", "/p/rosa/nothing", "/fhir/Nothing", "/fhir/Patient/nobody/nothing/at/all", "/fhir//x"} {
			check(path, h.ask(who, "GET", path, ""), false)
			check(path, h.ask(who, "POST", path, "x=y"), false)
		}
		check("/healthz", h.ask(who, "GET", "/healthz", ""), true)
	}
	t.Logf("%d answers", n)
}

// hostile are questions that would cost everything.
var hostile = []string{"/fhir/Observation?_count=1000000000", "/fhir/Patient?_revinclude:iterate=*&_include:iterate=*&_count=1000", "/fhir/Observation?_include=*&_revinclude=*&_include:iterate=*&_count=1000", "/fhir/Patient?family:contains=a&name:contains=i&_sort=family,given,birthdate,-_lastUpdated",
	"/fhir/Observation?subject.general-practitioner.name:contains=a&_has:DiagnosticReport:result:conclusion-code:missing=true", "/fhir?_type=" + strings.Join([]string{"Patient", "Observation", "Condition"}, ",") + "&_content=asthma", "/fhir/Patient/rosa/$everything", "/fhir/_history?_count=1000000", "/fhir/Observation?_filter=" + escaped(strings.Repeat("not (", 60)+"status eq final"+strings.Repeat(")", 60))}

// TestAbuseD14: a question that would cost everything has a limit, and others do not wait
// for it.
func TestAbuseD14(t *testing.T) {
	h := full(t, ground{readers: 4}) // as a server on two processors has
	var more []string
	for i := range 300 {
		more = append(more, fmt.Sprintf(`{"resourceType":"Observation","id":"many-%d","status":"final","code":{"text":"asthma %d"},"subject":{"reference":"Patient/rosa"}}`, i, i))
	}
	h.seed(more...)
	ors := strings.TrimSuffix(strings.Repeat("rosa,", 20_000), ",")
	for _, path := range hostile {
		began := time.Now()
		a := h.ask("amara", "GET", path, "")
		if took := time.Since(began); took > 15*time.Second || a.status >= 500 || len(a.body) > 64<<20 {
			t.Errorf("%.100s: %d, %d MB in %v", path, a.status, len(a.body)>>20, took)
		}
		if n := strings.Count(a.body, `"mode":"match"`); n > 1000 {
			t.Errorf("%.100s: %d matches on one page", path, n)
		}
	}
	if a := h.ask("amara", "POST", "/fhir/Patient/_search", "_id="+ors, "Content-Type: application/x-www-form-urlencoded"); a.status >= 500 {
		t.Errorf("20,000 alternatives: %d", a.status)
	}
	t.Run("neighbours", func(t *testing.T) { neighbours(t, h) })
}

// neighbours lets 50 clients of one account ask hostile questions, and another account work beside
// them.
func neighbours(t *testing.T, h *house) {
	nina, amara := h.people["nina"].principal.ID, h.people["amara"].principal.ID
	work := func() (slowest time.Duration) {
		for i := range 40 {
			path := []string{"/fhir/Patient/rosa", "/fhir/Condition?patient=rosa"}[i%2]
			began := time.Now()
			if a := h.ask("amara", "GET", path, ""); a.status != 200 {
				t.Errorf("a neighbour gets %d: %.200s", a.status, a.body)
			}
			slowest = max(slowest, time.Since(began))
		}
		return slowest
	}
	work() // statements are prepared
	alone := work()

	stop := make(chan struct{})
	var clients sync.WaitGroup
	var served, refused atomic.Int64
	attack := func(n int) {
		for i := range n {
			clients.Go(func() {
				for k := i; ; k++ {
					select {
					case <-stop:
						return
					default:
					}
					switch a := h.ask("nina", "GET", hostile[k%len(hostile)], ""); {
					case a.status != 429 || !strings.Contains(a.body, "others use the server too"):
						served.Add(1) // or refused as that question is at all times
					case a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"code":"too-costly"`):
						t.Errorf("refused without a word: %.300s", a.body)
					default:
						refused.Add(1)
					}
				}
			})
		}
	}
	attack(50)
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		h.ask("amara", "GET", "/fhir/Patient/rosa", "")
		if n, waiting := h.site.Fair.Count(nina); n <= 1 && waiting > 30 {
			break // the attack is on its way, and was taken back
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("the clients do not get into each other's way")
		}
	}
	watched := make(chan struct{})
	go func() { // never more of theirs at work, and nothing of the neighbour's waits
		defer close(watched)
		for range 2000 {
			if n, _ := h.site.Fair.Count(nina); n > h.site.Fair.Most() {
				t.Errorf("%d hostile questions are at work", n)
				return
			}
			if _, waiting := h.site.Fair.Count(amara); waiting > 0 {
				t.Error("a neighbour waits behind them")
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	limit, under := max(2*alone, 100*time.Millisecond)*3, work()
	for range 4 { // the best of five: other work on the machine must not fail the test
		if under > limit {
			under = min(under, work())
		}
	}
	t.Logf("a neighbour's slowest answer: alone %v, beside 50 hostile clients %v", alone, under)
	if under > limit {
		t.Errorf("a neighbour waits %v, alone %v", under, alone)
	}
	attack(40) // more than may wait
	for began := time.Now(); refused.Load() == 0; time.Sleep(time.Millisecond) {
		h.ask("amara", "GET", "/fhir/Patient/rosa", "")
		if time.Since(began) > 20*time.Second {
			t.Fatal("nobody of 90 clients is refused")
		}
	}
	before := served.Load()
	for began := time.Now(); served.Load() == before; time.Sleep(time.Millisecond) {
		h.ask("amara", "GET", "/fhir/Patient/rosa", "")
		if time.Since(began) > 20*time.Second {
			t.Fatal("the hostile account is not served at all")
		}
	}
	close(stop)
	clients.Wait()
	<-watched
	if n, waiting := h.site.Fair.Count(nina); n+waiting > 0 {
		t.Errorf("after the attack %d are at work, and %d wait", n, waiting)
	}
	if a := h.ask("nina", "GET", "/fhir/Patient?_count=1", ""); a.status != 200 {
		t.Errorf("after the attack: %d", a.status)
	}
}

// TestAbuseD16: 64 clients create under the same conditions at once: each condition is
// met by exactly one resource.
func TestAbuseD16(t *testing.T) {
	h := open(t, `{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`)
	const keys, clients = 12, 64
	var wg sync.WaitGroup
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := range keys {
				a := h.ask("amara", "POST", "/fhir/Patient", fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"K%d"}]}`, k), fmt.Sprintf("If-None-Exist: identifier=urn:mrn|K%d", k))
				if a.status != 200 && a.status != 201 && a.status != 409 && a.status != 412 {
					t.Errorf("%d %.200s", a.status, a.body)
				}
			}
		}()
	}
	wg.Wait()
	for k := range keys {
		a := h.ask("amara", "GET", fmt.Sprintf("/fhir/Patient?identifier=urn:mrn|K%d&_total=accurate", k), "")
		if !strings.Contains(a.body, `"total":1,`) {
			t.Errorf("K%d: %.200s", k, a.body)
		}
	}
}

// TestAbuseD17: a version in If-Match binds a conditional update, patch and delete as any
// other: of 20 who change the same version one succeeds.
func TestAbuseD17(t *testing.T) {
	h := full(t)
	body := `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"M1"}],"name":[{"family":"F%d"}]}`
	for _, r := range []request{
		{"PUT", "/fhir/Patient?identifier=urn:mrn|M1", fmt.Sprintf(body, 0), []string{`If-Match: W/"9"`}},
		{"PATCH", "/fhir/Patient?identifier=urn:mrn|M1", `[{"op":"replace","path":"/active","value":false}]`, []string{`If-Match: W/"9"`, jsonPatch}},
		{"DELETE", "/fhir/Immunization?_id=s-imm", "", []string{`If-Match: W/"9"`}},
		{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + fmt.Sprintf(body, 0) + `,"request":{"method":"PUT","url":"Patient?identifier=urn:mrn|M1","ifMatch":"W/\"9\""}}]}`, nil},
	} {
		before := h.kept()
		if a := h.ask("amara", r.method, r.path, r.body, r.headers...); a.status != 412 || h.kept() != before {
			t.Errorf("%s %s: %d, changed: %v", r.method, r.path, a.status, h.kept() != before)
		}
	}
	for version := 1; version <= 5; version++ {
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for i := range 20 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				a := h.ask("amara", "PUT", "/fhir/Patient?identifier=urn:mrn|M1", fmt.Sprintf(body, i), fmt.Sprintf(`If-Match: W/"%d"`, version))
				mu.Lock()
				defer mu.Unlock()
				if a.status == 200 {
					won++
				} else if a.status != 412 && a.status != 409 {
					t.Errorf("%d %.200s", a.status, a.body)
				}
			}()
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d of 20 have changed version %d", won, version)
		}
	}
}

// TestAbuseD18: two entries of a transaction that come to one resource refuse all of it.
func TestAbuseD18(t *testing.T) {
	h := full(t)
	entry := func(method, url, resource string) string {
		return fmt.Sprintf(`{"request":{"method":%q,"url":%q},"resource":%s}`, method, url, resource)
	}
	p := `{"resourceType":"Patient","id":"sam","identifier":[{"system":"urn:mrn","value":"M1"}]}`
	anonymous := strings.Replace(p, `"id":"sam",`, "", 1)
	other := entry("POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`)
	for name, entries := range map[string][]string{
		"the same id":                 {entry("PUT", "Patient/sam", p), entry("PUT", "Patient/sam", p)},
		"an id and a condition":       {entry("PUT", "Patient/sam", p), entry("PUT", "Patient?identifier=urn:mrn|M1", anonymous)},
		"two conditions":              {entry("PUT", "Patient?identifier=urn:mrn|M1", anonymous), entry("PUT", "Patient?_id=sam", anonymous)},
		"a change and a delete":       {entry("PUT", "Patient/sam", p), `{"request":{"method":"DELETE","url":"Patient/sam"}}`},
		"a condition and a delete":    {entry("PUT", "Patient?_id=sam", anonymous), `{"request":{"method":"DELETE","url":"Patient/sam"}}`},
		"a patch and a change":        {entry("PUT", "Patient/sam", p), entry("PATCH", "Patient/sam", `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.active"},{"name":"value","valueBoolean":false}]}]}`)},
		"two creates of one identity": {`{"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:mrn|NEW"},"resource":{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"NEW"}]}}`, `{"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:mrn|NEW"},"resource":{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"NEW"}],"active":true}}`},
		"the same fullUrl":            {`{"fullUrl":"urn:uuid:6f5a2f4e-0001-4c3c-9b1e-0000000000ff",` + other[1:], `{"fullUrl":"urn:uuid:6f5a2f4e-0001-4c3c-9b1e-0000000000ff",` + other[1:]},
	} {
		before := h.kept()
		a := h.ask("amara", "POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+other+","+strings.Join(entries, ",")+`]}`)
		if a.status < 400 || a.status >= 500 || h.kept() != before {
			t.Errorf("%s: %d, changed: %v: %.300s", name, a.status, h.kept() != before, a.body)
		}
	}
}

// TestAbuseD15: whoever sends slowly or promises much holds a connection for a while and no
// more: the server of the program has limits for every part of a request. HTTP/2 without TLS
// is not spoken.
func TestAbuseD15(t *testing.T) {
	h := open(t)
	server := httptest.NewUnstartedServer(h.handler)
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout, server.Config.MaxHeaderBytes = 300*time.Millisecond, 600*time.Millisecond, 64<<10
	server.Start()
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for name, first := range map[string]string{
		"half a header": "GET / HTTP/1.1\r\nHost: x\r\nX: ", "half a body": "POST /sign-in HTTP/1.1\r\nHost: osler.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\na", "nothing": "",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, first)
		began := time.Now()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		io.Copy(io.Discard, c)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%s keeps the connection for %v", name, took)
		}
		c.Close()
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, _ := bufio.NewReader(c).ReadString('\n')
	if strings.HasPrefix(line, "\x00") || strings.Contains(line, " 200 ") || strings.Contains(line, " 101 ") {
		t.Errorf("HTTP/2 without TLS is answered: %q", line)
	}
	text := source(t, "door/console/serve.go")
	for _, limit := range []string{"ReadHeaderTimeout:", "ReadTimeout:", "IdleTimeout:", "MaxHeaderBytes:", "MaxConcurrentStreams:"} {
		if !strings.Contains(text, limit) {
			t.Errorf("the program's server has no %s", limit)
		}
	}
}
