package patch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// program is a FHIRPath Patch of operations, each written as "type|path|name=json|…".
func program(operations ...string) string {
	var list []string
	for _, op := range operations {
		fields := strings.Split(op, "|")
		parts := []string{fmt.Sprintf(`{"name":"type","valueCode":%q}`, fields[0]), fmt.Sprintf(`{"name":"path","valueString":%q}`, fields[1])}
		for _, f := range fields[2:] {
			name, v, _ := strings.Cut(f, "=")
			parts = append(parts, fmt.Sprintf(`{"name":%q,%s}`, name, v))
		}
		list = append(list, `{"name":"operation","part":[`+strings.Join(parts, ",")+`]}`)
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(list, ",") + `]}`
}

func TestFHIRPath(t *testing.T) {
	for _, c := range []struct{ name, before, patch, after string }{
		{"nothing", `"birthDate":"1920-01-01"`, `{"resourceType":"Parameters"}`, `"birthDate":"1920-01-01"`},
		{"replace a primitive", `"birthDate":"1920-01-01"`, program(`replace|Patient.birthDate|value="valueDate":"1930-01-01"`), `"birthDate":"1930-01-01"`},
		{"replace a primitive with extensions", `"birthDate":"1920","_birthDate":{"id":"x"}`, program(`replace|Patient.birthDate|value="valueDate":"1930","_valueDate":{"id":"y"}`), `"birthDate":"1930","_birthDate":{"id":"y"}`},
		{"an extension of what was is gone", `"birthDate":"1920","_birthDate":{"id":"x"}`, program(`replace|Patient.birthDate|value="valueDate":"1930"`), `"birthDate":"1930"`},
		{"delete", `"birthDate":"1920","gender":"male"`, program(`delete|Patient.birthDate`), `"gender":"male"`},
		{"delete what is not there", `"gender":"male"`, program(`delete|Patient.birthDate`), `"gender":"male"`},
		{"delete the only content", `"contact":[{"name":{"text":"a"}}],"active":true`, program(`delete|Patient.contact[0].name.text`), `"active":true`},
		{"delete in a list", `"name":[{"given":["a","b","c"],"_given":[null,{"id":"x"},null]}]`, program(`delete|Patient.name.given[0]`), `"name":[{"given":["b","c"],"_given":[{"id":"x"},null]}]`},
		{"delete the extended", `"name":[{"given":["a","b"],"_given":[null,{"id":"x"}]}]`, program(`delete|Patient.name.given[1]`), `"name":[{"given":["a"]}]`},
		{"add", `"active":true`, program(`add|Patient|name="valueString":"birthDate"|value="valueDate":"1930"`), `"active":true,"birthDate":"1930"`},
		{"add to a list", `"name":[{"text":"a"}]`, program(`add|Patient|name="valueString":"name"|value="valueHumanName":{"text":"b"}`), `"name":[{"text":"a"},{"text":"b"}]`},
		{"add the first of a list", `"active":true`, program(`add|Patient|name="valueString":"name"|value="valueHumanName":{"text":"b"}`), `"active":true,"name":[{"text":"b"}]`},
		{"add of a choice", `"active":true`, program(`add|Patient|name="valueString":"deceased"|value="valueDateTime":"2020"`), `"active":true,"deceasedDateTime":"2020"`},
		{"add of a choice by its full name", `"active":true`, program(`add|Patient|name="valueString":"deceased[x]"|value="valueBoolean":true`), `"active":true,"deceasedBoolean":true`},
		{"replace a choice by another type", `"deceasedBoolean":true`, program(`replace|Patient.deceased|value="valueDateTime":"2020"`), `"deceasedDateTime":"2020"`},
		{"add an unnamed type", `"active":true`, program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"name","valueHumanName":{"text":"a"}},{"name":"telecom","valueContactPoint":{"value":"1"}},{"name":"telecom","valueContactPoint":{"value":"2"}}]`), `"active":true,"contact":[{"name":{"text":"a"},"telecom":[{"value":"1"},{"value":"2"}]}]`},
		{"nested unnamed types", `"active":true`, program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"extension","valueExtension":{"url":"u","valueCode":"c"}},{"name":"period","valuePeriod":{"start":"2020"}}]`), `"active":true,"contact":[{"extension":[{"url":"u","valueCode":"c"}],"period":{"start":"2020"}}]`},
		{"add an extension to a primitive", `"birthDate":"1920"`, program(`add|Patient.birthDate|name="valueString":"extension"|value="valueExtension":{"url":"u","valueCode":"c"}`), `"birthDate":"1920","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]}`},
		{"replace in an extension of a primitive", `"birthDate":"1920","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]}`, program(`replace|Patient.birthDate.extension('u').value|value="valueCode":"d"`), `"birthDate":"1920","_birthDate":{"extension":[{"url":"u","valueCode":"d"}]}`},
		{"insert first", `"name":[{"text":"a"}]`, program(`insert|Patient.name|index="valueInteger":0|value="valueHumanName":{"text":"b"}`), `"name":[{"text":"b"},{"text":"a"}]`},
		{"insert last", `"name":[{"text":"a"}]`, program(`insert|Patient.name|index="valueInteger":1|value="valueHumanName":{"text":"b"}`), `"name":[{"text":"a"},{"text":"b"}]`},
		{"move", `"name":[{"given":["a","b","c"]}]`, program(`move|Patient.name.given|source="valueInteger":0|destination="valueInteger":2`), `"name":[{"given":["b","c","a"]}]`},
		{"by two conditions", `"name":[{"use":"usual","text":"a"},{"use":"old","text":"b"}]`, program(`delete|Patient.name.where(text = 'b' and (use = 'old' or (use.empty())))`), `"name":[{"use":"usual","text":"a"}]`},
		{"what looks like a function in a text", `"name":[{"text":"count()"}]`, program(`replace|Patient.name.where(text = 'count()').text|value="valueString":"c"`), `"name":[{"text":"c"}]`},
		{"by a condition", `"name":[{"use":"usual","text":"a"},{"use":"official","text":"b"}]`, program(`replace|Patient.name.where(use='official').text|value="valueString":"c"`), `"name":[{"use":"usual","text":"a"},{"use":"official","text":"c"}]`},
		{"replace what has extensions only", `"_gender":{"id":"x"}`, program(`replace|Patient.gender|value="valueCode":"male"`), `"gender":"male"`},
		{"in a contained resource", `"contained":[{"resourceType":"Organization","id":"o","name":"a"}]`, program(`replace|Patient.contained[0].name|value="valueString":"b"`), `"contained":[{"resourceType":"Organization","id":"o","name":"b"}]`},
		{"each sees the one before", `"active":true`, program(`add|Patient|name="valueString":"name"|value="valueHumanName":{"text":"b"}`, `replace|Patient.name[0].text|value="valueString":"c"`), `"active":true,"name":[{"text":"c"}]`},
		{"decimals stay as written", `"active":true`, program(`add|Patient|name="valueString":"extension"|value="valueExtension":{"url":"u","valueDecimal":1.50}`), `"active":true,"extension":[{"url":"u","valueDecimal":1.50}]`},
	} {
		before := parse(t, `{"resourceType":"Patient",`+c.before+`}`)
		got, err := FHIRPath(before, parse(t, c.patch))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := `{"resourceType":"Patient",` + c.after + `}`; string(got.JSON()) != want {
			t.Errorf("%s: %s, want %s", c.name, got.JSON(), want)
		}
		if string(before.JSON()) != `{"resourceType":"Patient",`+c.before+`}` {
			t.Errorf("%s: the resource itself was changed", c.name)
		}
	}
}

