package terminology

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// set writes a ValueSet with a compose.
func set(url, compose string) string {
	return `{"resourceType":"ValueSet","url":"` + url + `","compose":` + compose + `}`
}

func parse(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	return n
}

func spelled(x *Expansion) string {
	var out []string
	for _, e := range x.Entries {
		out = append(out, e.Code)
	}
	return strings.Join(out, " ")
}

// Each filter of an include of the animals, and what it keeps.
func TestFilters(t *testing.T) {
	find := shelf(t, animals)
	for _, c := range []struct{ filter, want string }{
		{`{"property":"concept","op":"is-a","value":"mammal"}`, "mammal dog whale"},
		{`{"property":"concept","op":"descendent-of","value":"pet"}`, "dog parrot"},
		{`{"property":"concept","op":"is-not-a","value":"animal"}`, "pet loop-a loop-b"},
		{`{"property":"concept","op":"generalizes","value":"parrot"}`, "animal bird pet parrot"},
		{`{"property":"concept","op":"in","value":"dog, bird"}`, "dog bird"},
		{`{"property":"code","op":"regex","value":"d.*"}`, "dog dodo"},
		{`{"property":"code","op":"regex","value":"o"}`, ""},
		{`{"property":"display","op":"=","value":"Whale"}`, "whale"},
		{`{"property":"display","op":"exists","value":"false"}`, "loop-a loop-b"},
		{`{"property":"definition","op":"exists","value":"true"}`, "dog"},
		{`{"property":"legs","op":"=","value":"4"}`, "dog"},
		{`{"property":"legs","op":"exists","value":"true"}`, "dog whale bird"},
		{`{"property":"legs","op":"not-in","value":"0,2"}`, "animal mammal dog pet parrot dodo loop-a loop-b"},
		{`{"property":"kindOf","op":"=","value":"pet"}`, "dog parrot"}, // another name of parent
		{`{"property":"parent","op":"=","value":"mammal"}`, "dog whale"},
		{`{"property":"child","op":"=","value":"parrot"}`, "bird pet"},
		{`{"property":"inactive","op":"=","value":"true"}`, "dodo"},
		{`{"property":"notSelectable","op":"=","value":"true"}`, "animal"},
		{`{"property":"concept","op":"is-a","value":"animal"},{"property":"legs","op":"exists","value":"true"}`, "dog whale bird"},
	} {
		s := parse(t, set("urn:s", `{"include":[{"system":"urn:animals","filter":[`+c.filter+`]}]}`))
		x, err := Options{}.ExpandSet(s, find)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := spelled(x); got != c.want {
			t.Errorf("%s: %q, want %q", c.filter, got, c.want)
		}
		all, _ := FindSystem("urn:animals", find)
		for i := range all.Codes { // one code at a time says the same
			code := all.Codes[i].Code
			a, err := Options{}.ValidateInSet(s, find, Coding{System: "urn:animals", Code: code})
			if in := strings.Contains(" "+c.want+" ", " "+code+" "); err != nil || a.Valid != in {
				t.Errorf("%s: %s is valid: %v %v", c.filter, code, a.Valid, err)
			}
		}
	}
}

func TestCompose(t *testing.T) {
	find := shelf(t, animals,
		set("urn:pets", `{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"pet"}]}]}`),
		set("urn:mammals", `{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"mammal"}]}]}`),
		`{"resourceType":"ValueSet","url":"urn:fixed","expansion":{"total":2,"contains":[{"system":"urn:x","code":"a","display":"A","contains":[{"system":"urn:x","code":"b"}]}]}}`)
	for _, c := range []struct {
		compose, want string
		options       Options
	}{
		{compose: `{"include":[{"valueSet":["urn:pets"]}]}`, want: "dog pet parrot"},
		{compose: `{"include":[{"valueSet":["urn:pets","urn:mammals"]}]}`, want: "dog"},
		{compose: `{"include":[{"valueSet":["urn:pets"]},{"valueSet":["urn:mammals"]}]}`, want: "dog pet parrot mammal whale"},
		{compose: `{"include":[{"system":"urn:animals","valueSet":["urn:pets","urn:mammals"]}]}`, want: "dog"},
		{compose: `{"include":[{"valueSet":["urn:mammals"]}],"exclude":[{"valueSet":["urn:pets"]}]}`, want: "mammal whale"},
		{compose: `{"include":[{"system":"urn:animals"}],"exclude":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"animal"}]}]}`, want: "pet loop-a loop-b"},
		{compose: `{"include":[{"system":"urn:animals","concept":[{"code":"dog","display":"Doggy"},{"code":"unicorn"}]}]}`, want: "dog"}, // there are no unicorns
		{compose: `{"include":[{"system":"http://snomed.info/sct","concept":[{"code":"1"},{"code":"2"}]}]}`, want: "1 2"},
		{compose: `{"inactive":false,"include":[{"system":"urn:animals","concept":[{"code":"dodo"},{"code":"dog"}]}]}`, want: "dog"},
		{compose: `{"include":[{"system":"urn:animals","concept":[{"code":"dodo"},{"code":"dog"}]}]}`, want: "dodo dog"},
		{compose: `{"include":[{"system":"urn:animals","concept":[{"code":"dodo"},{"code":"dog"}]}]}`, want: "dog", options: Options{ActiveOnly: true}},
		{compose: `{"include":[{"valueSet":["urn:fixed"]}]}`, want: "a b"},
	} {
		x, err := c.options.ExpandSet(parse(t, set("urn:s", c.compose)), find)
		if err != nil {
			t.Errorf("%s: %v", c.compose, err)
		} else if got := spelled(x); got != c.want {
			t.Errorf("%s: %q, want %q", c.compose, got, c.want)
		}
	}
}

