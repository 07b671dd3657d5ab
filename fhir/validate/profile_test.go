package validate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/profile"
)

// definitions is a library of profiles that are given as differentials.
func definitions(t testing.TB, list ...string) *profile.Library {
	byURL := map[string]*fhir.Node{}
	for _, s := range list {
		sd := parse(t, s)
		byURL[sd.Get("url").Text()] = sd
	}
	return profile.NewLibrary(func(canonical string) *fhir.Node {
		url, _, _ := strings.Cut(canonical, "|")
		return byURL[url]
	})
}

// constrain writes a profile of a type with the elements of its differential.
func constrain(id, typ, elements string) string {
	return `{"resourceType":"StructureDefinition","url":"http://x/` + id + `","name":"` + id + `","status":"active","kind":"resource","abstract":false,"type":"` + typ +
		`","baseDefinition":"http://hl7.org/fhir/StructureDefinition/` + typ + `","derivation":"constraint","differential":{"element":[{"id":"` + typ + `","path":"` + typ + `"},` + elements + `]}}`
}

const slicedBy = `{"id":"Observation.component","path":"Observation.component","slicing":{"discriminator":[{"type":"%k","path":"%p"}],"rules":"%r"}},`

func slicing(kind, path, rules string) string {
	return strings.NewReplacer("%k", kind, "%p", path, "%r", rules).Replace(slicedBy)
}

// found reports whether an error at a place says certain words.
func found(issues []fault.Issue, expression, words string) bool {
	return slices.ContainsFunc(issues, func(i fault.Issue) bool {
		return i.Severity == "error" && i.Expression == expression && strings.Contains(i.Text, words)
	})
}

