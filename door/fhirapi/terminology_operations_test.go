package fhirapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// body is the tree of body parts, a system that means something.
const bodyParts = `{"resourceType":"CodeSystem","id":"parts","url":"urn:parts","version":"3","name":"BodyParts","status":"active","content":"complete","hierarchyMeaning":"is-a","concept":[
{"code":"limb","display":"Limb","definition":"A jointed part","property":[{"code":"notSelectable","valueBoolean":true}],"designation":[{"language":"de","use":{"system":"urn:use","code":"short"},"value":"Gliedmaße"}],"concept":[
 {"code":"arm","display":"Upper limb","designation":[{"language":"de","value":"Arm"}]},{"code":"leg","display":"Lower limb"},
 {"code":"tail","display":"Tail","property":[{"code":"inactive","valueBoolean":true}]}]},{"code":"head","display":"Head"}]}`

func terms(t *testing.T) *house {
	h := open(t)
	h.seed(bodyParts,
		`{"resourceType":"ValueSet","id":"all","url":"urn:set:parts","version":"9","name":"Parts","status":"draft","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},"compose":{"include":[{"system":"urn:parts"}]}}`,
		`{"resourceType":"ConceptMap","id":"german","url":"urn:map","status":"active","sourceUri":"urn:set:parts","targetUri":"urn:set:teile","group":[{"source":"urn:parts","target":"urn:teile","element":[{"code":"arm","target":[{"code":"A","display":"Arm","equivalence":"wider","product":[{"property":"urn:side","system":"urn:sides","value":"both"}]}]},{"code":"leg","target":[{"code":"B","equivalence":"equal","dependsOn":[{"property":"urn:age","system":"urn:ages","value":"adult"}]}]}]}]}`)
	return h
}

