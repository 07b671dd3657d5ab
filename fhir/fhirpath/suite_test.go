package fhirpath

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
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

// TestSuite runs the official suite. testdata/suite_failing.txt names the cases that do not
// pass yet; a case that starts to pass must be removed from it, so the list only shrinks.
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
	known := strings.Fields(string(list))
	inputs := map[string]*fhir.Node{"": nil}
	var failing []string
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
			isKnown := slices.Contains(known, name)
			switch {
			case err == nil && isKnown:
				t.Errorf("%s passes now: take it from testdata/suite_failing.txt", name)
			case err != nil && !isKnown:
				t.Errorf("%s: %s: %v", name, strings.TrimSpace(c.Expression.Text), err)
			}
			if err != nil {
				failing = append(failing, name)
			}
		}
	}
	t.Logf("%d of %d cases of the official suite pass", total-len(failing), total)
	if os.Getenv("UPDATE_SUITE") != "" {
		if err := os.WriteFile("testdata/suite_failing.txt", []byte(strings.Join(failing, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *suiteTest) run(input *fhir.Node) error {
	if input == nil {
		input = fhir.New("Patient")
	}
	e, err := Compile(strings.TrimSpace(c.Expression.Text))
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
		if got := out[i].Text(); !sameText(got, want.Text, want.Type) {
			return fmt.Errorf("item %d is %q, want %s %q", i, got, want.Type, want.Text)
		}
	}
	return nil
}

func sameText(got, want, typ string) bool {
	switch typ {
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
	d := xml.NewDecoder(strings.NewReader(string(body)))
	for {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := tok.(xml.StartElement); ok {
			n, _, err := readXML(d, start, start.Name.Local, "")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
}

// readXML reads a FHIR element in XML as it would stand in JSON: the value, and the
// companion of a primitive with id or extensions. It serves the inputs of the suite only.
func readXML(d *xml.Decoder, start xml.StartElement, path, code string) (value, companion *fhir.Node, err error) {
	if start.Name.Local == "div" {
		return fhir.Str("<div/>"), nil, d.Skip()
	}
	n := fhir.Obj()
	if definition.IsResource(path) {
		n.Set("resourceType", fhir.Str(path))
	}
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "value":
			value = primitive(code, a.Value)
		case "id", "url":
			n.Set(a.Name.Local, fhir.Str(a.Value))
		}
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return nil, nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, nil, err
		}
		switch tok := tok.(type) {
		case xml.EndElement:
			if t, ok := definition.Lookup(code); ok && t.Kind == "primitive-type" || value != nil {
				if n.Len() == 0 {
					n = nil
				}
				return value, n, nil
			}
			return n, nil, nil
		case xml.StartElement:
			if err := addXML(d, n, tok, path); err != nil {
				return nil, nil, err
			}
		}
	}
}

func addXML(d *xml.Decoder, n *fhir.Node, start xml.StartElement, path string) error {
	name := start.Name.Local
	var below, code string
	many := name == "extension"
	if e, c, ok := definition.Child(path, name); ok {
		many, code, below = e.Max != 1, c, definition.Below(e, c)
	}
	if definition.IsResource(name) { // contained or entry.resource
		inner, _, err := readXML(d, start, name, "")
		if err == nil {
			for member, x := range inner.Members() {
				n.Set(member, x)
			}
		}
		return err
	}
	value, companion, err := readXML(d, start, below, code)
	if err != nil {
		return err
	}
	if !many {
		n.Set(name, value)
		n.Set("_"+name, companion)
		return nil
	}
	add := func(member string, x *fhir.Node) {
		if n.Get(member) == nil {
			n.Set(member, fhir.Arr())
		}
		n.Get(member).Append(x)
	}
	before := n.Get(name).Len()
	add(name, value)
	if companion != nil {
		for n.Get("_"+name).Len() < before {
			null, _ := fhir.Parse([]byte("null"))
			add("_"+name, null)
		}
		add("_"+name, companion)
	}
	return nil
}

func primitive(code, s string) *fhir.Node {
	switch code {
	case "boolean":
		return fhir.Bool(s == "true")
	case "integer", "positiveInt", "unsignedInt", "decimal":
		return fhir.Decimal(s)
	}
	return fhir.Str(s)
}