// TestProfilesFindWhatIsWrong: for each constraint one document that keeps it and one that
// breaks it, with the place and words of the finding.
func TestProfilesFindWhatIsWrong(t *testing.T) {
	observation := func(members string) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]}` + members + `}`
	}
	part := func(code, value string) string {
		return `{"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},` + value + `}`
	}
	components := func(list ...string) string { return observation(`,"component":[` + strings.Join(list, ",") + `]`) }
	quantity, text := `"valueQuantity":{"value":5}`, `"valueString":"a"`
	bound := func(strength string) string {
		return `{"id":"Observation.method","path":"Observation.method","binding":{"strength":"` + strength + `","valueSet":"http://hl7.org/fhir/ValueSet/observation-status"}}`
	}
	amended := `,"method":{"coding":[{"system":"http://hl7.org/fhir/observation-status","code":"amended"}]}`
	foreign := `,"method":{"coding":[{"system":"http://x","code":"y"}]}`
	codeSlices := `{"id":"Observation.component:a","path":"Observation.component","sliceName":"a","min":1,"max":"1"},
		{"id":"Observation.component:a.code","path":"Observation.component.code","%":{"coding":[{"system":"http://loinc.org","code":"A"}]}},
		{"id":"Observation.component:b","path":"Observation.component","sliceName":"b","min":0,"max":"1"},
		{"id":"Observation.component:b.code","path":"Observation.component.code","%":{"coding":[{"system":"http://loinc.org","code":"B"}]}}`
	fixedSlices, patternSlices := strings.ReplaceAll(codeSlices, "%", "fixedCodeableConcept"), strings.ReplaceAll(codeSlices, "%", "patternCodeableConcept")
	withPatient := func(ref, members string) string {
		return observation(`,"contained":[{"resourceType":"Patient","id":"p"` + members + `}],"subject":{"reference":"` + ref + `"}`)
	}
	gendered := constrain("gendered", "Patient", `{"id":"Patient.gender","path":"Patient.gender","min":1}`)
	subject := func(more string) string {
		return `{"id":"Observation.subject","path":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://x/gendered"]` + more + `}]}`
	}
	for _, c := range []struct{ name, elements, good, bad, expression, words string }{
		{"minimum", `{"id":"Observation.issued","path":"Observation.issued","min":1}`, observation(`,"issued":"2024-01-01T00:00:00Z"`), observation(""), "Observation.issued", "required"},
		{"minimum of several", `{"id":"Observation.note","path":"Observation.note","min":2}`, observation(`,"note":[{"text":"a"},{"text":"b"}]`), observation(`,"note":[{"text":"a"}]`), "Observation.note", "at least 2"},
		{"maximum", `{"id":"Observation.note","path":"Observation.note","max":"1"}`, observation(`,"note":[{"text":"a"}]`), observation(`,"note":[{"text":"a"},{"text":"b"}]`), "Observation.note", "more values than the 1"},
		{"forbidden", `{"id":"Observation.note","path":"Observation.note","max":"0"}`, observation(``), observation(`,"note":[{"text":"a"}]`), "Observation.note", "must not be there"},
		{"inside a data type", `{"id":"Observation.code.text","path":"Observation.code.text","min":1}`, observation("")[:len(observation(""))-2] + `,"text":"x"}}`, observation(""), "Observation.code.text", "required"},
		{"extension of a primitive", `{"id":"Observation.issued.extension","path":"Observation.issued.extension","max":"0"}`, observation(`,"issued":"2024-01-01T00:00:00Z"`), observation(`,"issued":"2024-01-01T00:00:00Z","_issued":{"extension":[{"url":"http://y","valueCode":"a"}]}`), "Observation.issued.extension", "must not"},
		{"type of a choice", `{"id":"Observation.value[x]","path":"Observation.value[x]","type":[{"code":"Quantity"}]}`, observation("," + quantity), observation("," + text), "Observation.valueString", "not allowed here"},
		{"fixed", `{"id":"Observation.status","path":"Observation.status","fixedCode":"final"}`, observation(""), strings.Replace(observation(""), "final", "amended", 1), "Observation.status", "fixes"},
		{"pattern", `{"id":"Observation.code","path":"Observation.code","patternCodeableConcept":{"coding":[{"code":"1"}]}}`, observation(""), strings.Replace(observation(""), `"code":"1"`, `"code":"2"`, 1), "Observation.code", "does not contain"},
		{"length", `{"id":"Observation.value[x]","path":"Observation.value[x]","type":[{"code":"string"}],"maxLength":3}`, observation(`,"valueString":"äöü"`), observation(`,"valueString":"abcd"`), "Observation.valueString", "longer than the 3"},
		{"smallest", `{"id":"Observation.value[x]","path":"Observation.value[x]","type":[{"code":"integer"}],"minValueInteger":3}`, observation(`,"valueInteger":3`), observation(`,"valueInteger":2`), "Observation.valueInteger", "range"},
		{"latest", `{"id":"Observation.issued","path":"Observation.issued","maxValueInstant":"2024-01-01T00:00:00Z"}`, observation(`,"issued":"2023-12-31T00:00:00Z"`), observation(`,"issued":"2024-01-01T00:00:01Z"`), "Observation.issued", "range"},
		{"rule", `{"id":"Observation","path":"Observation","constraint":[{"key":"x-1","severity":"error","human":"No notes","expression":"note.empty()"}]}`, observation(""), observation(`,"note":[{"text":"a"}]`), "Observation", "No notes (x-1)"},
		{"required binding", bound("required"), observation(amended), observation(foreign), "Observation.method", "requires"},
		{"required binding, text alone", bound("required"), observation(amended), observation(`,"method":{"text":"x"}`), "Observation.method", "is required"},
		{"type of the target", `{"id":"Observation.subject","path":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"]}]}`, observation(`,"subject":{"reference":"Patient/1"}`), observation(`,"subject":{"reference":"Group/1"}`), "Observation.subject", "reference to Group"},
		{"profile of the target", subject(""), withPatient("#p", `,"gender":"male"`), withPatient("#p", ""), "Observation.subject", "does not follow"},
		{"contained only", subject(`,"aggregation":["contained"]`), withPatient("#p", `,"gender":"male"`), observation(`,"subject":{"reference":"Patient/1"}`), "Observation.subject", "allows: contained"},
		{"versioned only", subject(`,"versioning":"specific"`), observation(`,"subject":{"reference":"Patient/1/_history/2"}`), observation(`,"subject":{"reference":"Patient/1"}`), "Observation.subject", "specific"},
		{"profile of a type", `{"id":"Observation.value[x]","path":"Observation.value[x]","type":[{"code":"Quantity","profile":["http://hl7.org/fhir/StructureDefinition/SimpleQuantity"]}]}`, observation("," + quantity), observation(`,"valueQuantity":{"value":5,"comparator":"<"}`), "Observation.valueQuantity.comparator", "must not"},
		{"value slices, minimum", slicing("value", "code", "open") + fixedSlices, components(part("A", text), part("C", text)), components(part("B", text)), "Observation.component", "kind “a”"},
		{"pattern slices, maximum", slicing("pattern", "code", "open") + patternSlices, components(part("A", text), part("B", text)), components(part("A", text), part("A", quantity)), "Observation.component", "has 2 of the kind “a”"},
		{"closed", slicing("pattern", "code", "closed") + patternSlices, components(part("A", text), part("B", text)), components(part("A", text), part("C", text)), "Observation.component[1]", "none of the kinds"},
		{"open at its end", slicing("pattern", "code", "openAtEnd") + patternSlices, components(part("A", text), part("C", text)), components(part("C", text), part("A", text)), "Observation.component[1]", "behind"},
		{"ordered", strings.Replace(slicing("pattern", "code", "open"), `"rules"`, `"ordered":true,"rules"`, 1) + patternSlices, components(part("A", text), part("B", text)), components(part("B", text), part("A", text)), "Observation.component[1]", "order"},
		{"inside a slice", slicing("pattern", "code", "open") + patternSlices + `,{"id":"Observation.component:a.valueQuantity.unit","path":"Observation.component.valueQuantity.unit","min":1}`,
			components(part("A", `"valueQuantity":{"value":1,"unit":"g"}`), part("B", quantity)), components(part("A", quantity)), "Observation.component[0].valueQuantity.unit", "required"},
		{"exists slices", slicing("exists", "interpretation", "closed") + `{"id":"Observation.component:with","path":"Observation.component","sliceName":"with","min":0,"max":"1"},
			{"id":"Observation.component:with.interpretation","path":"Observation.component.interpretation","min":1},
			{"id":"Observation.component:without","path":"Observation.component","sliceName":"without","min":0,"max":"1"},
			{"id":"Observation.component:without.interpretation","path":"Observation.component.interpretation","max":"0"}`,
			components(part("A", text+`,"interpretation":[{"text":"x"}]`), part("B", text)), components(part("A", text), part("B", text)), "Observation.component", "kind “without”"},
		{"type slices", slicing("type", "value", "closed") + `{"id":"Observation.component:q","path":"Observation.component","sliceName":"q","min":1,"max":"1"},
			{"id":"Observation.component:q.value[x]","path":"Observation.component.value[x]","type":[{"code":"Quantity"}]}`,
			components(part("A", quantity)), components(part("A", text)), "Observation.component[0]", "none of the kinds"},
		{"profile slices", `{"id":"Observation.hasMember","path":"Observation.hasMember","slicing":{"discriminator":[{"type":"profile","path":"resolve()"}],"rules":"open"}},
			{"id":"Observation.hasMember:noted","path":"Observation.hasMember","sliceName":"noted","min":1,"max":"1","type":[{"code":"Reference","targetProfile":["http://x/noted"]}]}`,
			observation(`,"contained":[` + strings.Replace(observation(`,"note":[{"text":"x"}]`), `"status"`, `"id":"o","status"`, 1) + `],"hasMember":[{"reference":"#o"}]`),
			observation(`,"contained":[` + strings.Replace(observation(``), `"status"`, `"id":"o","status"`, 1) + `],"hasMember":[{"reference":"#o"}]`), "Observation.hasMember", "kind “noted”"},
		{"conformsTo", `{"id":"Observation","path":"Observation","constraint":[{"key":"x-2","severity":"error","human":"Noted","expression":"conformsTo('http://x/noted')"}]}`, observation(`,"note":[{"text":"x"}]`), observation(""), "Observation", "Noted (x-2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Profiles: []string{"http://x/p"}, Library: definitions(t, constrain("p", "Observation", c.elements), gendered,
				constrain("noted", "Observation", `{"id":"Observation.note","path":"Observation.note","min":1}`))}
			if issues := With(parse(t, c.good), o); faulty(issues) {
				t.Errorf("what keeps the profile is refused: %+v", issues[0])
			}
			issues := With(parse(t, c.bad), o)
			if !found(issues, c.expression, c.words) {
				t.Errorf("%+v, want %s: …%s…", issues, c.expression, c.words)
			}
		})
	}
	for strength, severity := range map[string]string{"extensible": "warning", "preferred": "information", "example": ""} {
		o := Options{Profiles: []string{"http://x/p"}, Library: definitions(t, constrain("p", "Observation", bound(strength)))}
		got := ""
		for _, i := range With(parse(t, observation(foreign)), o) {
			if i.Type == "code-invalid" {
				got = i.Severity
			}
		}
		if got != severity {
			t.Errorf("%s: %q, want %q", strength, got, severity)
		}
	}
}

