package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/packages"
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

// bare is a finder of a guide's definitions without their snapshots.
func bare(p *packages.Package) Finder {
	made := map[string]*fhir.Node{}
	for _, r := range p.Resources {
		if r.ResourceType() == "StructureDefinition" {
			c := r.Clone()
			c.Remove("snapshot")
			made[r.Get("url").Text()] = c
		}
	}
	return func(canonical string) *fhir.Node {
		url, _, _ := strings.Cut(canonical, "|")
		return made[url]
	}
}

// The snapshots that guides carry were made by the publisher of HL7; those made here must
// agree in which elements there are, how often, of what type, bound and fixed to what.
func TestSnapshotsOfPublishedGuides(t *testing.T) {
	for _, file := range []string{"hl7.fhir.us.core-6.1.0.tgz", "hl7.fhir.uv.ips-1.1.0.tgz"} {
		p := guide(t, file)
		library := NewLibrary(bare(p))
		made, elements, differences := 0, 0, 0
		for _, sd := range p.Resources {
			if sd.ResourceType() != "StructureDefinition" {
				continue
			}
			got, err := library.Snapshot(library.Structure(sd.Get("url").Text()))
			if fault.Is(err, fault.NotFound) && sd.Get("baseDefinition").Text() == sdcResponse {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", sd.ID(), err)
				continue
			}
			made++
			elements += got.Get("element").Len()
			for _, d := range compare(got, sd.Get("snapshot")) {
				differences++
				t.Errorf("%s: %s", sd.ID(), d)
			}
		}
		t.Logf("%s: %d snapshots with %d elements, %d differences", file, made, elements, differences)
	}
}

// sdcResponse is the base of one profile of US Core; it is in another guide.
const sdcResponse = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaireresponse"

func compare(got, want *fhir.Node) (out []string) {
	a, b := describe(got), describe(want)
	for id, text := range b.by {
		switch have, ok := a.by[id]; {
		case !ok:
			out = append(out, id+" is missing")
		case have != text:
			out = append(out, fmt.Sprintf("%s:\n    got  %s\n    want %s", id, have, text))
		}
	}
	for id := range a.by {
		if _, ok := b.by[id]; !ok {
			out = append(out, id+" is too much")
		}
	}
	if len(out) == 0 && !slices.Equal(a.order, b.order) {
		out = append(out, "the order of the elements differs")
	}
	slices.Sort(out)
	return out
}

type description struct {
	by    map[string]string
	order []string
}

func describe(snapshot *fhir.Node) description {
	d := description{by: map[string]string{}}
	for e := range snapshot.Get("element").Items() {
		text := e.Get("min").Text() + ".." + e.Get("max").Text()
		for t := range e.Get("type").Items() {
			text += " " + t.Get("code").Text()
			for _, member := range []string{"profile", "targetProfile"} {
				var list []string
				for p := range t.Get(member).Items() {
					list = append(list, p.Text())
				}
				slices.Sort(list)
				if len(list) > 0 {
					text += fmt.Sprint(list)
				}
			}
		}
		_, ref, _ := strings.Cut(e.Get("contentReference").Text(), "#")
		text += " " + ref + " " + e.Path("binding.strength").Text() + " " + strings.TrimSuffix(e.Path("binding.valueSet").Text(), "|4.0.1")
		for name, v := range e.Members() {
			if strings.HasPrefix(name, "fixed") || strings.HasPrefix(name, "pattern") {
				text += " " + name + string(v.JSON())
			}
		}
		d.by[e.Get("id").Text()] = text
		d.order = append(d.order, e.Get("id").Text())
	}
	return d
}

// R4's own profiles and extension definitions get their snapshots here, as the tables hold
// differentials only.
func TestSnapshotsOfTheSpecification(t *testing.T) {
	library := NewLibrary(nil)
	made := 0
	for _, url := range definition.Profiles() {
		if _, err := library.Snapshot(definition.StructureDefinition(url)); err != nil {
			if url != definition.Prefix+"picoelement" { // the tables have a later EvidenceVariable than R4
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		made++
	}
	if made < 438 {
		t.Errorf("%d snapshots", made)
	}
}

func TestDifferentialsThatCannotBeApplied(t *testing.T) {
	sd := func(base, elements string) *fhir.Node {
		n, err := fhir.Parse([]byte(`{"resourceType":"StructureDefinition","url":"http://x/a","type":"Patient","derivation":"constraint","baseDefinition":"` + base + `","differential":{"element":[` + elements + `]}}`))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	patient := definition.Prefix + "Patient"
	for _, c := range []struct {
		name string
		sd   *fhir.Node
		code fault.Code
		text string
	}{
		{"unknown base", sd("http://x/none", ""), fault.NotFound, "http://x/none"},
		{"unknown element", sd(patient, `{"path":"Patient.colour"}`), fault.Invalid, "Patient.colour"},
		{"unknown type of a choice", sd(patient, `{"path":"Patient.deceasedQuantity"}`), fault.Invalid, "deceasedQuantity"},
		{"another type", sd(patient, `{"path":"Observation.code"}`), fault.Invalid, "Observation.code"},
		{"into a primitive", sd(patient, `{"path":"Patient.birthDate.year"}`), fault.Invalid, "birthDate.year"},
		{"too deep", sd(patient, `{"path":"Patient`+strings.Repeat(".contact", 40)+`"}`), fault.Invalid, "parts"},
		{"a type of its own", sd("", ""), fault.NotSupported, "profiles"},
	} {
		_, err := NewLibrary(nil).Snapshot(c.sd)
		if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s: …%s…", c.name, err, c.code, c.text)
		}
	}
	loop := sd("http://x/a", "")
	if _, err := NewLibrary(func(string) *fhir.Node { return loop }).Snapshot(loop); !fault.Is(err, fault.Invalid) {
		t.Errorf("a profile of itself: %v", err)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"derivation":"constraint","url":"http://x/a","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Observation","differential":{"element":[{"id":"Observation.component:a.valueQuantity","path":"Observation.component.valueQuantity","type":[{"code":"Quantity"}]},{"path":"Observation.component.referenceRange.low.extension","sliceName":"x/y"}]}}`))
	f.Add([]byte(`{"derivation":"constraint","baseDefinition":"http://x/a","differential":{"element":[{"path":""},null,1]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sd, err := fhir.Parse(body)
		if err != nil {
			return
		}
		library := NewLibrary(func(canonical string) *fhir.Node {
			if canonical == "http://x/a" {
				return sd
			}
			return nil
		})
		if s, err := library.Snapshot(sd); err == nil && s.Get("element").Len() == 0 || err != nil && fault.CodeOf(err) == fault.Internal {
			t.Fatalf("%v", err)
		}
	})
}
