package lang

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var verbs = regexp.MustCompile(`%(\[\d\])?[a-z]`)

// TestCataloguesAreSortedAndComplete: each catalogue holds the same English texts, each once, one a
// line and sorted, so that two people who add one do not meet; none is empty, and what is put into a
// text is put into its translation.
func TestCataloguesAreSortedAndComplete(t *testing.T) {
	all := catalogues()
	if len(all) != len(Tags())-1 {
		t.Fatalf("%d catalogues, %d languages: one cannot be read", len(all), len(Tags()))
	}
	for tag, texts := range all {
		body, err := files.ReadFile(tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		to := json.NewEncoder(&want)
		to.SetEscapeHTML(false)
		to.SetIndent("", "\t")
		if err := to.Encode(texts); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body, want.Bytes()) {
			got, sorted := strings.Split(string(body), "\n"), strings.Split(want.String(), "\n")
			for i := range got {
				if i >= len(sorted) || got[i] != sorted[i] {
					t.Errorf("%s.json is not sorted, or has a text twice, from line %d: %s", tag, i+1, got[i])
					break
				}
			}
		}
		for other, there := range all {
			for english := range maps.Keys(there) {
				if base, form, ok := strings.Cut(english, "|"); ok { // a form that this language need not have
					if there[base] == "" || !slices.Contains([]string{"one", "two", "few", "many"}, form) {
						t.Errorf("%s.json: %q is a form of no text", other, english)
					}
					continue
				}
				if strings.TrimSpace(texts[english]) == "" {
					t.Errorf("%s.json lacks %q, which %s.json has", tag, english, other)
				}
			}
		}
		for english, text := range texts {
			in, out := verbs.FindAllString(english, -1), verbs.FindAllString(text, -1)
			if _, form, _ := strings.Cut(english, "|"); (form == "one" || form == "two") && len(out) == 0 { // without a number
				continue
			}
			if strings.Contains(english+text, "%[") { // puts them in another order
				in, out = places(in), places(out)
			}
			if _, form, _ := strings.Cut(english, "|"); form == "one" || form == "two" { // the number may be in the word
				in = slices.DeleteFunc(in, func(v string) bool { return !slices.Contains(out, v) })
			}
			if !slices.Equal(in, out) {
				t.Errorf("%s.json: %q takes %v, its translation %v", tag, english, in, out)
			}
		}
	}
}

// places are the arguments that verbs stand for, each once.
func places(verbs []string) []string {
	out := make([]string, len(verbs))
	for i, v := range verbs {
		if out[i] = strconv.Itoa(i + 1); strings.Contains(v, "[") {
			out[i] = strings.Trim(v, "%[]abcdefghijklmnopqrstuvwxyz")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestArabicCountsInItsForms: two, a few and many of a thing are said as Arabic says them.
func TestArabicCountsInItsForms(t *testing.T) {
	ar := For("ar")
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"You have %d new results", 2, "لديك نتيجتان جديدتان"}, {"You have %d new results", 3, "لديك 3 نتائج جديدة"},
		{"You have %d new results", 11, "لديك 11 نتيجة جديدة"}, {"You have %d new results", 103, "لديك 103 نتائج جديدة"},
		{"%d medicines", 2, "دواءان"}, {"%d medicines", 7, "7 أدوية"}, {"%d medicines", 12, "12 دواءً"}, {"%d medicines", 100, "100 دواء"},
		{"%d people or computers", 4, "4 أشخاص أو حواسيب"}, {"%d people or computers", 20, "20 شخصًا أو حاسوبًا"},
	} {
		if got := ar.T(c.text, c.n); got != c.want {
			t.Errorf("%d: %q, want %q", c.n, got, c.want)
		}
	}
	if got, want := ar.T("%d values since %s", 2, "2024"), "قيمتان منذ 2024"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for english := range catalogues()["ar"] { // whoever adds one form adds them all
		base, _, ok := strings.Cut(english, "|")
		for _, form := range []string{"two", "few", "many"} {
			if ok && !ar.Has(base+"|"+form) {
				t.Errorf("%q has no form for %s", base, form)
			}
		}
	}
	if got := For("es").T("%d days", 2); got != "2 días" {
		t.Errorf("%q", got)
	}
}

func TestMoment(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	for value, want := range map[string]string{
		"1968": "1968-01-01T00:00:00-05:00", "1968-03": "1968-03-01T00:00:00-05:00", "1968-03-14": "1968-03-14T00:00:00-05:00",
		"2026-11-24T01:12:00+01:00": "2026-11-23T19:12:00-05:00", "": "0001-01-01T00:00:00Z", "yesterday": "0001-01-01T00:00:00Z",
	} {
		if got := Moment(value, zone).Format(time.RFC3339); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}
