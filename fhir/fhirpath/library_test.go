package fhirpath

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir/definition"
)

func TestQuantities(t *testing.T) {
	o := node(t, `{"resourceType":"Observation","code":{"text":"x"},
	 "valueQuantity":{"value":185,"unit":"lbs","system":"http://unitsofmeasure.org","code":"[lb_av]"},
	 "component":[{"code":{"text":"y"},"valueQuantity":{"value":2,"unit":"mg"}},
	  {"code":{"text":"z"},"valueQuantity":{"value":3,"system":"urn:local","code":"g"}},
	  {"code":{"text":"a"},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"a"}},
	  {"code":{"text":"b"},"valueQuantity":{"value":1,"comparator":"<","system":"http://unitsofmeasure.org","code":"g"}}]}`)
	for _, c := range []struct{ expression, want string }{
		{"value > 83 'kg' and value < 84 'kg'", "true"},
		{"value.toQuantity('kg')", "83.91458845 'kg'"},
		{"37 'Cel' = 98.6 '[degF]'", "true"},
		{"37 'Cel' > 310 'K'", "true"},
		{"1 'm' + 1 'cm'", "101 'cm'"},
		{"1 'cm' + 1 'm'", "101 'cm'"},
		{"1 'm' + 1 's'", ""},
		{"1 'Cel' + 1 '[degF]'", ""},
		{"20 'Cel' + 1 'Cel'", "21 'Cel'"},
		{"1 year = 12 months", "true"},
		{"1 year > 11 months", "true"},
		{"1 year = 1 'a'", ""},
		{"1 year ~ 1 'a'", "true"},
		{"1 'a' = 365.25 'd'", "true"},
		{"24 hours = 1 day", "true"},
		{"90 minutes + 1 hour", "150 minute"},
		{"5 'mg' > 1 's'", ""},
		{"5 'mg' = 1 's'", ""},
		{"2 'm3' * 3 'm3' = 6 'm6'", "true"},
		{"2 'm' * 3 'm'", "6 'm2'"},
		{"10 'mg' / 2", "5 'mg'"},
		{"10 'mg' / 2 'mg'", "5 '1'"},
		{"10 'mg' / 2 'dL' = 50 'mg/L'", "true"},
		{"3 * 2 days", "6 day"},
		{"10 'mg' / 0 'mg'", ""},
		{"1 'frobs' = 1 'frobs'", "true"},
		{"1 'frobs' = 1 'mg'", ""},
		{"1 day.toQuantity('h')", "24 'h'"},
		{"1 'h'.toQuantity('minutes')", "60 minute"},
		{"1 'mg'.toQuantity('s')", ""},
		{"1 'mg'.convertsToQuantity('g')", "true"},
		{"1 'mg'.convertsToQuantity('m')", "false"},
		{"1 '[iU]' = 1 '[arb\\'U]'", ""},
		{"component[0].value = 2 'mg'", "true"}, // the word is the same
		{"component[0].value = 0.002 'g'", ""},  // but is not known to be UCUM's
		{"component[1].value > 1 'mg'", ""},     // urn:local's g is not the gram
		{"component[2].value = 1 year", "true"}, // FHIR maps a to year
		{"component[3].value < 2 'g'", ""},      // < 1 g is no number
		{"1 'cm'.comparable(1 '[in_i]')", "true"},
		{"1 'mmol/L'.comparable(1 'mg/dL')", "false"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		out, err := e.Evaluate(o)
		if err != nil || joined(out) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(out), err, c.want)
		}
	}
}

func TestBoundaries(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"@2024-02.highBoundary()", "2024-02-29"},
		{"@2024.lowBoundary()", "2024-01-01"},
		{"@2024-03-01T10:15.highBoundary()", "2024-03-01T10:15:59.999-12:00"},
		{"@2024-03-01T10:15:30Z.highBoundary()", "2024-03-01T10:15:30.999Z"},
		{"@2024-03-01T10:15:30.5Z.highBoundary()", "2024-03-01T10:15:30.599Z"},
		{"@T10.lowBoundary()", "10:00:00.000"},
		{"@2024T.highBoundary(6)", "2024-12"},
		{"@2024.lowBoundary(17)", ""},
		{"@2024-03-01.lowBoundary(5)", ""},
		{"0.lowBoundary()", "-0.50000000"},
		{"(-0.0034).lowBoundary(1)", "-0.1"},
		{"1.5 'mg'.highBoundary(3)", "1.550 'mg'"},
		{"@2024-03-01T10:15:30.precision()", "14"},
		{"'x'.precision()", ""},
		{"(3|1|2).sort()", "1,2,3"},
		{"('b'|'c'|'a').sort(-$this)", "c,b,a"},
		{"(3 'cm'|1 'm'|2 'mm').sort()", "2 'mm',3 'cm',1 'm'"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		out, err := e.Evaluate(node(t, patient))
		if err != nil || joined(out) != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, joined(out), err, c.want)
		}
	}
	for _, x := range []string{"(1|'a').sort()", "(1|2).sort((3|4))", "'x'.lowBoundary()", "(1|2).highBoundary()"} {
		if e, err := Compile(x); err != nil {
			t.Errorf("%s: %v", x, err)
		} else if out, err := e.Evaluate(node(t, patient)); err == nil {
			t.Errorf("%s = %q", x, joined(out))
		}
	}
}

