package xml

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
)

// difference returns the first place where two trees differ in content; the order of
// members does not count, literals of numbers do.
func difference(a, b *fhir.Node, at string) string {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return at
	}
	switch a.Kind() {
	case fhir.Object:
		for name, v := range a.Members() {
			if d := difference(v, b.Get(name), at+"."+name); d != "" {
				return d
			}
		}
	case fhir.Array:
		for i := range a.Len() {
			if d := difference(a.At(i), b.At(i), at+"[]"); d != "" {
				return d
			}
		}
	default:
		if a.Text() != b.Text() {
			if strings.HasSuffix(at, ".div") && strings.TrimSpace(entities(a.Text())) == b.Text() {
				return "" // named entities do not exist in XML
			}
			return at
		}
	}
	return ""
}

func files(t testing.TB, folder string, least int) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(sample.Dir(t, folder, least), "*"))
	if err != nil || len(list) < least {
		t.Fatalf("%s: %d files, %v", folder, len(list), err)
	}
	return list
}

func parse(t testing.TB, file string) *fhir.Node {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := fhir.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return n
}

// Every example of the specification goes through XML without loss.
func TestExamplesThroughXML(t *testing.T) {
	good := 0
	for _, file := range files(t, "fhir-r4/examples/json", 1159) {
		want := parse(t, file)
		b, err := Encode(want)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		got, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if d := difference(want, got, want.ResourceType()); d != "" {
			t.Errorf("%s differs at %s", filepath.Base(file), d)
			continue
		}
		good++
	}
	t.Logf("%d examples went through XML without a difference", good)
}

// The XML examples say what their JSON twins say.
func TestTwins(t *testing.T) {
	for _, file := range files(t, "fhir-r4/examples/xml", 131) {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := parse(t, filepath.Join(filepath.Dir(filepath.Dir(file)), "json", name+".json"))
		for _, n := range []*fhir.Node{want, got} {
			n.Remove("meta") // a tag in one, a security label in the other
			plain(n)
		}
		if d := difference(want, got, want.ResourceType()); d != "" {
			t.Errorf("%s differs at %s", name, d)
		}
	}
}

// plain takes out what the published twins do not share: narrative has other white space in
// it, decimals have fewer zeros.
func plain(n *fhir.Node) {
	n.Remove("div")
	for name, v := range n.Members() {
		for item := range v.Items() {
			plain(item)
		}
		if f, ok := v.Float(); ok && v.Kind() == fhir.Number {
			n.Set(name, fhir.Decimal(strconv.FormatFloat(f, 'g', -1, 64)))
		}
	}
}

func TestPrimitivesWithExtensions(t *testing.T) {
	const body = `{"resourceType":"Patient","id":"p","active":true,"name":[{"id":"n1","given":["Ana",null,"Lia"],"_given":[null,{"extension":[{"url":"http://example.org/why","valueCode":"unknown"}]},{"id":"g3"}]}],"birthDate":"1970-05-06","_birthDate":{"extension":[{"url":"http://example.org/time","valueDecimal":1.50}]},"multipleBirthInteger":2,"contained":[{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.0e3}}]}`
	want, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`<Patient xmlns="http://hl7.org/fhir"><id value="p"/><contained><Observation>`, `<name id="n1"><given value="Ana"/><given><extension url="http://example.org/why">`, `<given id="g3" value="Lia"/>`, `value="1.50"`, `value="1.0e3"`, `<multipleBirthInteger value="2"/>`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("no %s in %s", part, b)
		}
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(want, got, "Patient"); d != "" {
		t.Errorf("differs at %s: %s", d, got.JSON())
	}
}

