package patch

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

func diff(operations string) []byte {
	return []byte(`<diff xmlns="http://hl7.org/fhir" xmlns:f="http://hl7.org/fhir" xmlns:x="http://www.w3.org/1999/xhtml">` + operations + `</diff>`)
}

func TestXML(t *testing.T) {
	const name = `"name":[{"use":"usual","text":"a"},{"use":"official","text":"b"}]`
	for _, c := range []struct{ name, before, patch, after string }{
		{"replace a value", `"birthDate":"1920"`, `<replace sel="f:Patient/f:birthDate/@value">1930</replace>`, `"birthDate":"1930"`},
		{"from the root", `"birthDate":"1920"`, `<replace sel="/f:Patient/f:birthDate/@value">1930</replace>`, `"birthDate":"1930"`},
		{"names without prefix", `"birthDate":"1920"`, `<replace sel="Patient/birthDate/@value">1930</replace>`, `"birthDate":"1930"`},
		{"replace an element", `"birthDate":"1920"`, `<replace sel="f:Patient/f:birthDate"><birthDate id="x" value="1930"/></replace>`, `"birthDate":"1930","_birthDate":{"id":"x"}`},
		{"add at the end, in any order", `"birthDate":"1920"`, `<add sel="f:Patient"><active value="true"/></add>`, `"birthDate":"1920","active":true`},
		{"add several", `"active":true`, `<add sel="f:Patient"><name><text value="a"/></name><name><text value="b"/></name></add>`, `"active":true,"name":[{"text":"a"},{"text":"b"}]`},
		{"add before", name, `<add sel="f:Patient/f:name[1]" pos="before"><name><text value="c"/></name></add>`, `"name":[{"text":"c"},{"use":"usual","text":"a"},{"use":"official","text":"b"}]`},
		{"add after", name, `<add sel="f:Patient/f:name[1]" pos="after"><name><text value="c"/></name></add>`, `"name":[{"use":"usual","text":"a"},{"text":"c"},{"use":"official","text":"b"}]`},
		{"add first", `"name":[{"given":["a"]}]`, `<add sel="f:Patient/f:name" pos="prepend"><given value="b"/></add>`, `"name":[{"given":["b","a"]}]`},
		{"add an attribute", `"birthDate":"1920"`, `<add sel="f:Patient/f:birthDate" type="@id">x</add>`, `"birthDate":"1920","_birthDate":{"id":"x"}`},
		{"remove by position", name, `<remove sel="f:Patient/f:name[2]"/>`, `"name":[{"use":"usual","text":"a"}]`},
		{"remove by a child's value", name, `<remove sel="f:Patient/f:name[f:use/@value='usual']"/>`, `"name":[{"use":"official","text":"b"}]`},
		{"both", name, `<remove sel="f:Patient/f:name[f:use/@value=&quot;usual&quot;][1]/f:use"/>`, `"name":[{"text":"a"},{"use":"official","text":"b"}]`},
		{"remove an attribute", `"birthDate":"1920","_birthDate":{"id":"x"}`, `<remove sel="f:Patient/f:birthDate/@id"/>`, `"birthDate":"1920"`},
		{"any name", `"birthDate":"1920"`, `<remove sel="f:Patient/*[@value='1920']"/><add sel="f:Patient"><active value="true"/></add>`, `"active":true`},
		{"text of the narrative", `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; b</p><p>c</p></div>"}`, `<replace sel="f:Patient/f:text/x:div/x:p[2]/text()">d &amp; e</replace>`, `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a &lt; b</p><p>d &amp; e</p></div>"}`},
		{"the narrative stays as it is written", `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">\n<p title=\"a&amp;b\">&gt;\t</p></div>"}`, `<add sel="f:Patient"><active value="true"/></add>`, `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">\n<p title=\"a&amp;b\">&gt;\t</p></div>"},"active":true`},
		{"decimals stay as written", `"extension":[{"url":"u","valueDecimal":1.50}]`, `<add sel="f:Patient"><active value="true"/></add>`, `"extension":[{"url":"u","valueDecimal":1.50}],"active":true`},
		{"in a contained resource", `"contained":[{"resourceType":"Organization","id":"o","name":"a"}]`, `<replace sel="f:Patient/f:contained/f:Organization/f:name/@value">b</replace>`, `"contained":[{"resourceType":"Organization","id":"o","name":"b"}]`},
	} {
		before := parse(t, `{"resourceType":"Patient",`+c.before+`}`)
		got, err := XML(before, diff(c.patch))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := `{"resourceType":"Patient",` + c.after + `}`; string(got.JSON()) != want {
			t.Errorf("%s: %s, want %s", c.name, got.JSON(), want)
		}
	}
}

