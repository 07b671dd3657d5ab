package synthetic

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// noon is the day of the tests: a Tuesday, at a busy hour.
var noon = time.Date(2026, 11, 24, 10, 14, 0, 0, time.FixedZone("", -8*3600))

// grown keeps the clinics that tests read and do not change, by seed.
var grown = map[uint64]Practice{}

func clinic(seed uint64) Practice {
	p, ok := grown[seed]
	if !ok {
		p = Clinic(seed, noon)
		grown[seed] = p
	}
	return p
}

func dump(list []*fhir.Node) []byte {
	var b bytes.Buffer
	for _, n := range list {
		b.Write(n.JSON())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func TestSameSeedSameBytes(t *testing.T) {
	a, b := dump(Clinic(7, noon).Resources), dump(Clinic(7, noon).Resources)
	if !bytes.Equal(a, b) {
		t.Fatal("two clinics of one seed and date differ")
	}
	if sha256.Sum256(a) == sha256.Sum256(dump(Clinic(8, noon).Resources)) {
		t.Fatal("another seed gives the same clinic")
	}
}

func TestSizeOfClinic(t *testing.T) {
	p := clinic(1)
	count := map[string]int{}
	for _, n := range p.Resources {
		count[n.ResourceType()]++
	}
	if n := len(p.Resources); n < 6000 || n > 10000 {
		t.Errorf("%d resources, want 6,000 to 10,000", n)
	}
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%-24s %5d", k, count[k])
	}
	t.Logf("%-24s %5d", "all", len(p.Resources))
}

// references calls f with every reference in a resource.
func references(n *fhir.Node, f func(string)) {
	for name, m := range n.Members() {
		if name == "reference" && m.Kind() == fhir.String {
			f(m.Text())
			continue
		}
		for item := range m.Items() {
			references(item, f)
		}
	}
}

func backwards(seen map[string]bool, list []*fhir.Node) error {
	for _, n := range list {
		var err error
		references(n, func(to string) {
			if !seen[to] {
				err = fmt.Errorf("%s refers to %s, which does not stand before it", n.Reference(), to)
			}
		})
		if err != nil {
			return err
		}
		if seen[n.Reference()] {
			return fmt.Errorf("%s occurs twice", n.Reference())
		}
		seen[n.Reference()] = true
	}
	return nil
}

func TestReferencesPointBackwards(t *testing.T) {
	for seed := range uint64(4) {
		if err := backwards(map[string]bool{}, clinic(seed).Resources); err != nil {
			t.Error(seed, err)
		}
	}
}

func TestPopulationStreams(t *testing.T) {
	seen, bundles := map[string]bool{}, 0
	for list := range Population(3, 60, noon) {
		bundles++
		if err := backwards(seen, list); err != nil {
			t.Fatal(err)
		}
		if bundles > 1 && list[0].ResourceType() != "Patient" {
			t.Fatalf("bundle %d starts with %s", bundles, list[0].ResourceType())
		}
	}
	if bundles != 61 {
		t.Fatalf("%d bundles, want the clinic and 60 patients", bundles)
	}
}

func TestEveryResourceSaysItIsInvented(t *testing.T) {
	for _, n := range clinic(1).Resources {
		if n.Path("meta.tag.0.system").Text() != "urn:osler:origin" || n.Path("meta.tag.0.code").Text() != "demonstration" {
			t.Fatalf("%s has no demonstration tag", n.Reference())
		}
	}
}

func patientOf(n *fhir.Node) string {
	for _, name := range []string{"subject", "patient", "beneficiary", "for"} {
		if r := n.Get(name).Get("reference").Text(); strings.HasPrefix(r, "Patient/") {
			return r
		}
	}
	if n.ResourceType() == "Patient" {
		return n.Reference()
	}
	for p := range n.Get("participant").Items() {
		if r := p.Get("actor").Get("reference").Text(); strings.HasPrefix(r, "Patient/") {
			return r
		}
	}
	return ""
}

func TestMedicinesHaveProblems(t *testing.T) {
	problems := map[string]string{}
	for _, n := range clinic(2).Resources {
		switch n.ResourceType() {
		case "Condition":
			problems[n.Reference()] = patientOf(n)
		case "MedicationRequest":
			if why := n.Path("reasonReference.0.reference").Text(); problems[why] != patientOf(n) || why == "" {
				t.Errorf("%s %s is given for %q, no problem of this patient", n.Reference(), n.Path("medicationCodeableConcept.text").Text(), why)
			}
		}
	}
}

func BenchmarkPopulation(b *testing.B) {
	for b.Loop() {
		for range Population(1, 100, noon) {
		}
	}
}

func BenchmarkClinic(b *testing.B) {
	for b.Loop() {
		Clinic(1, noon)
	}
}
