package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
)

func parse(t *testing.T, s string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func numbered() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("new-%d", n) }
}

func TestReferencesBetweenEntriesFollowTheNewIDs(t *testing.T) {
	b, err := Read(parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[
	 {"fullUrl":"urn:uuid:a","resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:b"},
	   "text":{"div":"<div><a href=\"urn:uuid:b\">x</a></div>"},"identifier":[{"value":"urn:uuid:b"}],
	   "performer":[{"reference":"Practitioner?identifier=s|1"}]},"request":{"method":"POST","url":"Observation"}},
	 {"fullUrl":"urn:uuid:b","resource":{"resourceType":"Patient","id":"old"},"request":{"method":"POST","url":"Patient"}},
	 {"request":{"method":"GET","url":"Patient?name=x"}},
	 {"request":{"method":"DELETE","url":"Patient/9"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Assign(numbered()); err != nil {
		t.Fatal(err)
	}
	cond := b.Conditional()
	if len(cond) != 1 || cond[0].Type != "Practitioner" || cond[0].Query != "identifier=s|1" {
		t.Fatalf("conditional references: %+v", cond)
	}
	cond[0].Resolve("Practitioner/7")
	b.Rewrite()
	got := string(b.Entries[0].Resource.JSON())
	for _, want := range []string{`"reference":"Patient/new-2"`, `href=\"Patient/new-2\"`, `"value":"urn:uuid:b"`, `"Practitioner/7"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	var order []string
	for _, e := range b.Ordered() {
		order = append(order, e.Method)
	}
	if s := strings.Join(order, " "); s != "DELETE POST POST GET" {
		t.Errorf("order %s", s)
	}
}

func TestFaultyBundlesAreRefusedByEntry(t *testing.T) {
	for name, c := range map[string]struct{ body, path string }{
		"no request":   {`{"resource":{"resourceType":"Patient"}}`, "Bundle.entry[0].request.method"},
		"no resource":  {`{"request":{"method":"POST","url":"Patient"}}`, "Bundle.entry[0].resource"},
		"other type":   {`{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Group"}}`, "Bundle.entry[0].request.url"},
		"put without":  {`{"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Patient"}}`, "Bundle.entry[0].request.url"},
		"other id":     {`{"resource":{"resourceType":"Patient","id":"2"},"request":{"method":"PUT","url":"Patient/1"}}`, "Bundle.entry[0].resource.id"},
		"no such verb": {`{"request":{"method":"BREW","url":"Patient"}}`, "Bundle.entry[0].request.method"},
		"delete all":   {`{"request":{"method":"DELETE","url":"Patient"}}`, "Bundle.entry[0].request.url"},
		"elsewhere":    {`{"request":{"method":"GET","url":"http://x.org/Patient/1"}}`, "Bundle.entry[0].request.url"},
		"operation":    {`{"resource":{"resourceType":"Parameters"},"request":{"method":"POST","url":"ValueSet/$expand"}}`, "Bundle.entry[0].request.url"}, // only a batch has those
		"post with id": {`{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient/1"}}`, "Bundle.entry[0].request.url"},
		"a version":    {`{"request":{"method":"DELETE","url":"Patient/1/_history/2"}}`, "Bundle.entry[0].request.url"},
		"no type":      {`{"resource":{"id":"x"},"request":{"method":"POST","url":"Patient"}}`, "Bundle.entry[0].resource"},
	} {
		_, err := Read(parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[`+c.body+`]}`))
		var f *fault.Error
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		f = err.(*fault.Error)
		if len(f.Issues) != 1 || f.Issues[0].Expression != c.path {
			t.Errorf("%s: %+v, want path %s", name, f.Issues, c.path)
		}
	}
}

func TestOneIdentityTwiceIsRefused(t *testing.T) {
	patient := `{"resource":{"resourceType":"Patient"},`
	for name, entries := range map[string]string{
		"update and delete": `{"resource":{"resourceType":"Patient","id":"1"},"request":{"method":"PUT","url":"Patient/1"}},
			{"request":{"method":"DELETE","url":"Patient/1"}}`,
		"one fullUrl": patient + `"fullUrl":"urn:uuid:a","request":{"method":"POST","url":"Patient"}},` +
			patient + `"fullUrl":"urn:uuid:a","request":{"method":"POST","url":"Patient"}}`,
		"one condition of creates": patient + `"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=1"}},` +
			patient + `"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=1"}}`,
		"one condition of create and update": patient + `"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=1"}},` +
			patient + `"request":{"method":"PUT","url":"Patient?identifier=1"}}`,
		"one name on two servers": patient + `"fullUrl":"http://a.org/Patient/1","request":{"method":"POST","url":"Patient"}},` +
			patient + `"fullUrl":"http://b.org/Patient/1","request":{"method":"POST","url":"Patient"}}`,
	} {
		b, err := Read(parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[`+entries+`]}`))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := b.Assign(numbered()); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRewriteTable: an Observation of the server http://a.org/fhir is created together
