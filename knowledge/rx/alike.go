package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// alike checks a medicine that is not in the catalogue, or only in part, as each one whose name is
// written almost like it. A slip of the finger, or the name in another language, is stopped where the
// right name is. What is found is under a condition, and clears nothing: the medicine stays unread.
func (s *state) alike(like []drug.Ingredient) {
	told := map[string]bool{}
	for _, i := range like {
		f := *s.Facts
		f.Candidate.Text, f.Candidate.Codings = i.Name, nil
		if i.RxNorm != "" {
			f.Candidate.Codings = []drug.Coding{{System: drug.RxNormSystem, Code: i.RxNorm}}
		}
		for _, x := range Check(f).Findings {
			key := string(i.Class) + "|" + string(x.Tier) + "|" + x.Rule
			for _, about := range x.Involves {
				key += "|" + about.ID
			}
			if x.Tier == Quiet || told[key] { // two penicillins, one allergy
				continue
			}
			told[key] = true
			x.ID += "|alike/" + i.Name
			x.Said = lang.Say("If this is %s: %s", i.Name, x.Said)
			x.Sentence = "If this is " + i.Name + ": " + x.Sentence
			s.findings = append(s.findings, x)
			s.markFound(x.Check)
		}
	}
}

// markFound says of a check that it found something.
func (s *state) markFound(check string) {
	for at := range s.runs {
		if s.runs[at].Check == check {
			s.runs[at].Outcome = Found
		}
	}
}
