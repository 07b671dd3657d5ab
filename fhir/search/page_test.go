package search

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestExamplesOfThePage: the searches and the SearchParameter of docs/interfaces/search.md are
// what this package reads.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/interfaces/search.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), `\|`, "|")
	any := func(system, code string) ([]string, error) { return []string{code}, nil }
	p := Parser{ValueSet: func(string) ([]Coding, error) { return []Coding{{"a", "b"}}, nil }, Below: any, Above: any}
	read := 0
	for _, m := range regexp.MustCompile("`(/fhir|[A-Z][A-Za-z]+)\\?([^`]+)`").FindAllStringSubmatch(text, -1) {
		params, err := ParseQuery(m[2])
		if err == nil {
			_, err = p.Parse(strings.TrimPrefix(m[1], "/fhir"), params, Strict)
		}
		if read++; err != nil {
			t.Errorf("%s?%s: %v", m[1], m[2], err)
		}
	}
	if read < 9 {
		t.Errorf("only %d searches were found on the page", read)
	}
	_, block, _ := strings.Cut(text, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	r, err := fhir.Parse([]byte(block))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := (*Registry)(nil).ReadParameter(r); err != nil || !ok {
		t.Errorf("the SearchParameter of the page: %v, %v", ok, err)
	}
}
