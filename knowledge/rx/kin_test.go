package rx

import (
	"testing"

	"github.com/osler-emr/osler/knowledge/drug"
)

func TestKin(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want drug.AllergyClass
	}{
		{"penicillin", "Penicillin G benzathine", drug.Penicillins}, {"amoxicillin", "penicillin", drug.Penicillins}, {"penicillins", "PCN", drug.Penicillins},
		{"penicillin V", "penicillin G", drug.Penicillins}, {"amoxicillin", "ampicillin", drug.Penicillins}, {"Aminopenicillins", "penicillin V", drug.Penicillins},
		{"aspirin", "ibuprofen", drug.NSAIDs},
		{"penicillin", "ceftriaxone", ""}, {"codeine", "morphine", ""}, {"simvastatin", "atorvastatin", ""}, {"penicillin", "latex", ""}, {"", "", ""},
	} {
		a, b := CauseOf(Allergy{Text: c.a}), CauseOf(Allergy{Text: c.b})
		got, ok := a.Kin(b)
		back, _ := b.Kin(a)
		if got != c.want || ok != (c.want != "") || back != got {
			t.Errorf("%s and %s: %q, the other way round %q", c.a, c.b, got, back)
		}
	}
}

// TestAClassByItsCodeAlone: what names it by nothing else is understood, and no member's own code is taken for it.
func TestAClassByItsCodeAlone(t *testing.T) {
	penicillin := CauseOf(Allergy{Text: "penicillin V"})
	for code, want := range map[drug.Coding]bool{
		{System: "http://hl7.org/fhir/ndfrt", Code: "N0000175497"}: true, {System: "http://snomed.info/sct", Code: "764146007"}: true, {System: drug.RxNormSystem, Code: "70618"}: true,
		{System: "http://hl7.org/fhir/ndfrt", Code: "N0000175503"}: false, {System: "http://snomed.info/sct", Code: "70618"}: false,
	} {
		if _, ok := CauseOf(Allergy{Text: code.Code, Codings: []drug.Coding{code}}).Kin(penicillin); ok != want {
			t.Errorf("%v is a penicillin: %v", code, ok)
		}
	}
	if c := CauseOf(Allergy{Codings: []drug.Coding{{System: drug.RxNormSystem, Code: "7984"}, {System: drug.RxNormSystem, Code: "70618"}}}); c.culprit.class != "" || len(c.culprit.ingredients) != 1 {
		t.Errorf("penicillin V, coded with its class: %+v", c.culprit)
	}
}
