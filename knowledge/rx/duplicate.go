package rx

import "github.com/osler-emr/osler/knowledge/drug"

const duplicateSource = "General rule of medication review: one medicine of a class at a time"

// togetherClasses are classes of which two members are often wanted together; a second one
// is shown quietly.
const togetherClasses = "inhaled-corticosteroid,topical-corticosteroid,progestin,opioid,stimulant,topical-antibiotic,antitussive,nitrate,vitamin-b12,potassium"

func checkDuplicates(s *state) string {
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
	return ""
}

func (s *state) duplicate(mine, theirs drug.Ingredient, k known) {
	ways := []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: StopIt, Label: "Stop " + k.Text, Target: k.ID}, {Deed: Keep, Label: "Keep both"}}
	involves := []Involved{{k.ID, k.Text}, {"", mine.Name}}
	switch {
	case mine.Name == theirs.Name:
		s.find(Finding{Rule: "DUP-SAME", Tier: Warning, Title: "Already on the list", Sentence: k.Text + " is on the list" + statedText(k) + ". The new prescription would add to it.", Evidence: "same ingredient", Source: duplicateSource, Involves: involves, Actions: ways})
	case mine.Class != theirs.Class:
	case listed(togetherClasses, string(mine.Class)):
		s.find(Finding{Rule: "DUP-CLASS", Tier: Quiet, Title: "Two of one class", Sentence: mine.Name + " and " + k.other(theirs) + " are of one class; often wanted together.", Evidence: "same class", Source: duplicateSource, Involves: involves})
	default:
		s.find(Finding{Rule: "DUP-CLASS", Tier: Warning, Title: "Two of one class", Sentence: mine.Name + " and " + k.other(theirs) + " are of one class.", Evidence: "same class", Source: duplicateSource, Involves: involves, Actions: ways})
	}
}

func statedText(k known) string {
	if k.Stated {
		return " (the patient says so)"
	}
	if k.Date.IsZero() {
		return ""
	}
	return " since " + day(k.Date)
}
