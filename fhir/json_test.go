package fhir_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
)

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("[", fhir.MaxDepth+2) + strings.Repeat("]", fhir.MaxDepth+2)
	for _, c := range []struct {
		name, body string
		code       fault.Code
		text       string
	}{
		{"nothing", ``, fault.Malformed, "ends too early"},
		{"two documents", `{} {}`, fault.Malformed, "follows"},
		{"a member twice", `{"a":1,"b":2,"a":3}`, fault.Malformed, `"a" stands twice`},
		{"a member twice by escape", `{"a":1,"\u0061":3}`, fault.Malformed, "twice"},
		{"trailing comma", `{"a":1,}`, fault.Malformed, "member name"},
		{"trailing comma in array", `[1,]`, fault.Malformed, "value was expected"},
		{"comment", `{/*x*/}`, fault.Malformed, "member name"},
		{"single quotes", `{'a':1}`, fault.Malformed, "member name"},
		{"leading zero", `01`, fault.Malformed, "not a number"},
		{"plus", `+1`, fault.Malformed, "value was expected"},
		{"bare point", `1.`, fault.Malformed, "digit"},
		{"NaN", `NaN`, fault.Malformed, "value"},
		{"lone surrogate", `"\ud800"`, fault.Malformed, "surrogate"},
		{"surrogates the wrong way round", `"\udc00\ud800"`, fault.Malformed, "surrogate"},
		{"unknown escape", `"\x"`, fault.Malformed, "escape"},
		{"invalid UTF-8", "\"\xff\"", fault.Malformed, "UTF-8"},
		{"invalid UTF-8 beside an escape", "\"\\n\xff\"", fault.Malformed, "UTF-8"},
		{"raw line end", "\"a\nb\"", fault.Malformed, "control"},
		{"cut off", `{"a":[1,{"b":"c`, fault.Malformed, "ends inside"},
		{"place", "{\n \"a\": x}", fault.Malformed, "line 2, column 7"},
		{"depth", deep, fault.TooLarge, "64"},
		{"values", "[" + strings.Repeat("0,", fhir.MaxValues) + "0]", fault.TooLarge, "values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fhir.Parse([]byte(c.body))
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %s …%s…", err, c.code, c.text)
			}
		})
	}
}

func TestTextAndNumbersComeBackAsWritten(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{`"\u0041\n\t\"\\\/\b\f\r"`, `"A\n\t\"\\/\u0008\u000c\r"`},
		{`"\ud83d\ude00 é أحمد"`, `"😀 é أحمد"`},
		{`"\u0000\u001f"`, `"\u0000\u001f"`},
		{`1.00`, `1.00`}, {`-0.0`, `-0.0`}, {`1E+05`, `1E+05`}, {`123456789012345678901234567890.10`, `123456789012345678901234567890.10`},
		{` { "b" : [ ] , "a" : { } , "c" : null } `, `{"b":[],"a":{},"c":null}`},
	} {
		n, err := fhir.Parse([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		} else if got := string(n.JSON()); got != c.out {
			t.Errorf("%s came back as %s, want %s", c.in, got, c.out)
		}
	}
	if got := string(fhir.Str("a\xffb").JSON()); !json.Valid([]byte(got)) {
		t.Errorf("a broken text makes broken JSON: %q", got)
	}
}

// tokens reads a document with the standard library, keeping order and number literals.
func tokens(t *testing.T, body []byte) []json.Token {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out []json.Token
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		out = append(out, tok)
	}
}

func TestExamplesComeBackWithoutLoss(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sample.Dir(t, "fhir-r4/examples/json", 1159), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := fhir.Parse(body)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		if !reflect.DeepEqual(tokens(t, body), tokens(t, n.JSON())) {
			t.Errorf("%s: members, order or numbers changed", filepath.Base(name))
		}
		if !bytes.Equal(n.Clone().JSON(), n.JSON()) {
			t.Errorf("%s: the clone differs", filepath.Base(name))
		}
	}
}

// TestWideObjectsAreNotQuadratic: 300,000 names would take minutes if each were compared
// with all before it.
func TestWideObjectsAreNotQuadratic(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	for i := range 300_000 {
		b.WriteString(`"a` + strconv.Itoa(i) + `":0,`)
	}
	begin := time.Now()
	if _, err := fhir.Parse([]byte(b.String() + `"z":0}`)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
	if _, err := fhir.Parse([]byte(b.String() + `"a7":0}`)); err == nil {
		t.Error("a name that stands twice in a wide object was accepted")
	}
}

func TestGettersAcceptWhatIsNotThere(t *testing.T) {
	var none *fhir.Node
	if none.Get("a").At(3).Path("x.0.y").Text() != "" || none.Len() != 0 || none.Clone() != nil || none.True() || none.ID() != "" {
		t.Error("a getter of nothing found something")
	}
	for range none.Items() {
		t.Error("nothing has items")
	}
	r := fhir.New("Patient")
	r.Set("active", fhir.Bool(true))
	r.SetID("7")
	r.SetID("8")
	r.Set("gender", nil)
	r.Remove("birthDate")
	if got := string(r.JSON()); got != `{"resourceType":"Patient","id":"8","active":true}` {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1.50,-0,1e9,"\u00e9\n",true,null,{"b":{}}]}`, `"\ud83d\ude00"`, `[[],{}]`, "\"\xc3\x28\"", `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := fhir.Parse(body)
		if err != nil {
			return
		}
		once := n.JSON()
		if !json.Valid(once) {
			t.Fatalf("%q is written as %q, which is not JSON", body, once)
		}
		again, err := fhir.Parse(once)
		if err != nil {
			t.Fatalf("%q cannot be read back: %v", once, err)
		}
		if twice := again.JSON(); !bytes.Equal(once, twice) {
			t.Fatalf("%q changed to %q", once, twice)
		}
	})
}

// The goal for a Patient of 3 KB is 40 microseconds.
func BenchmarkParse(b *testing.B) {
	body, err := os.ReadFile(filepath.Join(sample.Dir(b, "fhir-r4/examples/json", 1), "patient-example.json"))
	if err != nil {
		b.Skip(err)
	}
	n, err := fhir.Parse(body)
	if err != nil {
		b.Fatal(err)
	}
	body = n.JSON()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhir.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestIDIn(t *testing.T) {
	for ref, want := range map[string]string{
		"Patient/1": "1", "Patient/1/_history/3": "1", "https://other.example/fhir/Patient/1": "1", "Practitioner/1": "", "OtherPatient/1": "", "#p": "", "": "",
	} {
		if got := fhir.IDIn(ref, "Patient"); got != want {
			t.Errorf("%q names %q, want %q", ref, got, want)
		}
	}
}