func TestExtensionsAndTheirDefinitions(t *testing.T) {
	extension := func(id, context, elements string) string {
		return strings.Replace(constrain(id, "Extension", elements), `"kind"`, `"context":[`+context+`],"kind"`, 1)
	}
	library := definitions(t,
		extension("race", `{"type":"element","expression":"Patient"}`, `{"id":"Extension.extension:a","path":"Extension.extension","sliceName":"a","min":1,"max":"1"},
			{"id":"Extension.extension:a.url","path":"Extension.extension.url","fixedUri":"a"},{"id":"Extension.value[x]","path":"Extension.value[x]","max":"0"}`),
		extension("name", `{"type":"element","expression":"HumanName.family"}`, `{"id":"Extension.value[x]","path":"Extension.value[x]","min":1,"type":[{"code":"string"}]}`),
		extension("deep", `{"type":"element","expression":"Patient.contact.name"}`, `{"id":"Extension.value[x]","path":"Extension.value[x]","min":1}`),
		extension("stop", `{"type":"element","expression":"Element"}`, `{"id":"Extension","path":"Extension","isModifier":true}`),
		extension("chosen", `{"type":"fhirpath","expression":"Patient.name.where(use = 'official').given"}`, `{"id":"Extension.value[x]","path":"Extension.value[x]","min":1}`),
		extension("odd", `{"type":"fhirpath","expression":"Patient.name.where("}`, `{"id":"Extension.value[x]","path":"Extension.value[x]","min":1}`),
		strings.Replace(extension("ruled", `{"type":"element","expression":"HumanName"}`, `{"id":"Extension.value[x]","path":"Extension.value[x]","min":1}`),
			`"kind"`, `"contextInvariant":["family.exists() and %extension.value = family"],"kind"`, 1))
	race := func(parts string) string { return `"extension":[{"url":"http://x/race","extension":[` + parts + `]}]` }
	for _, c := range []struct{ name, members, expression, words string }{
		{"good", race(`{"url":"a","valueString":"x"}`), "", ""},
		{"missing part", race(`{"url":"http://y","valueString":"x"}`), "Patient.extension[0].extension", "kind “a”"},
		{"unknown part", race(`{"url":"a","valueString":"x"},{"url":"b","valueString":"x"}`), "Patient.extension[0].extension[1]", "no part of this name"},
		{"a value where parts are due", `"extension":[{"url":"http://x/race","valueString":"x"}]`, "Patient.extension[0].valueString", "must not"},
		{"another place", `"contact":[{"name":{"family":"x"},` + race(`{"url":"a","valueString":"x"}`) + `}]`, "Patient.contact[0].extension[0]", "must not stand here"},
		{"on a primitive", `"name":[{"family":"x","_family":{"extension":[{"url":"http://x/name","valueString":"y"}]}}]`, "", ""},
		{"on another primitive", `"name":[{"given":["x"],"_given":[{"extension":[{"url":"http://x/name","valueString":"y"}]}]}]`, "Patient.name[0].given[0].extension[0]", "must not stand here"},
		{"another type", `"name":[{"family":"x","_family":{"extension":[{"url":"http://x/name","valueCode":"y"}]}}]`, "Patient.name[0].family.extension[0].valueCode", "not allowed"},
		{"by path", `"contact":[{"name":{"family":"x","extension":[{"url":"http://x/deep","valueCode":"y"}]}}]`, "", ""},
		{"by another path", `"name":[{"family":"x","extension":[{"url":"http://x/deep","valueCode":"y"}]}]`, "Patient.name[0].extension[0]", "must not stand here"},
		{"modifier", `"modifierExtension":[{"url":"http://x/stop","valueCode":"y"}]`, "", ""},
		{"modifier as extension", `"extension":[{"url":"http://x/stop","valueCode":"y"}]`, "Patient.extension[0]", "changes the meaning"},
		{"extension as modifier", `"modifierExtension":[{"url":"http://x/race","extension":[{"url":"a","valueString":"x"}]}]`, "Patient.modifierExtension[0]", "does not change"},
		{"by expression", `"name":[{"use":"official","given":["x","z"],"_given":[null,{"extension":[{"url":"http://x/chosen","valueCode":"y"}]}]}]`, "", ""},
		{"by expression, elsewhere", `"name":[{"use":"official","given":["x"]},{"given":["x"],"_given":[{"extension":[{"url":"http://x/chosen","valueCode":"y"}]}]}]`, "Patient.name[1].given[0].extension[0]", "must not stand here"},
		{"by an expression that is none", `"extension":[{"url":"http://x/odd","valueCode":"y"}]`, "", ""},
		{"rule of the place", `"name":[{"family":"y","extension":[{"url":"http://x/ruled","valueString":"y"}]}]`, "", ""},
		{"rule of the place, broken", `"name":[{"family":"x","extension":[{"url":"http://x/ruled","valueString":"y"}]}]`, "Patient.name[0].extension[0]", "this must hold"},
		{"rule of the place, not on text alone", `"name":[{"text":"x","extension":[{"url":"http://x/ruled","valueString":"y"}]}]`, "Patient.name[0].extension[0]", "this must hold"},
		{"R4's own", `"birthDate":"1970-01-01","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueString":"x"}]}`, "Patient.birthDate.extension[0].valueString", "not allowed"},
	} {
		issues := With(parse(t, `{"resourceType":"Patient",`+c.members+`}`), Options{Library: library, Strict: true})
		switch {
		case c.expression == "" && faulty(issues):
			t.Errorf("%s: %+v", c.name, issues[0])
		case c.expression != "" && !found(issues, c.expression, c.words):
			t.Errorf("%s: %+v, want %s: …%s…", c.name, issues, c.expression, c.words)
		}
	}
	unknown := parse(t, `{"resourceType":"Patient","extension":[{"url":"http://y/z","valueCode":"a"}]}`)
	if faulty(With(unknown, Options{Library: library})) || !faulty(With(unknown, Options{Library: library, Strict: true})) {
		t.Error("an unknown extension is a fault for a strict validation only")
	}
}

