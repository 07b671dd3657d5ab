package proof

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// everyGet calls f with the answer to every page that is only read, and every FHIR read, by people of both webs.
func (h *house) everyGet(f func(who, path string, a answer)) {
	for _, who := range []string{"amara", "dana", "bill", "ada", "gus", "rosa", "pia", "leo", ""} {
		patient, letter := "rosa", "r"
		if p := h.people[who]; p != nil && p.grant != "" {
			patient, letter = ward, ward[:1]
		}
		for _, rt := range h.routes() {
			if method, pattern, _ := strings.Cut(rt.Pattern, " "); method == http.MethodGet || rt.Finds {
				path := fill(pattern, patient, letter)
				f(who, path, h.ask(who, method, path, ""))
			}
		}
		for _, rt := range fhirapi.Routes() {
			if rt.Method == http.MethodGet && !strings.Contains(rt.Pattern, "websocket") {
				path := strings.NewReplacer("{$}", "", "{compartment}/{id}/{type}", "Patient/rosa/Observation", "{type}", "Patient", "{id}", "rosa", "{vid}", "1").Replace(rt.Pattern)
				f(who, path, h.ask(who, http.MethodGet, path, ""))
			}
		}
	}
}

// TestContentTypes: every answer with a body says what it is, and text says its encoding.
func TestContentTypes(t *testing.T) {
	h, n := full(t), 0
	h.everyGet(func(who, path string, a answer) {
		kind := a.header.Get("Content-Type")
		if n++; a.body != "" && kind == "" {
			t.Errorf("%s by %q has no Content-Type", path, who)
		}
		if strings.HasPrefix(kind, "text/") && !strings.Contains(strings.ToLower(kind), "charset=utf-8") && !strings.HasPrefix(path, "/fhir/Binary") && !strings.Contains(path, "/documents/") { // files are given out as they came, for saving
			t.Errorf("%s by %q: %q says no encoding", path, who, kind)
		}
		for prefix, kinds := range map[string]string{"<!doctype html": "text/html", "{": "json"} {
			if strings.HasPrefix(strings.ToLower(a.body), prefix) && !strings.Contains(kind, kinds) {
				t.Errorf("%s by %q is %q and begins %.20q", path, who, kind, a.body)
			}
		}
	})
	if n < 500 {
		t.Errorf("only %d answers", n)
	}
}

// TestReadingChangesNothing: what a link or another site can make a browser do (GET) changes
// neither the record nor an account, whoever is signed in. One thing does: a message that its
// reader opens is read.
func TestReadingChangesNothing(t *testing.T) {
	h := full(t)
	before := h.kept()
	h.everyGet(func(who, path string, _ answer) {
		if now := h.kept(); now != before {
			if !(path == "/portal/messages/r-com-patient-message" && who == "rosa" || path == "/portal/for/kim/messages/k-com-patient-message" && who == "pia") {
				t.Errorf("GET %s by %q changes something", path, who)
			}
			before = now
		}
	})
}

