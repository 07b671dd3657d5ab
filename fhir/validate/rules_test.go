package validate

import (
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// Every invariant of the definitions is either carried out natively or compiles, and none
// is a fault on an empty element of its type.
func TestAllInvariantsCompile(t *testing.T) {
	keys := map[string]bool{}
	names := slices.Concat(definition.ResourceTypes(), dataTypes)
	for _, name := range names {
		typ, ok := definition.Lookup(name)
		if !ok {
			t.Fatalf("the type %s is not known", name)
		}
		for _, i := range typ.Invariant {
			keys[i.Key] = true
			if native[i.Key] {
				continue
			}
			x, err := fhirpath.Compile(i.Expression)
			if err != nil {
				t.Errorf("%s: %v", i.Key, err)
				continue
			}
			empty := fhir.Obj()
			if _, err := fhirpath.NewSession(empty).EvaluateOn(x, fhirpath.OfElement(empty, nil, strings.TrimSuffix(i.Path, "[x]"))); err != nil {
				t.Errorf("%s: %v", i.Key, err)
			}
		}
	}
	if len(keys) < 239 {
		t.Errorf("%d invariants", len(keys))
	}
}

var dataTypes = strings.Fields(`Resource DomainResource Element BackboneElement Extension Narrative Age Annotation
	Attachment CodeableConcept Coding ContactDetail ContactPoint Contributor Count DataRequirement Distance Dosage
	Duration ElementDefinition Expression HumanName Identifier Meta Money ParameterDefinition Period Quantity Range
	Ratio Reference RelatedArtifact SampledData Signature Timing TriggerDefinition UsageContext`)

func TestMembersThatARuleLooksAt(t *testing.T) {
	names, local := namesIn(`a.exists() implies ('b' in c) and %resource.d.empty()`, true)
	if !local || slices.Contains(names, "b") || !slices.Contains(names, "d") {
		t.Errorf("%v %v", names, local)
	}
	for _, far := range []string{"%resource.kind = 'x'", "descendants().x.exists()"} {
		if _, local := namesIn(far, false); local {
			t.Errorf("%s looks at its members only", far)
		}
	}
	s := rulesOf("Observation")
	if s.by["dataAbsentReason"] == 0 || s.by["note"] != 0 || s.by["contained"] == 0 {
		t.Errorf("%+v", s.by)
	}
}
