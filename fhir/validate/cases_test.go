package validate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/profile"
	"github.com/osler-emr/osler/fhir/xml"
)

// knownDifferences reads the cases that are allowed to differ, with reasons.
func knownDifferences(t *testing.T) map[string]string {
	body, err := os.ReadFile("testdata/known_differences.tsv")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(body)) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			known[name] = reason
		}
	}
	return known
}

func TestPublicValidatorCases(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/validator", 61)
	body, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Cases []struct {
			Name, File, Expect string
			Examples           *bool
		}
	}
	if err := json.Unmarshal(body, &manifest); err != nil {
		t.Fatal(err)
	}
	known, passed := knownDifferences(t), 0
	for _, c := range manifest.Cases {
		body, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		got, text := outcome(c.File, body, c.Examples != nil && !*c.Examples)
		switch pass, reason := got == c.Expect, known[c.Name]; {
		case pass && reason != "":
			t.Errorf("%s passes now; take it out of the known differences", c.Name)
		case pass:
			passed++
		case reason == "":
			t.Errorf("%s: %s, want %s: %s", c.Name, got, c.Expect, text)
		}
	}
	t.Logf("%d of %d cases pass; the others are listed with a reason", passed, len(manifest.Cases))
	if passed < 59 {
		t.Errorf("only %d cases pass", passed)
	}
}

// outcome validates a file, each line of it when it is NDJSON.
func outcome(name string, body []byte, refuseExamples bool) (string, string) {
	documents, parse := [][]byte{body}, fhir.Parse
	if filepath.Ext(name) == ".xml" {
		parse = xml.Decode
	}
	if filepath.Ext(name) == ".ndjson" {
		documents = bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	}
	for _, body := range documents {
		r, err := parse(body)
		if err != nil {
			return "error", err.Error()
		}
		if issues := With(r, Options{Strict: true, RefuseExamples: refuseExamples, Library: profile.NewLibrary(nil)}); faulty(issues) {
			return "error", issues[0].Expression + ": " + issues[0].Text
		}
	}
	return "no error", ""
}

// notValid are examples that break the specification they come with: file, place.
var notValid = map[string]string{
	"devicemetric-example.json DeviceMetric.parent": "points at a DeviceDefinition, but only Device is allowed",
	"request.json StructureDefinition":              "a logical model that is neither abstract nor has a base (sdf-4)",
}

func TestExamplesOfTheSpecificationAreValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sample.Dir(t, "fhir-r4/examples/json", 1159), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	library := profile.NewLibrary(nil) // R4's own profiles and extension definitions hold, too
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(name), err)
		}
		for _, x := range With(r, Options{Library: library}) {
			if x.Severity != "error" && x.Severity != "fatal" {
				continue
			}
			place := filepath.Base(name) + " " + x.Expression
			if met[place]++; notValid[place] == "" {
				t.Errorf("%s: %s: %s", filepath.Base(name), x.Expression, x.Text)
			}
		}
	}
	for path := range notValid {
		if met[path] == 0 {
			t.Errorf("no example breaks %s any more; take it out of the list", path)
		}
	}
}

func faulty(issues []fault.Issue) bool {
	return len(issues) > 0 && (issues[0].Severity == "error" || issues[0].Severity == "fatal")
}
