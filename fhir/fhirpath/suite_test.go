package fhirpath

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	fhirxml "github.com/osler-emr/osler/fhir/xml"
)

// suite is the official test suite of FHIRPath for R4.
type suite struct {
	Groups []struct {
		Name  string      `xml:"name,attr"`
		Tests []suiteTest `xml:"test"`
	} `xml:"group"`
}

type suiteTest struct {
	Name       string `xml:"name,attr"`
	Input      string `xml:"inputfile,attr"`
	Predicate  bool   `xml:"predicate,attr"`
	Expression struct {
		Text    string `xml:",chardata"`
		Invalid string `xml:"invalid,attr"`
	} `xml:"expression"`
	Outputs []struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"output"`
}

// TestSuite runs the official suite, with static types. testdata/suite_failing.txt names the
// cases that do not pass, with the reason; a case that starts to pass must be removed.
func TestSuite(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/fhirpath", 10)
	body, err := os.ReadFile(filepath.Join(dir, "tests-fhir-r4.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := xml.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("testdata/suite_failing.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(list)) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "#" || name == "" {
			continue
		}
		if known[name] = reason; reason == "" {
			t.Errorf("%s fails without a reason", name)
		}
	}
	inputs := map[string]*fhir.Node{"": nil}
	failing := 0
	total, seen := 0, map[string]int{}
	for _, g := range s.Groups {
		for _, c := range g.Tests {
			total++
			name := g.Name + "/" + c.Name
			if seen[name]++; seen[name] > 1 {
				name += fmt.Sprintf("#%d", seen[name])
			}
			if _, ok := inputs[c.Input]; !ok {
				inputs[c.Input] = suiteInput(t, filepath.Join(dir, "input", c.Input))
			}
			err := c.run(inputs[c.Input])
			_, isKnown := known[name]
			switch {
			case err == nil && isKnown:
				t.Errorf("%s passes now: take it from testdata/suite_failing.txt", name)
			case err != nil && !isKnown:
				t.Errorf("%s: %s: %v", name, strings.TrimSpace(c.Expression.Text), err)
			}
			if err != nil {
				failing++
			}
		}
	}
	t.Logf("%d of %d cases of the official suite pass", total-failing, total)
}

func (c *suiteTest) run(input *fhir.Node) error {
	if input == nil {
		input = fhir.New("Patient")
	}
	e, err := CompileStrict(input.ResourceType(), strings.TrimSpace(c.Expression.Text))
	var out []Value
	if err == nil {
		out, err = e.Evaluate(input, At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
	}
	if c.Expression.Invalid != "" {
		if err == nil {
			return fmt.Errorf("gives %q, want a fault (%s)", joined(out), c.Expression.Invalid)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if c.Predicate {
		t := len(out) > 0
		if len(out) == 1 {
			if v := out[0].system(); v.kind == Boolean {
				t = v.i != 0
			}
		}
		out = []Value{boolean(t)}
	}
	if len(out) != len(c.Outputs) {
		return fmt.Errorf("gives %d items %q, want %d", len(out), joined(out), len(c.Outputs))
	}
	for i, want := range c.Outputs {
		if got := out[i].Type(); want.Type != "" && !strings.EqualFold(got, want.Type) {
			return fmt.Errorf("item %d is a %s, want a %s", i, got, want.Type)
		}
		if got := out[i].Text(); !sameText(got, want.Text, want.Type) {
			return fmt.Errorf("item %d is %q, want %s %q", i, got, want.Type, want.Text)
		}
	}
	return nil
}

func sameText(got, want, typ string) bool {
	switch typ {
	case "":
		want = strings.TrimPrefix(strings.TrimPrefix(want, "@"), "T")
	case "date", "dateTime", "time", "instant":
		want = strings.TrimPrefix(strings.TrimPrefix(want, "@"), "T")
	case "decimal", "integer":
		a, ok1 := parseDecimal(got)
		b, ok2 := parseDecimal(want)
		return ok1 && ok2 && a.Cmp(b) == 0
	}
	return got == want
}

func suiteInput(t *testing.T, path string) *fhir.Node {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".json") {
		n, err := fhir.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n, err := fhirxml.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
