package synthetic

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// moments calls f with every date and time in a resource.
func moments(path string, n *fhir.Node, f func(path, text string)) {
	for name, m := range n.Members() {
		for item := range m.Items() {
			switch p := path + "." + name; {
			case item.Kind() == fhir.Object:
				moments(p, item, f)
			case item.Kind() == fhir.String && len(item.Text()) >= 10 && item.Text()[4] == '-' && item.Text()[7] == '-':
				f(p, item.Text())
			}
		}
	}
}

// planned are the dates that may lie ahead.
func planned(path string, n *fhir.Node) bool {
	return path == "Appointment.start" || path == "Appointment.end"
}

func TestNothingBeforeBirthOrAfterNow(t *testing.T) {
	for seed := range uint64(3) {
		born := map[string]string{}
		checked := 0
		for _, n := range clinic(seed).Resources {
			if n.ResourceType() == "Patient" {
				born[n.Reference()] = n.Get("birthDate").Text()
			}
			who := patientOf(n)
			moments(n.ResourceType(), n, func(path, text string) {
				checked++
				if b := born[who]; who != "" && text[:10] < b {
					t.Errorf("seed %d: %s %s is %s, born %s", seed, n.Reference(), path, text, b)
				}
				if planned(path, n) {
					return
				}
				if at, err := time.Parse(time.RFC3339, text); err == nil && at.After(noon) {
					t.Errorf("seed %d: %s %s is %s, still to come", seed, n.Reference(), path, text)
				}
				if len(text) == 10 && text > day(noon) {
					t.Errorf("seed %d: %s %s is %s, still to come", seed, n.Reference(), path, text)
				}
			})
		}
		if checked < 10000 {
			t.Fatalf("only %d dates were looked at", checked)
		}
	}
}

func TestNothingHappensAfterDeath(t *testing.T) {
	died := map[string]time.Time{}
	for _, n := range clinic(1).Resources {
		if at, err := time.Parse(time.RFC3339, n.Get("deceasedDateTime").Text()); err == nil {
			died[n.Reference()] = at
		}
		end, dead := died[patientOf(n)]
		if !dead || n.ResourceType() == "Coverage" {
			continue
		}
		if n.ResourceType() == "MedicationRequest" && n.Get("status").Text() == "active" {
			t.Errorf("%s runs on", n.Reference())
		}
		moments(n.ResourceType(), n, func(path, text string) {
			if at, err := time.Parse(time.RFC3339, text); err == nil && at.After(end) {
				t.Errorf("%s %s is %s, after death", n.Reference(), path, text)
			}
		})
	}
	if len(died) == 0 {
		t.Error("the clinic has no deceased patient")
	}
}

// limits are what a living person in a family practice may have, by LOINC code.
var limits = map[string][2]float64{
	"8480-6": {70, 190}, "8462-4": {40, 115}, "8867-4": {45, 190}, "8310-5": {36, 40}, "9279-1": {10, 60}, "59408-5": {88, 100},
	"29463-7": {2.4, 130}, "8302-2": {45, 200}, "39156-5": {12, 42}, "9843-4": {33, 50}, "19935-6": {80, 650},
	"2951-2": {120, 150}, "2823-3": {3, 6}, "22664-7": {2, 20}, "14682-9": {40, 220}, "98979-8": {25, 121}, "14771-0": {3.9, 12},
	"4548-4": {4.6, 9.5}, "14647-2": {2.5, 8}, "14646-4": {.8, 2.2}, "39469-2": {1.2, 5}, "14927-8": {.5, 3}, "1742-6": {8, 110},
	"6768-6": {40, 110}, "14631-6": {3, 21}, "1751-7": {35, 50}, "718-7": {85, 175}, "787-2": {70, 101}, "6690-2": {3.5, 11},
	"777-3": {150, 400}, "2276-4": {4, 200}, "3016-3": {.4, 12}, "14920-3": {8, 22}, "6301-6": {1.4, 4}, "14933-6": {200, 620},
	"2857-1": {.3, 4}, "33762-6": {20, 3000}, "32294-1": {.1, 10}, "14334-7": {.4, 1}, "44261-6": {0, 27}, "70274-6": {0, 21},
}

