package terminology

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// shelf is a Finder over resources given as JSON; "url|version" asks for a version.
func shelf(t testing.TB, bodies ...string) Finder {
	t.Helper()
	var all []*fhir.Node
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatalf("%v: %.200s", err, b)
		}
		all = append(all, n)
	}
	return func(resourceType, canonical string) (*fhir.Node, error) {
		url, version, _ := strings.Cut(canonical, "|")
		for _, n := range all {
			if n.ResourceType() == resourceType && n.Get("url").Text() == url && (version == "" || version == n.Get("version").Text()) {
				return n, nil
			}
		}
		return nil, nil
	}
}

// nothing is a record without terminology of its own.
func nothing(string, string) (*fhir.Node, error) { return nil, nil }

const roleCode = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"

// animals: nested, one code with a second parent by a property of another name, one made a
// child by its parent, and a circle between two codes.
const animals = `{"resourceType":"CodeSystem","url":"urn:animals","version":"2","name":"Animals","content":"complete","hierarchyMeaning":"is-a","caseSensitive":true,
"property":[{"code":"kindOf","uri":"http://hl7.org/fhir/concept-properties#parent","type":"code"},{"code":"legs","type":"integer"},{"code":"off","uri":"http://hl7.org/fhir/concept-properties#inactive","type":"boolean"}],
"concept":[
 {"code":"animal","display":"Animal","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
  {"code":"mammal","display":"Mammal","concept":[
   {"code":"dog","display":"Dog","definition":"Barks","property":[{"code":"legs","valueInteger":4},{"code":"kindOf","valueCode":"pet"}],"designation":[{"language":"de","value":"Hund"},{"language":"fr","value":"Chien"}]},
   {"code":"whale","display":"Whale","property":[{"code":"legs","valueInteger":0}]}]},
  {"code":"bird","display":"Bird","property":[{"code":"child","valueCode":"parrot"},{"code":"legs","valueInteger":2}]}]},
 {"code":"pet","display":"Pet"},
 {"code":"parrot","display":"Grey parrot","property":[{"code":"subsumedBy","valueCode":"pet"}]},
 {"code":"dodo","display":"Dodo","property":[{"code":"off","valueBoolean":true},{"code":"parent","valueCode":"bird"}]},
 {"code":"loop-a","property":[{"code":"parent","valueCode":"loop-b"}]},{"code":"loop-b","property":[{"code":"parent","valueCode":"loop-a"}]}]}`

func TestBelowAndAbove(t *testing.T) {
	find := shelf(t, animals)
	for _, c := range []struct {
		system, code string
		way          func(string, string, Finder) ([]string, error)
		want         string
	}{
		{"urn:animals", "animal", Below, "animal bird dodo dog mammal parrot whale"},
		{"urn:animals|2", "pet", Below, "dog parrot pet"},
		{"urn:animals", "whale", Below, "whale"},
		{"urn:animals", "dog", Above, "animal dog mammal pet"},
		{"urn:animals", "parrot", Above, "animal bird parrot pet"},
		{"urn:animals", "loop-a", Below, "loop-a loop-b"},
		{roleCode, "SIB", Below, "BRO HBRO HSIB HSIS NBRO NSIB NSIS SIB SIS STPBRO STPSIB STPSIS TWIN TWINBRO TWINSIS FTWIN FTWINBRO FTWINSIS ITWIN ITWINBRO ITWINSIS"},
		{roleCode, "SIS", Above, "FAMMEMB SIB SIS _PersonalRelationshipRoleType"},
	} {
		got, err := c.way(c.system, c.code, find)
		if err != nil {
			t.Errorf("%s|%s: %v", c.system, c.code, err)
			continue
		}
		if got[0] != c.code {
			t.Errorf("%s: the code itself is not first: %v", c.code, got)
		}
		want := strings.Fields(c.want)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s|%s: %v, want %v", c.system, c.code, got, want)
		}
	}
}

func TestSubsumes(t *testing.T) {
	find := shelf(t, animals)
	for _, c := range [][4]string{
		{"urn:animals", "animal", "dog", Subsuming}, {"urn:animals", "dog", "pet", SubsumedBy},
		{"urn:animals", "dog", "dog", Equivalent}, {"urn:animals", "dog", "bird", NotSubsumed},
		{roleCode, "FAMMEMB", "SIS", Subsuming},
		{"http://hl7.org/fhir/administrative-gender", "male", "female", NotSubsumed},
	} {
		if got, err := Subsumes(c[0], c[1], c[2], find); err != nil || got != c[3] {
			t.Errorf("Subsumes(%s, %s, %s) = %q %v, want %q", c[0], c[1], c[2], got, err, c[3])
		}
	}
}

// What cannot be known is said, never answered with "no".
func TestHierarchyRefusals(t *testing.T) {
	find := shelf(t, animals,
		`{"resourceType":"CodeSystem","url":"urn:parts","content":"complete","hierarchyMeaning":"part-of","concept":[{"code":"hand","concept":[{"code":"finger"}]}]}`,
		`{"resourceType":"CodeSystem","url":"urn:piece","content":"fragment","concept":[{"code":"a","concept":[{"code":"b"}]},{"code":"c"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:extra","content":"supplement","supplements":"urn:animals","concept":[{"code":"dog"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:empty","content":"not-present"}`)
	for _, c := range []struct {
		system, code string
		want         fault.Code
		says         string
	}{
		{"http://snomed.info/sct", "73211009", fault.NotSupported, "http://snomed.info/sct"},
		{"http://hl7.org/fhir/administrative-gender", "male", fault.NotSupported, "no hierarchy"},
		{"urn:animals", "unicorn", fault.NotFound, "no such code"},
		{"urn:animals|1", "dog", fault.NotSupported, "urn:animals|1"},
		{roleCode + "|1999", "SIB", fault.NotSupported, "2018-08-12"},
		{"urn:parts", "hand", fault.NotSupported, "part-of"},
		{"urn:piece", "a", fault.NotSupported, "fragment"},
		{"urn:extra", "dog", fault.NotSupported, "supplement"},
		{"urn:empty", "x", fault.NotSupported, "not here"},
	} {
		if _, err := Below(c.system, c.code, find); !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Below(%s, %s): %v", c.system, c.code, err)
		}
	}
	if got, err := Subsumes("urn:piece", "a", "b", find); err != nil || got != Subsuming {
		t.Errorf("a link within a fragment: %q %v", got, err)
	}
	if _, err := Subsumes("urn:piece", "a", "c", find); !fault.Is(err, fault.NotSupported) {
		t.Errorf("no link within a fragment: %v", err)
	}
}