func TestFHIRPathRefuses(t *testing.T) {
	const patient = `{"resourceType":"Patient","active":true,"birthDate":"1920","name":[{"text":"secret","given":["a"]},{"text":"b"}],"deceasedBoolean":false,"_gender":{"id":"x"}}`
	for _, p := range []string{
		`{"resourceType":"Patient"}`,
		`{"resourceType":"Parameters","parameter":[{"name":"spam"}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"operation"}]}`,
		program(`spam|Patient`),
		program(`add|Patient|name="valueString":"birthDate"|value="valueDate":"1930"`),
		program(`add|Patient|name="valueString":"deceased"|value="valueDateTime":"1930"`),
		program(`add|Patient|name="valueString":"nonsense"|value="valueDate":"1930"`),
		program(`add|Patient|name="valueString":"birthDate"`),
		program(`add|Patient|value="valueDate":"1930"`),
		program(`add|Patient.name|name="valueString":"text"|value="valueString":"1930"`),
		program(`add|Patient.birthDate|name="valueString":"text"|value="valueString":"1930"`),
		program(`add|Patient.contact|name="valueString":"gender"|value="valueCode":"male"`),
		program(`replace|Patient.name|value="valueHumanName":{"text":"x"}`),
		program(`replace|Patient.maritalStatus|value="valueCodeableConcept":{"text":"x"}`),
		program(`replace|Patient|value="resource":{"resourceType":"Patient"}`),
		program(`replace|Patient.name.count()|value="valueInteger":7`),
		program(`replace|Patient.(|value="valueCode":"male"`),
		program(`delete|Patient`),
		program(`delete|Patient.descendants().where(use = 'usual')`),
		program(`replace|Patient.name[0].text.replaceMatches('(a+)+', 'b')|value="valueString":"x"`),
		program(`delete|Patient.name`),
		program(`insert|Patient.name|index="valueInteger":3|value="valueHumanName":{"text":"x"}`),
		program(`insert|Patient.name|index="valueInteger":-1|value="valueHumanName":{"text":"x"}`),
		program(`insert|Patient.name[0]|index="valueInteger":0|value="valueHumanName":{"text":"x"}`),
		program(`insert|Patient.birthDate|index="valueInteger":0|value="valueDate":"2020"`),
		program(`insert|Patient.name.text|index="valueInteger":0|value="valueString":"x"`),
		program(`insert|Patient.contact|index="valueInteger":0|value="part":[{"name":"gender","valueCode":"male"}]`),
		program(`move|Patient.name|source="valueInteger":0|destination="valueInteger":2`),
		program(`move|Patient.name|source="valueInteger":2|destination="valueInteger":0`),
		program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"gender","valueCode":"male"},{"name":"gender","valueCode":"male"}]`),
		program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"spam","valueCode":"male"}]`),
		program(`add|Patient|name="valueString":"contact"|value="part":[{"name":"gender"}]`),
		program(`add|Patient|name="valueString":"active"|name="valueString":"active"|value="valueBoolean":true`),
		`{"resourceType":"Parameters","parameter":[` + strings.Repeat(`{"name":"operation"},`, MaxOperations) + `{"name":"operation"}]}`,
	} {
		got, err := FHIRPath(parse(t, patient), parse(t, p))
		if err == nil {
			t.Errorf("%.200s makes %s", p, got.JSON())
			continue
		}
		if code := fault.CodeOf(err); code == fault.Internal || strings.Contains(err.Error(), "secret") || len(err.Error()) > 300 {
			t.Errorf("%.200s: %v %v", p, code, err)
		}
	}
}

