package rx

import (
	"fmt"
	"strings"

	"github.com/osler-emr/osler/knowledge/drug"
)

// Limits of potassium in mmol/L for the findings below.
const (
	potassiumHigh     = 5.0
	potassiumVeryHigh = 6.0
	potassiumLow      = 3.5
)

const potassiumSource = "FDA label Zestril, section 5.5 (hyperkalaemia); FDA label Aldactone, section 5"

func checkPotassium(s *state) string {
	raises, lowers := false, false
	for _, i := range s.mine {
		raises = raises || i.Flags.Has(drug.RaisesPotassium)
		lowers = lowers || listed("thiazide,loop-diuretic", string(i.Class)) || i.Name == "digoxin" || i.Flags.Has(drug.HighQT)
	}
	if !raises && !lowers {
		return "this medicine does not depend on potassium"
	}
	if s.PotassiumDoubted.Known {
		s.miss(Potassium, "Potassium", fmt.Sprintf("the value %g of %s cannot be right: not used", s.PotassiumDoubted.Value, day(s.PotassiumDoubted.Date)))
	}
	if !s.Potassium.Known {
		s.miss(Potassium, "", "no potassium recorded, and it matters for "+names(s.mine))
		return ""
	}
	if s.old(s.Potassium) {
		s.miss(Potassium, "Potassium", "the last one is from "+day(s.Potassium.Date)+", more than a year ago; it was used all the same")
	}
	note := fmt.Sprintf("potassium %g %s, %s", s.Potassium.Value, s.Potassium.Unit, day(s.Potassium.Date))
	switch {
	case raises && s.Potassium.Value > potassiumHigh:
		s.highPotassium(note)
	case lowers && s.Potassium.Value < potassiumLow:
		s.find(Finding{
			Rule: "LAB-POTASSIUM-LOW", Tier: Warning, Title: "Low potassium", Sentence: note + ". " + capital(names(s.mine)) + " is more dangerous when potassium is low.",
			Evidence: "established", Source: "FDA label Lanoxin, section 5; FDA label hydrochlorothiazide, section Warnings",
			Involves: []Involved{{"", names(s.mine)}}, Actions: monitorPotassium(3),
		})
	}
	return note
}

func (s *state) highPotassium(note string) {
	tier := Warning
	if s.Potassium.Value >= potassiumVeryHigh {
		tier = Stop
	}
	var who []string
	for _, i := range s.mine {
		if i.Flags.Has(drug.RaisesPotassium) {
			who = append(who, i.Name)
		}
	}
	involves := []Involved{{"", strings.Join(who, " and ")}}
	var with []string
	for _, k := range s.current {
		for _, i := range k.ingredients {
			if i.Flags.Has(drug.RaisesPotassium) {
				with = append(with, k.other(i))
				involves = append(involves, Involved{k.ID, k.Text})
			}
		}
	}
	sentence := note
	if s.EGFR.Known && s.EGFR.Value < 60 {
		sentence += fmt.Sprintf(" and eGFR %g %s", s.EGFR.Value, s.EGFR.Unit)
	}
	sentence += ". " + capital(strings.Join(who, " and ")) + " raises potassium"
	if len(with) > 0 {
		sentence += ", and so does " + strings.Join(with, " and ")
	}
	actions := monitorPotassium(3)
	if len(involves) > 1 {
		actions[1] = Action{Deed: StopIt, Label: "Stop " + with[0], Target: involves[1].ID}
	}
	if tier == Stop {
		actions[2] = Action{Deed: Keep, Label: "Prescribe anyway"}
	}
	s.find(Finding{Rule: "LAB-POTASSIUM-HIGH", Tier: tier, Title: "High potassium", Sentence: sentence + ".", Evidence: "established", Source: potassiumSource, Involves: involves, Actions: actions})
}

func monitorPotassium(days int) []Action {
	return []Action{
		{Deed: Change, Label: "Choose another medicine"}, {Deed: Change, Label: "Change the dose"},
		{Deed: Monitor, Label: "Keep, recheck potassium in " + drug.Count(float64(days), "day"), Order: loincPotassium, Days: days},
	}
}

// mergePotassium drops pairs about potassium when the laboratory already says that it is
// high: one alert with the value is better than two.
func (s *state) mergePotassium() {
	high := false
	for _, f := range s.findings {
		high = high || f.Rule == "LAB-POTASSIUM-HIGH"
	}
	if !high {
		return
	}
	kept := s.findings[:0]
	for _, f := range s.findings {
		merge := false
		for _, p := range pairs {
			merge = merge || p.potassium && p.id == f.Rule
		}
		if !merge {
			kept = append(kept, f)
		}
	}
	s.findings = kept
	for i := range s.runs {
		if s.runs[i].Check == Interactions && s.runs[i].Outcome == Found && !s.has(Interactions) {
			s.runs[i].Outcome = Clear
			s.runs[i].Note += "; see potassium"
		}
	}
}

func (s *state) has(check string) bool {
	for _, f := range s.findings {
		if f.Check == check {
			return true
		}
	}
	return false
}