// TestCookies: over TLS every cookie is bound to this host, closed to scripts and plain
// connections, and not sent from other sites; and the answer keeps the browser to TLS.
func TestCookies(t *testing.T) {
	h := full(t)
	safe := *h.site
	safe.Secure = true
	pages, err := safe.Handler(h.areas...)
	if err != nil {
		t.Fatal(err)
	}
	send := func(path string, form url.Values) *http.Response {
		r := httptest.NewRequest("POST", "https://osler.example"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://osler.example")
		r.AddCookie(&http.Cookie{Name: "__Host-osler-session", Value: h.people["amara"].cookie})
		w := httptest.NewRecorder()
		web.Bounded(pages).ServeHTTP(w, r)
		return w.Result()
	}
	seen := 0
	for _, c := range []struct {
		path string
		form url.Values
	}{
		{"/sign-in", url.Values{"user": {"amara"}, "password": {"seven quiet rivers run"}}}, {"/settings", url.Values{"theme": {"dark"}, "density": {"compact"}}},
		{"/p/rosa/messages", url.Values{"subject": {"Hello"}, "text": {"Hello"}, "to": {"patient"}}}, {"/sign-out", nil},
	} {
		a := send(c.path, c.form)
		if got := a.Header.Get("Strict-Transport-Security"); got != "max-age=31536000; includeSubDomains" {
			t.Errorf("%s: Strict-Transport-Security is %q", c.path, got)
		}
		for _, cookie := range a.Cookies() {
			seen++
			if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
				t.Errorf("%s sets %v", c.path, cookie)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d cookies were seen", seen)
	}
	if a := send("/sign-out", nil); a.Header.Get("Clear-Site-Data") != `"cache", "storage"` {
		t.Errorf("signing out leaves what the browser holds: %q", a.Header.Get("Clear-Site-Data"))
	}
}

// TestWhatIsNotServed: no method that mirrors a request, no list of a folder, no history of
// the source, nothing of its inside.
func TestWhatIsNotServed(t *testing.T) {
	h := full(t)
	for _, path := range []string{"/", "/today", "/fhir/Patient/rosa", "/healthz"} {
		for _, method := range []string{"TRACE", "TRACK", "CONNECT", "DEBUG"} {
			a := h.ask("amara", method, path, "", "X-Mirror: canary-7")
			if a.status < 400 || strings.Contains(a.body, "canary-7") {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
	}
	for _, path := range []string{"/.git/HEAD", "/.git/config", "/.svn/entries", "/.env", "/assets/", "/static/", "/ui/", "/debug/pprof/", "/debug/vars", "/metrics", "/admin", "/server-status", "/actuator/env", "/WEB-INF/web.xml", "/go.mod", "/keyring.json", "/master.key", "/fhir/.git/HEAD"} {
		for _, who := range []string{"", "ada"} {
			if a := h.ask(who, "GET", path, ""); a.status != 404 && a.status != 401 {
				t.Errorf("%s by %q: %d %.100s", path, who, a.status, a.body)
			}
		}
	}
}

// TestNobodySaysWhereTheyComeFrom: headers that a proxy would set are not believed: neither the
// delays after failures nor the audit log take an address from them.
func TestNobodySaysWhereTheyComeFrom(t *testing.T) {
	h := full(t)
	claims := func(i int) []string {
		ip := fmt.Sprintf("203.0.113.%d", i)
		return []string{"X-Forwarded-For: " + ip, "X-Real-IP: " + ip, "Forwarded: for=" + ip, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-User-ID: ada", "True-Client-IP: " + ip}
	}
	for i := range 40 { // one network, whatever it claims
		h.ask("", "POST", "/sign-in", url.Values{"user": {fmt.Sprintf("nobody%d", i)}, "password": {"wrong wrong wrong"}}.Encode(), claims(i)...)
	}
	right := url.Values{"user": {"amara"}, "password": {"seven quiet rivers run"}}.Encode()
	if a := h.ask("", "POST", "/sign-in", right, claims(99)...); a.status == http.StatusSeeOther {
		t.Error("after forty failures a network does not wait when it claims other addresses")
	}
	h.clock.Advance(time.Hour)
	if a := h.ask("", "POST", "/sign-in", right, claims(99)...); a.status != http.StatusSeeOther {
		t.Errorf("an hour later: %d", a.status)
	}
	for _, line := range h.leaves(t) {
		if strings.Contains(line, "203.0.113.") {
			t.Errorf("the audit log believes a header: %.200s", line)
		}
	}
	if a := h.ask("amara", "GET", "/fhir/Patient?family=D&_count=1", "", claims(1)...); strings.Contains(a.body, "evil.example") {
		t.Error("a link leads to a host that a header named")
	}
}

// leaves are the entries of the audit log, as they are hashed.
func (h *house) leaves(t *testing.T) (list []string) {
	t.Helper()
	entries, err := h.store.Leaves(context.Background(), store.LeafFilter{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, string(e.Raw))
	}
	if len(list) == 0 {
		t.Fatal("the log is empty")
	}
	return list
}

// TestSmuggledRequests: where one request ends and the next begins is not for the sender to
// make doubtful: both lengths at once, two lengths, and odd ones are one request at most.
func TestSmuggledRequests(t *testing.T) {
	h := full(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	inner := "GET /healthz?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, raw := range []string{
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n0\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length\x00: 5\r\n\r\n0\r\n\r\n" + inner,
		"GET /sign-in HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + inner,
		"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\n\"\r\nabcde\r\n-1\r\n\r\n" + inner,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		in, codes := bufio.NewReader(conn), []int(nil)
		for {
			a, err := http.ReadResponse(in, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, a.Body)
			a.Body.Close()
			codes = append(codes, a.StatusCode)
		}
		conn.Close()
		if len(codes) != 1 || codes[0] < 400 {
			t.Errorf("%.90q is answered by %v", raw, codes)
		}
	}
	// Both lengths at once: the chunks count, as RFC 9112 says, and the connection ends.
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+inner)
	all, _ := io.ReadAll(conn)
	if n := strings.Count(string(all), "HTTP/1.1 "); n > 2 {
		t.Errorf("both lengths: %d answers", n)
	}
}

// TestParametersOfTwoKinds: a field of a form is taken from the form, whatever the address
// says beside it.
func TestParametersOfTwoKinds(t *testing.T) {
	h := full(t)
	a := h.ask("", "POST", "/sign-in?user=ada&password=x&user=gus", url.Values{"user": {"amara"}, "password": {"seven quiet rivers run"}}.Encode())
	if a.status != http.StatusSeeOther || a.header.Get("Set-Cookie") == "" {
		t.Fatalf("the form is not what counts: %d %.300s", a.status, a.body)
	}
	if a := h.ask("", "POST", "/sign-in?user=amara&password="+url.QueryEscape("seven quiet rivers run"), "user=&password="); a.status == http.StatusSeeOther {
		t.Error("an address signs somebody in")
	}
}

// TestSignOutIsOnEveryPage: whoever is signed in finds the way out on each page. Sheets for
// paper lead back to a page that has it.
func TestSignOutIsOnEveryPage(t *testing.T) {
	h, n := full(t), 0
	h.everyGet(func(who, path string, a answer) {
		if who == "" || a.status != 200 || !strings.HasPrefix(a.body, "<!doctype html>") && !strings.HasPrefix(a.body, "<!DOCTYPE html>") || strings.HasPrefix(path, "/fhir") || strings.Contains(path, "/invite/") || strings.Contains(path, "/set-up/") || strings.HasPrefix(path, "/sign-in") {
			return
		}
		n++
		if !strings.Contains(a.body, `action="/sign-out"`) && !strings.Contains(a.body, "sheetbar") {
			t.Errorf("%s by %s has no way out", path, who)
		}
	})
	if n < 80 {
		t.Errorf("only %d pages", n)
	}
}

var inputs = regexp.MustCompile(`<input[^>]*>`)

// TestPasswordFields: passwords are typed unseen, password managers and pasting work, and
// nothing asks for a hint.
func TestPasswordFields(t *testing.T) {
	h, n := full(t), 0
	h.everyGet(func(who, path string, a answer) {
		for _, in := range inputs.FindAllString(a.body, -1) {
			secret := strings.Contains(in, `name="password"`) || strings.Contains(in, `name="present"`) || strings.Contains(in, `name="again"`)
			if !secret && !strings.Contains(in, `type="password"`) {
				continue
			}
			n++
			if strings.Contains(in, `name="secret"`) { // of a program at a provider: nobody's password
				continue
			}
			if !strings.Contains(in, `type="password"`) || strings.Contains(in, `autocomplete="off"`) || !strings.Contains(in, "autocomplete=") || strings.Contains(in, "maxlength") || strings.Contains(in, "onpaste") {
				t.Errorf("%s by %q: %s", path, who, in)
			}
		}
		for _, word := range []string{"maiden name", "secret question", "password hint"} {
			if strings.Contains(strings.ToLower(a.body), word) {
				t.Errorf("%s by %q asks for a %s", path, who, word)
			}
		}
	})
	if n < 10 {
		t.Errorf("only %d fields", n)
	}
}

// TestPasswordsAsTyped: every character of a password counts, of any kind, up to 256 bytes.
func TestPasswordsAsTyped(t *testing.T) {
	for _, p := range []string{"all lower case words here", "ALL UPPER CASE WORDS HERE", "  spaces  around  it  ", "пароль из пяти слов тут", "🙂🙃😀😁😂🤣😃😄😅😆😉😊", strings.Repeat("long words ", 6) + "end", "no digits at all in here"} {
		if err := identity.CheckPassword(p, "amara"); err != nil {
			t.Errorf("%q is refused: %v", p, err)
		}
	}
	h := full(t)
	for _, near := range []string{"Seven quiet rivers run", "seven quiet rivers ru", "seven quiet rivers run ", " seven quiet rivers run", "seven quiet rivers runs", "sevenquietriversrun"} {
		if a := h.ask("", "POST", "/sign-in", url.Values{"user": {"amara"}, "password": {near}}.Encode()); a.status == http.StatusSeeOther {
			t.Errorf("%q signs in", near)
		}
		h.clock.Advance(time.Hour)
	}
	h.clock.Advance(5 * 365 * 24 * time.Hour) // a password has no last day
	if a := h.ask("", "POST", "/sign-in", url.Values{"user": {"amara"}, "password": {"seven quiet rivers run"}}.Encode()); a.status != http.StatusSeeOther || !strings.Contains(strings.Join(a.header["Set-Cookie"], ""), "osler-session=") {
		t.Errorf("five years later: %d %v", a.status, a.header)
	}
}

// TestSecretsAreRandom: secrets of sessions and tokens have 128 bits or more, none is twice
// there or like another, and none is made of who has it.
func TestSecretsAreRandom(t *testing.T) {
	h := full(t)
	secrets := []string{}
	for range 50 {
		_, secret, err := h.site.Accounts.SignInAs(context.Background(), trust.System("test"), "amara", identity.Place{Address: "192.0.2.9"})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	for _, p := range h.people {
		secrets = append(secrets, p.cookie, p.bearer)
	}
	seen, letters := map[string]bool{}, map[rune]int{}
	for _, s := range secrets {
		if i := strings.LastIndexAny(s, "_."); i >= 0 && len(s)-i > 22 { // what names the kind of a token
			s = s[i+1:]
		}
		if s == "" {
			continue
		}
		if len(s) < 22 || seen[s[:11]] || seen[s[len(s)-11:]] {
			t.Errorf("%q is short, or like another", s)
		}
		seen[s[:11]], seen[s[len(s)-11:]] = true, true
		for _, r := range s {
			letters[r]++
		}
	}
	if len(letters) < 26 {
		t.Errorf("only %d letters", len(letters))
	}
}

// TestFaultsSayNothing: when the store is gone, pages and FHIR say so in general words, show
// nothing, and name neither files nor queries.
func TestFaultsSayNothing(t *testing.T) {
	h := full(t)
	h.gone = true
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range [][2]string{{"amara", "/p/rosa"}, {"amara", "/today"}, {"rosa", "/portal"}, {"amara", "/fhir/Patient/rosa"}, {"amara", "/fhir/Patient?family=D"}, {"", "/sign-in"}} {
		a := h.ask(c[0], "GET", c[1], "")
		for _, word := range []string{"sqlite", "SELECT", ".go:", "goroutine", "panic", h.dir, "osler.db", "Díaz"} {
			if strings.Contains(a.body, word) {
				t.Errorf("%s: %d tells of %q", c[1], a.status, word)
			}
		}
		if a.status >= 500 {
			n++
		}
	}
	if n < 4 {
		t.Errorf("only %d of the answers are faults", n)
	}
	if logged := strings.Count(h.log.String(), "level=ERROR"); logged < 2 {
		t.Errorf("%d lines of the log say that something is wrong: %s", logged, h.log)
	}
}