// What cannot be worked out is refused with a reason, never answered in part.
func TestExpandRefusals(t *testing.T) {
	find := shelf(t, animals, set("urn:ring-1", `{"include":[{"valueSet":["urn:ring-2"]}]}`), set("urn:ring-2", `{"include":[{"valueSet":["urn:ring-1"]}]}`),
		`{"resourceType":"CodeSystem","url":"urn:piece","content":"example","concept":[{"code":"a"}]}`,
		`{"resourceType":"ValueSet","url":"urn:page","expansion":{"total":9,"contains":[{"system":"urn:x","code":"a"}]}}`)
	filter := func(f string) string { return `{"include":[{"system":"urn:animals","filter":[` + f + `]}]}` }
	for _, c := range []struct {
		compose, says string
		want          fault.Code
		options       Options
	}{
		{compose: `{"include":[{"valueSet":["urn:ring-1"]}]}`, want: fault.Invalid, says: "imports itself"},
		{compose: `{"include":[{"valueSet":["urn:s"]}]}`, want: fault.Invalid, says: "imports itself"},
		{compose: `{"include":[{"valueSet":["urn:none"]}]}`, want: fault.NotFound, says: "urn:none"},
		{compose: `{"include":[{"system":"http://loinc.org"}]}`, want: fault.NotSupported, says: "http://loinc.org"},
		{compose: `{"include":[{"system":"urn:animals"},{"system":"http://snomed.info/sct","filter":[{"property":"concept","op":"is-a","value":"1"}]}]}`, want: fault.NotSupported, says: "http://snomed.info/sct"},
		{compose: `{"include":[{"system":"urn:animals"}],"exclude":[{"system":"http://snomed.info/sct"}]}`, want: fault.NotSupported, says: "snomed"},
		{compose: `{"include":[{"system":"urn:piece"}]}`, want: fault.NotSupported, says: "example"},
		{compose: `{"include":[{"valueSet":["urn:page"]}]}`, want: fault.NotSupported, says: "only a part"},
		{compose: `{"include":[{}]}`, want: fault.Invalid, says: "neither"},
		{compose: `{"include":[{"system":"urn:animals","concept":[{"code":"dog"}],"filter":[{"property":"concept","op":"is-a","value":"pet"}]}]}`, want: fault.Invalid, says: "both"},
		{compose: filter(`{"property":"concept","op":"is-a","value":"unicorn"}`), want: fault.Invalid, says: "unicorn"},
		{compose: filter(`{"property":"colour","op":"=","value":"red"}`), want: fault.NotSupported, says: "colour"},
		{compose: filter(`{"property":"code","op":"like","value":"d"}`), want: fault.NotSupported, says: "like"},
		{compose: filter(`{"property":"code","op":"regex","value":"(d"}`), want: fault.Invalid, says: "(d"},
		{compose: filter(`{"property":"code","op":"regex","value":"` + strings.Repeat("x", maxRegex+1) + `"}`), want: fault.TooCostly, says: "pattern"},
		{compose: filter(`{"property":"legs","op":"exists","value":"perhaps"}`), want: fault.Invalid, says: "true or false"},
		{compose: `{"include":[{"system":"urn:animals","version":"1"}]}`, want: fault.NotSupported, says: "urn:animals|1"},
		{compose: `{"include":[{"system":"urn:animals"}]}`, want: fault.Invalid, says: "version", options: Options{Check: []string{"urn:animals|1"}}},
		{compose: `{"include":[{"system":"urn:animals"}]}`, want: fault.NotSupported, says: "urn:animals|3", options: Options{Default: []string{"urn:animals|3"}}},
		{compose: `{"include":[{"system":"urn:animals","version":"2"}]}`, want: fault.NotSupported, says: "urn:animals|3", options: Options{Force: []string{"urn:animals|3"}}},
		{compose: `{"include":[{"system":"urn:animals"}]}`, want: fault.Malformed, says: "bar", options: Options{Force: []string{"urn:animals"}}},
	} {
		_, err := c.options.ExpandSet(parse(t, set("urn:s", c.compose)), find)
		if !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s that says %q", c.compose, err, c.want, c.says)
		}
	}
}