// with Patient/1 of that server, which becomes Patient/new-2; what happens to its members?
func TestRewriteTable(t *testing.T) {
	for _, c := range []struct{ name, member, want string }{
		{"relative", `"subject":{"reference":"Patient/1"}`, `"subject":{"reference":"Patient/new-2"}`},
		{"absolute", `"subject":{"reference":"http://a.org/fhir/Patient/1"}`, `"subject":{"reference":"Patient/new-2"}`},
		{"a version of the other server", `"subject":{"reference":"Patient/1/_history/3"}`, `"subject":{"reference":"Patient/new-2"}`},
		{"not in the bundle", `"subject":{"reference":"Patient/2"}`, `"subject":{"reference":"Patient/2"}`},
		{"same name, other server", `"subject":{"reference":"http://b.org/fhir/Patient/1"}`, `"subject":{"reference":"http://b.org/fhir/Patient/1"}`},
		{"local", `"subject":{"reference":"#p"}`, `"subject":{"reference":"#p"}`},
		{"in an extension", `"extension":[{"url":"urn:uuid:v","valueReference":{"reference":"Patient/1"}}]`, `"extension":[{"url":"urn:uuid:v","valueReference":{"reference":"Patient/new-2"}}]`},
		{"uri in an extension of a primitive", `"_status":{"extension":[{"url":"u","valueUri":"urn:uuid:v"}]}`, `"_status":{"extension":[{"url":"u","valueUri":"Group/new-3"}]}`},
		{"in a contained resource", `"contained":[{"resourceType":"Device","id":"d","patient":{"reference":"Patient/1"}}]`, `"patient":{"reference":"Patient/new-2"}`},
		{"words of a note", `"note":[{"text":"Patient/1 urn:uuid:v"}]`, `"note":[{"text":"Patient/1 urn:uuid:v"}]`},
		{"a string value", `"valueString":"urn:uuid:v"`, `"valueString":"urn:uuid:v"`},
		{"a system", `"identifier":[{"system":"urn:uuid:v","value":"urn:uuid:v"}]`, `"identifier":[{"system":"urn:uuid:v","value":"urn:uuid:v"}]`},
		{"links", `"text":{"div":"<div><a href=\"Patient/1\">Patient/1</a><img src='urn:uuid:v'/></div>"}`, `<a href=\"Patient/new-2\">Patient/1</a><img src='Group/new-3'/>`},
		{"a canonical of its own", `"meta":{"profile":["http://a.org/fhir/ValueSet/s","urn:uuid:v"]}`, `"profile":["http://a.org/fhir/ValueSet/s","Group/new-3"]`},
	} {
		b, err := Read(parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[
		 {"fullUrl":"http://a.org/fhir/Observation/5","resource":{"resourceType":"Observation",`+c.member+`},"request":{"method":"POST","url":"Observation"}},
		 {"fullUrl":"http://a.org/fhir/Patient/1","resource":{"resourceType":"Patient","id":"1"},"request":{"method":"POST","url":"Patient"}},
		 {"fullUrl":"urn:uuid:v","resource":{"resourceType":"Group"},"request":{"method":"POST","url":"Group"}},
		 {"fullUrl":"http://a.org/fhir/ValueSet/s","resource":{"resourceType":"ValueSet","url":"http://a.org/fhir/ValueSet/s"},"request":{"method":"POST","url":"ValueSet"}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Assign(numbered()); err != nil {
			t.Fatal(err)
		}
		b.Rewrite()
		if got := string(b.Entries[0].Resource.JSON()); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want …%s…", c.name, got, c.want)
		}
		if got := b.Entries[3].Resource.Get("url").Text(); got != "http://a.org/fhir/ValueSet/s" {
			t.Errorf("the value set's own url became %s", got)
		}
	}
}

func TestSyntheaBundlesLeaveNoTemporaryReference(t *testing.T) {
	dir := sample.Dir(t, "synthea", 30)
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(parse(t, string(body)))
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(name), err)
		}
		if err := b.Assign(numbered()); err != nil {
			t.Fatal(err)
		}
		b.Rewrite()
		for _, e := range b.Entries {
			if s := string(e.Resource.JSON()); strings.Contains(s, `"reference":"urn:`) {
				t.Fatalf("%s %s: a temporary reference is left", filepath.Base(name), e.Path())
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"?"}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[null,1,{"resource":[]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := fhir.Parse(body)
		if err != nil {
			return
		}
		b, err := Read(n)
		if err != nil {
			return
		}
		if b.Assign(numbered()) == nil {
			b.Conditional()
			b.Rewrite()
			b.Ordered()
		}
	})
}
