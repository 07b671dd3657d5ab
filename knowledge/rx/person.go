package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// Ages between which pregnancy is asked for.
const (
	fertileFrom = 12
	fertileTo   = 55
)

func checkPregnancy(s *state) lang.Text {
	harms, caution := s.flagged(drug.HarmsFetus), s.flagged(drug.CautionPregnancy)
	if len(harms)+len(caution) == 0 {
		return lang.Say("no pregnancy rule for this medicine in the catalogue")
	}
	age, known := s.Age()
	switch {
	case s.Pregnancy == NotPregnant:
		return lang.Say("recorded as not pregnant")
	case s.Pregnancy == PregnancyUnknown && (s.Sex == "male" || known && (age < fertileFrom || age > fertileTo)):
		return lang.Say("not applicable by sex or age")
	case s.Pregnancy == PregnancyUnknown:
		s.miss(InPregnancy, "", "whether she is pregnant is not recorded")
		for _, i := range harms {
			s.pregnancy("PRG-ASK", i, Quiet, "can harm an unborn child: ask about pregnancy and contraception.")
		}
		return lang.Text{}
	}
	for _, i := range harms {
		s.pregnancy("PRG-HARM", i, Stop, "can harm the unborn child.")
	}
	for _, i := range caution {
		s.pregnancy("PRG-CAUTION", i, Warning, "is advised against in a part of pregnancy.")
	}
	return lang.Say("pregnant")
}

func (s *state) flagged(f drug.Flag) []drug.Ingredient {
	var out []drug.Ingredient
	for _, i := range s.mine {
		if i.Flags.Has(f) {
			out = append(out, i)
		}
	}
	return out
}

func (s *state) pregnancy(rule string, i drug.Ingredient, tier Tier, say string) {
	f := Finding{Rule: rule, Tier: tier, Title: "Pregnancy", Said: lang.Say("%s "+say, i.Name), Evidence: "label, section 8.1", Source: i.Source, Involves: []Involved{{"", i.Name}}}
	if tier != Quiet {
		f.Actions = []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Correct, Label: "Correct the pregnancy status"}, {Deed: Keep, Label: "Prescribe anyway"}}
	}
	s.find(f)
}

// olderFrom is the age from which the cautions below apply.
const olderFrom = 65

// olderRule is a caution for older adults, in Osler's own words.
type olderRule struct {
	id     string
	who    group
	tier   Tier
	say    string
	source string
}

const olderSource = "Caution for older adults from the FDA label's geriatric use section (8.5)"

var olderRules = []olderRule{
	{"AGE-BENZODIAZEPINE", group{classes: "benzodiazepine,z-hypnotic"}, Warning, "causes falls, fractures and confusion in older people.", olderSource + " and boxed warning of benzodiazepines"},
	{"AGE-ANTIHISTAMINE", group{classes: "sedating-antihistamine"}, Warning, "clouds the mind and causes falls in older people.", olderSource},
	{"AGE-TRICYCLIC", group{classes: "tricyclic", names: "paroxetine"}, Warning, "is strongly anticholinergic: confusion, constipation, falls.", olderSource},
	{"AGE-MUSCLE-RELAXANT", group{names: "cyclobenzaprine,methocarbamol"}, Warning, "sedates older people more than it helps.", olderSource},
	{"AGE-GLYBURIDE", group{names: "glyburide,glimepiride"}, Warning, "causes long low blood sugar in older people; glipizide is shorter.", olderSource},
	{"AGE-NSAID", group{classes: "nsaid"}, Quiet, "bleeds more and harms kidneys more in older people; shortest time, add stomach protection.", "FDA labels of NSAIDs, sections 5 and 8.5"},
	{"AGE-BLADDER", group{classes: "bladder-antimuscarinic"}, Warning, "can confuse older people.", olderSource},
	{"AGE-MEPERIDINE", group{names: "meperidine"}, Warning, "breaks down to a poison of the nervous system.", olderSource},
	{"AGE-DOXAZOSIN", group{names: "doxazosin,clonidine"}, Quiet, "can drop the blood pressure on standing.", olderSource},
	{"AGE-METOCLOPRAMIDE", group{names: "metoclopramide"}, Warning, "can cause lasting movement disorders.", "FDA boxed warning, Reglan"},
	{"AGE-ESTROGEN", group{names: "estradiol"}, Quiet, "by mouth or patch raises the risk of clots and dementia in older women.", "FDA boxed warning, Estrace"},
	{"AGE-INDOMETACIN", group{names: "indomethacin,ketorolac"}, Warning, "is the harshest of its class for older people.", olderSource},
	{"AGE-GABAPENTINOID", group{classes: "gabapentinoid"}, Quiet, "causes dizziness and falls; start low.", olderSource},
	{"AGE-DIGOXIN", group{names: "digoxin"}, Quiet, "is 0.125 mg a day or less in most older people.", "FDA label Lanoxin, sections 2 and 8.5"},
}

func checkOlder(s *state) lang.Text {
	age, known := s.Age()
	if !known {
		s.miss(OlderAdult, "", "no birth date recorded")
		return lang.Text{}
	}
	if age < olderFrom {
		return aged(age, "1 year old: no caution for age", "%d years old: no caution for age")
	}
	for _, i := range s.mine {
		for _, r := range olderRules {
			if r.who.has(i) {
				s.find(Finding{
					Rule: r.id, Tier: r.tier, Title: "Older adult", Said: lang.Say("%s "+r.say, i.Name), Evidence: "label", Source: r.source, Involves: []Involved{{"", i.Name}},
					Actions: []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Change, Label: "Change the dose"}, {Deed: Keep, Label: "Prescribe anyway"}},
				})
				break
			}
		}
	}
	return lang.Say("%d years old", age)
}

func aged(age int, one, many string) lang.Text {
	if age == 1 {
		return lang.Say(one)
	}
	return lang.Say(many, age)
}