// shown spells expansion.contains; nested codes in brackets.
func spelled(list *fhir.Node) string {
	var out []string
	for c := range list.Items() {
		text := c.Get("code").Text()
		if c.Get("abstract").True() {
			text += "*"
		}
		if c.Get("inactive").True() {
			text += "-"
		}
		if inner := c.Get("contains"); inner != nil {
			text += "(" + spelled(inner) + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func post(parameters string) string {
	return `{"resourceType":"Parameters","parameter":[` + parameters + `]}`
}

func TestExpandParameters(t *testing.T) {
	h := terms(t)
	for query, want := range map[string]string{
		"url=urn:set:parts":                                                        "limb* arm leg tail- head",
		"url=urn:set:parts&excludeNested=false":                                    "limb*(arm leg tail-) head",
		"url=urn:set:parts&excludeNested=true":                                     "limb* arm leg tail- head",
		"url=urn:set:parts&activeOnly=true":                                        "limb* arm leg head",
		"url=urn:set:parts&excludeNotForUI=true":                                   "arm leg tail- head",
		"url=urn:set:parts&filter=low%20li":                                        "leg",
		"url=urn:set:parts&filter=imb":                                             "",
		"url=urn:set:parts&filter=gliedma":                                         "limb*",
		"url=urn:set:parts&exclude-system=urn:parts":                               "",
		"url=urn:set:parts&exclude-system=urn:parts|2":                             "limb* arm leg tail- head",
		"url=urn:set:parts&offset=1&count=2":                                       "arm leg",
		"url=urn:set:parts&count=0":                                                "",
		"url=urn:set:parts&valueSetVersion=9":                                      "limb* arm leg tail- head",
		"url=urn:set:parts|9&system-version=urn:parts|3":                           "limb* arm leg tail- head",
		"context=Patient.gender":                                                   "male female other unknown",
		"context=http://hl7.org/fhir/StructureDefinition/Patient%23Patient.gender": "male female other unknown",
	} {
		if got := spelled(h.get("/fhir/ValueSet/$expand?" + query).is(http.StatusOK).node.Path("expansion.contains")); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	r := h.get("/fhir/ValueSet/all/$expand?displayLanguage=de-AT&includeDesignations=true&includeDefinition=true&count=2").is(http.StatusOK).node
	for path, want := range map[string]string{
		"id": "all", "url": "urn:set:parts", "status": "draft", "compose.include.0.system": "urn:parts", "text.status": "",
		"expansion.total": "5", "expansion.offset": "0", "expansion.timestamp": "2026-11-23T12:00:00Z", "expansion.contains.1.display": "Arm",
		"expansion.contains.0.version": "3", "expansion.contains.0.designation.0.use.code": "short", "expansion.contains.0.designation.0.language": "de",
	} {
		if got := r.Path(path).Text(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	told := map[string]string{}
	for p := range r.Path("expansion.parameter").Items() {
		told[p.Get("name").Text()] = p.Get("valueUri").Text() + p.Get("valueString").Text() + p.Get("valueBoolean").Text() + p.Get("valueInteger").Text()
	}
	for name, want := range map[string]string{"used-codesystem": "urn:parts|3", "displayLanguage": "de-AT", "includeDesignations": "true", "count": "2"} {
		if told[name] != want {
			t.Errorf("expansion.parameter %s: %q, want %q", name, told[name], want)
		}
	}
	if id := r.Path("expansion.identifier").Text(); !strings.HasPrefix(id, "urn:") {
		t.Errorf("identifier %q", id)
	}
	if r := h.get("/fhir/ValueSet/all/$expand").is(http.StatusOK).node; r.Get("compose") != nil || r.Path("expansion.offset") != nil {
		t.Error("the definition, or the offset of a page, though not asked for")
	}
	given := post(`{"name":"valueSet","resource":{"resourceType":"ValueSet","compose":{"include":[{"system":"urn:parts","filter":[{"property":"concept","op":"descendent-of","value":"limb"}]}]}}},{"name":"activeOnly","valueBoolean":true}`)
	if got := spelled(h.ask("POST", "/fhir/ValueSet/$expand", given).is(http.StatusOK).node.Path("expansion.contains")); got != "arm leg" {
		t.Errorf("a value set that came along: %q", got)
	}
}

func TestExpandRefusals(t *testing.T) {
	h := terms(t)
	for query, status := range map[string]int{
		"url=urn:set:parts&url=urn:other":                            http.StatusBadRequest,
		"url=urn:set:parts&context=Patient.gender":                   http.StatusBadRequest,
		"url=urn:set:parts|9&valueSetVersion=8":                      http.StatusBadRequest,
		"url=urn:set:parts|8":                                        http.StatusNotFound,
		"url=urn:set:parts&activeOnly=perhaps":                       http.StatusBadRequest,
		"url=urn:set:parts&excludeNested=false&count=2":              http.StatusUnprocessableEntity,
		"url=urn:set:parts&valueSet=x":                               http.StatusBadRequest,
		"url=urn:set:parts&date=2020-01-01":                          http.StatusBadRequest,
		"url=urn:set:parts&check-system-version=urn:parts|2":         http.StatusUnprocessableEntity,
		"url=urn:set:parts&force-system-version=urn:parts|2":         http.StatusBadRequest,
		"url=urn:set:parts&system-version=urn:parts":                 http.StatusBadRequest,
		"url=urn:set:parts&useSupplement=urn:none":                   http.StatusBadRequest,
		"url=urn:set:parts&contextDirection=up":                      http.StatusBadRequest,
		"context=Patient.birthDate":                                  http.StatusNotFound,
		"url=" + strings.Repeat("x", 6000):                           http.StatusNotFound,
		"url=http://hl7.org/fhir/ValueSet/administrative-gender|3.0": http.StatusNotFound,
		"url=http://hl7.org/fhir/ValueSet/condition-code&offset=1":   http.StatusBadRequest,
	} {
		h.get("/fhir/ValueSet/$expand?" + query).refused(status)
	}
	deep := strings.Repeat(`{"code":"a","concept":[`, 400) + strings.Repeat(`]}`, 400)
	for about, c := range map[string]struct {
		body   string
		status int
	}{
		"a pattern that is none":       {post(`{"name":"valueSet","resource":{"resourceType":"ValueSet","compose":{"include":[{"system":"urn:parts","filter":[{"property":"code","op":"regex","value":"((a+"}]}]}}}`), http.StatusUnprocessableEntity},
		"a value set that is none":     {post(`{"name":"valueSet","resource":{"resourceType":"Patient"}}`), http.StatusBadRequest},
		"a parameter without value":    {post(`{"name":"url"}`), http.StatusBadRequest},
		"no Parameters":                {`{"resourceType":"ValueSet"}`, http.StatusBadRequest},
		"codes nested 400 levels deep": {post(`{"name":"valueSet","resource":{"resourceType":"ValueSet","expansion":{"contains":[` + deep + `]}}}`), 0},
		"compose that is a text":       {post(`{"name":"valueSet","resource":{"resourceType":"ValueSet","compose":"x"}}`), http.StatusBadRequest},
	} {
		r := h.ask("POST", "/fhir/ValueSet/$expand", c.body)
		if c.status != 0 {
			r.refused(c.status)
		} else if r.status >= 500 {
			t.Errorf("%s: %d", about, r.status)
		}
	}
}

func TestExpandLarge(t *testing.T) {
	h := open(t)
	var b strings.Builder
	for i := range maxExpansion + 1 {
		fmt.Fprintf(&b, `,{"code":"c%d"}`, i)
	}
	h.seed(`{"resourceType":"CodeSystem","url":"urn:big","status":"active","content":"complete","concept":[`+b.String()[1:]+`]}`,
		`{"resourceType":"ValueSet","id":"big","url":"urn:set:big","status":"active","compose":{"include":[{"system":"urn:big"}]}}`)
	h.get("/fhir/ValueSet/big/$expand").refused(http.StatusTooManyRequests, "10001 codes", "count")
	r := h.get("/fhir/ValueSet/big/$expand?offset=10000&count=20000").is(http.StatusOK).node
	if got := spelled(r.Path("expansion.contains")); got != "c10000" || r.Path("expansion.total").Text() != "10001" {
		t.Errorf("the last page: %q of %s", got, r.Path("expansion.total").Text())
	}
}

// said spells the parameters of an answer.
func said(r *fhir.Node) map[string]string {
	out := map[string]string{}
	for p := range r.Get("parameter").Items() {
		text := ""
		for name, v := range p.Members() {
			if strings.HasPrefix(name, "value") {
				text = v.Text()
			}
		}
		for part := range p.Get("part").Items() {
			for name, v := range part.Members() {
				if strings.HasPrefix(name, "value") {
					text += " " + v.Text() + v.Get("code").Text()
				}
			}
		}
		name := p.Get("name").Text()
		if out[name] != "" {
			out[name] += ";"
		}
		out[name] += strings.TrimSpace(text)
	}
	return out
}

func TestValidateCodeOperations(t *testing.T) {
	h := terms(t)
	for path, want := range map[string]string{
		"/fhir/ValueSet/$validate-code?url=urn:set:parts&system=urn:parts&code=arm":                             "true",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&code=arm&display=upper%20limb":                      "true",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&code=arm&display=Bein":                              "false",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&code=wing":                                          "false",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&code=limb":                                          "true",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&code=limb&abstract=false":                           "false",
		"/fhir/ValueSet/all/$validate-code?system=urn:parts&systemVersion=2&code=arm":                           "false",
		"/fhir/ValueSet/$validate-code?context=Patient.gender&code=male":                                        "true",
		"/fhir/CodeSystem/$validate-code?url=urn:parts&code=arm":                                                "true",
		"/fhir/CodeSystem/$validate-code?url=urn:parts&version=3&code=arm&display=arm":                          "true",
		"/fhir/CodeSystem/$validate-code?url=urn:parts&code=wing":                                               "false",
		"/fhir/CodeSystem/parts/$validate-code?code=head":                                                       "true",
		"/fhir/CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&version=4.0.1&code=male": "true",
	} {
		if got := said(h.get(path).is(http.StatusOK).node); got["result"] != want || (got["message"] == "") != (want == "true") {
			t.Errorf("%s: %v", path, got)
		}
	}
	got := said(h.ask("POST", "/fhir/ValueSet/all/$validate-code", post(`{"name":"codeableConcept","valueCodeableConcept":{"coding":[{"system":"urn:x","code":"1"},{"system":"urn:parts","code":"leg"}]}}`)).is(http.StatusOK).node)
	if got["result"] != "true" || got["code"] != "leg" || got["system"] != "urn:parts" || got["version"] != "3" || got["display"] != "Lower limb" {
		t.Errorf("a CodeableConcept: %v", got)
	}
	got = said(h.ask("POST", "/fhir/CodeSystem/$validate-code", post(`{"name":"coding","valueCoding":{"system":"urn:parts","code":"leg"}}`)).is(http.StatusOK).node)
	if got["result"] != "true" {
		t.Errorf("a Coding says its code system: %v", got)
	}
	for path, status := range map[string]int{
		"/fhir/ValueSet/all/$validate-code":                                                                                  http.StatusBadRequest,
		"/fhir/ValueSet/all/$validate-code?url=urn:set:parts&code=arm":                                                       http.StatusBadRequest,
		"/fhir/CodeSystem/$validate-code?code=arm":                                                                           http.StatusBadRequest,
		"/fhir/CodeSystem/$validate-code?url=http://snomed.info/sct&code=1":                                                  http.StatusBadRequest,
		"/fhir/CodeSystem/$validate-code?url=urn:parts&version=2&code=arm":                                                   http.StatusBadRequest,
		"/fhir/CodeSystem/none/$validate-code?code=arm":                                                                      http.StatusNotFound,
		"/fhir/ValueSet/$validate-code?url=urn:none&code=arm":                                                                http.StatusNotFound,
		"/fhir/ValueSet/$validate-code?url=urn:set:parts&code=arm&abstract=banana":                                           http.StatusBadRequest,
		"/fhir/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/condition-code&system=http://snomed.info/sct&code=1": http.StatusBadRequest,
	} {
		h.get(path).refused(status)
	}
	h.ask("POST", "/fhir/ValueSet/all/$validate-code", post(`{"name":"code","valueCode":"arm"},{"name":"coding","valueCoding":{"code":"leg"}}`)).refused(http.StatusBadRequest)
	h.ask("POST", "/fhir/ValueSet/all/$validate-code", post(`{"name":"codeableConcept","valueCodeableConcept":{"text":"arm"}}`)).refused(http.StatusBadRequest)
}

func TestLookupAndSubsumes(t *testing.T) {
	h := terms(t)
	got := said(h.get("/fhir/CodeSystem/$lookup?system=urn:parts&version=3&code=limb").is(http.StatusOK).node)
	for name, want := range map[string]string{"name": "BodyParts", "version": "3", "display": "Limb", "designation": "de short Gliedmaße",
		"property": "definition A jointed part;child arm;child leg;child tail;inactive false;notSelectable true"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	got = said(h.get("/fhir/CodeSystem/$lookup?system=urn:parts&code=arm&displayLanguage=de&property=parent").is(http.StatusOK).node)
	if got["display"] != "Arm" || got["property"] != "parent limb" || got["designation"] != "" {
		t.Errorf("one property: %v", got)
	}
	got = said(h.get("/fhir/CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/v3-RoleCode&code=SIS").is(http.StatusOK).node)
	if got["name"] != "RoleCode" && got["name"] != "v3.RoleCode" || !strings.Contains(got["property"], "parent SIB") {
		t.Errorf("of the definitions: %v", got)
	}
	h.get("/fhir/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&version=3.0&code=male").refused(http.StatusBadRequest, "4.0.1")
	for path, want := range map[string]string{
		"/fhir/CodeSystem/$subsumes?system=urn:parts&codeA=limb&codeB=arm":          "subsumes",
		"/fhir/CodeSystem/parts/$subsumes?codeA=arm&codeB=limb":                     "subsumed-by",
		"/fhir/CodeSystem/$subsumes?system=urn:parts&version=3&codeA=arm&codeB=arm": "equivalent",
		"/fhir/CodeSystem/$subsumes?system=urn:parts&codeA=arm&codeB=leg":           "not-subsumed",
	} {
		if got := said(h.get(path).is(http.StatusOK).node)["outcome"]; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	two := func(a, b string) string {
		return post(`{"name":"codingA","valueCoding":` + a + `},{"name":"codingB","valueCoding":` + b + `}`)
	}
	if got := said(h.ask("POST", "/fhir/CodeSystem/$subsumes", two(`{"system":"urn:parts","code":"limb"}`, `{"system":"urn:parts","code":"leg"}`)).is(http.StatusOK).node)["outcome"]; got != "subsumes" {
		t.Errorf("codings: %q", got)
	}
	h.ask("POST", "/fhir/CodeSystem/$subsumes", two(`{"system":"urn:parts","code":"limb"}`, `{"system":"urn:x","code":"leg"}`)).refused(http.StatusUnprocessableEntity)
	h.get("/fhir/CodeSystem/$subsumes?system=urn:parts&codeA=limb").refused(http.StatusBadRequest)
	h.get("/fhir/CodeSystem/$subsumes?system=urn:parts&codeA=limb&codeB=wing").refused(http.StatusNotFound)
	h.get("/fhir/CodeSystem/$subsumes?system=http://snomed.info/sct&codeA=1&codeB=2").refused(http.StatusBadRequest, "snomed")
}

func TestTranslateOperation(t *testing.T) {
	h := terms(t)
	for path, want := range map[string]string{
		"/fhir/ConceptMap/$translate?url=urn:map&system=urn:parts&code=arm":                                                                                     "true wider A urn:map",
		"/fhir/ConceptMap/german/$translate?system=urn:parts&code=arm&targetsystem=urn:teile":                                                                   "true wider A urn:map",
		"/fhir/ConceptMap/$translate?system=urn:parts&code=arm":                                                                                                 "true wider A urn:map",
		"/fhir/ConceptMap/$translate?source=urn:set:parts&target=urn:set:teile&system=urn:parts&code=arm":                                                       "true wider A urn:map",
		"/fhir/ConceptMap/$translate?url=urn:map&system=urn:teile&code=A&reverse=true":                                                                          "true narrower arm urn:map",
		"/fhir/ConceptMap/$translate?url=urn:map&system=urn:parts&code=leg":                                                                                     "false ",
		"/fhir/ConceptMap/$translate?url=urn:map&system=urn:parts&code=head":                                                                                    "false ",
		"/fhir/ConceptMap/$translate?url=http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3&system=http://hl7.org/fhir/administrative-gender&code=male": "true equal M http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3",
	} {
		if got := said(h.get(path).is(http.StatusOK).node); got["result"]+" "+got["match"] != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	with := post(`{"name":"url","valueUri":"urn:map"},{"name":"coding","valueCoding":{"system":"urn:parts","code":"leg"}},{"name":"dependency","part":[{"name":"element","valueUri":"urn:age"},{"name":"concept","valueCodeableConcept":{"coding":[{"system":"urn:ages","code":"adult"}]}}]}`)
	if got := said(h.ask("POST", "/fhir/ConceptMap/$translate", with).is(http.StatusOK).node); got["match"] != "equal B urn:map" {
		t.Errorf("with what it depends on: %v", got)
	}
	for path, status := range map[string]int{
		"/fhir/ConceptMap/$translate?url=urn:none&system=urn:parts&code=arm":          http.StatusNotFound,
		"/fhir/ConceptMap/$translate?code=arm":                                        http.StatusBadRequest,
		"/fhir/ConceptMap/$translate?url=urn:map":                                     http.StatusBadRequest,
		"/fhir/ConceptMap/german/$translate?url=urn:map&system=urn:parts&code=arm":    http.StatusBadRequest,
		"/fhir/ConceptMap/$translate?url=urn:map&system=urn:parts&code=arm&reverse=1": http.StatusBadRequest,
	} {
		h.get(path).refused(status)
	}
	h.ask("POST", "/fhir/ConceptMap/$translate", post(`{"name":"url","valueUri":"urn:map"},{"name":"code","valueCode":"arm"},{"name":"dependency","valueString":"x"}`)).refused(http.StatusBadRequest)
}

// A batch validates many codes at once; stored terminology is behind the gate as all else.
func TestTerminologyInBatchAndGate(t *testing.T) {
	h := terms(t)
	r := h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[
		{"request":{"method":"GET","url":"ValueSet/$validate-code?url=urn:set:parts&system=urn:parts&code=arm"}},
		{"request":{"method":"GET","url":"ValueSet/$validate-code?url=urn:set:parts&system=urn:parts&code=wing"}},
		{"request":{"method":"POST","url":"CodeSystem/$validate-code"},"resource":{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"urn:parts"},{"name":"code","valueCode":"leg"}]}},
		{"request":{"method":"GET","url":"ValueSet/$expand?url=urn:none"}}]}`).is(http.StatusOK).node
	var got []string
	for e := range r.Get("entry").Items() {
		got = append(got, e.Path("response.status").Text()[:3]+e.Path("resource.parameter.0.valueBoolean").Text())
	}
	if text := strings.Join(got, " "); text != "200true 200false 200true 404" {
		t.Errorf("the batch: %s %s", text, r.JSON())
	}
	patient := h.as(trust.Patient)
	patient.get("/fhir/ValueSet/$expand?url=" + url.QueryEscape("http://hl7.org/fhir/ValueSet/administrative-gender")).is(http.StatusOK)
	if s := h.as(trust.Patient).get("/fhir/ValueSet/all/$expand").status; s == http.StatusOK && h.as(trust.Patient).get("/fhir/ValueSet/all").status != http.StatusOK {
		t.Error("an expansion shows a value set that the caller may not read")
	}
	start := time.Now()
	h.get("/fhir/ValueSet/$validate-code?url=urn:set:parts&system=urn:parts&code=arm").is(http.StatusOK)
	t.Logf("one stored code took %v", time.Since(start))
}

// Searches ask what stands below and above a code, of stored code systems and of those of R4.
func TestSearchBelowAndAbove(t *testing.T) {
	h := terms(t)
	const role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
	seen := func(id, system, code string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"coding":[{"system":"` + system + `","code":"` + code + `"}]},"subject":{"reference":"Patient/rosa"}}`
	}
	h.seed(seen("o-arm", "urn:parts", "arm"), seen("o-head", "urn:parts", "head"), seen("o-limb", "urn:parts", "limb"), seen("o-sis", role, "SIS"), seen("o-fam", role, "FAMMEMB"))
	for query, want := range map[string]string{
		"code:below=urn:parts|limb": "o-arm o-limb", "code:above=urn:parts|arm": "o-arm o-limb", "code:below=urn:parts|head": "o-head",
		"code:below=" + role + "|SIB": "o-sis", "code:above=" + role + "|SIS": "o-fam o-sis",
	} {
		ids := h.get("/fhir/Observation?" + query).is(http.StatusOK).ids()
		slices.Sort(ids)
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	h.get("/fhir/Observation?code:below=http://snomed.info/sct|73211009").refused(http.StatusBadRequest, "snomed")
}

// One request on a value set of 1,000 stored codes, through HTTP, gate, audit log and store.
func BenchmarkTerminology(b *testing.B) {
	h := open(b)
	var codes strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&codes, `,{"code":"c%d","display":"Code number %d"}`, i, i)
	}
	h.seed(`{"resourceType":"CodeSystem","url":"urn:thousand","status":"active","content":"complete","concept":[`+codes.String()[1:]+`]}`,
		`{"resourceType":"ValueSet","id":"thousand","url":"urn:set:thousand","status":"active","compose":{"include":[{"system":"urn:thousand"}]}}`)
	for name, path := range map[string]string{
		"expand":                "/fhir/ValueSet/thousand/$expand",
		"expand-page":           "/fhir/ValueSet/thousand/$expand?count=20&filter=number%207",
		"validate-code":         "/fhir/ValueSet/thousand/$validate-code?system=urn:thousand&code=c777",
		"validate-code-defined": "/fhir/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender&code=male",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h.get(path).is(http.StatusOK)
			}
		})
	}
}
