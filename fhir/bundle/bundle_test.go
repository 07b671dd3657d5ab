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
	b, err := Read(parse(t, `{"resourceType":"Bundle","type":"transaction","entry":[
	 {"resource":{"resourceType":"Patient","id":"1"},"request":{"method":"PUT","url":"Patient/1"}},
	 {"request":{"method":"DELETE","url":"Patient/1"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Assign(numbered()); !fault.Is(err, fault.Invalid) {
		t.Errorf("two writes of Patient/1: %v", err)
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