func TestCompileStrict(t *testing.T) {
	for _, c := range []struct{ context, expression, want string }{
		{"Patient", "Patient.name.given", ""},
		{"Patient", "name.where(use = 'official').given.first()", ""},
		{"Patient", "contained.name", ""},
		{"Patient", "birthDate.extension('x').value.code", ""},
		{"Patient", "deceased.is(boolean)", ""},
		{"Patient", "name.select(given | family)", ""},
		{"Patient", "generalPractitioner.resolve().anything", ""},
		{"Patient", "descendants().where(given.exists())", ""},
		{"Patient", "Resource.id", ""},
		{"Patient", "iif(active, name, telecom).use", ""},
		{"Patient", "name.repeat(given.extension).url", ""},
		{"Bundle", "entry.resource.ofType(Patient).birthDate", ""},
		{"Quantity", "code.empty() or system.exists()", ""},
		{"Questionnaire", "item.item.item.linkId", ""},
		{"Patient", "nam", `no element "nam"`},
		{"Patient", "name.where(uze = 'official')", `HumanName has no element "uze"`},
		{"Patient", "deceasedBoolean", "no element"},
		{"Patient", "Observation.code", "the context is not Observation"},
		{"Patient", "name.given.lenght", "no element"},
		{"Patient", "name.count().foo", "no element"},
		{"Bundle", "entry.resource.ofType(Patient).birthdate", "no element"},
		{"Patient", "children().first()", "order"},
		{"Patient", "descendants()[0]", "order"},
		{"Frog", "name", "no FHIR type"},
	} {
		_, err := CompileStrict(c.context, c.expression)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v; want %q", c.context, c.expression, err, c.want)
		}
	}
}

// TestStrictHolds compiles the rules and search parameters of R4 strictly: they name what
// exists, but for one.
func TestStrictHolds(t *testing.T) {
	n := 0
	strict := func(context, key, expression string) {
		n++
		_, err := CompileStrict(context, expression)
		// ChargeItemDefinition has no name; R4 took the rule from elsewhere.
		if wrong := key == "cid-0"; (err != nil) != wrong {
			t.Errorf("%s %s: %v: %s", context, key, err, expression)
		}
	}
	for _, name := range append(ruledTypes(), definition.ResourceTypes()...) {
		ty, ok := definition.Lookup(name)
		if !ok {
			t.Fatalf("there is no type %s", name)
		}
		for _, i := range ty.Invariant {
			if e, ok := definition.ElementAt(i.Path); !ok || !e.Choice() {
				strict(i.Path, i.Key, i.Expression)
			}
		}
		if !definition.IsResource(name) {
			continue
		}
		for _, p := range definition.SearchParameters(name) {
			if len(p.Base) == 1 && p.Expression != "" {
				strict(name, p.Code, p.Expression)
			}
		}
	}
	t.Logf("%d expressions", n)
}

// ruledTypes are the types, other than resources, that have rules.
func ruledTypes() []string {
	return []string{"Age", "Attachment", "ContactPoint", "Count", "DataRequirement", "Distance", "DomainResource", "Duration",
		"Element", "ElementDefinition", "Expression", "Extension", "Narrative", "Period", "Quantity", "Range", "Ratio", "Reference",
		"Timing", "TriggerDefinition"}
}

