package fhirpath

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

const patient = `{"resourceType":"Patient","id":"p1","active":true,
 "extension":[{"url":"urn:race","valueCoding":{"code":"x"}}],
 "contained":[{"resourceType":"Organization","id":"o1","name":"Clinic"}],
 "identifier":[{"system":"urn:mrn","value":"12345"}],
 "name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]}],
 "telecom":[{"system":"phone","value":"555-1"},{"system":"email","value":"p@example.org"}],
 "gender":"male","birthDate":"1974-12-25","_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
 "deceasedBoolean":false,"multipleBirthInteger":2,
 "managingOrganization":{"reference":"#o1"},"generalPractitioner":[{"reference":"Practitioner/7"}]}`

const observation = `{"resourceType":"Observation","id":"v1","status":"final","subject":{"reference":"Patient/p1"},
 "code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},
 "valueQuantity":{"value":185,"unit":"lbs","system":"http://unitsofmeasure.org","code":"[lb_av]"}}`

func node(t testing.TB, s string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func joined(values []Value) string {
	var parts []string
	for _, v := range values {
		s := v.Text()
		if v.Kind() == Element && s == "" {
			s = "<" + v.Type() + ">"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ",")
}

func TestEvaluate(t *testing.T) {
	p, o := node(t, patient), node(t, observation)
	for _, c := range []struct{ expression, want string }{
		{"Patient.name.given", "Peter,James,Jim"},
		{"name.where(use = 'official').given", "Peter,James"},
		{"name[1].given", "Jim"},
		{"Practitioner.name", ""},
		{"name.given | name.given", "Peter,James,Jim"},
		{"name.first().given.last()", "James"},
		{"name.given.count() = 3 and active", "true"},
		{"birthDate < @1980-01-01", "true"},
		{"birthDate.extension('urn:time').value", "1974-12-25T14:35:45-05:00"},
		{"extension('urn:race').value.code", "x"},
		{"deceased", "false"},
		{"deceased.exists() and deceased != false", "false"},
		{"multipleBirth is integer", "true"},
		{"multipleBirth + 1.5", "3.5"},
		{"telecom.where(system='email').value", "p@example.org"},
		{"managingOrganization.resolve().name", "Clinic"},
		{"generalPractitioner.where(resolve() is Practitioner).reference", "Practitioner/7"},
		{"generalPractitioner.where(resolve() is Patient)", ""},
		{"name.select(given.first() & ' ' & family)", "Peter Chalmers,Jim "},
		{"name.given.where($this.startsWith('J'))", "James,Jim"},
		{"%resource.id", "p1"},
		{"iif(gender = 'male', 'M', 'F')", "M"},
		{"(1|2|3).aggregate($this + $total, 0)", "6"},
		{"'abc'.substring(1) & 'x'", "bcx"},
		{"@2024-02-29 + 1 year", "2025-02-28"},
		{"@2024-01 < @2024-01-15", ""},
		{"@T00:30:00 - 1 hour", "23:30:00"},
		{"@T23:30:00 + 1 hour", "00:30:00"},
		{"{} or true", "true"},
		{"(2).power(3)", "8"},
		{"7 div 2 + 7 mod 2", "4"},
		{"1 / 3 > 0.333", "true"},
		{"4 'g' > 3000 'mg'", "true"},
		{"Patient.children().count() > 5", "true"},
		{"gender.hasValue()", "true"},
		{"contained.ofType(Organization).name", "Clinic"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		got, err := e.Evaluate(p)
		if err != nil || joined(got) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(got), err, c.want)
		}
	}
	for _, c := range []struct{ expression, want string }{
		{"Observation.value as Quantity", "<Quantity>"},
		{"(Observation.value as CodeableConcept)", ""},
		{"Observation.value.as(Quantity).unit", "lbs"},
		{"Observation.value.ofType(Quantity).value", "185"},
		{"value > 180 '[lb_av]'", "true"},
		{"subject.where(resolve() is Patient).reference", "Patient/p1"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		got, err := e.Evaluate(o)
		if err != nil || joined(got) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(got), err, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"", "ends too early"},
		{"name.", "ends too early"},
		{"name..given", "column 6"},
		{"name.where(use = 'official'", `")" was expected`},
		{"name.frobnicate()", "frobnicate() is not known"},
		{"name.where()", "does not take 0 arguments"},
		{"value as Frog", "Frog is not known"},
		{"'open", "no closing quote"},
		{"@2024-13-01", "not a valid value"},
		{strings.Repeat("(", 5000), "nested deeper"},
		{strings.Repeat("a", MaxLength+1), "limit"},
	} {
		_, err := Compile(c.expression)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: %v; want %q", c.expression, err, c.want)
		}
	}
}

