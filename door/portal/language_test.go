package portal

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/lang"
)

// spoken finds the texts of pages, and the faults, in source: what is written there as one literal.
var (
	spoken = regexp.MustCompile(`(?:\bT\(ctx, |Lang\.T\(|\bt\()("(?:[^"\\]|\\.)*")`)
	told   = regexp.MustCompile(`fault\.(?:New\(|Wrap\(\w+, )fault\.\w+, ("(?:[^"\\]|\\.)*")|fault\.Issue\{[^}]*Text: ("(?:[^"\\]|\\.)*")|c\.wrong\(\w+, ("(?:[^"\\]|\\.)*")`)
)

// TestEveryTextOfThePortalIsInEveryLanguage reads the sources whose texts a patient can meet.
func TestEveryTextOfThePortalIsInEveryLanguage(t *testing.T) {
	n := 0
	for _, s := range []struct {
		glob string
		find *regexp.Regexp
		not  []string // files, or texts, for the staff only
	}{
		{"*", spoken, []string{"as "}},
		{"*.go", told, nil},
		{"../sheet/*", spoken, nil},
		{"../web/*", spoken, []string{"demo.templ", "set_up.templ", "set_up.go", "single.go", "single.templ", "Rows", "Compact", "Comfortable", "Single-key shortcuts (press ? on any page to see them)",
			"Osler is not set up yet", "Open the one-time link that Osler printed when it started. With it, the first administrator makes the first account.", "The link works once. If it is lost, stop and start Osler: it prints a new one.",
			"This clinic asks for the patient’s consent first. While none is on file, a chart is closed to all who treat. The front desk or health records record the consent on the page Rights of the patient; the patient can give it in the portal."}},
		{"../web/*.go", told, []string{"single.go", "set_up.go", "The demonstration has no such account."}},
		{"../../practice/message/*.go", told, []string{"Say which patient the message is about.", "This message would reach a patient it is not meant for.", "Your account is linked to nobody in the clinic, so that it cannot send messages. An administrator can link it."}},
		{"../../practice/intake/record.go", told, nil},
		{"../../practice/intake/document.go", told, nil},
		{"../../practice/medication/tell.go", told, nil},
		{"../../identity/passkey.go", told, nil},
		{"../../identity/password.go", told, nil},
		{"../../identity/second_factor.go", told, []string{"Your own second factor is reset by another administrator."}},
		{"../../identity/recovery.go", told, nil},
		{"../../identity/devices.go", told, nil},
		{"../../record/read.go", told, nil},
		{"../../record/undo.go", told, nil},
	} {
		files, err := filepath.Glob(s.glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", s.glob, len(files), err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") || slices.Contains(s.not, name) {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			for _, m := range s.find.FindAllStringSubmatch(string(source), -1) {
				var text string
				if err := json.Unmarshal([]byte(strings.Join(m[1:], "")), &text); err != nil {
					t.Fatalf("%s: %s: %v", file, m[0], err)
				}
				if n++; slices.Contains(s.not, text) || text == "%s" {
					continue
				}
				for _, tag := range []string{"es", "ar"} {
					if !lang.For(tag).Has(text) {
						t.Errorf("%s: %s lacks %q", file, tag, text)
					}
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d texts were found", n)
	}
}

// TestNobodyMeetsEnglishInThePortal walks the pages, the settings, the questions and the errors as a
// patient who reads Spanish or Arabic.
func TestNobodyMeetsEnglishInThePortal(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	var mu sync.Mutex
	at, lacks := "", map[string]string{}
	defer lang.Watch(func(tag, english string) {
		mu.Lock()
		defer mu.Unlock()
		lacks[tag+" "+english] = at
	})()
	_, list := c.see(maria, "/portal/results")
	all := append([]string{c.must(list, `href="(/portal/results/[^"]+)"`), "/settings", "/settings/security", "/whose", "/portal/none", "/portal/results/none", "/people", "/locked"}, pages...)
	_, list = c.see(maria, "/portal/visits")
	all = append(all, c.must(list, `href="(/portal/visits/[^"]+)"`))
	refused := map[string]url.Values{
		"/portal/rights/correct":          {"wrong": {""}},
		"/portal/rights/restrict":         {"wrong": {""}},
		"/portal/messages":                {"text": {""}, "to": {"x"}},
		"/portal/measure/pressure":        {"upper": {"1"}, "lower": {"x"}},
		"/portal/measure/symptom":         {},
		"/portal/medicines/tell":          {"told": {"takes"}},
		"/portal/medicines/refill":        {"medicine": {"MedicationRequest/none"}},
		"/settings/password":              {"present": {"x"}, "password": {"short"}, "again": {"x"}},
		"/whose/carers":                   {"name": {"Nobody"}, "user": {"nobody"}, "level": {"full"}, "until": {"x"}},
		"/settings/recovery":              {},
		"/settings/second-factor":         {},
		"/settings/second-factor/confirm": {"code": {"000000"}},
		"/prove":                          {"next": {"/portal/download"}, "full": {"yes"}, "prove.password": {"wrong"}},
	}
	for _, tag := range []string{"es", "ar"} {
		c.send(maria, "/settings", url.Values{"language": {tag}})
		for _, path := range all {
			mu.Lock()
			at = path
			mu.Unlock()
			if _, page := c.see(maria, path); !strings.Contains(page, `lang="`+tag+`"`) {
				t.Errorf("%s is not in %s: %s", path, tag, plainText(page))
			}
		}
		for path, form := range refused {
			mu.Lock()
			at = "POST " + path
			mu.Unlock()
			if status, _, page := c.send(maria, path, form); status < 400 && path != "/settings/second-factor" {
				t.Errorf("%s in %s: %d %s", path, tag, status, plainText(page))
			}
		}
	}
	for _, path := range []string{"/sign-in", "/invite/none", "/portal"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Accept-Language", "ar-EG,en;q=0.5")
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if !strings.Contains(string(body), `lang="ar" dir="rtl"`) {
			t.Errorf("%s of somebody whose browser speaks Arabic: %s", path, plainText(string(body)))
		}
	}
	for text, where := range lacks {
		t.Errorf("%s: %q", where, text)
	}
}
