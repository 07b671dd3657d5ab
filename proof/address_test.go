package proof

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/web"
)

var (
	tag       = regexp.MustCompile(`<(form|input|select|textarea|button|a|div|pick-list|type-ahead|note-fields|[a-z-]+)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*/?>|</form>`)
	attribute = regexp.MustCompile(`([a-zA-Z:-]+)="([^"]*)"`)
)

// attributes are those of a tag, without escapes.
func attributes(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(s, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// TestNothingPersonalInAddresses walks all pages of the clinic, the portal and the programs,
// and reads every form, link and request that they hold: no form sends its fields in the address
// except ids, days and choices; no link holds anything else; and whatever is put into an address
// by hand is gone before a page sees it, is in no answer, no redirect and no log.
func TestNothingPersonalInAddresses(t *testing.T) {
	h := full(t)
	forms, links := 0, 0
	h.everyGet(func(who, path string, a answer) {
		if strings.HasPrefix(path, "/fhir") || !strings.Contains(a.header.Get("Content-Type"), "text/html") {
			if to := a.header.Get("Location"); to != "" && !strings.HasPrefix(path, "/fhir") && !web.Addressable(to) {
				t.Errorf("%s by %q redirects to %s", path, who, to)
			}
			return
		}
		asking := false // inside a form that is sent by GET
		for _, m := range tag.FindAllStringSubmatch(a.body, -1) {
			if m[0] == "</form>" {
				asking = false
				continue
			}
			at := attributes(m[2])
			switch m[1] {
			case "form":
				if asking = !strings.EqualFold(at["method"], "post"); asking {
					forms++
				}
			case "input", "select", "textarea":
				name := at["name"]
				if (asking || at["hx-get"] != "") && name != "" && name != "glass" && !web.Addressable("/x?"+url.Values{name: {at["value"]}}.Encode()) {
					t.Errorf("%s by %q: a form puts %q into the address", path, who, name)
				}
				if at["hx-get"] != "" && at["type"] == "search" {
					t.Errorf("%s by %q: a search field %q asks with GET", path, who, name)
				}
			}
			for _, name := range []string{"href", "action", "formaction", "hx-get", "hx-post", "data-url", "data-preview", "data-pull"} {
				to, ok := at[name]
				if !ok || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "/fhir") {
					continue
				}
				if links++; !web.Addressable(to) {
					t.Errorf("%s by %q: %s leads to %s", path, who, name, to)
				}
			}
		}
	})
	if forms < 1 || links < 5000 {
		t.Errorf("only %d forms and %d links", forms, links)
	}
	t.Logf("%d forms that ask, %d links", forms, links)

	// By hand: names and words are gone before a page sees them.
	const typed = "Canarybird"
	q := url.Values{}
	for _, name := range []string{"q", "find", "name", "family", "given", "birthDate", "text", "free", "reason", "search", "phone", "word", "comment", "title"} {
		q.Set(name, typed)
	}
	q.Set("day", typed+" and more")
	q.Set("next", "/charts?q="+typed)
	q.Set("book", "day=2026-11-23&q="+typed)
	h.log.Reset()
	for _, who := range []string{"amara", "dana", "rosa", "ada", ""} {
		for _, rt := range h.routes() {
			method, pattern, _ := strings.Cut(rt.Pattern, " ")
			if method == http.MethodGet && pattern != "/oauth/authorize" {
				a := h.ask(who, method, fill(pattern, "rosa", "r")+"?"+q.Encode(), "")
				if strings.Contains(a.body+a.header.Get("Location"), typed) {
					t.Errorf("%s by %q takes a word out of the address: %d %s", pattern, who, a.status, a.header.Get("Location"))
				}
			}
		}
	}
	h.ask("amara", "GET", "/fhir/Patient?family="+typed+"&nonsense="+typed, "")
	h.ask("amara", "POST", "/find?q="+typed, "q="+typed, "HX-Request: true", "HX-Current-URL: http://osler.example/charts?q="+typed)
	if strings.Contains(h.log.String(), typed) {
		t.Errorf("the log holds what was in an address: %.600s", h.log)
	}
}

// TestScriptsAskByPost: no script of Osler writes what somebody types into an address.
func TestScriptsAskByPost(t *testing.T) {
	for _, name := range []string{"app.js", "pick.js", "chart.js"} {
		text := source(t, "door/ui/asset/"+name)
		if n := strings.Count(text, "new URLSearchParams"); n != strings.Count(text, "const body = new URLSearchParams") {
			t.Errorf("%s makes an address of what is typed", name)
		}
		if strings.Contains(text, "searchParams") || regexp.MustCompile(`\+ *"\?"|\?\$\{`).MatchString(text) {
			t.Errorf("%s adds to an address", name)
		}
	}
}
