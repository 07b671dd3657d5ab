package rx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/lang"
)

// said finds what the checks say, in source.
var said = regexp.MustCompile(`(?:lang\.Say\(|labelled\(|Title: |Label: |Evidence: |what :?= |return |s\.miss\([^"\n]*(?:"[^"]*", )?|s\.pregnancy\("[A-Z-]+", i, \w+, )("(?:[^"\\]|\\.)*")`)

// evidenced finds the evidence of an allergy, which is an argument.
var evidenced = regexp.MustCompile(`s\.allergy\(.*\), ("[^"]*"), `)

// words are all texts of the checks.
func words(t *testing.T) []string {
	t.Helper()
	all := slices.Concat(keepReasons, []string{Allergies, Interactions, Duplicates, Dose, Kidney, Potassium, Conditions, InPregnancy, OlderAdult, allChecks, NotCovered,
		"%s and %s", "%s or %s", "1 year old: no caution for age", "%d years old: no caution for age"})
	for _, p := range pairs {
		all = append(all, p.title, p.said("a", "b").Words, p.evidence, p.test)
	}
	for _, r := range conditionRules {
		all = append(all, "%s "+r.say)
	}
	for _, r := range kidneyRules {
		all = append(all, "%s "+r.say)
	}
	for _, r := range olderRules {
		all = append(all, "%s "+r.say)
	}
	for class := range withinClass {
		all = append(all, string(class))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "interaction_") {
			continue
		}
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Concat(said.FindAllSubmatch(source, -1), evidenced.FindAllSubmatch(source, -1)) {
			var text string
			if err := json.Unmarshal(m[1], &text); err != nil {
				t.Fatal(f, err)
			}
			if strings.Contains(string(m[0]), "s.pregnancy(") { // the medicine goes before it
				text = "%s " + text
			}
			all = append(all, text)
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return strings.Trim(s, "% s") == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// TestEverySentenceOfTheChecksIsInEveryLanguage: who reads Spanish or Arabic is warned in it, of everything: a
// sentence without a translation would be the one in English that is not read.
func TestEverySentenceOfTheChecksIsInEveryLanguage(t *testing.T) {
	all := words(t)
	if len(all) < 250 {
		t.Errorf("only %d texts were found", len(all))
	}
	for _, tag := range []string{"es", "ar"} {
		for _, text := range all {
			if !lang.For(tag).Has(text) {
				t.Errorf("%s lacks %q", tag, text)
			}
		}
	}
}