// Value sets that import each other are each read once, and have one budget.
func TestBudget(t *testing.T) {
	const system = "http://hl7.org/fhir/administrative-gender"
	reads := 0
	lattice := func(width, depth int) Finder {
		reads = 0
		return func(resourceType, url string) (*fhir.Node, error) {
			if resourceType != "ValueSet" {
				return nil, nil
			}
			reads++
			level, n := 0, 0
			fmt.Sscanf(url, "urn:%d/%d", &level, &n)
			if level == depth {
				return parse(t, set(url, `{"include":[{"system":"`+system+`"}]}`)), nil
			}
			var imports []string
			for i := range width {
				imports = append(imports, fmt.Sprintf(`{"valueSet":["urn:%d/%d"]}`, level+1, i))
			}
			return parse(t, set(url, `{"include":[`+strings.Join(imports, ",")+`]}`)), nil
		}
	}
	// 10 value sets on each of 12 levels: 10^12 ways through, 121 reads.
	if list, err := Expand("urn:0/0", lattice(10, 12)); err != nil || len(list) != 4 || reads != 121 {
		t.Errorf("%d codes after %d reads: %v", len(list), reads, err)
	}
	find := lattice(10, 12)
	if a, err := ValidateCode("urn:0/0", find, Coding{Code: "male"}); err != nil || !a.Valid || reads > 121 {
		t.Errorf("valid %v after %d reads: %v", a.Valid, reads, err)
	}
	if a, err := ValidateCode("urn:0/0", lattice(10, 12), Coding{Code: "none"}); err != nil || a.Valid || reads > 121 {
		t.Errorf("valid %v after %d reads: %v", a.Valid, reads, err)
	}
	for _, c := range [][2]int{{MaxImports + 10, 1}, {1, 40}} {
		if _, err := Expand("urn:0/0", lattice(c[0], c[1])); !fault.Is(err, fault.TooCostly) {
			t.Errorf("%d wide, %d deep: %v", c[0], c[1], err)
		}
	}
	// A thousand includes of the same 4,000 codes.
	big := `{"resourceType":"CodeSystem","url":"urn:big","content":"complete","concept":[`
	for i := range 4000 {
		big += fmt.Sprintf(`{"code":"%d"},`, i)
	}
	big = strings.TrimSuffix(big, ",") + "]}"
	_, err := ExpandSet(parse(t, set("urn:s", `{"include":[`+strings.Repeat(`{"system":"urn:big"},`, 999)+`{"system":"urn:big"}]}`)), shelf(t, big))
	if !fault.Is(err, fault.TooCostly) {
		t.Errorf("four million codes: %v", err)
	}
}

