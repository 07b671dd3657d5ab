package clinic

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/labrange"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust/policy"
)

// spoken finds the texts of pages in source, and what a form refuses: what is written there as one literal.
var spoken = regexp.MustCompile(`(?:\bT\(ctx, |Lang\.T\(|\blang\.Say\()("(?:[^"\\]|\\.)*")` +
	`|\bcounted(?:Text)?\((?:\w+(?:\.Context\(\))?, )?("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")` +
	`|\blook\{("[^"]*"), "[a-z]*", ("[^"]*")\}` +
	`|fault\.(?:New\(|Wrap\(\w+, )fault\.\w+, ("(?:[^"\\]|\\.)*")|fault\.Issue\{[^}]*Text: ("(?:[^"\\]|\\.)*")[,}]`)

// TestEveryTextOfTheClinicIsInEveryLanguage reads the sources whose texts the people of the clinic meet.
func TestEveryTextOfTheClinicIsInEveryLanguage(t *testing.T) {
	all := map[string]string{} // text to where
	for glob, not := range map[string][]string{
		"*":                  {},
		"../ui/*":            {},
		"../web/*":           {"demo.templ", "The demonstration has no such account."},
		"../sheet/*":         {},
		"../../practice/*/*": {},
	} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", glob, len(files), err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") || slices.Contains(not, name) {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			for _, m := range spoken.FindAllStringSubmatch(string(source), -1) {
				for _, literal := range m[1:] {
					var text string
					if literal == "" {
						continue
					}
					if err := json.Unmarshal([]byte(literal), &text); err != nil {
						t.Fatalf("%s: %s: %v", file, m[0], err)
					}
					if text != "%s" && !slices.Contains(not, text) {
						all[text] = file
					}
				}
			}
		}
	}
	for text, where := range namedThings() {
		all[text] = where
	}
	if len(all) < 2000 {
		t.Errorf("only %d texts were found", len(all))
	}
	for text, where := range all {
		for _, tag := range []string{"es", "ar"} {
			if !lang.For(tag).Has(text) {
				t.Errorf("%s: %s lacks %q", where, tag, text)
			}
		}
	}
}

// namedThings are the words that pages take from tables.
func namedThings() map[string]string {
	all := map[string]string{}
	for _, test := range labrange.Tests() {
		all[test.Name], all[string(test.Group)] = "a test", "a group of tests"
	}
	for _, d := range vital.Definitions() {
		all[d.Name] = "a vital sign"
	}
	for _, r := range allergen.Reactions() {
		all[r.Text] = "a reaction"
	}
	for _, l := range policy.Labels {
		all[l.Text] = "a label"
	}
	for _, x := range drug.Timings() {
		all[x.Name] = "how often"
	}
	for _, route := range knownRoutes {
		all[route] = "a route"
	}
	for _, s := range []schedule.State{schedule.Booked, schedule.Arrived, schedule.InRoom, schedule.Fulfilled, schedule.NoShow, schedule.Cancelled} {
		all[s.Word()], all[moveWord(s)] = "a state", "a move"
	}
	for _, role := range staff.Roles() {
		all[roleWord(role)] = "a role"
	}
	delete(all, "")
	return all
}

// TestNobodyMeetsEnglishInAVisit walks the pages of a visit as a physician who reads Spanish or Arabic.
func TestNobodyMeetsEnglishInAVisit(t *testing.T) {
	h := open(t)
	h.ill()
	anna := h.signedIn("anna")
	var mu sync.Mutex
	at, lacks := "", map[string]string{}
	defer lang.Watch(func(tag, english string) {
		mu.Lock()
		defer mu.Unlock()
		lacks[tag+" "+english] = at
	})()
	anna.post("/p/maria/visit", "reason", "cough")
	all := []string{"/today", "/inbox", "/schedule", "/charts", "/register", "/p/maria/details"}
	for _, part := range []string{"", "/problems", "/allergies", "/vitals", "/immunizations", "/documents", "/timeline", "/notes", "/charges", "/looked", "/messages",
		"/medications", "/prescribe", "/prescribe?q=ibuprofen", "/prescribe?q=warfarin", "/orders", "/results", "/results/new", "/rights", "/emergency"} {
		all = append(all, "/p/maria"+part)
	}
	for _, tag := range []string{"es", "ar"} {
		anna.post("/settings", "language", tag, "keys", "on")
		for _, path := range all {
			mu.Lock()
			at = path
			mu.Unlock()
			if a := anna.get(path); a.status >= 500 || !strings.Contains(a.body, `lang="`+tag+`"`) {
				t.Errorf("%s in %s: %d", path, tag, a.status)
			}
		}
		at = "POST"
		for _, medicine := range []string{"ibuprofen 400 mg tablet", "methotrexate 2.5 mg tablet", "moonflower", "sulfamethoxazole and trimethoprim 800 mg/160 mg tablet", "metformin 1,000 mg tablet"} {
			page := anna.post("/p/maria/prescribe", "medicine", medicine, "dose", "9 tablets", "route", "by mouth", "timing", "4-1-d", "quantity", "10 tablets", "repeats", "0")
			if page.status >= 500 {
				t.Errorf("%s in %s: %d", medicine, tag, page.status)
			}
		}
		anna.post("/p/maria/allergies", "agent", "")
		anna.post("/p/maria/problems", "text", "")
		anna.post("/p/maria/vitals", "weight", "9999")
	}
	for text, where := range lacks {
		t.Errorf("%s: %s", where, text)
	}
}
