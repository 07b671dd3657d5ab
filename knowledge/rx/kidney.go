package rx

import (
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// kidneyRule fires when the eGFR is below a limit (mL/min/1.73 m2). Labels speak of
// creatinine clearance for most; the eGFR stands in for it, and the finding says so.
type kidneyRule struct {
	id     string
	who    group
	below  float64
	tier   Tier
	say    string
	source string
}

// kidneyRules are ordered: the first that fits a medicine is told.
var kidneyRules = []kidneyRule{
	{"REN-METFORMIN-30", group{names: "metformin"}, 30, Stop, "is ruled out below 30: lactic acidosis.", "FDA label Glucophage, section 4; FDA safety communication of 8 April 2016"},
	{"REN-METFORMIN-45", group{names: "metformin"}, 45, Warning, "should not be started below 45; if it is taken already, halve the dose.", "FDA safety communication of 8 April 2016 on metformin"},
	{"REN-NSAID-30", group{classes: "nsaid"}, 30, Stop, "can destroy what is left of the kidney function.", "FDA labels of NSAIDs, section 5 (renal toxicity)"},
	{"REN-NSAID-60", group{classes: "nsaid"}, 60, Warning, "can lower kidney function further; shortest time, lowest dose.", "FDA labels of NSAIDs, section 5 (renal toxicity)"},
	{"REN-NITROFURANTOIN-30", group{names: "nitrofurantoin"}, 30, Stop, "does not reach the urine and harms nerves and lungs.", "FDA label Macrobid, section Contraindications"},
	{"REN-NITROFURANTOIN-60", group{names: "nitrofurantoin"}, 60, Warning, "is limited by its label to clearances from 60; short courses are used down to 30.", "FDA label Macrobid, section Contraindications"},
	{"REN-TMP-15", group{names: "trimethoprim,sulfamethoxazole"}, 15, Stop, "is not recommended below 15.", "FDA label Bactrim, section 2"},
	{"REN-TMP-30", group{names: "trimethoprim,sulfamethoxazole"}, 30, Warning, "needs half the dose below 30.", "FDA label Bactrim, section 2"},
	{"REN-DABIGATRAN", group{names: "dabigatran"}, 30, Warning, "needs a lower dose below 30.", "FDA label Pradaxa, section 2"},
	{"REN-RIVAROXABAN-15", group{names: "rivaroxaban"}, 15, Stop, "is to be avoided below 15.", "FDA label Xarelto, section 8.6"},
	{"REN-RIVAROXABAN", group{names: "rivaroxaban"}, 50, Warning, "in atrial fibrillation is 15 mg a day below 50.", "FDA label Xarelto, section 2"},
	{"REN-KSPARING", group{classes: "potassium-sparing"}, 30, Stop, "raises potassium dangerously below 30.", "FDA label Aldactone, section 5"},
	{"REN-GABA", group{classes: "gabapentinoid"}, 60, Warning, "needs a lower dose below 60.", "FDA label Neurontin, section 2"},
	{"REN-GLYBURIDE", group{names: "glyburide"}, 60, Warning, "lasts longer and causes low blood sugar; glipizide is safer.", "FDA label glyburide, section 5"},
	{"REN-SITAGLIPTIN", group{names: "sitagliptin"}, 45, Warning, "is 50 mg a day below 45 and 25 mg below 30.", "FDA label Januvia, section 2"},
	{"REN-SGLT2", group{classes: "sglt2-inhibitor"}, 45, Quiet, "lowers blood sugar little below 45, but still protects heart and kidneys.", "FDA label Jardiance, sections 1 and 2"},
	{"REN-QUINOLONE", group{names: "levofloxacin"}, 50, Warning, "needs a lower dose below 50.", "FDA label Levaquin, section 2"},
	{"REN-CIPRO", group{names: "ciprofloxacin"}, 30, Warning, "is 250 to 500 mg every 18 hours below 30.", "FDA label Cipro, section 2"},
	{"REN-ACICLOVIR", group{names: "acyclovir,valacyclovir"}, 50, Warning, "needs a lower dose below 50.", "FDA label Valtrex, section 2"},
	{"REN-OSELTAMIVIR", group{names: "oseltamivir"}, 60, Warning, "needs a lower dose below 60.", "FDA label Tamiflu, section 2"},
	{"REN-FAMOTIDINE", group{names: "famotidine"}, 60, Warning, "needs a lower dose below 60.", "FDA label Pepcid, section 2"},
	{"REN-OPIOID", group{names: "morphine,codeine,tramadol,meperidine,hydromorphone"}, 30, Warning, "and its breakdown products build up below 30.", "FDA label Ultram, section 2; FDA label MS Contin, section 8.6"},
	{"REN-LITHIUM-30", group{names: "lithium"}, 30, Stop, "builds up; the label advises against it below 30.", "FDA label Lithobid, section 8.6"},
	{"REN-LITHIUM", group{names: "lithium"}, 60, Warning, "builds up; lower dose and more levels.", "FDA label Lithobid, section 8.6"},
	{"REN-DIGOXIN", group{names: "digoxin"}, 60, Warning, "builds up; lower dose and a level.", "FDA label Lanoxin, section 2"},
	{"REN-METHOTREXATE", group{names: "methotrexate"}, 30, Stop, "builds up and poisons the bone marrow.", "FDA label Trexall, section 8.6"},
	{"REN-ALENDRONATE", group{names: "alendronate"}, 35, Warning, "is not recommended below 35.", "FDA label Fosamax, section 8.6"},
	{"REN-COLCHICINE", group{names: "colchicine"}, 30, Warning, "needs a lower dose and longer pauses below 30.", "FDA label Colcrys, section 2"},
	{"REN-ALLOPURINOL", group{names: "allopurinol"}, 60, Quiet, "is started with 100 mg a day or less.", "FDA label Zyloprim, section 2"},
	{"REN-ENOXAPARIN", group{names: "enoxaparin"}, 30, Warning, "needs once-daily dosing below 30.", "FDA label Lovenox, section 2"},
	{"REN-METOCLOPRAMIDE", group{names: "metoclopramide"}, 60, Warning, "needs half the dose below 60.", "FDA label Reglan, section 2"},
	{"REN-BACLOFEN", group{names: "baclofen"}, 60, Warning, "builds up: confusion, coma.", "FDA label baclofen, section 5"},
	{"REN-LEVETIRACETAM", group{names: "levetiracetam"}, 80, Quiet, "is dosed by kidney function below 80.", "FDA label Keppra, section 2"},
	{"REN-MEMANTINE", group{names: "memantine"}, 30, Warning, "is 5 mg twice daily below 30.", "FDA label Namenda, section 2"},
	{"REN-DULOXETINE", group{names: "duloxetine"}, 30, Warning, "is to be avoided below 30.", "FDA label Cymbalta, section 5"},
	{"REN-ROSUVASTATIN", group{names: "rosuvastatin"}, 30, Warning, "starts at 5 mg and stays at 10 mg a day or less below 30.", "FDA label Crestor, section 2"},
	{"REN-FENOFIBRATE-30", group{names: "fenofibrate"}, 30, Stop, "is ruled out below 30.", "FDA label Tricor, section 4"},
	{"REN-FENOFIBRATE", group{names: "fenofibrate"}, 60, Warning, "starts at the lowest dose.", "FDA label Tricor, section 2"},
	{"REN-ATENOLOL", group{names: "atenolol"}, 35, Warning, "is 50 mg a day at most below 35.", "FDA label Tenormin, section Dosage"},
	{"REN-THIAZIDE", group{classes: "thiazide"}, 30, Quiet, "works less below 30.", "FDA label hydrochlorothiazide, section Precautions"},
	{"REN-BETALACTAM", group{names: "amoxicillin,cephalexin,cefadroxil,cefuroxime,cefdinir"}, 30, Warning, "needs a lower dose or longer intervals below 30; no 875 mg tablets.", "FDA label Amoxil, section 2"},
	{"REN-CLARITHROMYCIN", group{names: "clarithromycin"}, 30, Warning, "needs half the dose below 30.", "FDA label Biaxin, section 2"},
	{"REN-CETIRIZINE", group{names: "cetirizine,fexofenadine,loratadine"}, 30, Quiet, "is taken in half the dose below 30.", "FDA label Clarinex and over-the-counter drug facts"},
	{"REN-SPIRIVA", group{names: "tiotropium"}, 60, Quiet, "can build up; watch for dry mouth and retention.", "FDA label Spiriva, section 8.6"},
	{"REN-VENLAFAXINE", group{classes: "snri", except: "duloxetine"}, 30, Warning, "needs half the dose below 30.", "FDA label Effexor XR, section 2"},
	{"REN-VARENICLINE", group{names: "varenicline"}, 30, Warning, "is 0.5 mg twice daily at most below 30.", "FDA label Chantix, section 2"},
	{"REN-PHENAZOPYRIDINE", group{names: "phenazopyridine"}, 50, Stop, "is ruled out in renal insufficiency.", "FDA label phenazopyridine, section Contraindications"},
}

func checkKidney(s *state) lang.Text {
	concerned := false
	for _, i := range s.mine {
		for _, r := range kidneyRules {
			if r.who.has(i) {
				concerned = true
			}
		}
	}
	if concerned && s.EGFRDoubted.Known {
		s.miss(Kidney, "eGFR", "the value %s of %s cannot be right: not used", number(s.EGFRDoubted.Value), day(s.EGFRDoubted.Date))
	}
	switch {
	case !concerned:
		return lang.Say("no kidney rule for this medicine in the catalogue")
	case !s.EGFR.Known:
		if s.NoEGFR.Words == "" {
			s.miss(Kidney, "", "no eGFR recorded, and the dose of %s depends on kidney function", names(s.mine))
		} else {
			s.miss(Kidney, "", "no eGFR recorded, and not calculated from creatinine (%s), and the dose of %s depends on kidney function", s.NoEGFR, names(s.mine))
		}
		return lang.Text{}
	case s.NoEGFR.Words != "":
		s.miss(Kidney, "eGFR", "not calculated from a newer creatinine (%s): the one before was used", s.NoEGFR)
	}
	if s.EGFR.Calculated && s.Pregnancy == Pregnant {
		s.miss(Kidney, "eGFR", "it was calculated from creatinine, and the equation is not made for pregnancy; it was used all the same")
	}
	if s.EGFR.Unsure {
		s.miss(Kidney, "eGFR", "the value of %s was not sure when it was taken in, and nobody has confirmed it; it was used all the same", day(s.EGFR.Date))
	}
	note := lang.Say("eGFR %s, %s", s.EGFR.text(), s.EGFR.from())
	if s.old(s.EGFR) {
		s.miss(Kidney, "eGFR", "the last one is from %s, more than a year ago; it was used all the same", day(s.EGFR.Date))
	}
	for _, i := range s.mine {
		s.kidney(i, note)
	}
	return note
}

func (s *state) kidney(i drug.Ingredient, note lang.Text) {
	for _, r := range kidneyRules {
		if !r.who.has(i) || s.EGFR.Value >= r.below {
			continue
		}
		s.find(Finding{
			Rule: r.id, Tier: r.tier, Title: "Kidney function", Said: lang.Say("%s. %s", note, lang.Say("%s "+r.say, lang.Capital(i.Name))),
			Evidence: "label; the eGFR stands in for creatinine clearance", Source: r.source, Involves: []Involved{{"", i.Name}},
			Actions: []Action{{Deed: Change, Label: "Choose another medicine"}, {Deed: Change, Label: "Change the dose"}, {Deed: Monitor, Label: "Keep, check creatinine in 7 days", Order: loincCreatinine, Days: 7}},
		})
		return
	}
}
