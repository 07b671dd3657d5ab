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
