package rx

import (
	"cmp"
	"slices"

	"github.com/osler-emr/osler/base/lang"
)

// RuleUnseen is the rule of findings about what the person may not see.
const RuleUnseen = "UNSEEN"

// checkUnseen checks on all that is in the chart, and tells what only the hidden part brings
// in one sentence without a name, a class or a number: how serious it is, and the way forward.
// What the visible part says stands as it would without the rest.
func checkUnseen(f Facts) Findings {
	u := *f.Unseen
	f.Unseen = nil
	seen := Check(f)
	all := f
	all.Current = slices.Concat(f.Current, u.Current)
	all.Allergies = slices.Concat(f.Allergies, u.Allergies)
	all.Problems = slices.Concat(f.Problems, u.Problems)
	all.NoKnownAllergies = f.NoKnownAllergies && len(u.Allergies) == 0
	if f.Pregnancy == PregnancyUnknown {
		all.Pregnancy = u.Pregnancy
	}
	all.EGFR, all.Potassium, all.Weight = later(f.EGFR, u.EGFR), later(f.Potassium, u.Potassium), later(f.Weight, u.Weight)
	var loudest *Finding
	for _, x := range Check(all).Findings {
		known := slices.ContainsFunc(seen.Findings, func(y Finding) bool { return y.ID == x.ID && rank(y.Tier) <= rank(x.Tier) })
		if !known && (loudest == nil || rank(x.Tier) < rank(loudest.Tier)) {
			loudest = &x
		}
	}
	if loudest == nil {
		return seen
	}
	said := lang.Say("This medicine does not go well with information in this chart that you may not see. Choose another one, open the chart in an emergency (break-glass), or ask the health records department or somebody who may see it.")
	seen.Findings = append(seen.Findings, Finding{
		ID: RuleUnseen + "/" + string(loudest.Tier), Rule: RuleUnseen, Check: Interactions, Tier: loudest.Tier, Title: "Hidden information", Heading: lang.Say("Hidden information"), Sentence: said.String(), Said: said,
		Source: "Check on the whole chart", Date: f.Date.Format("2006-01-02"),
		Actions: []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Keep, Label: "Cleared with somebody who sees all of the chart"}},
	})
	slices.SortStableFunc(seen.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Tier), rank(b.Tier)) })
	for i := range seen.Runs {
		if r := &seen.Runs[i]; r.Check == Interactions && r.Outcome == Clear {
			r.Outcome = Found
		}
	}
	return seen
}

// later returns the later of two measures.
func later(a, b Measure) Measure {
	if b.Date.After(a.Date) {
		return b
	}
	return a
}