func TestValuesArePlausible(t *testing.T) {
	seen := map[string]int{}
	check := func(n *fhir.Node) {
		lo := n.Path("code.coding.0.code").Text()
		v, ok := n.Path("valueQuantity.value").Float()
		if !ok {
			return
		}
		seen[lo]++
		if b, known := limits[lo]; !known {
			t.Errorf("%s has no limits in this test", lo)
		} else if v < b[0] || v > b[1] {
			t.Errorf("%s %s is %v, outside %v", n.ID(), n.Path("code.text").Text(), v, b)
		}
	}
	for seed := range uint64(4) {
		for _, n := range clinic(seed).Resources {
			if n.ResourceType() != "Observation" {
				continue
			}
			check(n)
			for c := range n.Get("component").Items() {
				check(c)
			}
			if lo := n.Path("code.coding.0.code").Text(); lo == "85354-9" {
				s, _ := n.Path("component.0.valueQuantity.value").Float()
				d, _ := n.Path("component.1.valueQuantity.value").Float()
				if s-d < 15 {
					t.Errorf("%s: pressure %v/%v", n.ID(), s, d)
				}
			}
		}
	}
	for lo := range limits {
		if seen[lo] == 0 {
			t.Errorf("no value of %s occurs", lo)
		}
	}
}

func TestInterpretationFollowsRange(t *testing.T) {
	graded := 0
	for _, n := range clinic(5).Resources {
		if n.Path("interpretation.0").Kind() == fhir.Absent || n.Get("valueQuantity") == nil {
			continue
		}
		graded++
		v, _ := n.Path("valueQuantity.value").Float()
		low, high := math.Inf(-1), math.Inf(1)
		if x, ok := n.Path("referenceRange.0.low.value").Float(); ok {
			low = x
		}
		if x, ok := n.Path("referenceRange.0.high.value").Float(); ok {
			high = x
		}
		want := "N"
		switch {
		case v < low:
			want = "L"
		case v > high:
			want = "H"
		}
		if got := n.Path("interpretation.0.coding.0.code").Text(); got[:1] != want {
			t.Errorf("%s %v in %v to %v is graded %s", n.Path("code.text").Text(), v, low, high, got)
		}
		if low == math.Inf(-1) && high == math.Inf(1) {
			t.Errorf("%s has no range", n.ID())
		}
	}
	if graded < 1000 {
		t.Fatalf("only %d results were looked at", graded)
	}
}

// TestNotesQuoteTheChart reads the vital signs in each note against the visit's.
func TestNotesQuoteTheChart(t *testing.T) {
	weight, notes := map[string]string{}, 0
	for _, n := range clinic(1).Resources {
		e := n.Path("encounter.reference").Text()
		switch n.ResourceType() {
		case "Observation":
			if n.Path("code.text").Text() == "Weight" && e != "" {
				weight[e] = n.Path("valueQuantity.value").Text()
			}
		case "Composition":
			notes++
			text := n.Path("section.3.text.div").Text()
			if !strings.Contains(text, "eight "+weight[e]+" kg") {
				t.Errorf("%s does not say the weight %s kg: %s", n.Reference(), weight[e], text)
			}
			for i := range 4 {
				if d := n.Path("section").At(i).Path("text.div").Text(); !strings.Contains(d, "<p>") {
					t.Errorf("%s: section %d is empty", n.Reference(), i)
				}
			}
		}
	}
	if notes < 300 {
		t.Fatalf("only %d notes", notes)
	}
}

// TestAllergiesAreRespected reads each antibiotic against the patient's allergies.
func TestAllergiesAreRespected(t *testing.T) {
	allergic, given := map[string]bool{}, 0
	for seed := range uint64(6) {
		for _, n := range clinic(seed).Resources {
			switch n.ResourceType() {
			case "AllergyIntolerance":
				if n.Path("code.text").Text() == "penicillin" {
					allergic[patientOf(n)] = true
				}
			case "MedicationRequest":
				if text := n.Path("medicationCodeableConcept.text").Text(); strings.Contains(text, "icillin") {
					given++
					if allergic[patientOf(n)] {
						t.Errorf("%s gives %s to a patient with penicillin allergy", n.Reference(), text)
					}
				}
			}
		}
	}
	if given == 0 || len(allergic) == 0 {
		t.Fatalf("%d penicillins, %d allergies: nothing was checked", given, len(allergic))
	}
}

// TestOneOfAKind holds that no patient takes two medicines of one family.
func TestOneOfAKind(t *testing.T) {
	families := []string{"lisinopril", "statin", "metformin", "sertraline", "levothyroxine", "allopurinol", "apixaban", "warfarin"}
	for seed := range uint64(4) {
		active := map[string]string{}
		for _, n := range clinic(seed).Resources {
			if n.ResourceType() != "MedicationRequest" || n.Get("status").Text() != "active" {
				continue
			}
			text := n.Path("medicationCodeableConcept.text").Text()
			for _, f := range families {
				if !strings.Contains(text, f) {
					continue
				}
				k := patientOf(n) + f
				if active[k] != "" {
					t.Errorf("seed %d: %s takes %s and %s", seed, patientOf(n), active[k], text)
				}
				active[k] = text
			}
		}
	}
}
