package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// adultFrom is the age from which the usual adult maximum applies.
const adultFrom = 18

func checkDose(s *state) lang.Text {
	age, known := s.Age()
	switch {
	case !known:
		s.miss(Dose, "", "no birth date recorded: the adult maximum cannot be applied")
		return lang.Text{}
	case age < adultFrom:
		switch {
		case s.WeightDoubted.Known:
			s.miss(Dose, "", "the catalogue has no doses for children, and the weight of %s is unusual and not confirmed: not used", day(s.WeightDoubted.Date))
		case !s.Weight.Known:
			s.miss(Dose, "", "the catalogue has no doses for children, and no weight is recorded")
		case s.WeightOld():
			s.miss(Dose, "", "the catalogue has no doses for children, and the weight is of %s", day(s.Weight.Date))
		default:
			s.miss(Dose, "", "the catalogue has no doses for children")
		}
		return lang.Text{}
	}
	for at, i := range s.mine {
		if i.MaxDaily.Value == 0 {
			s.miss(Dose, i.Name, "the catalogue gives no usual maximum")
			continue
		}
		daily, ok := dailyOf(s.Candidate, at, len(s.mine), i.MaxDaily.Unit)
		if !ok {
			s.miss(Dose, i.Name, "the amount a day cannot be worked out from strength, dose and frequency")
			continue
		}
		s.dose(i, daily, s.elsewhere(i))
	}
	return lang.Say("usual adult maximum")
}

// elsewhere adds up the same ingredient in current medicines and says when it cannot.
func (s *state) elsewhere(i drug.Ingredient) float64 {
	sum := 0.0
	for _, k := range s.current {
		for at, have := range k.ingredients {
			if have.Name != i.Name {
				continue
			}
			daily, ok := dailyOf(k.Medicine, at, len(k.ingredients), i.MaxDaily.Unit)
			if !ok {
				s.miss(Dose, k.Text, "how much a day is not known, so the total of %s left it out", i.Name)
				continue
			}
			sum += daily
		}
	}
	return sum
}

func (s *state) dose(i drug.Ingredient, daily, other float64) {
	limit := i.MaxDaily
	const slack = 1.0001 // rounding of converted units
	ways := []Action{{Deed: Change, Label: "Change the dose"}, {Deed: Change, Label: "Choose another medicine"}, {Deed: Keep, Label: "Keep this dose"}}
	total := drug.Amount{Value: daily + other, Unit: limit.Unit}
	mine := drug.Amount{Value: daily, Unit: limit.Unit}
	involves := []Involved{{"", i.Name}}
	switch {
	case daily > 2*limit.Value*slack:
		s.find(Finding{Rule: "DOSE-MAX-" + i.Name, Tier: Stop, Title: "Far above the usual maximum", Said: lang.Say("%s %s a day is more than twice the usual maximum of %s.", i.Name, mine.Text(), limit.Text()), Evidence: "label", Source: i.Source, Involves: involves, Actions: ways})
	case daily > limit.Value*slack:
		s.find(Finding{Rule: "DOSE-MAX-" + i.Name, Tier: Warning, Title: "Above the usual maximum", Said: lang.Say("%s %s a day is more than the usual maximum of %s.", i.Name, mine.Text(), limit.Text()), Evidence: "label", Source: i.Source, Involves: involves, Actions: ways})
	case total.Value > limit.Value*slack:
		s.find(Finding{Rule: "DOSE-TOTAL-" + i.Name, Tier: Warning, Title: "Total above the usual maximum", Said: lang.Say("With the other medicines it makes %s of %s a day; the usual maximum is %s.", total.Text(), i.Name, limit.Text()), Evidence: "label", Source: i.Source, Involves: involves, Actions: ways})
	}
}

// dailyOf is the amount of the ingredient at a place in the strength that a medicine gives
// in a day, in a unit. As-needed medicines count as if taken as often as allowed.
func dailyOf(m Medicine, at, of int, unit string) (float64, bool) {
	if m.Dose <= 0 || m.PerDay <= 0 {
		return 0, false
	}
	if direct := (drug.Amount{Value: m.Dose, Unit: m.Unit}); of == 1 {
		if v, ok := direct.In(unit); ok {
			return v * m.PerDay, true
		}
	}
	amounts := drug.ParseStrength(m.Strength)
	if len(amounts) != of || !countable(m.Unit) {
		return 0, false
	}
	v, ok := amounts[at].In(unit)
	return v * m.Dose * m.PerDay, ok
}

// countable reports whether a strength is per one of these.
func countable(unit string) bool {
	return listed("tablet,tablets,capsule,capsules,sachet,sachets,puff,puffs,patch,injection,inhalation,spray", unit)
}