func TestEverySearchParameterCompiles(t *testing.T) {
	seen := map[string]bool{}
	for _, rt := range definition.ResourceTypes() {
		empty := fhir.New(rt)
		for _, p := range definition.SearchParameters(rt) {
			for _, x := range expressions(p) {
				e, err := CompileFor(rt, x)
				if err != nil {
					t.Errorf("%s.%s: %v", rt, p.Code, err)
					continue
				}
				if _, err := e.Evaluate(empty); err != nil {
					t.Errorf("%s.%s: %v", rt, p.Code, err)
				}
				seen[p.URL] = true
			}
		}
	}
	if len(seen) < 1375 {
		t.Errorf("%d search parameters were compiled, want 1375", len(seen))
	}
}

func expressions(p *definition.SearchParameter) []string {
	if p.Expression == "" {
		return nil
	}
	list := []string{p.Expression}
	for _, c := range p.Components {
		list = append(list, c.Expression)
	}
	return list
}

// TestHostile evaluates what is made to cost: each must end quickly, most with the fault
// that says so.
func TestHostile(t *testing.T) {
	deep := strings.Repeat(`{"url":"u","extension":[`, 28) + `{"url":"v","valueString":"x"}` + strings.Repeat(`]}`, 28)
	p := node(t, `{"resourceType":"Patient","id":"p","extension":[`+deep+`,`+deep+`],"name":[`+strings.Repeat(`{"given":["a","b"]},`, 500)+`{}]}`)
	doubled := "name" + strings.Repeat(".combine(name)", 150)
	twice := "(name)" + strings.Repeat(".select($this.combine($this))", 12)
	for _, c := range []struct{ name, expression, want string }{
		{"an endless repeat", "(1|2|3|4|5|6|7|8|9).repeat($this + 1)", "needs more than"},
		{"copies that have many children", "(%resource)" + strings.Repeat(".select($this.combine($this))", 16) + ".name.given", "needs more than"},
		{"copies and their descendants", "(%resource)" + strings.Repeat(".select($this.combine($this))", 12) + ".descendants()", "needs more than"},
		{"children of copies", twice + ".children().children()", "needs more than"},
		{"copies, made different", twice + ".distinct()", ""},
		{"deep elements, alike", "extension[0] ~ extension[1]", ""},
		{"many, alike", doubled + " ~ " + doubled, "needs more than"},
		{"nested loops", "name.where((%resource.name | $this).where((%resource.name | $this).exists(given = 'z')))", "needs more than"},
		{"large repetition", `'a'.matches('((a{100}){100}){10}')`, "cannot be used"},
		{"many large patterns", `name.where('a'.matches('a{900}b{900}c{900}' + $index.toString()))`, "needs more than"},
		{"a long text, a heavy pattern", `('aaaaaaaaaa'` + strings.Repeat(`.replace('a','aaaaaaaa')`, 5) + `).matches('(a?){500}b')`, "needs more than"},
		{"a long pattern", "'a'.matches('" + strings.Repeat("a", MaxPattern+1) + "')", "the limit is"},
		{"a text that doubles", "(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30).aggregate($total & $total, 'ab')", "grows longer"},
		{"replacement that grows", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'" + strings.Repeat(".replace('a','aaaaaaaa')", 6), "grows longer"},
		{"powers in powers", strings.Repeat("1.power(", 60) + "1" + strings.Repeat(")", 60), ""},
		{"units that grow", "(1|2|3|4|5|6|7|8|9|10).aggregate($total * 2 'm3/s', 1 'm')", ""},
		{"units of enormous size", "name.where((%resource.name | $this).where(1 '10*999.m/10*998' > 1 '10*900.m'))", "needs more than"},
		{"units that are none", "name.where((%resource.name | $this).exists((1.toString() & ' \\'mg' & $index.toString() & '\\'').toQuantity() > 1 'g'))", "needs more than"},
		{"logarithms of units", "name.where((%resource.name | $this).all(290 'B[SPL]' > 300 'mol/L' or 7.3 '[pH]' > 1 'mol/L'))", "needs more than"},
		{"numbers that grow", "(1|2|3|4|5|6|7|8|9|10).aggregate($total * $total, 99999999.99)", ""},
	} {
		start := time.Now()
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		_, err = e.Evaluate(p)
		took := time.Since(start)
		if took > 10*time.Second { // 0.1 to 0.4 s, on a machine that has nothing or much else to do
			t.Errorf("%s took %v", c.name, took)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %s", c.name, err, c.want)
		}
		t.Logf("%s: %v, %.60v", c.name, took.Round(time.Millisecond), err)
	}
}

// TestOnce evaluates parts of a criterion that do not depend on the item: once, and only
// where that is so.
func TestOnce(t *testing.T) {
	contained := strings.Repeat(`{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"code":"a"},{"code":"b"},{"code":"c"}]}},`, 300)
	p := node(t, `{"resourceType":"Patient","id":"p","contained":[`+contained+`{"resourceType":"Organization","id":"x"}],
	 "managingOrganization":{"reference":"#x"},"name":[{"given":["p","q"]},{"given":["r"]}]}`)
	for _, c := range []struct{ expression, want string }{
		{"contained.where(('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical))).not()).count()", "300"},
		{"name.select(%resource.name.given.count())", "3,3"},
		{"name.select(%resource.name.given[$index])", "p,q"},
		{"name.select(%resource.name.select($index).last())", "1,1"},
		{"(1|2|3).aggregate($total + %resource.name.where($this.given.count() >= $total).count(), 0)", "3"},
		{"name.select(%resource.iif($this.given.exists(), 1, 2))", "2,2"},
		{"name.select(%x)", "9,9"},
		{"name.given.where($this in %resource.name.given.skip(1))", "q,r"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		out, err := e.Evaluate(p, With("x", integer(9)))
		if err != nil || joined(out) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(out), err, c.want)
		}
	}
	// What is kept belongs to one evaluation: a session may go on with another item.
	e, _ := Compile("name.given.select(%context.name.given.count())")
	x := NewSession(p)
	this, _ := Compile("$this")
	first, err := x.EvaluateOn(this, OfType(node(t, `{"given":["z"]}`), "HumanName"))
	if err != nil || first[0].Type() != "HumanName" {
		t.Errorf("$this is %v, %v", first, err)
	}
	for want, on := range map[string]Value{"3,3,3": Of(p), "1": Of(node(t, `{"resourceType":"Patient","name":[{"given":["s"]}]}`))} {
		if out, err := x.EvaluateOn(e, on); err != nil || joined(out) != want {
			t.Errorf("%q, %v; want %q", joined(out), err, want)
		}
	}
}