func TestXMLRefuses(t *testing.T) {
	const patient = `{"resourceType":"Patient","active":true,"birthDate":"1920","name":[{"text":"secret"},{"text":"b"}]}`
	for _, p := range []string{
		``, `<diff`, `<spam/>`, `<!DOCTYPE diff [<!ENTITY x "y">]><diff/>`, `<diff>&x;</diff>`, `<diff>text</diff>`,
		string(diff(``)),
		string(diff(`<spam sel="f:Patient"/>`)),
		string(diff(`<remove/>`)),
		string(diff(`<remove sel=""/>`)),
		string(diff(`<remove sel="f:Patient"/>`)),
		string(diff(`<remove sel="f:Patient/f:name"/>`)),
		string(diff(`<remove sel="f:Patient/f:name[3]"/>`)),
		string(diff(`<remove sel="f:Patient/f:name[0]"/>`)),
		string(diff(`<remove sel="f:Patient/f:gender"/>`)),
		string(diff(`<remove sel="f:Patient/f:active/@id"/>`)),
		string(diff(`<remove sel="f:Patient/f:active/text()"/>`)),
		string(diff(`<remove sel="//f:name"/>`)),
		string(diff(`<remove sel="f:Patient/f:name[last()]"/>`)),
		string(diff(`<remove sel="f:Patient/f:name[f:text/@value='b]"/>`)),
		string(diff(`<remove sel="f:Patient/y:name[1]"/>`)),
		string(diff(`<remove sel="@id"/>`)),
		string(diff(`<replace sel="f:Patient"><Patient/></replace>`)),
		string(diff(`<replace sel="f:Patient/f:active"/>`)),
		string(diff(`<replace sel="f:Patient/f:active"><active value="maybe"/></replace>`)),
		string(diff(`<replace sel="f:Patient/f:active/@value">perhaps</replace>`)),
		string(diff(`<add sel="f:Patient"/>`)),
		string(diff(`<add sel="f:Patient" pos="over"><active value="true"/></add>`)),
		string(diff(`<add sel="f:Patient" pos="before"><active value="true"/></add>`)),
		string(diff(`<add sel="f:Patient"><active value="true"/></add>`)),
		string(diff(`<add sel="f:Patient"><spam value="true"/></add>`)),
		string(diff(`<add sel="f:Patient">text</add>`)),
		string(diff(`<add sel="f:Patient/f:active" type="namespace::y">urn:y</add>`)),
		string(diff(`<add sel="f:Patient/f:active" type="@value">true</add>`)),
		string(diff(strings.Repeat(`<remove sel="f:Patient/f:gender"/>`, MaxOperations+1))),
		`<diff>` + strings.Repeat(`<a>`, 10_000),
	} {
		got, err := XML(parse(t, patient), []byte(p))
		if err == nil {
			t.Errorf("%.200s makes %s", p, got.JSON())
			continue
		}
		if code := fault.CodeOf(err); code == fault.Internal || strings.Contains(err.Error(), "secret") || len(err.Error()) > 500 {
			t.Errorf("%.200s: %v %v", p, code, err)
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(diff(`<remove sel="f:Patient/f:name[f:text/@value='b']"/>`)))
	f.Add([]byte(diff(`<add sel="f:Patient/f:name[1]" pos="before"><name><text value="c"/></name></add>`)))
	f.Fuzz(func(t *testing.T, p []byte) {
		r := parse(t, `{"resourceType":"Patient","active":true,"name":[{"text":"a"},{"text":"b"}]}`)
		before := string(r.JSON())
		XML(r, p)
		if string(r.JSON()) != before {
			t.Error("the resource itself was changed")
		}
	})
}
