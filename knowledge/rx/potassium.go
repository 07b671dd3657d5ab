package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// Limits of potassium in mmol/L for the findings below.
const (
	potassiumHigh     = 5.0
	potassiumVeryHigh = 6.0
	potassiumLow      = 3.5
)

const potassiumSource = "FDA label Zestril, section 5.5 (hyperkalaemia); FDA label Aldactone, section 5"

func checkPotassium(s *state) lang.Text {
	raises, lowers := false, false
	for _, i := range s.mine {
		raises = raises || i.Flags.Has(drug.RaisesPotassium)
		lowers = lowers || listed("thiazide,loop-diuretic", string(i.Class)) || i.Name == "digoxin" || i.Flags.Has(drug.HighQT)
	}
	if !raises && !lowers {
		return lang.Say("no potassium rule for this medicine in the catalogue")
	}
	if s.PotassiumDoubted.Known {
		s.miss(Potassium, "Potassium", "the value %s of %s cannot be right: not used", number(s.PotassiumDoubted.Value), day(s.PotassiumDoubted.Date))
	}
	if !s.Potassium.Known {
		s.miss(Potassium, "", "no potassium recorded, and it matters for %s", names(s.mine))
		return lang.Text{}
	}
	if s.old(s.Potassium) {
		s.miss(Potassium, "Potassium", "the last one is from %s, more than a year ago; it was used all the same", day(s.Potassium.Date))
	}
	note := lang.Say("potassium %s, %s", s.Potassium.text(), day(s.Potassium.Date))
	switch {
	case raises && s.Potassium.Value > potassiumHigh:
		s.highPotassium(note)
	case lowers && s.Potassium.Value < potassiumLow:
		s.find(Finding{
			Rule: "LAB-POTASSIUM-LOW", Tier: Warning, Title: "Low potassium",
			Said:     lang.Say("%s. %s", note, lang.Say("%s is more dangerous when potassium is low.", joined("%s and %s", first(namesOf(s.mine))))),
			Evidence: "established", Source: "FDA label Lanoxin, section 5; FDA label hydrochlorothiazide, section Warnings",
			Involves: []Involved{{"", lang.Say("%s", names(s.mine)).String()}}, Actions: monitorPotassium(3),
		})
	}
	return note
}

func (s *state) highPotassium(note lang.Text) {
	tier := Warning
	if s.Potassium.Value >= potassiumVeryHigh {
		tier = Stop
	}
	var who []any
	for _, i := range s.mine {
		if i.Flags.Has(drug.RaisesPotassium) {
			who = append(who, i.Name)
		}
	}
	involves := []Involved{{"", lang.Say("%s", joined("%s and %s", who)).String()}}
	var with []any
	for _, k := range s.current {
		for _, i := range k.ingredients {
			if i.Flags.Has(drug.RaisesPotassium) {
				with = append(with, k.other(i))
				involves = append(involves, Involved{k.ID, k.Text})
			}
		}
	}
	if s.EGFR.Known && s.EGFR.Value < 60 {
		note = lang.Say("%s and eGFR %s", note, s.EGFR.text())
	}
	mine := joined("%s and %s", first(who))
	raises := lang.Say("%s raises potassium.", mine)
	if len(with) > 0 {
		raises = lang.Say("%s raises potassium, and so does %s.", mine, joined("%s and %s", with))
	}
	actions := monitorPotassium(3)
	if len(involves) > 1 {
		actions[1] = Action{Deed: StopIt, Target: involves[1].ID}.labelled("Stop %s", with[0])
	}
	if tier == Stop {
		actions[2] = Action{Deed: Keep, Label: "Prescribe anyway"}
	}
	s.find(Finding{Rule: "LAB-POTASSIUM-HIGH", Tier: tier, Title: "High potassium", Said: lang.Say("%s. %s", note, raises), Evidence: "established", Source: potassiumSource, Involves: involves, Actions: actions})
}

func monitorPotassium(days int) []Action {
	return []Action{
		{Deed: Change, Label: "Choose another medicine"}, {Deed: Change, Label: "Change the dose"},
		Action{Deed: Monitor, Order: loincPotassium, Days: days}.labelled("Keep, recheck potassium in %d days", days),
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
			s.runs[i] = ran(Interactions, Clear, lang.Say("%s; see potassium", s.runs[i].Said))
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