func TestDecodeRefuses(t *testing.T) {
	const head = `<Patient xmlns="http://hl7.org/fhir">`
	for name, body := range map[string]string{
		"nothing":                      ``,
		"no XML":                       `{"resourceType":"Patient"}`,
		"cut off":                      head + `<id value="1"/>`,
		"DOCTYPE":                      `<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + head + `<id value="&x;"/></Patient>`,
		"entity":                       head + `<id value="&x;"/></Patient>`,
		"processing instruction":       head + `<?php x?></Patient>`,
		"no namespace":                 `<Patient><id value="1"/></Patient>`,
		"other namespace":              `<Patient xmlns="urn:x"/>`,
		"unknown type":                 `<Patiant xmlns="http://hl7.org/fhir"/>`,
		"unknown element":              head + `<colour value="red"/></Patient>`,
		"unknown attribute":            head + `<active values="true"/></Patient>`,
		"element of another namespace": head + `<active xmlns="urn:x" value="true"/></Patient>`,
		"id as element":                head + `<name><id value="n"/></name></Patient>`,
		"text":                         head + `hello</Patient>`,
		"twice":                        head + `<active value="true"/><active value="false"/></Patient>`,
		"bad boolean":                  head + `<active value="yes"/></Patient>`,
		"bad integer":                  head + `<multipleBirthInteger value="007"/></Patient>`,
		"empty value":                  head + `<active value=""/></Patient>`,
		"empty primitive":              head + `<active/></Patient>`,
		"empty element":                head + `<name/></Patient>`,
		"two resources":                head + `</Patient>` + head + `</Patient>`,
		"two in one entry":             `<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient/><Patient/></resource></entry></Bundle>`,
		"narrative without namespace":  head + `<text><status value="generated"/><div>x</div></text></Patient>`,
		"narrative with a prefix":      head + `<text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div></text></Patient>`,
		"invalid UTF-8":                head + "<id value=\"\xff\"/></Patient>",
		"other encoding":               `<?xml version="1.0" encoding="UTF-16"?>` + head + `</Patient>`,
		"deep":                         head + strings.Repeat(`<extension url="u">`, 5000),
	} {
		n, err := Decode([]byte(body))
		if n != nil || !fault.Is(err, fault.Malformed) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v, %v", name, n != nil, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, body := range []string{
		`{"resourceType":"Cow"}`, `{}`, `{"resourceType":"Patient","colour":"red"}`, `{"resourceType":"Patient","birthDate":{"a":1}}`,
		`{"resourceType":"Patient","name":"x"}`, `{"resourceType":"Patient","id":"\u0001"}`, `{"resourceType":"Patient","contained":[{"id":"x"}]}`,
		`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"></div><x/>"}}`,
		`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><br></div>"}}`,
	} {
		n, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := Encode(n); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %s, %v", body, b, err)
		}
	}
}

// What Decode accepts can be read again from its JSON form, however deep it is.
func TestDepthIsThatOfJSON(t *testing.T) {
	for n := 1; n < 40; n++ {
		body := `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat(`<extension url="u">`, n) + `<valueString value="x"/>` + strings.Repeat(`</extension>`, n) + `</Patient>`
		r, err := Decode([]byte(body))
		if err != nil {
			if n < 20 {
				t.Errorf("%d levels: %v", n, err)
			}
			continue
		}
		if _, err := fhir.Parse(r.JSON()); err != nil {
			t.Errorf("%d levels are read, but not again: %v", n, err)
		}
	}
}

// What Decode accepts, Encode writes, and Decode reads again as the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`<Patient xmlns="http://hl7.org/fhir"><id value="p"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>x &lt; y</p></div></text><name id="n"><given value="A"/><given id="g"/></name></Patient>`))
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Observation><valueQuantity><value value="1.50"/></valueQuantity></Observation></resource></entry></Bundle>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := Decode(body)
		if err != nil {
			return
		}
		if _, err := fhir.Parse(n.JSON()); err != nil {
			t.Fatalf("read, but not from its JSON: %v", err)
		}
		b, err := Encode(n)
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		again, err := Decode(b)
		if err != nil {
			t.Fatalf("written, but not read: %v", err)
		}
		if d := difference(n, again, n.ResourceType()); d != "" {
			t.Fatalf("differs at %s", d)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	n := parse(b, filepath.Join(sample.Dir(b, "fhir-r4/examples/json", 1159), filepath.Base(files(b, "fhir-r4/examples/json", 1159)[0])))
	body, err := Encode(n)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestIsResource: a resource is known by the namespace of its root, and by nothing else.
func TestIsResource(t *testing.T) {
	comment := "<!-- " + strings.Repeat("x", 1000) + " -->"
	for body, want := range map[string]bool{
		`<Binary xmlns="http://hl7.org/fhir"/>`: true,
		"\xef\xbb\xbf" + `<?xml version="1.0" encoding="UTF-8"?>` + comment + `<f:Binary xmlns:f="http://hl7.org/fhir"/>`: true,
		`<!-- http://hl7.org/fhir --><ClinicalDocument xmlns="urn:hl7-org:v3"/>`:                                          false,
		`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:f="http://hl7.org/fhir"/>`:                                        false,
		`<Binary/>`: false, "": false, "http://hl7.org/fhir": false, `<?xml version="1.0" encoding="ISO-8859-1"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>`: false,
	} {
		if got := IsResource([]byte(body)); got != want {
			t.Errorf("%.80q: %v", body, got)
		}
	}
}
