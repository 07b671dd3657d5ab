package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/packages"
	"github.com/osler-emr/osler/fhir/profile"
)

func guide(t testing.TB, name string) *packages.Package {
	t.Helper()
	f, err := os.Open(filepath.Join(sample.Dir(t, "packages", 3), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := packages.Read(f, packages.WithExamples())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// with returns options that know a guide.
func with(p *packages.Package) Options {
	return Options{
		Library: profile.NewLibrary(func(canonical string) *fhir.Node { return p.Find("StructureDefinition", canonical) }),
		Member:  Terminology(func(kind, canonical string) (*fhir.Node, error) { return p.Find(kind, canonical), nil }),
	}
}

// wrong are the examples of the guides that break a profile of theirs: file, place, why.
var wrong = map[string]string{
	"Bundle/docref-example-2 Bundle.entry[2]":                                        "fullUrl ends with discharge-summary789, the id is discharge",
	"Bundle/66c8856b-ba11-4876-8aa8-467aad8c11a2 Bundle.entry[2]":                    "fullUrl ends with Endpoint-71, the id is 71",
	"Questionnaire/prapare-example Questionnaire.text.div":                           loads,
	"Questionnaire/hunger-vital-sign-example Questionnaire.text.div":                 loads,
	"Questionnaire/phq-9-example Questionnaire.text.div":                             loads,
	"QuestionnaireResponse/glascow-coma-score QuestionnaireResponse.text.div":        loads,
	"QuestionnaireResponse/prapare-example QuestionnaireResponse.text.div":           loads,
	"QuestionnaireResponse/phq-9-example QuestionnaireResponse.text.div":             loads,
	"QuestionnaireResponse/hunger-vital-sign-example QuestionnaireResponse.text.div": loads,
}

// loads is a rule of the record, not of FHIR: what is shown must not tell others who looks.
const loads = "the narrative's style loads a picture"

func TestExamplesOfUSCoreFollowTheirProfiles(t *testing.T) {
	p := guide(t, "hl7.fhir.us.core-6.1.0.tgz")
	examples(t, p, func(r *fhir.Node) []string { return nil })
}

// The examples of the patient summary name no profiles; the guide has one for their type.
func TestExamplesOfThePatientSummaryFollowTheirProfiles(t *testing.T) {
	p := guide(t, "hl7.fhir.uv.ips-1.1.0.tgz")
	examples(t, p, func(r *fhir.Node) []string {
		switch r.ResourceType() {
		case "Observation":
			return nil
		}
		kind := r.ResourceType()
		if r.ID() == "ips-example-imaging-1" && kind == "Device" { // the one that made an image
			kind = "Device-observer"
		}
		url := "http://hl7.org/fhir/uv/ips/StructureDefinition/" + kind + "-uv-ips"
		if p.Find("StructureDefinition", url) == nil {
			return nil
		}
		return []string{url}
	})
}

func examples(t *testing.T, p *packages.Package, profiles func(*fhir.Node) []string) {
	met := map[string]bool{}
	o := with(p)
	warnings, notes := 0, 0
	for _, r := range p.Examples {
		if r.ResourceType() == "" || r.ResourceType() == "ImplementationGuide" {
			continue
		}
		o.Profiles = profiles(r)
		for _, i := range With(r, o) {
			switch i.Severity {
			case "error", "fatal":
				key := r.Reference() + " " + i.Expression
				if met[key] = true; wrong[key] == "" {
					t.Errorf("%s: %s: %s", r.Reference(), i.Expression, i.Text)
				}
			case "warning":
				if !strings.Contains(i.Text, "dom-6") {
					warnings++
					t.Logf("%s: %s: %s", r.Reference(), i.Expression, i.Text)
				}
			default:
				notes++
			}
		}
	}
	t.Logf("%d examples, %d warnings, %d notes", len(p.Examples), warnings, notes)
}

// What a profile requires is missed: each example of US Core loses each element that its
// profile needs, and each code that a slice is known by is changed.
func TestMutantsOfUSCoreExamplesAreRefused(t *testing.T) {
	p := guide(t, "hl7.fhir.us.core-6.1.0.tgz")
	o := with(p)
	mutants := 0
	for _, r := range p.Examples {
		for claim := range r.Path("meta.profile").Items() {
			follow, err := o.Library.Profile(claim.Text())
			if err != nil || faulty(With(r, o)) {
				continue
			}
			for _, e := range follow.Root.Children {
				member := memberOf(r, e)
				if member == "" {
					continue
				}
				m := r.Clone()
				switch {
				case e.Min > 0:
					m.Remove(member)
				case slicedAndNeeded(e):
					for x := range m.Get(member).Items() {
						for coding := range x.Get("coding").Items() {
							coding.Set("code", fhir.Str("mutant"))
						}
					}
				default:
					continue
				}
				if mutants++; !faulty(With(m, o)) {
					t.Errorf("%s without its %s still follows %s", r.Reference(), member, claim.Text())
				}
			}
		}
	}
	t.Logf("%d mutants", mutants)
	if mutants < 500 {
		t.Errorf("only %d mutants", mutants)
	}
}

// memberOf returns the member of a resource that an element describes, "" when it is absent.
func memberOf(r *fhir.Node, e *profile.Element) string {
	for name := range r.Members() {
		if name == e.Name || e.Choice && strings.HasPrefix(name, e.Name) {
			return name
		}
	}
	return ""
}

func slicedAndNeeded(e *profile.Element) bool {
	for _, s := range e.Slices {
		if s.Min > 0 && e.Name == "category" {
			return true
		}
	}
	return false
}