func FuzzFHIRPath(f *testing.F) {
	f.Add(`{"resourceType":"Patient","name":[{"given":["a"],"_given":[{"id":"x"}]}]}`, "add", "Patient.name", "given", "valueString")
	f.Add(`{"resourceType":"Patient","birthDate":"2020"}`, "replace", "Patient.birthDate", "extension", "part")
	f.Fuzz(func(t *testing.T, resource, kind, path, name, member string) {
		r, err := parseQuiet(resource)
		if err != nil {
			return
		}
		p := fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":%q},{"name":"path","valueString":%q},{"name":"name","valueString":%q},{"name":"value",%q:"x"}]}]}`, kind, path, name, member)
		n, err := parseQuiet(p)
		if err != nil {
			return
		}
		before := string(r.JSON())
		FHIRPath(r, n)
		if string(r.JSON()) != before {
			t.Error("the resource itself was changed")
		}
	})
}

// A patch whose operations would each walk a very large resource is refused at once.
func TestAbuseC23FHIRPathBoundsItsWork(t *testing.T) {
	big := parse(t, `{"resourceType":"Patient","name":[`+strings.Repeat(`{"text":"a"},`, 30_000)+`{"text":"a"}]}`)
	op := `{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.name[0]"}]}`
	_, err := FHIRPath(big, parse(t, `{"resourceType":"Parameters","parameter":[`+strings.Repeat(op+",", 200)+op+`]}`))
	if !fault.Is(err, fault.TooCostly) {
		t.Errorf("%v", err)
	}
}
