package patch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{`"active":true`, `"active":true`, `{"resourceType":"Parameters"}`},
		{`"active":true`, `"active":false`, program(`replace|Patient.active|value="valueBoolean":false`)},
		{`"active":true`, `"gender":"male"`, program(`add|Patient|name="valueString":"gender"|value="valueCode":"male"`, `delete|Patient.active`)},
		{`"deceasedBoolean":true`, `"deceasedDateTime":"2020"`, program(`replace|Patient.deceased|value="valueDateTime":"2020"`)},
		{`"name":[{"given":["a","b","c"]}]`, `"name":[{"given":["a","c"]}]`, program(`delete|Patient.name[0].given[1]`)},
		{`"name":[{"text":"a"}]`, `"name":[{"text":"b"},{"text":"a"}]`, program(`insert|Patient.name|index="valueInteger":0|value="valueHumanName":{"text":"b"}`)},
		{`"name":[{"text":"a"}]`, `"name":[{"text":"b","use":"usual"}]`, program(`replace|Patient.name[0].text|value="valueString":"b"`, `add|Patient.name[0]|name="valueString":"use"|value="valueCode":"usual"`)},
		{`"birthDate":"2020"`, `"birthDate":"2020","_birthDate":{"id":"x"}`, program(`replace|Patient.birthDate|value="valueDate":"2020","_valueDate":{"id":"x"}`)},
		{`"active":true`, `"active":true,"contact":[{"gender":"male"}]`, program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"gender","valueCode":"male"}]`)},
	} {
		got, err := Diff(parse(t, `{"resourceType":"Patient",`+c.before+`}`), parse(t, `{"resourceType":"Patient",`+c.after+`}`))
		if err != nil {
			t.Errorf("%s -> %s: %v", c.before, c.after, err)
			continue
		}
		if !equal(got, sorted(t, c.want)) {
			t.Errorf("%s -> %s:\n%s, want\n%s", c.before, c.after, got.JSON(), c.want)
		}
	}
	for _, c := range [][2]string{
		{`{"resourceType":"Patient"}`, `{"resourceType":"Group"}`},
		{`{"resourceType":"Nonsense"}`, `{"resourceType":"Nonsense"}`},
		{`{"resourceType":"Patient"}`, `{"resourceType":"Patient","spam":1}`},
	} {
		if got, err := Diff(parse(t, c[0]), parse(t, c[1])); err == nil {
			t.Errorf("%v: %s", c, got.JSON())
		}
	}
}

// sorted puts the parts in the order in which Diff writes them.
func sorted(t *testing.T, program string) *fhir.Node {
	n := parse(t, program)
	for op := range n.Get("parameter").Items() {
		parts := fhir.Arr()
		for _, name := range []string{"type", "path", "name", "index", "value"} {
			for p := range op.Get("part").Items() {
				if p.Get("name").Text() == name {
					parts.Append(p)
				}
			}
		}
		op.Set("part", parts)
	}
	return n
}

// What FHIRPath makes of one example and the Diff to the next example of its type is that
// next example, for all of R4.
func TestDiffOfAllExamples(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/examples/json", 1000)
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	last := map[string]*fhir.Node{}
	n, operations := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(b)
		if err != nil || len(b) > 200_000 {
			continue
		}
		if before := last[r.ResourceType()]; before != nil {
			d, err := Diff(before, r)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(f), err)
				continue
			}
			if d.Get("parameter").Len() > MaxOperations {
				continue
			}
			got, err := FHIRPath(before, d)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(f), err)
			} else if !alike(got, r) {
				t.Errorf("%s: the patch makes something else:\n%s", filepath.Base(f), firstDifference("", got, r))
			}
			n++
			operations += d.Get("parameter").Len()
		}
		last[r.ResourceType()] = r
	}
	if t.Logf("%d pairs, %d operations", n, operations); n < 900 {
		t.Errorf("%d pairs compared", n)
	}
}

func firstDifference(path string, got, want *fhir.Node) string {
	if got.Kind() == want.Kind() && got.Len() == want.Len() {
		for name, v := range want.Members() {
			if !alike(got.Get(name), v) {
				return firstDifference(path+"."+name, got.Get(name), v)
			}
		}
		for i := range want.Len() {
			if want.Kind() == fhir.Array && !alike(got.At(i), want.At(i)) {
				return firstDifference(fmt.Sprintf("%s[%d]", path, i), got.At(i), want.At(i))
			}
		}
	}
	a, b := []byte("nothing"), []byte("nothing")
	if got != nil {
		a = got.JSON()
	}
	if want != nil {
		b = want.JSON()
	}
	return fmt.Sprintf("%s: %.300s, want %.300s", path, a, b)
}