func TestClaimedProfiles(t *testing.T) {
	library := definitions(t, constrain("p", "Patient", `{"id":"Patient.gender","path":"Patient.gender","min":1}`), constrain("broken", "Patient", `{"path":"Patient.colour"}`))
	claim := func(urls string) []string {
		var out []string
		for _, i := range With(parse(t, `{"resourceType":"Patient","meta":{"profile":[`+urls+`]}}`), Options{Library: library}) {
			if !strings.Contains(i.Text, "dom-6") {
				out = append(out, i.Severity+" "+i.Expression)
			}
		}
		return out
	}
	for urls, want := range map[string]string{
		`"http://x/p"`:      "error Patient.gender",
		`"http://x/p|"`:     "error Patient.gender",
		`"http://y"`:        "information Patient.meta.profile",
		`"http://x/broken"`: "warning Patient.meta.profile",
		`"http://hl7.org/fhir/StructureDefinition/bp"`: "error Patient.meta.profile",
	} {
		if got := strings.Join(claim(urls), ", "); got != want {
			t.Errorf("%s: %s, want %s", urls, got, want)
		}
	}
}

// Two resources that point at each other, each to follow a profile about the other, come to
// an end.
func TestProfilesThatLeadInACircle(t *testing.T) {
	library := definitions(t, constrain("a", "Observation", `{"id":"Observation.hasMember","path":"Observation.hasMember","min":1,"type":[{"code":"Reference","targetProfile":["http://x/a"]}]}`))
	r := parse(t, `{"resourceType":"Bundle","type":"collection","entry":[
		{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Observation","id":"1","meta":{"profile":["http://x/a"]},"status":"final","code":{"text":"x"},"hasMember":[{"reference":"urn:uuid:2"}]}},
		{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Observation","id":"2","status":"final","code":{"text":"x"},"hasMember":[{"reference":"urn:uuid:1"}]}}]}`)
	if issues := With(r, Options{Library: library}); faulty(issues) {
		t.Errorf("%+v", issues[0])
	}
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte(constrain("p", "Observation", slicing("profile", "value.ofType(Quantity).extension('http://a.b/c').resolve()", "closed")+`{"id":"Observation.component:a","path":"Observation.component","sliceName":"a"}`)),
		[]byte(`{"resourceType":"Observation","component":[null,{"valueQuantity":{"value":1},"_valueQuantity":1}],"_component":[{}]}`))
	f.Add([]byte(constrain("p", "Patient", `{"id":"Patient.extension:a","path":"Patient.extension","sliceName":"a","type":[{"code":"Extension","profile":["http://x/p"]}]}`)),
		[]byte(`{"resourceType":"Patient","extension":[{"url":"http://x/p"}],"contained":[{}]}`))
	f.Fuzz(func(t *testing.T, definition, body []byte) {
		sd, err := fhir.Parse(definition)
		if err != nil {
			return
		}
		r, err := fhir.Parse(body)
		if err != nil {
			return
		}
		With(r, Options{Strict: true, Profiles: []string{"http://x/p"}, Library: profile.NewLibrary(func(canonical string) *fhir.Node {
			if canonical == "http://x/p" {
				return sd
			}
			return nil
		})})
	})
}

