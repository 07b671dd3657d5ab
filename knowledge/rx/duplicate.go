package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

const duplicateSource = "General rule of medication review: one medicine of a class at a time"

// togetherClasses are classes of which two members are often wanted together; a second one
// is shown quietly.
const togetherClasses = "inhaled-corticosteroid,topical-corticosteroid,progestin,opioid,stimulant,topical-antibiotic,antitussive,nitrate,vitamin-b12,potassium"

func checkDuplicates(s *state) lang.Text {
	for _, k := range s.current {
		if len(k.ingredients) == 0 {
			s.partly = true // told with the interactions
			continue
		}
		for _, mine := range s.mine {
			for _, theirs := range k.ingredients {
				s.duplicate(mine, theirs, k)
			}
		}
	}
	return lang.Text{}
}

func (s *state) duplicate(mine, theirs drug.Ingredient, k known) {
	if mine.Name != theirs.Name && mine.Class != theirs.Class {
		return
	}
	ways := []Action{{Deed: Change, Label: "Choose another medicine"}, Action{Deed: StopIt, Target: k.ID}.labelled("Stop %s", k.Text), {Deed: Keep, Label: "Keep both"}}
	involves := []Involved{{k.ID, k.Text}, {"", mine.Name}}
	switch {
	case mine.Name == theirs.Name:
		s.find(Finding{Rule: "DUP-SAME", Tier: Warning, Title: "Already on the list", Said: k.listed(), Evidence: "same ingredient", Source: duplicateSource, Involves: involves, Actions: ways})
	case listed(togetherClasses, string(mine.Class)):
		s.find(Finding{Rule: "DUP-CLASS", Tier: Quiet, Title: "Two of one class", Said: lang.Say("%s and %s are of one class; often wanted together.", mine.Name, k.other(theirs)), Evidence: "same class", Source: duplicateSource, Involves: involves})
	default:
		s.find(Finding{Rule: "DUP-CLASS", Tier: Warning, Title: "Two of one class", Said: lang.Say("%s and %s are of one class.", mine.Name, k.other(theirs)), Evidence: "same class", Source: duplicateSource, Involves: involves, Actions: ways})
	}
}

// listed says that the same medicine is taken already.
func (k known) listed() lang.Text {
	switch {
	case k.Stated:
		return lang.Say("%s is on the list (the patient says so). The new prescription would add to it.", k.Text)
	case k.Date.IsZero():
		return lang.Say("%s is on the list. The new prescription would add to it.", k.Text)
	}
	return lang.Say("%s is on the list since %s. The new prescription would add to it.", k.Text, day(k.Date))
}
