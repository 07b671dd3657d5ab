package terminology

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
)

// TestAllDefinitions asks for every value set of the specification. Those that are refused
// say which code systems they need; the counts change when the definitions do.
func TestAllDefinitions(t *testing.T) {
	expanded, codes, refused := 0, 0, map[string]int{}
	for _, url := range definition.ValueSets() {
		list, err := Expand(url, nothing)
		if err == nil {
			expanded, codes = expanded+1, codes+len(list)
			if len(list) == 0 {
				t.Errorf("%s is empty", url)
			}
			continue
		}
		_, why, ok := strings.Cut(err.Error(), "it needs all of ")
		if !fault.Is(err, fault.NotSupported) || !ok {
			t.Errorf("%s: %v", url, err)
		}
		kind := "others"
		for _, system := range []string{"http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org", "urn:iso:std:iso:3166", "urn:ietf:bcp"} {
			if strings.Contains(why, system) {
				kind = system
				break
			}
		}
		if refused[kind]++; kind == "others" {
			t.Logf("%s needs %s", url, why)
		}
	}
	t.Logf("%d value sets expand to %d codes; refused %v", expanded, codes, refused)
	if expanded != 1214 {
		t.Errorf("%d of %d value sets expand", expanded, len(definition.ValueSets()))
	}
}

// Every required binding of 4.0.1 names its value set in the version that is here.
func TestBindingsFindTheirVersion(t *testing.T) {
	for _, name := range definition.ResourceTypes() {
		typ, _ := definition.Lookup(name)
		for _, e := range typ.Elements {
			if e.Strength != "required" || !strings.HasSuffix(e.Binding, "|4.0.1") || !definition.HasValueSet(e.Binding) {
				continue
			}
			if _, err := Expand(e.Binding, nothing); fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", e.Path, err)
			}
		}
	}
}
