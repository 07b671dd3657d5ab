package terminology

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

const zoo = `{"resourceType":"ConceptMap","url":"urn:zoo","sourceUri":"urn:set:a","targetCanonical":"urn:set:b","group":[
 {"source":"urn:animals","target":"urn:zoo","element":[
  {"code":"dog","target":[{"code":"K9","display":"Canine","equivalence":"wider"},{"code":"K8","equivalence":"equivalent","dependsOn":[{"property":"age","system":"urn:ages","value":"puppy"}],"product":[{"property":"size","system":"urn:sizes","value":"S"}]}]},
  {"code":"dodo","target":[{"equivalence":"unmatched","comment":"extinct"}]}],"unmapped":{"mode":"fixed","code":"X","display":"Other"}},
 {"source":"urn:animals","target":"urn:farm","element":[{"code":"dog","target":[{"code":"dog","equivalence":"equal"}]}],"unmapped":{"mode":"other-map","url":"urn:chain"}}]}`

func TestTranslate(t *testing.T) {
	chain := `{"resourceType":"ConceptMap","url":"urn:chain","group":[{"source":"urn:animals","target":"urn:farm","element":[{"code":"bird","target":[{"code":"hen","equivalence":"narrower"}]}],"unmapped":{"mode":"provided"}}]}`
	find := shelf(t, zoo, chain)
	m := parse(t, zoo)
	for _, c := range []struct {
		about string
		ask   Translation
		want  string // equivalence system|code …
		says  string
	}{
		{"to all systems", Translation{Codings: []Coding{{System: "urn:animals", Code: "dog"}}}, "wider urn:zoo|K9, equal urn:farm|dog", ""},
		{"to one", Translation{Codings: []Coding{{System: "urn:animals", Code: "dog"}}, TargetSystem: "urn:farm"}, "equal urn:farm|dog", ""},
		{"with what it depends on", Translation{Codings: []Coding{{System: "urn:animals", Code: "dog"}}, TargetSystem: "urn:zoo", Dependencies: []Dependency{{"age", "urn:ages", "puppy"}}}, "wider urn:zoo|K9, equivalent urn:zoo|K8 size=S", ""},
		{"back", Translation{Codings: []Coding{{System: "urn:zoo", Code: "K9"}}, Reverse: true}, "narrower urn:animals|dog", ""},
		{"a denial", Translation{Codings: []Coding{{System: "urn:animals", Code: "dodo"}}, TargetSystem: "urn:zoo"}, "unmatched urn:zoo|", "no counterpart"},
		{"for all others", Translation{Codings: []Coding{{System: "urn:animals", Code: "pet"}}, TargetSystem: "urn:zoo"}, "inexact urn:zoo|X", ""},
		{"sent on", Translation{Codings: []Coding{{System: "urn:animals", Code: "bird"}}, TargetSystem: "urn:farm"}, "narrower urn:farm|hen", ""},
		{"as it is", Translation{Codings: []Coding{{System: "urn:animals", Code: "pet"}}, TargetSystem: "urn:farm"}, "inexact urn:farm|pet", ""},
		{"of another system", Translation{Codings: []Coding{{System: "urn:other", Code: "dog"}}}, "", "no translation"},
		{"between its value sets", Translation{Codings: []Coding{{Code: "dog"}}, Source: "urn:set:a|1", Target: "urn:set:b", TargetSystem: "urn:farm"}, "equal urn:farm|dog", ""},
		{"between others", Translation{Codings: []Coding{{Code: "dog"}}, Source: "urn:set:b"}, "", "no concept map"},
	} {
		got, err := c.ask.Translate([]*fhir.Node{m}, find)
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		var list []string
		for _, m := range got.Matches {
			line := m.Equivalence + " " + m.Concept.System + "|" + m.Concept.Code
			for _, p := range m.Products {
				line += " " + p.Element + "=" + p.Concept.Code
			}
			list = append(list, line)
		}
		if text := strings.Join(list, ", "); text != c.want || got.Result != (c.says == "") || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %v %q, want %q; %q", c.about, got.Result, text, c.want, got.Message)
		}
	}
}

func TestTranslateDefinitions(t *testing.T) {
	maps, err := DefinedMaps()
	if err != nil || len(maps) != 19 {
		t.Fatalf("%d maps: %v", len(maps), err)
	}
	ask := Translation{Codings: []Coding{{System: "http://hl7.org/fhir/administrative-gender", Code: "male"}}, TargetSystem: "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"}
	got, err := ask.Translate(maps, nothing)
	if err != nil || !got.Result || got.Matches[0].Concept.Code != "M" || got.Matches[0].Concept.Display != "Male" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestTranslateRefusals(t *testing.T) {
	circle := func(url, next string) string {
		return `{"resourceType":"ConceptMap","url":"` + url + `","group":[{"unmapped":{"mode":"other-map","url":"` + next + `"}}]}`
	}
	find := shelf(t, circle("urn:1", "urn:2"), circle("urn:2", "urn:1"))
	m, err := FindMap("urn:1", find)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Translation{Codings: []Coding{{Code: "x"}}}).Translate([]*fhir.Node{m}, find); !fault.Is(err, fault.Invalid) {
		t.Errorf("maps in a circle: %v", err)
	}
	if _, err := FindMap("urn:none", find); !fault.Is(err, fault.NotFound) {
		t.Errorf("no map: %v", err)
	}
}