func TestDefineVariable(t *testing.T) {
	p := node(t, patient)
	for _, c := range []struct{ expression, want string }{
		{"defineVariable('v', 'x').select(%v)", "x"},
		{"defineVariable('n', name.first()).select(%n.given).first()", "Peter"},
		{"name.defineVariable('n', skip(1).first()).select(%n.given)", "Jim,Jim"},
		{"name.given.defineVariable('all').select($this & %all.count().toString())", "Peter3,James3,Jim3"},
		{"defineVariable('n', name.first()).select(%n.family) | defineVariable('n', name.skip(1).first()).select(%n.given)", "Chalmers,Jim"},
		{"name.select(defineVariable('g', given.first()).select(%resource.name.where(given = %g).given))", "Jim"},
		{"name.select(defineVariable('g', given).select(%g.count()))", "2,1"},
		{"'aaa'.replace(defineVariable('p', 'aaa').select(%p), defineVariable('p', 'b').select(%p))", "b"},
		{"defineVariable('v', 1).name.given[defineVariable('w', 2).select(%w)]", "Jim"},
		{"defineVariable('v').defineVariable('v')", "fault"},
		{"defineVariable('context', 1)", "fault"},
		{"defineVariable('a', 1).active | defineVariable('b', 2).select(%a)", "fault"},
		{"name.select(defineVariable('v', 1).select(%v)).select(%v)", "fault"},
		{"defineVariable({}, 1)", "fault"},
	} {
		e, err := CompileStrict("Patient", c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		for range 2 { // a session forgets what was defined
			out, err := e.Evaluate(p)
			got := joined(out)
			if err != nil {
				got = "fault"
			}
			if got != c.want {
				t.Errorf("%s = %q, %v; want %q", c.expression, got, err, c.want)
			}
		}
	}
	x := NewSession(p)
	e, _ := Compile("defineVariable('v', 1).select(%v)")
	for range 2 {
		if out, err := x.Evaluate(e); err != nil || joined(out) != "1" {
			t.Errorf("%q, %v", joined(out), err)
		}
	}
}

func TestHooks(t *testing.T) {
	p := node(t, `{"resourceType":"Patient","gender":"male","contained":[{"resourceType":"Organization","id":"o1"}],
	 "text":{"status":"generated","div":"<div>x</div>"},
	 "maritalStatus":{"coding":[{"system":"urn:a","code":"x"},{"system":"urn:a","code":"child"}]}}`)
	hooks := Hooks{
		MemberOf: func(c Coded, set string) (bool, error) { return set == "urn:set" && c.Code == "child", nil },
		Subsumes: func(system, a, b string) (string, error) {
			if a == "child" && b == "parent" {
				return "subsumed-by", nil
			}
			return "not-subsumed", nil
		},
		HTML: func(div string) bool { return strings.HasPrefix(div, "<div") },
	}
	for _, c := range []struct{ expression, want, bare string }{
		{"maritalStatus.memberOf('urn:set')", "true", "fault"},
		{"maritalStatus.memberOf('urn:other')", "false", "fault"},
		{"gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", "false", "true"},
		{"maritalStatus.coding[1].subsumedBy(%parent)", "true", "fault"},
		{"maritalStatus.coding[1].subsumes(%parent)", "false", "fault"},
		{"maritalStatus.coding[0].subsumes(maritalStatus.coding[0])", "true", "true"},
		{"text.div.htmlChecks()", "true", "fault"},
		{"conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", "true", "true"},
		{"conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", "true", "true"},
		{"conformsTo('urn:profile')", "fault", "fault"},
		{"%resource.contained.select(%rootResource.gender)", "male", "male"},
		{"gender.where(%`vs-administrative-gender` = 'http://hl7.org/fhir/ValueSet/administrative-gender')", "male", "male"},
	} {
		e, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		parent := With("parent", OfType(node(t, `{"system":"urn:a","code":"parent"}`), "Coding"))
		for want, options := range map[string][]Option{c.want: {parent, WithHooks(hooks)}, "bare " + c.bare: {parent}} {
			out, err := e.Evaluate(p, options...)
			got := joined(out)
			if err != nil {
				got = "fault"
			}
			if got != strings.TrimPrefix(want, "bare ") {
				t.Errorf("%s = %q, %v; want %q", c.expression, got, err, want)
			}
		}
	}
	marked := node(t, `{"resourceType":"Patient","modifierExtension":[{"url":"urn:m","valueBoolean":true}]}`)
	for expression, good := range map[string]bool{"checkModifiers('urn:m').exists()": true, "checkModifiers('urn:n')": false, "checkModifiers()": false} {
		e, _ := Compile(expression)
		if _, err := e.Evaluate(marked); (err == nil) != good {
			t.Errorf("%s: %v", expression, err)
		}
	}
	// A contained resource: %resource is it, %rootResource what contains it.
	e, _ := Compile("%resource.id & %rootResource.gender")
	out, err := e.Evaluate(p.Get("contained").At(0), WithRoot(p))
	if err != nil || joined(out) != "o1male" {
		t.Errorf("in a contained resource: %q, %v", joined(out), err)
	}
}