// A profile whose slices each lead back to it would be followed without end.
func TestProfilesThatBranchWithoutEnd(t *testing.T) {
	slice := func(name string) string {
		return `{"id":"Patient.contained:` + name + `","path":"Patient.contained","sliceName":"` + name + `","type":[{"code":"Patient","profile":["http://x/p"]}]}`
	}
	library := definitions(t, strings.Replace(constrain("p", "Patient", `{"id":"Patient.contained","path":"Patient.contained","slicing":{"discriminator":[{"type":"type","path":"$this"}],"rules":"open"}},`+
		slice("a")+","+slice("b")), `{"id":"Patient","path":"Patient"}`, `{"id":"Patient","path":"Patient","type":[{"code":"Patient","profile":["http://x/p"]}]}`, 1))
	contained := `{"resourceType":"Patient","id":"x"}`
	for range 12 {
		contained = `{"resourceType":"Patient","id":"x","contained":[` + contained + `]}`
	}
	start := time.Now()
	With(parse(t, contained), Options{Library: library, Profiles: []string{"http://x/p"}})
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A rule that compares codes by their code system is checked where one can be asked, and
// said to be unchecked where not.
func TestRulesThatCompareCodes(t *testing.T) {
	library := definitions(t, constrain("p", "Observation", `{"id":"Observation","path":"Observation","constraint":[{"key":"x-3","severity":"error","human":"Below A","expression":"code.coding.all(%resource.method.coding.first().subsumes($this))"}]}`))
	o := Options{Profiles: []string{"http://x/p"}, Library: library}
	body := `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://x/s","code":"B"}]},"method":{"coding":[{"system":"http://x/s","code":"A"}]}}`
	unchecked := func(issues []fault.Issue) bool {
		return slices.ContainsFunc(issues, func(i fault.Issue) bool { return i.Type == "not-supported" })
	}
	if !unchecked(With(parse(t, body), o)) {
		t.Error("nothing says that the rule was not checked")
	}
	for outcome, holds := range map[string]bool{"subsumes": true, "equivalent": true, "not-subsumed": false} {
		o.Subsumes = func(system, a, b string) (string, error) { return outcome, nil }
		issues := With(parse(t, body), o)
		if unchecked(issues) || found(issues, "Observation", "Below A") == holds {
			t.Errorf("%s: %+v", outcome, issues)
		}
	}
}
