package lang

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
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
				if strings.TrimSpace(texts[english]) == "" {
					t.Errorf("%s.json lacks %q, which %s.json has", tag, english, other)
				}
			}
		}
		for english, text := range texts {
			in, out := verbs.FindAllString(english, -1), verbs.FindAllString(text, -1)
			if strings.Contains(text, "%[") { // puts them in another order
				continue
			}
			if !slices.Equal(in, out) {
				t.Errorf("%s.json: %q takes %v, its translation %v", tag, english, in, out)
			}
		}
	}
}