func TestDesignationsAndTyping(t *testing.T) {
	find := shelf(t, animals, `{"resourceType":"CodeSystem","url":"urn:more","content":"supplement","supplements":"urn:animals","concept":[{"code":"whale","designation":[{"language":"de-AT","value":"Wal"}],"property":[{"code":"weight","valueDecimal":1.50}]}]}`)
	s := parse(t, `{"resourceType":"ValueSet","url":"urn:s","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/valueset-supplement","valueCanonical":"urn:more"}],"compose":{"include":[{"system":"urn:animals"}]}}`)
	x, err := Options{}.ExpandSet(s, find)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Entry{}
	for _, e := range x.Entries {
		by[e.Code] = e
	}
	for _, c := range [][3]string{{"dog", "de", "Hund"}, {"dog", "de-CH", "Hund"}, {"dog", "ja", "Dog"}, {"dog", "", "Dog"}, {"whale", "de", "Wal"}} {
		if got := by[c[0]].DisplayIn(c[1]); got != c[2] {
			t.Errorf("%s in %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
	if p := by["whale"].Properties(); p[len(p)-1].Code != "weight" || p[len(p)-1].Value.Text() != "1.50" {
		t.Errorf("the property of the supplement: %v", p)
	}
	for _, c := range []struct {
		code, typed string
		want        bool
	}{{"parrot", "par", true}, {"parrot", "par GR", true}, {"parrot", "arrot", false}, {"dog", "hun", true}, {"dog", "", true}, {"loop-a", "loop", true}, {"dog", "dog cat", false}} {
		if by[c.code].Matches(c.typed) != c.want {
			t.Errorf("%q typed for %s", c.typed, c.code)
		}
	}
	if _, err := (Options{Supplements: []string{"urn:animals"}}).ExpandSet(s, find); !fault.Is(err, fault.NotSupported) {
		t.Errorf("a supplement that is none: %v", err)
	}
}

func TestValidateCode(t *testing.T) {
	find := shelf(t, animals,
		set("urn:mixed", `{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"animal"}]},{"system":"http://snomed.info/sct","filter":[{"property":"concept","op":"is-a","value":"1"}]},{"system":"http://loinc.org","concept":[{"code":"8867-4","display":"Heart rate"}]}]}`))
	for _, c := range []struct {
		codings []Coding
		options Options
		valid   bool
		says    string
		refused fault.Code
	}{
		{codings: []Coding{{System: "urn:animals", Code: "dog"}}, valid: true},
		{codings: []Coding{{Code: "dog"}}, valid: true},
		{codings: []Coding{{System: "urn:animals", Code: "pet"}}, says: "urn:animals|pet is not in"},
		{codings: []Coding{{System: "urn:animals", Code: "dog", Display: "  DOG "}}, valid: true},
		{codings: []Coding{{System: "urn:animals", Code: "dog", Display: "Chien"}}, valid: true},
		{codings: []Coding{{System: "urn:animals", Code: "dog", Display: "Cat"}}, says: "it is “Dog”"},
		{codings: []Coding{{System: "urn:animals", Code: "dog", Version: "1"}}, says: "version 2"},
		{codings: []Coding{{System: "urn:animals", Code: "animal"}}, valid: true},
		{codings: []Coding{{System: "urn:animals", Code: "animal"}}, options: Options{NoAbstract: true}, says: "groups"},
		{codings: []Coding{{System: "http://loinc.org", Code: "8867-4"}}, valid: true},
		{codings: []Coding{{System: "http://loinc.org", Code: "9"}}, says: "not in"},
		{codings: []Coding{{System: "http://snomed.info/sct", Code: "1"}}, refused: fault.NotSupported, says: "snomed"},
		{codings: []Coding{{System: "http://snomed.info/sct", Code: "1"}, {System: "urn:animals", Code: "bird"}}, valid: true},
		{codings: []Coding{{System: "urn:other", Code: "dog"}}, says: "not in"},
		{says: "no code"},
	} {
		a, err := c.options.ValidateCode("urn:mixed", find, c.codings...)
		if c.refused != "" {
			if !fault.Is(err, c.refused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %v", c.codings, err)
			}
			continue
		}
		if err != nil || a.Valid != c.valid || !strings.Contains(a.Message, c.says) {
			t.Errorf("%v: %v %q %v", c.codings, a.Valid, a.Message, err)
		}
	}
	// Codes of the definitions' value sets that cannot be expanded.
	const conditions = "http://hl7.org/fhir/ValueSet/condition-code"
	if a, err := ValidateCode(conditions, nothing, Coding{System: "http://snomed.info/sct", Code: "160245001"}); err != nil || !a.Valid {
		t.Errorf("a listed code: %v %v", a, err)
	}
	if _, err := ValidateCode(conditions, nothing, Coding{System: "http://snomed.info/sct", Code: "22298006"}); !fault.Is(err, fault.NotSupported) {
		t.Errorf("a code that SNOMED CT would tell about: %v", err)
	}
}

func thousand(t testing.TB) (Finder, *fhir.Node) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"CodeSystem","url":"urn:thousand","content":"complete","concept":[`)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"code":"c%d","display":"Code number %d"}`, i, i)
	}
	b.WriteString("]}")
	return shelf(t, b.String()), parse(t, set("urn:s", `{"include":[{"system":"urn:thousand"}]}`))
}

func BenchmarkExpand1000(b *testing.B) {
	find, s := thousand(b)
	for b.Loop() {
		if x, err := (Options{}).ExpandSet(s, find); err != nil || len(x.Entries) != 1000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidateCode(b *testing.B) {
	find, s := thousand(b)
	b.Run("stored", func(b *testing.B) {
		for b.Loop() {
			if a, err := (Options{}).ValidateInSet(s, find, Coding{System: "urn:thousand", Code: "c777"}); err != nil || !a.Valid {
				b.Fatal(err)
			}
		}
	})
	b.Run("defined", func(b *testing.B) {
		for b.Loop() {
			if a, err := ValidateCode("http://terminology.hl7.org/ValueSet/v3-ActCode", nothing, Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: "AMB"}); err != nil || !a.Valid {
				b.Fatal(err)
			}
		}
	})
}