// TestSet looks for equal items among many, where a set is used.
func TestSet(t *testing.T) {
	many := "('a'.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') & '').toChars().select($index)"
	for _, c := range []struct{ expression, want string }{
		{"(%many | 1.0 | 1 | 100 '%' | 1 '1' | 2.50).count() = %many.count() + 1", "true"},
		{"%many.combine(%many).distinct().count() = %many.count()", "true"},
		{"(%many | 1 'g' | 1000 'mg' | 0.001 'kg' | 1 'm' | 1 year | 12 months | 1 'a').count() = %many.count() + 4", "true"},
		{"(%many | @2024-01-01T10:00:00Z | @2024-01-01T11:00:00+01:00 | @2024-01-01T10:00:00.0Z | @2024-01-01 | @2024).count() = %many.count() + 3", "true"},
		{"(%many | 37 'Cel' | 98.6 '[degF]' | 310.15 'K').count() = %many.count() + 1", "true"},
		{"(%many | 1 'frob' | 1 'frob').count() = %many.count() + 1", "true"},
		{"(0).repeat(iif($this < 3000, $this + 1, {})).count()", "3000"},
	} {
		m, err := Compile(many)
		if err != nil {
			t.Fatal(err)
		}
		values, err := m.Evaluate(node(t, patient))
		if err != nil || len(values) < 20 {
			t.Fatal(len(values), err)
		}
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		out, err := e.Evaluate(node(t, patient), With("many", values...))
		if err != nil || joined(out) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(out), err, c.want)
		}
	}
}

func BenchmarkNameGiven(b *testing.B) {
	p := node(b, patient)
	e, _ := Compile("name.given")
	b.ReportAllocs()
	for b.Loop() {
		if out, err := e.Evaluate(p); err != nil || len(out) != 3 {
			b.Fatal(out, err)
		}
	}
}

// FuzzCompile fuzzes with -fuzzminimizetime=10x: by default Go spends up to a minute on making
// each new input smaller, and shows no executions meanwhile.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"Patient.name.given", "(a as b).c[0] | 'x\\u0041'", "@2024-01-01T10:00:00.000+01:00 + 3 'mo'", "iif(a, -1, 2.5 'mg')", "%x.repeat(children()).where($this ~ 'a')", "name.defineVariable('v').select(%v.given.sort(-$this) | %resource.descendants())", "1.5 'mg' > 3 '[lb_av]' or @2024.lowBoundary() = today()", "(1|2).aggregate($total*$this*9999999999,1)"} {
		f.Add(s)
	}
	p := node(f, patient)
	f.Fuzz(func(t *testing.T, s string) {
		start := time.Now()
		e, err := Compile(s)
		_, _ = CompileStrict("Patient", s)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("compiling took %v", took)
		}
		if err != nil {
			return
		}
		if e.String() != s {
			t.Fatal("the source was changed")
		}
		start = time.Now()
		_, _ = e.Evaluate(p, At(start))
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("the evaluation took %v", took)
		}
	})
}
