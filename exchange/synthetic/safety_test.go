package synthetic

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
)

// factsOf reads what a medicine check needs from one patient's resources.
func factsOf(list []*fhir.Node) (f rx.Facts, medicines []rx.Medicine) {
	f.Date = noon
	for _, n := range list {
		switch n.ResourceType() {
		case "Patient":
			f.Born, _ = time.Parse("2006-01-02", n.Get("birthDate").Text())
			f.Sex = n.Get("gender").Text()
		case "AllergyIntolerance":
			if n.Path("code.coding.0.code").Text() == "716186003" {
				f.NoKnownAllergies = true
				continue
			}
			f.Allergies = append(f.Allergies, rx.Allergy{Text: n.Path("code.text").Text(), Category: n.Path("category.0").Text(), Reaction: n.Path("reaction.0.manifestation.0.text").Text()})
		case "Condition":
			f.Problems = append(f.Problems, rx.Problem{Text: n.Path("code.text").Text(), Codes: []string{n.Path("code.coding.0.code").Text(), n.Path("code.coding.1.code").Text()}})
		case "Observation":
			if n.Path("code.coding.0.code").Text() == "98979-8" {
				f.EGFR.Value, f.EGFR.Known = n.Path("valueQuantity.value").Float()
				f.EGFR.Unit, f.EGFR.Date = n.Path("valueQuantity.code").Text(), noon
			}
		case "MedicationRequest":
			if n.Get("status").Text() == "active" {
				times, _ := n.Path("dosageInstruction.0.timing.repeat.frequency").Float()
				period, _ := n.Path("dosageInstruction.0.timing.repeat.period").Float()
				if n.Path("dosageInstruction.0.timing.repeat.periodUnit").Text() == "wk" {
					period *= 7
				}
				medicines = append(medicines, rx.Medicine{Text: n.Path("medicationCodeableConcept.text").Text(), PerDay: times / period, Dose: 1, Unit: n.Path("dosageInstruction.0.doseAndRate.0.doseQuantity.unit").Text()})
			}
		}
	}
	return f, medicines
}

// TestMedicinesFitThePatient lets the clinic's own checks read every list: nothing that
// would be stopped may already run, and nothing is given twice.
func TestMedicinesFitThePatient(t *testing.T) {
	checked := 0
	for seed := uint64(1); seed < 6; seed++ {
		charts := map[string][]*fhir.Node{}
		for _, n := range clinic(seed).Resources {
			charts[patientOf(n)] = append(charts[patientOf(n)], n)
		}
		for who, list := range charts {
			f, medicines := factsOf(list)
			for i, m := range medicines {
				f.Candidate, f.Current = m, append(append([]rx.Medicine{}, medicines[:i]...), medicines[i+1:]...)
				checked++
				for _, x := range rx.Check(f).Findings {
					if x.Tier == rx.Stop || x.Tier == rx.Warning && strings.HasPrefix(x.Rule, "DUP") {
						t.Errorf("seed %d, %s: %s: %s %s %s", seed, who, m.Text, x.Tier, x.Rule, x.Sentence)
					}
				}
			}
		}
	}
	if checked < 500 {
		t.Fatalf("only %d medicines were checked", checked)
	}
}
